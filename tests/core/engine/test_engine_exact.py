"""What people do to an engine, what others measure for it, and what time does."""

import math
from dataclasses import replace

import pytest

from cellwarden.engine import Engine, EngineSettings, HeaterSettings
from cellwarden.model import AlarmKind, BmsSoc, Inputs, PackPhase
from support.packs import Bench, parameters


def texts(bench: Bench, **changes: object) -> list[str]:
    return [event.text for event in bench.hear(**changes).events]


# Stating the SoC


@pytest.mark.parametrize("soc", [0.0, 100.0, 33.5])
def test_somebody_may_state_any_soc(soc: float) -> None:
    bench = Bench()
    bench.settle(3)
    bench.memory = bench.engine.reset_soc(bench.memory, soc, "a test")
    assert bench.memory.gauge.soc_percent == soc
    assert bench.memory.gauge.basis == "counting since a test"
    assert texts(bench)[-1] == f"SoC set to {soc:g} %: a test"
    assert texts(bench) == []


@pytest.mark.parametrize("soc", [-0.1, 100.1, math.nan])
def test_what_is_no_soc_is_refused(soc: float) -> None:
    bench = Bench()
    with pytest.raises(ValueError, match=r"^a SoC is 0 to 100 %, not"):
        bench.engine.reset_soc(bench.memory, soc, "a test")


# Releasing


def latched() -> Bench:
    bench = Bench()
    bench.settle(5)
    off = {"charge_fet_on": False, "charge_switch_on": False}
    bench.settle(12, current_a=5.0, **off)
    assert [a.kind for a in bench.state.alarms] == [AlarmKind.FET_STUCK]
    return bench


def test_a_release_ends_what_is_latched_and_says_who_did_it() -> None:
    bench = latched()
    bench.memory = bench.engine.release(bench.memory, "the owner")
    assert texts(bench) == ["released by the owner: MOSFET does not follow its switch"]
    assert bench.state.alarms == ()


def test_without_anything_latched_a_release_changes_nothing() -> None:
    bench = Bench()
    bench.settle(35, current_a=55.0)  # tripped, not latched
    assert bench.state.alarms
    assert bench.engine.release(bench.memory, "the owner") is bench.memory


def test_a_release_leaves_all_other_alarms_as_old_as_they_are() -> None:
    bench = Bench(max_age_s=30.0)
    film = HeaterSettings(film_ohm=20.0)
    bench.engine = Engine(EngineSettings("left", "LiFePO4", parameters(), 30.0, heater=film))
    bench.memory = bench.engine.start(bench.now_s)
    hot = {"temperatures_c": (20.0, 20.0), "heating": True, "charge_fet_on": False,
           "charge_switch_on": False, "current_a": 5.0}  # fmt: skip
    for _ in range(70):
        bench.hear(10.0, **hot)
    before = {a.kind: a for a in bench.state.alarms}
    assert set(before) == {AlarmKind.FET_STUCK, AlarmKind.HEATER}
    bench.memory = bench.engine.release(bench.memory, "the owner")
    state = bench.hear(1.0, **{**hot, "current_a": 0.0})
    assert [a for a in state.alarms if a.kind is AlarmKind.HEATER] == [before[AlarmKind.HEATER]]
    assert [e.text for e in state.events] == [
        "released by the owner: MOSFET does not follow its switch"
    ]


# Counters of a record that cannot be used


def test_counters_are_kept_for_the_same_pack_only() -> None:
    bench = Bench()
    bench.settle(30, current_a=10.0)
    record = bench.engine.record(bench.memory, bench.now_s)
    fresh = Bench()
    kept = fresh.engine.keep_counters(fresh.memory, record, 0.0)
    assert kept.insight.tally.runtime_s == bench.memory.insight.tally.runtime_s == 29.0
    assert replace(kept, insight=fresh.memory.insight) == fresh.memory
    with pytest.raises(ValueError, match=r"^it is of pack 'right'$"):
        fresh.engine.keep_counters(fresh.memory, record | {"pack": "right"}, 0.0)


# A shunt of the pack's own


