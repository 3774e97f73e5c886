"""Random histories of a pack: what a BMS may say, clocks that jump, restarts in the middle.

Everything here is a Hypothesis strategy or plays what one drew; what must hold for it stands in
`tests/core/engine/test_pack_invariants.py`.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from cellwarden.engine import Engine, EngineSettings, HeaterSettings
from cellwarden.model import (
    NO_INPUTS,
    AlarmKind,
    DeviceAlarm,
    ExternalMeasurement,
    Inputs,
    LinkQuality,
    PackState,
    Parameters,
    Reading,
    Severity,
    preset,
)

MAX_AGE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One pack as built: what is usual for it."""

    chemistry: str
    cells: int
    usual_v: float
    """Of a cell."""
    low_v: float
    high_v: float
    """Beyond both protections, within what a cell can have."""
    capacity_ah: float = 100.0

    @property
    def parameters(self) -> Parameters:
        return preset(self.chemistry, cell_count=self.cells, design_capacity_ah=self.capacity_ah)

    def engine(self) -> Engine:
        """Return an engine with everything on."""
        return Engine(
            EngineSettings(
                "left",
                self.chemistry,
                self.parameters,
                MAX_AGE_S,
                balances_cells=self.cells == 16,
                heater=HeaterSettings(film_ohm=40.0),
            )
        )

    def healthy(self, heard_s: float) -> Reading:
        """Return the pack at rest, 25 °C, SoC 60 %, its clock running."""
        return Reading(
            pack="left",
            heard_s=heard_s,
            cell_voltages_v=(self.usual_v,) * self.cells,
            voltage_v=round(self.usual_v * self.cells, 3),
            current_a=0.0,
            temperatures_c=(25.0, 25.0),
            mos_temperature_c=30.0,
            soc_percent=60.0,
            capacity_ah=self.capacity_ah,
            charge_fet_on=True,
            discharge_fet_on=True,
            charge_switch_on=True,
            discharge_switch_on=True,
            runtime_s=heard_s,
        )


KINDS = (
    Kind(chemistry="LiFePO4", cells=16, usual_v=3.3, low_v=2.3, high_v=3.8),
    Kind(chemistry="LiFePO4", cells=4, usual_v=3.3, low_v=2.3, high_v=3.8, capacity_ah=280.0),
    Kind(chemistry="Li-ion", cells=14, usual_v=3.75, low_v=2.6, high_v=4.4),
    Kind(chemistry="LTO", cells=24, usual_v=2.3, low_v=1.5, high_v=2.9, capacity_ah=40.0),
)

NOT_FINITE = (math.nan, math.inf, -math.inf, 1e300, -1e300)
anything = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, *NOT_FINITE]))
flag = st.sampled_from([None, True, True, True, False])
device_alarm = st.builds(
    DeviceAlarm,
    kind=st.sampled_from(AlarmKind),
    severity=st.sampled_from(Severity),
    blocks_charge=st.booleans(),
    blocks_discharge=st.booleans(),
    text=st.sampled_from(["", "bit 3"]),
)
device_settings = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["cell_overvoltage_v", "cell_count", "balance_current_max_a"]),
        st.one_of(st.floats(), st.sampled_from([3.6, 4.2, 16.0, 15.0, 2.0])),
    ),
)


def near(low: float, high: float) -> st.SearchStrategy[float | None]:
    """Return mostly what can be."""
    return st.one_of(st.floats(low, high), st.floats(low, high), anything)


def cells_of(kind: Kind) -> st.SearchStrategy[tuple[float | None, ...]]:
    """Return cells: alike, one of them apart or nonsense, or more or fewer than there are."""
    alike = st.floats(kind.low_v, kind.high_v).map(lambda v: (round(v, 3),) * kind.cells)
    one = st.one_of(st.floats(kind.low_v, kind.high_v), anything)
    apart = st.tuples(alike, st.integers(0, kind.cells - 1), one).map(
        lambda t: (*t[0][: t[1]], t[2], *t[0][t[1] + 1 :])
    )
    return st.one_of(alike, alike, apart, st.lists(one, max_size=kind.cells + 2).map(tuple))


