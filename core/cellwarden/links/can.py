"""The CAN link: any bus that python-can knows, opened, read and written without blocking.

python-can is imported when a bus is opened, not before. Opening and closing may block (USB,
serial adapters), so both happen in a thread. Sending never waits: a frame that the adapter does
not take at once is a LinkError, because an old frame sent late is worse than none.

What python-can leaves to its user is settled here once: identifiers are 11-bit unless the frame
says otherwise (its own default is 29), own frames are never heard back, no user's `can.conf`
changes what the configuration says, and of the error frames only bus-off wakes anybody.
"""

import asyncio
import errno
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cellwarden.errors import LinkError
from cellwarden.links.can_frame import CanFrame

if TYPE_CHECKING:
    import can

Heard = Callable[[CanFrame], None]

BUS_OFF = 0x40
"""CAN_ERR_BUSOFF of linux/can/error.h, in the identifier of an error frame."""
ALL_ERRORS = 0x1FFF_FFFF
"""CAN_ERR_MASK of the same."""
CAN_RAW_ERR_FILTER = 2
"""Of linux/can/raw.h; not every Python names it."""

_ECHOING = frozenset({"udp_multicast"})
"""Interfaces that give every sent frame back to its sender, without marking it as such."""
_ECHOES_KEPT = 64
_READ_AT_MOST = 256
"""Frames that one call of `read` takes: a babbling node must not hold the loop."""
_THREAD_POLL_S = 0.5
"""How long a reading thread waits at most before it looks whether it should end, real s."""


