"""What every emulated device on a serial line has in common: the line, its faults, the answers.

A device says what it hears (`_requests`) and what it answers to that (`answer`); whoever opens
`port` talks to it as to the real one.
"""

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from cellwarden_hardware.simulator.faults import Faults

Request = TypeVar("Request")

_PIECE = 7  # bytes of a chopped answer at a time, no divisor of anything in a frame
_PIECE_EVERY_S = 0.002


@runtime_checkable
class Switchable(Protocol):
    """A pack whose switches can be set from outside."""

    def set_switch(self, which: str, on: bool, /) -> None:
        """Set `charge`, `discharge` or `balance`."""


class EmulatedDevice(Faults, Generic[Request]):
    """One device on one pseudo terminal, or on TCP. Its faults may be changed at any time."""

    def __init__(self, *, play: Iterable[bytes] = (), answer_after_s: float = 0.0) -> None:
        """Answer with the frames to `play` first, then as the pack is, `answer_after_s` later."""
        super().__init__()
        self.late_s = answer_after_s
        self.port = ""
        """While started, what a driver opens: the path of the terminal, or socket://host:port."""
        self.requests = 0
        """Requests for measured values heard so far."""
        self._play = list(play)
        self.said: Callable[[bytes], None] | None = None
        """Where else its words go, such as to a Bluetooth module."""
        self._link: Path | None = None
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._ends: tuple[int, int] | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self, link: Path | None = None) -> None:
        """Open the terminal and listen; `link` is another name to make for it. OSError if not."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        # Our end of `theirs` stays open: without it the terminal would hang up between clients.
        self._ends = ours, theirs
        self.port = os.ttyname(theirs)
        asyncio.get_running_loop().add_reader(ours, self._readable, ours)
        self._make(link)

    async def serve(self, host: str, port: int) -> None:
        """Listen on TCP instead, as behind a gateway; port 0 takes a free one. OSError if not."""
        self._server = await asyncio.start_server(self._meet, host, port)
        self.port = f"socket://{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Pull the plug: whoever has the port open sees it go away. May be called twice."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self._hang_up()
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link = None
        if self._ends is not None:
            asyncio.get_running_loop().remove_reader(self._ends[0])
            for end in self._ends:
                os.close(end)
            self._ends = None
        self._forget()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[writer] = task
        with contextlib.suppress(OSError):
            while self._server is not None and (data := await reader.read(4096)):
                self.hear(data)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        del self._clients[writer]

    async def _hang_up(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        clients = list(self._clients.items())
        for writer, _ in clients:
            writer.close()
        await asyncio.gather(*(task for _, task in clients), return_exceptions=True)
        await server.wait_closed()

    def _make(self, link: Path | None) -> None:
        if link is not None:
            if link.is_symlink() and not link.exists():
                link.unlink()  # left by one that was killed
            link.symlink_to(self.port)
            self._link = link

    def make_noise(self, data: bytes) -> None:
        """Put bytes on the line that nobody asked for."""
        self._send(data)

    def answer(self, request: Request) -> bytes | None:
        """Return what the device answers to a request, None where it stays silent."""
        raise NotImplementedError

    def _requests(self, data: bytes) -> Iterator[tuple[Request, bytes]]:
        """Yield the requests that became complete, each with its own bytes."""
        raise NotImplementedError

    def _of_another(self, answer: bytes) -> bytes:
        """Return an answer with another address; the same where there are none."""
        return answer

    def _other_talk(self) -> bytes:
        """Return what another master asks and is answered; nothing where there can be none."""
        return b""

    def _forget(self) -> None:
        """Forget half a request."""
        raise NotImplementedError

    def _readable(self, ours: int) -> None:
        try:
            data = os.read(ours, 4096)
        except OSError:  # nothing there, or a client that was killed in the middle
            return
        self.hear(data)

    def hear(self, data: bytes) -> None:
        """Take what a master sends."""
        for request, raw in self._requests(data):
            if self.echo:
                self._send(raw)
            if self.says_nothing:
                continue
            if self.asleep:
                self.asleep = False
                continue
            answer = self.answer(request)
            if answer is None:
                continue
            if self.wrong_address:
                answer = self._of_another(answer)
            answer = self.spoilt(answer)
            if self.other_master:
                answer = self._other_talk() + answer
            task = asyncio.create_task(self._deliver(answer))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _deliver(self, answer: bytes) -> None:
        if self.late_s:
            await asyncio.sleep(self.late_s)
        for _ in range(1 + self.repeated):
            if not self.chopped:
                self._send(answer)
                continue
            for at in range(0, len(answer), _PIECE):
                self._send(answer[at : at + _PIECE])
                await asyncio.sleep(_PIECE_EVERY_S)

    def _send(self, data: bytes) -> None:
        if self.said is not None:
            self.said(data)
        for writer in self._clients:
            if not writer.is_closing():
                writer.write(data)
        if self._ends is not None:
            # Nobody reads: the bytes are lost, as on a wire.
            with contextlib.suppress(BlockingIOError):
                os.write(self._ends[0], data)
