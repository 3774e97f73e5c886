"""`jk-ble` as `cellwarden decode` offers it: frames of the BMS, and commands to it."""

import math
import struct
from collections.abc import Sequence

from cellwarden.errors import CommandRefused, ConfigError
from cellwarden_hardware.captures import hex_bytes
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs.jk_ble_alarms import log_text
from cellwarden_hardware.codecs.jk_ble_cells import NAMES, CellInfo, Layout
from cellwarden_hardware.codecs.scanner import BadFrame

# Writes of JK04 that carry a float32: power off, ADC reference, balance start, trigger, current.
_FLOATS = frozenset({0x20, 0x44, 0x58, 0x64, 0x68})
_ACTIONS = {
    jk_ble.Register.SETTINGS_AND_STREAM: "read_settings_and_start_stream",
    jk_ble.Register.DEVICE_INFO: "read_device_info",
    jk_ble.Register.LOGBOOK: "read_logbook",
}


class JkBleProtocol:
    """`jk-ble`: what the BMS notifies, and the commands it is sent."""

    def decode(
        self,
        chunks: Sequence[str],
        *,
        request: bytes | None = None,  # noqa: ARG002  # every frame says what it is
        variant: str | None = None,
    ) -> list[dict[str, object]]:
        """Return one object for each frame, passcodes included: a person asked for everything.

        FrameError for the first bad frame, ConfigError for what is no hex, and for a frame whose
        layout neither `variant` nor a device info before it tells.
        """
        decoder = jk_ble.Decoder(_layout(variant), secrets=True)
        events = [event for chunk in chunks for event in decoder.feed(hex_bytes(chunk))]
        events += decoder.reset()
        frames = [event for event in events if not isinstance(event, BadFrame)]
        for event in events:
            if isinstance(event, BadFrame) and (event.kind != "header" or not frames):
                raise event.error()
        if not frames:
            raise ConfigError("no bytes to decode: give hex digits, such as 55AAEB90...")
        told = [frame for frame in frames if not isinstance(frame, jk_ble.Command)]
        return [shown(frame) for frame in told or frames]

    def encode(self, state: object) -> list[dict[str, object]]:  # noqa: ARG002
        """Refuse: nothing tells a JK BMS the state of a bank."""
        raise CommandRefused("jk-ble is read from a BMS; there is nothing to send for a state")


def _layout(variant: str | None) -> Layout | None:
    if variant is None:
        return None
    for layout in Layout:
        if variant.upper() in {layout.value, layout.value.removeprefix("JK02_")}:
            return layout
    names = ", ".join(layout.value for layout in Layout)
    raise ConfigError(f"jk-ble has no variant {variant!r}; there are {names}")


def shown(frame: jk_ble.Frame) -> dict[str, object]:
    """Return what a person is shown of a frame."""
    if isinstance(frame, jk_ble.Command):
        return _shown_command(frame)
    if isinstance(frame, jk_ble.Unread):
        raise ConfigError(
            f"a frame of type {frame.type.name.lower()} means something else in each layout: give"
            " --variant JK04, JK02_24S or JK02_32S, or the device-info frame before it"
        )
    told: dict[str, object] = {"frame_type": "logbook", "frame_counter": frame.counter}
    if isinstance(frame, jk_ble.Logbook):
        entries = [
            {"time_since_start": e.time_since_start_s, "code": e.code} for e in frame.entries
        ]
        meanings = [log_text(e.code) for e in frame.entries]
        return told | {"log_count": frame.count, "entries": entries, "meanings": meanings}
    told["layout"] = frame.layout.value if frame.layout else None
    if isinstance(frame, jk_ble.Cells):
        return told | {"frame_type": "cell_info"} | _shown_cells(frame.info)
    kind = "settings" if isinstance(frame, jk_ble.Settings) else "device_info"
    return told | {"frame_type": kind} | {n: _plain(v) for n, v in frame.values.items()}


def _shown_cells(info: CellInfo) -> dict[str, object]:
    cells = info.cell_voltages_v
    told: dict[str, object] = {"cell_count": len(cells) - cells.count(None)}
    for name, value in zip(NAMES, info, strict=True):
        if value is not None:
            told[name] = _plain(value)
    return told


def _shown_command(command: jk_ble.Command) -> dict[str, object]:
    if command.register == jk_ble.Register.READY:
        return {"frame_type": "ready", "value_raw": command.value_raw}
    try:
        return {"action": _ACTIONS[jk_ble.Register(command.register)]}
    except ValueError:
        pass
    told: dict[str, object] = {
        "action": "write",
        "register": command.register,
        "length": len(command.data),
        "value_raw": command.value_raw,
    }
    if command.register in _FLOATS and len(command.data) == 4:
        (number,) = struct.unpack("<f", command.data)
        told["value_float"] = _plain(round(number, 6))
    return told


def _plain(value: object) -> object:
    """Return a value as JSON can say it."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
