"""Why a calibration is refused, word by word, and both sides of every bound; a board of 200 A."""

from dataclasses import replace

import pytest

from cellwarden.engine.calibration import refuse_current, refuse_total, refuse_voltage, refuse_zero
from cellwarden.model import PackPhase, PackState
from support.states import pack_state

NO_READING = "the pack does not answer: there is nothing to compare with"


def pack(cell_sum_v: float | None = 50.0, **changes: object) -> PackState:
    """A pack of 50.00 V at rest, both MOSFETs off."""
    state = pack_state()
    off = {
        "voltage_v": 50.0, "current_a": 0.0, "charge_fet_on": False, "discharge_fet_on": False,
    }  # fmt: skip
    return replace(state, reading=replace(state.reading, **(off | changes)), cell_sum_v=cell_sum_v)


def flowing(*amps: float | None) -> list[PackState]:
    return [pack(current_a=a) for a in amps]


# Voltage


@pytest.mark.parametrize("true_v", [50.999, 49.001, 50.0])
def test_a_correction_of_2_percent_is_allowed(true_v: float) -> None:
    assert refuse_voltage(true_v, [pack()]) is None


@pytest.mark.parametrize(
    ("true_v", "why"),
    [
        (
            51.01,
            (
                "51.01 V is a correction of +2.0 %, the BMS shows 50.00 V; more than 2 % is a"
                " mistake or a fault"
            ),
        ),
        (
            48.0,
            (
                "48 V is a correction of -4.0 %, the BMS shows 50.00 V; more than 2 % is a"
                " mistake or a fault"
            ),
        ),
        (
            5.05,
            (
                "5.05 V is a correction of -89.9 %, the BMS shows 50.00 V; more than 2 % is a"
                " mistake or a fault; was 50.5 V meant?"
            ),
        ),
        (
            505.0,
            (
                "505 V is a correction of +910.0 %, the BMS shows 50.00 V; more than 2 % is a"
                " mistake or a fault; was 50.5 V meant?"
            ),
        ),
        (
            0.5,
            (
                "0.5 V is a correction of -99.0 %, the BMS shows 50.00 V; more than 2 % is a"
                " mistake or a fault; was 50 V meant?"
            ),
        ),
        (
            5000.0,
            (
                "5000 V is a correction of +9900.0 %, the BMS shows 50.00 V; more than 2 % is a"
                " mistake or a fault; was 50 V meant?"
            ),
        ),
        (0.0, "enter the pack voltage in V as the meter at the battery terminals shows it"),
        (-1.0, "enter the pack voltage in V as the meter at the battery terminals shows it"),
        (
            float("inf"),
            "enter the pack voltage in V as the meter at the battery terminals shows it",
        ),
    ],
)
def test_a_voltage_further_off_is_refused_with_what_was_probably_meant(
    true_v: float, why: str
) -> None:
    assert refuse_voltage(true_v, [pack()]) == why


def test_it_must_fit_the_sum_of_the_cells_too_where_that_is_known() -> None:
    walked = pack(voltage_v=51.0)
    assert refuse_voltage(51.5, [walked]) == (
        "51.5 V is a correction of +3.0 %, its cells add up to 50.00 V; more than 2 % is a mistake"
        " or a fault"
    )
    assert refuse_voltage(51.5, [pack(None, voltage_v=51.0)]) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"current_a": 0.5}, None),
        ({"current_a": 0.51}, "the current must be 0 and is +0.5 A: switch charger and loads off"),
        ({"current_a": -0.6}, "the current must be 0 and is -0.6 A: switch charger and loads off"),
        (
            {"current_a": None},
            "the current must be 0 and is unknown: switch charger and loads off",
        ),
        (
            {"charge_fet_on": True},
            "the charge MOSFET is on: switch charging and discharging off first",
        ),
        (
            {"discharge_fet_on": None},
            (
                "the discharge MOSFET does not tell whether it is off: switch charging and"
                " discharging off first"
            ),
        ),
        ({"voltage_v": None}, "the BMS tells no pack voltage to calibrate"),
        ({"voltage_v": 0.0}, "the BMS shows 0 V: that is no calibration error"),
    ],
)
def test_the_pack_must_be_at_rest_and_tell_its_voltage(changes, why: str | None) -> None:
    assert refuse_voltage(50.2, [pack(**changes)]) == why


