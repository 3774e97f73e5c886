"""Two packs as one battery, number by number: 100 Ah and 300 Ah, in parallel and in series."""

import pytest

from cellwarden.engine.bank_sums import Sums, pack_voltage_v, series_sums, sums
from cellwarden.model import CellExtreme, PackState, Reading, SensorExtreme
from support.states import pack_state


def near(value: object) -> object:
    return pytest.approx(value) if isinstance(value, int | float) else value


def reading(name: str, **changes: object) -> Reading:
    values: dict[str, object] = {"pack": name, "heard_s": 1000.0, "cell_voltages_v": (3.3,)}
    return Reading(**(values | changes))  # type: ignore[arg-type]


LEFT = pack_state(
    "left",
    reading=reading(
        "left", voltage_v=52.0, current_a=10.0, temperatures_c=(20.0, 24.0), cycles=12
    ),
    power_w=520.0, soc_percent=40.0, soc_sigma_percent=2.0, soh_percent=90.0,
    capacity_ah=100.0, remaining_ah=40.0,
    cell_min=CellExtreme(pack="left", cell=1, voltage_v=3.20),
    cell_max=CellExtreme(pack="left", cell=2, voltage_v=3.31),
    temperature_min=SensorExtreme(pack="left", sensor="T1", temperature_c=20.0),
    temperature_max=SensorExtreme(pack="left", sensor="T2", temperature_c=24.0),
)  # fmt: skip
RIGHT = pack_state(
    "right",
    reading=reading("right", voltage_v=53.0, current_a=-4.0, temperatures_c=(30.0, None), cycles=9),
    power_w=-212.0, soc_percent=60.0, soc_sigma_percent=1.0, soh_percent=98.0,
    capacity_ah=300.0, remaining_ah=180.0,
    cell_min=CellExtreme(pack="right", cell=3, voltage_v=3.25),
    cell_max=CellExtreme(pack="right", cell=4, voltage_v=3.40),
    temperature_min=SensorExtreme(pack="right", sensor="T1", temperature_c=30.0),
    temperature_max=SensorExtreme(pack="right", sensor="T1", temperature_c=30.0),
)  # fmt: skip


def changed(pack: PackState, **changes: object) -> PackState:
    values = {name: getattr(pack, name) for name in pack.__slots__}
    return PackState(**(values | changes))  # type: ignore[arg-type]


def both(left: PackState = LEFT, right: PackState = RIGHT) -> Sums:
    return sums((left, right), (left, right))


def test_packs_in_parallel() -> None:
    told = {key: near(value) for key, value in both().items()}
    assert told == {
        "voltage_v": 52.5,
        "current_a": 6.0,
        "power_w": 308.0,
        "soc_percent": 55.0,
        "soc_sigma_percent": 0.9013878,  # the root of 200² + 300², over 400
        "soh_percent": 96.0,
        "capacity_ah": 400.0,
        "remaining_ah": 220.0,
        "temperature_c": near(74.0 / 3),
        "cell_min": LEFT.cell_min,
        "cell_max": RIGHT.cell_max,
        "temperature_min": LEFT.temperature_min,
        "temperature_max": RIGHT.temperature_max,
        "cycles": 12,
    }


@pytest.mark.parametrize(
    ("unknown", "gone"),
    [
        ({"soc_percent": None}, "soc_percent"),
        ({"soc_sigma_percent": None}, "soc_sigma_percent"),
        ({"soh_percent": None}, "soh_percent"),
        ({"capacity_ah": None}, "capacity_ah"),
        ({"remaining_ah": None}, "remaining_ah"),
        ({"power_w": None}, "power_w"),
        ({"reading": None}, "current_a"),
    ],
)
def test_what_one_pack_does_not_know_is_unknown_for_all(unknown, gone: str) -> None:
    told = both(changed(LEFT, **unknown))
    assert told[gone] is None  # type: ignore[literal-required]
    assert told["voltage_v"] == pytest.approx(52.5, abs=0.5)


def test_charge_is_that_of_the_connected_currents_and_extremes_of_all_that_answer() -> None:
    told = sums((LEFT, RIGHT), (RIGHT,))
    assert (told["soc_percent"], told["capacity_ah"], told["remaining_ah"]) == (60, 300, 180)
    assert (told["voltage_v"], told["soh_percent"], told["soc_sigma_percent"]) == (53, 98, 1)
    assert (told["current_a"], told["power_w"]) == (6.0, 308.0)
    assert told["cell_min"] == LEFT.cell_min


