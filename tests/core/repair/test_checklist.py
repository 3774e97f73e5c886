"""The checks of a commissioning: what is good, what is bad, what cannot be told (R41)."""

from dataclasses import replace

import pytest

from cellwarden.model import HARDWARE_MODELS
from cellwarden.repair.checklist import Check, Look, Result, checks
from cellwarden.repair.seen import Seen, pack_names, seen
from cellwarden.runtime.status import document
from support.packs import parameters, reading
from support.states import bank_state, pack_state

pytestmark = pytest.mark.requirement("R41")

GOOD = Seen(
    pack="left",
    online=True,
    cells_v=(3.300,) * 16,
    voltage_v=52.8,
    sum_v=52.8,
    current_a=0.0,
    temperatures_c=(21.0, 22.0),
    wires_ohm=(0.06,) * 16,
    settings={"cell_count": 16.0, "cell_overvoltage_v": 3.6, "design_capacity_ah": 100.0},
    chemistry="LiFePO4",
    cell_count=16,
    design_capacity_ah=100.0,
    overvoltage_v=3.6,
    charge_voltage_v=55.2,
)


def check(name: str) -> Check:
    return next(c for c in checks(2) if c.name == name)


def result(name: str, now: Seen, **more: object) -> tuple[Result, str]:
    judged = check(name).judged(Look(now=now, **more))  # type: ignore[arg-type]
    return judged.result, judged.text


@pytest.mark.requirement("R37")
def test_the_list_holds_every_point_of_the_manual() -> None:
    assert [c.name for c in checks(2)] == [
        "leads",
        "power-leads",
        "fixed",
        "activation",
        "cells",
        "count",
        "sum",
        "cell-1",
        "wires",
        "sensors",
        "warm-t1",
        "warm-t2",
        "heater",
        "chemistry",
        "capacity",
        "passwords",
        "alarms",
        "charge-sign",
        "discharge-sign",
        "external",
    ]


@pytest.mark.parametrize("name", ["cells", "count", "wires", "sensors", "chemistry", "capacity"])
def test_a_good_pack_is_good(name: str) -> None:
    assert result(name, GOOD)[0] is Result.GOOD


def test_what_is_seen_of_a_good_pack_comes_out_of_the_status_document() -> None:
    pack = pack_state(
        pack="left",
        reading=reading(1.0, settings={"cell_count": 16.0}),
        chemistry="LiFePO4",
        parameters=parameters(),
    )
    told = document(bank_state(packs=(pack,)), 2.0, {}, "monitor")
    found = seen(told, "left")
    assert found is not None
    assert pack_names(told) == ("left",)
    assert found.online
    assert found.cells_v == (3.300,) * 16
    assert found.cell_count == 16
    assert found.settings == {"cell_count": 16.0}
    assert found.charge_voltage_v == pytest.approx(55.2)
    assert seen(told, "right") is None


def test_before_the_first_decision_nothing_is_seen() -> None:
    assert seen({"bank": None}, "left") is None
    assert pack_names({"bank": None}) == ()


@pytest.mark.parametrize("bad", [0.9, 5.1, None])
def test_a_cell_outside_1_to_5_v_is_bad(bad: float | None) -> None:
    verdict, text = result("cells", replace(GOOD, cells_v=(3.3, bad, 3.3)))
    assert verdict is Result.BAD
    assert "cell 2" in text


@pytest.mark.parametrize("edge", [1.0, 5.0])
def test_1_and_5_v_are_still_good(edge: float) -> None:
    assert result("cells", replace(GOOD, cells_v=(edge,)))[0] is Result.GOOD


def test_a_wrong_cell_count_is_bad_in_the_file_and_in_the_device() -> None:
    assert result("count", replace(GOOD, cell_count=15))[1] == (
        "the BMS sees 16 cells, the configuration says 15"
    )
    assert result("count", replace(GOOD, settings={"cell_count": 14.0}))[1] == (
        "the BMS is set to 14 cells and sees 16"
    )


@pytest.mark.parametrize(
    ("metered", "expected"),
    [(53.06, Result.GOOD), (52.54, Result.GOOD), (53.07, Result.BAD), (52.53, Result.BAD)],
)
def test_the_meter_may_differ_by_half_a_percent(metered: float, expected: Result) -> None:
    assert result("sum", GOOD, value=metered)[0] is expected


@pytest.mark.parametrize(
    ("metered", "expected"), [(3.304, Result.GOOD), (3.296, Result.GOOD), (3.306, Result.BAD)]
)
def test_a_cell_may_differ_from_the_meter_by_5_mv(metered: float, expected: Result) -> None:
    assert result("cell-1", GOOD, value=metered)[0] is expected


