"""`cellwarden scan`: what it finds on emulated links, and what it never does."""

import argparse
import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.scanner import AdvertisementData

from cellwarden.cli import main
from cellwarden.config.files import add
from cellwarden.config.reader import load, parse
from cellwarden.errors import ConfigError
from cellwarden.host import Host
from cellwarden.links.can import CanLink
from cellwarden.model import Identity, Reading
from cellwarden_hardware.codecs import daly, jbd, jk_4e57, jk_modbus
from cellwarden_hardware.kinds.ble_generic import SUPPORTED
from cellwarden_hardware.scan import command, radio
from cellwarden_hardware.scan.command import Scan, look
from cellwarden_hardware.scan.found import Found, names_for
from cellwarden_hardware.scan.progress import Progress
from cellwarden_hardware.simulator.bluez import EmulatedBluez
from cellwarden_hardware.simulator.daly_device import EmulatedDaly
from cellwarden_hardware.simulator.jbd_ble_device import EmulatedJbdBle
from cellwarden_hardware.simulator.jk_ble_device import EmulatedJkBle
from cellwarden_hardware.simulator.jk_can_device import EmulatedJkCan
from cellwarden_hardware.simulator.jk_modbus_device import EmulatedJkModbus
from cellwarden_hardware.simulator.registry import EMULATED
from support.bluetooth import bus_daemon, system_bus
from support.fixed_pack import FixedPack
from support.hasty_loop import HastyLoop
from support.multicast import free_channel
from support.processes import Lines, Terminal

SCAN = [sys.executable, "-m", "cellwarden", "scan"]
EMULATE = [sys.executable, "-m", "cellwarden", "emulate"]


def arguments(**given: object) -> argparse.Namespace:
    words = {"serial": [], "tcp": [], "ble": None, "can": None, "wait": 0.2, "json": True}
    return argparse.Namespace(**{**words, **given})


def scanned(**given: object) -> Coroutine[Any, Any, Scan]:
    return look(arguments(**given), Progress(io.StringIO(), quiet=True))


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        runner.run(test())


def only_questions(asked: bytes) -> bool:
    """Return whether these bytes, as each protocol reads them, set nothing."""
    for event in jk_4e57.Decoder().feed(asked):
        if isinstance(event, jk_4e57.Request) and event.command not in (1, 3, 6):
            return False
    for event in jk_modbus.Decoder().feed(asked):
        if isinstance(event, jk_modbus.WriteRequest) and event.register not in jk_modbus.TRIGGERS:
            return False
    for event in jbd.decoder().feed(asked):
        if isinstance(event, jbd.Request) and event.write:
            return False
    return all(
        0x50 <= event.command <= 0x98
        for event in daly.decoder().feed(asked)
        if isinstance(event, daly.Request)
    )


# ------------------------------------------------------------------ serial lines


@pytest.mark.parametrize("name", sorted(EMULATED))
def test_a_pack_on_a_serial_port_is_found_by_questions_alone(name: str) -> None:
    async def test() -> None:
        device = EMULATED[name].build(FixedPack(), None, "contract")
        asked = bytearray()
        hear = device.hear

        def recorded(data: bytes) -> None:
            asked.extend(data)
            hear(data)

        device.hear = recorded  # type: ignore[method-assign]
        await device.start()
        scan = await scanned(serial=[device.port])
        await device.stop()
        assert scan.notes == []
        (found,) = scan.found
        assert (found.driver, found.cells) == (name, 4)
        assert found.options == {"port": device.port, **EMULATED[name].driver_options}
        assert found.reading.identity is not None
        assert only_questions(bytes(asked))
        pack = parse(found.table("left"), Host()).packs[0]
        assert (pack.driver.name, pack.parameters.cell_count) == (name, 4)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(test)


def test_every_pack_of_a_line_is_found_by_its_address() -> None:
    async def test() -> None:
        bus = EmulatedJkModbus({2: FixedPack(), 7: FixedPack(), 15: FixedPack()})
        boards = EmulatedDaly(FixedPack(), name="A", others={3: FixedPack()})
        await bus.start()
        await boards.start()
        scan = await scanned(serial=[bus.port, boards.port])
        await bus.stop()
        await boards.stop()
        assert [(f.driver, f.options["address"]) for f in scan.found] == [
            ("jk-modbus", 2), ("jk-modbus", 7), ("jk-modbus", 15), ("daly", 1), ("daly", 3),
        ]  # fmt: skip
        assert {f.layout for f in scan.found} == {"JK02_32S", ""}
        assert scan.found[0].line() == (
            f"{bus.port}, address 2: jk-modbus: JK JK-PB2A16S20P, firmware 15.38, serial number"
            " 40110480002, layout JK02_32S, 4 cells, 13.20 V"
        )

    run(test)


