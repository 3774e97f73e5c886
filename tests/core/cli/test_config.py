"""`cellwarden config`."""

import json
import os
from pathlib import Path

import pytest

from cellwarden.config.files import write_new
from cellwarden.errors import ConfigError
from support.command import Call

GOOD = """
[[pack]]
name = "left"
driver = "fake-bms"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
port = "/dev/ttyUSB0"
parity = "even"
[pack.parameters]
discharge_undertemperature_c = -20
discharge_undertemperature_recovery_c = -15
[[output]]
plugin = "fake_can"
[[output]]
plugin = "fake_mqtt"
enabled = false
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.toml"
    path.write_text(GOOD.replace("16", "1").replace("fake_can", "fake_cam"))
    return path


def test_check_sums_up_what_was_understood(call: Call, good: Path) -> None:
    called = call("config", "check", str(good))
    assert (called.status, called.err) == (0, "")
    assert called.out == (
        f"file              {good}: good\n"
        "bank              Battery\n"
        "mode              monitor: nothing is written to a BMS\n"
        "poll              every 1 s\n"
        "pack lost         after 3 s, exclude\n"
        "bank gone         after 60 s\n"
        "pack left         fake-bms on /dev/ttyUSB0\n"
        "  cells           16 LiFePO4 in series, 280 Ah\n"
        "  charge          to 55.2 V (CVL), at most 140 A\n"
        "  discharge       to 48 V (DVL), at most 200 A\n"
        "  cell too high   above 3.6 V, good again at 3.4 V\n"
        "  cell too low    below 2.7 V, good again at 3 V\n"
        "  may charge      from 0 to 55 °C\n"
        "  may discharge   from -20 to 55 °C\n"
        "output fake_can   fake_can: not CAN\n"
        "output fake_mqtt  not enabled\n"
    )


def test_check_tells_programs_the_same(call: Call, good: Path) -> None:
    called = call("config", "check", str(good), "--json")
    assert called.status == 0
    found = json.loads(called.out)
    assert (found["ok"], found["file"], found["problems"]) == (True, str(good), [])
    assert found["controller"]["max_age_s"] == 3.0
    (pack,) = found["packs"]
    assert (pack["driver"], pack["cells"], pack["cvl_v"]) == ("fake-bms", 16, 55.2)
    assert pack["options"]["parity"] == "even"
    assert pack["parameters"]["cell_overvoltage_v"] == 3.6
    assert found["outputs"] == [
        {"name": "fake_can", "plugin": "fake_can", "control": True, "options": {}}
    ]
    assert found["disabled_outputs"] == ["fake_mqtt"]


HEATED = """
[pack.heating]
{heater}
relay = "mat"
charge_from = "09:30"
charge_until = "16:00"
[[relay]]
name = "mat"
kind = "fake_relay"
coil = 1
"""


@pytest.mark.parametrize(
    ("heater", "text"),
    [
        ("film_ohm = 20.0", "film of 20 ohm, up to 166 W, by relay mat (fake_relay)"),
        ("mains_w = 60.0", "60 W from the mains, by relay mat (fake_relay)"),
    ],
)
def test_check_says_what_heats_a_pack_and_that_nothing_does_in_mode_monitor(
    call: Call, tmp_path: Path, heater: str, text: str
) -> None:
    file = tmp_path / "heated.toml"
    pack, _, _ = GOOD.partition("[[output]]")
    file.write_text(pack + HEATED.format(heater=heater))
    called = call("config", "check", str(file))
    assert called.status == 0
    assert text in called.out
    assert (
        'pack left: its heater stays off: relay mat is switched in mode = "control"' in called.out
    )
    (found,) = json.loads(call("config", "check", str(file), "--json").out)["packs"]
    assert found["heater"]["charge_from"] == "09:30"
    assert found["relay"] == {"name": "mat", "kind": "fake_relay", "options": {"coil": 1}}
    file.write_text('[controller]\nmode = "control"\n' + file.read_text())
    assert "stays off" not in call("config", "check", str(file)).out


def test_check_reports_every_mistake(call: Call, bad: Path) -> None:
    called = call("config", "check", str(bad))
    assert (called.status, called.out) == (1, "")
    assert called.err == (
        'cellwarden: pack[1].cells ("left"): 1 is outside 2..32\n'
        "cellwarden: output[1].plugin (\"fake_cam\"): there is no output 'fake_cam'; did you mean"
        " 'fake_can'? available: fake_can, fake_mqtt\n"
        f"cellwarden: {bad}: 2 mistakes\n"
    )


def test_check_reports_every_mistake_to_programs(call: Call, bad: Path) -> None:
    called = call("config", "check", str(bad), "--json")
    assert (called.status, called.err) == (1, "")
    found = json.loads(called.out)
    assert (found["ok"], found["file"], len(found["problems"])) == (False, str(bad), 2)


def test_check_takes_the_file_as_run_does(
    call: Call, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = call("config", "check", str(good)).out
    assert call("config", "check", "--config", str(good)).out == expected
    monkeypatch.setenv("CELLWARDEN_CONFIG", str(good))
    assert call("config", "check").out == expected


def test_check_without_a_file_says_how_to_get_one(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    called = call("config", "check", str(path))
    assert called.status == 1
    assert called.err == (
        f"cellwarden: there is no configuration file {path}: write one with"
        f" `cellwarden config init {path}`\ncellwarden: {path}: 1 mistake\n"
    )


def test_init_writes_a_file_that_check_takes(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    called = call("config", "init", str(path), "--driver", "fake-bms", "--output", "fake_mqtt")
    assert (called.status, called.err) == (0, "")
    assert called.out == f"{path} is written. Edit it, then: cellwarden config check {path}\n"
    assert call("config", "check", str(path)).status == 0
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_init_without_a_file_prints_it(call: Call) -> None:
    called = call("config", "init")
    assert called.status == 0
    assert called.out.startswith("# The configuration of Cellwarden.\n")


def test_init_never_overwrites(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("mine")
    called = call("config", "init", str(path))
    assert (called.status, called.err) == (
        1,
        f"cellwarden: {path} exists and is left as it is: name another, or move it away\n",
    )
    assert path.read_text() == "mine"


def test_init_does_not_follow_a_link_to_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "link.toml"
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="exists and is left as it is"):
        write_new(path, "text")


def test_init_names_a_driver_that_is_not_there(call: Call) -> None:
    called = call("config", "init", "--driver", "fake-bsm")
    assert (called.status, called.out) == (2, "")
    assert "did you mean 'fake-bms'? available: bare, fake-bms" in called.err


def test_init_into_a_folder_that_is_not_there_says_so(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "no" / "new.toml"
    called = call("config", "init", str(path))
    assert (called.status, called.err) == (
        1,
        f"cellwarden: {path} cannot be written: No such file or directory\n",
    )


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
        write_new(tmp_path / "new.toml", "text")
    assert list(tmp_path.iterdir()) == []


def test_schema_is_json_with_and_without_the_option(call: Call) -> None:
    for options in ((), ("--json",)):
        called = call("config", "schema", *options)
        assert called.status == 0
        assert json.loads(called.out)["required"] == ["pack"]


def test_config_alone_is_a_wrong_call(call: Call) -> None:
    called = call("config")
    assert called.status == 2
    assert "check|init|schema" in called.err
