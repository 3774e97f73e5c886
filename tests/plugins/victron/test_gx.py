"""Cellwarden on a GX: rc.local, serial ports, the log, and what each command answers."""

import json
import re
from pathlib import Path

import pytest

from cellwarden.cli import main
from cellwarden_victron.gx import install, ports, rc_local
from cellwarden_victron.gx.command import describe
from cellwarden_victron.gx.forget import ours
from cellwarden_victron.gx.layout import Layout
from cellwarden_victron.gx.logfile import lines, readable
from support.gx import RC_LOCAL, Gx

FILES = Path(install.__file__).parent / "files"
LINE = "sh /data/apps/cellwarden/boot.sh # cellwarden\n"


@pytest.fixture
def gx(tmp_path):
    return Gx(tmp_path / "gx")


@pytest.fixture
def layout(gx):
    return Layout(gx.root)


# -- rc.local ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"#!/bin/sh\n{LINE}"),
        ("#!/bin/bash\n", f"#!/bin/bash\n{LINE}"),
        ("#!/bin/sh\nother", f"#!/bin/sh\nother\n{LINE}"),
        ("#!/bin/sh\nother\nexit 0\n", f"#!/bin/sh\nother\n{LINE}exit 0\n"),
        ("#!/bin/sh\nother\nexit 0\n\n\n", f"#!/bin/sh\nother\n{LINE}exit 0\n\n\n"),
        ("#!/bin/sh\nother\n\n", f"#!/bin/sh\nother\n\n{LINE}"),
        (f"#!/bin/sh\n{LINE}other\n", f"#!/bin/sh\nother\n{LINE}"),
    ],
)
def test_our_line_is_added_once_and_before_an_exit_that_ends_the_script(before, after):
    assert rc_local.with_line(before, LINE) == after
    assert rc_local.with_line(after, LINE) == after


def test_taking_the_line_out_leaves_what_was_there():
    text = "#!/bin/sh\nother # not cellwarden's\nexit 0\n"
    assert rc_local.without_line(rc_local.with_line(text, LINE)) == text


# -- serial ports ------------------------------------------------------------------------------

BY_ID = "/dev/serial/by-id/usb-FTDI_FT232R_A9-if00-port0"


def test_a_port_becomes_a_rule_that_also_holds_when_it_is_plugged_in_again():
    assert ports.rule("/dev/ttyUSB0") == (
        'ACTION=="add|change", SUBSYSTEM=="tty", KERNEL=="ttyUSB0", ENV{VE_SERVICE}="ignore"\n'
    )
    assert 'ENV{ID_SERIAL}=="FTDI_FT232R_A9"' in ports.rule(BY_ID)
    assert ports.rule("/dev/pts/3") is None
    assert ports.rule('/dev/tty"; evil') is None


def test_ports_are_taken_from_serial_starter_and_given_back(gx, layout):
    link = gx.path(BY_ID[1:])
    link.parent.mkdir(parents=True)
    gx.path("dev/ttyUSB3").touch()
    link.symlink_to(gx.path("dev/ttyUSB3"))
    before = gx.everything()
    assert ports.claim(layout, (BY_ID, "/dev/ttyUSB0")) == ("ttyUSB3", "ttyUSB0")
    assert gx.calls() == ["udevadm control --reload", "stop-tty ttyUSB3", "stop-tty ttyUSB0"]
    rules = gx.path("run/udev/rules.d/zz-cellwarden.rules").read_text()
    assert rules.count('ENV{VE_SERVICE}="ignore"') == 2
    # Again, as after a restart of the service: the rules stand already.
    ports.claim(layout, (BY_ID, "/dev/ttyUSB0"))
    assert gx.calls() == ["stop-tty ttyUSB3", "stop-tty ttyUSB0"]
    # A port that left the configuration goes back.
    ports.claim(layout, (BY_ID,))
    trigger = "udevadm trigger --action=add --subsystem-match=tty --sysname-match="
    assert gx.calls() == [
        "udevadm control --reload", f"{trigger}ttyUSB3", f"{trigger}ttyUSB0",
        "udevadm control --reload", "stop-tty ttyUSB3",
    ]  # fmt: skip
    ports.release(layout)
    assert gx.calls() == ["udevadm control --reload", f"{trigger}ttyUSB3"]
    gx.path("run/udev").rmdir()
    assert gx.everything() == before


