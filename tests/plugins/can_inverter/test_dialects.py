"""Every dialect's tables against frames of real packs, sheets and emulators, in both directions."""

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.errors import FrameError
from cellwarden.links.can_frame import CanFrame, parse_frame
from cellwarden.model import Alarm, AlarmKind, BankState, Severity
from cellwarden_can_inverter.dialects import (
    BYD_LV,
    DEYE_PCS,
    DIALECTS,
    GROWATT_LV,
    PYLONTECH_HV,
    PYLONTECH_LV,
    SMA_SI,
    SOLARK,
    VICTRON,
)
from cellwarden_can_inverter.frames import Dialect, Frame, decode, encode
from cellwarden_can_inverter.view import Manners, view_of
from support.states import bank_state, limits
from support.tools import require_shared

FRAMES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("dialect_frames.json").read_text()
)
FILES = {
    "byd-can.json": 17,
    "deye-can.json": 12,
    "growatt-can.json": 8,
    "luxpower-can.json": 6,
    "pylontech-can.json": 38,
    "pylontech-hv-can.json": 14,
    "pylontech-plus-can.json": 6,
    "sma-can.json": 16,
    "solark-can.json": 5,
    "victron-can.json": 33,
}
VALUES = "00004220 00004250 00004280 00004210 00004230 00004240 00004270 00004290"
IDENTITY = "00007310 00007320 00007330 00007340"
EVERY_FRAME = [
    pytest.param(dialect, frame, id=f"{dialect.name}-{frame.can_id:03X}")
    for dialect in DIALECTS.values()
    for frame in (*dialect.frames, *dialect.also, *dialect.heard)
]


def table(dialect: str, text: str) -> tuple[Frame, bytes]:
    can = parse_frame(text)
    frame = DIALECTS[dialect].find(can.can_id, extended=can.extended)
    assert frame is not None
    return frame, can.data


def same(ours: bytes, theirs: bytes) -> bool:
    """Whether two payloads are the same but for zeros at the end."""
    return ours.ljust(8, b"\0") == theirs.ljust(8, b"\0")


def told(dialect: Dialect, state: BankState, **manners: Any) -> dict[int, dict[str, Any]]:
    """What an inverter reads from the frames for a state, by identifier."""
    view = view_of(state, 0.0, Manners(lowest_cvl_v=dialect.lowest_cvl_v, **manners))
    assert view is not None
    said = {}
    for can in dialect.encode(view):
        frame = dialect.find(can.can_id, extended=can.extended)
        assert frame is not None
        said[can.can_id] = decode(frame, can.data)
    return said


# -- frames of others ------------------------------------------------------------------------


@pytest.mark.parametrize("row", FRAMES, ids=lambda r: f"{r['dialect']}-{r['frame']}")
def test_a_frame_says_what_it_said(row: dict[str, Any]) -> None:
    assert decode(*table(row["dialect"], row["frame"])).items() >= row["says"].items()


@pytest.mark.parametrize(
    "row", [r for r in FRAMES if r["reproduced"]], ids=lambda r: f"{r['dialect']}-{r['frame']}"
)
def test_what_it_said_gives_the_frame(row: dict[str, Any]) -> None:
    frame, data = table(row["dialect"], row["frame"])
    # Some rows name only part of a frame: the rest is as it was read.
    assert same(encode(frame, decode(frame, data.ljust(8, b"\0")) | row["says"]), data)


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_every_shared_vector_decodes_and_is_reproduced(name: str) -> None:
    vectors = json.loads(require_shared("vectors", name).read_text())
    dialect = DIALECTS[vectors["dialect"]]
    for vector in vectors["vectors"]:
        frame = dialect.find(int(vector["can_id"], 16), extended=vector["extended"])
        assert frame is not None, vector["id"]
        data = bytes.fromhex(vector["data_hex"])
        said = decode(frame, data)
        assert said.items() >= vector["expected"].items(), vector["id"]
        if vector["kind"] in ("capture", "constructed") and "note" not in vector:
            whole = decode(frame, data.ljust(8, b"\0")) | vector["expected"]
            assert same(encode(frame, whole), data), vector["id"]
    assert len(vectors["vectors"]) >= FILES[name]