def test_on_a_line_with_a_master_nothing_is_asked() -> None:
    async def test() -> None:
        bus = EmulatedJkModbus({0: FixedPack(), 1: FixedPack()})
        await bus.start()
        heard: list[bytes] = []
        bus.hear = heard.append  # type: ignore[method-assign]

        async def polling() -> None:
            while True:
                await asyncio.sleep(0.3)
                bus.master_cycle()

        master = asyncio.create_task(polling())
        scan = await scanned(serial=[bus.port], wait=1.0)
        master.cancel()
        await asyncio.gather(master, return_exceptions=True)
        await bus.stop()
        assert [(f.options["address"], f.options["listen_only"]) for f in scan.found] == [
            (0, True), (1, True)
        ]  # fmt: skip
        assert heard == []
        assert "max_age_s = 15" in scan.found[0].table("a")
        assert len(parse(scan.found[0].table("a") + scan.found[1].table("b"), Host()).packs) == 2

    run(test)


def test_a_pack_behind_a_gateway_is_found() -> None:
    async def test() -> None:
        device = EMULATED["jbd"].build(FixedPack(), None, "contract")
        await device.serve("127.0.0.1", 0)
        scan = await scanned(tcp=[device.port])
        await device.stop()
        assert [found.options for found in scan.found] == [{"port": device.port}]

    run(test)


def test_what_is_wrong_with_a_port_is_noted_and_the_others_are_looked_at(tmp_path: Path) -> None:
    async def test() -> None:
        device = EMULATED["jk-rs485"].build(FixedPack(), None, "contract")
        await device.start()
        absent = str(tmp_path / "none")
        scan = await scanned(serial=[absent, device.port])
        await device.stop()
        assert [found.driver for found in scan.found] == ["jk-rs485"]
        (note,) = scan.notes
        assert note.startswith(f"no port {absent}")

    run(test)


def test_a_device_that_only_babbles_is_noted() -> None:
    async def test() -> None:
        device = EMULATED["jbd"].build(FixedPack(), None, "contract")
        device.corrupt = True
        await device.start()
        scan = await scanned(serial=[device.port])
        await device.stop()
        assert scan.found == []
        assert any("answers as jbd, but badly" in note for note in scan.notes)

    run(test)


# ------------------------------------------------------------------ the air


def test_packs_in_the_air_are_found_and_others_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = system_bus(tmp_path, monkeypatch)

    async def test() -> None:
        jk = EmulatedJkBle(FixedPack(), name="left", address="C8:47:80:00:00:01", period_s=0.05)
        board = EmulatedJbdBle(FixedPack(), name="mine", address="A4:C1:38:00:00:02")
        lamp = EmulatedJbdBle(FixedPack(), name="lamp", address="00:11:22:33:44:55")
        lamp._service = "0000180f-0000-1000-8000-00805f9b34fb"
        async with bus_daemon(bus):
            air = EmulatedBluez([jk, board, lamp])
            await air.start(bus)
            scan = await scanned(ble=[], wait=0.5)
            assert [(f.driver, f.options["port"], f.layout) for f in scan.found] == [
                ("jbd-ble", "A4:C1:38:00:00:02", ""),
                ("jk-ble", "C8:47:80:00:00:01", "JK02_32S"),
            ]
            assert jk.commands == [0x97, 0x96, 0xA1]
            assert lamp.connections == 0
            jk.commands.clear()
            scan = await scanned(ble=["a4:c1:38:00:00:02", "00:00:00:00:00:09"], wait=0.5)
            assert [f.driver for f in scan.found] == ["jbd-ble"]
            assert scan.notes == ["00:00:00:00:00:09: not in range, or connected to somebody else"]
            assert jk.commands == []
            for device in (jk, board, lamp):
                await device.stop()
            await air.stop()

    asyncio.run(test())


def advertised(name: str, service: str, *manufacturers: int) -> AdvertisementData:
    return AdvertisementData(
        local_name=name, manufacturer_data=dict.fromkeys(manufacturers, b""), service_data={},
        service_uuids=[f"0000{service}-0000-1000-8000-00805f9b34fb"], tx_power=None, rssi=-60,
        platform_data=(),
    )  # fmt: skip


def drivers_of(told: AdvertisementData) -> list[tuple[str, object]]:
    address = "00:11:22:33:44:55"
    drivers = asyncio.run(radio.drivers_for(address, told))
    return [(name, options.get("bms")) for name, options in drivers]


def test_a_bms_is_told_by_what_it_advertises() -> None:
    assert drivers_of(advertised("anything", "ffe0")) == [("jk-ble", None)]
    assert drivers_of(advertised("anything", "180f", 0x0B65)) == [("jk-ble", None)]
    assert drivers_of(advertised("anything", "ff00"))[0] == ("jbd-ble", None)
    assert drivers_of(advertised("lamp", "180f")) == []


