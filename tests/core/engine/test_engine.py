"""The step as a whole: staleness, start and return, time that jumps, restarts, failures."""

import json
import math

import pytest

from cellwarden.model import AlarmKind, Identity, LinkQuality, PackPhase, Severity
from support.packs import Bench, all_cells, parameters, with_cell


def test_before_the_first_reading_the_pack_is_waited_for() -> None:
    state = Bench().wait(1.0)
    assert state.phase is PackPhase.WAITING
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert state.limits.charge_current.binding.rule == "no reading yet"
    assert (state.age_s, state.soc_percent, state.reading) == (None, None, None)
    assert state.alarms == ()


def test_a_pack_that_never_answers_is_a_warning_after_the_age_of_a_reading() -> None:
    bench = Bench()
    assert bench.wait(3.0).alarms == ()
    (alarm,) = bench.wait(0.1).alarms
    assert (alarm.kind, alarm.severity) == (AlarmKind.BMS_LOST, Severity.WARNING)
    assert bench.state.phase is PackPhase.WAITING
    assert bench.hear().alarms == ()


def test_a_reading_exactly_as_old_as_allowed_is_used_and_a_moment_later_nowhere() -> None:
    bench = Bench()
    bench.settle(60)
    state = bench.wait(3.0)
    assert state.phase is PackPhase.ONLINE
    assert state.age_s == 3.0
    assert state.limits.ccl_a == 50
    state = bench.wait(0.001)
    assert state.phase is PackPhase.LOST
    assert state.age_s == pytest.approx(3.001)
    assert state.reading is None
    measured = (
        state.soc_percent, state.soc_sigma_percent, state.soh_percent, state.capacity_ah,
        state.remaining_ah, state.power_w, state.cell_min, state.cell_max, state.cell_sum_v,
        state.temperature_min, state.temperature_max,
    )  # fmt: skip
    assert measured == (None,) * 11


def test_a_lost_pack_allows_nothing_says_why_and_keeps_a_sane_charge_voltage() -> None:
    bench = Bench()
    bench.settle(60)
    state = bench.wait(10.0)
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert (state.charge_allowed, state.discharge_allowed) == (False, False)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert state.limits.charge_current.binding.text == (
        "no data from the BMS, the last reading at 10.0 s (threshold 3.0 s);"
        " clears when two readings agree"
    )
    (alarm,) = state.alarms
    assert (alarm.kind, alarm.severity) == (AlarmKind.BMS_LOST, Severity.PROTECTION)
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (True, True)
    assert alarm.since_s == bench.now_s
    assert bench.wait(10.0).alarms[0].since_s == bench.now_s - 10.0


def test_loss_and_return_are_one_event_each() -> None:
    bench = Bench()
    bench.settle(60)
    assert [e.text for e in bench.wait(10.0).events] == ["no data from the BMS"]
    assert bench.wait(1.0).events == ()
    assert [e.text for e in bench.hear().events] == [
        "no data from the BMS is over: the BMS answers"
    ]
    assert bench.hear().events == ()


def test_a_loss_that_nobody_looked_at_is_an_event_too() -> None:
    """F49: the controller slept, and the next thing it gets is a reading."""
    bench = Bench()
    bench.settle(60)
    assert [e.text for e in bench.hear(30.0).events] == [
        "no data from the BMS",
        "no data from the BMS is over: the BMS answers",
    ]


def test_after_its_return_a_pack_starts_with_two_readings_and_rises_slowly() -> None:
    bench = Bench()
    bench.settle(60)
    bench.wait(10.0)
    assert bench.hear().limits.ccl_a == 0
    assert bench.state.limits.charge_current.binding.rule == "start-up"
    assert bench.hear().limits.ccl_a == 5
    assert bench.hear().limits.ccl_a == 10