def test_a_configuration_without_serial_ports_takes_none(gx, layout):
    assert ports.claim(layout, ("/dev/pts/3",)) == ()
    assert gx.calls() == []
    assert not gx.path("run/udev").exists()


def test_the_ports_of_packs_are_those_to_take(gx, layout):
    from cellwarden.config.reader import load
    from cellwarden.host import Host

    pack = """[[pack]]
name = "{name}"
driver = "jk-rs485"
port = "{port}"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
"""
    named = (("a", "/dev/ttyUSB0"), ("b", "socket://10.0.0.2:4000"), ("c", "/dev/ttyUSB1"))
    layout.config.write_text("".join(pack.format(name=n, port=p) for n, p in named))
    settings = load(layout.config, Host())
    assert ports.serial_ports(settings) == ("/dev/ttyUSB0", "/dev/ttyUSB1")


def test_a_tool_that_is_missing_fails_or_hangs_is_no_error(gx, layout, monkeypatch):
    monkeypatch.setattr("cellwarden_victron.gx.layout.TOOL_S", 0.3)
    assert layout.call("svc", "-t", "x") is None
    gx._script("usr/bin/svstat", "exit 1")
    assert layout.call("svstat") is None
    gx._script("usr/bin/svstat", "exec sleep 30")
    assert layout.call("svstat") is None
    gx._script("usr/bin/svstat", "echo up")
    assert layout.call("svstat") == "up\n"


# -- the log -----------------------------------------------------------------------------------


def test_a_stamp_of_multilog_is_read_as_utc():
    assert readable("@4000000037c219bf2ef02e94 mark") == "1999-08-24 04:04:05.787 mark"
    assert readable("no stamp") == "no stamp"
    assert readable("@40000000zzzzzzzz2ef02e94 mark") == "@40000000zzzzzzzz2ef02e94 mark"
    assert readable("") == ""


def test_the_log_is_read_from_its_oldest_file_on(tmp_path):
    (tmp_path / "@4000000037c219bf2ef02e94.s").write_text("one\ntwo\n")
    (tmp_path / "current").write_text("three\n")
    assert list(lines(tmp_path)) == ["one", "two", "three"]


# -- the commands ------------------------------------------------------------------------------


