"""`jbd` as `cellwarden decode` offers it."""

from collections.abc import Callable, Mapping, Sequence

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden_hardware.captures import asked, frames_in, hex_bytes
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.codecs.jbd_table import (
    ALARMS,
    COMMANDS,
    FUNCTION_BITS,
    REGISTERS,
    date_text,
)


class JbdProtocol:
    """Replies, requests and commands of JBD, over serial lines and Bluetooth."""

    def decode(
        self, chunks: Sequence[str], *, request: bytes | None = None, variant: str | None = None
    ) -> list[dict[str, object]]:
        """Return one object for each frame; of a stream with replies only these.

        FrameError for the first bad frame, or one that is of another register than the request.
        """
        if variant is not None:
            raise ConfigError(f"jbd has no variant {variant!r}; leave it out")
        question = asked(jbd.decode_frame, request)
        frames = frames_in(jbd.FRAMING, [hex_bytes(chunk) for chunk in chunks])
        replies = [frame for frame in frames if isinstance(frame, jbd.Reply)]
        if isinstance(question, jbd.Request):
            for reply in replies:
                if reply.register != question.register:
                    message = (
                        f"register {question.register:02X} was asked, {reply.register:02X} came"
                    )
                    raise FrameError("wrong_frame_type", message)
        return [_shown(frame) for frame in replies or frames]

    def encode(self, state: Mapping[str, object]) -> list[dict[str, object]]:  # noqa: ARG002
        """Refuse: nothing tells a JBD board the state of a bank."""
        raise CommandRefused("jbd is read from a BMS; there is nothing to send for a state")


def _shown(frame: jbd.Frame) -> dict[str, object]:
    if isinstance(frame, jbd.Reply):
        return {"command": frame.register, **_values(frame.register, frame.data)}
    if isinstance(frame, jbd.Module):
        return {"module_command": frame.command, "data_hex": frame.data.hex()}
    shown: dict[str, object] = {
        "action": "write" if frame.write else "read",
        "register": frame.register,
    }
    if frame.register in COMMANDS and frame.write:
        shown["name"] = COMMANDS[frame.register]
    if frame.data:
        shown["data_hex"] = frame.data.hex()
    if frame.register == jbd.MOS and frame.write:
        shown["charge"], shown["discharge"] = jbd.mos_of(frame.data)
    elif frame.register in REGISTERS and frame.write:
        row = REGISTERS[frame.register]
        shown["name"], shown["value"] = row.name, jbd.decode_setting(row.number, frame.data)
    return shown


def _values(register: int, data: bytes) -> dict[str, object]:
    if register in _READ_ONLY:
        return _READ_ONLY[register](data)
    if not data:
        return {"done": True}
    if register not in REGISTERS:
        return {"data_hex": data.hex()}
    name, value = REGISTERS[register].name, jbd.decode_setting(register, data)
    if name == "function_bits" and isinstance(value, int):
        on = [word for bit, word in enumerate(FUNCTION_BITS) if value >> bit & 1]
        return {name: value, "functions": on}
    return {name: value}


def _basic(data: bytes) -> dict[str, object]:
    basic = jbd.decode_basic(data)
    return {
        **basic._asdict(),
        "production_date": date_text(basic.production_date_raw),
        "temperatures": list(basic.temperatures),
        "protections": [alarm.text for alarm in ALARMS.alarms_of(basic.alarms)],
    }


_READ_ONLY: dict[int, Callable[[bytes], dict[str, object]]] = {
    jbd.BASIC: _basic,
    jbd.CELLS: lambda data: {"cell_voltages": list(jbd.decode_cells(data))},
    jbd.NAME: lambda data: {"hardware_name": jbd.decode_name(data)},
    jbd.COUNTERS: lambda data: {**jbd.decode_counters(data)},
}
