"""What must hold for packs together, and beside what `test_pack_invariants` says of one."""

import json
import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.engine import Bank, BankMember, BankSettings
from cellwarden.engine.bank_ramp import urgent_v
from cellwarden.engine.overload import heated
from cellwarden.model import (
    AlarmKind,
    BankPhase,
    DeviceAlarm,
    Limits,
    PackPhase,
    PackState,
    Reading,
    Severity,
)
from support.histories import anything, device_alarm, device_settings, flag, near
from support.packs import Bench, reading, with_cell

CELL_COUNT = 16
CVL_MAX_V = 3.65 * CELL_COUNT

cell = st.one_of(st.floats(2.3, 3.8), st.floats(3.2, 3.5), anything)
good_cells = st.floats(2.4, 3.75).map(lambda v: (v,) * CELL_COUNT)
cells = st.one_of(
    good_cells,
    good_cells,
    st.tuples(good_cells, st.integers(0, 15), cell).map(
        lambda t: (*t[0][: t[1]], t[2], *t[0][t[1] + 1 :])
    ),
    st.lists(cell, max_size=18).map(tuple),
)


fields = st.fixed_dictionaries(
    {},
    optional={
        "cell_voltages_v": cells,
        "voltage_v": near(40, 60),
        "current_a": near(-150, 80),
        "temperatures_c": st.lists(near(-25, 70), max_size=3).map(tuple),
        "mos_temperature_c": near(10, 90),
        "soc_percent": near(0, 100),
        "soh_percent": near(0, 100),
        "capacity_ah": near(30, 120),
        "remaining_ah": anything,
        "cycles": st.one_of(st.none(), st.integers()),
        "runtime_s": anything,
        "charge_fet_on": flag,
        "discharge_fet_on": flag,
        "charge_switch_on": flag,
        "discharge_switch_on": flag,
        "wire_resistances_ohm": st.one_of(
            st.lists(anything, max_size=3).map(tuple),
            st.lists(st.floats(0.01, 0.5), min_size=16, max_size=16).map(tuple),
        ),
        "balancing": flag,
        "balance_switch_on": flag,
        "balance_current_a": near(-2, 2),
        "settings": device_settings,
        "alarms": st.lists(device_alarm, max_size=2).map(tuple),
    },
)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """A healthy pack with any part of what it tells changed; the sum of the cells often agrees."""
    changes = draw(st.one_of(fields, st.sampled_from([{}, {"current_a": 20.0}])))
    names = draw(st.lists(st.sampled_from(sorted(changes)), max_size=2)) if changes else []
    if draw(st.booleans()):
        changes = {name: changes[name] for name in names}
    told = changes.get("cell_voltages_v", ())
    if all(isinstance(v, float) for v in told) and told and draw(st.booleans()):
        changes = {**changes, "voltage_v": sum(told)}
    return reading(0.0, **changes)


moment = st.tuples(
    st.sampled_from([1.0, 1.0, 1.0, 1.0, 0.1, 2.5, 4.0, 61.0, -5.0, 0.0]),
    st.one_of(st.none(), readings(), readings()),
    st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.0, 0.5, -1.0, 5.0, math.nan]),  # age of the reading, s
    st.integers(1, 4),  # how often it comes again
)
histories = st.lists(moment, min_size=1, max_size=25)


def play(bench: Bench, history) -> list[tuple[float, PackState]]:
    """Return every state with the time that passed before it."""
    bench.settle(12)
    states = []
    for wait_s, heard, age_s, times in history:
        for _ in range(times):
            bench.now_s += wait_s
            now = None if heard is None else replace(heard, heard_s=bench.now_s - age_s)
            states.append((wait_s, bench.step(now)))
    return states


def all_limits(limits: Limits) -> tuple:
    return (
        limits.charge_voltage,
        limits.charge_current,
        limits.discharge_current,
        limits.discharge_voltage,
    )