# -- the tables ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "sent"),
    [
        ("pylontech_lv", "351 359 35C 355 356 35E"),
        (
            "pylontech_plus",
            "351 359 35C 35A 355 356 35E 35F 372 373 374 375 376 377 379",
        ),
        ("victron", "351 35A 355 356 35E 35F 360 370 371 372 373 374 375 376 377 379 382"),
        ("byd_lv", "351 35A 355 356 35E 382 35F 35B 360 372 373 374 375 376 377 379"),
        ("sma_si", "351 35A 355 356 35E 35F"),
        ("luxpower", "351 359 35C 355 356 35E 379"),
        ("solark", "351 359 35C 355 356 35E 379"),
        ("deye_pcs", "351 371 359 35C 355 356 35E 361 364 110 150 200 400"),
        ("growatt_lv", "311 312 319 313 314 320 321"),
        (
            "pylontech_hv",
            f"{VALUES} {IDENTITY}",
        ),
    ],
)
def test_a_bank_of_two_packs_is_told_with_these_frames_in_this_order(
    dialect: str, sent: str
) -> None:
    view = view_of(bank_state(), 0.0, Manners())
    assert view is not None
    frames = DIALECTS[dialect].encode(view)
    assert " ".join(frame.text.split("#")[0] for frame in frames) == sent


@pytest.mark.parametrize(("dialect", "frame"), EVERY_FRAME)
def test_no_two_rows_share_a_bit_or_a_name(dialect: Dialect, frame: Frame) -> None:
    used = [
        8 * number.at + bit
        for number in frame.numbers
        for bit in range(8 * struct.calcsize(number.code))
    ]
    used += [8 * text.at + bit for text in frame.texts for bit in range(8 * text.size)]
    used += [8 * flag.byte + flag.bit for flag in frame.flags]
    used += [8 * bits.byte + bits.bit + n for bits in frame.bits for n in range(bits.width)]
    used += [2 * pair.place + n for pair in frame.pairs for n in range(2)]
    rows = (*frame.numbers, *frame.texts, *frame.flags, *frame.bits, *frame.pairs)
    assert len(used) == len(set(used))
    assert max(used, default=-1) < 8 * frame.length
    assert frame.shortest <= frame.length <= 8
    assert len(rows) == len({row.name for row in rows})


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_an_identifier_means_one_thing(dialect: Dialect) -> None:
    ids = [frame.can_id for frame in (*dialect.frames, *dialect.also, *dialect.heard)]
    assert len(ids) == len(set(ids))
    addressed = [f.can_id for f in (*dialect.frames, *dialect.also) if f.addressed]
    assert all(can_id % 16 == 0 for can_id in addressed)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_limits_alarms_and_enables_are_urgent_and_come_first(dialect: Dialect) -> None:
    urgent = [frame.urgent for frame in dialect.frames]
    assert urgent == sorted(urgent, reverse=True)
    assert {n.name for n in dialect.frames[0].numbers} >= {
        "charge_voltage_limit_V",
        "charge_current_limit_A",
        "discharge_current_limit_A",
    }


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(DIALECTS)),
    st.sampled_from(sorted({f.can_id for d in DIALECTS.values() for f in (*d.frames, *d.heard)})),
    st.binary(max_size=8),
    st.booleans(),
)
def test_random_bytes_raise_nothing_but_the_frame_error(
    dialect: str, can_id: int, data: bytes, extended: bool
) -> None:
    frame = DIALECTS[dialect].find(can_id, extended=extended)
    if frame is not None:
        with suppress(FrameError):
            json.dumps(decode(frame, data))


def test_only_the_high_voltage_dialect_has_29_bits() -> None:
    assert [d.name for d in DIALECTS.values() if d.extended] == ["pylontech_hv"]
    assert PYLONTECH_HV.find(0x4210, extended=False) is None


# -- alarms ----------------------------------------------------------------------------------


def raised(dialect: Dialect, kind: AlarmKind, severity: Severity) -> set[str]:
    alarm = Alarm(kind=kind, severity=severity, pack="left", since_s=0.0)
    names: set[str] = set()
    for said in told(dialect, bank_state(alarms=(alarm,))).values():
        names.update(said.get("flags_set", ()), said.get("two_bit", {}).get("active", ()))
    return {n for n in names if n.startswith(("prot_", "alarm_", "warn_", "error_"))}


@pytest.mark.parametrize("kind", AlarmKind)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_every_protection_shows_in_every_dialect(dialect: Dialect, kind: AlarmKind) -> None:
    assert raised(dialect, kind, Severity.PROTECTION)