def test_a_lowered_charge_voltage_is_kept_over_a_loss() -> None:
    bench = Bench()
    bench.settle(60)
    bench.hear(**with_cell(7, 3.55))
    assert bench.wait(10.0).limits.cvl_v == pytest.approx(54.88)


def test_who_answered_is_known_even_while_lost() -> None:
    identity = Identity(serial_number="42")
    bench = Bench()
    bench.hear(identity=identity)
    assert bench.hear().identity is identity
    assert bench.wait(10.0).identity is identity


def test_the_quality_of_the_link_is_passed_on() -> None:
    link = LinkQuality(connected=True, asked=3)
    bench = Bench()
    for _ in range(2):
        _, state = bench.engine.step(bench.memory, None, bench.now_s, link)
        assert state.link is link
        bench.hear()


def test_after_a_time_in_which_nobody_looked_the_limits_begin_at_0_again() -> None:
    """F49: the processor was away, so no step said that the pack was lost."""
    bench = Bench()
    bench.settle(60)
    state = bench.hear(10.0)
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert state.limits.charge_current.binding.rule == "start-up"
    assert bench.settle(60).limits.dcl_a == 100


@pytest.mark.parametrize("back_s", [0.5, 3600.0, 1e6])
def test_a_clock_that_goes_back_changes_no_age_and_no_timer(back_s: float) -> None:
    bench = Bench()
    bench.settle(31, current_a=60.0)  # the over-current has just tripped
    state = bench.wait(2.0)
    age_s = state.age_s
    bench.now_s -= back_s
    state = bench.step(None)
    assert state.age_s == pytest.approx(age_s)
    assert bench.wait(0.9).phase is PackPhase.ONLINE
    assert bench.wait(0.2).phase is PackPhase.LOST
    for _ in range(56):
        bench.hear()
    assert AlarmKind.CHARGE_OVERCURRENT in {a.kind for a in bench.state.alarms}
    bench.hear()
    assert AlarmKind.CHARGE_OVERCURRENT not in {a.kind for a in bench.state.alarms}


def test_a_clock_that_goes_back_while_faults_are_known_keeps_them() -> None:
    bench = Bench()
    bench.settle(5, current_a=math.nan, cell_voltages_v=(None,) + (3.3,) * 15)
    bench.now_s -= 100
    state = bench.step(None)
    assert state.quarantined[0].until_s == pytest.approx(bench.now_s + 0.8)
    assert {a.kind for a in state.alarms} == {
        AlarmKind.IMPLAUSIBLE_DATA,
        AlarmKind.CURRENT_SENSOR,
    }
    bench.wait(10.0)
    bench.now_s -= 100
    state = bench.step(None)
    assert state.alarms[0].kind is AlarmKind.BMS_LOST
    assert state.alarms[0].since_s == pytest.approx(bench.now_s)


def test_a_reading_from_before_the_clock_went_back_is_not_believed() -> None:
    bench = Bench()
    bench.settle(5)
    stamp_s = bench.now_s + 0.5
    bench.now_s -= 100
    state = bench.hear(0.1, heard_s=stamp_s)
    assert state.quarantined[0].why == "it was not heard in the past"


def test_a_clock_that_leaps_ahead_loses_the_pack_and_counts_nothing() -> None:
    bench = Bench()
    bench.settle(60, current_a=30.0)
    before = bench.memory.gauge.charged_ah
    assert bench.wait(3600.0).phase is PackPhase.LOST
    bench.hear(current_a=30.0)
    assert bench.memory.gauge.charged_ah == before


def test_the_same_input_gives_the_same_output() -> None:
    first, second = Bench(), Bench()
    for n in range(200):
        changes = {**with_cell(n % 16 + 1, 3.3 + 0.002 * n), "current_a": 0.5 * n}
        assert first.hear(**changes) == second.hear(**changes)
        assert first.memory == second.memory


# Restart