class CanLink:
    """One bus. Everything but the constructor belongs to the event loop it was opened on."""

    def __init__(
        self,
        *,
        interface: str,
        channel: str,
        bitrate: int | None = None,
        options: Mapping[str, Any] | None = None,
        listen_to: Sequence[int] = (),
        all_errors: bool = False,
    ) -> None:
        """Describe the bus; nothing is opened.

        `interface`, `channel`, `bitrate` (bit/s) and `options` are python-can's own; SocketCAN
        takes its bit rate from `ip link` instead. Only identifiers of `listen_to` are heard, 11-bit
        or 29-bit alike, everything if it is empty. `all_errors` counts every error frame in
        `error_frames`, for somebody who looks for a fault; otherwise only bus-off is looked at.
        """
        self.error_frames = 0
        self.device = f"{interface}:{channel}"
        self._interface = interface
        self._channel = channel
        self._arguments: dict[str, Any] = dict(options or {})
        if bitrate is not None:
            self._arguments["bitrate"] = bitrate
        self._listen_to = frozenset(listen_to)
        self._errors = ALL_ERRORS if all_errors else BUS_OFF
        if listen_to and interface == "socketcan":  # the kernel filters, nobody is woken in vain
            self._arguments["can_filters"] = [
                {"can_id": can_id, "can_mask": 0x1FFF_FFFF} for can_id in listen_to
            ]
        self._bus: can.BusABC | None = None
        self._heard: Heard | None = None
        self._failure: LinkError | None = None
        self._fileno: int | None = None
        self._reader: _Reader | None = None
        self._message: type[can.Message] | None = None
        self._faults: tuple[type[Exception], ...] = (OSError, ValueError)
        self._echoes: deque[CanFrame] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the bus is open and nothing has failed since."""
        return self._bus is not None and self._failure is None

    async def open(self, heard: Heard | None = None, *, eager: bool = True) -> None:
        """Open the bus; every data frame of another node is given to `heard`, on this loop.

        At once, or, with `eager=False`, when `read()` is called: a wake-up less for each frame.
        LinkError if the bus cannot be opened, with what to do about it.
        """
        await self.close()
        opening = _Opening(self._open_bus)
        try:
            bus = await asyncio.to_thread(opening.run)
        except asyncio.CancelledError:
            opening.abandon()
            raise
        self._bus, self._heard, self._failure = bus, heard, None
        self._echoes = deque(maxlen=_ECHOES_KEPT) if self._interface in _ECHOING else None
        loop = asyncio.get_running_loop()
        self._fileno = _fileno(bus)
        if self._fileno is not None:
            if eager:
                loop.add_reader(self._fileno, self._read_one)
        else:
            self._reader = _Reader(bus, loop, self._take, self._fail, self._faults)
            self._reader.start()

    def send(self, frame: CanFrame) -> None:
        """Hand a frame to the adapter, at once or not at all; LinkError if it does not take it."""
        self.check()
        assert self._bus is not None
        assert self._message is not None
        if self._echoes is not None:
            self._echoes.append(frame)
        message = self._message(
            arbitration_id=frame.can_id, is_extended_id=frame.extended, data=frame.data
        )
        try:
            self._bus.send(message, timeout=0)
        except self._faults as error:
            self._fail(error)
            self.check()

    def read(self) -> None:
        """Give what has come in to `heard`; for a link that was opened with `eager=False`."""
        if self._fileno is None:
            return  # a thread reads
        for _ in range(_READ_AT_MOST):
            if not self._read_one():
                return

    def check(self) -> None:
        """Raise the LinkError that ended this link, if it has ended."""
        if self._failure is not None:
            raise self._failure
        if self._bus is None:
            raise LinkError(self.device, "the bus is not open")

    async def close(self) -> None:
        """Close the bus; may be called at any time, also twice."""
        bus, self._bus = self._bus, None
        self._unlisten()
        reader, self._reader = self._reader, None
        self._heard = None
        if reader is not None:
            reader.ended.set()
        if bus is not None:
            await asyncio.to_thread(_shut_down, bus, reader)

    # -- inside ------------------------------------------------------------------------------

    def _open_bus(self) -> "can.BusABC":
        try:
            import can  # noqa: PLC0415  # an extra, and 150 ms of import time
        except ImportError as error:
            raise LinkError(
                self.device,
                "python-can is not installed; install it with: pip install"
                " 'cellwarden[can_inverter]'",
            ) from error
        self._message = can.Message
        self._faults = (can.CanError, OSError, ValueError)
        try:
            if self._interface == "socketcan":
                socket.if_nametoindex(self._channel)  # python-can would log its own ERROR a try
            bus: Any = can.Bus(
                channel=self._channel,
                interface=self._interface,
                ignore_config=True,
                **self._arguments,
            )
        except (*self._faults, NotImplementedError, ImportError, TypeError) as error:
            raise LinkError(self.device, self._explain(error)) from error
        if self._interface == "socketcan":
            # One frame for each failed acknowledgement would wake us thousands of times a second.
            bus.socket.setsockopt(socket.SOL_CAN_RAW, CAN_RAW_ERR_FILTER, self._errors)
        opened: can.BusABC = bus
        return opened

    def _read_one(self) -> bool:
        """Take one frame; the loop comes back while there is more, and others get their turn."""
        assert self._bus is not None
        try:
            message = self._bus.recv(0)
        except self._faults as error:
            self._fail(error)
            return False
        if message is not None:
            self._take(message)
        return message is not None

    def _take(self, message: "can.Message") -> None:
        if message.is_error_frame:
            self.error_frames += 1
            if message.arbitration_id & BUS_OFF:
                self._fail(OSError(errno.ECOMM, "bus off"))
            return
        if message.is_remote_frame or self._heard is None:
            return
        if self._listen_to and message.arbitration_id not in self._listen_to:
            return
        frame = CanFrame(message.arbitration_id, bytes(message.data), message.is_extended_id)
        if self._echoes is not None and frame in self._echoes:
            self._echoes.remove(frame)
            return
        self._heard(frame)

    def _fail(self, error: Exception) -> None:
        self._unlisten()
        if self._failure is None:
            self._failure = LinkError(self.device, self._explain(error))
            self._failure.__cause__ = error

    def _unlisten(self) -> None:
        if self._fileno is not None:
            asyncio.get_running_loop().remove_reader(self._fileno)
            self._fileno = None

    def _explain(self, error: BaseException) -> str:
        bitrate = self._arguments.get("bitrate", 500_000)
        up = f"ip link set {self._channel} up type can bitrate {bitrate}"
        absent = "is the adapter plugged in?"
        if self._interface == "socketcan":
            absent += f" If so: {up}"
        advice = {
            errno.ENODEV: absent,
            errno.ENXIO: absent,
            errno.ENETDOWN: f"the interface is down; bring it up with: {up}",
            errno.ENOBUFS: "nothing acknowledges the frames: check wiring, the 120 ohm at both"
            " ends, and that both sides use the same bit rate",
            errno.ECOMM: "the adapter gave up after too many errors: check wiring and bit rate;"
            f" to let it recover by itself: ip link set {self._channel} type can restart-ms 100",
            errno.EAFNOSUPPORT: "this kernel has no SocketCAN",
            errno.EACCES: "this user may not open it",
        }
        text = str(error) or type(error).__name__
        code = _code(error)
        # Without a code of its own, if_nametoindex() means exactly one thing.
        if code is None and self._interface == "socketcan" and isinstance(error, OSError):
            code = errno.ENODEV
        return f"{text}; {advice[code]}" if code in advice else text


class _Opening:
    """An opening in a thread that may be abandoned: the bus then closes itself."""

    def __init__(self, open_bus: "Callable[[], can.BusABC]") -> None:
        self._open_bus = open_bus
        self._lock = threading.Lock()
        self._abandoned = False
        self._bus: can.BusABC | None = None

    def run(self) -> "can.BusABC":
        """Open; in a thread."""
        bus = self._open_bus()
        with self._lock:
            self._bus = bus
            if self._abandoned:
                bus.shutdown()
        return bus

    def abandon(self) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._abandoned = True
            if self._bus is not None:
                self._bus.shutdown()


class _Reader(threading.Thread):
    """Reads a bus that has no file descriptor to wait for."""

    def __init__(
        self,
        bus: "can.BusABC",
        loop: asyncio.AbstractEventLoop,
        take: "Callable[[can.Message], None]",
        fail: Callable[[Exception], None],
        faults: tuple[type[Exception], ...],
    ) -> None:
        super().__init__(name="CAN reader", daemon=True)
        self.ended = threading.Event()
        self._bus, self._loop, self._take, self._fail = bus, loop, take, fail
        self._faults = faults

    def run(self) -> None:
        """Read until told to end; the loop may be gone by then."""
        try:
            while not self.ended.is_set():
                try:
                    message = self._bus.recv(_THREAD_POLL_S)
                except self._faults as error:
                    if not self.ended.is_set():
                        self._loop.call_soon_threadsafe(self._fail, error)
                    return
                if message is not None and not self.ended.is_set():
                    self._loop.call_soon_threadsafe(self._take, message)
        except RuntimeError:  # the loop was closed between the test and the call
            return


def _shut_down(bus: "can.BusABC", reader: _Reader | None) -> None:
    if reader is not None:
        reader.join()
    bus.shutdown()


def _fileno(bus: "can.BusABC") -> int | None:
    try:
        number = bus.fileno()
    except NotImplementedError:
        return None
    return number if number >= 0 else None


def _code(error: BaseException | None) -> int | None:
    """Return the errno behind an error: python-can keeps it in one of three places."""
    while error is not None:
        for code in (getattr(error, "error_code", None), getattr(error, "errno", None)):
            if isinstance(code, int):
                return code
        error = error.__cause__
    return None
