"""What an installer's check says to the inverter: a state, then each what-if, then a goodbye.

What speaks is the very output that `cellwarden run` would use, so that what passes here passes
there. Unless a person allows more, it tells 0 A both ways, which is safe on any installation.
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cellwarden.clock import Clock
from cellwarden.errors import LinkError
from cellwarden.interfaces import Output
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame
from cellwarden.model import BankPhase, BankState
from cellwarden.runtime.mailbox import Mailbox
from cellwarden.runtime.monitor_gate import MonitorGate
from cellwarden.runtime.status import ask
from cellwarden_can_inverter.check_report import Ear, Observed, Step
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.output import CanInverterOutput
from cellwarden_can_inverter.protocol import bank_state
from cellwarden_can_inverter.rs485_output import Rs485InverterOutput
from cellwarden_can_inverter.where import runtime_folder

REFRESH_S = 0.5
"""A decision is made anew this often: one that stands still would count as a controller's hang."""
GOODBYE_S = 8.0
RESTART_S = 5.0
"""Silence of the what-if "restart"; real s, at most."""

CurrentOf = Callable[[Mapping[str, Any]], float | None]
"""Finds in a status what the inverter measures, positive while charging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """A change of the state for a while."""

    name: str
    expected: str
    changes: Mapping[str, object]
    silent: bool = False


WHAT_IFS = (
    WhatIf(
        name="CCL 0",
        expected="it stops charging within a few seconds",
        changes={"ccl_A": 0.0, "charge_allowed": False},
    ),
    WhatIf(
        name="DCL 0",
        expected="it stops discharging; loads go to the grid or off",
        changes={"dcl_A": 0.0, "discharge_allowed": False},
    ),
    WhatIf(
        name="alarm",
        expected="it shows a warning of high temperature and goes on",
        changes={"alarms": ["high_temperature"]},
    ),
    WhatIf(
        name="restart",
        expected="it reports a lost battery at most, and takes it back when frames come again",
        changes={},
        silent=True,
    ),
)


def state_of_controller(running: Mapping[str, Any]) -> dict[str, object] | None:
    """Return the state that a status document describes, None while nothing was decided."""
    bank = running.get("bank")
    if not isinstance(bank, Mapping) or bank.get("limits") is None or bank["phase"] != "live":
        return None
    limits = bank["limits"]
    return {
        "pack_voltage_V": bank["voltage_v"],
        "pack_current_A": bank["current_a"],
        "temperature_C": bank["temperature_c"],
        "soc_pct": bank["soc_percent"],
        "soh_pct": bank["soh_percent"],
        "cvl_V": limits["charge_voltage"]["value"],
        "ccl_A": limits["charge_current"]["value"],
        "dcl_A": limits["discharge_current"]["value"],
        "dvl_V": limits["discharge_voltage"]["value"],
        "charge_allowed": bank["charge_allowed"],
        "discharge_allowed": bank["discharge_allowed"],
    }


class Overhearing(CanInverterOutput):
    """The output, telling an ear of every frame on its bus."""

    def __init__(self, options: CanInverterOptions, ear: Ear) -> None:
        super().__init__(options)
        self._ear = ear
        self._link = can_link(options)

    def _heard(self, frame: CanFrame) -> None:
        self._ear.heard(frame, time.monotonic())
        super()._heard(frame)


def can_link(options: CanInverterOptions) -> CanLink:
    """Return the bus of these options, on which everything is heard, errors too."""
    return CanLink(
        interface=options.interface,
        channel=options.channel,
        bitrate=options.bitrate,
        options=options.bus_arguments(),
        all_errors=True,
    )


class Speech:
    """Feeds an output: the state, then each what-if, then the goodbye."""

    def __init__(
        self,
        arguments: argparse.Namespace | None,
        state: dict[str, object],
        tell: Callable[[str], None],
        listened_s: float,
    ) -> None:
        self._arguments = arguments
        self._state = state
        self._tell = tell
        self._listened_s = listened_s
        self._feed = Mailbox(Clock())
        self._told: BankState | None = None

    @classmethod
    def silent(cls, listen_s: float) -> "Speech":
        """Return a speech of nothing at all."""
        return cls(None, {}, lambda _: None, listen_s)

    async def __call__(
        self,
        output: Output,
        seen: Observed,
        current_a: CurrentOf,
    ) -> Observed:
        """Let the output speak; LinkError if the bus cannot even be opened."""
        task = asyncio.create_task(output.run(self._feed, MonitorGate("monitor")))
        steps: list[Step] = []
        sent_s = 0.0
        try:
            if isinstance(output, Rs485InverterOutput):
                await self._wait(task, self._listened_s)
            arguments = self._arguments
            if arguments is not None:
                began_s = time.monotonic()
                rest_s = max(arguments.seconds - self._listened_s, 1.0)
                self._announce(rest_s)
                await self._say(task, {}, rest_s)
                steps = [
                    await self._try(task, output, what_if, current_a)
                    for what_if in (WHAT_IFS if arguments.what_if else ())
                ]
                sent_s = round(time.monotonic() - began_s, 1)
            status = dict(output.status())
            await self._goodbye(task)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        cvl = None if self._told is None or self._told.limits is None else self._told.limits.cvl_v
        return replace(seen, status=status, sent_s=sent_s, steps=tuple(steps), told_cvl_v=cvl)

    def _announce(self, seconds: float) -> None:
        state = self._state
        source = "what the running controller decides"
        if self._arguments is not None and not self._arguments.from_controller:
            source = (
                f"charge up to {state['ccl_A']:g} A and {state['cvl_V']:g} V, discharge up to"
                f" {state['dcl_A']:g} A"
            )
        self._tell(f"telling {source} for {seconds:g} s")

    async def _try(
        self,
        task: "asyncio.Task[None]",
        output: Output,
        what_if: WhatIf,
        current_a: CurrentOf,
    ) -> Step:
        assert self._arguments is not None
        seconds = self._arguments.step_seconds
        self._tell(f"what if: {what_if.name} for {seconds:g} s; {what_if.expected}")
        before = _count(output)
        if what_if.silent:
            if self._told is not None:
                self._feed.put(replace(self._told, phase=BankPhase.GONE))
            silence_s = min(RESTART_S, 0.8 * seconds)
            await self._wait(task, silence_s)
            await self._say(task, {}, seconds - silence_s)
        else:
            await self._say(task, what_if.changes, seconds)
        step = Step(
            name=what_if.name,
            expected=what_if.expected,
            seconds=seconds,
            silent=what_if.silent,
            heartbeats=_count(output) - before,
            current_a=current_a(output.status()),
        )
        if not what_if.silent:
            await self._say(task, {}, min(2.0, seconds))
        return step

    async def _say(
        self, task: "asyncio.Task[None]", changes: Mapping[str, object], seconds: float
    ) -> None:
        """Tell the state with these changes again and again for a while."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            state = await self._now()
            if state is not None:
                bank = bank_state({**state, **changes})
                self._told = replace(bank, at_s=self._feed.clock.now_s())
                self._feed.put(self._told)
            await self._wait(task, min(REFRESH_S, left_s))

    async def _now(self) -> dict[str, object] | None:
        """Return what is so now; None, and the last decision ages, if nobody says."""
        if self._arguments is None or not self._arguments.from_controller:
            return self._state
        try:
            running = await asyncio.to_thread(ask, runtime_folder(self._arguments))
        except LinkError:
            return None
        return state_of_controller(running)

    async def _wait(self, task: "asyncio.Task[None]", seconds: float) -> None:
        """Wait; whatever ends the output before its time is told here."""
        done, _ = await asyncio.wait({task}, timeout=seconds)
        for ended in done:
            ended.result()

    async def _goodbye(self, task: "asyncio.Task[None]") -> None:
        if self._told is not None:
            now_s = self._feed.clock.now_s()
            self._feed.put(replace(self._told, phase=BankPhase.STOPPING, at_s=now_s))
            await asyncio.wait({task}, timeout=GOODBYE_S)


def _count(output: Output) -> int:
    count = output.status().get("heartbeats", 0)
    return count if isinstance(count, int) else 0
