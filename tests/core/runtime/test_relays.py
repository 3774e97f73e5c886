"""A heater's relay: never on without a fresh decision, whatever hangs, breaks or ends."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from cellwarden.errors import LinkError
from cellwarden.model import BankState, Heating, PackPhase, Switches
from cellwarden.runtime import relays as module
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.relays import DEAD_MAN_S, REPEAT_S, STALE_S, Hand, Relays, dead_man_s
from support.hand_clock import HandClock
from support.states import bank_state, pack_state


class FakeRelay:
    """A relay that stood on when nobody had asked, and notes what it is told."""

    def __init__(self) -> None:
        self.on = True
        self.told: list[bool | str] = []
        self.stuck: bool | None = None
        """Where its contact is, whatever its coil does."""
        self.gone = False
        self.hangs = False

    def _reach(self) -> None:
        if self.gone:
            raise LinkError("fake relay", "was unplugged: plug it in")

    async def open(self) -> None:
        self.told.append("open")
        self._reach()
        self.on = False

    async def switch(self, on: bool, /) -> None:
        self._reach()
        if self.hangs:
            await asyncio.sleep(3600)
        self.told.append(on)
        self.on = on

    async def read(self) -> bool | None:
        self._reach()
        return self.on if self.stuck is None else self.stuck

    async def close(self) -> None:
        self.told.append("close")
        if not self.gone:
            self.on = False


class Bench:
    """One relay at work in its thread, beside a controller that decides when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.relay = FakeRelay()
        self.audit = Audit(folder)
        self.hand = Hand(
            "heater", "left", self.relay, clock=self.clock, audit=self.audit, dead_man_s=DEAD_MAN_S
        )
        self.relays = Relays([self.hand])

    def __enter__(self) -> Self:
        self.relays.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.relays.stop()
        assert self.relays.join(10.0)

    def decide(self, *, on: bool, **changes: object) -> None:
        """Let a decision come."""
        pack = pack_state(
            "left",
            switches=Switches(heat=on),
            heating=Heating(wanted=on, active=None, why="to 5 °C" if on else "warm enough"),
        )
        self.relays.consider(self.state(replace(pack, **changes)))  # type: ignore[arg-type]

    def state(self, *packs: object) -> BankState:
        return replace(bank_state(packs=packs), at_s=self.clock.at_s)

    def switching(self) -> list[tuple[str, str, str]]:
        entries = reversed(self.audit.entries())
        return [(entry.who, entry.asked, entry.reason) for entry in entries]


def until(found: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + 10.0
    while not found():
        assert time.monotonic() < end_s, f"waited in vain for {what}"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at a relay each hundredth of a second; how old a decision is, the bench's clock says."""
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "FOLLOWS_S", 0.05)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_stood_when_it_began_counts_for_nothing(bench: Bench) -> None:
    with bench:
        until(lambda: bench.relays.is_on("left") is False, "a look at it")
        assert bench.relay.on is False
        assert bench.relay.told == ["open"]


def test_it_follows_the_decisions_and_says_so_in_the_audit_log(bench: Bench) -> None:
    with bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
        bench.decide(on=False)
        until(lambda: bench.relays.is_on("left") is False, "off")
    assert bench.switching() == [
        ("engine", "True", "relay heater told on: to 5 °C"),
        ("engine", "False", "relay heater told off: warm enough"),
    ]
    assert bench.audit.entries()[-1].steps[0].now is True  # as it was read back


def test_without_a_fresh_decision_it_is_opened(bench: Bench) -> None:
    """The control loop hangs: nobody decides any more, and nobody says so."""
    with bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
        bench.clock.at_s += DEAD_MAN_S
        until(lambda: bench.hand.seen is not None and bench.hand.seen.at_s == 1010.0, "a look")
        assert bench.relay.on is True
        bench.clock.at_s += 0.1
        until(lambda: bench.relay.on is False, "off")
        until(lambda: len(bench.switching()) == 2, "the note")
        assert bench.switching()[-1][2] == "relay heater told off: no decision for 10 s"
        bench.decide(on=True)
        until(lambda: bench.relay.on, "on again with a new decision")


def test_a_pack_that_is_not_heard_is_not_heated(bench: Bench) -> None:
    with bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
        bench.decide(on=True, phase=PackPhase.LOST, reading=None)
        until(lambda: bench.relay.on is False, "off")
    assert bench.switching()[-1][2] == "relay heater told off: its BMS does not answer"


def test_the_end_of_the_controller_opens_it(bench: Bench) -> None:
    with bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
    assert bench.relay.on is False
    assert bench.relay.told[-1] == "close"
    assert bench.switching()[-1][2] == "relay heater told off: the controller is stopping"
    assert bench.relays.is_on("left") is None


