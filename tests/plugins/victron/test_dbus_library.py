"""The choice of the D-Bus library, and what neither of them may do to us."""

import asyncio
import gc

import pytest

from cellwarden.errors import ConfigError, LinkError
from cellwarden_victron.dbus_library import connect, load


def test_dbus_fast_is_preferred(monkeypatch):
    pytest.importorskip("dbus_fast")
    monkeypatch.delenv("CELLWARDEN_DBUS_LIBRARY", raising=False)
    assert load().name == "dbus_fast"


def test_the_environment_chooses(library):
    assert load().name == library


def test_a_library_nobody_knows_is_a_config_error(monkeypatch):
    monkeypatch.setenv("CELLWARDEN_DBUS_LIBRARY", "dbus_python")
    with pytest.raises(ConfigError, match="must be one of dbus_fast, dbus_next"):
        load()


def test_no_library_at_all_is_an_import_error(monkeypatch):
    monkeypatch.setattr("cellwarden_victron.dbus_library.LIBRARIES", ("no_such_library",))
    monkeypatch.delenv("CELLWARDEN_DBUS_LIBRARY", raising=False)
    with pytest.raises(ImportError, match="no D-Bus library"):
        load()


def fails(where: str, match: str) -> None:
    async def attempt() -> None:
        with pytest.raises(LinkError, match=match):
            await connect(load(), where, 0.5)

    asyncio.run(attempt())
    gc.collect()  # a socket left open would be reported here


def test_a_bus_that_is_not_there_is_a_link_error(library, tmp_path):
    fails(f"unix:path={tmp_path}/none", "cannot be reached: .*No such file")


def test_an_address_that_makes_no_sense_is_a_link_error(library):
    fails("unix:nonsense", "cannot be reached")


def test_system_and_session_are_where_the_environment_says(library, bus, monkeypatch):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus.address)

    async def scenario() -> None:
        for where in ("system", "session"):
            connected = await connect(load(), where, 2.0)
            assert connected.connected
            connected.close()

    asyncio.run(scenario())


def test_no_session_bus_is_said_clearly(library, monkeypatch):
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    fails("session", "session D-Bus: DBUS_SESSION_BUS_ADDRESS is not set")


@pytest.mark.parametrize("greeting", [b"", b"OK 12"])
def test_a_daemon_that_hangs_up_in_the_handshake_is_a_link_error_and_blocks_nothing(
    library, tmp_path, greeting
):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(greeting)
        writer.close()
        await writer.wait_closed()

    async def scenario() -> None:
        path = tmp_path / "bus"
        server = await asyncio.start_unix_server(hang_up, path)
        with pytest.raises(LinkError, match="hung up during the handshake"):
            await connect(load(), f"unix:path={path}", 2.0)
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())
    gc.collect()


def test_a_daemon_that_says_nothing_is_given_up_after_the_timeout(library, tmp_path):
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def scenario() -> None:
        path = tmp_path / "bus"
        server = await asyncio.start_unix_server(say_nothing, path)
        with pytest.raises(LinkError, match="cannot be reached: TimeoutError"):
            await connect(load(), f"unix:path={path}", 0.2)
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)

    asyncio.run(scenario())
    gc.collect()


def test_closing_twice_and_before_connecting_is_harmless(library, bus):
    async def scenario() -> None:
        connected = await connect(load(), bus.address, 2.0)
        assert connected.connected
        connected.close()
        connected.close()
        assert not connected.connected
        load().open(bus.address).close()

    asyncio.run(scenario())
    gc.collect()
