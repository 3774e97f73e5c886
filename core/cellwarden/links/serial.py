"""A serial line, also behind a TCP gateway, on the running asyncio loop without threads.

pyserial opens and sets up real ports; reading and writing go straight to the file descriptor, so
that a poll costs a few wake-ups and nothing happens in between. Gateways: see `links.gateway`.
"""

import asyncio
import errno
import os
import termios
from collections.abc import Callable

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.links.gateway import Gateway, connect
from cellwarden.links.ports import serial_ports

_CHUNK = 4096  # bytes: the kernel's tty buffer
_WRITE_S = 1.0  # s; a request is a few dozen bytes, which an open line takes at once
_WORTH_A_PAUSE_S = 0.002  # s; a shorter pause saves no wake-up

_ABSENT = {errno.ENOENT, errno.ENODEV, errno.ENXIO}
_DENIED = {errno.EACCES, errno.EPERM}
_TAKEN = {errno.EBUSY, errno.EAGAIN}


class SerialLink:
    """One port, 8N1. May be opened again after `close()`; every error is a `LinkError`."""

    def __init__(self, url: str, *, baudrate: int, name: str) -> None:
        """Take a device path or a gateway; `name` is what errors call this link.

        Gateways are `socket://host:port`, whose speed is its own affair, and `rfc2217://host:port`.
        """
        self.url = url
        self.name = name
        self._baudrate = baudrate
        self._fd: int | None = None
        self._close_port: Callable[[], None] | None = None
        self._gateway: Gateway | None = None
        self._reading: _Reading | None = None
        self._listens_on: asyncio.AbstractEventLoop | None = None
        """The loop that calls when bytes come; None while nobody listens."""

    async def open(self) -> None:
        """Open the port, for this program alone."""
        await self.close()
        if "://" in self.url:
            gateway = await connect(self.url, baudrate=self._baudrate, name=self.name)
            self._gateway = gateway
            self._fd, self._close_port = gateway.socket.fileno(), gateway.socket.close
        else:
            self._open_port()

    async def close(self) -> None:
        """Close the port; a pending read ends with LinkError. May be called twice."""
        self._pause()
        self._fd = None
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.stop()
            reading.fail(LinkError(self.name, f"{self.url} was closed"))
        if self._close_port is not None:
            self._close_port()
            self._close_port = None
        self._gateway = None

    async def write(self, data: bytes) -> None:
        """Send all bytes. LinkTimeout if the line takes none for 1 s."""
        fd = self._opened()
        if self._gateway is not None:
            data = self._gateway.to_send(data)
        while data:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                await self._writable(fd)
            except OSError as error:
                raise self._broken(error) from error

    async def read(self, timeout_s: float, *, at_least: int = 1, silence_s: float = 0.0) -> bytes:
        """Return what comes; LinkTimeout if nothing does within `timeout_s`.

        Once something came, waits until there are `at_least` bytes or the line was silent for
        `silence_s`: one wake-up of the caller for a whole frame. LinkError at once when the port
        goes away.
        """
        self._opened()
        if self._reading is not None:
            raise RuntimeError("two reads of one link at the same time")
        reading = self._reading = _Reading(
            asyncio.get_running_loop(),
            self._listen,
            at_least=at_least,
            silence_s=silence_s,
            byte_s=0.0 if "://" in self.url else 10 / self._baudrate,
        )
        reading.end_in(timeout_s)
        self._listen()
        try:
            await reading.done
        finally:
            reading.stop()
            if self._reading is reading:
                self._reading = None
        if not reading.heard:
            raise LinkTimeout(self.name, f"no answer on {self.url} within {timeout_s:g} s")
        return reading.heard

    def discard(self) -> None:
        """Throw away what has come so far."""
        fd = self._opened()
        try:
            for _ in range(16):  # more than the kernel holds; a babbling peer must not keep us
                self._take(fd)
        except BlockingIOError:
            pass

    def _opened(self) -> int:
        if self._fd is None:
            raise LinkError(self.name, f"{self.url} is not open")
        return self._fd

    def _listen(self) -> None:
        """Be called when bytes come. It stays so between polls: to begin and to end costs more."""
        if self._listens_on is None and self._fd is not None:
            self._listens_on = asyncio.get_running_loop()
            self._listens_on.add_reader(self._fd, self._readable)

    def _pause(self) -> None:
        loop, self._listens_on = self._listens_on, None
        if loop is not None and self._fd is not None:
            loop.remove_reader(self._fd)

    def _readable(self) -> None:
        reading, fd = self._reading, self._fd
        if reading is None or fd is None or reading.done.done():
            self._pause()  # bytes that nobody asked for wait in the kernel, and wake us once only
            return
        try:
            heard = self._take(fd)
        except BlockingIOError:
            return
        except LinkError as error:
            self._pause()
            reading.fail(error)
            return
        if reading.hear(heard) > _WORTH_A_PAUSE_S:
            self._pause()

    def _take(self, fd: int) -> bytes:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            raise
        except OSError as error:
            raise self._broken(error) from error
        if not data:
            raise LinkError(self.name, f"{self.url} went away")
        return data if self._gateway is None else self._line_bytes(fd, data)

    def _line_bytes(self, fd: int, data: bytes) -> bytes:
        """Return what is of the line; BlockingIOError where all was between the gateway and us."""
        assert self._gateway is not None
        data, answer = self._gateway.received(data)
        if answer:
            try:
                os.write(fd, answer)  # a few bytes: an open connection takes them at once
            except OSError as error:
                raise self._broken(error) from error
        if not data:
            raise BlockingIOError
        return data

    async def _writable(self, fd: int) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(fd, ready.set)
        try:
            async with asyncio.timeout(_WRITE_S):
                await ready.wait()
        except TimeoutError as error:
            raise LinkTimeout(self.name, f"{self.url} takes no bytes") from error
        finally:
            if self._fd == fd:
                loop.remove_writer(fd)

    def _broken(self, error: OSError) -> LinkError:
        return LinkError(self.name, f"{self.url} went away ({error.strerror})")

    def _open_port(self) -> None:
        import serial  # noqa: PLC0415  # only who has a serial port pays for it

        try:
            port = serial.serial_for_url(
                self.url, baudrate=self._baudrate, timeout=0, exclusive=True
            )
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise LinkError(self.name, _why_not_opened(self.url, error)) from error
        fd = port.fileno()
        # pyserial sets VMIN 0, with which "nothing yet" and "unplugged" both read as no bytes;
        # with 1 the first is EAGAIN.
        modes = termios.tcgetattr(fd)
        modes[6][termios.VMIN] = 1
        termios.tcsetattr(fd, termios.TCSANOW, modes)
        self._fd, self._close_port = fd, port.close