def restarted(bench: Bench, off_for_s: float | None = 0.0, **kwargs: object) -> Bench:
    record = json.loads(json.dumps(bench.engine.record(bench.memory, bench.now_s)))
    fresh = Bench(now_s=5.0, **kwargs)
    fresh.memory = fresh.engine.restore(record, 5.0, off_for_s)
    return fresh


def test_the_soc_survives_a_restart() -> None:
    bench = Bench()
    bench.hear(current_a=36.0)
    bench.settle(1000, current_a=36.0)
    again = restarted(bench)
    assert again.wait(0.1).soc_percent is None  # nothing was heard yet
    state = again.hear(soc_percent=33.0)
    assert state.soc_percent == pytest.approx(70.0, abs=0.05)
    assert state.soc_basis == "counting since the BMS's own SoC"
    assert again.memory.gauge.charged_ah == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("off_for_s", "sigma"), [(0.0, 15.0), (900.0, 17.5), (1600.0, 19.4), (-5.0, 15.0)]
)
def test_the_band_is_wider_the_longer_it_was_off(off_for_s: float, sigma: float) -> None:
    bench = Bench()
    bench.hear()
    state = restarted(bench, off_for_s).hear(soc_percent=33.0)
    assert state.soc_percent == pytest.approx(60.0)
    assert state.soc_sigma_percent == pytest.approx(sigma, abs=0.25)


@pytest.mark.parametrize("off_for_s", [None, 7200.0])
def test_off_for_long_or_unknown_the_bms_is_asked_again(off_for_s: float | None) -> None:
    bench = Bench()
    bench.hear()
    assert restarted(bench, off_for_s).hear(soc_percent=33.0).soc_percent == 33.0


def test_a_pack_without_soc_survives_a_restart_too() -> None:
    again = restarted(Bench())
    assert again.hear(soc_percent=33.0).soc_percent == 33.0


def test_a_full_pack_is_full_after_a_restart() -> None:
    bench = Bench()
    bench.settle(70, **all_cells(3.45))
    again = restarted(bench)
    again.settle(3, **all_cells(3.40))
    assert again.state.limits.charge_current.binding.rule == "full"


def test_a_trip_survives_a_restart_with_its_remaining_time() -> None:
    bench = Bench()
    bench.settle(31, current_a=60.0)
    bench.settle(20)
    again = restarted(bench, off_for_s=30.0)
    (alarm,) = [a for a in again.wait(0.0).alarms if a.kind is AlarmKind.CHARGE_OVERCURRENT]
    assert alarm.severity is Severity.PROTECTION
    assert alarm.value == 60.0
    assert again.engine.record(again.memory, 5.0)["trips"] == [
        {
            "rule": "charge over-current",
            "held_s": 20.0,
            "remaining_s": 40.0,
            "value": 60.0,
            "where": "",
            "threshold": 50.0,
            "latched": False,
        }
    ]
    again.settle(39)
    assert again.state.limits.ccl_a == 0
    again.settle(1)
    assert AlarmKind.CHARGE_OVERCURRENT not in {a.kind for a in again.state.alarms}


def test_a_voltage_trip_survives_a_restart_until_its_release() -> None:
    bench = Bench()
    bench.settle(3, **all_cells(3.5))
    bench.settle(3, **with_cell(7, 3.61, 3.5))
    again = restarted(bench)
    again.settle(5, **all_cells(3.45))
    assert [a.where for a in again.state.alarms] == ["cell 7"]
    assert again.state.limits.ccl_a == 0
    again.settle(2, **all_cells(3.39))
    assert again.state.alarms == ()


def test_a_trip_of_a_protection_that_is_off_now_is_left_out() -> None:
    cold = parameters(
        discharge_undertemperature_c=-20.0, discharge_undertemperature_recovery_c=-15.0
    )
    bench = Bench(params=cold)
    bench.settle(7, temperatures_c=(-21.0, -21.0))
    kinds = {a.kind for a in restarted(bench).wait(0.0).alarms}
    assert AlarmKind.CHARGE_UNDERTEMPERATURE in kinds
    assert AlarmKind.DISCHARGE_UNDERTEMPERATURE not in kinds


