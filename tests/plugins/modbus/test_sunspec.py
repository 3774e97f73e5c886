"""The bank as a SunSpec device, register by register."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    PackPhase,
    PackState,
    Severity,
)
from cellwarden_modbus import sunspec, sunspec_tables
from cellwarden_modbus.moment import Status, moment_of
from cellwarden_modbus.sunspec_events import EVENTS
from cellwarden_modbus.sunspec_model import MARK, Values
from support.tools import require_shared

VECTORS = json.loads((Path(__file__).parent / "sunspec_vectors.json").read_text())["vectors"]


def words_of(text: str) -> tuple[int, ...]:
    return tuple(int(text[n : n + 4], 16) for n in range(0, len(text), 4))


def models_of(words: tuple[int, ...]) -> list[tuple[int, Values, tuple[Values, ...]]]:
    """Walk a device as a client does."""
    assert words[:2] == MARK
    at, found = 2, []
    while words[at] != 0xFFFF:
        number, length = words[at], words[at + 1]
        head, groups = sunspec_tables.MODELS[number].decode(words[at : at + 2 + length])
        found.append((number, head, groups))
        at += 2 + length
    assert words[at:] == (0xFFFF, 0)
    return found


def device(
    state: BankState, status: Status = Status.LIVE, **layout: Any
) -> dict[int, list[tuple[Values, tuple[Values, ...]]]]:
    moment = moment_of(state, status, sequence=20, heartbeat=17)
    words = tuple(sunspec.image(moment, sunspec.layout_of(state, **layout), 1))
    found: dict[int, list[tuple[Values, tuple[Values, ...]]]] = {}
    for number, head, groups in models_of(words):
        found.setdefault(number, []).append((head, groups))
    return found


def agrees(vector: dict[str, Any]) -> None:
    words = words_of(vector["registers_hex"])
    found = {number: (head, groups) for number, head, groups in models_of(words)}
    for expected in vector["expected"]:
        head, groups = found[expected["model"]]
        assert {name: head[name] for name in expected["points"]} == expected["points"]
        for group, wanted in zip(groups, expected.get("strings", ()), strict=True):
            assert {name: group[name] for name in wanted} == wanted
    again = list(MARK)
    for number, head, groups in models_of(words):
        again += sunspec_tables.MODELS[number].encode(head, groups)
    assert tuple(again) == words[:-2]


@pytest.mark.parametrize("vector", VECTORS, ids=[v["name"] for v in VECTORS])
def test_registers_of_another_encoder_decode_to_its_values_and_encode_again(
    vector: dict[str, Any],
) -> None:
    agrees(vector)


@pytest.mark.shared
def test_every_shared_vector_does() -> None:
    path = require_shared("vectors", "sunspec.json")
    for vector in json.loads(path.read_text())["vectors"]:
        agrees(vector)


def test_the_models_stand_in_this_order_with_the_lengths_of_the_standard(
    make_bank: Callable[..., BankState],
) -> None:
    moment = moment_of(make_bank(), Status.LIVE, 1)
    layout = sunspec.layout_of(make_bank())
    words = tuple(sunspec.image(moment, layout, 1))
    assert [(number, head["L"]) for number, head, _ in models_of(words)] == [
        (1, 66),
        (802, 62),
        (803, 26 + 2 * 32),
        (713, 7),
        (804, 46 + 16),
        (805, 42 + 16 * 4),
        (804, 46 + 16),
        (805, 42 + 16 * 4),
    ]
    assert len(words) == layout.words


def test_the_bank_is_a_battery_base(make_bank: Callable[..., BankState]) -> None:
    ((head, _),) = device(make_bank())[802]
    expected = {
        "AHRtg": 200,
        "WHRtg": 10_320,  # 200 Ah at 51.6 V, the middle of 55.2 V and 48.0 V
        "WChaRteMax": 5292,
        "WDisChaRteMax": 10_584,
        "SoC": 64.0,
        "DoD": 36.0,
        "SoH": 98.0,
        "NCyc": 12,
        "ChaSt": sunspec.ChaSt.CHARGING,
        "LocRemCtl": 0,
        "Hb": 17,
        "Typ": 4,
        "State": sunspec.State.CONNECTED,
        "Evt1": 0,
        "V": 52.92,
        "VMax": 55.2,
        "VMin": 48.0,
        "CellVMax": 3.315,
        "CellVMaxStr": 2,
        "CellVMin": 3.300,
        "CellVMinStr": 1,
        "CellVAvg": 3.307,  # 3.3075 V, as a binary number a little less
        "A": 12.0,
        "AChaMax": 100.0,
        "ADisChaMax": 200.0,
        "W": 635,
        "ReqInvState": 0,
        "SetOp": 1,
        "SetInvState": 3,
    }
    assert {name: head[name] for name in expected} == expected


def test_every_pack_is_a_string_and_every_cell_a_cell(make_bank: Callable[..., BankState]) -> None:
    found = device(make_bank())
    ((bank, strings),) = found[803]
    assert (bank["NStr"], bank["NStrCon"], bank["ModTmpMax"], bank["ModTmpMaxStr"]) == (2, 2, 23, 2)
    assert [s["StrSoC"] for s in strings] == [64.0, 64.0]
    assert [s["StrSt"] for s in strings] == [3, 3]
    assert [(head["Idx"], head["V"]) for head, _ in found[804]] == [(1, 52.92), (2, 52.92)]
    (left, cells), _ = found[805]
    assert (left["StrIdx"], left["NCell"], left["SN"]) == (1, 16, "SNleft")
    assert [cell["CellV"] for cell in cells] == [round(3.300 + 0.001 * n, 3) for n in range(16)]
    assert [cell["CellSt"] for cell in cells] == [0] * 16


def test_what_is_not_known_is_not_implemented(
    make_bank: Callable[..., BankState], make_pack: Callable[..., PackState]
) -> None:
    pack = make_pack("left")
    assert pack.reading is not None
    pack = replace(pack, soh_percent=None, reading=replace(pack.reading, balancing=True))
    found = device(make_bank(packs=(pack,), soh_percent=None, soc_percent=None))
    ((head, _),) = found[802]
    assert (head["SoH"], head["SoC"], head["DoD"]) == (None, None, None)
    ((module, cells),) = found[805]
    assert (module["SoH"], module["NCellBal"], cells[0]["CellSt"]) == (None, None, None)
    assert cells[0]["CellTmp"] is None


@pytest.mark.parametrize("status", [Status.STALE, Status.SILENT])
def test_old_data_are_no_data_and_nothing_is_allowed(
    make_bank: Callable[..., BankState], status: Status
) -> None:
    found = device(make_bank(), status)
    ((head, _),) = found[802]
    unknown = ("V", "A", "W", "SoC", "SoH", "CellVMax", "CellVMin", "ChaSt", "NCyc")
    assert {name: head[name] for name in unknown} == dict.fromkeys(unknown)
    assert (head["AChaMax"], head["ADisChaMax"], head["WChaRteMax"]) == (0, 0, 0)
    assert head["VMax"] == 55.2  # "do not charge" is 0 A, never 0 V
    assert (head["State"], head["ReqInvState"]) == (sunspec.State.FAULT, 2)
    assert int(head["Evt1"] or 0) & 1  # COMMUNICATION_ERROR
    (_, cells), *_ = found[805]
    assert [cell["CellV"] for cell in cells] == [None] * 16  # as many as before


def test_a_bank_that_stops_is_suspending_and_allows_nothing(
    make_bank: Callable[..., BankState],
) -> None:
    ((head, _),) = device(make_bank(phase=BankPhase.STOPPING), Status.STOPPING)[802]
    assert (head["State"], head["AChaMax"], head["ADisChaMax"]) == (6, 0, 0)


def test_a_blocked_direction_is_0_a_whatever_its_limit_says(
    make_bank: Callable[..., BankState],
) -> None:
    ((head, _),) = device(make_bank(charge_allowed=False))[802]
    assert (head["AChaMax"], head["ADisChaMax"], head["WChaRteMax"]) == (0, 200, 0)


def test_a_lost_pack_keeps_its_place_and_its_cells(
    make_bank: Callable[..., BankState], make_pack: Callable[..., PackState]
) -> None:
    whole = make_bank()
    layout = sunspec.layout_of(whole)
    lost = replace(make_pack("left"), phase=PackPhase.LOST, reading=None)
    state = replace(whole, packs=(lost, make_pack("right")))
    assert sunspec.layout_of(state, before=layout) == layout
    found = device(state)
    ((head, _),) = found[802]
    assert int(head["Evt1"] or 0) & 1
    (_, (first, second)) = found[803][0]
    assert (first["StrSt"], first["StrEvt1"], second["StrEvt1"]) == (1, 1, 0)


def test_a_pack_that_never_answered_is_taken_to_have_as_many_cells_as_the_others(
    make_bank: Callable[..., BankState], make_pack: Callable[..., PackState]
) -> None:
    waiting = replace(make_pack("left"), phase=PackPhase.WAITING, reading=None)
    assert sunspec.layout_of(make_bank(packs=(waiting, make_pack("right")))).cells == (16, 16)


@pytest.mark.parametrize(
    ("kind", "severity", "bit"),
    [
        (AlarmKind.CELL_OVERVOLTAGE, Severity.PROTECTION, 9),
        (AlarmKind.CELL_OVERVOLTAGE, Severity.WARNING, 10),
        (AlarmKind.PACK_UNDERVOLTAGE, Severity.PROTECTION, 11),
        (AlarmKind.CHARGE_OVERTEMPERATURE, Severity.PROTECTION, 1),
        (AlarmKind.CHARGE_UNDERTEMPERATURE, Severity.WARNING, 4),
        (AlarmKind.CHARGE_OVERCURRENT, Severity.PROTECTION, 5),
        (AlarmKind.DISCHARGE_OVERCURRENT, Severity.WARNING, 8),
        (AlarmKind.LOW_SOC, Severity.WARNING, 14),
        (AlarmKind.CELL_DIFFERENCE, Severity.WARNING, 17),
        (AlarmKind.CELL_COUNT, Severity.PROTECTION, 28),
        (AlarmKind.BMS_INTERNAL, Severity.PROTECTION, 25),
        (AlarmKind.BMS_LOST, Severity.WARNING, 0),
    ],
)
def test_an_alarm_sets_its_event_bit(
    make_bank: Callable[..., BankState], kind: AlarmKind, severity: Severity, bit: int
) -> None:
    alarm = Alarm(kind=kind, severity=severity, pack="left", since_s=0.0)
    ((head, _),) = device(make_bank(alarms=(alarm,)))[802]
    assert head["Evt1"] == 1 << bit


def test_every_kind_of_alarm_has_an_event() -> None:
    assert set(EVENTS) == set(AlarmKind)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, 3),
        ({"charge_allowed": False, "discharge_allowed": False}, 4),
        (
            {
                "discharge_allowed": False,
                "alarms": (
                    Alarm(
                        kind=AlarmKind.CELL_UNDERVOLTAGE,
                        severity=Severity.PROTECTION,
                        pack="left",
                        since_s=0.0,
                    ),
                ),
            },
            5,
        ),
        (
            {
                "charge_allowed": False,
                "discharge_allowed": False,
                "alarms": (
                    Alarm(
                        kind=AlarmKind.BMS_INTERNAL,
                        severity=Severity.PROTECTION,
                        pack="left",
                        since_s=0.0,
                    ),
                ),
            },
            99,
        ),
    ],
)
def test_the_state_says_whether_the_battery_works(
    make_bank: Callable[..., BankState], changes: dict[str, Any], state: int
) -> None:
    ((head, _),) = device(make_bank(**changes))[802]
    assert head["State"] == state


@pytest.mark.parametrize(
    ("current_a", "soc_percent", "status"),
    [(-5.0, 50.0, 3), (5.0, 99.9, 4), (0.0, 99.9, 5), (0.05, 0.2, 2), (0.0, 50.0, 6)],
)
def test_the_charge_status(
    make_bank: Callable[..., BankState], current_a: float, soc_percent: float, status: int
) -> None:
    ((head, _),) = device(make_bank(current_a=current_a, soc_percent=soc_percent))[802]
    assert head["ChaSt"] == status


def test_the_sign_can_be_turned_and_the_charge_status_does_not_turn(
    make_bank: Callable[..., BankState],
) -> None:
    found = device(make_bank(current_a=-45.5, power_w=-2416.0), discharge_positive=True)
    ((head, _),) = found[802]
    assert (head["A"], head["W"], head["ChaSt"]) == (45.5, 2416, 3)
    ((bank, strings),) = found[803]
    assert (bank["StrAMax"], strings[0]["StrA"], found[804][0][0]["A"]) == (-6.0, -6.0, -6.0)


def test_a_large_bank_fits_by_other_scale_factors(make_bank: Callable[..., BankState]) -> None:
    state = make_bank(installed_ah=16 * 2000.0, power_w=-1_500_000.0, current_a=-30_000.0)
    ((head, _),) = device(state)[802]
    assert (head["AHRtg"], head["WHRtg"], head["WHRtg_SF"]) == (32_000, 1_651_200, 2)
    assert (head["W"], head["A"]) == (-1_500_000, -30_000)


def test_the_nominal_voltage_can_be_said(make_bank: Callable[..., BankState]) -> None:
    ((head, _),) = device(make_bank(), nominal_v=51.2)[802]
    assert head["WHRtg"] == 10_240


def test_a_pack_that_tells_fewer_cells_for_once_keeps_its_places(
    make_bank: Callable[..., BankState], make_pack: Callable[..., PackState]
) -> None:
    layout = sunspec.layout_of(make_bank())
    pack = make_pack("left")
    assert pack.reading is not None
    fewer = replace(pack, reading=replace(pack.reading, cell_voltages_v=(3.3,) * 15))
    state = make_bank(packs=(fewer, make_pack("right")))
    assert sunspec.layout_of(state, before=layout) == layout
    (_, cells), *_ = device(state, before=layout)[805]
    assert [cell["CellV"] for cell in cells] == [3.3] * 15 + [None]


def test_storage_for_newer_readers(make_bank: Callable[..., BankState]) -> None:
    ((head, _),) = device(make_bank())[713]
    assert (head["WHRtg"], head["WHAvail"], head["SoC"], head["SoH"], head["Sta"]) == (
        10_320,
        6605,  # 128 Ah at 51.6 V is 6604.8 Wh
        64.0,
        98.0,
        0,
    )


def test_the_common_model_names_the_bank(
    make_bank: Callable[..., BankState], make_pack: Callable[..., PackState]
) -> None:
    ((head, _),) = device(make_bank())[1]
    assert (head["Mn"], head["Md"], head["SN"], head["DA"]) == (
        "Cellwarden", "Battery bank", "Battery", 1,
    )  # fmt: skip
    ((alone, _),) = device(make_bank(packs=(make_pack("left"),)))[1]
    assert alone["SN"] == "SNleft"
