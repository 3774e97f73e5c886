"""Single values that are not believed: ranges, jumps and hold times, both sides of every number."""

import math

import pytest

from cellwarden.engine.suspects import CELLS, SENSORS, WIRES, Suspect, Trial, channels, shown
from cellwarden.model import preset
from support.packs import parameters

BY_FIELD = {channel.field: channel for channel in channels(parameters())}


def test_what_is_believable_of_a_pack_of_16_cells_and_100_ah() -> None:
    told = {c.field: (c.what, c.unit, c.low, c.high, c.jump) for c in channels(parameters())}
    assert told == {
        "voltage_v": ("voltage", "V", 16.0, 80.0, None),
        "current_a": ("current", "A", -400.0, 400.0, None),
        "mos_temperature_c": ("MOSFET", "°C", -40.0, 150.0, None),
        "soc_percent": ("SoC", "%", 0.0, 100.0, None),
        "soh_percent": ("SoH", "%", 0.0, 100.0, None),
        "capacity_ah": ("capacity", "Ah", 30.0, 150.0, None),
        "remaining_ah": ("remaining charge", "Ah", 0.0, 150.0, None),
        "cycles": ("cycles", "", 0.0, 1e6, None),
        "cycle_charge_ah": ("cycle charge", "Ah", 0.0, 1e9, None),
        "runtime_s": ("runtime", "s", 0.0, 1e11, None),
        "balance_current_a": ("balance current", "A", -100.0, 100.0, None),
    }


def test_the_largest_current_is_four_times_the_larger_setting_and_200_a_at_least() -> None:
    small = preset("LiFePO4", cell_count=16, design_capacity_ah=20)
    assert channels(small)[1][3:5] == (-200.0, 200.0)
    charges = parameters(charge_current_max_a=90.0, discharge_current_max_a=60.0)
    assert channels(charges)[1][3:5] == (-360.0, 360.0)


def suspect(what: str, value: float, last_s: float = 99.0, since_s: float = 99.0) -> Suspect:
    return Suspect(what, value, "V", "so", since_s, last_s)


# Single numbers


@pytest.mark.parametrize("value", [0.0, 100.0, 50, 100])
def test_the_ends_of_a_range_are_believed(value: float) -> None:
    trial = Trial((), 100.0)
    assert trial.scalar(BY_FIELD["soc_percent"], value) == value
    assert trial.suspects == []


@pytest.mark.parametrize("value", [-0.001, 100.001, math.nan, math.inf, -math.inf])
def test_beyond_the_range_it_is_none_and_a_suspect_with_its_reason(value: float) -> None:
    trial = Trial((), 100.0)
    assert trial.scalar(BY_FIELD["soc_percent"], value) is None
    (found,) = trial.suspects
    assert (found.what, found.unit, found.why) == ("SoC", "%", "it is outside 0..100 %")
    assert (found.since_s, found.last_s) == (100.0, 100.0)


def test_a_range_without_a_unit_is_told_without_one() -> None:
    trial = Trial((), 100.0)
    trial.scalar(BY_FIELD["cycles"], -1)
    assert trial.suspects[0].why == "it is outside 0..1e+06"


def test_it_is_suspect_since_it_was_first_bad() -> None:
    trial = Trial((suspect("SoC", 120.0, 99.0, 90.0),), 100.0)
    assert trial.scalar(BY_FIELD["soc_percent"], 130.0) is None
    assert trial.suspects == [Suspect("SoC", 130.0, "%", "it is outside 0..100 %", 90.0, 100.0)]


@pytest.mark.parametrize(("bad_s", "believed"), [(0.0, True), (0.01, False), (0.7, False)])
def test_good_again_it_is_believed_after_its_hold_time(bad_s: float, believed: bool) -> None:
    before = suspect("SoC", 120.0, bad_s)
    trial = Trial((before,), 0.8)
    assert trial.scalar(BY_FIELD["soc_percent"], 50.0) == (50.0 if believed else None)
    assert trial.suspects == ([] if believed else [before])


def test_a_suspect_of_another_number_holds_nothing_up() -> None:
    trial = Trial((suspect("SoH", 120.0, 99.9),), 100.0)
    assert trial.scalar(BY_FIELD["soc_percent"], 50.0) == 50.0
    assert trial.suspects == []


# Series


