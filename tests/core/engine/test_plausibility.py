"""What of a reading is believed: one test a check, and what follows while an input is unknown."""

import math

import pytest

from cellwarden.model import AlarmKind, Limits, PackPhase, PackState, Severity
from support.packs import CELLS, Bench, all_cells, with_cell


def settled(**changes: object) -> Bench:
    bench = Bench()
    bench.settle(60, **changes)
    return bench


def currents(state: PackState) -> tuple[float, float]:
    return state.limits.ccl_a, state.limits.dcl_a


def alarms(state: PackState) -> set[tuple[AlarmKind, Severity]]:
    return {(a.kind, a.severity) for a in state.alarms}


LOST = (AlarmKind.BALANCE_WIRE_OPEN, Severity.PROTECTION)
BROKEN = (AlarmKind.IMPLAUSIBLE_DATA, Severity.PROTECTION)

BAD_NUMBERS = [math.nan, math.inf, -math.inf, 1e300]

SCALARS = [
    # field, just good, just bad
    ("voltage_v", None, 15.9),
    ("voltage_v", None, 80.1),
    ("current_a", 400.0, 400.1),
    ("current_a", -400.0, -400.1),
    ("mos_temperature_c", 150.0, 150.1),
    ("mos_temperature_c", -40.0, -40.1),
    ("soc_percent", 100.0, 100.1),
    ("soc_percent", 0.0, -0.1),
    ("soh_percent", 100.0, 100.1),
    ("capacity_ah", 30.0, 29.9),
    ("capacity_ah", 150.0, 1000.0),
    ("remaining_ah", 150.0, 151.0),
    ("cycles", 1_000_000, 1_000_001),
    ("cycle_charge_ah", 1e9, 1.1e9),
    ("runtime_s", 1e11, 1.1e11),
    ("balance_current_a", -100.0, -101.0),
]


@pytest.mark.parametrize(("field", "good", "bad"), SCALARS)
def test_a_number_outside_its_range_is_not_believed(field: str, good, bad) -> None:
    if good is not None:
        assert getattr(settled().hear(**{field: good}).reading, field) == good
    state = settled().hear(**{field: bad})
    assert state.phase is PackPhase.ONLINE
    assert getattr(state.reading, field) is None
    assert len(state.quarantined) == 1


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("field", sorted({row[0] for row in SCALARS}))
def test_what_is_no_finite_number_is_not_believed(field: str, bad: float) -> None:
    assert getattr(settled().hear(**{field: bad}).reading, field) is None


def test_a_quarantined_value_says_what_it_was_why_and_for_how_long() -> None:
    bench = settled()
    (quarantine,) = bench.hear(current_a=math.nan).quarantined
    assert (quarantine.what, quarantine.value) == ("current", "not a number")
    assert quarantine.why == "it is outside -400..400 A"
    assert quarantine.since_s == bench.now_s
    assert quarantine.until_s == pytest.approx(bench.now_s + 0.8)
    (quarantine,) = settled().hear(current_a=1e12).quarantined
    assert quarantine.value == "beyond all range"
    (quarantine,) = settled().hear(soc_percent=130.0).quarantined
    assert quarantine.value == "130.0 %"


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("bad", [0.0, 0.999, 5.001, -3.3, *BAD_NUMBERS])
def test_a_bad_cell_is_ignored_once_and_a_fault_the_second_time(bad: float) -> None:
    bench = settled()
    changes = {"cell_voltages_v": (3.3,) * 6 + (bad,) + (3.3,) * 9}
    state = bench.hear(**changes)
    assert state.reading.cell_voltages_v[6] is None
    assert state.cell_sum_v is None
    assert state.cell_min.voltage_v == 3.3
    assert LOST not in alarms(state)
    assert currents(state) == (50, 100)
    state = bench.hear(**changes)
    assert LOST in alarms(state)
    assert state.error_codes == (9,)
    assert next(a.where for a in state.alarms) == "cell 7"
    assert currents(state) == (0, 0)


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("edge", [1.0, 5.0])
def test_the_ends_of_the_measuring_range_are_believed(edge: float) -> None:
    assert Bench().hear(**all_cells(edge)).reading.cell_voltages_v == (edge,) * 16


def test_after_a_bad_cell_the_next_good_reading_is_believed_at_1_hz() -> None:
    bench = settled()
    bench.hear(cell_voltages_v=(0.0,) + (3.3,) * 15)
    state = bench.hear()
    assert state.reading.cell_voltages_v == CELLS
    assert state.quarantined == ()


def test_a_bad_value_is_not_believed_again_before_its_hold_time() -> None:
    bench = settled()
    bench.hear(current_a=math.nan)
    assert bench.hear(0.3).reading.current_a is None
    assert bench.hear(0.3).reading.current_a is None
    assert bench.hear(0.3).reading.current_a == 0.0


