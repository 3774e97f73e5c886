"""One number of a reading that is not what it is: nothing may be less safe than with the true one.

Two engines hear the same pack; to one of them a single number is told wrong, once or for ever.
"""

import math
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.engine import PackMemory
from cellwarden.model import PackState, Reading
from support.histories import KINDS, NOT_FINITE, Kind

SECONDS = 40
AT = 20
"""The second at which the number begins to be wrong."""
AGE_S = 3
"""So long an input that does not come is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A pack that is moving, evenly, anywhere within and just beyond its limits."""

    kind: Kind
    cell_v: float
    per_s_v: float
    spread_v: float
    current_a: float
    sensor_c: float
    per_s_c: float
    mos_c: float

    def reading(self, second: int) -> Reading:
        kind, moved = self.kind, second - AT
        base_v = self.cell_v + self.per_s_v * moved
        cells = tuple(round(base_v + self.spread_v * (n % 5 - 2) / 2, 3) for n in range(kind.cells))
        sensor_c = round(self.sensor_c + self.per_s_c * moved, 1)
        return replace(
            kind.healthy(1000.0 + second),
            cell_voltages_v=cells,
            voltage_v=round(sum(cells), 2),
            current_a=self.current_a,
            temperatures_c=(sensor_c, sensor_c - 1.0),
            mos_temperature_c=round(self.mos_c + self.per_s_c * moved, 1),
        )


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    kind = draw(st.sampled_from(KINDS))
    p = kind.parameters
    place_v = draw(st.sampled_from([p.cell_overvoltage_v, p.cell_undervoltage_v, kind.usual_v]))
    place_c = draw(st.sampled_from([p.charge_overtemperature_c, p.charge_undertemperature_c, 25.0]))
    # A pack that is charged does not sink, nor does one rise that is discharged.
    per_s_v = draw(st.sampled_from([0.0, 0.0, 0.0005, -0.0005, 0.003, -0.003]))
    current_c = draw(st.sampled_from([0.0, 0.2, 0.3]))
    return Truth(
        kind=kind,
        cell_v=place_v + draw(st.sampled_from([-0.1, -0.03, -0.005, 0.0, 0.005, 0.03])),
        per_s_v=per_s_v,
        spread_v=draw(st.sampled_from([0.0, 0.004, 0.02])),
        current_a=math.copysign(current_c * kind.capacity_ah, per_s_v),
        sensor_c=place_c + draw(st.sampled_from([-3.0, -0.5, 0.0, 0.5, 3.0])),
        per_s_c=draw(st.sampled_from([0.0, 0.1, -0.1])),
        mos_c=draw(st.sampled_from([30.0, 66.0, 72.0, 76.0])),
    )


SCALARS = ("voltage_v", "current_a", "mos_temperature_c", "soc_percent", "capacity_ah")
places = st.one_of(
    st.tuples(st.just("cell_voltages_v"), st.integers(0, 3)),
    st.tuples(st.just("temperatures_c"), st.integers(0, 1)),
    st.tuples(st.sampled_from(SCALARS), st.just(0)),
)
impossible = st.one_of(st.none(), st.sampled_from([*NOT_FINITE, -1e6, 1e6]), st.floats(-1e9, -1e4))
"""What is no value of anything."""


def wrong(reading: Reading, place: tuple[str, int], value: float | None) -> Reading:
    field, n = place
    told = getattr(reading, field)
    if isinstance(told, tuple):
        return replace(reading, **{field: (*told[:n], value, *told[n + 1 :])})  # type: ignore[arg-type]
    return replace(reading, **{field: value})  # type: ignore[arg-type]


def run(
    truth: Truth, place: tuple[str, int] = ("", 0), value: float | None = None, for_s: int = 0
) -> list[PackState]:
    engine = truth.kind.engine()
    memory: PackMemory = engine.start(1000.0)
    states = []
    for second in range(1, SECONDS + 1):
        reading = truth.reading(second)
        if AT <= second < AT + for_s:
            reading = wrong(reading, place, value)
        memory, state = engine.step(memory, reading, 1000.0 + second)
        states.append(state)
    return states


def check_no_less_safe(true: list[PackState], told: list[PackState], *, late: int) -> None:
    """At most as much is allowed as with the true number, now or `late` readings ago.

    What the true numbers allow anyway may be allowed one reading sooner.
    """
    for n, state in enumerate(told):
        lately = true[max(n - late, 0) : n + 2]
        limits = state.limits
        assert limits.ccl_a <= max(s.limits.ccl_a for s in lately) + 1e-9, n
        assert limits.dcl_a <= max(s.limits.dcl_a for s in lately) + 1e-9, n
        # 50 mV a minute is what CVL may move: a reading that is missed is worth a millivolt.
        most_v = max(s.limits.cvl_v for s in lately)
        assert limits.cvl_v <= most_v + 0.001 * (late + 1), n


def check_estimates(true: list[PackState], told: list[PackState]) -> None:
    for n, state in enumerate(told):
        soc = state.soc_percent
        assert soc is not None
        # What is true anyway, such as full, may be known one reading sooner.
        truly = [s.soc_percent for s in true[n : n + 2] if s.soc_percent is not None]
        assert min(abs(soc - true_soc) for true_soc in truly) <= 0.6


@settings(max_examples=20)
@given(truths(), places, impossible)
def test_an_impossible_number_once_changes_nothing_for_more_than_one_reading(
    truth: Truth, place: tuple[str, int], value: float | None
) -> None:
    true, told = run(truth), run(truth, place, value, 1)
    check_no_less_safe(true, told, late=1)
    check_estimates(true, told)


@settings(max_examples=40)
@given(truths(), places, impossible)
def test_an_impossible_number_for_ever_leaves_nothing_less_safe_past_its_hold(
    truth: Truth, place: tuple[str, int], value: float | None
) -> None:
    if place[0] == "mos_temperature_c":  # half is left (F21), or what its last heat left
        truth = replace(truth, per_s_c=min(truth.per_s_c, 0.0))
    if place[0] == "current_a":  # a trip that is ahead is averted by a current that is known
        truth = replace(truth, per_s_c=0.0, per_s_v=0.0)
    true, told = run(truth), run(truth, place, value, SECONDS)
    check_no_less_safe(true, told, late=AGE_S + 1)


@settings(max_examples=40)
@given(truths(), places, st.floats(-100, 500), st.booleans())
def test_any_number_in_one_reading_raises_no_limit_and_hides_nothing_for_more_than_that_reading(
    truth: Truth, place: tuple[str, int], value: float, near: bool
) -> None:
    """What could be true cannot be told from the truth; but it takes two to be believed."""
    if near:  # near the true one, where no check of plausibility sees it
        told_v = getattr(truth.reading(AT), place[0])
        true_value = told_v[place[1]] if isinstance(told_v, tuple) else told_v
        value = true_value * (1 + value / 5000)
    true, told = run(truth), run(truth, place, value, 1)
    check_no_less_safe(true, told, late=1)
    check_estimates(true, told)


@settings(max_examples=20)
@given(truths(), places, impossible)
def test_an_impossible_number_is_never_shown(
    truth: Truth, place: tuple[str, int], value: float | None
) -> None:
    field, n = place
    for state in run(truth, place, value, SECONDS)[AT - 1 :]:
        if state.reading is None or value is None:
            continue
        shown = getattr(state.reading, field)
        assert (shown[n] if isinstance(shown, tuple) else shown) != value
        quarantined = [q for q in state.quarantined if q.until_s > q.since_s]
        assert quarantined
        assert all(q.why for q in quarantined)