def test_what_is_on_is_told_so_again_for_a_switch_with_a_timer_of_its_own(bench: Bench) -> None:
    with bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
        bench.clock.at_s += REPEAT_S
        bench.decide(on=True)
        until(lambda: bench.relay.told == ["open", True, True], "the repetition")
    assert len(bench.switching()) == 2  # on, and off at the end: repetitions are no switching


def test_one_that_is_not_where_it_was_told_is_told_again_and_read_as_it_is(bench: Bench) -> None:
    bench.relay.stuck = False
    with bench:
        bench.decide(on=True)
        until(lambda: True in bench.relay.told, "the order")
        for _ in range(3):
            bench.clock.at_s += module.AGAIN_S
            bench.decide(on=True)
            told = len(bench.relay.told)
            until(lambda told=told: len(bench.relay.told) > told, "another order")
        assert bench.relays.is_on("left") is False


def test_one_that_cannot_be_reached_is_not_known_and_said_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
        bench.relay.gone = True
        until(lambda: bench.relay.told.count("open") > 3, "some attempts")
        assert bench.relays.is_on("left") is None
        assert bench.relays.status() == {
            "heater": {
                "pack": "left",
                "on": None,
                "trouble": "fake relay: was unplugged: plug it in",
            }
        }
        bench.relay.gone = False
        until(lambda: bench.relays.is_on("left") is True, "on again")
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    (warning,) = warnings
    assert warning == (
        "relay heater of left cannot be reached (fake relay: was unplugged: plug it in): where it"
        " stands is not known; trying on"
    )
    assert bench.switching()[1][2] == ("relay heater could not be told off: it cannot be reached")


def test_one_that_hangs_is_given_up_in_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    with bench:
        until(lambda: bench.relays.is_on("left") is False, "a look at it")
        bench.relay.hangs = True
        bench.decide(on=True)
        until(lambda: bench.hand.trouble, "the trouble")
        assert bench.hand.trouble == "relay heater does not answer"


def test_what_was_read_long_ago_is_not_known(bench: Bench) -> None:
    bench.hand.seen = module.Seen(True, bench.clock.at_s)
    bench.clock.at_s += STALE_S
    assert bench.relays.is_on("left") is True
    bench.clock.at_s += 0.1
    assert bench.relays.is_on("left") is None


def test_a_defect_of_one_relay_leaves_it_off_and_the_others_at_work(tmp_path: Path) -> None:
    bench, other = Bench(tmp_path), Bench(tmp_path)
    other.hand.pack = "right"

    async def broken() -> bool | None:
        raise RuntimeError("a defect")

    bench.relay.read = broken  # type: ignore[method-assign]
    both = Relays([bench.hand, other.hand])
    both.start()
    until(lambda: bench.relay.told.count("close") >= 1, "the defect")
    pack = pack_state("right", switches=Switches(heat=True))
    both.consider(bench.state(pack))
    until(lambda: both.is_on("right"), "the other one on")
    assert bench.relay.on is False
    both.stop()
    assert both.join(10.0)
    assert other.relay.on is False


def test_a_bank_knows_which_heaters_hang_on_relays(bench: Bench) -> None:
    assert (bench.relays.switches("left"), bench.relays.switches("right")) == (True, False)
    assert bench.relays.is_on("right") is None


def test_an_audit_log_that_cannot_be_written_keeps_no_relay_from_opening(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.audit.path.mkdir(parents=True)
    with bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
    assert bench.relay.on is False
    assert "cannot be written" in caplog.text


def test_a_disk_that_hangs_keeps_no_relay_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    disk = threading.Event()

    def hangs(*_: object) -> None:
        disk.wait(10.0)

    bench.audit.note = hangs  # type: ignore[method-assign]
    with bench:
        bench.decide(on=True)
        until(lambda: bench.relays.is_on("left"), "on")
        bench.clock.at_s += DEAD_MAN_S + 0.1
        until(lambda: bench.relay.on is False, "off")
        disk.set()


@pytest.mark.parametrize(
    ("poll_s", "watchdog_s", "limit_s"), [(1.0, 15.0, 10.0), (1.0, 3.0, 2.4), (20.0, 60.0, 40.0)]
)
def test_a_decision_is_too_old_before_the_watchdog_ends_the_process(
    poll_s: float, watchdog_s: float, limit_s: float
) -> None:
    assert dead_man_s(poll_s, watchdog_s) == pytest.approx(limit_s)


def test_it_lives_in_a_thread_that_does_not_hold_up_the_end_of_the_process(bench: Bench) -> None:
    with bench:
        until(lambda: bench.relays.is_on("left") is False, "a look at it")
        (thread,) = [t for t in threading.enumerate() if "relays" in t.name]
        assert thread.daemon