@pytest.mark.skipif(not SUPPORTED, reason="aiobmsble needs Python 3.12")
def test_other_makes_are_told_by_what_aiobmsble_knows_of_them() -> None:
    assert drivers_of(advertised("DL-4711", "fff0", 0x102)) == [("ble-generic", "daly_bms")]
    assert drivers_of(advertised("JBD-1", "ff00")) == [
        ("jbd-ble", None), ("ble-generic", "jbd_bms")
    ]  # fmt: skip


def test_a_computer_without_bluetooth_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_bus(tmp_path, monkeypatch)
    scan = asyncio.run(scanned(ble=[], wait=0.2))
    (note,) = scan.notes
    assert note.startswith("Bluetooth: no scan (")


# ------------------------------------------------------------------ CAN


def test_packs_on_a_can_bus_are_found_by_listening() -> None:
    async def test() -> None:
        group, port = free_channel()
        packs = []
        for address in (0, 3):
            link = CanLink(interface="udp_multicast", channel=group, options={"port": port})
            packs.append(EmulatedJkCan(FixedPack(), link, address=address))
            await packs[-1].start()
        scan = await scanned(can=[f"udp_multicast:{group},port={port}"], wait=0.3)
        for pack in packs:
            await pack.stop()
        assert [(f.options.get("address", 0), f.layout, f.cells) for f in scan.found] == [
            (0, "V2", 4), (3, "V2", 4)
        ]  # fmt: skip
        table = scan.found[1].table("right")
        assert 'positive_current = "charging"  # not settled' in table
        assert parse(table, Host()).packs[0].driver_options.address == 3

    run(test)


def test_a_bus_that_is_not_there_is_noted() -> None:
    scan = asyncio.run(scanned(can=["can99"], wait=0.1))
    assert scan.found == []
    assert "can99" in scan.notes[0]


# ------------------------------------------------------------------ the configuration


def found(**changes: object) -> Found:
    values = {
        "pack": "scan",
        "heard_s": 0.0,
        "cell_voltages_v": (3.3,) * 16,
        "identity": Identity(manufacturer="JK", serial_number="4711", name="Left pack"),
        "settings": {"cell_count": 16, "cell_overvoltage_v": 3.6, "design_capacity_ah": 280.0},
    }
    options = changes.pop("options", {"port": "/dev/ttyUSB0"})
    return Found(driver="jk-rs485", options=options, reading=Reading(**{**values, **changes}))


@pytest.mark.parametrize(
    ("settings", "cells", "chemistry", "says"),
    [
        ({"cell_overvoltage_v": 3.65}, 3.3, "LiFePO4", "over-voltage protection of 3.65 V"),
        ({"cell_overvoltage_v": 4.2}, 3.3, "Li-ion", "over-voltage protection of 4.2 V"),
        ({"cell_overvoltage_v": 2.7}, 2.3, "LTO", "over-voltage protection of 2.7 V"),
        (None, 3.9, "Li-ion", "a cell at 3.900 V"),
        (None, 3.3, "LiFePO4", "not told"),
    ],
)
def test_the_chemistry_is_a_guess_that_says_so(
    settings: dict[str, float] | None, cells: float, chemistry: str, says: str
) -> None:
    table = found(settings=settings, cell_voltages_v=(cells,) * 16).table("left")
    (line,) = [line for line in table.splitlines() if line.startswith("chemistry")]
    assert line.startswith(f'chemistry = "{chemistry}"  # ')
    assert says in line
    assert "check it" in line


def test_what_is_not_told_is_to_be_filled_in() -> None:
    table = found(settings=None, cell_voltages_v=(), identity=None).table("left")
    assert "cells = 16  # not told: count them" in table
    assert "capacity_ah = 100  # not told" in table
    assert "serial_number" not in table


def test_packs_are_called_what_their_owner_calls_them() -> None:
    nameless = found(identity=None)
    assert names_for([found(), nameless, found(), nameless], ["pack-1"]) == [
        "Left-pack", "pack-2", "Left-pack-2", "pack-3"
    ]  # fmt: skip


def test_a_pack_that_is_on_two_links_is_written_once() -> None:
    by_air = replace(found(options={"port": "C8:47:80:00:00:01"}), driver="jk-ble")
    scan = Scan(found=[found(), by_air])
    assert [f.place for f in command._once(scan)] == ["/dev/ttyUSB0"]
    assert scan.notes == ["C8:47:80:00:00:01: the same pack as on /dev/ttyUSB0; it is written once"]


