"""Calibration is refused wherever a wrong entry could become a wrong measurement."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.engine.calibration import (
    refuse_current,
    refuse_total,
    refuse_voltage,
    refuse_zero,
)
from cellwarden.model import PackPhase, PackState
from support.states import pack_state


def pack(**changes: object) -> PackState:
    """Cells that add up to 52.30 V, both MOSFETs off, no current."""
    state = pack_state()
    values = {
        "cell_voltages_v": (3.26875,) * 16,
        "voltage_v": 52.30,
        "current_a": 0.0,
        "charge_fet_on": False,
        "discharge_fet_on": False,
        **changes,
    }
    return replace(state, reading=replace(state.reading, **values), cell_sum_v=52.30)


def flowing(*amps: float | None) -> list[PackState]:
    return [pack(current_a=a, charge_fet_on=True, discharge_fet_on=True) for a in amps]


@pytest.mark.requirement("R42")
def test_a_small_correction_of_the_voltage_is_allowed() -> None:
    assert refuse_voltage(52.90, [pack()]) is None
    assert refuse_voltage(51.70, [pack()]) is None


@pytest.mark.requirement("R42")
def test_a_slip_of_the_decimal_point_is_refused_with_what_was_meant() -> None:
    why = refuse_voltage(5.23, [pack()])
    assert why is not None
    assert "-90.0 %" in why
    assert "was 52.3 V meant?" in why


@pytest.mark.requirement("R42")
@pytest.mark.parametrize("volts", [53.40, 51.20, 523.0, 0.0, -52.3, math.nan, math.inf])
def test_a_correction_beyond_two_percent_is_refused(volts: float) -> None:
    assert refuse_voltage(volts, [pack()]) is not None


@pytest.mark.requirement("R42")
def test_corrections_in_small_steps_end_at_the_sum_of_the_cells() -> None:
    walked = pack(voltage_v=53.20)
    assert "its cells add up to 52.30 V" in str(refuse_voltage(53.60, [walked]))


@pytest.mark.requirement("R42")
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"current_a": 3.0}, "+3.0 A"),
        ({"current_a": None}, "unknown"),
        ({"charge_fet_on": True}, "charge MOSFET is on"),
        ({"discharge_fet_on": True}, "discharge MOSFET is on"),
        ({"discharge_fet_on": None}, "does not tell"),
        ({"voltage_v": None}, "no pack voltage"),
    ],
)
def test_the_voltage_is_calibrated_only_at_rest_with_both_switches_off(
    changes: dict[str, object], word: str
) -> None:
    assert word in str(refuse_voltage(52.35, [pack(**changes)]))


def test_a_pack_that_does_not_answer_is_not_calibrated() -> None:
    lost = replace(pack(), phase=PackPhase.LOST, reading=None)
    for why in (
        refuse_voltage(52.3, [lost]),
        refuse_current(20, [lost], 200),
        refuse_zero([lost], 200),
        refuse_zero([], 200),
    ):
        assert "does not answer" in str(why)


@pytest.mark.requirement("R43")
def test_a_steady_current_is_calibrated() -> None:
    assert refuse_current(20.6, flowing(20.0, 20.1, 20.0), 200) is None
    assert refuse_current(-20.6, flowing(-20.0, -20.1, -20.0), 200) is None


@pytest.mark.requirement("R43")
@pytest.mark.parametrize(
    ("true_a", "amps", "word"),
    [
        (9.9, (10.1, 10.1, 10.1), "at least 10.0 A"),
        (10.1, (9.9, 9.9, 9.9), "at least 10.0 A"),
        (20.0, (20.0, 25.0, 20.0), "steady"),
        (20.0, (-20.0, -20.0, -20.0), "other sign"),
        (23.0, (20.0, 20.0, 20.0), "+15.0 %"),
        (200.0, (20.0, 20.0, 20.0), "was 20 A meant?"),
        (20.0, (20.0, 20.0), "3 readings"),
        (20.0, (20.0, None, 20.0, 20.0), "3 readings"),
        (math.nan, (20.0, 20.0, 20.0), "enter"),
    ],
)
def test_a_current_that_tells_no_gain_is_refused(
    true_a: float, amps: tuple[float | None, ...], word: str
) -> None:
    assert word in str(refuse_current(true_a, flowing(*amps), 200))


@pytest.mark.requirement("R43")
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "None"),
        ({"current_a": 0.9}, "None"),
        ({"current_a": 4.1}, "more than a zero"),
        ({"current_a": None}, "no current"),
        ({"charge_fet_on": True}, "charge MOSFET is on"),
        ({"discharge_fet_on": None}, "does not tell"),
    ],
)
def test_the_zero_is_adjusted_only_with_both_switches_open(
    changes: dict[str, object], word: str
) -> None:
    assert word in str(refuse_zero([pack(**changes)], 200))


@pytest.mark.requirement("R42")
@given(st.floats())
def test_no_entry_moves_the_voltage_by_more_than_two_percent(true_v: float) -> None:
    if refuse_voltage(true_v, [pack()]) is None:
        assert 52.30 * 0.98 <= true_v <= 52.30 * 1.02


@pytest.mark.requirement("R43")
@given(st.floats(), st.lists(st.one_of(st.none(), st.floats(-250, 250)), max_size=5))
def test_no_entry_turns_the_current_round_or_changes_it_by_a_tenth(
    true_a: float, amps: list[float | None]
) -> None:
    if refuse_current(true_a, flowing(*amps), 200) is None:
        mean_a = sum(a for a in amps if a is not None) / len(amps)
        assert 0.9 <= true_a / mean_a <= 1.1


@pytest.mark.requirement("R42")
def test_small_steps_do_not_add_up_to_a_large_calibration() -> None:
    steps = [(52.0, 53.0)]
    assert refuse_total(53.5, 53.0, steps, 3.0) is None  # 2.9 % in all
    steps.append((53.0, 53.5))
    why = refuse_total(54.0, 53.5, steps, 3.0)
    assert why is not None
    assert "with 2 calibrations before it this would move the BMS by +3.8 %" in why


@pytest.mark.requirement("R42")
def test_a_calibration_back_towards_the_delivered_one_is_allowed() -> None:
    assert refuse_total(52.0, 54.0, [(50.0, 54.0)], 3.0) is None  # from 8 % to 4 %
    assert refuse_total(55.0, 54.0, [(50.0, 54.0)], 3.0) is not None


@pytest.mark.requirement("R43")
@given(st.lists(st.floats(0.9, 1.1), max_size=20))
def test_whatever_the_steps_the_current_stays_within_twelve_percent(factors: list[float]) -> None:
    shown, done = 50.0, []
    for factor in factors:
        if refuse_total(50.0 * factor, 50.0, done, 12.0) is None:
            done.append((50.0, 50.0 * factor))
            shown *= factor
    assert 0.88 <= shown / 50.0 <= 1.12
