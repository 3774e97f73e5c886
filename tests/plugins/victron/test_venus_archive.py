"""The archive of `make venus`, unpacked into a file tree that looks like a GX and run there.

Python's own library and what is inside the archive is all there is; real daemontools supervise it,
busybox runs the scripts, a real D-Bus daemon stands for the system's.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.gx import Gx, archive
from support.processes import Lines, started, until
from support.tools import REPOSITORY, require_tool

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SYSTEM_PYTHON = "/usr/bin/python3"
CLIENT = Path(__file__).with_name("client.py")
NAME = "com.victronenergy.battery.cellwarden"


def test_everything_in_the_archive_is_pure_python_for_any_machine():
    with tarfile.open(archive()) as tar:
        names = tar.getnames()
        wheels = [name for name in names if name.endswith(".dist-info/WHEEL")]
        tags = {
            line
            for name in wheels
            for line in tar.extractfile(name).read().decode().splitlines()
            if line.startswith("Tag:")
        }
        owners = {(info.uid, info.uname, info.mtime) for info in tar.getmembers()}
    assert [name for name in names if name.endswith((".so", ".pyd", ".pyc"))] == []
    assert len(wheels) == 9
    assert {tag for tag in tags if not tag.endswith("-none-any")} == set()
    assert owners == {(0, "", 0)}
    assert {name.split("/")[0] for name in names} == {"apps", "rc"}
    site = "apps/cellwarden/site-0.1.0"
    for package in ("cellwarden", "cellwarden_hardware", "cellwarden_victron", "dbus_next", "can"):
        assert f"{site}/{package}/__init__.py" in names


def test_the_same_sources_give_the_same_archive(tmp_path):
    builder = REPOSITORY / "plugins" / "victron" / "venus" / "build.py"
    subprocess.run([sys.executable, builder, "--out", tmp_path], check=True, capture_output=True)
    assert (tmp_path / archive().name).read_bytes() == archive().read_bytes()


def test_a_wheel_for_one_kind_of_machine_is_refused(tmp_path):
    archive()  # has fetched the wheels
    wheels = tmp_path / "wheels"
    shutil.copytree(REPOSITORY / "build" / "venus-wheels", wheels)
    (pluggy,) = wheels.glob("pluggy-*")
    pluggy.rename(pluggy.with_name("pluggy-1.7.0-cp312-cp312-linux_armv7l.whl"))
    builder = REPOSITORY / "plugins" / "victron" / "venus" / "build.py"
    command = [sys.executable, builder, "--out", tmp_path / "out", "--wheels", wheels]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not pure Python: a GX has no compiler" in done.stderr
    pure = wheels / "pluggy-1.7.0-py3-none-any.whl"
    with zipfile.ZipFile(pure, "w") as wheel:
        wheel.writestr("pluggy/fast.so", b"")
    next(wheels.glob("pluggy-*cp312*")).unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "holds pluggy/fast.so, which runs on one kind of machine only" in done.stderr


# -- on the tree -------------------------------------------------------------------------------


class Device:
    """A GX that has been switched on."""

    def __init__(self, gx: Gx, bus: str, client: Lines) -> None:
        self.gx = gx
        self.bus = bus
        self._client = client
        self._svscan: subprocess.Popen[bytes] | None = None

    def ask(self, do: str, **arguments):
        self._client.say(json.dumps({"do": do, **arguments}))
        return json.loads(self._client.next_line())

    def get(self, path: str):
        return self.ask("call", path=path, member="GetValue")["value"]

    def boot(self) -> None:
        """Run rc.local, then svscan, as Venus does."""
        self.gx.sh(self.gx.path("data/rc.local"))
        self.start_svscan()

    def start_svscan(self) -> None:
        self._svscan = subprocess.Popen(
            [require_tool("svscan", "daemontools"), self.gx.path("service")],
            env={**self.gx.environment(), "PATH": f"{self.gx.environment()['PATH']}:/usr/bin"},
        )

    def power_off(self) -> None:
        """End what svscan started, hard; what lies in memory is lost."""
        process, self._svscan = self._svscan, None
        if process is None:
            return
        process.kill()
        process.wait()
        for service in self.gx.path("service").glob("*/"):
            self.gx_tool("svc", "-kx", service, service / "log")
            for part in (service, service / "log"):
                until(
                    lambda part=part: self.gx_tool("svok", part).returncode != 0,
                    10,
                    f"the end of {part}",
                )

    def gx_tool(self, name: str, *words):
        return subprocess.run(
            [self.gx.path("usr/bin") / name, *words], check=False, capture_output=True
        )

    def update_firmware(self) -> None:
        """Replace everything but /data and the log by what the image brings."""
        image = Gx(self.gx.root.with_name("image")).with_daemontools()
        for name in ("service", "opt", "run"):
            shutil.rmtree(self.gx.path(name))
            shutil.copytree(image.path(name), self.gx.path(name))

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        root = ("--root", str(self.gx.root))
        return self.gx.sh(self.gx.path("data/apps/cellwarden/bin/cellwarden"), *words, *root)

    def log_of_a_vain_start(self) -> str | None:
        log = self.command("venus", "log").stdout
        return log if "next try" in log else None

    def on_the_bus(self, *, there: bool = True) -> None:
        until(lambda: self.ask("owned") is there, 20, f"the service to be {there=}")


@pytest.fixture
def device(tmp_path: Path, bus, python_dbus: None) -> Iterator[Device]:
    gx = Gx(tmp_path / "gx").with_daemontools()
    with started([SYSTEM_PYTHON, CLIENT, bus.address, NAME]) as client:
        assert json.loads(client.next_line()) == "ready"
        device = Device(gx, bus.address, client)
        try:
            yield device
        finally:
            device.power_off()


@pytest.fixture
def pack() -> Iterator[str]:
    """An emulated JK pack; gives its port."""
    command = [sys.executable, "-m", "cellwarden_hardware.simulator", "--packs", "1", "--seed", "7"]
    with started(command) as process:
        yield json.loads(process.next_line())["ports"][0]


def configured(device: Device, port: str) -> None:
    config = device.gx.path("data/conf/cellwarden.toml")
    text = config.read_text().replace(
        'plugin = "victron"', f'plugin = "victron"\nbus = "{device.bus}"'
    )
    config.write_text(
        f"""{text}