def test_one_pack_alone_is_the_battery() -> None:
    told = {key: near(value) for key, value in sums((LEFT,), (LEFT,)).items()}
    assert told == {
        "voltage_v": 52.0,
        "current_a": 10.0,
        "power_w": 520.0,
        "soc_percent": 40.0,
        "soc_sigma_percent": 2.0,
        "soh_percent": 90.0,
        "capacity_ah": 100.0,
        "remaining_ah": 40.0,
        "temperature_c": 22.0,
        "cell_min": LEFT.cell_min,
        "cell_max": LEFT.cell_max,
        "temperature_min": LEFT.temperature_min,
        "temperature_max": LEFT.temperature_max,
        "cycles": 12,
    }
    assert sums((LEFT,), ()) == sums((LEFT,), (LEFT,))


def test_one_pack_alone_without_a_reading_or_a_capacity() -> None:
    told = sums((changed(LEFT, reading=None, capacity_ah=None, cell_sum_v=51.0),), ())
    assert (told["voltage_v"], told["current_a"], told["cycles"]) == (51.0, None, None)
    assert told["temperature_c"] is None
    weighed = ("soc_percent", "soc_sigma_percent", "soh_percent", "capacity_ah")
    assert [told[name] for name in weighed] == [None] * 4  # type: ignore[literal-required]
    assert (told["power_w"], told["remaining_ah"]) == (520.0, 40.0)


def test_where_none_is_connected_all_that_answer_are_shown() -> None:
    assert sums((LEFT, RIGHT), ()) == both()
    assert sums((), ()) == {}
    assert series_sums((), 2) == {}


def test_the_voltage_of_a_pack_is_what_it_reports_else_the_sum_of_its_cells() -> None:
    assert pack_voltage_v(LEFT) == 52.0
    silent = reading("left", voltage_v=None)
    assert pack_voltage_v(changed(LEFT, reading=silent, cell_sum_v=51.0)) == 51.0
    assert pack_voltage_v(changed(LEFT, reading=None, cell_sum_v=51.0)) == 51.0
    unknown = changed(LEFT, reading=None, cell_sum_v=None)
    assert pack_voltage_v(unknown) is None
    assert both(unknown)["voltage_v"] == 53.0


def test_packs_in_series() -> None:
    told = {key: near(value) for key, value in series_sums((LEFT, RIGHT), 2).items()}
    assert told == {
        "voltage_v": 105.0,
        "current_a": 3.0,
        "power_w": 308.0,
        "soc_percent": 40.0,  # the emptiest has 40 Ah, the fullest takes 60 Ah
        "soc_sigma_percent": 2.0,
        "soh_percent": 90.0,
        "capacity_ah": 100.0,
        "remaining_ah": 40.0,
        "temperature_c": near(74.0 / 3),
        "cell_min": LEFT.cell_min,
        "cell_max": RIGHT.cell_max,
        "temperature_min": LEFT.temperature_min,
        "temperature_max": RIGHT.temperature_max,
        "cycles": 12,
    }


def test_of_a_series_the_emptiest_gives_and_the_fullest_takes() -> None:
    told = series_sums((LEFT, changed(RIGHT, remaining_ah=280.0)), 2)
    assert (told["remaining_ah"], told["capacity_ah"]) == (40.0, 60.0)
    assert told["soc_percent"] == pytest.approx(200 / 3)
    nothing = series_sums((changed(LEFT, capacity_ah=0.0, remaining_ah=0.0), RIGHT), 2)
    assert (nothing["capacity_ah"], nothing["soc_percent"]) == (0.0, None)


def test_a_series_that_is_not_whole_knows_neither_voltage_nor_charge() -> None:
    told = series_sums((LEFT,), 2)
    unknown = ("voltage_v", "power_w", "soc_percent", "capacity_ah", "remaining_ah")
    assert [told[name] for name in unknown] == [None] * 5  # type: ignore[literal-required]
    assert (told["current_a"], told["soh_percent"]) == (10.0, 90.0)


@pytest.mark.parametrize("unknown", [{"remaining_ah": None}, {"capacity_ah": None}])
def test_a_series_whose_charge_is_not_known_of_each_has_none(unknown) -> None:
    told = series_sums((LEFT, changed(RIGHT, **unknown)), 2)
    names = ("soc_percent", "capacity_ah", "remaining_ah")
    assert [told[name] for name in names] == [None] * 3  # type: ignore[literal-required]
    assert told["voltage_v"] == 105.0


def test_in_a_series_who_knows_its_health_or_current_speaks_and_doubt_needs_all() -> None:
    silent = changed(RIGHT, soh_percent=None, soc_sigma_percent=None, reading=None, cell_sum_v=53.0)
    told = series_sums((LEFT, silent), 2)
    assert (told["soh_percent"], told["current_a"], told["soc_sigma_percent"]) == (90, 10, None)
    assert told["voltage_v"] == 105.0
