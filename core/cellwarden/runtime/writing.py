"""What the gate does on one pack's device: read, plan, note, write, read back, note again."""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from cellwarden.engine import calibration
from cellwarden.errors import CommandRefused, FrameError, LinkError, WrongPassword
from cellwarden.model import (
    CHEMISTRIES,
    SWITCHES,
    Chemistry,
    HardwareModel,
    Outcome,
    PackPhase,
    PackState,
    Parameters,
    Request,
    RequestKind,
    Setting,
    SettingValue,
    Step,
    Verdict,
    preset,
)
from cellwarden.model.catalog import board_named
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.outcomes import refused
from cellwarden.runtime.plan import Change, bounds_of, plan, preset_changes
from cellwarden.runtime.rights import ENGINE
from cellwarden.runtime.transaction import Transaction

LOG = logging.getLogger(__name__)

NO_CONNECTION = "there is no connection to its BMS now"
_AT_ONCE = 6
"""Settings to read in one turn where each is a question of its own: 0.4 s at 9600 baud."""
_STATES_KEPT = 5
"""How many decisions a calibration looks back on."""
_SEEN_WITHIN_S = 8.0
"""Real s within which a calibration must show in the readings."""
_LOOK_EVERY_S = 0.5
_CALIBRATED_PART = 0.005
"""How near the reading must come to the true value (ours): 0.5 %."""
_UNSEEN_A = 0.1
"""A zero that is left of the current (ours)."""