def changes_of(kind: Kind) -> st.SearchStrategy[dict[str, object]]:
    """Return what a reading may tell other than a healthy pack's."""
    rates = kind.capacity_ah / 100.0
    volts = kind.cells * kind.usual_v
    return st.fixed_dictionaries(
        {},
        optional={
            "cell_voltages_v": cells_of(kind),
            "voltage_v": near(0.8 * volts, 1.15 * volts),
            "current_a": near(-150 * rates, 80 * rates),
            "temperatures_c": st.lists(near(-25, 70), max_size=3).map(tuple),
            "mos_temperature_c": near(10, 90),
            "soc_percent": near(0, 100),
            "soh_percent": near(0, 100),
            "capacity_ah": near(0.3 * kind.capacity_ah, 1.2 * kind.capacity_ah),
            "remaining_ah": anything,
            "cycles": st.one_of(st.none(), st.integers()),
            "cycle_charge_ah": anything,
            "runtime_s": anything,
            "charge_fet_on": flag,
            "discharge_fet_on": flag,
            "charge_switch_on": flag,
            "discharge_switch_on": flag,
            "wire_resistances_ohm": st.one_of(
                st.lists(anything, max_size=3).map(tuple),
                st.lists(st.floats(0.01, 0.5), min_size=kind.cells, max_size=kind.cells).map(tuple),
            ),
            "balancing": flag,
            "heating": flag,
            "balance_switch_on": flag,
            "balance_current_a": near(-2, 2),
            "settings": device_settings,
            "alarms": st.lists(device_alarm, max_size=3).map(tuple),
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What happens next."""

    wait_s: float
    """May be negative: the clock was put back."""
    changes: dict[str, object] | None
    """Of a healthy reading; None: nothing is heard."""
    age_s: float = 0.0
    """Of the reading when it comes; negative: it is from the future."""
    times: int = 1
    """How often it comes."""
    restart: bool = False
    """The controller was saved and restored before it."""
    inputs: Inputs = NO_INPUTS


def _sum_agrees(changes: dict[str, object]) -> dict[str, object]:
    told = changes.get("cell_voltages_v", ())
    if told and all(isinstance(v, float) for v in told):  # type: ignore[union-attr]
        return {**changes, "voltage_v": sum(told)}  # type: ignore[arg-type]
    return changes


external = st.builds(
    ExternalMeasurement,
    source=st.sampled_from(["inverter", "shunt"]),
    voltage_v=st.one_of(st.floats(), st.floats(40, 60)),
    current_a=anything,
    heard_s=st.floats(),
)
inputs = st.builds(
    Inputs,
    external=st.lists(external, max_size=2).map(tuple),
    shunt_current_a=anything,
    charge_expected_in_s=anything,
    surplus=st.sampled_from([None, True, False]),
    heater_relay_on=st.sampled_from([None, True, False]),
    doubtful=st.lists(
        st.tuples(
            st.sampled_from(["cell_overvoltage_v", "charge_current_max_a", "shutdown_v", "x"]),
            st.one_of(st.floats(), st.floats(1, 60)),
        ),
        max_size=2,
    ).map(tuple),
)


def moments(kind: Kind) -> st.SearchStrategy[Moment]:
    """Return one moment; mostly a second, mostly a reading of something like a pack."""
    changes = changes_of(kind)
    some = st.tuples(changes, st.booleans()).map(lambda t: _sum_agrees(t[0]) if t[1] else t[0])
    few = st.tuples(changes, st.lists(st.integers(0, 30), max_size=2)).map(
        lambda t: _sum_agrees({k: t[0][k] for n, k in enumerate(t[0]) if n in t[1]})
    )
    calm = st.sampled_from([{}, {"current_a": 20.0}, {"current_a": -30.0}])
    return st.builds(
        Moment,
        wait_s=st.sampled_from([1.0, 1.0, 1.0, 1.0, 0.1, 2.5, 4.0, 61.0, -5.0, 0.0]),
        changes=st.one_of(st.none(), some, few, few, calm),
        age_s=st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.0, 0.5, -1.0, 5.0, math.nan]),
        times=st.integers(1, 4),
        restart=st.sampled_from([False] * 9 + [True]),
        inputs=st.one_of(st.just(NO_INPUTS), st.just(NO_INPUTS), inputs),
    )


@st.composite
def lives(draw: st.DrawFn, most: int = 20) -> tuple[Kind, list[Moment]]:
    """Return a pack and what happens to it."""
    kind = draw(st.sampled_from(KINDS))
    return kind, draw(st.lists(moments(kind), min_size=1, max_size=most))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One step of a life that was played."""

    passed_s: float
    told: Reading | None
    state: PackState
    restarted: bool
    """Nothing was known before it but what was saved."""


WARM_UP_S = 12
LINK = LinkQuality(connected=True, asked=5, answered=5)


def play(life: tuple[Kind, list[Moment]]) -> Iterator[Seen]:
    """Play a life after twelve healthy seconds, and yield every step of it."""
    kind, history = life
    engine, now_s = kind.engine(), 1000.0
    memory = engine.start(now_s)
    for _ in range(WARM_UP_S):
        now_s += 1.0
        memory, state = engine.step(memory, kind.healthy(now_s), now_s, LINK)
        yield Seen(passed_s=1.0, told=kind.healthy(now_s), state=state, restarted=False)
    for moment in history:
        restarted = moment.restart
        if restarted:
            record = json.loads(json.dumps(engine.record(memory, now_s), allow_nan=False))
            engine = kind.engine()
            memory = engine.restore(record, now_s, 2.0)
        for _ in range(moment.times):
            now_s += moment.wait_s
            told = None
            if moment.changes is not None:
                healthy = kind.healthy(now_s - moment.age_s)
                told = replace(healthy, **moment.changes)  # type: ignore[arg-type]
            memory, state = engine.step(memory, told, now_s, LINK, moment.inputs)
            yield Seen(passed_s=moment.wait_s, told=told, state=state, restarted=restarted)
            restarted = False
