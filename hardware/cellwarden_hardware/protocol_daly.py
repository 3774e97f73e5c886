"""`daly` as `cellwarden decode` offers it: the A5 protocol, and the D2 dialect of newer boards."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden_hardware.captures import asked, frames_in, hex_bytes
from cellwarden_hardware.codecs import daly, daly_d2
from cellwarden_hardware.codecs import daly_table as table

_VARIANTS = ("a5", "d2")


class DalyProtocol:
    """Replies, requests and commands of Daly, over serial lines and Bluetooth."""

    def decode(
        self, chunks: Sequence[str], *, request: bytes | None = None, variant: str | None = None
    ) -> list[dict[str, object]]:
        """Return one object for each answer, which may be several frames; echoes are left out.

        The dialect shows in the first byte; `variant` (a5, d2) says it where noise stands there.
        FrameError for the first bad frame, or one that does not answer the request.
        """
        if variant is not None and variant.lower() not in _VARIANTS:
            raise ConfigError(f"daly has no variant {variant!r}, only {' and '.join(_VARIANTS)}")
        pieces = [hex_bytes(chunk) for chunk in chunks]
        first = b"".join(pieces)[:1]
        if (variant or "").lower() == "d2" or (variant is None and first == b"\xd2"):
            return _d2(pieces, request)
        return _a5(pieces, request)

    def encode(self, state: Mapping[str, object]) -> list[dict[str, object]]:  # noqa: ARG002
        """Refuse: nothing tells a Daly board the state of a bank."""
        raise CommandRefused("daly is read from a BMS; there is nothing to send for a state")


def _a5(pieces: Sequence[bytes], request: bytes | None) -> list[dict[str, object]]:
    question = asked(daly.decode_frame, request)
    frames = frames_in(daly.FRAMING, pieces)
    replies = [frame for frame in frames if isinstance(frame, daly.Reply)]
    if not replies:
        return [_request(frame) for frame in frames if isinstance(frame, daly.Request)]
    if question is not None:
        for reply in replies:
            if reply.command != question.command:
                message = f"{question.command:02X} was asked, {reply.command:02X} came"
                raise FrameError("wrong_frame_type", message)
    return list(_answers(replies))


def _answers(replies: Sequence[daly.Reply]) -> Iterator[dict[str, object]]:
    """Yield one object for each answer: the frames of a series belong together."""
    for (command, board), group in groupby(replies, lambda reply: (reply.command, reply.board)):
        head: dict[str, object] = {"command": command, "board": board}
        if command in table.SEVERAL_FRAMES:
            yield head | _series(command, list(group))
            continue
        for reply in group:
            shown = head | daly.values_of(command, reply.data)
            if command == table.FAULTS:
                shown["faults"] = list(table.faults_of(daly.fault_bits(reply.data)))
            yield shown


def _series(command: int, frames: Sequence[daly.Reply]) -> dict[str, object]:
    # A piece of a capture need not begin with the first frame.
    series = daly.series(frames, min(frame.data[0] for frame in frames))
    shown: dict[str, object] = {"frame_numbers": list(series.numbers)}
    if command == table.CELLS:
        return {**shown, "raw_cell_millivolts": list(series.cells_mv)}
    if command == table.TEMPERATURES:
        return {**shown, "raw_temperature_bytes": list(series.sensor_bytes)}
    return {**shown, "battery_code": series.text}


def _request(frame: daly.Request) -> dict[str, object]:
    shown: dict[str, object] = {"command": frame.command, "host_address": frame.host}
    if frame.command in (table.CHARGE_MOS, table.DISCHARGE_MOS):
        return {**shown, **daly.values_of(frame.command, frame.data)}
    if frame.command == table.SET_CLOCK_AND_SOC:
        return {**shown, **daly.clock_and_soc_of(frame.data)}
    if any(frame.data):
        shown["data_hex"] = frame.data.hex()
    return shown


def _d2(pieces: Sequence[bytes], request: bytes | None) -> list[dict[str, object]]:
    question = asked(daly_d2.decode_frame, request)
    frames = frames_in(daly_d2.FRAMING, pieces)
    start = question.start if isinstance(question, daly_d2.Request) else None
    replies = [frame for frame in frames if isinstance(frame, daly_d2.Reply)]
    if replies:
        return [_listed(daly_d2.decode_reply(reply.data, start)) for reply in replies]
    shown: list[dict[str, object]] = []
    for frame in frames:
        if isinstance(frame, daly_d2.Request):
            shown.append({"action": "read", "register": frame.start, "words": frame.words})
        elif isinstance(frame, daly_d2.Write):
            shown.append({"action": "write", "register": frame.register, "value_raw": frame.value})
    return shown


def _listed(values: Mapping[str, object]) -> dict[str, object]:
    return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}
