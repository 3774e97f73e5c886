"""A python-can bus whose adapter can be pulled out and plugged in again.

Registered in python-can as `flaky`, so that the code under test opens it like any other.
"""

import errno
import queue
from collections.abc import Iterator

import can
import pytest


class Adapter:
    """What is behind a channel."""

    def __init__(self) -> None:
        self.present = True
        self.sent: list[can.Message] = []
        self.incoming: queue.Queue[can.Message | Exception] = queue.Queue()
        self.opened = 0
        self.closed = 0
        self.buses: list[can.BusABC] = []
        """Held, or the garbage collector would close what the code under test forgot."""


ADAPTERS: dict[str, Adapter] = {}


class FlakyBus(can.BusABC):
    """No file descriptor, so it is read by a thread, as many USB adapters are."""

    def __init__(self, channel: str, can_filters: object = None, **_: object) -> None:
        self._adapter = ADAPTERS[channel]
        if not self._adapter.present:
            raise OSError(errno.ENODEV, "No such device")
        self._adapter.opened += 1
        self._adapter.buses.append(self)
        super().__init__(channel=channel, can_filters=can_filters)  # type: ignore[arg-type]

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        if not self._adapter.present:
            raise can.CanOperationError("Failed to transmit: No such device", errno.ENODEV)
        self._adapter.sent.append(msg)

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        try:
            item = self._adapter.incoming.get(timeout=timeout)
        except queue.Empty:
            return None, False
        if isinstance(item, Exception):
            raise item
        return item, False

    def shutdown(self) -> None:
        if not self._is_shutdown:
            self._adapter.closed += 1
        super().shutdown()


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Adapter]:
    """The adapter behind interface `flaky`, channel `usb0`."""
    monkeypatch.setitem(
        can.interfaces.BACKENDS,  # type: ignore[arg-type]
        "flaky",
        ("support.flaky_can", "FlakyBus"),
    )
    ADAPTERS["usb0"] = Adapter()
    yield ADAPTERS["usb0"]
    del ADAPTERS["usb0"]
