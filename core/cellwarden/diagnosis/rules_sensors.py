"""Temperature sensors: missing, shorted or open, stuck, apart."""

from collections.abc import Iterator

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.rule import Clue, Look, Rule, by_size
from cellwarden.model import Urgency

STUCK_S = 6 * 3600.0
STUCK_K = 4.0
APART_K = 12.0
"""Sensors of one battery further apart than this are not both right; F20 has 25 K (ours)."""


def _missing(look: Look) -> Iterator[Clue]:
    doubted = {q.what for q in look.state.quarantined}
    for n, value in enumerate(look.reading.temperatures_c):
        if value is None and f"T{n + 1}" not in doubted and n < len(look.stats.sensors):
            others = [t for t in look.reading.temperatures_c if t is not None]
            yield Clue(
                f"sensor T{n + 1} is not there",
                "the BMS tells no value for it"
                + (f", the others show {_list(others)}" if others else ", nor for any other"),
                0.75,
                Urgency.SOON if others else Urgency.NOW,
                f"T{n + 1}",
            )
    if not look.reading.temperatures_c:
        yield Clue(
            "no temperature sensor is fitted: charging in the cold cannot be prevented",
            "the BMS lists no battery sensor (R25)",
            0.9,
            Urgency.SOON,
        )


def _broken(look: Look) -> Iterator[Clue]:
    for doubted in look.state.quarantined:
        name = doubted.what
        if name[:1] != "T" or not name[1:].isdigit() or doubted.measured is None:
            continue
        hot = doubted.measured > 60.0
        yield Clue(
            f"sensor {name} or its wire is {'shorted' if hot else 'open'}",
            f"it shows {doubted.value}: {doubted.why}",
            0.9,
            Urgency.SOON,
            name,
        )


def _stuck(look: Look) -> Iterator[Clue]:
    for n, track in enumerate(look.stats.sensors):
        if track is None:
            continue
        stood_s, moved_k = look.now_s - track.since_s, track.high - track.low
        if stood_s >= STUCK_S and moved_k >= STUCK_K:
            yield Clue(
                f"sensor T{n + 1} is stuck",
                f"it has shown {track.value:.1f} °C for {stood_s / 3600:.1f} h while the others"
                f" moved by {moved_k:.1f} K",
                min(0.95, 0.6 + 0.05 * moved_k),
                Urgency.SOON,
                f"T{n + 1}",
            )


def _apart(look: Look) -> Iterator[Clue]:
    known = [(t, n) for n, t in enumerate(look.reading.temperatures_c) if t is not None]
    if len(known) < 2:
        return
    low, high = min(known), max(known)
    apart_k = high[0] - low[0]
    if apart_k < APART_K:
        return
    where = ""
    if len(known) > 2:  # the one furthest from the middle one is the odd one
        middle = sorted(known)[len(known) // 2][0]
        where = f"T{(high if high[0] - middle > middle - low[0] else low)[1] + 1}"
    yield Clue(
        "the temperature sensors contradict each other, or one part of the battery is hot",
        f"T{high[1] + 1} shows {high[0]:.1f} °C and T{low[1] + 1} {low[0]:.1f} °C,"
        f" {apart_k:.1f} K apart",
        0.7,
        by_size(apart_k, APART_K, 25.0),
        where,
    )


def _list(values: list[float]) -> str:
    return ", ".join(f"{t:.1f} °C" for t in values)


RULES: tuple[Rule, ...] = (
    Rule(
        code="temperature-sensor-missing",
        means="a temperature sensor is missing",
        rests_on="a sensor that tells nothing, or none at all (R25)",
        found_within="2 min",
        procedure=procedures.TEMPERATURE_SENSOR,
        find=_missing,
        hold_s=60.0,
    ),
    Rule(
        code="temperature-sensor-broken",
        means="a temperature sensor is shorted or open",
        rests_on="a value outside -40..120 °C, or a jump of more than 20 K that stays (F19)",
        found_within="1 min",
        procedure=procedures.TEMPERATURE_SENSOR,
        find=_broken,
        hold_s=20.0,
    ),
    Rule(
        code="temperature-sensor-stuck",
        means="a temperature sensor is stuck",
        rests_on=f"the very same value for {STUCK_S / 3600:g} h while the mean of the other sensors"
        f" moved by {STUCK_K:g} K",
        found_within="12 h",
        procedure=procedures.TEMPERATURE_SENSOR,
        find=_stuck,
    ),
    Rule(
        code="temperature-sensors-apart",
        means="temperature sensors contradict each other",
        rests_on=f"two battery sensors {APART_K:g} K apart for 10 min",
        found_within="15 min",
        procedure=procedures.TEMPERATURE_SENSOR,
        find=_apart,
        hold_s=600.0,
    ),
)