def cells(values: tuple, last: tuple = (), jump: float | None = None, *before: Suspect):
    trial = Trial(before, 0.8)
    return trial.series(CELLS, values, last, jump), [(s.what, s.why) for s in trial.suspects]


def test_the_very_same_series_comes_back_if_all_is_good() -> None:
    values = (1.0, 5.0, 3.3, None)
    trial = Trial((), 100.0)
    assert trial.series(CELLS, values, (), None) is values
    assert trial.series(CELLS, values, (1.2, 4.8, 3.3, 3.3), 0.5) is values
    whole = (1.0, 5.0)
    assert trial.series(CELLS, whole, (), None) is whole
    assert trial.series(CELLS, (), (), None) == ()


@pytest.mark.parametrize("bad", [0.999, 5.001, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("jump", [None, 0.5])
def test_one_bad_value_of_a_series_is_none_and_named_by_its_number(bad: float, jump) -> None:
    for others in ((3.3, 3.3), (3.3, None)):
        values = (others[0], bad, others[1])
        told, why = cells(values, (3.3, 3.3, 3.3), jump)
        assert told == (others[0], None, others[1])
        assert why == [("cell 2", "it is outside 1..5 V")]


@pytest.mark.parametrize("now_v", [3.801, 2.799])
def test_a_jump_is_not_believed_the_first_time(now_v: float) -> None:
    told, why = cells((3.3, now_v), (3.3, 3.3), 0.5)
    assert (told, why) == ((3.3, None), [("cell 2", "it jumped from 3.300 V")])
    assert cells((3.3, now_v), (3.3, 3.3), None) == ((3.3, now_v), [])


@pytest.mark.parametrize("now_v", [3.75, 2.75])
def test_half_a_volt_is_no_jump(now_v: float) -> None:
    assert cells((3.3, now_v), (3.3, 3.25), 0.5) == ((3.3, now_v), [])


def test_without_a_last_value_nothing_has_jumped() -> None:
    assert cells((3.3, 4.5), (3.3, None), 0.5) == ((3.3, 4.5), [])
    assert cells((3.3, 4.5), (3.3,), 0.5) == ((3.3, 4.5), [])
    assert cells((4.5, 3.3), (3.3,), 0.5, suspect("cell 9", 0.0))[0] == (None, 3.3)


@pytest.mark.parametrize(
    ("now_v", "since_s", "believed"),
    [
        (3.9, 0.0, True),
        (3.999, 0.0, True),
        (3.801, 0.0, True),
        (4.001, 0.0, False),
        (3.9, 0.01, False),  # within the hold time
    ],
)
def test_a_jump_that_comes_again_within_100_mv_is_believed(
    now_v: float, since_s: float, believed: bool
) -> None:
    before = suspect("cell 2", 3.9, 0.7, since_s)
    told, why = cells((3.3, now_v), (3.3, 3.3), 0.5, before)
    assert told == (3.3, now_v if believed else None)
    assert why == ([] if believed else [("cell 2", "it jumped from 3.300 V")])


def test_sensors_and_wires_have_names_and_ranges_of_their_own() -> None:
    trial = Trial((), 100.0)
    assert trial.series(SENSORS, (-40.0, 120.0, 120.1), (), None) == (-40.0, 120.0, None)
    assert trial.series(WIRES, (0.0, 2000.0, 2000.1), (), None) == (0.0, 2000.0, None)
    assert [s.what for s in trial.suspects] == ["T3", "wire 3"]
    assert SENSORS.jump == 20.0
    assert CELLS.jump == 0.5


# What people see


def test_a_quarantine_tells_the_value_and_when_it_may_be_believed_again() -> None:
    told = Suspect("cell 7", 5.2, "V", "so", 90.0, 100.0).quarantine()
    assert (told.what, told.value, told.measured, told.why) == ("cell 7", "5.200 V", 5.2, "so")
    assert (told.since_s, told.until_s) == (90.0, pytest.approx(100.8))


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e9, -1e9])
def test_what_is_no_measurement_is_told_in_words_only(value: float) -> None:
    told = Suspect("cell 7", value, "V", "so", 90.0, 100.0).quarantine()
    assert told.measured is None
    assert told.value == ("not a number" if math.isnan(value) else "beyond all range")
    assert shown(9.9e8, "A") == "990000000.0 A"
