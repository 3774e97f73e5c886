"""The board behind an emulated JK radio: what it holds, and how it takes commands.

In the layout with 32 cells it is the simulated pack's BMS. With captured frames of another layout
it is a recording whose settings can be written.
"""

import struct
from collections.abc import Mapping, Sequence

from cellwarden.model import Parameters
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs import jk_ble_writes as writes
from cellwarden_hardware.codecs.jk_ble import FrameType
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_device import LogEntry
from cellwarden_hardware.codecs.jk_ble_fields import FRAME_SIZE, Value
from cellwarden_hardware.codecs.jk_ble_settings import CONTROL_BITS
from cellwarden_hardware.codecs.jk_ble_writes import WRITES, Write
from cellwarden_hardware.simulator.jk_frame_values import (
    cell_frame,
    device_frame,
    logbook_frame,
    settings_frame,
)
from cellwarden_hardware.simulator.jk_settings import FIELDS, JkSettings
from cellwarden_hardware.simulator.snapshot import SnapshotSource


class JkBleBoard:
    """One board. What it is told is taken or not; the radio answers the same either way."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        device: Mapping[str, Value],
        frames: Mapping[FrameType, bytes] | None = None,
        parameters: Parameters | None = None,
    ) -> None:
        """`parameters` are its settings, None for the chemistry's preset."""
        self.settings = JkSettings(source, parameters, 1)
        self.device = dict(device)
        """Who it is, passcodes included."""
        self.logbook = [LogEntry(0, 0x01)]
        """What it remembers, oldest first; it has been started, at least."""
        self.gains: dict[str, float] = {}
        """What calibrations made of `voltage` and `current`."""
        self.clock_s: int | None = None
        """As it was set, in s since 2020-01-01."""
        self.restarts = 0
        self.off = False
        """It was told to shut down."""
        self._source = source
        self._frames = dict(frames or {})
        self.layout = _layout_of(self._frames.get(FrameType.DEVICE_INFO))

    def frame(self, kind: FrameType, counter: int) -> bytes:
        """Return what it answers."""
        if kind in self._frames:
            return self._frames[kind]
        if kind is FrameType.CELL_INFO:
            extra: dict[str, Value] = {} if self.clock_s is None else {"clock": self.clock_s}
            return cell_frame(
                self._source.snapshot(), counter, len(self.logbook), self.gains, extra
            )
        if kind is FrameType.LOGBOOK:
            return logbook_frame(self.logbook, counter)
        if kind is FrameType.SETTINGS:
            return settings_frame(self.settings.values(), counter)
        return device_frame(self.device, counter)

    def take(self, command: jk_ble.Command) -> None:
        """Do what a command says, or do not."""
        for name, write in WRITES[self.layout].items():
            if write.register == command.register and len(command.data) == struct.calcsize(
                write.code
            ):
                counts = struct.unpack(write.code, command.data)
                self._write(name, write, counts)
                return
        if self.layout is Layout.JK02_32S:
            self._take_32s(command)
        elif self.layout is Layout.JK02_24S:
            self._calibrate(command, writes.CALIBRATE_VOLTAGE, writes.CALIBRATE_CURRENT)

    def _write(self, name: str, write: Write, counts: Sequence[float]) -> None:
        recorded = self._frames.get(FrameType.SETTINGS)
        if recorded is None:
            self.settings.write(FIELDS[name], write.field.value(counts))
        elif name not in self.settings.refuses:
            changed = bytearray(recorded)
            struct.pack_into(f"<{write.field.code}", changed, write.field.at, *counts)
            changed[-1] = sum(changed[: FRAME_SIZE - 1]) & 0xFF
            self._frames[FrameType.SETTINGS] = bytes(changed)

    def _take_32s(self, command: jk_ble.Command) -> None:
        register = command.register
        first = writes.control_bit_register(CONTROL_BITS[0])
        if first <= register < first + len(CONTROL_BITS) and len(command.data) == 4:
            word = int(str(self.settings.values().get("control_bits", 0)))
            mask = 1 << register - first
            after = word | mask if command.value_raw else word & ~mask
            self.settings.write(FIELDS["control_bits"], after)
        elif register == writes.SET_CLOCK and len(command.data) == 4:
            self.clock_s = command.value_raw
        elif register == writes.RESTART:
            self.restarts += 1
        elif register == writes.SHUT_DOWN:
            self.off = True
        elif register == writes.USER_DATA:
            self.device["user_data"] = command.data.decode("ascii", "replace")
        else:
            self._calibrate(command, writes.CALIBRATE_VOLTAGE, writes.CALIBRATE_CURRENT)

    def _calibrate(
        self, command: jk_ble.Command, voltage: Mapping[Layout, int], current: Mapping[Layout, int]
    ) -> None:
        snapshot = self._source.snapshot()
        measured = {
            voltage[self.layout]: snapshot.voltage_v,
            current[self.layout]: snapshot.current_a,
        }
        name = {voltage[self.layout]: "voltage", current[self.layout]: "current"}.get(
            command.register
        )
        if name is not None and len(command.data) == 4 and measured[command.register]:
            (count,) = struct.unpack("<i", command.data)
            self.gains[name] = count / 1000 / measured[command.register]


def _layout_of(device: bytes | None) -> Layout:
    if device is None:
        return Layout.JK02_32S
    body = jk_ble.read_body(device, None)
    assert isinstance(body, jk_ble.DeviceInfo)
    return body.layout or Layout.JK02_32S