[[pack]]
name = "left"
driver = "jk-rs485"
port = "{port}"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
"""
    )


def test_from_unpacking_to_uninstalling_on_a_gx(device: Device, pack: str):
    gx = device.gx
    before = gx.everything()

    # Unpack and install, without any network.
    gx.unpack()
    done = gx.sh(gx.path("data/apps/cellwarden/install.sh"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "name your packs there" in done.stdout
    assert not gx.path("data/rc").exists()
    rc_local = gx.path("data/rc.local")
    assert rc_local.stat().st_mode & 0o777 == 0o755
    assert rc_local.read_text().endswith("# cellwarden\nexit 0\n")

    # Nothing is configured yet: it says so, and does not turn in circles.
    device.start_svscan()
    log = until(device.log_of_a_vain_start, 20, "the first lines of the log")
    assert "pack" in log
    stamp = datetime.strptime(log[:23], "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 60
    status = json.loads(device.command("venus", "status", "--json").stdout)
    assert (status["installed"], status["good"], status["config"]) == (True, False, "1 mistakes")
    assert status["service"].startswith("up (pid ")

    # Configured: the battery is on the bus, served by what is in the archive alone.
    configured(device, pack)
    device.gx_tool("svc", "-t", gx.path("service/cellwarden"))
    device.on_the_bus()
    assert device.get("/Info/MaxChargeVoltage")[0] == "d"
    assert device.get("/Voltages/Cell16")[0] == "d"
    assert device.get("/ProductId") == ["i", 0xCE11]
    status = json.loads(device.command("venus", "status", "--json").stdout)
    assert (status["on_the_bus"], status["good"], status["problems"]) == (True, True, [])
    whole = json.loads(gx.sh(
        gx.path("data/apps/cellwarden/bin/cellwarden"), "status", "--json", "--config",
        gx.path("data/conf/cellwarden.toml"),
    ).stdout)  # fmt: skip
    assert whole["outputs"]["victron"]["library"] == "dbus_next"

    # Installing again renews it and keeps the configuration.
    gx.unpack()
    done = gx.sh(gx.path("data/apps/cellwarden/install.sh"))
    assert "cellwarden.toml stays as it is" in done.stdout
    assert "was renewed" in done.stdout
    assert rc_local.read_text().count("# cellwarden") == 1
    device.on_the_bus()

    # A firmware update and a boot later it is there again.
    device.power_off()
    device.on_the_bus(there=False)
    device.update_firmware()
    device.boot()
    device.on_the_bus()

    # Uninstalled, nothing is left: no process, no name, not a byte.
    done = device.command("venus", "uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    device.on_the_bus(there=False)
    device.power_off()
    assert gx.everything() == before


def test_a_killed_controller_is_started_again(device: Device, pack: str):
    device.gx.unpack()
    device.gx.sh(device.gx.path("data/apps/cellwarden/install.sh"))
    configured(device, pack)
    device.start_svscan()
    device.on_the_bus()
    said = device.gx_tool("svstat", device.gx.path("service/cellwarden")).stdout.decode()
    pid = int(said.partition("(pid ")[2].partition(")")[0])
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    device.on_the_bus(there=False)
    device.on_the_bus()


def test_keeping_the_data_leaves_configuration_and_state(device: Device, pack: str):
    gx = device.gx
    gx.unpack()
    gx.sh(gx.path("data/apps/cellwarden/install.sh"))
    configured(device, pack)
    device.start_svscan()
    device.on_the_bus()
    config = gx.path("data/conf/cellwarden.toml").read_text()
    done = device.command("venus", "uninstall", "--keep-data")
    assert done.returncode == 0
    assert gx.path("data/conf/cellwarden.toml").read_text() == config
    assert gx.path("data/cellwarden/state.db").exists()
    assert not gx.path("data/apps").exists()
    assert not gx.path("service/cellwarden").exists()
