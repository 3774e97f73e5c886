"""An emulated JK BMS that speaks "4E 57" on a pseudo terminal, for demo and tests.

Whoever opens `port` talks to it as to the real device: same frames, same rounding, and the
faults of real lines by switch.
"""

import asyncio
import contextlib
import os
import tty
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from cellwarden.model import Parameters
from cellwarden_hardware.codecs import jk_4e57
from cellwarden_hardware.codecs.jk_4e57_table import IDENTIFIERS
from cellwarden_hardware.simulator.jk_values import settings_values, snapshot_values
from cellwarden_hardware.simulator.snapshot import SnapshotSource

_PIECE = 7  # bytes of a chopped answer at a time, no divisor of anything in a frame
_PIECE_EVERY_S = 0.005
_SWITCHES = {0x9D: "balance", 0xAB: "charge", 0xAC: "discharge"}


@runtime_checkable
class Switchable(Protocol):
    """A pack whose switches can be set from outside."""

    def set_switch(self, which: str, on: bool, /) -> None:
        """Set `charge`, `discharge` or `balance`."""


class EmulatedJk:
    """One BMS on one pseudo terminal. Its faults may be changed at any time."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        play: Iterable[bytes] = (),
        parameters: Parameters | None = None,
        name: str = "emulated",
        answer_after_s: float = 0.0,
    ) -> None:
        """Answer from `source`, after the frames to `play`, one for each request for everything.

        `parameters` are the BMS's settings, None for the chemistry's preset; `name` is the
        owner's name for it. `answer_after_s` is real time; the device takes 0.02..0.1 s.
        """
        self.silent = False
        self.corrupt = False
        """One bit of each answer is wrong."""
        self.chopped = False
        """An answer comes in small pieces."""
        self.echo = False
        """The line gives every request back first, as half duplex adapters do."""
        self.cut_head = 0
        """Bytes missing at the start of an answer, as from an adapter that turns too slowly."""
        self.late_s = answer_after_s
        self.port = ""
        """Path of the terminal while started."""
        self.requests = 0
        """Requests for everything heard so far."""
        self._source = source
        self._play = list(play)
        self._settings = settings_values(source.snapshot(), parameters, name)
        self._decoder = jk_4e57.Decoder()
        self._ends: tuple[int, int] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the terminal and listen."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        # Our end of `theirs` stays open: without it the terminal would hang up between clients.
        self._ends = ours, theirs
        self.port = os.ttyname(theirs)
        asyncio.get_running_loop().add_reader(ours, self._readable, ours)

    async def stop(self) -> None:
        """Pull the plug: whoever has the port open sees it go away. May be called twice."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        if self._ends is not None:
            asyncio.get_running_loop().remove_reader(self._ends[0])
            for end in self._ends:
                os.close(end)
            self._ends = None
        self._decoder.reset()

    def push(self) -> None:
        """Send everything without being asked."""
        self._send(self._full(jk_4e57.Command.READ_ALL, jk_4e57.Kind.PUSHED))

    def make_noise(self, data: bytes) -> None:
        """Put bytes on the line that nobody asked for."""
        self._send(data)

    def _readable(self, ours: int) -> None:
        try:
            data = os.read(ours, 4096)
        except OSError:  # nothing there, or a client that was killed in the middle
            return
        for event in self._decoder.feed(data):
            if isinstance(event, jk_4e57.Request) and event.source != jk_4e57.Source.BMS:
                self._serve(event)

    def _serve(self, request: jk_4e57.Request) -> None:
        if self.echo:
            self._send(
                jk_4e57.build_frame(
                    request.command,
                    request.source,
                    jk_4e57.Kind.REQUEST,
                    bytes((request.register or 0,)) + request.data,
                )
            )
        if self.silent:
            return
        answer = self.answer(request)
        if answer is None:
            return
        if self.corrupt:
            answer = answer[:20] + bytes((answer[20] ^ 1,)) + answer[21:]
        task = asyncio.create_task(self._deliver(answer[self.cut_head :]))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def answer(self, request: jk_4e57.Request) -> bytes | None:
        """Return what the device answers to a request, None where it stays silent."""
        command, register = request.command, request.register or 0
        if command == jk_4e57.Command.READ_ALL or (
            command == jk_4e57.Command.READ_ONE and register == 0
        ):
            self.requests += 1
            if self._play:
                return self._play.pop(0)
            return self._full(command, jk_4e57.Kind.REPLY)
        if command == jk_4e57.Command.READ_ONE:
            row = IDENTIFIERS.get(register)
            if row is None or not row.readable:
                return None
            return jk_4e57.build_reply(self._values(), only=(register,), command=command)
        if command == jk_4e57.Command.WRITE:
            self._write(register, request.data)
        return jk_4e57.acknowledge(command, register)

    def _write(self, register: int, data: bytes) -> None:
        # Passwords are not asked for: nobody knows how they would be carried.
        if register in _SWITCHES and data and isinstance(self._source, Switchable):
            self._source.set_switch(_SWITCHES[register], data[0] != 0)

    def _values(self) -> dict[str, int | float | bool | str | tuple[float, ...]]:
        return {**self._settings, **snapshot_values(self._source.snapshot())}

    def _full(self, command: int, kind: int) -> bytes:
        return jk_4e57.build_reply(self._values(), command=command, kind=kind)

    async def _deliver(self, answer: bytes) -> None:
        if self.late_s:
            await asyncio.sleep(self.late_s)
        if not self.chopped:
            self._send(answer)
            return
        for at in range(0, len(answer), _PIECE):
            self._send(answer[at : at + _PIECE])
            await asyncio.sleep(_PIECE_EVERY_S)

    def _send(self, data: bytes) -> None:
        if self._ends is not None:
            # Nobody reads: the bytes are lost, as on a wire.
            with contextlib.suppress(BlockingIOError):
                os.write(self._ends[0], data)
