"""The BMS protocols that can be tried by hand with `cellwarden decode`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cellwarden.errors import CommandRefused, ConfigError
from cellwarden.hooks import ProtocolKind
from cellwarden.interfaces import WireProtocol
from cellwarden_hardware.captures import frames_in, hex_bytes

if TYPE_CHECKING:
    from cellwarden_hardware.codecs import jk_4e57


class Jk4e57Protocol:
    """`jk-rs485`: replies, requests and commands of the JK "4E 57" protocol."""

    def decode(
        self,
        chunks: Sequence[str],
        *,
        request: bytes | None = None,  # noqa: ARG002  # every frame says what it is
        variant: str | None = None,
    ) -> list[dict[str, object]]:
        """Return one object for each frame; of a stream with replies only these.

        This is the one place where the parameter password is shown, because a person asked for
        everything that is in the bytes. FrameError for the first bad frame, ConfigError for what
        is no hex.
        """
        from cellwarden_hardware.codecs import jk_4e57  # noqa: PLC0415  # loaded when used

        if variant is not None:
            raise ConfigError(f"jk-rs485 has no variant {variant!r}; leave it out")
        framing = jk_4e57.framing(secrets=True)
        frames = frames_in(framing, [hex_bytes(chunk) for chunk in chunks])
        replies = [frame for frame in frames if not isinstance(frame, jk_4e57.Request)]
        return [_shown(frame) for frame in replies or frames]

    def encode(self, state: Mapping[str, object]) -> list[dict[str, object]]:  # noqa: ARG002
        """Refuse: nothing tells a JK BMS the state of a bank."""
        raise CommandRefused("jk-rs485 is read from a BMS; there is nothing to send for a state")


def _shown(frame: "jk_4e57.Frame") -> dict[str, object]:
    from cellwarden_hardware.codecs import jk_4e57  # noqa: PLC0415
    from cellwarden_hardware.codecs.jk_4e57_table import MEASURED  # noqa: PLC0415

    shown: dict[str, object] = {"command": frame.command, "frame_source": frame.source}
    if isinstance(frame, jk_4e57.Reply):
        shown["transport_type"] = frame.kind
        for row, value in zip(MEASURED, frame.measured, strict=False):
            if value is not None:
                shown[row.name] = list(value) if isinstance(value, tuple) else value
        if frame.measured.current_a is None and frame.measured.current_raw is not None:
            shown["current_raw"] = frame.measured.current_raw
        return {**shown, **frame.settings}
    if isinstance(frame, jk_4e57.Acknowledge):
        shown["transport_type"] = int(jk_4e57.Kind.REPLY)
    if frame.register is not None:
        shown["register"] = frame.register
    if isinstance(frame, jk_4e57.Request) and frame.value_raw is not None:
        shown["value_raw"] = frame.value_raw
    return shown


def _jk_4e57() -> WireProtocol:
    return Jk4e57Protocol()


def _jbd() -> WireProtocol:
    from cellwarden_hardware.protocol_jbd import JbdProtocol  # noqa: PLC0415  # loaded when used

    return JbdProtocol()


def _daly() -> WireProtocol:
    from cellwarden_hardware.protocol_daly import DalyProtocol  # noqa: PLC0415  # loaded when used

    return DalyProtocol()


def _jk_ble() -> WireProtocol:
    from cellwarden_hardware.protocol_jk_ble import JkBleProtocol  # noqa: PLC0415  # when used

    return JkBleProtocol()


def _jk_modbus() -> WireProtocol:
    from cellwarden_hardware.protocol_jk_modbus import (  # noqa: PLC0415  # loaded when used
        JkModbusProtocol,
    )

    return JkModbusProtocol()


def _jk_can() -> WireProtocol:
    from cellwarden_hardware.protocol_jk_can import JkCanProtocol  # noqa: PLC0415  # when used

    return JkCanProtocol()


PROTOCOLS: tuple[ProtocolKind, ...] = (
    ProtocolKind(
        name="jk-rs485",
        summary='JK BMS, serial protocol "4E 57": replies, requests, commands',
        load=_jk_4e57,
    ),
    ProtocolKind(
        name="jk-ble",
        summary="JK BMS, Bluetooth: frames, commands; variants JK04, JK02_24S, JK02_32S",
        load=_jk_ble,
    ),
    ProtocolKind(
        name="jk-modbus",
        summary="JK BMS, Modbus of the PB series: frames, registers, requests",
        load=_jk_modbus,
    ),
    ProtocolKind(
        name="jk-can",
        summary="JK BMS, its own CAN broadcast: every frame, commands",
        load=_jk_can,
    ),
    ProtocolKind(
        name="jbd",
        summary="JBD (Xiaoxiang), serial and Bluetooth: replies, requests, commands",
        load=_jbd,
    ),
    ProtocolKind(
        name="daly",
        summary="Daly, A5 and D2 frames, serial and Bluetooth: replies, requests, commands",
        load=_daly,
    ),
)
