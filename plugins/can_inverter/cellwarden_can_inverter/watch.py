"""`cellwarden inverter watch`: the traffic of a bus or line, decoded, as it comes."""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cellwarden.cli import complain, live
from cellwarden.cli.show import value_text
from cellwarden.errors import ConfigError, FrameError, LinkTimeout
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame
from cellwarden.links.serial import SerialLink
from cellwarden_can_inverter.check_report import RS485, id_text, who_sends
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.frames import Dialect, decode
from cellwarden_can_inverter.profiles import dialect_and_manners
from cellwarden_can_inverter.pylontech_ascii import DamagedFrame, Frame, Receiver, encode_frame
from cellwarden_can_inverter.rs485_config import Rs485InverterOptions
from cellwarden_can_inverter.rs485_protocol import explain
from cellwarden_can_inverter.where import Where, where

DRAW_S = 0.5
READ_S = 0.5
PARTIAL_S = 0.1
"""Half a frame is dropped after this much silence, real s."""
ASKED_S = 1.0
"""An answer belongs to the request before it if it comes within this time, real s."""
_HEADER = frozenset({
    "ver", "cid1", "length_field", "lenid", "checksum", "checksum_ok", "length_ok", "info_hex",
})  # fmt: skip
"""What a person does not look for in an RS485 frame."""

