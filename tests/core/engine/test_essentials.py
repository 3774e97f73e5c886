"""The truth table of what must be known: when it is missed, what is left, and what brings it back.

One entry for each row of `ESSENTIALS`; a row that is new is in here, or the first test fails.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest

from cellwarden.engine import essentials
from cellwarden.engine.essentials import ESSENTIALS, Essential
from cellwarden.model import Alarm, PackState, Severity
from support.packs import Bench, under

Changes = Mapping[str, Any]
CCL_A, DCL_A = 50.0, 100.0
"""What the healthy pack may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """How an essential is lost, one reading a second."""

    bad: Callable[[int], Changes]
    """By the second since it was lost."""
    after_s: int
    """The reading, from the first, that raises the alarm."""
    where: str
    calm: Callable[[int], Changes] = lambda _: {}
    """The healthy pack before."""
    cure: Callable[[int], Changes] = lambda _: {}
    cured_s: int = 2
    """How soon it is over, at most."""


def always(**changes: object) -> Callable[[int], Changes]:
    return lambda _: changes


def cell(value: float | None) -> Callable[[int], Changes]:
    return always(cell_voltages_v=((value, *(3.3,) * 15)))


def pair(first_v: float, second_v: float) -> Callable[[int], Changes]:
    cells = [3.3] * 16
    cells[5:7] = first_v, second_v
    return always(cell_voltages_v=tuple(cells), voltage_v=round(sum(cells), 3))


def load(second: int) -> Changes:
    """Steps of 0.6 C every five seconds, which the voltage answers."""
    return under(-60.0 if second % 10 < 5 else 0.0)


def told_as(current_a: Callable[[float], float]) -> Callable[[int], Changes]:
    def changes(second: int) -> Changes:
        true = load(second)
        return {**true, "current_a": current_a(true["current_a"])}

    return changes


def one_stands_still(second: int) -> Changes:
    """The others follow the load by 20 mV."""
    moved = load(second)
    cells = [round(v + 0.001 * (second % 3), 3) for v in moved["cell_voltages_v"]]
    cells[4] = 3.288
    return {**moved, "cell_voltages_v": tuple(cells), "voltage_v": sum(cells)}


TABLE: dict[Essential, Unknown] = {
    # What does not come is waited for as long as a reading may be old, 3 s.
    essentials.CELL_VOLTAGE: Unknown(bad=cell(None), after_s=4, where="cell 1"),
    essentials.CURRENT: Unknown(bad=always(current_a=None), after_s=4, where="current"),
    essentials.ONE_SENSOR: Unknown(bad=always(temperatures_c=(25.0, None)), after_s=4, where="T2"),
    essentials.ALL_SENSORS: Unknown(
        bad=always(temperatures_c=(None, None)), after_s=4, where="T1, T2"
    ),
    essentials.MOS_SENSOR: Unknown(bad=always(mos_temperature_c=None), after_s=4, where="MOSFET"),
    # What comes and cannot be is a fault the second time.
    essentials.LOST_CELL: Unknown(bad=cell(0.0), after_s=1, where="cell 1"),
    essentials.CELL_COUNT: Unknown(
        bad=always(cell_voltages_v=(3.3,) * 15), after_s=1, where="15 cells"
    ),
    essentials.OPEN_WIRE: Unknown(
        # Cells that jump are held back for one reading where the sum does not vouch for them.
        bad=pair(3.9, 2.7),
        after_s=1,
        where="wire 6",
    ),
    essentials.SWAPPED_WIRES: Unknown(bad=pair(6.6, -3.3), after_s=1, where="cell 6, cell 7"),
    # What only the past shows takes its steps.
    essentials.FROZEN_CELL: Unknown(
        calm=load, bad=one_stands_still, after_s=12, where="cell 5", cure=load, cured_s=5
    ),
    essentials.LONE_CELL: Unknown(
        calm=always(balancing=False),
        bad=always(cell_voltages_v=(3.32, *(3.3,) * 15), voltage_v=52.82, balancing=False),
        after_s=9,
        where="cell 1",
        cure=always(balancing=False),
    ),
    essentials.REVERSED: Unknown(
        calm=load, bad=told_as(lambda a: -a), after_s=14, where="current", cure=load, cured_s=20
    ),
    essentials.FROZEN_SENSOR: Unknown(
        bad=lambda s: {"temperatures_c": (25.0, 25.0 + 0.5 * (s + 1))},
        after_s=20,
        where="T1",
        cure=always(temperatures_c=(25.5, 36.0)),
    ),
}
"""Held against 16 cells, two sensors, and readings that may be 3 s old."""