def test_the_newest_state_counts() -> None:
    lost = replace(pack(), phase=PackPhase.LOST)
    assert refuse_voltage(50.2, [pack(), lost]) == NO_READING
    assert refuse_voltage(50.2, [lost, pack()]) is None
    assert refuse_voltage(50.2, []) == NO_READING
    assert refuse_voltage(50.2, [replace(pack(), reading=None)]) == NO_READING


# Current


@pytest.mark.parametrize(
    ("true_a", "amps"),
    [
        (21.9, (20.0, 20.0, 20.0)),
        (18.1, (20.0, 20.0, 20.0)),
        (10.0, (10.0, 10.0, 10.0)),
        (-20.0, (-20.0, -20.2, -19.9)),
        (50.0, (49.5, 50.0, 50.5)),
    ],
)
def test_a_steady_current_may_be_corrected_by_a_tenth(true_a: float, amps) -> None:
    assert refuse_current(true_a, flowing(*amps), 200.0) is None


@pytest.mark.parametrize(
    ("true_a", "amps", "why"),
    [
        (
            22.1, (20.0, 20.0, 20.0),
            ("22.1 A is a correction of +10.5 %, the BMS shows 20.00 A; more than 10 % is a mistake"
            " or a fault"),
        ),
        (
            2.0, (20.0, 20.0, 20.0),
            ("at least 10.0 A must flow, 5 % of the range; the BMS shows 20.0 A. For a current that"
            " should be 0, adjust the zero"),
        ),
        (
            10.0, (9.9, 9.9, 9.9),
            ("at least 10.0 A must flow, 5 % of the range; the BMS shows 9.9 A. For a current that"
            " should be 0, adjust the zero"),
        ),
        (20.0, (20.0, 20.41, 20.0), "the current must be steady: it went from 20.0 to 20.4 A"),
        (
            -20.0, (20.0, 20.0, 20.0),
            "-20.0 A has the other sign than the +20.0 A that the BMS shows; charging is positive",
        ),
        (
            float("nan"), (20.0, 20.0, 20.0),
            "enter the pack current in A as the meter shows it, - while discharging",
        ),
        (20.0, (20.0, 20.0), "watch the current for 3 readings or more first"),
        (20.0, (20.0, 20.0, 20.0, None), "watch the current for 3 readings or more first"),
    ],
)  # fmt: skip
def test_any_other_current_is_refused(true_a: float, amps, why: str) -> None:
    assert refuse_current(true_a, flowing(*amps), 200.0) == why


def test_a_pack_that_does_not_answer_is_not_calibrated() -> None:
    lost = [replace(pack(), phase=PackPhase.LOST, reading=None)] * 3
    assert refuse_current(20.0, lost, 200.0) == NO_READING
    assert refuse_zero(lost, 200.0) == NO_READING


# Zero


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"current_a": 4.0}, None),
        ({"current_a": -4.0}, None),
        (
            {"current_a": 4.01},
            (
                "+4.0 A is more than a zero can be off: current flows although both switches are"
                " open, or the sensor is broken"
            ),
        ),
        ({"current_a": None}, "the BMS tells no current"),
        (
            {"charge_fet_on": True},
            "the charge MOSFET is on: switch charging and discharging off first",
        ),
    ],
)
def test_a_zero_is_adjusted_by_2_percent_of_the_range_at_most(changes, why: str | None) -> None:
    assert refuse_zero([pack(**changes)], 200.0) == why


# Several in a row


@pytest.mark.parametrize(
    ("true", "allowed"), [(1.25, True), (1.2501, False), (0.75, True), (0.7499, False)]
)
def test_exactly_as_much_as_is_allowed_in_all_is_allowed(true: float, allowed: bool) -> None:
    assert (refuse_total(true, 1.0, [], 25.0) is None) is allowed


def test_as_far_out_as_before_and_no_further() -> None:
    assert refuse_total(1.0, 1.0, [(1.0, 1.5)], 3.0) is None
    assert refuse_total(1.01, 1.0, [(1.0, 1.5)], 3.0) == (
        "with 1 calibrations before it this would move the BMS by +51.5 % from how it was"
        " delivered; more than 3 % in all is a fault of meter or BMS"
    )


def test_each_earlier_one_counts_as_a_factor_and_one_from_0_does_not() -> None:
    assert refuse_total(1.02, 1.0, [(1.0, 1.02), (0.0, 5.0)], 5.0) is None  # 4.04 %
    assert refuse_total(1.04, 1.0, [(2.0, 2.04)], 5.0) is not None  # 6.08 %
    assert refuse_total(5.0, 0.0, [], 5.0) is None
