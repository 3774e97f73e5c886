"""Emulated Daly boards (A5 protocol) on a pseudo terminal, for demo and tests."""

import struct
from collections.abc import Iterable, Iterator, Mapping

from cellwarden.model import AlarmKind
from cellwarden_hardware.codecs import daly
from cellwarden_hardware.codecs import daly_table as table
from cellwarden_hardware.codecs.daly_table import FAULT_WORD, ZERO_C, Value
from cellwarden_hardware.simulator.device import EmulatedDevice, Switchable
from cellwarden_hardware.simulator.snapshot import PackSnapshot, SnapshotSource

# The last bit of a kind is its level 2, where it has levels.
_BIT: dict[AlarmKind, int] = {
    row.alarm.kind: 1 << row.bit for row in FAULT_WORD.rows if row.alarm is not None
}
_BIT[AlarmKind.CELL_UNDERVOLTAGE] = 1 << 3  # not "low voltage forbids charging"
_BIT[AlarmKind.TEMPERATURE_SENSOR] = 1 << 42
_BIT[AlarmKind.BMS_INTERNAL] = 1 << 40
_SWITCHES = {table.CHARGE_MOS: "charge", table.DISCHARGE_MOS: "discharge"}
_MOST_A = 3000.0


class EmulatedDaly(EmulatedDevice[daly.Request]):
    """One board on one pseudo terminal, or several on one line."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        play: Iterable[bytes] = (),
        name: str = "emulated",
        address: int = 1,
        others: Mapping[int, SnapshotSource] | None = None,
        answer_after_s: float = 0.0,
    ) -> None:
        """Answer as board `address` from `source`, as other boards from `others`.

        Before that come the frames to `play`, one for each request 90. `name` is the battery
        code, to which other boards add their number.
        """
        super().__init__(play=play, answer_after_s=answer_after_s)
        self.mute: set[int] = set()
        """Commands that are never answered, as boards do that have no such data."""
        self.first_number = 1
        """The number of the first frame of a series: 1 as captured, 0 by the document."""
        self.all_frames = True
        """A series has as many frames as captured; else as many as the values need."""
        self.wire_sign = -1
        """-1: a discharge is positive on the wire, as captured; 1: the other boards."""
        self.clocks: dict[int, dict[str, Value]] = {}
        """What clock and SoC were last set to, by board."""
        self._boards = {address: source, **(others or {})}
        self._code = {
            board: name if board == address else f"{name}-{board}" for board in self._boards
        }
        self._life = 0
        self._scanner = daly.decoder()

    def _requests(self, data: bytes) -> Iterator[tuple[daly.Request, bytes]]:
        for event in self._scanner.feed(data):
            if isinstance(event, daly.Request):
                yield event, daly.build_frame(event.host, event.command, event.data)

    def _forget(self) -> None:
        self._scanner.reset()

    def _of_another(self, answer: bytes) -> bytes:
        frames = (answer[at : at + daly.SIZE] for at in range(0, len(answer), daly.SIZE))
        return b"".join(daly.build_frame(f[1] % 16 + 1, f[2], f[4:-1]) for f in frames)

    def _other_talk(self) -> bytes:
        board = max(self._boards) % daly.MOST_BOARDS + 1
        reply = daly.build_reply(table.SUMS, bytes(8), board=board)
        return daly.request(table.SUMS, board=board) + reply

    def answer(self, request: daly.Request) -> bytes | None:
        """Return what a board answers to a request, None where none does."""
        board, command = _board_of(request.host), request.command
        source = self._boards.get(board)
        if source is None or command in self.mute:
            return None
        if command == table.SUMS:
            self.requests += 1
            if self._play:
                return self._play.pop(0)
        if command in _SWITCHES:
            if isinstance(source, Switchable):
                source.set_switch(_SWITCHES[command], request.data[0] != 0)
            return daly.build_reply(command, request.data[:1], board=board)
        if command == table.SET_CLOCK_AND_SOC:
            self.clocks[board] = daly.clock_and_soc_of(request.data)
            return daly.build_reply(command, b"\x01", board=board)
        snapshot = source.snapshot()
        if command in table.SEVERAL_FRAMES:
            return self._series(command, snapshot, board)
        data = self._single(command, snapshot)
        return None if data is None else daly.build_reply(command, data, board=board)

    def _series(self, command: int, snapshot: PackSnapshot, board: int) -> bytes:
        if command == table.CELLS:
            counts = [round(v * 1000) for v in snapshot.cell_voltages_v]
            payload = struct.pack(f">{len(counts)}H", *counts)
        elif command == table.TEMPERATURES:
            payload = bytes(map(_sensor_byte, snapshot.temperatures_c))
        else:
            payload = self._code[board].encode("ascii", "replace")[:35]
        frames = table.SEVERAL_FRAMES[command] if self.all_frames else 0
        return daly.build_series(
            command, payload, first=self.first_number, frames=frames, board=board
        )

    def _single(self, command: int, snapshot: PackSnapshot) -> bytes | None:
        if command == table.BALANCE:
            return int(snapshot.balancing).to_bytes(6, "little")
        if command == table.FAULTS:
            return fault_bits(snapshot.protections).to_bytes(7, "little")
        if command == table.BATTERY:
            return bytes((0, 1, 24, 8, 26))
        if command in (table.SET_CLOCK_AND_SOC, *_SWITCHES) or command not in table.FIELDS:
            return None
        self._life = self._life + 1 & 0xFF
        return daly.build_values(command, self._values(snapshot))

    def _values(self, snapshot: PackSnapshot) -> dict[str, Value]:
        cells, sensors = snapshot.cell_voltages_v, snapshot.temperatures_c
        current_a = max(-_MOST_A, min(snapshot.current_a, _MOST_A))
        hottest, coldest = max(sensors, default=0.0), min(sensors, default=0.0)
        highest, lowest = max(cells), min(cells)
        return {
            "rated_capacity": snapshot.design_capacity_ah,
            "nominal_cell_voltage": 3.2,
            "voltage": snapshot.voltage_v,
            "current_wire_sign": current_a * self.wire_sign,
            "soc": snapshot.soc_percent,
            "cell_voltage_max": highest,
            "cell_max_number": cells.index(highest) + 1,
            "cell_voltage_min": lowest,
            "cell_min_number": cells.index(lowest) + 1,
            "temperature_max": hottest,
            "temperature_max_number": 1,
            "temperature_min": coldest,
            "temperature_min_number": 1,
            "mode": _mode(current_a),
            "charge_mos": snapshot.charge_fet_on,
            "discharge_mos": snapshot.discharge_fet_on,
            "bms_life": self._life,
            "remaining_capacity": snapshot.capacity_ah * snapshot.soc_percent / 100,
            "cell_count": len(cells),
            "temperature_sensor_count": len(sensors),
            "charger_connected": current_a > 0,
            "load_connected": current_a < 0,
            "cycle_count": snapshot.cycles,
        }


def fault_bits(protections: frozenset[AlarmKind]) -> int:
    """Return the bits of reply 98 for protections; kinds that the board does not know set none."""
    bits = 0
    for kind in protections:
        bits |= _BIT.get(kind, 0)
    return bits


def _board_of(host: int) -> int:
    # Bluetooth and GPRS modules sit on a board of their own: they speak to board 1.
    return 1 if host in (daly.BLUETOOTH, daly.GPRS) else host - 0x40 + 1


def _mode(current_a: float) -> str:
    if abs(current_a) < 0.1:
        return "idle"
    return "charge" if current_a > 0 else "discharge"


def _sensor_byte(temperature_c: float) -> int:
    return max(0, min(round(temperature_c) + ZERO_C, 0xFE))
