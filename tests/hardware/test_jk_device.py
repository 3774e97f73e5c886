"""The emulated JK device, alone and as a process of its own."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cellwarden.model import AlarmKind, preset
from cellwarden_hardware.codecs import jk_4e57
from cellwarden_hardware.simulator import __main__ as process
from cellwarden_hardware.simulator.jk_device import EmulatedJk
from cellwarden_hardware.simulator.jk_values import alarm_bits
from cellwarden_hardware.simulator.snapshot import PackSnapshot


class Pack:
    """A pack with switches, in literals."""

    def __init__(self, **changes: object) -> None:
        self.switches = {"charge": True, "discharge": True, "balance": True}
        self.changes = changes

    def set_switch(self, which: str, on: bool) -> None:
        self.switches[which] = on

    def snapshot(self) -> PackSnapshot:
        values = {
            "at_s": 0.0,
            "chemistry": "Li-ion",
            "cell_voltages_v": (3.9,) * 13,
            "current_a": 10.0,
            "temperatures_c": (25.0, 26.0),
            "mos_temperature_c": 30.0,
            "soc_percent": 50.0,
            "true_soc_percent": 50.0,
            "capacity_ah": 50.0,
            "design_capacity_ah": 50.0,
            "cycles": 1,
            "cycle_charge_ah": 50.0,
            "runtime_s": 59.0,
            "charge_fet_on": True,
            "discharge_fet_on": True,
            "balancing": False,
            "charge_switch_on": self.switches["charge"],
            "discharge_switch_on": self.switches["discharge"],
            "balance_switch_on": self.switches["balance"],
            "protections": frozenset(),
        }
        return PackSnapshot(**values | self.changes)


def ask(device: EmulatedJk, request: bytes) -> jk_4e57.Frame | None:
    frame = jk_4e57.decode_frame(request)
    assert isinstance(frame, jk_4e57.Request)
    answer = device.answer(frame)
    return None if answer is None else jk_4e57.decode_frame(answer, secrets=True)


def full_reply(device: EmulatedJk) -> jk_4e57.Reply:
    reply = ask(device, jk_4e57.read_all_request())
    assert isinstance(reply, jk_4e57.Reply)
    return reply


def test_a_full_answer_has_every_readable_identifier() -> None:
    reply = full_reply(EmulatedJk(Pack()))
    assert None not in reply.measured
    assert len(reply.settings) == 46
    assert reply.settings["battery_type"] == 1
    assert reply.settings["pack_ovp"] == 54.6
    assert reply.settings["runtime"] == 0


def test_settings_are_the_parameters_given() -> None:
    parameters = preset(
        "Li-ion", cell_count=13, design_capacity_ah=50, overrides={"cell_overvoltage_v": 4.15}
    )
    reply = full_reply(EmulatedJk(Pack(), parameters=parameters))
    assert reply.settings["cell_ovp"] == 4.15
    assert reply.settings["nominal_capacity"] == 50
    assert reply.settings["discharge_utp"] == -20


def test_one_identifier_is_answered_alone() -> None:
    reply = ask(EmulatedJk(Pack()), jk_4e57.read_request(0x83))
    assert isinstance(reply, jk_4e57.Reply)
    assert reply.command == 3
    assert reply.measured.voltage_v == 50.7
    assert reply.measured.soc_percent is None


def test_a_read_of_identifier_0_is_answered_in_full_with_command_3() -> None:
    reply = ask(EmulatedJk(Pack()), jk_4e57.read_request(0))
    assert isinstance(reply, jk_4e57.Reply)
    assert reply.command == 3
    assert reply.measured.current_a == 10.0


def test_an_unknown_identifier_is_not_answered() -> None:
    assert ask(EmulatedJk(Pack()), jk_4e57.read_request(0x88)) is None


def test_a_switch_that_is_written_is_acknowledged_and_set() -> None:
    device = EmulatedJk(pack := Pack())
    answer = ask(device, jk_4e57.write_request("discharge_switch", False))
    assert answer == jk_4e57.Acknowledge(command=2, source=0, register=0xAC)
    assert pack.switches == {"charge": True, "discharge": False, "balance": True}
    assert full_reply(device).settings["discharge_switch"] is False


@pytest.mark.parametrize("request_", [jk_4e57.activate_request(), jk_4e57.password_request()])
def test_activation_and_password_are_acknowledged(request_: bytes) -> None:
    assert isinstance(ask(EmulatedJk(Pack()), request_), jk_4e57.Acknowledge)


def test_a_missing_sensor_is_not_counted() -> None:
    reply = full_reply(EmulatedJk(Pack(temperatures_c=(25.0,))))
    assert reply.measured.temperature_sensor_count == 1


def test_a_current_beyond_the_field_stays_at_its_end() -> None:
    assert full_reply(EmulatedJk(Pack(current_a=-400.0))).measured.current_a == -327.67


def test_protections_set_their_bits() -> None:
    assert alarm_bits(frozenset()) == 0
    assert alarm_bits(frozenset({AlarmKind.CELL_OVERVOLTAGE})) == 1 << 10
    assert alarm_bits(frozenset({AlarmKind.CHARGE_OVERTEMPERATURE})) == 1 << 4
    assert alarm_bits(frozenset({AlarmKind.SHORT_CIRCUIT, AlarmKind.SHUTDOWN})) == 1 << 6


def test_nobody_reading_does_not_stop_the_device() -> None:
    async def test() -> None:
        device = EmulatedJk(Pack())
        await device.start()
        for _ in range(100):
            device.push()
        await device.stop()
        await device.stop()
        device.push()

    asyncio.run(test())


def test_stopping_ends_a_late_answer() -> None:
    async def test() -> None:
        device = EmulatedJk(Pack(), answer_after_s=60.0)
        await device.start()
        client = os.open(device.port, os.O_RDWR | os.O_NOCTTY)
        os.write(client, jk_4e57.read_all_request())
        await asyncio.sleep(0.02)
        await device.stop()
        os.close(client)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(test())


# ------------------------------------------------------------------ as a process


def test_frames_to_play_are_for_all_packs_or_for_each(tmp_path: Path) -> None:
    path = tmp_path / "frames.json"
    path.write_text('["4e57", "00"]')
    assert process.frames_to_play(path, 2) == [[b"\x4e\x57", b"\x00"], [b"\x4e\x57", b"\x00"]]
    path.write_text('[["4e57"], []]')
    assert process.frames_to_play(path, 2) == [[b"\x4e\x57"], []]


@pytest.mark.parametrize("content", ["{}", "[1]", '["xyz"]', "nonsense"])
def test_a_file_that_is_no_list_of_frames_is_said_so(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "frames.json"
    path.write_text(content)
    with pytest.raises(SystemExit) as caught:
        process.main(["--play", str(path)])
    assert caught.value.code == 2
    assert "--play" in capsys.readouterr().err


def test_the_process_plays_obeys_and_ends(tmp_path: Path) -> None:
    rows = json.loads(Path(__file__).with_name("jk_4e57_frames.json").read_text())
    frame = next(row["frame_hex"] for row in rows if row["id"] == "14s-h6x")
    path = tmp_path / "frames.json"
    path.write_text(json.dumps([frame]))
    with subprocess.Popen(
        [sys.executable, "-m", "cellwarden_hardware.simulator", "--packs", "2", "--play", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as simulator:
        assert simulator.stdin is not None
        assert simulator.stdout is not None
        ports = json.loads(simulator.stdout.readline())["ports"]
        assert len(ports) == 2
        client = os.open(ports[1], os.O_RDWR | os.O_NOCTTY)
        os.write(client, jk_4e57.read_all_request())
        heard = b""
        while len(heard) < len(frame) // 2:
            heard += os.read(client, 4096)
        assert heard.hex() == frame
        os.close(client)
        simulator.stdin.write("silent 1\ndance\n")
        simulator.stdin.flush()
        assert json.loads(simulator.stdout.readline()) == {"done": "silent 1"}
        assert json.loads(simulator.stdout.readline())["error"] == "not understood: dance"
        simulator.stdin.write("quit\n")
        simulator.stdin.flush()
        assert simulator.wait(10) == 0