def test_a_cell_that_is_not_told_blocks_both_after_the_age_that_a_reading_may_have() -> None:
    bench = settled()
    changes = {"cell_voltages_v": (None,) + (3.3,) * 15}
    for _ in range(4):
        assert currents(bench.hear(**changes)) == (50, 100)
    state = bench.hear(**changes)
    assert currents(state) == (0, 0)
    assert state.limits.charge_current.binding.source == "cell 1"


def test_no_cells_at_all_blocks_both() -> None:
    bench = settled()
    bench.settle(5, cell_voltages_v=())
    assert currents(bench.state) == (0, 0)
    assert bench.state.alarms[0].where == "all cells"


def test_a_pack_that_never_told_a_cell_is_never_allowed_anything() -> None:
    bench = Bench()
    for _ in range(30):
        assert currents(bench.hear(cell_voltages_v=(*CELLS[:15], None))) == (0, 0)


def test_while_a_cell_is_unknown_no_limit_rises() -> None:
    bench = Bench()
    bench.settle(5)
    before = bench.state.limits
    state = bench.hear(cell_voltages_v=(*CELLS[:15], None))
    assert 0 < before.ccl_a == state.limits.ccl_a < 50
    assert 0 < before.dcl_a == state.limits.dcl_a < 100
    assert state.limits.charge_current.binding.rule == "not raised while an input is unknown"
    assert bench.hear().limits.ccl_a > before.ccl_a


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("count", [15, 17, 1])
def test_a_wrong_cell_count_is_ignored_once_then_nothing_is_allowed(count: int) -> None:
    bench = settled()
    changes = {"cell_voltages_v": (3.3,) * count}
    assert currents(bench.hear(**changes)) == (50, 100)
    state = bench.hear(**changes)
    assert (AlarmKind.CELL_COUNT, Severity.PROTECTION) in alarms(state)
    assert state.alarms[0].where == f"{count} cells"
    assert currents(state) == (0, 0)
    assert state.reading.cell_voltages_v == ()
    state = bench.settle(30)
    assert currents(state) == (50, 100)


def test_a_single_cell_that_jumps_is_believed_when_it_comes_again() -> None:
    bench = settled()
    jumped = {**with_cell(5, 2.7), "voltage_v": 52.8}
    state = bench.hear(**jumped)
    assert state.reading.cell_voltages_v[4] is None
    assert state.quarantined[0].why == "it jumped from 3.300 V"
    assert bench.hear(**jumped).reading.cell_voltages_v[4] == 2.7


def test_a_cell_that_jumps_elsewhere_each_time_is_not_believed() -> None:
    bench = settled()
    for voltage_v in (2.7, 4.0, 2.6, 4.1):
        state = bench.hear(**{**with_cell(5, voltage_v), "voltage_v": 52.8})
        assert state.reading.cell_voltages_v[4] is None


def test_a_jump_is_not_confirmed_within_the_hold_time() -> None:
    bench = settled()
    jumped = {**with_cell(5, 2.7), "voltage_v": 52.8}
    bench.hear(**jumped)
    assert bench.hear(0.3, **jumped).reading.cell_voltages_v[4] is None


def test_a_jump_that_the_pack_voltage_shows_too_is_believed_at_once() -> None:
    assert settled().hear(**with_cell(5, 2.7)).reading.cell_voltages_v[4] == 2.7


def test_a_change_of_half_a_volt_is_no_jump() -> None:
    state = settled().hear(**{**with_cell(5, 2.81), "voltage_v": 52.8})
    assert state.reading.cell_voltages_v[4] == 2.81


def test_after_a_long_silence_nothing_is_called_a_jump() -> None:
    bench = settled()
    bench.wait(10)
    state = bench.hear(**{**with_cell(5, 2.7), "voltage_v": 52.8})
    assert state.reading.cell_voltages_v[4] == 2.7


def test_a_pack_voltage_3_percent_off_is_not_believed_and_twice_stops_both() -> None:
    bench = settled()
    state = bench.hear(voltage_v=50.0)
    assert state.reading.voltage_v is None
    assert state.quarantined[0].why == "it is 5.6 % off the sum of the cells"
    assert currents(state) == (50, 100)
    state = bench.hear(voltage_v=50.0)
    assert BROKEN in alarms(state)
    assert currents(state) == (0, 0)
    bench.settle(3)
    assert alarms(bench.state) == set()


def test_power_uses_the_sum_of_the_cells_where_the_pack_voltage_is_unknown() -> None:
    assert settled().hear(voltage_v=None, current_a=10.0).power_w == pytest.approx(528.0)