class Trial:
    """One essential lost by a pack that was well."""

    def __init__(self, essential: Essential) -> None:
        self.essential, self.how = essential, TABLE[essential]
        self.bench, self.events = Bench(), list[str]()
        self.second = 0
        self.run(50, self.how.calm)

    def run(self, seconds: int, changes: Callable[[int], Changes]) -> PackState:
        for _ in range(seconds):
            state = self.bench.hear(**changes(self.second))
            self.second += 1
            self.events += [e.text for e in state.events]
        return state

    def lose(self) -> Alarm:
        """Lose it until the alarm; check that it comes at its time and not before."""
        self.second, bad = 0, self.how.bad
        for _ in range(self.how.after_s):
            assert found(self.run(1, bad), self.essential) is None
        alarm = found(self.run(1, bad), self.essential)
        assert alarm is not None
        return alarm


def found(state: PackState, essential: Essential) -> Alarm | None:
    blocks = essential.charge == 0
    return next(
        (
            a
            for a in state.alarms
            if a.kind is essential.kind
            and a.releases == essential.returns
            and a.blocks_charge is blocks
        ),
        None,
    )


EVERY = pytest.mark.parametrize("essential", TABLE, ids=lambda e: f"{e.name} ({e.kind.name})")


def test_every_essential_has_its_row() -> None:
    assert set(TABLE) == set(ESSENTIALS)
    assert len(set(ESSENTIALS)) == len(ESSENTIALS)


@EVERY
def test_it_is_missed_at_its_time_and_the_alarm_names_it(essential: Essential) -> None:
    trial = Trial(essential)
    alarm = trial.lose()
    assert alarm.where == trial.how.where
    nothing = 0.0 in (essential.charge, essential.discharge)
    assert alarm.severity is (Severity.PROTECTION if nothing else Severity.WARNING)
    assert any(text.startswith(f"{essential.kind.value}, {alarm.where}") for text in trial.events)


NOT_TOLD = {  # there is no value to keep apart where none came
    essentials.CELL_VOLTAGE,
    essentials.CURRENT,
    essentials.ONE_SENSOR,
    essentials.ALL_SENSORS,
    essentials.MOS_SENSOR,
}


@pytest.mark.parametrize(
    "essential", [e for e in TABLE if e not in NOT_TOLD], ids=lambda e: f"{e.name} ({e.kind.name})"
)
def test_the_value_is_quarantined_with_its_reason_and_until_when(essential: Essential) -> None:
    trial = Trial(essential)
    trial.lose()
    quarantined = trial.bench.state.quarantined
    assert quarantined
    for quarantine in quarantined:
        assert quarantine.why
        assert quarantine.value
        assert quarantine.since_s <= trial.bench.now_s < quarantine.until_s
    trial.run(trial.how.cured_s, trial.how.cure)
    assert trial.run(2, trial.how.cure).quarantined == ()


@EVERY
def test_what_is_left_of_the_limits_is_its_part_and_the_reason_says_so(
    essential: Essential,
) -> None:
    trial = Trial(essential)
    trial.lose()
    state = trial.run(20, trial.how.bad)
    limits = state.limits
    for limit, part, setting_a in (
        (limits.charge_current, essential.charge, CCL_A),
        (limits.discharge_current, essential.discharge, DCL_A),
    ):
        assert limit.value <= part * setting_a
        if part < 1:
            assert essential.returns in {r.clears for r in limit.reasons}


@EVERY
def test_while_it_is_unknown_no_limit_rises(essential: Essential) -> None:
    trial = Trial(essential)
    bench = trial.bench
    last = bench.state.limits
    for _ in range(trial.how.after_s + 20):
        now = trial.run(1, trial.how.bad).limits
        if trial.bench.memory.senses.missing:
            assert now.ccl_a <= last.ccl_a or essential.charge == 1
            assert now.dcl_a <= last.dcl_a or essential.discharge == 1
            assert now.cvl_v <= last.cvl_v
        last = now


@EVERY
def test_when_it_is_known_again_the_alarm_is_over_and_comes_again_when_lost_again(
    essential: Essential,
) -> None:
    trial = Trial(essential)
    trial.lose()
    trial.events.clear()
    state = trial.run(trial.how.cured_s, trial.how.cure)
    assert found(state, essential) is None
    assert f"{essential.kind.value} is over: {essential.returns}" in trial.events
    trial.run(60, trial.how.cure)
    assert trial.bench.state.limits.dcl_a == DCL_A
    trial.run(65, trial.how.calm)
    assert any(found(trial.run(1, trial.how.bad), essential) for _ in range(60))


def test_two_at_once_are_both_missed_and_the_stricter_one_rules() -> None:
    for first, second in combinations([e for e in TABLE if TABLE[e].after_s <= 4], 2):
        one, other = TABLE[first].bad(0), TABLE[second].bad(0)
        if set(one) & set(other):
            continue  # one number cannot be two
        bench = Bench()
        bench.settle(40)
        state = bench.settle(6, **one, **other)
        assert found(state, first) is not None, (first.name, second.name)
        assert found(state, second) is not None, (first.name, second.name)
        assert state.limits.ccl_a <= min(first.charge, second.charge) * CCL_A
        assert state.limits.dcl_a <= min(first.discharge, second.discharge) * DCL_A