def charged(shunt_a: float | None, current_a: float = 10.0) -> float:
    bench = Bench()
    bench.settle(3, current_a=current_a)
    before = bench.memory.gauge.charged_ah
    bench.inputs = Inputs(shunt_current_a=shunt_a)
    bench.settle(361, current_a=current_a)
    return bench.memory.gauge.charged_ah - before


def test_charge_is_counted_by_the_shunt_where_it_tells_something_believable() -> None:
    assert charged(20.0) == pytest.approx(2.0, rel=0.01)
    assert charged(None) == pytest.approx(1.0, rel=0.01)
    for nonsense in (math.nan, 401.0, -401.0, math.inf):
        assert charged(nonsense) == pytest.approx(1.0, rel=0.01)
    assert charged(400.0) == pytest.approx(40.0, rel=0.01)


# Time


def test_after_a_long_pause_no_limit_has_risen_by_more_than_a_reading_may_be_old() -> None:
    bench = Bench()
    bench.settle(10, temperatures_c=(8.0, 25.0))
    assert bench.state.limits.ccl_a == pytest.approx(20.0)
    bench.hear(1.0)
    bench.hear(2.9)
    assert bench.state.limits.ccl_a == pytest.approx(20.0 + 5.0 * 2.9)


def test_a_pack_is_lost_once_its_reading_is_too_old_not_before() -> None:
    bench = Bench()
    bench.settle(3)
    assert bench.wait(3.0).phase is PackPhase.ONLINE
    state = bench.wait(0.01)
    assert state.phase is bench.memory.phase is PackPhase.LOST
    (reason,) = state.limits.charge_current.reasons
    assert (reason.rule, reason.source, reason.unit) == (
        "no data from the BMS",
        "the last reading",
        "s",
    )
    assert (reason.measured, reason.threshold, reason.clears) == (
        pytest.approx(3.01), 3.0, "two readings agree",
    )  # fmt: skip


def test_a_pack_that_never_answered_is_waited_for_then_warned_of() -> None:
    bench = Bench()
    state = bench.wait(3.0)
    assert (state.phase, state.alarms) == (PackPhase.WAITING, ())
    (reason,) = state.limits.discharge_current.reasons
    assert (reason.rule, reason.clears) == ("no reading yet", "the BMS answers")
    (alarm,) = bench.wait(0.01).alarms
    assert (alarm.kind, alarm.since_s) == (AlarmKind.BMS_LOST, bench.now_s)


def test_what_comes_after_too_long_was_lost_in_between() -> None:
    bench = Bench()
    bench.settle(5)
    assert texts(bench, heard_s=bench.now_s + 4.0) == []  # not heard in the past: refused
    bench.now_s += 3.0
    state = bench.hear(1.0)
    assert [e.text for e in state.events] == [
        "no data from the BMS", "no data from the BMS is over: the BMS answers",
    ]  # fmt: skip
    assert state.limits.ccl_a == 0.0


# The BMS's own SoC


@pytest.mark.parametrize(
    ("trust", "soc", "basis"),
    [
        (BmsSoc.START, 40.0, "counting since the BMS's own SoC"),
        (BmsSoc.IGNORE, pytest.approx(52.5), "counting since a guess from the voltage"),
    ],
)
def test_the_soc_of_the_bms_is_taken_as_its_owner_says(trust: BmsSoc, soc, basis: str) -> None:
    bench = Bench()
    bench.engine = Engine(EngineSettings("left", "LiFePO4", parameters(), 3.0, bms_soc=trust))
    bench.memory = bench.engine.start(bench.now_s)
    state = bench.hear(soc_percent=40.0)
    assert (state.soc_percent, state.soc_basis) == (soc, basis)


def test_a_bms_that_is_trusted_holds_the_soc() -> None:
    bench = Bench()
    trusted = EngineSettings("left", "LiFePO4", parameters(), 3.0, bms_soc=BmsSoc.TRUST)
    bench.engine = Engine(trusted)
    bench.memory = bench.engine.start(bench.now_s)
    state = bench.settle(3, soc_percent=40.0)
    assert state.soc_basis == "counting, held by the BMS's own SoC"