@pytest.mark.parametrize(
    ("kind", "pair"),
    [
        (AlarmKind.CELL_OVERVOLTAGE, "high_voltage"),
        (AlarmKind.PACK_UNDERVOLTAGE, "low_voltage"),
        (AlarmKind.LOW_SOC, "low_voltage"),
        (AlarmKind.DISCHARGE_OVERTEMPERATURE, "high_temp"),
        (AlarmKind.MOS_OVERTEMPERATURE, "high_temp"),
        (AlarmKind.DISCHARGE_UNDERTEMPERATURE, "low_temp"),
        (AlarmKind.CHARGE_OVERTEMPERATURE, "high_temp_charge"),
        (AlarmKind.CHARGE_UNDERTEMPERATURE, "low_temp_charge"),
        (AlarmKind.DISCHARGE_OVERCURRENT, "high_current"),
        (AlarmKind.CHARGE_OVERCURRENT, "high_charge_current"),
        (AlarmKind.SHORT_CIRCUIT, "short_circuit"),
        (AlarmKind.BMS_LOST, "bms_internal"),
        (AlarmKind.IMPLAUSIBLE_DATA, "bms_internal"),
        (AlarmKind.CELL_DIFFERENCE, "cell_imbalance"),
    ],
)
@pytest.mark.parametrize("dialect", [VICTRON, SMA_SI, BYD_LV], ids=lambda d: d.name)
def test_an_alarm_raises_its_own_pair_and_the_general_one(
    dialect: Dialect, kind: AlarmKind, pair: str
) -> None:
    assert raised(dialect, kind, Severity.PROTECTION) == {f"alarm_{pair}", "alarm_general"}
    assert raised(dialect, kind, Severity.WARNING) == {f"warn_{pair}", "warn_general"}


def test_what_is_fine_is_said_and_the_contactor_is_not_known() -> None:
    view = view_of(bank_state(), 0.0, Manners())
    assert view is not None
    idle = {
        name: next(f.data.hex().upper() for f in DIALECTS[name].encode(view) if f.can_id == 0x35A)
        for name in ("sma_si", "victron", "byd_lv")
    }
    assert idle == {
        "sma_si": "AAAAA202AAAAA202",
        "victron": "AAAAA202AAAAA202",
        "byd_lv": "AAAAA2AAAAAAA2AA",
    }


# -- single dialects -------------------------------------------------------------------------


def test_sma_is_never_told_what_it_would_ignore() -> None:
    state = bank_state(limits=limits(68.0, 2000.0, 2000.0, 30.0))
    assert told(SMA_SI, state)[0x351] == {
        "charge_voltage_limit_V": 63.0,
        "charge_current_limit_A": 1200.0,
        "discharge_current_limit_A": 1200.0,
        "discharge_voltage_limit_V": 41.0,
    }


def test_sma_is_told_nothing_of_a_battery_below_its_range() -> None:
    state = bank_state(limits=limits(28.0, 50.0, 50.0, 24.0), voltage_v=26.0)
    assert view_of(state, 0.0, Manners(lowest_cvl_v=SMA_SI.lowest_cvl_v)) is None


def test_sma_is_told_an_unknown_temperature_as_not_told() -> None:
    view = view_of(bank_state(temperature_c=None), 0.0, Manners())
    assert view is not None
    (frame,) = (f for f in SMA_SI.encode(view) if f.can_id == 0x356)
    assert frame.data.hex().upper() == "AC1478000080"


def test_victron_hears_another_name_than_those_it_acts_on() -> None:
    assert VICTRON.manufacturer not in ("PYLON", "BYD", "LG")


def test_victron_is_told_whole_kelvin_and_who_is_the_extreme() -> None:
    said = told(VICTRON, bank_state())
    assert said[0x373] == {
        "cell_voltage_min_V": 3.300,
        "cell_voltage_max_V": 3.315,
        "cell_temperature_min_K": 294,
        "cell_temperature_max_K": 296,
    }
    assert [said[n] for n in (0x374, 0x375, 0x376, 0x377)] == [
        {"cell_vmin_id_text": "left C1"},
        {"cell_vmax_id_text": "righ C16"},
        {"cell_tmin_id_text": "left T1"},
        {"cell_tmax_id_text": "right T2"},
    ]


def test_solark_gets_8_bytes_a_frame_and_tenths_of_a_volt() -> None:
    view = view_of(bank_state(), 0.0, Manners())
    assert view is not None
    frames = {f.can_id: f.data for f in SOLARK.encode(view)}
    assert {len(data) for data in frames.values()} == {8}
    assert frames[0x356].hex().upper() == "11027800DC000000"