Show = Callable[["Heard"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One frame, decoded."""

    t_s: float
    """Since the start."""
    key: str
    """What stays the same from one such frame to the next: identifier, or address and command."""
    who: str
    meaning: str
    says: Mapping[str, Any]
    raw: Mapping[str, Any]
    """The frame itself, as `decode` takes it."""

    @property
    def line(self) -> str:
        """One line for a person."""
        said = "  ".join(f"{name} {value_text(value)}" for name, value in self.says.items())
        return f"{self.t_s:9.3f}  {self.key:<10}  {self.who:<8}  {self.meaning}: {said}"


@dataclass(slots=True)
class Picture:
    """The newest frame of each sort, in the order in which they were first heard."""

    bus: str
    frames: dict[str, tuple[Heard, int]] = field(default_factory=dict)

    def take(self, heard: Heard) -> None:
        """Remember a frame."""
        _, count = self.frames.get(heard.key, (heard, 0))
        self.frames[heard.key] = heard, count + 1

    def lines(self, now_s: float) -> list[str]:
        """Return the table; `now_s` counts from the start."""
        lines = [f"{self.bus}, {now_s:.0f} s, Ctrl-C ends", ""]
        if not self.frames:
            return [*lines, "Nothing was heard so far."]
        for key, (heard, count) in self.frames.items():
            head = f"{key:<10} {count:>6}  {now_s - heard.t_s:5.1f} s ago"
            lines.append(f"{head}  {heard.who}: {heard.meaning}")
            if heard.says:
                said = "  ".join(f"{name} {value_text(v)}" for name, v in heard.says.items())
                lines.append(f"    {said}")
        return lines


def run(arguments: argparse.Namespace) -> int:
    """Watch until Ctrl-C, or for so long; 1 if the bus or line cannot be opened."""
    if arguments.seconds is not None and not arguments.seconds > 0:
        return complain("--seconds takes more than 0", 2)
    try:
        place = where(arguments)
    except ConfigError as error:
        return complain(error, 2)
    try:
        asyncio.run(_watch(place, arguments.seconds, as_json=arguments.json))
    except KeyboardInterrupt:
        return 0
    return 0


async def _watch(place: Where, seconds: float | None, *, as_json: bool) -> None:
    listen: Callable[[Show], Awaitable[None]]
    if isinstance(place.options, Rs485InverterOptions):
        options = place.options
        listen = lambda show: _listen_serial(options, show)  # noqa: E731  # one of two
    else:
        can = place.options
        listen = lambda show: _listen_can(can, show)  # noqa: E731
    with _shown(place.bus, as_json=as_json) as (show, draw):
        began_s = time.monotonic()
        listening = asyncio.ensure_future(listen(show))
        try:
            while seconds is None or time.monotonic() - began_s < seconds:
                done, _ = await asyncio.wait({listening}, timeout=DRAW_S)
                for ended in done:
                    ended.result()
                draw(time.monotonic() - began_s)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@contextmanager
def _shown(bus: str, *, as_json: bool) -> Iterator[tuple[Show, Callable[[float], None]]]:
    """Give what takes a frame and what draws: a table in place, else a line for each frame."""
    if as_json:
        yield (lambda heard: print(_json(heard), flush=True)), lambda _: None
    elif not live.is_terminal():
        yield (lambda heard: print(heard.line, flush=True)), lambda _: None
    else:
        picture = Picture(bus)
        with live.live_screen() as put:
            yield picture.take, lambda now_s: put(picture.lines(now_s))


def _json(heard: Heard) -> str:
    return json.dumps(
        {
            "t_s": round(heard.t_s, 3),
            "from": heard.who,
            "meaning": heard.meaning,
            **heard.raw,
            **heard.says,
        }
    )


# -- CAN -------------------------------------------------------------------------------------


async def _listen_can(options: CanInverterOptions, show: Show) -> None:
    """Show every frame until cancelled; LinkError when the bus fails."""
    dialect, _ = dialect_and_manners(options)
    link = CanLink(
        interface=options.interface,
        channel=options.channel,
        bitrate=options.bitrate,
        options=options.bus_arguments(),
    )
    began_s = time.monotonic()
    await link.open(lambda frame: show(heard_can(dialect, frame, time.monotonic() - began_s)))
    try:
        while True:
            link.check()
            await asyncio.sleep(READ_S)
    finally:
        await link.close()


def heard_can(dialect: Dialect, frame: CanFrame, t_s: float) -> Heard:
    """Return a frame decoded; a payload that makes no sense is shown as such."""
    who, meaning = who_sends(dialect, frame)
    known = dialect.find(frame.can_id, extended=frame.extended)
    name = id_text(frame.can_id, frame.extended)
    says: dict[str, Any] = {}
    if known is not None:
        try:
            says = decode(known, frame.data)
        except FrameError as error:
            says = {"error": error.kind}
    raw = {"can_id": name, "extended": frame.extended, "data_hex": frame.data.hex().upper()}
    return Heard(
        t_s=t_s,
        key=name,
        who=who,
        meaning=meaning or "not of this dialect",
        says=says or {"data_hex": raw["data_hex"]},
        raw=raw,
    )


# -- RS485 -----------------------------------------------------------------------------------


async def _listen_serial(options: Rs485InverterOptions, show: Show) -> None:
    """Show every frame until cancelled; LinkError when the port fails."""
    link = SerialLink(options.port, baudrate=options.baudrate, name="watch")
    receiver, began_s = Receiver(), time.monotonic()
    asked: tuple[int, float] | None = None
    await link.open()
    try:
        while True:
            wanted = receiver.missing()
            try:
                data = await link.read(READ_S, at_least=wanted, silence_s=PARTIAL_S)
            except LinkTimeout:
                receiver.discard()
                continue
            now_s = time.monotonic()
            for frame in receiver.feed(data):
                known = asked is not None and now_s - asked[1] < ASKED_S
                show(heard_ascii(frame, now_s - began_s, asked[0] if known and asked else None))
                if isinstance(frame, Frame) and not frame.is_answer:
                    asked = frame.code, now_s
            if len(data) < wanted:
                receiver.discard()
    finally:
        await link.close()


def heard_ascii(frame: Frame | DamagedFrame, t_s: float, asked: int | None) -> Heard:
    """Return a frame of the RS485 protocol decoded; a damaged one is shown as such."""
    if isinstance(frame, DamagedFrame):
        says: dict[str, Any] = {"error": frame.kind}
        return Heard(t_s=t_s, key="-", who="unknown", meaning=str(frame), says=says, raw={})
    text = encode_frame(frame).decode()
    try:
        said = explain(frame, text.strip("~\r").encode(), asked)
    except FrameError as error:
        said = {"error": error.kind, "adr": f"{frame.address:02X}"}
    decoded = said.pop("decoded", {})
    code = said.get("answers_cid2") or said.get("cid2_or_rtn", "")
    who = "battery" if frame.is_answer else "inverter"
    assert isinstance(decoded, dict)
    return Heard(
        t_s=t_s,
        key=f"{frame.address:02X} {code}{' <' if frame.is_answer else ' >'}",
        who=who,
        meaning=str(said.pop("meaning", "answer" if frame.is_answer else RS485)),
        says={k: v for k, v in said.items() if k not in _HEADER | {"adr", "direction"}} | decoded,
        raw={"frame_ascii": text},
    )
