"""Decoding in every codec: one table, each against one compiled struct of the same fields.

The yardstick of a row is what no decoder can do without: one `struct.unpack` of the frame, its
checksum, and the scaling of the same fields into a tuple; no stream, no names, no checks.
"""

import json
import struct
from collections.abc import Callable
from pathlib import Path

from yardstick import pair_s

from cellwarden.links.can_frame import CanFrame
from cellwarden_hardware.codecs import daly, daly_d2, jbd, jk_4e57, jk_ble, jk_can, jk_modbus
from cellwarden_hardware.codecs.crc import crc16_modbus
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.scanner import Scanner
from cellwarden_hardware.simulator.jk_frame_values import CELL_INFO

FRAMES = Path(__file__).resolve().parents[1] / "tests" / "hardware"

# Every field of a JK cell frame with 32 cells, in the order of their places.
CELLS_32S = CELL_INFO.layout
# Numbers and values of the measured block of 4E 57 with 16 cells.
SERIAL_16 = struct.Struct(">11xBB" + "BH" * 16 + "BHBHBHBHBHBBBBBHBIBHBHBH")


def sum_8(frame: bytes) -> None:
    """Check the sum of a JK frame as anybody would."""
    if sum(frame[:299]) & 0xFF != frame[299]:
        raise ValueError


def cells_32s(frame: bytes) -> tuple[object, ...]:
    """Unpack, check and scale a cell frame, and nothing else."""
    sum_8(frame)
    v = CELLS_32S.unpack(frame)
    return (
        [cell / 1000 for cell in v[:32]], v[32], v[33] / 1000, v[34] / 1000, v[35] + 1, v[36] + 1,
        [wire / 1000 for wire in v[37:69]], v[69] / 10, v[70], v[71] / 1000, v[72] / 1000,
        v[73] / 1000, v[74] / 10, v[75] / 10, v[76], v[77] / 1000, v[78], v[79], v[80] / 1000,
        v[81] / 1000, v[82], v[83] / 1000, v[84], v[85] != 0, v[86], v[87], v[88] != 0,
        v[89] != 0, v[90] != 0, v[91] != 0, *v[92:98], v[98], v[99] != 0, v[100], v[101],
        v[102] / 1000, v[103] / 1000, v[104], v[105] / 100, v[106] / 1000, v[107] != 0,
        v[108] / 10, v[109] / 10, v[110] / 10, v[111] / 10, *v[112:115], v[115] != 0, *v[116:],
    )  # fmt: skip


def modbus_answer(frame: bytes) -> tuple[object, ...]:
    """Do the same, and check the acknowledgement behind."""
    if crc16_modbus(frame[300:306]) != frame[306] | frame[307] << 8:
        raise ValueError
    return cells_32s(frame[:300])


def serial_16(frame: bytes) -> tuple[object, ...]:
    """Unpack, check and scale the measured values of a 4E 57 frame with 16 cells."""
    if sum(frame[:-4]) & 0xFFFF != frame[-2] << 8 | frame[-1]:
        raise ValueError
    v = SERIAL_16.unpack_from(frame)[1::2]
    voltage, current, *others = v[20:]
    return ([cell / 1000 for cell in v[1:17]], *v[17:20], voltage / 100, current / 100, *others)


def can_status(data: bytes) -> tuple[float, ...]:
    """Unpack and scale a CAN status."""
    voltage, current, soc, hours = struct.unpack("<HHBxH", data)
    return voltage / 10, (current - 4000) / 10, soc, hours


JBD_BASIC = struct.Struct(">4xHhHHHHHHHBBBBB3H")


def jbd_basic(frame: bytes) -> tuple[object, ...]:
    """Unpack, check and scale register 03 with three sensors."""
    if -sum(frame[2:-3]) & 0xFFFF != frame[-3] << 8 | frame[-2]:
        raise ValueError
    v = JBD_BASIC.unpack_from(frame)
    return (
        v[0] / 100, v[1] / 100, v[2] / 100, v[3] / 100, *v[4:11], v[11] & 1 != 0, v[11] & 2 != 0,
        v[12], [(count - 2731) / 10 for count in v[14:]],
    )  # fmt: skip