class Desk:
    """Does one request after the other on one pack."""

    def __init__(
        self,
        guarded: Guarded,
        parameters: Parameters,
        audit: Audit,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        cell: Chemistry | None = None,
        board: HardwareModel | None = None,
    ) -> None:
        """`parameters`, `cell` and `board` are those of the configuration, as far as it says."""
        self.guarded = guarded
        self.parameters = parameters
        self.states: deque[PackState] = deque(maxlen=_STATES_KEPT)
        """The newest decisions, the last one last."""
        self.unsettled = ""
        """Why parameters are not taken before something half done is settled; empty if not."""
        self.restoring: Mapping[str, float] = {}
        """Values that a device held before something was left half done: those it may have again,
        whatever its cells and board stand."""
        self._audit = audit
        self._pause = pause
        self._cell = cell
        self._board = board
        self._busy = asyncio.Lock()

    @property
    def pack(self) -> str:
        """The pack's name."""
        return self.guarded.pack

    def refusal(self, kind: RequestKind) -> str | None:
        """Return why the device cannot do this kind of request now, None if it would be tried."""
        writer = self.guarded.writer
        if writer is None:
            return self.guarded.why_read_only
        if not self.guarded.ready:
            return NO_CONNECTION
        if reason := writer.refusal(kind):
            return reason
        if kind in (RequestKind.PARAMETERS, RequestKind.PRESET):
            return self.unsettled or None
        return None

    def writable(self) -> frozenset[str]:
        """Return the names of the parameters that can be written now."""
        writer = self.guarded.writer
        if writer is None or writer.refusal(RequestKind.PARAMETERS) is not None:
            return frozenset()
        return frozenset(writer.writable()) - frozenset(SWITCHES.values())

    async def read(self) -> tuple[Mapping[str, Setting], Mapping[str, SettingValue]]:
        """Return what can be written, and all that the device holds; errors as `Writer`'s."""
        async with self.guarded.turn() as writer:
            table = writer.writable()
            if not writer.settings_behind_write:
                return table, await writer.read_settings()
        # Register by register it takes longer than polls may wait.
        held: dict[str, SettingValue] = {}
        for names in _batches(sorted(table), _AT_ONCE):
            async with self.guarded.turn() as writer:
                held |= await writer.read_settings(names)
        return table, held

    async def do(self, request: Request) -> Outcome:
        """Do a request that may be tried; whatever goes wrong is in the outcome."""
        if request.who == ENGINE:  # protection waits for no long transaction, only for its turn
            return await self._do(request)
        async with self._busy:
            return await self._do(request)

    async def _do(self, request: Request) -> Outcome:
        try:
            if request.kind in SWITCHES:
                return await self._switch(request)
            if request.kind in (RequestKind.PARAMETERS, RequestKind.PRESET):
                return await self._parameters(request)
            return await self._act(request)
        except WrongPassword:
            raise
        except (CommandRefused, LinkError, FrameError) as error:
            return refused(str(error))

    # -- settings ------------------------------------------------------------------------------

    async def _switch(self, request: Request) -> Outcome:
        name = SWITCHES[request.kind]
        if not isinstance(request.value, bool):
            return refused(f"a switch is on (true) or off (false), not {request.value!r}")
        async with self.guarded.turn() as writer:
            if not request.dry_run:
                await writer.log_in()
            setting = writer.writable().get(name)
            held = (await writer.read_settings({name})).get(name)
        if setting is None or held is None:
            return refused(f"the device has no {request.kind.value}")
        change = Change(setting=setting, before=held, wanted=request.value)
        return await self._carry_out(request, () if held is request.value else (change,), change)

    async def _parameters(self, request: Request) -> Outcome:
        if not request.dry_run:
            async with self.guarded.turn() as writer:
                await writer.log_in()
        table, held = await self.read()
        changes: Mapping[str, float | None] = request.changes
        if request.kind is RequestKind.PRESET:
            changes = self._preset(request.value, held, table)
        if not changes:
            return refused("no parameter is named")
        # In a thread: with many changes it may take longer than control may wait.
        bounds = {
            name: bound
            for name, bound in bounds_of(self.parameters, self._cell, self._board_there()).items()
            if name not in changes or self.restoring.get(name) != changes[name]
        }
        changed = await asyncio.to_thread(plan, changes, held, table, self.parameters, bounds)
        return await self._carry_out(request, changed)

    def _preset(
        self, chemistry: object, held: Mapping[str, SettingValue], table: Mapping[str, Setting]
    ) -> dict[str, float | None]:
        if chemistry not in CHEMISTRIES:
            names = ", ".join(CHEMISTRIES)
            raise CommandRefused(f"there is no preset {chemistry!r}: one of {names}")
        base = self.parameters
        cells, capacity_ah = (
            float(held.get(name, getattr(base, name)))
            for name in ("cell_count", "design_capacity_ah")
        )
        values = preset(
            str(chemistry),
            cell_count=int(cells),
            design_capacity_ah=capacity_ah,
            board=self._board_there(),
        )
        return preset_changes(values, held, table)

    async def _carry_out(
        self, request: Request, changes: tuple[Change, ...], shown: Change | None = None
    ) -> Outcome:
        """Write what is to be written, with its entry in the audit log around it."""
        steps = tuple(change.step(change.before) for change in changes)
        if not changes:
            so = () if shown is None else (shown.step(shown.before),)
            return Outcome(
                verdict=Verdict.PLANNED if request.dry_run else Verdict.APPLIED,
                reason="the device holds this already; nothing is written",
                steps=so,
            )
        if request.dry_run:
            return Outcome(
                verdict=Verdict.PLANNED,
                reason=f"{len(changes)} to write, in this order; nothing is written",
                steps=steps,
            )
        number, problem = await self._begin(request, steps)
        if problem:
            return refused(problem)
        transaction = Transaction(changes, self.guarded.turn, self._pause)
        return await self._end(number, await transaction.run())

    async def _begin(self, request: Request, steps: tuple[Step, ...]) -> tuple[int | None, str]:
        """Note what is about to be written; returns why it must not be, empty if it may."""
        try:
            return await asyncio.to_thread(self._audit.begin, request, self.pack, steps), ""
        except (OSError, sqlite3.Error) as error:
            problem = f"the audit log {self._audit.path} cannot be written ({error})"
            if request.who == ENGINE:  # protection does not wait for a full disk
                LOG.warning("%s; the engine's write is done all the same", problem)
                return None, ""
            return None, f"{problem}: nothing was written; check free space and permissions"

    async def _end(self, number: int | None, outcome: Outcome) -> Outcome:
        if number is not None:
            try:
                await asyncio.to_thread(self._audit.end, number, outcome)
            except (OSError, sqlite3.Error) as error:
                LOG.error("the audit log %s cannot be written (%s)", self._audit.path, error)
        return outcome

    # -- what is no setting ----------------------------------------------------------------------

    async def _act(self, request: Request) -> Outcome:
        kind = request.kind
        if problem := self._against(request):
            return refused(problem)
        shown = None if kind is RequestKind.PASSWORD else request.value
        step = Step(
            what=kind.value, before=self._measured(kind), wanted=shown, unit=_UNIT.get(kind, "")
        )
        if problem := await self._against_total(request, step):
            return refused(problem)
        if request.dry_run:
            return Outcome(
                verdict=Verdict.PLANNED,
                reason="one command to send; nothing is sent",
                steps=(step,),
            )
        async with self.guarded.turn() as writer:
            await writer.log_in()
        number, problem = await self._begin(request, (step,))
        if problem:
            return refused(problem)
        return await self._end(number, await self._acted(request, step))

    async def _acted(self, request: Request, step: Step) -> Outcome:
        try:
            async with self.guarded.turn() as writer:
                said = await writer.act(request.kind, request.value)
        except CommandRefused as error:
            return Outcome(verdict=Verdict.ROLLED_BACK, reason=str(error), steps=(step,))
        except (LinkError, FrameError) as error:
            reason = f"{error}; whether the device has done it is not known"
            return Outcome(verdict=Verdict.HALF_DONE, reason=reason, steps=(step,))
        if request.kind in _CALIBRATIONS:
            return await self._calibrated(request, step, said)
        return Outcome(verdict=Verdict.APPLIED, reason=said, steps=(step,))

    def _against(self, request: Request) -> str | None:
        """Return what speaks against it before the device is asked."""
        kind, value = request.kind, request.value
        if kind in _CALIBRATIONS:
            return self._against_calibration(kind, value)
        if kind in _TEXTS and (not isinstance(value, str) or not value):
            return f"a {kind.value} is a text that is not empty"
        return None

    def _against_calibration(self, kind: RequestKind, value: object) -> str | None:
        """Return what the engine's checks say (R42, R43)."""
        states = tuple(self.states)
        if kind is RequestKind.ZERO_CURRENT:
            return calibration.refuse_zero(states, self._range_a())
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"a {kind.value} needs the true value as a number, not {value!r}"
        if kind is RequestKind.CALIBRATE_VOLTAGE:
            return calibration.refuse_voltage(value, states)
        return calibration.refuse_current(value, states, self._range_a())

    async def _against_total(self, request: Request, step: Step) -> str | None:
        """Return why small calibrations would add up to a large one."""
        most_percent = _MOST_IN_ALL.get(request.kind)
        if most_percent is None or not isinstance(step.before, float | int):
            return None
        try:
            earlier = await asyncio.to_thread(self._audit.calibrated, self.pack, request.kind.value)
        except (OSError, sqlite3.Error) as error:
            return f"the audit log {self._audit.path} cannot be read ({error})"
        true = float(request.value or 0.0)
        return calibration.refuse_total(true, float(step.before), earlier, most_percent)

    def _board_there(self) -> HardwareModel | None:
        """Return the board that the configuration names, else the one that says it is there."""
        if self._board is not None:
            return self._board
        identity = self.states[-1].identity if self.states else None
        if identity is None or not identity.model:
            return None
        try:
            return board_named(identity.model)
        except ValueError:  # of another maker
            return None

    def _range_a(self) -> float:
        """Return the continuous current of the board; else the highest that is allowed."""
        board = self._board_there()
        if board is not None:
            return board.continuous_current_a
        return self.parameters.discharge_current_max_a

    def _measured(self, kind: RequestKind) -> float | None:
        """Return what the newest reading shows of what a calibration is about."""
        state = self.states[-1] if self.states else None
        if state is None or state.phase is not PackPhase.ONLINE or state.reading is None:
            return None
        reading = state.reading
        return {
            RequestKind.CALIBRATE_VOLTAGE: reading.voltage_v,
            RequestKind.CALIBRATE_CURRENT: reading.current_a,
            RequestKind.ZERO_CURRENT: reading.current_a,
        }.get(kind)

    async def _calibrated(self, request: Request, step: Step, said: str) -> Outcome:
        """Wait until the readings show a calibration."""
        kind = request.kind
        true = float(request.value or 0.0)
        near = _UNSEEN_A if kind is RequestKind.ZERO_CURRENT else _CALIBRATED_PART * abs(true)
        now: float | None = None
        waited_s = 0.0
        while waited_s < _SEEN_WITHIN_S:
            await self._pause(_LOOK_EVERY_S)
            waited_s += _LOOK_EVERY_S
            now = self._measured(kind)
            if now is not None and abs(now - true) <= near:
                break
        shows = "tells nothing" if now is None else f"shows {now:.3f} {step.unit}"
        step = replace(step, now=now)
        if now is not None and abs(now - true) <= near:
            return Outcome(verdict=Verdict.APPLIED, reason=f"the BMS now {shows}", steps=(step,))
        reason = f"{said}, but the BMS {shows}: it has not taken it"
        verdict = Verdict.HALF_DONE
        if now is not None and isinstance(step.before, float) and abs(now - step.before) <= near:
            verdict = Verdict.ROLLED_BACK
        return Outcome(verdict=verdict, reason=reason, steps=(step,))


def _batches(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), size):
        yield names[at : at + size]


_CALIBRATIONS = frozenset(
    {RequestKind.CALIBRATE_VOLTAGE, RequestKind.CALIBRATE_CURRENT, RequestKind.ZERO_CURRENT}
)
_MOST_IN_ALL = {
    RequestKind.CALIBRATE_VOLTAGE: calibration.VOLTAGE_TOTAL_PERCENT,
    RequestKind.CALIBRATE_CURRENT: calibration.CURRENT_TOTAL_PERCENT,
}
_TEXTS = frozenset({RequestKind.NAME, RequestKind.USER_DATA, RequestKind.PASSWORD})
_UNIT = {
    RequestKind.CALIBRATE_VOLTAGE: "V",
    RequestKind.CALIBRATE_CURRENT: "A",
    RequestKind.ZERO_CURRENT: "A",
}
