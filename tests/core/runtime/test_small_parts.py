"""Folders, gate, back-off and clock."""

import asyncio
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.model import Request, RequestKind, Verdict
from cellwarden.runtime import folders
from cellwarden.runtime.backoff import Backoff
from cellwarden.runtime.monitor_gate import MonitorGate


def test_state_lives_where_the_configuration_says() -> None:
    assert folders.state_dir("/somewhere/else") == Path("/somewhere/else")


def test_state_lives_on_data_on_a_gx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "VENUS_MARK", tmp_path)
    monkeypatch.setattr(folders, "VENUS_DATA", tmp_path)
    assert folders.state_dir(None) == tmp_path / "cellwarden"


def test_a_users_state_lives_in_their_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    assert folders.state_dir(None) == tmp_path / "cellwarden"
    assert folders.runtime_dir(None) == tmp_path / "run" / "cellwarden"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert folders.runtime_dir(None) == tmp_path / "cellwarden" / "run"


def test_roots_state_lives_in_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert folders.state_dir(None) == Path("/var/lib/cellwarden")
    assert folders.runtime_dir(None) == Path("/run/cellwarden")


def test_a_folder_that_others_could_enter_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folders.private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("monitor", 'mode is "monitor": nothing is ever written to a BMS'),
        ("control", "there is no BMS here to write to"),
    ],
)
def test_every_write_is_refused_with_its_reason(
    mode: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    request = Request(kind=RequestKind.CHARGE_SWITCH, pack="left", value=False, who="homeassistant")
    outcome = asyncio.run(MonitorGate(mode).ask(request))
    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, reason)
    assert "refused charge switch for left from homeassistant" in caplog.text


def test_delays_double_up_to_the_last_and_start_again_after_a_success() -> None:
    backoff = Backoff(1.0, 6.0)
    delays = [backoff.next_s() for _ in range(5)]
    for delay, plain in zip(delays, (1.0, 2.0, 4.0, 6.0, 6.0), strict=True):
        assert 0.8 * plain <= delay <= 1.2 * plain
    backoff.reset()
    assert backoff.next_s() <= 1.2


def test_a_fast_clock_counts_more_seconds_and_shortens_timers() -> None:
    clock = Clock(speed=60.0)
    assert clock.real_s(60.0) == 1.0
    first = clock.now_s()
    assert clock.now_s() >= first


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_clock_that_stands_still_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        Clock(speed=speed)