@pytest.mark.requirement("R25")
@pytest.mark.parametrize("bad", [-40.1, 120.1, *BAD_NUMBERS, None])
def test_one_sensor_of_two_that_goes_is_a_warning_and_the_other_one_rules(bad) -> None:
    bench = settled()
    bench.settle(5, temperatures_c=(25.0, bad))
    assert alarms(bench.state) == {(AlarmKind.TEMPERATURE_SENSOR, Severity.WARNING)}
    assert bench.state.alarms[0].where == "T2"
    assert currents(bench.state) == (50, 100)


@pytest.mark.requirement("R25")
@pytest.mark.parametrize("gone", [(None, None), (), (math.nan, 200.0)])
def test_the_loss_of_every_sensor_stops_charging_only(gone) -> None:
    bench = settled()
    bench.settle(5, temperatures_c=gone)
    assert (AlarmKind.TEMPERATURE_SENSOR, Severity.PROTECTION) in alarms(bench.state)
    assert currents(bench.state) == (0, 100)


@pytest.mark.requirement("R25")
def test_a_sensor_that_was_never_fitted_is_no_fault() -> None:
    bench = settled(temperatures_c=(25.0, None))
    assert bench.state.alarms == ()
    assert currents(bench.state) == (50, 100)
    bench = settled(temperatures_c=())
    assert bench.state.alarms == ()
    assert bench.state.temperature_max is None
    assert currents(bench.state) == (50, 100)


@pytest.mark.requirement("R25")
def test_a_sensor_that_is_shorted_from_the_start_is_a_fault_and_an_open_one_was_never_fitted() -> (
    None
):
    """F19: to a BMS an open sensor and none at all are the same."""
    bench = settled(temperatures_c=(25.0, 180.0))
    assert alarms(bench.state) == {(AlarmKind.TEMPERATURE_SENSOR, Severity.WARNING)}
    assert bench.state.alarms[0].where == "T2"
    bench = settled(temperatures_c=(25.0, -60.0))
    assert bench.state.alarms == ()
    bench = settled(temperatures_c=(180.0, 180.0))
    assert currents(bench.state) == (0, 100)


def test_a_sensor_that_steps_by_30_kelvin_is_not_believed_at_first() -> None:
    bench = settled()
    state = bench.hear(temperatures_c=(55.0, 25.0))
    assert state.reading.temperatures_c == (None, 25.0)
    assert state.temperature_max.temperature_c == 25.0


def test_a_sensor_may_be_one_of_many() -> None:
    bench = settled(temperatures_c=(25.0,) * 40)
    state = bench.hear(temperatures_c=(25.0,) * 39 + (27.0,))
    assert state.temperature_max.sensor == "T40"


def test_a_lost_mosfet_sensor_halves_both() -> None:
    bench = settled()
    bench.settle(5, mos_temperature_c=None)
    assert alarms(bench.state) == {(AlarmKind.TEMPERATURE_SENSOR, Severity.WARNING)}
    assert currents(bench.state) == (25, 50)
    assert bench.state.limits.charge_current.binding.rule == "MOSFET temperature is unknown"


def test_no_mosfet_sensor_at_all_is_no_fault() -> None:
    bench = settled(mos_temperature_c=None)
    assert bench.state.alarms == ()
    assert currents(bench.state) == (50, 100)


def test_an_unknown_current_halves_both_and_warns() -> None:
    bench = settled(current_a=None)
    assert alarms(bench.state) == {(AlarmKind.CURRENT_SENSOR, Severity.WARNING)}
    assert currents(bench.state) == (25, 50)


def test_unknown_wire_resistances_are_left_out() -> None:
    state = settled().hear(wire_resistances_ohm=(0.1, math.nan, -1.0, None, 2000.0))
    assert state.reading.wire_resistances_ohm == (0.1, None, None, None, 2000.0)


def test_two_faults_of_one_kind_share_an_alarm_that_names_both() -> None:
    bench = settled()
    bench.settle(5, cell_voltages_v=(None,) + (3.3,) * 15)
    since_s = bench.state.alarms[0].since_s
    bench.settle(2, cell_voltages_v=(None, None) + (3.3,) * 14)
    (alarm,) = bench.state.alarms
    assert alarm.where == "cell 1, cell 2"
    assert alarm.since_s == since_s


def test_a_cell_that_is_not_told_and_one_that_is_nonsense_are_two_faults() -> None:
    bench = settled()
    bench.settle(5, cell_voltages_v=(None, 0.0) + (3.3,) * 14)
    assert {(a.kind, a.where) for a in bench.state.alarms} == {
        (AlarmKind.IMPLAUSIBLE_DATA, "cell 1"),
        (AlarmKind.BALANCE_WIRE_OPEN, "cell 2"),
    }


def lost(count: int) -> dict[str, object]:
    return {"cell_voltages_v": (0.0,) * count + (3.3,) * (16 - count)}


