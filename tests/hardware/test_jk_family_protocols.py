"""`jk-ble`, `jk-modbus` and `jk-can` as `decode` and `encode` offer them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden.interfaces import WireProtocol
from cellwarden_hardware.codecs import jk_modbus
from cellwarden_hardware.protocol_jk_ble import JkBleProtocol
from cellwarden_hardware.protocol_jk_can import JkCanProtocol
from cellwarden_hardware.protocol_jk_modbus import JkModbusProtocol
from cellwarden_hardware.protocols import PROTOCOLS
from support.jk_frames import check, frame, rows
from support.tools import require_shared

BLE, MODBUS, CAN = JkBleProtocol(), JkModbusProtocol(), JkCanProtocol()
FAMILY = {"jk-ble": BLE, "jk-modbus": MODBUS, "jk-can": CAN}
ROWS = [(name, row) for name in FAMILY for row in rows(name.replace("-", "_"))]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[row["id"] for _, row in ROWS])
def test_every_captured_frame_is_shown_as_expected(name: str, row: dict[str, object]) -> None:
    check(FAMILY[name], row)


@pytest.mark.shared
@pytest.mark.parametrize("name", FAMILY)
def test_every_shared_vector_is_shown_as_expected(name: str) -> None:
    shared = json.loads(require_shared("vectors", f"{name}.json").read_text())
    assert len(shared) >= 15
    for row in shared:
        check(FAMILY[name], row)


@pytest.mark.parametrize("name", FAMILY)
def test_the_plugin_offers_them(name: str) -> None:
    (kind,) = (kind for kind in PROTOCOLS if kind.name == name)
    assert type(kind.load()) is type(FAMILY[name])
    assert not kind.encodes


@pytest.mark.parametrize("protocol", FAMILY.values(), ids=list(FAMILY))
def test_there_is_nothing_to_encode(protocol: WireProtocol) -> None:
    with pytest.raises(CommandRefused, match="nothing to send"):
        protocol.encode({})


@pytest.mark.parametrize("protocol", FAMILY.values(), ids=list(FAMILY))
def test_an_unknown_variant_is_said_so(protocol: WireProtocol) -> None:
    with pytest.raises(ConfigError, match="has no variant 'JK05'"):
        protocol.decode(["00"], variant="JK05")


@pytest.mark.parametrize("protocol", [BLE, MODBUS], ids=["jk-ble", "jk-modbus"])
def test_what_is_no_hex_is_said_so(protocol: WireProtocol) -> None:
    with pytest.raises(ConfigError, match="is not hex"):
        protocol.decode(["55AA xyz"])
    with pytest.raises(ConfigError, match="no bytes to decode"):
        protocol.decode(["", " "])


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4))
def test_random_bytes_give_only_frame_errors(chunks: list[bytes]) -> None:
    for protocol in (BLE, MODBUS):
        with pytest.raises(FrameError):
            protocol.decode([chunk.hex() for chunk in chunks])


# ------------------------------------------------------------------ jk-ble

CELLS = frame("jk_ble", "ble-32s-pb-1538-cell").hex()
DEVICE = frame("jk_ble", "ble-32s-pb-1538-devinfo").hex()


def test_a_cell_frame_alone_asks_for_its_layout() -> None:
    with pytest.raises(ConfigError, match="--variant JK04, JK02_24S or JK02_32S"):
        BLE.decode([CELLS])


def test_a_device_info_frame_tells_the_layout_of_what_follows() -> None:
    device, cells = BLE.decode([DEVICE, CELLS])
    assert device["layout"] == cells["layout"] == "JK02_32S"
    assert cells["soc"] == 25


@pytest.mark.parametrize("variant", ["JK02_32S", "jk02_32s", "32S"])
def test_variants_are_taken_as_people_write_them(variant: str) -> None:
    (cells,) = BLE.decode([CELLS], variant=variant)
    assert cells["current"] == 31.881


def test_noise_around_good_frames_is_left_out() -> None:
    assert len(BLE.decode(["41540d0a", DEVICE, "0000"])) == 1


# ------------------------------------------------------------------ jk-modbus

STATUS = frame("jk_modbus", "modbus-pb2a16s15p-1510-status")
ASKED = jk_modbus.trigger_request(1)


def decoded(data: bytes, request: bytes | None = None) -> dict[str, object]:
    (shown,) = MODBUS.decode([data.hex()], request=request)
    return shown


def test_the_answer_of_another_pack_is_refused() -> None:
    with pytest.raises(FrameError, match="2 was asked, 1 has answered") as caught:
        decoded(STATUS, jk_modbus.trigger_request(2))
    assert caught.value.kind == "wrong_address"


@pytest.mark.parametrize(
    "request_",
    [
        jk_modbus.trigger_request(1, jk_modbus.SETTINGS),
        jk_modbus.read_request(1, jk_modbus.STATUS, 2),
    ],
)
def test_the_answer_to_something_else_is_refused(request_: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        decoded(STATUS, request_)
    assert caught.value.kind == "wrong_frame_type"


def test_registers_get_their_names_from_the_request() -> None:
    # 53.224 V, 1696.842 W, 31.881 A, 13.4 °C, 12.8 °C, no alarm: what BLE shows of that pack
    words = (0, 53224, 25, 58442, 0, 31881, 134, 128, 0, 0)
    shown = decoded(jk_modbus.registers(1, words), jk_modbus.read_request(1, 0x1290, 10))
    assert shown == {
        "address": 1,
        "function": 3,
        "registers": list(words),
        "voltage": 53.224,
        "power_magnitude": 1696.842,
        "current": 31.881,
        "temperature_1": 13.4,
        "temperature_2": 12.8,
        "alarms": 0,
    }


def test_fewer_registers_than_asked_for_are_refused() -> None:
    with pytest.raises(FrameError) as caught:
        decoded(jk_modbus.registers(1, (1, 2)), jk_modbus.read_request(1, 0x1290, 3))
    assert caught.value.kind == "wrong_frame_type"


def test_a_request_that_is_none_is_said_so() -> None:
    with pytest.raises(ConfigError, match="the request is no good message"):
        decoded(STATUS, b"\x01\x02\x03")


def test_a_stream_of_a_bus_shows_the_answers_only() -> None:
    shown = MODBUS.decode([ASKED.hex() + STATUS.hex(), STATUS.hex()])
    assert [each["ack_address"] for each in shown] == [1, 1]


# ------------------------------------------------------------------ jk-can


def test_several_can_frames_are_shown_in_order_with_their_address() -> None:
    shown = CAN.decode(["2F6#1302B20F51", "18E128F4#E40CE50CE60C0000"])
    assert shown == [
        {"frame": "battery_status", "address": 2, "voltage": 53.1, "current_document_sign": 1.8,
         "soc": 81},
        {"frame": "cells_1", "address": 0, "first_cell": 5,
         "cell_voltages": [3.3, 3.301, 3.302, 0.0]},
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["351#1402E803E8030000", "000002F4#1302B20F51"])
def test_an_identifier_that_is_not_jks_is_refused(line: str) -> None:
    with pytest.raises(FrameError) as caught:
        CAN.decode([line])
    assert caught.value.kind == "unknown_frame_type"
