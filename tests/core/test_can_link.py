"""The CAN link on python-can's real buses: UDP multicast, the virtual bus, a pluggable adapter."""

import asyncio
import errno
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import can
import pytest

from cellwarden.errors import LinkError
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame
from support import flaky_can
from support.flaky_can import Adapter
from support.multicast import free_channel

adapter = flaky_can.adapter

LIMITS = CanFrame(0x351, bytes.fromhex("1402740E740ECC01"))
HEARTBEAT = CanFrame(0x305, bytes(8))


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread or socket will bring, 2 s at most."""
    end_s = time.monotonic() + 2.0
    while not condition():
        assert time.monotonic() < end_s, "it did not happen within 2 s"
        await asyncio.sleep(0.01)


def multicast(*listen_to: int) -> tuple[CanLink, CanLink]:
    group, port = free_channel()
    ours, theirs = (
        CanLink(
            interface="udp_multicast", channel=group, options={"port": port}, listen_to=listen_to
        )
        for _ in range(2)
    )
    return ours, theirs


def test_frames_cross_the_bus_both_ways() -> None:
    async def scene() -> None:
        ours, theirs = multicast()
        we_heard: list[CanFrame] = []
        they_heard: list[CanFrame] = []
        await ours.open(we_heard.append)
        await theirs.open(they_heard.append)
        ours.send(LIMITS)
        await until(lambda: they_heard)
        theirs.send(HEARTBEAT)
        await until(lambda: we_heard)
        await ours.close()
        await theirs.close()
        assert (they_heard, we_heard) == ([LIMITS], [HEARTBEAT])

    asyncio.run(scene())


def test_own_frames_are_not_heard_but_the_same_from_another_node_are() -> None:
    async def scene() -> None:
        ours, theirs = multicast()
        heard: list[CanFrame] = []
        await ours.open(heard.append)
        await theirs.open()
        for _ in range(3):
            ours.send(LIMITS)
        await asyncio.sleep(0.2)
        assert heard == []
        theirs.send(LIMITS)
        await until(lambda: heard)
        await ours.close()
        await theirs.close()
        assert heard == [LIMITS]

    asyncio.run(scene())


def test_only_what_is_listened_for_is_heard_with_either_width() -> None:
    async def scene() -> None:
        ours, theirs = multicast(0x305)
        heard: list[CanFrame] = []
        await ours.open(heard.append)
        await theirs.open()
        long = CanFrame(0x305, bytes(8), extended=True)
        for frame in (LIMITS, HEARTBEAT, CanFrame(0x306, b""), long):
            theirs.send(frame)
        await until(lambda: len(heard) == 2)
        await ours.close()
        await theirs.close()
        assert heard == [HEARTBEAT, long]

    asyncio.run(scene())


def test_a_frame_leaves_with_11_bits_unless_it_says_otherwise(adapter: Adapter) -> None:
    async def scene() -> None:
        link = CanLink(interface="flaky", channel="usb0")
        await link.open()
        link.send(LIMITS)
        link.send(CanFrame(0x18FF50E5, b"\x01", extended=True))
        await link.close()

    asyncio.run(scene())
    assert [(m.arbitration_id, m.is_extended_id, bytes(m.data)) for m in adapter.sent] == [
        (0x351, False, LIMITS.data),
        (0x18FF50E5, True, b"\x01"),
    ]


def test_a_bus_without_a_file_descriptor_is_heard_too(adapter: Adapter) -> None:
    async def scene() -> None:
        link = CanLink(interface="flaky", channel="usb0")
        heard: list[CanFrame] = []
        await link.open(heard.append)
        adapter.incoming.put(can.Message(arbitration_id=0x305, is_extended_id=False, data=bytes(8)))
        await until(lambda: heard)
        await link.close()
        assert heard == [HEARTBEAT]

    asyncio.run(scene())
    assert (adapter.opened, adapter.closed) == (1, 1)


def test_remote_and_error_frames_are_no_data(adapter: Adapter) -> None:
    async def scene() -> None:
        link = CanLink(interface="flaky", channel="usb0")
        heard: list[CanFrame] = []
        await link.open(heard.append)
        adapter.incoming.put(
            can.Message(arbitration_id=0x351, is_extended_id=False, is_remote_frame=True)
        )
        adapter.incoming.put(can.Message(arbitration_id=0x04, is_error_frame=True))
        adapter.incoming.put(can.Message(arbitration_id=0x305, is_extended_id=False, data=bytes(8)))
        await until(lambda: heard)
        assert link.is_open
        await link.close()
        assert heard == [HEARTBEAT]

    asyncio.run(scene())


def test_a_link_that_is_not_eager_hears_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cellwarden.links.can._READ_AT_MOST", 20)

    async def scene() -> None:
        ours, theirs = multicast()
        heard: list[CanFrame] = []
        await ours.open(heard.append, eager=False)
        await theirs.open()
        for _ in range(30):
            theirs.send(HEARTBEAT)
        await asyncio.sleep(0.1)
        assert heard == []
        ours.read()
        first = len(heard)
        ours.read()
        await ours.close()
        await theirs.close()
        assert (first, len(heard)) == (20, 30)  # a babbling node does not hold the loop

    asyncio.run(scene())


def test_a_link_that_is_not_eager_finds_a_dead_socket_when_it_reads() -> None:
    async def scene() -> None:
        ours, _ = multicast()
        await ours.open(eager=False)
        assert ours._bus is not None
        ours._bus._multicast._socket.close()  # type: ignore[attr-defined]
        ours.read()
        assert not ours.is_open
        await ours.close()

    asyncio.run(scene())


# -- what goes wrong -------------------------------------------------------------------------


def test_an_adapter_pulled_out_is_a_link_error_that_says_what_to_do(adapter: Adapter) -> None:
    async def scene() -> None:
        link = CanLink(interface="flaky", channel="usb0")
        await link.open()
        adapter.present = False
        with pytest.raises(LinkError, match="is the adapter plugged in"):
            link.send(LIMITS)
        assert not link.is_open
        adapter.present = True
        with pytest.raises(LinkError):  # it stays failed until it is opened again
            link.send(LIMITS)
        await link.open()
        link.send(LIMITS)
        await link.close()

    asyncio.run(scene())
    assert (adapter.opened, adapter.closed) == (2, 2)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (can.CanOperationError("Failed to receive", errno.ENETDOWN), "the interface is down"),
        (can.Message(arbitration_id=0x40, is_error_frame=True), "restart-ms 100"),
    ],
)
def test_a_bus_that_fails_while_listening_is_found_without_sending(
    adapter: Adapter, failure: can.Message | Exception, text: str
) -> None:
    async def scene() -> None:
        link = CanLink(interface="flaky", channel="usb0")
        await link.open()
        adapter.incoming.put(failure)
        await until(lambda: not link.is_open)
        with pytest.raises(LinkError, match=text):
            link.check()
        await link.close()

    asyncio.run(scene())


def test_a_socket_that_dies_is_a_link_error() -> None:
    async def scene() -> None:
        ours, _ = multicast()
        await ours.open()
        assert ours._bus is not None
        ours._bus._multicast._socket.close()  # type: ignore[attr-defined]
        with pytest.raises(LinkError):
            ours.send(LIMITS)
        await ours.close()

    asyncio.run(scene())


def test_a_socketcan_interface_that_is_not_there_says_how_to_bring_it_up() -> None:
    link = CanLink(interface="socketcan", channel="cwnone0", bitrate=250_000)
    with pytest.raises(LinkError) as caught:
        asyncio.run(link.open())
    assert str(caught.value).startswith("socketcan:cwnone0: ")
    assert "ip link set cwnone0 up type can bitrate 250000" in str(caught.value)


@pytest.mark.parametrize(
    ("interface", "channel", "options"),
    [
        ("sockettcan", "can0", {}),
        ("udp_multicast", "not an address", {}),
        ("udp_multicast", "239.0.0.1", {"port": "many"}),
    ],
)
def test_a_bus_that_cannot_be_is_a_link_error(
    interface: str, channel: str, options: dict[str, object]
) -> None:
    link = CanLink(interface=interface, channel=channel, options=options)
    with pytest.raises(LinkError, match=f"{interface}:{channel}"):
        asyncio.run(link.open())


def test_a_missing_python_can_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "can", None)
    link = CanLink(interface="socketcan", channel="can0")
    with pytest.raises(LinkError, match=r"pip install 'cellwarden\[can_inverter\]'"):
        asyncio.run(link.open())


def test_a_bus_that_was_never_opened_takes_nothing() -> None:
    with pytest.raises(LinkError, match="not open"):
        CanLink(interface="virtual", channel="x").send(LIMITS)


def test_closing_twice_is_harmless(adapter: Adapter) -> None:
    async def scene() -> None:
        link = CanLink(interface="flaky", channel="usb0")
        await link.close()
        await link.open()
        await link.close()
        await link.close()

    asyncio.run(scene())
    assert (adapter.opened, adapter.closed) == (1, 1)


@pytest.mark.parametrize("wait_s", [0.1, 0.4])
def test_an_opening_that_is_given_up_leaves_no_bus_open(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch, wait_s: float
) -> None:
    plain = flaky_can.FlakyBus.__init__

    def slow(self: flaky_can.FlakyBus, *args: object, **kwargs: object) -> None:
        time.sleep(0.2)
        plain(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(flaky_can.FlakyBus, "__init__", slow)

    async def scene() -> None:
        link = CanLink(interface="flaky", channel="usb0")
        opening = asyncio.create_task(link.open())
        await asyncio.sleep(wait_s)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
        await link.close()

    asyncio.run(scene())
    assert (adapter.opened, adapter.closed) == (1, 1)


def test_opening_does_not_block_the_loop(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = flaky_can.FlakyBus.__init__

    def slow(self: flaky_can.FlakyBus, *args: object, **kwargs: object) -> None:
        time.sleep(0.3)
        plain(self, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(flaky_can.FlakyBus, "__init__", slow)

    async def scene() -> int:
        link = CanLink(interface="flaky", channel="usb0")
        opening = asyncio.create_task(link.open())
        turns = 0
        while not opening.done():
            await asyncio.sleep(0.01)
            turns += 1
        await opening
        await link.close()
        return turns

    assert asyncio.run(scene()) > 10