FAULTS = {
    "cell high": lambda: {"temperatures_c": (25.0, 25.0), **with_cell(7, 3.66)},
    "cold": lambda: {"temperatures_c": (-6.0, -6.0)},
    "mos hot": lambda: {"mos_temperature_c": 80.0},
    "overload": lambda: {"current_a": -300.0},
    "short": lambda: {
        "alarms": (DeviceAlarm(kind=AlarmKind.SHORT_CIRCUIT, severity=Severity.PROTECTION),)
    },
    "wire": lambda: {"wire_resistances_ohm": (0.06,) * 15 + (0.5,)},
    "settings": lambda: {"settings": {"cell_overvoltage_v": 4.2, "cell_count": 16.0}},
    "fet": lambda: {"charge_fet_on": False},
    "no mos sensor": lambda: {"mos_temperature_c": None},
}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(sorted(FAULTS)), min_size=2, max_size=4, unique=True), st.data())
def test_the_order_in_which_faults_come_does_not_matter(names: list[str], data) -> None:
    """Nor does it matter in which order the table has them: what is wrong in the end counts."""

    def end(order: list[str]) -> tuple:
        bench = Bench()
        bench.settle(20)
        changes: dict[str, object] = {}
        for name in order:
            changes |= FAULTS[name]()
            bench.settle(1, **changes)
        together: dict[str, object] = {}
        for name in sorted(names):
            together |= FAULTS[name]()
        state = bench.settle(40, **together)
        limits = (state.limits.ccl_a, state.limits.dcl_a)
        return {(a.kind, a.severity, a.where) for a in state.alarms}, limits, state.switches

    assert end(names) == end(data.draw(st.permutations(names)))


@settings(max_examples=200, deadline=None)
@given(st.floats(1.01, 10.0), st.floats(0.01, 5.0), st.floats(2.0, 600.0))
def test_more_current_never_trips_later(part: float, more: float, delay_s: float) -> None:
    def seconds(part: float) -> int:
        heat, second = None, 0
        while second < delay_s:
            heat, hot = heated(heat, part, delay_s, float(second))
            if hot:
                break
            second += 1
        return second

    assert seconds(part + more) <= seconds(part)


@settings(max_examples=40, deadline=None)
@given(histories)
def test_a_restart_at_any_moment_keeps_every_trip(history) -> None:
    bench = Bench()
    play(bench, history)
    record = json.loads(json.dumps(bench.engine.record(bench.memory, bench.now_s), allow_nan=False))
    restored = bench.engine.restore(record, 7.0, 0.0)
    again = bench.engine.record(restored, 7.0)
    assert [t["rule"] for t in again["trips"]] == [t["rule"] for t in record["trips"]]
    assert again["soc_percent"] == record["soc_percent"]
    stops = restored.alarms.stops
    tripped = [w.alarm for w in bench.memory.alarms.watches if w.alarm is not None]
    assert len(stops.charge) == sum(a.blocks_charge for a in tripped)
    assert len(stops.discharge) == sum(a.blocks_discharge for a in tripped)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(histories, min_size=2, max_size=3),
    st.sampled_from(["exclude", "hold", "trip"]),
)
def test_whatever_the_packs_say_the_bank_is_safe(histories_of, policy: str) -> None:
    names = [f"p{n}" for n in range(len(histories_of))]
    played = [[s for _, s in play(Bench(), history)] for history in histories_of]
    bank = Bank(
        BankSettings("Battery", tuple(BankMember(name, 100.0) for name in names), policy, 5.0, 20.0)
    )
    memory = bank.start(1000.0)
    now_s = 1000.0
    before = None
    for states in zip(*played, strict=False):
        now_s += 1.0
        packs = [replace(state, pack=name) for state, name in zip(states, names, strict=True)]
        memory, state = bank.step(memory, packs, now_s)
        online = [p for p in packs if p.phase is PackPhase.ONLINE]
        if state.limits is None:
            assert state.phase is BankPhase.STARTING
            assert not state.charge_allowed
            continue
        limits = state.limits
        assert 0 < limits.cvl_v <= CVL_MAX_V
        assert state.charge_allowed is (limits.ccl_a > 0)
        assert state.discharge_allowed is (limits.dcl_a > 0)
        assert 0 <= limits.ccl_a <= 50 * len(packs)
        for limit in all_limits(limits):
            assert limit.reasons[0].text
        if not online:
            assert (limits.ccl_a, limits.dcl_a) == (0, 0)
            assert state.soc_percent is None
        apart = {m.pack for m in state.members if "not counted on" in m.why}
        for pack in online:
            if pack.pack in apart:  # it hangs on no bus bar that the others do
                continue
            # What a controller wants of the charge voltage may come a little later.
            own_v = urgent_v(pack.limits.charge_voltage.reasons)
            assert limits.cvl_v <= own_v + 1e-9 or policy == "hold"
            conducts = pack.reading.charge_fet_on is not False
            if conducts and any(a.blocks_charge for a in pack.alarms):
                assert limits.ccl_a == 0
        severities = [a.severity for a in state.alarms]
        assert severities == sorted(severities, reverse=True)
        if before is not None:
            assert limits.ccl_a <= before.ccl_a + 5 * len(packs) + 1e-9
        before = limits
