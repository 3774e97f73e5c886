"""What a reading comes to, number by number, and what a lost sensor is taken to have come to."""

import pytest

from cellwarden.engine.lost_sensors import Lost, assumed, lost_sensors
from cellwarden.engine.view import Quantity, View, look, mean_temperature_k
from cellwarden.model import CellExtreme, SensorExtreme
from support.packs import reading


def seen(**changes: object) -> View:
    plain = {
        "cell_voltages_v": (3.31, 3.29, 3.35, 3.29),
        "voltage_v": 13.3,
        "current_a": -10.0,
        "temperatures_c": (20.0, 26.0, 23.0),
    }
    return look(reading(1000.0, **(plain | changes)))


def extreme(cell: int, volts: float) -> CellExtreme:
    return CellExtreme(pack="left", cell=cell, voltage_v=volts)


def sensor(name: str, celsius: float) -> SensorExtreme:
    return SensorExtreme(pack="left", sensor=name, temperature_c=celsius)


def test_a_whole_reading() -> None:
    view = seen()
    assert (view.cell_min, view.cell_max) == (extreme(2, 3.29), extreme(3, 3.35))
    assert view.cell_sum_v == pytest.approx(13.24)
    assert (view.temperature_min, view.temperature_max) == (sensor("T1", 20.0), sensor("T2", 26.0))
    assert (view.voltage_v, view.power_w) == (13.3, pytest.approx(-133.0))
    assert view.mismatch_percent == pytest.approx(0.451128, rel=1e-5)
    assert view.quantities == (
        3.35, 3.29, -10.0, 26.0, 20.0, 30.0, pytest.approx(0.06), pytest.approx(0.451128, rel=1e-5),
        13.3, 6.0,
    )  # fmt: skip


def test_a_cell_that_is_unknown_leaves_extremes_but_no_sum() -> None:
    view = seen(cell_voltages_v=(None, 3.29, 3.35, 3.29), voltage_v=None)
    assert (view.cell_min, view.cell_max) == (extreme(2, 3.29), extreme(3, 3.35))
    assert (view.cell_sum_v, view.voltage_v, view.power_w) == (None, None, None)
    assert view.quantities[Quantity.CELL_DIFFERENCE] == pytest.approx(0.06)
    assert view.quantities[Quantity.SUM_MISMATCH] is None
    assert seen(cell_voltages_v=(None, 3.29, 3.35, 3.29)).mismatch_percent is None


def test_without_a_pack_voltage_it_is_the_sum_of_the_cells() -> None:
    view = seen(voltage_v=None)
    assert view.voltage_v == view.cell_sum_v
    assert view.power_w == pytest.approx(-132.4)
    assert view.mismatch_percent is None


def test_a_mismatch_may_be_told_where_the_voltage_was_thrown_out() -> None:
    told = reading(1000.0, cell_voltages_v=(3.3,) * 4, voltage_v=None)
    assert look(told, 4.5).quantities[Quantity.SUM_MISMATCH] == 4.5
    assert look(reading(1000.0, voltage_v=53.0), 4.5).mismatch_percent == 4.5


def test_nothing_known_is_nothing_seen() -> None:
    view = seen(
        cell_voltages_v=(), voltage_v=None, current_a=None, temperatures_c=(None,),
        mos_temperature_c=None,
    )  # fmt: skip
    assert view[1:8] == (None,) * 7
    assert view.quantities == (None,) * 10
    assert mean_temperature_k(view) is None
    assert seen(current_a=None).power_w is None


def test_the_mean_of_the_sensors_that_are_known_is_in_kelvin() -> None:
    assert mean_temperature_k(seen()) == pytest.approx(296.15)
    assert mean_temperature_k(seen(temperatures_c=(20.0, None, 24.0))) == pytest.approx(295.15)


def test_the_first_of_equals_is_named_and_sensors_beyond_those_prepared_too() -> None:
    assert seen(cell_voltages_v=(3.3, 3.3)).cell_max == extreme(1, 3.3)
    many = seen(temperatures_c=(20.0,) * 31 + (19.0, 21.0))
    assert (many.temperature_min, many.temperature_max) == (
        sensor("T32", 19.0),
        sensor("T33", 21.0),
    )


@pytest.mark.parametrize(
    ("quantity", "where"),
    [
        (Quantity.CELL_MAX, "cell 3"), (Quantity.CELL_MIN, "cell 2"),
        (Quantity.TEMPERATURE_MAX, "T2"), (Quantity.TEMPERATURE_MIN, "T1"),
        (Quantity.MOS_TEMPERATURE, "MOSFET"), (Quantity.TEMPERATURE_DIFFERENCE, "T1 and T2"),
        (Quantity.CURRENT, ""), (Quantity.VOLTAGE, ""),
    ],
)  # fmt: skip
def test_where_a_quantity_shows(quantity: Quantity, where: str) -> None:
    assert seen().where(quantity) == where


def test_where_nothing_is_known_no_place_is_named() -> None:
    view = seen(cell_voltages_v=(), temperatures_c=())
    for quantity in (
        Quantity.CELL_MAX, Quantity.CELL_MIN, Quantity.TEMPERATURE_MAX, Quantity.TEMPERATURE_MIN,
    ):  # fmt: skip
        assert view.where(quantity) == ""


# Lost sensors


def test_a_sensor_that_was_believed_and_is_gone_is_lost_with_what_it_was_against_the_others() -> (
    None
):
    last = (20.0, 26.0, 23.0)
    assert lost_sensors((), (20.0, 26.0, 23.0), last) == ()
    assert lost_sensors((), (20.0, None, 23.0), last) == (Lost(1, 26.0, 21.5),)
    assert lost_sensors((), (None, None, None), (20.0, None, None)) == (Lost(0, 20.0, None),)
    assert lost_sensors((), (20.0, None), (20.0,)) == ()
    old = (Lost(1, 30.0, 25.0),)
    assert lost_sensors(old, (None, None, 23.0), last) == (Lost(0, 20.0, 24.5), old[0])


def told(view: View) -> tuple[object, ...]:
    quantities = view.quantities
    return (
        view.temperature_min, view.temperature_max,
        quantities[Quantity.TEMPERATURE_MIN], quantities[Quantity.TEMPERATURE_MAX],
        quantities[Quantity.MOS_TEMPERATURE],
    )  # fmt: skip


def test_it_is_taken_to_be_as_far_from_the_others_as_it_last_was() -> None:
    view = seen(temperatures_c=(24.0, None, 26.0))
    warmer = assumed(view, (Lost(1, 26.0, 21.5),), 40.0)
    assert told(warmer) == (sensor("T1", 24.0), sensor("T2, lost", 29.5), 24.0, 29.5, 30.0)
    colder = assumed(view, (Lost(1, 18.0, 21.5),), 40.0)
    assert told(colder) == (sensor("T2, lost", 21.5), sensor("T3", 26.0), 21.5, 26.0, 30.0)
    between = assumed(view, (Lost(1, 21.5, 21.5),), 40.0)
    assert told(between) == (sensor("T1", 24.0), sensor("T3", 26.0), 24.0, 26.0, 30.0)


def test_with_no_other_left_it_is_taken_to_stand_where_it_was() -> None:
    view = seen(temperatures_c=(None, None), mos_temperature_c=None)
    alone = assumed(view, (Lost(0, 30.0, None), Lost(1, 20.0, 25.0)), 45.0)
    assert told(alone) == (sensor("T2, lost", 20.0), sensor("T1, lost", 30.0), 20.0, 30.0, 45.0)
    assert told(assumed(view, (), None)) == (None,) * 5