class _Reading:
    """One read that is under way: what was heard, and what ends it.

    While the rest of a frame is on the wire nobody listens: a UART reports every 16 bytes, and on
    a small machine each report costs more than the decoding of the whole frame.
    """

    __slots__ = (
        "_at_least", "_byte_s", "_listen", "_loop", "_resume", "_silence_s", "_timer", "done",
        "heard",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listen: Callable[[], None],
        *,
        at_least: int,
        silence_s: float,
        byte_s: float,
    ) -> None:
        """`listen` is called when the rest should have come."""
        self._loop = loop
        self._listen = listen
        self._at_least = at_least
        self._silence_s = silence_s
        self._byte_s = byte_s
        self._timer: asyncio.TimerHandle | None = None
        self._resume: asyncio.TimerHandle | None = None
        self.heard = b""
        self.done: asyncio.Future[None] = loop.create_future()

    def stop(self) -> None:
        """Let go of the loop, whatever has become of the read; may be called twice."""
        for handle in (self._timer, self._resume):
            if handle is not None:
                handle.cancel()

    def fail(self, error: LinkError) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def hear(self, data: bytes) -> float:
        """Take what came; return for how long, in s, nothing more is worth a look."""
        self.heard += data
        missing = self._at_least - len(self.heard)
        if missing <= 0:
            self._finish()
            return 0.0
        on_the_wire_s = missing * self._byte_s
        self.end_in(on_the_wire_s + self._silence_s)
        if on_the_wire_s > _WORTH_A_PAUSE_S:
            self._resume = self._loop.call_later(on_the_wire_s, self._listen)
        return on_the_wire_s

    def end_in(self, delay_s: float) -> None:
        """End the read, with whatever was heard, after so long."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _why_not_opened(url: str, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code in _ABSENT:
        ports = serial_ports()
        there_is = f"there is: {', '.join(ports)}" if ports else "no serial port is plugged in"
        return f"no port {url}; {there_is}"
    if code in _DENIED:
        return (
            f"not allowed to open {url}: add your user to the group dialout"
            " (sudo usermod -aG dialout NAME), then log in again"
        )
    if code in _TAKEN:
        return f"{url} is in use by another program: stop that first"
    return f"cannot open {url}: {error}"
