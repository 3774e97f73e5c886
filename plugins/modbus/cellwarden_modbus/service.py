"""What answers requests: units and their registers, from the newest decision.

Everything here runs on the loop of the output's own thread.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from cellwarden.clock import Clock
from cellwarden.interfaces import Gate
from cellwarden.model import BankPhase, BankState, Request, Verdict
from cellwarden_modbus import own, sunspec, writes
from cellwarden_modbus.config import HIGHEST_UNIT, ModbusOptions
from cellwarden_modbus.moment import Moment, Status, moment_of, status_of
from cellwarden_modbus.units import Absent, Unit, bank_unit, pack_unit
from cellwarden_modbus.writes import Target

LOG = logging.getLogger(__name__)

PATIENCE_S = 0.8
"""A write that takes longer is acknowledged as being at work; masters wait 1 s and more."""

_VERDICTS = {
    Verdict.APPLIED: None,
    Verdict.REFUSED: ExcCodes.NEGATIVE_ACKNOWLEDGE,
    Verdict.ROLLED_BACK: ExcCodes.DEVICE_FAILURE,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """One unit id at work."""

    unit: Unit
    targets: dict[int, Target]
    """What may be written, by address."""


class Service:
    """Answers for the bank and its packs."""

    def __init__(
        self, options: ModbusOptions, clock: Clock, gate: Gate, who: str, first: BankState
    ) -> None:
        """Lay the registers out for the packs of the first decision."""
        self._options = options
        self._clock = clock
        self._gate = gate
        self._who = who
        self._allowed = frozenset(options.allow_writes)
        self._state = first
        self._sequence = self._heartbeat = 0
        self._moment: Moment | None = None
        self._writing: asyncio.Task[ExcCodes | None] | None = None
        self._layout = self._lay_out(first, None)
        self._desks = self._make_desks()

    # -- decisions ---------------------------------------------------------------------------

    def decided(self, state: BankState) -> None:
        """Take a new decision."""
        self._state = state
        self._sequence += 1
        self._heartbeat += state.phase is BankPhase.LIVE
        layout = self._lay_out(state, self._layout)
        if layout != self._layout:
            if any(self._layout.cells):
                LOG.warning("more cells than before: SunSpec clients must discover the bank anew")
            self._layout = layout
            self._desks = self._make_desks()

    def moment(self) -> Moment:
        """Return what is shown now; the same object until something changes."""
        age_s = self._clock.real_s(self._age_s())
        options = self._options
        status = status_of(self._state, age_s, options.stale_after_s, options.gone_after_s)
        last = self._moment
        if last is None or last.status is not status or last.sequence != self._sequence:
            last = self._moment = moment_of(self._state, status, self._sequence, self._heartbeat)
        return last

    def _age_s(self) -> float:
        """Return the age of the decision in controller s, like every age in the maps."""
        return self._clock.now_s() - self._state.at_s

    def _lay_out(self, state: BankState, before: sunspec.Layout | None) -> sunspec.Layout:
        return sunspec.layout_of(
            state,
            discharge_positive=self._options.discharge_positive,
            nominal_v=self._options.nominal_voltage_v,
            before=before,
        )

    # -- units -------------------------------------------------------------------------------

    def _make_desks(self) -> dict[int, Desk]:
        options, packs = self._options, len(self._state.packs)
        bank = bank_unit(options.unit, self._layout, self._bank_ages)
        desks = {
            options.unit: Desk(bank, writes.of_bank(self._layout, self._allowed)),
        }
        for number in range(1, packs + 1 if options.first_pack_unit else 1):
            unit = options.first_pack_unit + number - 1
            if unit > HIGHEST_UNIT:
                LOG.warning("no unit id is left for pack %d and those after it", number)
                break
            desks[unit] = Desk(
                pack_unit(number, self._pack_ages(number)), writes.of_pack(number, self._allowed)
            )
        return desks

    def _bank_ages(self, words: list[int], moment: Moment) -> None:
        self._set_ages(words, moment.state.data_age_s)

    def _pack_ages(self, number: int) -> Callable[[list[int], Moment], None]:
        def aged(words: list[int], moment: Moment) -> None:
            self._set_ages(words, moment.state.packs[number - 1].age_s)

        return aged

    def _set_ages(self, words: list[int], then_s: float | None) -> None:
        age_s = self._age_s()
        own.set_ages(words, age_s, None if then_s is None else then_s + age_s)

    def serves(self, unit: int, *, rtu: bool) -> int | None:
        """Return the unit that answers for this id, None if none does."""
        if unit in self._desks:
            return unit
        if self._options.answer_0_and_255 and not rtu and unit in (0, 255):
            return self._options.unit
        return None

    def devices(self) -> list[SimDevice]:
        """Return pymodbus' side of every unit: which addresses there can be, and who knows them."""
        return [self._device(unit, desk.unit) for unit, desk in self._desks.items()]

    def _device(self, number: int, unit: Unit) -> SimDevice:
        async def action(
            function: int,
            start: int,
            address: int,
            count: int,
            registers: list[int],
            written: list[int] | list[bool] | None,
        ) -> ExcCodes | None:
            del function, written  # writes never come this way
            try:
                words = self._desks[number].unit.read(address, count, self.moment())
            except Absent:
                return ExcCodes.GATEWAY_NO_RESPONSE
            if words is None:
                return ExcCodes.ILLEGAL_ADDRESS
            registers[address - start : address - start + count] = words
            return None

        return SimDevice(number, simdata=self._room(unit), action=action)

    def _room(self, unit: Unit) -> list[SimData]:
        """Return where registers may ever be: packs may turn out to have more cells."""
        sizes = {block.start: block.size for block in unit.blocks if block.start < sunspec.BASE}
        if len(sizes) < len(unit.blocks):
            cells = (own.MOST_CELLS,) * len(self._layout.cells)
            sizes[sunspec.BASE] = sunspec.Layout(cells=cells, nominal_v=0.0).words
        return [
            SimData(start, count=size, datatype=DataType.REGISTERS) for start, size in sizes.items()
        ]

    # -- writes ------------------------------------------------------------------------------

    async def write(self, unit: int, address: int, values: list[int]) -> ExcCodes | None:
        """Ask the gate for what these registers mean; None if it was applied."""
        asked = self._asked(unit, address, values)
        if isinstance(asked, ExcCodes):
            return asked
        if self._writing is not None:
            return ExcCodes.DEVICE_BUSY
        self._writing = asyncio.create_task(self._ask(asked))
        self._writing.add_done_callback(self._written)
        done, _ = await asyncio.wait((self._writing,), timeout=PATIENCE_S)
        if not done:
            return ExcCodes.ACKNOWLEDGE
        (task,) = done
        return ExcCodes.DEVICE_FAILURE if task.exception() is not None else task.result()

    def _asked(self, unit: int, address: int, values: list[int]) -> list[Request] | ExcCodes:
        """Return what these registers mean, or what is wrong with writing them."""
        if not self._allowed:
            return ExcCodes.ILLEGAL_FUNCTION
        targets = self._desks[unit].targets
        asked: list[Request] = []
        for at, value in enumerate(values, start=address):
            target = targets.get(at)
            if target is None:
                return ExcCodes.ILLEGAL_ADDRESS
            if value not in target.values:
                return ExcCodes.ILLEGAL_VALUE
            asked += self._requests(target, on=target.values[value])
        return asked if self.moment().status is Status.LIVE else ExcCodes.GATEWAY_NO_RESPONSE

    def _requests(self, target: Target, *, on: bool) -> list[Request]:
        return [
            Request(kind=kind, pack=self._state.packs[number - 1].pack, value=on, who=self._who)
            for number in target.packs
            for kind in target.kinds
        ]

    async def _ask(self, asked: list[Request]) -> ExcCodes | None:
        """Ask for one after the other; the first no ends it."""
        for request in asked:
            outcome = await self._gate.ask(request)
            LOG.info(
                "%s = %s for %s: %s (%s)",
                request.kind.value,
                request.value,
                request.pack,
                outcome.verdict.value,
                outcome.reason,
            )
            code = _VERDICTS[outcome.verdict]
            if code is not None:
                return code
        return None

    def _written(self, task: "asyncio.Task[ExcCodes | None]") -> None:
        self._writing = None
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("a write failed", exc_info=error)

    async def finish(self) -> None:
        """Let a write that is at work come to its end."""
        if self._writing is not None:
            await asyncio.wait((self._writing,), timeout=PATIENCE_S)