def daly_sums(frame: bytes) -> tuple[float, ...]:
    """Unpack, check and scale reply 90."""
    if sum(frame[:12]) & 0xFF != frame[12]:
        raise ValueError
    voltage, gathered, current, soc = struct.unpack_from(">4H", frame, 4)
    return voltage / 10, gathered / 10, (current - 30_000) / 10, soc / 10


def captured(name: str, id_: str) -> bytes:
    rows = json.loads((FRAMES / f"{name}_frames.json").read_text())
    return bytes.fromhex(next(row["frame_hex"] for row in rows if row["id"] == id_))


Work = Callable[[], object]


def works() -> list[tuple[str, Work, Work | None, str]]:
    """Return (what, our decoding, the yardstick's, the aim)."""
    cells = captured("jk_ble", "ble-32s-pb-1538-cell")
    older = captured("jk_ble", "ble-24s-b1a20s15p-1007-cell")
    floats = captured("jk_ble", "ble-jk04-b2a16s-cell")
    settings = captured("jk_ble", "ble-32s-b2a8s20p-1117-settings")
    device = captured("jk_ble", "ble-32s-pb-1538-devinfo")
    answer = captured("jk_modbus", "modbus-pb2a16s15p-1510-status")
    serial = captured("jk_4e57", "16s-b2a20s20p")
    basic, sums = captured("jbd", "jbd-4s-basic"), captured("daly", "daly-90-0")
    d2, cells_15 = captured("daly", "daly-d2-info"), captured("jbd", "jbd-vendor-cells-15s")
    jbd_line, daly_line, d2_line = jbd.decoder(), daly.decoder(), Scanner(daly_d2.FRAMING)
    status = CanFrame(0x2F4, captured("jk_can", "can-real-batt-st"))
    ble = {layout: jk_ble.Decoder(layout) for layout in Layout}
    modbus, uart = jk_modbus.Decoder(), jk_4e57.Decoder()
    assert isinstance(ble[Layout.JK02_32S].feed(cells)[0], jk_ble.Cells)
    assert isinstance(modbus.feed(answer)[0], jk_modbus.Answer)
    return [
        (
            "jk-ble, JK02_32S cell frame",
            lambda: ble[Layout.JK02_32S].feed(cells),
            lambda: cells_32s(cells),
            "<= 2.5",
        ),
        ("jk-ble, JK02_24S cell frame", lambda: ble[Layout.JK02_24S].feed(older), None, ""),
        ("jk-ble, JK04 cell frame", lambda: ble[Layout.JK04].feed(floats), None, ""),
        ("jk-ble, settings unchanged", lambda: ble[Layout.JK02_32S].feed(settings), None, ""),
        ("jk-ble, device info", lambda: ble[Layout.JK02_32S].feed(device), None, ""),
        (
            "jk-modbus, status with acknowledgement",
            lambda: modbus.feed(answer),
            lambda: modbus_answer(answer),
            "",
        ),
        (
            "jk-rs485, everything, 16 cells",
            lambda: uart.feed(serial),
            lambda: serial_16(serial),
            "",
        ),
        (
            "jbd, basic information, 3 sensors",
            lambda: [jbd.decode_basic(reply.data) for reply in jbd_line.feed(basic)],
            lambda: jbd_basic(basic),
            "",
        ),
        (
            "daly, reply 90",
            lambda: [daly.values_of(reply.command, reply.data) for reply in daly_line.feed(sums)],
            lambda: daly_sums(sums),
            "",
        ),
        (
            "daly D2, state of 32 cells",
            lambda: [daly_d2.decode_reply(reply.data, 0) for reply in d2_line.feed(d2)],
            None,
            "",
        ),
        (
            "jbd, cells of 15",
            lambda: [jbd.decode_cells(reply.data) for reply in jbd_line.feed(cells_15)],
            None,
            "",
        ),
        ("jk-can, status", lambda: jk_can.decode(status), lambda: can_status(status.data), ""),
    ]


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    del seconds
    rows = []
    for what, decode, least, aim in works():
        decode_s, least_s = pair_s(decode, least or decode)
        measured = f"{decode_s * 1e6:.2f} µs"
        if least is not None:
            measured += f" = {decode_s / least_s:.2f} x its struct ({least_s * 1e6:.2f} µs)"
        rows.append((f"decode {what}", measured, aim))
    return rows