def test_a_frame_with_a_quarter_of_its_cells_wrong_is_refused_once_as_a_whole() -> None:
    """F45: garbage with a right checksum."""
    bench = settled()
    state = bench.hear(**lost(4))
    assert state.reading.cell_voltages_v == (3.3,) * 16
    assert state.age_s == 1.0
    assert state.quarantined[-1].why == "too much of it cannot be"
    assert bench.hear().alarms == ()


def test_cells_that_stay_lost_are_believed_to_be_lost_in_every_reading() -> None:
    bench = settled()
    bench.settle(3, **lost(4))
    for _ in range(10):
        state = bench.hear(**lost(4))
        assert state.age_s == 0.0  # none of them is refused any more
        assert LOST in alarms(state)
        assert currents(state) == (0, 0)


def test_a_quarter_of_the_cells_that_fails_at_once_is_a_fault_with_the_second_reading() -> None:
    """F45 beside F5: the refused frame counts as the first time."""
    bench = settled()
    bench.hear(**lost(4))
    state = bench.hear(**lost(4))
    assert LOST in alarms(state)
    assert currents(state) == (0, 0)


def test_a_garbled_frame_is_refused_beside_a_cell_that_is_known_to_be_wrong() -> None:
    """F45, with an open wire all the time."""
    bench = settled()
    cells = [3.3] * 16
    cells[5:7] = 3.9, 2.7
    bench.settle(10, cell_voltages_v=tuple(cells), voltage_v=52.8)
    state = bench.hear(**lost(8))
    assert state.age_s == 1.0
    assert state.quarantined[-1].why == "too much of it cannot be"


def test_after_a_garbled_frame_another_cell_is_still_ignored_once() -> None:
    bench = settled()
    bench.hear(**lost(8))
    state = bench.hear(**lost(1))
    assert alarms(state) == set()
    assert currents(state) == (50, 100)


def test_three_cells_at_once_are_cells_and_no_garbage() -> None:
    assert settled().hear(**lost(3)).reading.cell_voltages_v[:4] == (None, None, None, 3.3)


@pytest.mark.requirement("X14")
def test_the_mosfet_s_temperature_is_none_of_the_battery_s() -> None:
    state = settled(mos_temperature_c=60.0)
    assert state.state.temperature_max.temperature_c == 25.0
    assert state.state.reading.mos_temperature_c == 60.0


@pytest.mark.requirement("R32")
@pytest.mark.requirement("X18")
def test_the_total_voltage_is_the_sum_of_the_cells() -> None:
    state = settled(cell_voltages_v=(3.3,) * 15 + (3.2,), voltage_v=52.7).state
    assert state.cell_sum_v == pytest.approx(52.7)


REFUSED = [
    ({"pack": "right"}, "it is of pack right"),
    ({"heard_s": 1e9}, "it was not heard in the past"),
    ({"heard_s": math.nan}, "it was not heard in the past"),
    (
        {"cell_voltages_v": (), "voltage_v": None, "current_a": None},
        "nothing in it can be believed",
    ),
    (
        {"cell_voltages_v": (math.nan,) * 16, "voltage_v": math.inf, "current_a": math.nan},
        "nothing in it can be believed",
    ),
]


@pytest.mark.parametrize(("changes", "why"), REFUSED)
def test_a_reading_that_is_refused_as_a_whole_leaves_the_age_running(changes, why: str) -> None:
    bench = settled()
    heard_s = bench.now_s
    state = bench.hear(**changes)
    assert state.age_s == pytest.approx(1.0)
    assert state.quarantined[0].why == why
    assert state.reading.heard_s == heard_s
    bench.hear(**changes)
    state = bench.hear(**changes)
    assert len(state.quarantined) == 1
    assert state.quarantined[0].since_s == heard_s + 1
    assert bench.hear(**changes).phase is PackPhase.LOST


def test_the_first_reading_ever_may_be_too_old() -> None:
    bench = Bench()
    state = bench.hear(10.0, heard_s=1001.0)
    assert state.phase is PackPhase.WAITING
    assert state.quarantined[0].why == "it is too old"


def test_a_duplicate_and_an_older_reading_are_not_news() -> None:
    bench = settled()
    heard_s = bench.now_s
    state = bench.hear(heard_s=heard_s, current_a=50.0)
    assert state.reading.current_a == 0.0
    state = bench.hear(heard_s=heard_s - 0.5, current_a=50.0)
    assert state.reading.current_a == 0.0
    assert state.age_s == pytest.approx(2.0)


def test_a_good_reading_is_passed_on_as_it_is() -> None:
    bench = settled()
    bench.hear()
    assert bench.state.reading.cell_voltages_v is CELLS
    assert isinstance(bench.state.limits, Limits)
