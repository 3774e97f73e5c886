"""`jk-modbus` as `cellwarden decode` offers it: frames, registers, and requests."""

from collections.abc import Sequence

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden_hardware.captures import hex_bytes
from cellwarden_hardware.codecs import jk_modbus
from cellwarden_hardware.codecs.jk_modbus_registers import read_registers
from cellwarden_hardware.codecs.scanner import BadFrame
from cellwarden_hardware.protocol_jk_ble import shown as shown_body

_Request = jk_modbus.ReadRequest | jk_modbus.WriteRequest


class JkModbusProtocol:
    """`jk-modbus`: both ways of reading that share the bus."""

    def decode(
        self,
        chunks: Sequence[str],
        *,
        request: bytes | None = None,
        variant: str | None = None,
    ) -> list[dict[str, object]]:
        """Return one object for each message; of a stream with answers only these.

        With its request the registers of an answer get their names, and an answer of another pack
        or to something else is refused. FrameError for the first bad frame.
        """
        if variant is not None:
            raise ConfigError(f"jk-modbus has no variant {variant!r}; leave it out")
        asked = _asked(request)
        decoder = jk_modbus.Decoder(secrets=True)
        events = [event for chunk in chunks for event in decoder.feed(hex_bytes(chunk))]
        events += decoder.reset()
        messages = [event for event in events if not isinstance(event, BadFrame)]
        answers = [each for each in messages if not isinstance(each, _Request)]
        bad = [event for event in events if isinstance(event, BadFrame)]
        # Behind a frame that is lost, its acknowledgement alone says nothing.
        orphaned = all(
            isinstance(each, jk_modbus.Acknowledge) and each.register in jk_modbus.TRIGGERS
            for each in messages
        )
        for event in bad:
            if event.kind != "header" or orphaned:
                raise event.error()
        if not messages:
            raise ConfigError("no bytes to decode: give hex digits, such as 011016200001...")
        for answer in answers:
            _check(answer, asked)
        return [_shown(message, asked) for message in answers or messages]

    def encode(self, state: object) -> list[dict[str, object]]:  # noqa: ARG002
        """Refuse: nothing tells a JK BMS the state of a bank."""
        raise CommandRefused("jk-modbus is read from a BMS; there is nothing to send for a state")


def _asked(request: bytes | None) -> _Request | None:
    if request is None:
        return None
    decoder = jk_modbus.Decoder()
    for event in (*decoder.feed(request), *decoder.reset()):
        if isinstance(event, _Request):
            return event
    raise ConfigError("the request is no good message of jk-modbus")


def _check(answer: jk_modbus.Message, asked: _Request | None) -> None:
    if isinstance(answer, jk_modbus.Refused):
        raise answer.error()
    if asked is None:
        return
    if answer.address != asked.address:
        raise FrameError(
            "wrong_address", f"{asked.address} was asked, {answer.address} has answered"
        )
    if isinstance(answer, jk_modbus.Registers):
        fits = len(answer.words) == asked.count
    else:
        fits = answer.register == asked.register
    if not fits or isinstance(answer, jk_modbus.Registers) != isinstance(
        asked, jk_modbus.ReadRequest
    ):
        raise FrameError("wrong_frame_type", "this answers another request")


def _shown(message: jk_modbus.Message, asked: _Request | None) -> dict[str, object]:
    if isinstance(message, jk_modbus.Answer):
        ack = {"ack_address": message.address, "ack_register": message.register}
        return shown_body(message.body) | ack
    if isinstance(message, jk_modbus.Registers):
        told: dict[str, object] = {
            "address": message.address,
            "function": jk_modbus.READ,
            "registers": list(message.words),
        }
        if asked is not None:
            told |= read_registers(asked.register, message.words, secrets=True)
        return told
    assert not isinstance(message, jk_modbus.Refused)
    read = isinstance(message, jk_modbus.ReadRequest)
    told = {
        "address": message.address,
        "function": jk_modbus.READ if read else jk_modbus.WRITE,
        "register": message.register,
        "register_count": message.count,
    }
    if isinstance(message, jk_modbus.WriteRequest):
        told["data_hex"] = message.data.hex()
    return told