@pytest.mark.requirement("R31")
@pytest.mark.parametrize(("ohm", "expected"), [(0.149, Result.GOOD), (0.150, Result.BAD)])
def test_a_lead_of_150_milliohm_is_uneven(ohm: float, expected: Result) -> None:
    wires = (*GOOD.wires_ohm[:6], ohm, *GOOD.wires_ohm[7:])
    verdict, text = result("wires", replace(GOOD, wires_ohm=wires))
    assert verdict is expected
    assert ("wire 7 150 mohm" in text) is (expected is Result.BAD)


@pytest.mark.requirement("R25")
@pytest.mark.parametrize("sensors", [(), (None, None), (21.0, None), (21.0, 35.0), (-80.0, -80.0)])
def test_missing_or_implausible_sensors_are_bad(sensors: tuple[float | None, ...]) -> None:
    assert result("sensors", replace(GOOD, temperatures_c=sensors))[0] is Result.BAD


def test_a_sensor_held_in_the_hand_must_warm_by_a_kelvin() -> None:
    warm = replace(GOOD, temperatures_c=(22.0, 22.0))
    assert result("warm-t1", warm, before=GOOD) == (Result.GOOD, "from 21.0 to 22.0 °C")
    assert result("warm-t2", GOOD, before=GOOD)[1] == "from 22.0 to 22.0 °C: it did not warm"


def test_swapped_sensors_are_named() -> None:
    warm = replace(GOOD, temperatures_c=(21.0, 24.0))
    assert "T2 warmed: the sensors are swapped" in result("warm-t1", warm, before=GOOD)[1]


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("volts", "board", "ohm", "expected"),
    [
        (57.6, "JK-B2A24S20P", 19.2, Result.GOOD),
        (57.6, "JK-B2A24S20P", 19.1, Result.BAD),
        (86.4, "JK-B2A24S20P", 37.4, Result.GOOD),
        (86.4, "JK-B2A24S20P", 37.2, Result.BAD),
        (28.8, "JK-B2A8S20P", 9.6, Result.GOOD),
        (28.8, "JK-B2A8S20P", 9.5, Result.BAD),
        (57.6, "JK-BD6A24S8P", 30.0, Result.BAD),
        (57.6, "JK-B2A24S20P", 0.0, Result.GOOD),
    ],
)
def test_a_heating_film_keeps_3_a_and_the_board_s_power(
    volts: float, board: str, ohm: float, expected: Result
) -> None:
    now = replace(GOOD, charge_voltage_v=volts)
    assert result("heater", now, value=ohm, board=HARDWARE_MODELS[board])[0] is expected


def test_a_device_with_the_factory_s_chemistry_is_bad() -> None:
    verdict, text = result("chemistry", replace(GOOD, settings={"cell_overvoltage_v": 4.2}))
    assert verdict is Result.BAD
    assert "LiFePO4 wants 3.600 V" in text


def test_a_capacity_that_differs_is_bad() -> None:
    assert result("capacity", replace(GOOD, settings={"design_capacity_ah": 40.0}))[0] is Result.BAD


@pytest.mark.parametrize(
    ("name", "current", "expected"),
    [
        ("charge-sign", 5.0, Result.GOOD),
        ("charge-sign", -5.0, Result.BAD),
        ("charge-sign", 0.9, Result.BAD),
        ("discharge-sign", -5.0, Result.GOOD),
        ("discharge-sign", 5.0, Result.BAD),
        ("discharge-sign", None, Result.UNKNOWN),
    ],
)
def test_the_sign_of_the_current(name: str, current: float | None, expected: Result) -> None:
    assert result(name, replace(GOOD, current_a=current))[0] is expected


@pytest.mark.requirement("R44")
def test_an_inverter_that_reads_another_voltage_is_named() -> None:
    near, far = ("solar", 52.9), ("inverter", 51.9)
    assert result("external", replace(GOOD, external_v=(near,)))[0] is Result.GOOD
    verdict, text = result("external", replace(GOOD, external_v=(near, far)))
    assert (verdict, "inverter 51.90 V" in text, "solar" in text) == (Result.BAD, True, False)
    assert result("external", GOOD)[0] is Result.UNKNOWN


@pytest.mark.requirement("R45")
def test_factory_passwords_are_bad() -> None:
    assert result("passwords", GOOD, yes=False)[0] is Result.BAD
    assert result("passwords", GOOD, yes=True)[0] is Result.GOOD


def test_alarms_are_told() -> None:
    assert result("alarms", replace(GOOD, alarms=("left: cell over-voltage",)))[0] is Result.BAD


@pytest.mark.parametrize(
    "name", ["cells", "count", "sum", "cell-1", "wires", "heater", "chemistry", "capacity"]
)
def test_what_cannot_be_seen_is_never_good(name: str) -> None:
    nothing = Seen(pack="left", online=True)
    assert result(name, nothing, value=5.0)[0] is Result.UNKNOWN