def test_deye_modules_are_known_by_their_address_and_the_bank_is_number_0() -> None:
    third = DEYE_PCS.find(0x113, extended=False)
    assert third is DEYE_PCS.find(0x110, extended=False)
    assert told(DEYE_PCS, bank_state())[0x371] == {
        "ongrid_charge_current_limit_A": 100.0,
        "ongrid_discharge_cur_limit_A": 200.0,
    }


def test_a_high_voltage_battery_has_an_address_in_its_identifiers() -> None:
    second = PYLONTECH_HV.varied(address=1)
    view = view_of(bank_state(), 0.0, Manners())
    assert view is not None
    assert {f.can_id % 16 for f in second.encode(view)} == {1}
    assert {f.extended for f in second.encode(view)} == {True}
    answer = second.answer(CanFrame(0x4200, bytes(8), extended=True))
    assert answer is not None
    assert answer.frames[0].can_id == 0x4221


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        ("00000000000000E8", [0x4220, 0x4250, 0x4280, 0x4210, 0x4230, 0x4240, 0x4270, 0x4290]),
        ("02000000000000E8", [0x7310, 0x7320, 0x7330, 0x7340]),
    ],
)
def test_a_high_voltage_inverter_asks_for_values_or_identity(data: str, ids: list[int]) -> None:
    answer = PYLONTECH_HV.answer(CanFrame(0x4200, bytes.fromhex(data), extended=True))
    assert answer is not None
    assert [frame.can_id for frame in answer.frames] == ids


@pytest.mark.parametrize("question", ["00004200#01", "00004200#", "00008200#AA"])
def test_what_is_no_question_has_no_answer(question: str) -> None:
    assert PYLONTECH_HV.answer(parse_frame(question)) is None


@pytest.mark.parametrize(
    ("current_a", "word"),
    [(30.0, "0962"), (-30.0, "0D63"), (0.2, "0561")],
)
def test_growatt_is_told_in_which_direction_the_current_flows(current_a: float, word: str) -> None:
    view = view_of(bank_state(current_a=current_a), 0.0, Manners())
    assert view is not None
    assert GROWATT_LV.encode(view)[0].data.hex().upper()[12:] == word


def test_growatt_is_told_the_cells_of_a_single_pack_only() -> None:
    left, right = bank_state().packs
    assert 0x315 not in told(GROWATT_LV, bank_state(packs=(left, right)))
    single = told(GROWATT_LV, bank_state(packs=(left,)))
    assert single[0x318] == {
        "cell_13_V": 3.312,
        "cell_14_V": 3.313,
        "cell_15_V": 3.314,
        "cell_16_V": 3.315,
    }


def test_a_charge_request_stands_where_the_dialect_has_it() -> None:
    asking = {"force_charge_below_percent": 50.0, "force_charge_urgent_below_percent": 50.0}
    state = bank_state(soc_percent=20.0)
    both = {"request_force_charge_1", "request_force_charge_2"}
    assert set(told(PYLONTECH_LV, state, **asking)[0x35C]["flags_set"]) >= both
    assert set(told(GROWATT_LV, state, **asking)[0x319]["flags_set"]) >= both
    assert told(VICTRON, state, **asking)[0x360] == {"charge_immediately": 255}
    assert "request_force_charge" in told(PYLONTECH_HV, state, **asking)[0x4250]["flags_set"]


def test_silence_tells_every_dialect_why_and_repeats_no_measurement() -> None:
    for dialect in DIALECTS.values():
        view = view_of(bank_state(), 30.0, Manners())
        assert view is not None
        said: dict[str, Any] = {}
        flags: set[str] = set()
        for can in dialect.encode(view):
            frame = dialect.find(can.can_id, extended=can.extended)
            assert frame is not None
            one = decode(frame, can.data)
            flags.update(one.get("flags_set", ()), one.get("two_bit", {}).get("active", ()))
            said.update(one)
        assert said["charge_current_limit_A"] == said["discharge_current_limit_A"] == 0, dialect
        assert said["charge_voltage_limit_V"] == 55.2
        assert not {"voltage_V", "soc_pct", "cell_voltage_max_V"} & set(said) or (
            said.get("cell_voltage_max_V") == 0
        )
        why = {"alarm_internal_comm_fail", "alarm_bms_internal", "error_internal_comm"}
        assert flags & why, dialect.name


def test_a_dialect_is_found_by_its_own_name() -> None:
    assert [name for name, dialect in DIALECTS.items() if dialect.name != name] == []
