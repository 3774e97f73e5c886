"""What happens to telemetry happens to telemetry only: CAN and D-Bus go on, on time."""

import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from support import faulty_plugin
from support.house import House, wait_for, whole_house
from support.processes import Lines

pytestmark = [pytest.mark.system, pytest.mark.alone, pytest.mark.timeout(120)]

WATCH_S = 8.0
LATE_S = 0.25
"""Far beyond what a loaded test machine adds, far below what any of the faults would cost."""


def control_goes_on_time(house: House) -> None:
    """Watch CAN and D-Bus for a while: every set on time, every cycle's changes signalled."""
    house.venus.ask("take")
    began_s = time.monotonic()
    time.sleep(WATCH_S)
    frames = house.inverter.frames(since_s=began_s)
    sets = [frame.at_s for frame in frames if frame.identifier == 0x35E]
    assert len(sets) >= WATCH_S - 1
    assert max(b - a for a, b in pairwise(sets)) < 1.0 + LATE_S
    # Polled twice a second, and the simulated current never stands still for long.
    assert len(house.venus.ask("take")["signals"]) >= WATCH_S / 2


def running(house: House, **environment: str) -> House:
    house.run(environment=environment)
    wait_for(lambda: house.bank().get("charge_allowed"), "a bank that may be charged")
    wait_for(house.venus.present, "the service")
    return house


@pytest.fixture
def faulty(
    request: pytest.FixtureRequest, tmp_path: Path, packs: tuple[Lines, list[str]]
) -> Iterator[tuple[House, dict[str, str]]]:
    kind, fault = request.param
    more = f'\n[[output]]\nplugin = "{kind}"\nname = "broken"\nfault = "{fault}"\n'
    with whole_house(tmp_path, packs, more=more) as house:
        yield house, faulty_plugin.install(tmp_path / "site")


def test_a_broker_that_stops_reading_delays_nobody(house: House) -> None:
    running(house)
    wait_for(lambda: house.broker.state("Home") is not None, "a state on MQTT")
    house.broker.process.process.send_signal(signal.SIGSTOP)
    try:
        control_goes_on_time(house)
    finally:
        house.broker.process.process.send_signal(signal.SIGCONT)


def test_a_broker_that_is_not_there_delays_nobody(house: House) -> None:
    house.broker.process.end()
    running(house)
    control_goes_on_time(house)
    assert house.status()["outputs"]["homeassistant"]["connected"] is False


@pytest.mark.parametrize(
    "faulty",
    [("faulty", "raises"), ("faulty", "blocks"), ("faulty", "burns")],
    indirect=True,
    ids=str,
)
def test_a_telemetry_output_that_misbehaves_delays_nobody(
    faulty: tuple[House, dict[str, str]],
) -> None:
    house, environment = faulty
    running(house, **environment)
    control_goes_on_time(house)
    assert house.status()["outputs"]["broken"] == {
        "error": "RuntimeError: and its status is broken too"
    }


@pytest.mark.parametrize("faulty", [("faulty-control", "raises")], indirect=True, ids=str)
def test_a_control_output_that_raises_takes_no_other_with_it(
    faulty: tuple[House, dict[str, str]],
) -> None:
    house, environment = faulty
    running(house, **environment)
    control_goes_on_time(house)
    assert "output broken failed (RuntimeError: this output is broken)" in house.log.read_text()


@pytest.mark.parametrize("faulty", [("faulty", "blocks")], indirect=True, ids=str)
def test_an_output_that_blocks_does_not_hold_up_the_end_for_ever(
    faulty: tuple[House, dict[str, str]],
) -> None:
    house, environment = faulty
    running(house, **environment)
    assert house.controller is not None
    began_s = time.monotonic()
    assert house.controller.end() == 0
    assert time.monotonic() - began_s < 13.0
