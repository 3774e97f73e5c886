"""Carries a plan out: writes, reads back, compares; and goes back when something is not as it was.

Whatever happens on the way, the device ends with the old or the new settings, or the outcome says
of each step what it holds. Reads no clock: how long to pause is a function that is given.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from cellwarden.errors import CommandRefused, FrameError, LinkError
from cellwarden.interfaces import Writer
from cellwarden.model import Outcome, SettingValue, Step, Verdict
from cellwarden.runtime.plan import Change, same
from cellwarden.runtime.supervisor import attempt_async

LOG = logging.getLogger(__name__)

_TRIES = 3
"""For one write: a damaged or lost frame is no reason to give up."""
_SETTLE_S = 0.3
"""A device may show a new value only in its next frame; then it is asked once more."""
_UNDO_TRIES = 10
"""For the way back: the link may have to come back first."""
_UNDO_PAUSE_S = 2.0

Turn = Callable[[], AbstractAsyncContextManager[Writer]]
Pause = Callable[[float], Awaitable[None]]


class _Trouble(NamedTuple):
    """Why a write did not come to be."""

    text: str
    final: bool
    """It is no use to try again."""


class Transaction:
    """One plan on one device."""

    def __init__(self, changes: Sequence[Change], turn: Turn, pause: Pause) -> None:
        """Take a plan, how to have the device alone for a moment, and how to wait."""
        self._changes = tuple(changes)
        self._turn = turn
        self._pause = pause
        self._now: dict[str, SettingValue | None] = {}
        self._notes: dict[str, str] = {}

    async def run(self) -> Outcome:
        """Carry it out; every trouble of link or device ends in the outcome, not in an error."""
        problem = None
        tried: list[Change] = []
        for change in self._changes:
            tried.append(change)
            problem = await self._set(change, change.wanted)
            if problem is not None:
                break
        if problem is None:
            return Outcome(
                verdict=Verdict.APPLIED, reason="written and read back", steps=self._steps()
            )
        failed = tried[-1].setting.name
        self._notes[failed] = problem
        LOG.warning("%s: %s; going back", failed, problem)
        tries = _UNDO_TRIES
        for change in reversed(tried):
            trouble = await self._back(change, tries)
            if trouble is not None:
                tries = 1  # the link had its time to come back
                self._notes[change.setting.name] = f"cannot be undone: {trouble}"
        return await self._judge(tried, f"{failed}: {problem}")

    async def _set(
        self, change: Change, value: SettingValue, undo_tries: int | None = None
    ) -> str | None:
        """Write one value and read it back; returns what went wrong, None if it is there.

        On the way back a refusal is no reason to give up.
        """
        tries = _TRIES if undo_tries is None else undo_tries
        pause_s = _SETTLE_S if undo_tries is None else _UNDO_PAUSE_S
        what = f"writing {change.setting.name}"
        trouble: _Trouble | None = None
        for attempt in range(tries):
            if attempt:
                await self._pause(pause_s)
            trouble = await attempt_async(
                what, lambda: self._set_once(change, value), lambda reason: _Trouble(reason, True)
            )
            if trouble is None:
                return None
            if trouble.final and undo_tries is None:
                break
        assert trouble is not None
        return trouble.text

    async def _set_once(self, change: Change, value: SettingValue) -> "_Trouble | None":
        name = change.setting.name
        self._now[name] = None
        try:
            async with self._turn() as writer:
                await writer.write_setting(name, value)
                held = await self._read(writer, name)
            if same(change.setting, value, held):
                return None
            await self._pause(_SETTLE_S)
            async with self._turn() as writer:
                held = await self._read(writer, name)
        except CommandRefused as error:
            return _Trouble(str(error), True)
        except (LinkError, FrameError) as error:
            return _Trouble(str(error), False)
        if same(change.setting, value, held):
            return None
        # What is as it was has been refused in silence, as many do: no use to repeat it.
        refused = same(change.setting, change.before, held)
        return _Trouble(f"the device did not take {value}: it holds {held}", refused)

    async def _read(self, writer: Writer, name: str) -> SettingValue | None:
        held = (await writer.read_settings({name})).get(name)
        self._now[name] = held
        return held

    async def _back(self, change: Change, tries: int) -> str | None:
        """Make one setting what it was; returns what went wrong, None if it is."""
        if await self._holds(change, change.before):
            return None
        return await self._set(change, change.before, tries)

    async def _holds(self, change: Change, value: SettingValue) -> bool:
        async def look() -> bool:
            try:
                async with self._turn() as writer:
                    return same(change.setting, value, await self._read(writer, name))
            except (LinkError, FrameError, CommandRefused):
                return False

        name = change.setting.name
        self._now[name] = None
        return await attempt_async(f"reading {name}", look, lambda _: False)

    async def _judge(self, tried: Sequence[Change], problem: str) -> Outcome:
        """Say where the device ended."""
        for change in tried:
            if self._now[change.setting.name] is None:
                await self._holds(change, change.before)
        untouched = self._changes[len(tried) :]
        for change in untouched:
            self._now[change.setting.name] = change.before
        if all(self._is(change, change.before) for change in tried):
            verdict, where = Verdict.ROLLED_BACK, "the device holds what it held before"
        elif all(self._is(change, change.wanted) for change in self._changes):
            verdict, where = Verdict.APPLIED, "the device holds the new settings all the same"
        else:
            verdict, where = Verdict.HALF_DONE, "the device is between the old and new settings"
        return Outcome(verdict=verdict, reason=f"{problem}; {where}", steps=self._steps())

    def _is(self, change: Change, value: SettingValue) -> bool:
        return same(change.setting, value, self._now[change.setting.name])

    def _steps(self) -> tuple[Step, ...]:
        return tuple(
            change.step(
                self._now.get(change.setting.name), self._notes.get(change.setting.name, "")
            )
            for change in self._changes
        )
