"""Any story of requests, troubles, kills and restarts: old, new, or told exactly."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cellwarden.clock import Clock
from cellwarden.errors import CommandRefused, FrameError, LinkError, LinkTimeout
from cellwarden.model import Outcome, Request, RequestKind, SettingValue, Verdict
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.rights import Rights
from cellwarden.runtime.writing import Desk
from support.writable import LFP, WritablePack

SETS: tuple[dict[str, float | None], ...] = (
    {"cell_overvoltage_v": 3.65, "cell_overvoltage_recovery_v": 3.5, "charge_voltage_v": 3.5},
    {"cell_undervoltage_v": 2.8, "shutdown_v": 2.7, "discharge_voltage_v": 3.05},
    {"cell_overvoltage_v": 3.6, "cell_overvoltage_recovery_v": 3.4, "charge_voltage_v": 3.45},
    {"cell_undervoltage_v": 2.6, "shutdown_v": 2.4},
    {"charge_current_max_a": 20.0, "charge_overtemperature_c": 52.0},
)
TROUBLES = {
    "lost": lambda: LinkError("left", "the cable was pulled"),
    "mute": lambda: LinkTimeout("left", "no answer"),
    "garbled": lambda: FrameError("checksum", "the sum is wrong"),
    "refused": lambda: CommandRefused("the device says no"),
}


class Killed(BaseException):
    """The controller was killed at this very exchange."""


class House(RuleBasedStateMachine):
    """One device, and one controller after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.pack = WritablePack()
        self.known: dict[str, SettingValue] = dict(self.pack.held)
        """What a person who reads every outcome believes that the device holds."""
        self.unsure = False
        """They were told that something is half done."""
        self.left: list[str | None] = []
        self.pack.trouble = self._trouble

    def _trouble(self, what: str, name: str) -> None:
        kind = self.left.pop(0) if self.left else None
        if kind == "killed":
            raise Killed
        if kind is not None:
            error = TROUBLES[kind]()
            raise error

    def _run(self, *steps: Request | bool) -> list[Outcome] | None:
        """Let a controller live for these requests (a bool finishes or undoes); None if killed."""

        async def life() -> list[Outcome]:
            audit = Audit(Path(self.folder.name))
            guarded = Guarded(self.pack, "left")
            desk = Desk(guarded, LFP, audit, lambda _: asyncio.sleep(0))
            gate = ControlGate(
                mode="control", rights=Rights({}), desks=[desk], audit=audit, clock=Clock()
            )
            await guarded.open()
            await guarded.poll()
            gate.start()
            outcomes = [
                await gate.half_done.settle("left", "params", finish=step)
                if isinstance(step, bool)
                else await gate.ask(step)
                for step in steps
            ]
            await gate.stop()
            return outcomes

        try:
            return asyncio.run(life())
        except Killed:
            return None
        finally:
            self.left = []

    @rule(
        wanted=st.sampled_from(SETS),
        good=st.integers(0, 10),
        trouble=st.sampled_from([*TROUBLES, "killed"]),
        lasts=st.sampled_from([0, 1, 2, 4, 60]),
    )
    def change(self, wanted: dict[str, float | None], good: int, trouble: str, lasts: int) -> None:
        """Log-in and reading are two exchanges, each write two more."""
        self.left = [*[None] * good, *[trouble] * lasts]
        request = Request(kind=RequestKind.PARAMETERS, pack="left", changes=wanted, who="params")
        outcomes = self._run(request)
        if outcomes is None:
            self.unsure = bool(Audit(Path(self.folder.name)).unsettled())
            return
        self._hear(outcomes[0])

    @rule(on=st.booleans(), good=st.integers(0, 4), trouble=st.sampled_from([*TROUBLES]))
    def switch(self, on: bool, good: int, trouble: str) -> None:
        self.left = [*[None] * good, trouble]
        outcomes = self._run(
            Request(kind=RequestKind.CHARGE_SWITCH, pack="left", value=on, who="params")
        )
        assert outcomes is not None
        self._hear(outcomes[0])

    @precondition(lambda self: self.unsure)
    @rule(finish=st.booleans())
    def settle(self, finish: bool) -> None:
        entries = Audit(Path(self.folder.name)).unsettled()
        outcomes = self._run(*[finish] * len(entries))
        assert outcomes is not None
        assert Audit(Path(self.folder.name)).unsettled() == ()
        assert all(outcome.good for outcome in outcomes)
        self.unsure = False
        self.known = dict(self.pack.held)

    def _hear(self, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.HALF_DONE:
            self.unsure = True
            for step in outcome.steps:
                assert step.now is None or step.now == self.pack.held[step.what]
        elif outcome.verdict is Verdict.APPLIED:
            for step in outcome.steps:
                assert step.wanted is not None
                self.known[step.what] = step.wanted

    @invariant()
    def the_device_holds_what_was_told_or_the_log_says_what_is_between(self) -> None:
        unsettled = Audit(Path(self.folder.name)).unsettled() if self.unsure else ()
        between = {step.what for entry in unsettled for step in entry.steps}
        for name, value in self.pack.held.items():
            if name not in between:
                assert value == self.known[name], name
        for entry in unsettled:
            for step in entry.steps:
                assert self.pack.held[step.what] in (step.before, step.wanted)

    def teardown(self) -> None:
        self.folder.cleanup()


House.TestCase.settings = settings(max_examples=25, stateful_step_count=8, deadline=None)
test_any_story_of_requests_troubles_and_kills = House.TestCase