TRIP = {
    "rule": "charge over-current",
    "held_s": 1.0,
    "remaining_s": 59.0,
    "value": 60.0,
    "where": "",
}
GOOD = {
    "version": 1,
    "pack": "left",
    "cells": 16,
    "design_capacity_ah": 100,
    "soc_percent": 60.0,
    "soc_sigma_percent": 3.0,
    "soc_basis": "counting since a full charge",
    "full": False,
    "charged_ah": 1.0,
    "discharged_ah": 2.0,
    "trips": [TRIP],
}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("version", 3, "its version is 3, this program reads 1 and 2"),
        ("version", True, "version"),
        ("version", None, "version"),
        ("pack", "right", "it is of pack 'right'"),
        ("cells", 15, "cells was 15 and is now 16"),
        ("design_capacity_ah", 280, "design_capacity_ah was 280 and is now 100"),
        ("soc_percent", math.nan, "soc_percent = nan is outside 0..100"),
        ("soc_percent", 101, "outside"),
        ("soc_percent", "60", "not a number"),
        ("soc_percent", True, "not a number"),
        ("soc_sigma_percent", None, "not a number"),
        ("soc_basis", 1, "damaged"),
        ("full", "yes", "damaged"),
        ("charged_ah", math.inf, "outside"),
        ("discharged_ah", -1.0, "outside"),
        ("estimate", [], "estimate is damaged"),
        ("estimate", {}, "estimate.cells is damaged"),
        ("trips", None, "trips is damaged"),
        ("trips", [1], "no known protection"),
        ("trips", [{**TRIP, "rule": "x"}], "no known protection"),
        ("trips", [{**TRIP, "rule": ["x"]}], "no known protection"),
        ("trips", [{**TRIP, "where": None}], "damaged"),
        ("trips", [{**TRIP, "held_s": -1.0}], "outside"),
        ("trips", [{**TRIP, "remaining_s": 61.0}], "outside"),
        ("trips", [{**TRIP, "value": None}], "not a number"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_with_the_reason(key, value, says) -> None:
    engine = Bench().engine
    engine.restore(GOOD, 0.0, 0.0)
    with pytest.raises(ValueError, match=says):
        engine.restore({**GOOD, key: value}, 0.0, 0.0)


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_record_that_lacks_something_is_refused_or_knows_no_soc(key: str) -> None:
    engine = Bench().engine
    lacking = {k: v for k, v in GOOD.items() if k != key}
    if key == "soc_percent":
        assert engine.restore(lacking, 0.0, 0.0).gauge.soc_percent is None
    else:
        with pytest.raises(ValueError):  # noqa: PT011  # the table above has the words
            engine.restore(lacking, 0.0, 0.0)


def test_an_engine_that_failed_gives_a_safe_state() -> None:
    bench = Bench()
    bench.settle(60)
    state = bench.engine.failed(bench.memory, bench.now_s + 1, "ZeroDivisionError: x")
    assert state.phase is PackPhase.LOST
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert (state.charge_allowed, state.discharge_allowed) == (False, False)
    assert state.reading is None
    (alarm,) = state.alarms
    assert (alarm.kind, alarm.severity) == (AlarmKind.BMS_INTERNAL, Severity.PROTECTION)
    assert alarm.where == "ZeroDivisionError: x"
    assert state.limits.charge_current.binding.text == (
        "the engine failed, ZeroDivisionError: x; clears when the engine works again"
    )


def test_a_state_tells_the_chemistry_and_the_parameters_it_was_judged_by_even_when_lost() -> None:
    bench = Bench()
    online, lost = bench.hear(), bench.wait(10.0)
    assert (online.chemistry, lost.chemistry) == ("LiFePO4", "LiFePO4")
    assert online.parameters == lost.parameters == parameters()