def call(capsys, *words):
    status = main(["venus", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_what_is_no_gx_is_said_and_nothing_is_touched(capsys, tmp_path):
    status, _, err = call(capsys, "install", "--root", str(tmp_path))
    assert status == 1
    assert "is no GX device with Venus OS: there is no" in err
    assert list(tmp_path.iterdir()) == []
    assert call(capsys, "uninstall", "--root", str(tmp_path))[0] == 1


def test_without_an_archive_unpacked_install_says_what_to_do(capsys, gx):
    before = gx.everything()
    status, _, err = call(capsys, "install", "--root", str(gx.root))
    assert (status, gx.everything()) == (1, before)
    assert "nothing is unpacked in" in err
    assert "unpack the archive into" in err


def test_the_status_of_nothing_is_1_and_says_so(capsys, gx):
    status, out, _ = call(capsys, "status", "--root", str(gx.root))
    assert status == 1
    assert "problem: nothing is installed in" in out
    status, out, _ = call(capsys, "status", "--json", "--root", str(gx.root))
    found = json.loads(out)
    assert (status, found["installed"], found["service"], found["good"]) == (
        1,
        False,
        "none",
        False,
    )


def test_there_is_no_log_before_the_first_run(capsys, gx):
    status, _, err = call(capsys, "log", "--root", str(gx.root))
    assert status == 1
    assert "has the service ever run?" in err


def test_the_last_lines_of_the_log_are_shown(capsys, gx):
    gx.path("var/log/cellwarden").mkdir()
    text = "".join(f"@4000000037c219bf2ef02e94 line {n}\n" for n in range(100))
    gx.path("var/log/cellwarden/current").write_text(text)
    status, out, _ = call(capsys, "log", "-n", "2", "--root", str(gx.root))
    assert status == 0
    assert out == "1999-08-24 04:04:05.787 line 98\n1999-08-24 04:04:05.787 line 99\n"


def test_following_the_log_shows_what_comes_also_in_a_new_file(capsys, gx, monkeypatch):
    folder = gx.path("var/log/cellwarden")
    folder.mkdir()
    current = folder / "current"
    current.write_text("old\n")
    steps = iter(
        (
            lambda: current.write_text("old\nnew\n"),
            lambda: current.write_text("next\n"),  # multilog began a new file
        )
    )

    def pause(_):
        step = next(steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr("cellwarden_victron.gx.command.time.sleep", pause)
    status, out, _ = call(capsys, "log", "--follow", "--root", str(gx.root))
    assert status == 130
    assert out == "old\nnew\nnext\n"


def test_a_service_that_cannot_start_says_why_and_waits_before_the_next_try(
    capsys, gx, monkeypatch
):
    waited = []
    monkeypatch.setattr("cellwarden_victron.gx.command.time.sleep", waited.append)
    gx.path("data/conf/cellwarden.toml").write_text("[controller]\nmode = 'maybe'\n")
    status, _, err = call(capsys, "serve", "--root", str(gx.root))
    assert (status, waited) == (1, [30.0])
    assert "controller.mode" in err
    assert "the next try comes in 30 s" in err


def test_a_missing_part_of_python_is_named_with_its_remedy(capsys, gx, monkeypatch):
    monkeypatch.setattr("cellwarden_victron.gx.command.time.sleep", lambda _: None)

    def lacks(layout):
        raise ModuleNotFoundError("No module named '_sqlite3'", name="_sqlite3")

    monkeypatch.setattr("cellwarden_victron.gx.command._load", lacks)
    status, _, err = call(capsys, "serve", "--root", str(gx.root))
    assert status == 1
    assert "No module named '_sqlite3'" in err
    assert "opkg install python3-modules" in err


def test_a_device_that_cannot_be_written_to_is_said_without_a_traceback(capsys, gx, monkeypatch):
    gx.path("data/apps/cellwarden/bin").mkdir(parents=True)
    gx.path("data/apps/cellwarden/bin/cellwarden").touch()

    def full(self, *words, **more):
        raise OSError(28, "No space left on device", "/data/rc.local")

    monkeypatch.setattr(Path, "write_text", full)
    status, _, err = call(capsys, "install", "--root", str(gx.root))
    assert status == 1
    assert "/data/rc.local: No space left on device; is /data full or read-only?" in err


def test_a_line_that_a_firmware_update_took_away_is_a_problem(gx, layout):
    gx.path("data/apps/cellwarden/bin").mkdir(parents=True)
    gx.path("data/apps/cellwarden/bin/cellwarden").touch()
    problems = describe(layout)["problems"]
    assert any("does not start it after a boot" in problem for problem in problems)
    assert any("there is no service" in problem for problem in problems)


# -- pieces of the installation ----------------------------------------------------------------


def test_the_starter_configuration_asks_for_packs_and_nothing_else(layout):
    from cellwarden.config.reader import load
    from cellwarden.errors import ConfigError
    from cellwarden.host import Host

    install._write_config(layout)
    with pytest.raises(ConfigError) as caught:
        load(layout.config, Host())
    assert len(caught.value.problems) == 1
    assert "pack" in caught.value.problems[0]
    text = layout.config.read_text()
    with_pack = re.sub(
        r"^#(?=\[\[pack|name|driver|port|chem|cells|capac)", "", text, flags=re.MULTILINE
    )
    layout.config.write_text(with_pack)
    assert load(layout.config, Host()).packs[0].name == "left"


def test_only_our_settings_are_forgotten():
    paths = ["cellwarden_SN1/CustomName", "/cellwarden_bank/ClassAndVrmInstance", "ttyO1/x",
             "not_cellwarden_x/CustomName"]  # fmt: skip
    assert ours(paths) == ["/cellwarden_bank/ClassAndVrmInstance", "cellwarden_SN1/CustomName"]


@pytest.mark.parametrize("name", sorted(p.name for p in FILES.iterdir()))
def test_every_script_is_one_for_busybox(gx, name):
    assert gx.sh("-n", FILES / name).stderr == ""


def test_rc_local_of_the_tests_is_a_usual_one():
    assert RC_LOCAL.endswith("exit 0\n")