def test_boards_that_all_tell_one_number_are_told_apart_by_their_place() -> None:
    scan = Scan(found=[found(), found(options={"port": "/dev/ttyUSB1"})])
    both = command._once(scan)
    assert [f.place for f in both] == ["/dev/ttyUSB0", "/dev/ttyUSB1"]
    assert scan.notes == []
    assert "serial_number" not in both[0].table("left", with_number=False)


FILE = """\
# my bank
[[output]]
plugin = "can_inverter"   # to the Deye
channel = "can0"
"""


def test_packs_are_added_and_all_else_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "real.toml"
    file.write_text(FILE)
    file.chmod(0o640)
    link = tmp_path / "cellwarden.toml"
    link.symlink_to(file)
    add(link, found().table("left"), Host())
    assert link.is_symlink()
    assert file.read_text().startswith(FILE + "\n[[pack]]\n")
    assert file.stat().st_mode & 0o777 == 0o640
    settings = load(link, Host())
    assert [pack.name for pack in settings.packs] == ["left"]
    assert [output.name for output in settings.outputs] == ["can_inverter"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cellwarden.toml", "real.toml"]


def test_a_new_file_is_written_where_there_is_none(tmp_path: Path) -> None:
    add(tmp_path / "new.toml", found().table("left"), Host())
    assert [pack.name for pack in load(tmp_path / "new.toml", Host()).packs] == ["left"]


def test_line_ends_and_the_mark_at_the_beginning_of_a_file_stay(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_bytes(b'\xef\xbb\xbf# mine\r\n[controller]\r\nname = "Shed"')
    add(file, found().table("left"), Host())
    content = file.read_bytes()
    assert content.startswith(
        b'\xef\xbb\xbf# mine\r\n[controller]\r\nname = "Shed"\r\n\r\n[[pack]]\r\n'
    )
    assert content.count(b"\n") == content.count(b"\r\n")


@pytest.mark.parametrize(
    "text", ["[[pack", "name = 'x'\n", FILE + '[[output]]\nplugin = "nobody"\n']
)
def test_a_file_that_is_broken_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="is left as it is"):
        add(file, found().table("left"), Host())
    assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_a_pack_that_does_not_fit_the_others_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    add(file, found().table("left"), Host())
    before = file.read_text()
    small = found(
        settings={"cell_count": 8, "design_capacity_ah": 280.0}, identity=None,
        cell_voltages_v=(3.3,) * 8, options={"port": "/dev/ttyUSB1"},
    )  # fmt: skip
    with pytest.raises(ConfigError, match="packs of a bank are in parallel"):
        add(file, small.table("right"), Host())
    assert file.read_text() == before


# ------------------------------------------------------------------ as a person runs it


def test_what_it_writes_is_read_and_a_second_scan_writes_nothing(tmp_path: Path) -> None:
    bms, config = tmp_path / "bms", tmp_path / "cellwarden.toml"
    config.write_text('# mine\n[controller]\nname = "Shed"\n')
    process = Lines([*EMULATE, "jk-rs485", "--link", str(bms)])
    process.next_line()
    words = [*SCAN, "--serial", str(bms), "--wait", "0.1", "--write", "--config", str(config)]
    first = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (first.returncode, first.stderr.splitlines()[0]) == (0, f"{bms}: listening")
    assert f"{bms}: jk-rs485: JK " in first.stdout
    assert f"Added to {config}: 1 pack(s)" in first.stdout
    written = config.read_text()
    assert written.startswith('# mine\n[controller]\nname = "Shed"\n\n[[pack]]\n')
    assert [pack.name for pack in load(config, Host()).packs] == ["pack-1"]
    again = subprocess.run(
        [*words, "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    told = json.loads(again.stdout)
    assert again.returncode == 0
    assert [(f["driver"], f["cells"], f["configuration"]) for f in told["found"]] == [
        ("jk-rs485", 16, None)
    ]
    assert (told["written"], told["problems"], config.read_text()) == (None, [], written)
    assert process.end() == 0


def test_progress_is_shown_on_a_terminal_and_wiped_off(tmp_path: Path) -> None:
    terminal = Terminal(
        [*SCAN, "--serial", str(tmp_path / "none"), "--can", "can99", "--wait", "0.1"]
    )
    try:
        assert terminal.process.wait(30) == 1
        shown = terminal.shown()
    finally:
        terminal.close()
    assert b"listening" in shown
    assert b"\r\x1b[K" in shown
    assert b"nothing answered" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tcp", "host:1"), "--tcp host:1 is neither"),
        (("--can", "a b,c"), "--can a b,c: write a channel"),
        (("--wait", "0"), "--wait takes 0.1 to 60 s"),
    ],
)
def test_a_wrong_call_is_said_so(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_broken_file_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[[pack")
    monkeypatch.setattr(command, "look", None)
    assert main(["scan", "--write", "--config", str(file)]) == 1
    assert "is no good TOML and is left as it is" in capsys.readouterr().err
