"""Chooses the D-Bus library: dbus-fast (2.22 of the Venus image or newer) or dbus-next.

Only names that all of them have are used. What they do not do alike, and what each of them leaves
open when a connection fails, is put right here, so that nobody else has to know which one it is.
"""

import asyncio
import importlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from cellwarden.errors import ConfigError, LinkError

ENVIRONMENT = "CELLWARDEN_DBUS_LIBRARY"
"""Set to `dbus_fast` or `dbus_next` to choose; otherwise the first that is installed."""
SYSTEM_BUS = "unix:path=/var/run/dbus/system_bus_socket"
LIBRARIES = ("dbus_fast", "dbus_next")


class Bus(Protocol):
    """One connection to a bus, as both libraries offer it."""

    @property
    def connected(self) -> bool:
        """Whether messages can be sent."""

    def add_message_handler(self, handler: Callable[[Any], bool | None]) -> None:
        """Show every incoming message to the handler first; True means that it is dealt with."""

    def next_serial(self) -> int:
        """Return an unused serial number for a message that waits for its reply itself."""

    def send(self, message: Any) -> object:
        """Send without waiting; a failure shows in `connected`."""

    async def call(self, message: Any) -> Any:
        """Send and return the reply, None if the connection was lost meanwhile."""

    def close(self) -> None:
        """Close at once, in any condition, also twice."""

    def cause(self) -> str:
        """Return why the connection was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DBusLibrary:
    """The names of the library in use."""

    name: str
    Message: Any
    MessageType: Any
    MessageFlag: Any
    Variant: Any
    failures: tuple[type[Exception], ...]
    """What the library raises when a bus cannot be reached or is lost."""
    open: Callable[[str], Bus]
    """Return a bus at this address that is not connected yet."""


def load() -> DBusLibrary:
    """Return the library that is installed, or the one the environment names."""
    wanted = os.environ.get(ENVIRONMENT)
    if wanted is not None and wanted not in LIBRARIES:
        raise ConfigError(f"{ENVIRONMENT} = {wanted!r} must be one of {', '.join(LIBRARIES)}")
    for name in LIBRARIES if wanted is None else (wanted,):
        with suppress(ModuleNotFoundError):
            return _describe(name)
    raise ImportError("no D-Bus library (dbus-fast or dbus-next)")


async def connect(library: DBusLibrary, where: str, timeout_s: float) -> Bus:
    """Return a connected bus (`system`, `session` or an address); LinkError if there is none."""
    address = _address(where)
    try:
        bus: Any = library.open(address)
    except library.failures as error:
        raise LinkError(_named(where), f"cannot be reached: {error}") from error
    try:
        async with asyncio.timeout(timeout_s):
            await bus.connect()
    except library.failures as error:
        bus.close()
        raise LinkError(_named(where), f"cannot be reached: {_text(error)}") from error
    except BaseException:
        bus.close()
        raise
    connected: Bus = bus
    return connected


def _address(where: str) -> str:
    """Return the address that D-Bus' own environment variables or defaults give."""
    if where == "system":
        return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", SYSTEM_BUS)
    if where == "session":
        address = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
        if not address:
            raise LinkError(_named(where), "DBUS_SESSION_BUS_ADDRESS is not set: which bus?")
        return address
    return where


def _named(where: str) -> str:
    return f"{where} D-Bus" if where in ("system", "session") else f"D-Bus {where}"


def _describe(name: str) -> DBusLibrary:
    package = importlib.import_module(name)
    library_bus = importlib.import_module(f"{name}.aio").MessageBus
    bus_class: Any = type("Connection", (_Tidy, library_bus), {})

    return DBusLibrary(
        name=name,
        Message=package.Message,
        MessageType=package.MessageType,
        MessageFlag=package.MessageFlag,
        Variant=package.Variant,
        # EOFError: the daemon hung up; TimeoutError is an OSError.
        failures=(
            OSError,
            EOFError,
            package.DBusError,
            package.AuthError,
            package.InvalidAddressError,
        ),
        open=lambda address: bus_class(bus_address=address),
    )


class _Tidy:
    """Mixed into a library's bus: leaves nothing open, forgets no error, never spins."""

    _loop: asyncio.AbstractEventLoop
    _disconnect_future: "asyncio.Future[Any]"
    _disconnected: bool
    _user_disconnect: bool
    _fd: Any
    _sock: Any
    _stream: Any
    _writer: Any
    _finalize: Callable[[Exception | None], None]

    def __init__(self, **where: Any) -> None:
        try:
            super().__init__(**where)
        except OSError:
            self._close_socket()  # dbus-next, and dbus-fast before 5, connect in here
            raise

    async def _auth_readline(self) -> str:
        """Read a line of the handshake.

        The own one of dbus-next and of older dbus-fast spins for ever, and blocks the whole loop,
        when the daemon hangs up in the middle of it.
        """
        line = b""
        while not line.endswith(b"\r\n"):
            received = await self._loop.sock_recv(self._sock, 1024)
            if not received:
                raise EOFError("the bus hung up during the handshake")
            line += received
        return line[:-2].decode()

    def send(self, message: Any) -> "asyncio.Future[Any]":
        try:
            sent: asyncio.Future[Any] = super().send(message)  # type: ignore[misc]  # a library's
        except (OSError, ValueError) as error:
            # dbus-fast sends at once, finds that the other end has gone, closes the socket, and
            # then trips over having closed it.
            if not self._disconnected:
                self._finalize(error if isinstance(error, OSError) else None)
            unsent = getattr(self._writer, "fut", None)
            if unsent is not None:
                _look(unsent)
            sent = self._loop.create_future()
            sent.set_result(None)
        if sent.done():
            _look(sent)
        else:
            sent.add_done_callback(_look)
        return sent

    def close(self) -> None:
        self._user_disconnect = True
        if self._fd is not None and not self._disconnected:
            self._finalize(None)
        _look(self._disconnect_future)
        self._close_socket()

    def cause(self) -> str:
        error = _look(self._disconnect_future)
        return "the daemon hung up" if error is None else _text(error)

    def _close_socket(self) -> None:
        for part in (self._stream, self._sock):
            if part is not None:
                with suppress(OSError, ValueError):
                    part.close()


def _look(future: "asyncio.Future[Any]") -> BaseException | None:
    """Return a future's exception; one that nobody looked at would be reported as forgotten."""
    return future.exception() if future.done() and not future.cancelled() else None


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
