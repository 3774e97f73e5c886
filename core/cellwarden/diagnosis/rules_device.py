"""The BMS as a device: FETs, restarts, link, its own SoC, age, settings."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.rule import Clue, Look, Rule, by_size
from cellwarden.model import PackPhase, Parameters, Urgency, broken_rules

# All thresholds are ours where no requirement is named.
DAY_S = 86_400.0
CLOSED_C = 0.01
DRIFT_PERCENT = 15.0
"""A BMS that counts full by another voltage is up to 10 % off without drifting."""
FADED_PERCENT = 80.0
BAD_PART = 0.03
LEAST_FRAMES = 200
CAPACITY_PART = 0.05


def _stuck_open(look: Look) -> Iterator[Clue]:
    reading, state = look.reading, look.state
    for name, switch, fet, blocked in (
        (
            "charge",
            reading.charge_switch_on,
            reading.charge_fet_on,
            any(a.blocks_charge for a in state.alarms) or state.switches.charge is False,
        ),
        (
            "discharge",
            reading.discharge_switch_on,
            reading.discharge_fet_on,
            any(a.blocks_discharge for a in state.alarms) or state.switches.discharge is False,
        ),
    ):
        if switch and fet is False and not blocked and not reading.alarms:
            yield Clue(
                f"the {name} MOSFET does not close",
                f"its switch is on, no protection holds it, and the BMS says it is off"
                f" (F26); the current is {_amps(reading.current_a)}",
                0.75,
                Urgency.NOW,
                name,
            )


def _stuck_closed(look: Look) -> Iterator[Clue]:
    reading = look.reading
    current_a = reading.current_a
    if current_a is None:
        return
    least_a = max(1.0, CLOSED_C * look.facts.capacity_ah)
    for name, switch, fet, flowing_a in (
        ("charge", reading.charge_switch_on, reading.charge_fet_on, current_a),
        ("discharge", reading.discharge_switch_on, reading.discharge_fet_on, -current_a),
    ):
        if fet is False and flowing_a > least_a:
            by_switch = ", its switch is off too" if switch is False else ""
            yield Clue(
                f"the {name} MOSFET does not open: it cannot protect any more",
                f"the BMS says it is off{by_switch}, yet {flowing_a:.1f} A flow in its direction"
                " (F25)",
                0.93,
                Urgency.NOW,
                name,
            )


def _reboots(look: Look) -> Iterator[Clue]:
    recent = [at for at in look.stats.reboots_s if look.now_s - at < 7 * DAY_S]
    if recent:
        today = sum(look.now_s - at < DAY_S for at in recent)
        yield Clue(
            "the BMS restarts by itself",
            f"its runtime went back {len(recent)} time(s) in 7 days, {today} in the last 24 h",
            0.7 if len(recent) == 1 else 0.92,
            Urgency.NOTE if len(recent) == 1 else Urgency.NOW if today >= 5 else Urgency.SOON,
        )


def _silent(look: Look) -> Iterator[Clue]:
    state = look.state
    if state.phase is PackPhase.ONLINE:
        return
    link = state.link
    age = "never heard" if state.age_s is None else f"silent for {state.age_s:.0f} s"
    error = f"; last error: {link.last_error}" if link is not None and link.last_error else ""
    heard = link is not None and link.bad > 0
    yield Clue(
        "the BMS does not answer",
        f"{age}{error}",
        0.9,
        Urgency.NOW,
        procedure=procedures.LINK if heard else None,
    )


def _link(look: Look) -> Iterator[Clue]:
    link = look.state.link
    if link is None or link.asked < LEAST_FRAMES:
        return
    part = link.bad / link.asked
    if part > BAD_PART:
        yield Clue(
            "frames of the BMS are damaged: check cable, ends, shield, and A against B (X20)",
            f"{link.bad} of {link.asked} answers were bad, {100 * part:.1f} %",
            0.8,
            by_size(part, 0.1, 0.5),
        )


def _drift(look: Look) -> Iterator[Clue]:
    told, own = look.reading.soc_percent, look.state.soc_percent
    sigma = look.state.soc_sigma_percent
    if told is None or own is None or sigma is None:
        return
    apart = abs(told - own)
    if apart > max(DRIFT_PERCENT, 3.0 * sigma):
        yield Clue(
            "the BMS's own state of charge has drifted",
            f"it says {told:.0f} %, the engine {own:.0f} ± {sigma:.1f} % ({look.state.soc_basis})",
            round(min(0.95, 0.6 + 0.1 * (apart / max(3.0 * sigma, DRIFT_PERCENT) - 1.0)), 2),
            by_size(apart, 25.0, 101.0),
        )


def _fade(look: Look) -> Iterator[Clue]:
    counted, own = look.stats.capacity, look.facts.capacity_ah
    soh = look.state.soh_percent
    texts = []
    if counted.n >= 2.0 and counted.mean < FADED_PERCENT / 100.0 * own:
        texts.append(f"from full to nearly empty {counted.mean:.0f} Ah were counted, by {own:g} Ah")
        health = 100.0 * counted.mean / own
    if soh is not None and soh < FADED_PERCENT:
        texts.append(f"the engine learned a SoH of {soh:.0f} %")
        health = soh if len(texts) == 1 else min(soh, health)
    if texts:
        yield Clue(
            f"the battery has lost capacity: about {health:.0f} % is left",
            "; ".join(texts),
            0.75 if len(texts) == 1 else 0.92,
            by_size(100.0 - health, 30.0, 50.0),
        )


def _contradict(look: Look) -> Iterator[Clue]:
    settings = look.reading.settings
    if not settings:
        return
    merged = _merged(look.facts.parameters, settings)
    named = [line for line in broken_rules(merged) if _of_device(line, settings)]
    if named:
        yield Clue(
            "the BMS's settings contradict each other",
            "; ".join(named),
            0.9,
            Urgency.SOON,
        )


def _of_device(line: str, settings: Mapping[str, float]) -> bool:
    """Return whether a broken rule is of the device's own settings, or of the charge voltage too.

    What the configuration says of other things is no setting of this device.
    """
    named = {word for word in line.split() if word in Parameters.__dataclass_fields__}
    return bool(named & settings.keys()) and named <= {*settings, "charge_voltage_v"}


def _merged(parameters: Parameters, settings: Mapping[str, float]) -> Parameters:
    """Return the parameters with what the device holds in place of the configured ones."""
    known = {
        name: value
        for name, value in settings.items()
        if name in Parameters.__dataclass_fields__ and value == value  # noqa: PLR0124  # NaN
    }
    return replace(parameters, **known)  # type: ignore[arg-type]  # fields by table


def _chemistry(look: Look) -> Iterator[Clue]:
    settings, kind = look.reading.settings or {}, look.facts.kind
    wrong, worst = [], Urgency.SOON
    over_v, under_v = settings.get("cell_overvoltage_v"), settings.get("cell_undervoltage_v")
    if over_v is not None and over_v > kind.absolute_max_v + 0.001:
        wrong.append(f"over-voltage {over_v:.2f} V is above {kind.absolute_max_v:.2f} V")
        worst = Urgency.NOW
    if under_v is not None and under_v < kind.absolute_min_v - 0.001:
        wrong.append(f"under-voltage {under_v:.2f} V is below {kind.absolute_min_v:.2f} V")
    cold_c = settings.get("charge_undertemperature_c")
    if cold_c is not None and kind.name != "LTO" and cold_c < 0.0:
        wrong.append(f"charging is allowed down to {cold_c:g} °C, it harms below 0 °C (X12)")
    if wrong:
        factory = over_v is not None and over_v >= 4.1 and kind.name == "LiFePO4"
        yield Clue(
            "the BMS has the settings of another chemistry, as after a factory reset"
            if factory
            else "the BMS's settings are beyond what the cells stand",
            f"{kind.name}: {'; '.join(wrong)}",
            0.95,
            worst,
        )


def _capacity_setting(look: Look) -> Iterator[Clue]:
    told = (look.reading.settings or {}).get("design_capacity_ah")
    own = look.facts.capacity_ah
    if told is not None and abs(told - own) > CAPACITY_PART * own:
        yield Clue(
            "the BMS is set to another capacity",
            f"its setting is {told:g} Ah, the configuration says {own:g} Ah",
            0.9,
            by_size(abs(told - own) / own, 0.2, 1.5),
        )


def _amps(current_a: float | None) -> str:
    return "unknown" if current_a is None else f"{current_a:.1f} A"


RULES: tuple[Rule, ...] = (
    Rule(
        code="fet-stuck-open",
        means="a MOSFET does not close",
        rests_on="switch on, FET reported off, no alarm that holds it, for 2 min (F26)",
        found_within="3 min",
        procedure=procedures.FET,
        find=_stuck_open,
        hold_s=120.0,
    ),
    Rule(
        code="fet-stuck-closed",
        means="a MOSFET does not open",
        rests_on="FET reported off and more than 1 A and"
        f" {CLOSED_C:g} C in its direction for 30 s; the other direction passes by the body diode"
        " (F25)",
        found_within="1 min",
        procedure=procedures.FET,
        find=_stuck_closed,
        hold_s=30.0,
    ),
    Rule(
        code="bms-reboots",
        means="the BMS restarts by itself",
        rests_on="its runtime going back by more than 1 min",
        found_within="1 min after it answers again",
        procedure=procedures.SUPPLY,
        find=_reboots,
    ),
    Rule(
        code="bms-silent",
        means="the BMS does not answer",
        rests_on="no usable reading for 1 min",
        found_within="2 min",
        procedure=procedures.DOES_NOT_START,
        find=_silent,
        hold_s=60.0,
        unheard=True,
    ),
    Rule(
        code="link-damaged",
        means="frames are damaged on the way",
        rests_on=f"more than {100 * BAD_PART:g} % bad answers of at least {LEAST_FRAMES}",
        found_within=f"{LEAST_FRAMES} polls",
        procedure=procedures.LINK,
        find=_link,
        hold_s=60.0,
        unheard=True,
    ),
    Rule(
        code="soc-drift",
        means="the BMS's SoC has drifted",
        rests_on="the BMS's SoC against the engine's, more than"
        f" {DRIFT_PERCENT:g} % and 3 sigma for an hour",
        found_within="2 h after the engine knows its SoC well",
        procedure=procedures.SOC,
        find=_drift,
        hold_s=3600.0,
    ),
    Rule(
        code="capacity-fade",
        means="the battery has lost capacity",
        rests_on=f"below {FADED_PERCENT:g} %: charge counted from full to nearly empty, and the SoH"
        " that the engine learned",
        found_within="2 h of being nearly empty after a full charge",
        procedure=procedures.WEAK_CELL,
        find=_fade,
        hold_s=600.0,
    ),
    Rule(
        code="settings-contradict",
        means="settings contradict each other",
        rests_on="the BMS's settings with the configured ones, by ranges and order (R5, R8)",
        found_within="1 min",
        procedure=procedures.SETTINGS,
        find=_contradict,
        hold_s=20.0,
    ),
    Rule(
        code="settings-beyond-chemistry",
        means="settings are beyond the cells",
        rests_on="the BMS's settings against the chemistry's limits in the catalogue (F38, X12)",
        found_within="1 min",
        procedure=procedures.SETTINGS,
        find=_chemistry,
        hold_s=20.0,
    ),
    Rule(
        code="settings-capacity",
        means="the BMS is set to another capacity",
        rests_on=f"its capacity setting {100 * CAPACITY_PART:g} % off the configuration (F39)",
        found_within="1 min",
        procedure=procedures.SETTINGS,
        find=_capacity_setting,
        hold_s=20.0,
    ),
)
