"""Who takes part in the bank, and how.

A pack counts from its second agreeing reading on, and only while its voltage shows that it hangs
on the same bus bars (F43): parallel packs cannot be far apart, so one that is has an open breaker
or open FETs, and closing it there would drive a current that nobody limits. A pack that carries
current is connected, whatever its voltage says.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.bank_settings import BankSettings, LossPolicy
from cellwarden.engine.limit_rules import FULL
from cellwarden.engine.ramp import START_UP
from cellwarden.model import Limits, PackPhase, PackState, Standing

APART_S = 10.0
"""How long a member must be apart until it counts no more: two packs are not read in the same
instant, and a load step of 1 C moves them by a volt in between (ours)."""
MOVED_PART = 0.02
"""A bank whose voltage moved by this part since a pack was lost took that pack along (ours)."""
APART_FACTOR = 2.0
"""A member leaves at this many windows, a newcomer must come within one (ours)."""
CARRIES_C = 0.01
"""More current than this, in C, proves that a pack is connected (ours)."""
IN_SERVICE = frozenset((Standing.IN, Standing.NO_CHARGE, Standing.NO_DISCHARGE))
"""Connected, as far as is known: its charge and its voltage are the bank's."""


class Part(NamedTuple):
    """One pack's part. The very same object is kept while nothing of it changes."""

    standing: Standing
    why: str
    since_s: float
    """Of this standing, controller time in s."""
    limits: Limits | None = None
    """Of the pack now; None unless it is online."""
    charge_fet_on: bool | None = None
    discharge_fet_on: bool | None = None
    last: PackState | None = None
    """While it is lost: the last state in which it was online."""
    apart_since_s: float | None = None
    """First of an unbroken time outside the window."""
    idle: bool = False
    """Current that flows leaves it out."""
    sunk: bool = False
    """While it is lost: the bank's voltage has gone so far below its last one that no cell of it
    can still be too high."""
    risen: bool = False
    """The same above: no cell can still be too low."""

    @property
    def counts(self) -> bool:
        """Whether its charge and voltage are the bank's: online, on the bus, wanted."""
        standing = self.standing
        if standing is Standing.IN:  # as most are, and an enum is hashed slowly
            return True
        return standing in IN_SERVICE or (
            standing is Standing.BLOCKED
            and (self.charge_fet_on is not False or self.discharge_fet_on is not False)
        )

    @property
    def apart(self) -> bool:
        """Whether its voltage keeps it from counting: it hangs on no bus bar that others do."""
        return self.standing is Standing.JOINING and self.apart_since_s is not None


UNSEEN = Part(Standing.WAITING, "it has not answered yet", 0.0)


class Attendance:
    """Tells each pack's part, step by step."""

    def __init__(self, settings: BankSettings) -> None:
        self._window_v = settings.join_window_v
        self._holds = settings.on_pack_lost == LossPolicy.HOLD
        self._hold_s = settings.hold_s
        self._parallel = settings.shape == "parallel"
        self._sizes_ah = tuple(m.design_capacity_ah for m in settings.members)

    def parts(
        self,
        before: tuple[Part, ...],
        previous: Sequence[PackState],
        packs: Sequence[PackState],
        out: frozenset[str],
        idle: frozenset[int],
        now_s: float,
    ) -> tuple[Part, ...]:
        """Return every pack's part; the same tuple while nothing changed.

        `previous` are the packs of the step before (empty at first), `out` the names of those
        that their owner has taken out, `idle` the places of those that current leaves out.
        """
        apart_v = self._apart(packs, before, out) if self._parallel else {}
        bus_v = None
        if any(part.last is not None for part in before):
            bus_v = _bus_v(packs, before)
        after = []
        same = True
        for n, (pack, part) in enumerate(zip(packs, before, strict=True)):
            reading = pack.reading
            if (
                pack.limits is part.limits
                and reading is not None
                and reading.charge_fet_on is part.charge_fet_on
                and reading.discharge_fet_on is part.discharge_fet_on
                and not apart_v
                and part.apart_since_s is None
                and (n in idle) is part.idle
                and (pack.pack in out) is (part.standing is Standing.OUT)
                and part.standing is not Standing.JOINING
            ):
                after.append(part)
                continue
            if pack.phase is not PackPhase.ONLINE:
                last = previous[n] if previous and previous[n].phase is PackPhase.ONLINE else None
                new = self._absent(part, pack, last, pack.pack in out, now_s)
                if new.last is not None and bus_v is not None:
                    new = _moved(new, part, bus_v)
            else:
                new = self._present(part, pack, apart_v.get(n), pack.pack in out, n in idle, now_s)
            if new.standing is part.standing and new.since_s != part.since_s:
                new = new._replace(since_s=part.since_s)
            if new.limits is part.limits and new == part:
                new = part
            else:
                same = False
            after.append(new)
        return before if same else tuple(after)

    def _absent(
        self, part: Part, pack: PackState, last: PackState | None, is_out: bool, now_s: float
    ) -> Part:
        if is_out:
            return Part(Standing.OUT, "its owner has taken it out", now_s)
        if pack.phase is PackPhase.WAITING:
            return Part(Standing.WAITING, UNSEEN.why, now_s)
        if last is None:
            last = part.last
        elif not part.counts:
            last = None  # what did not count while it answered does not count afterwards
        since_s = part.since_s if part.standing in {Standing.LOST, Standing.HELD} else now_s
        if self._holds and last is not None and part.standing is not Standing.LOST:
            if part.standing is not Standing.HELD or now_s - since_s <= self._hold_s:
                why = f"it went silent; its limits count for {self._hold_s:g} s"
                return Part(Standing.HELD, why, since_s, last=last)
            since_s = now_s
        return Part(Standing.LOST, "it went silent", since_s, last=last)

    def _present(
        self,
        part: Part,
        pack: PackState,
        apart_v: float | None,
        is_out: bool,
        idle: bool,
        now_s: float,
    ) -> Part:
        reading = pack.reading
        charge_on = None if reading is None else reading.charge_fet_on
        discharge_on = None if reading is None else reading.discharge_fet_on
        since_s = None
        if apart_v is not None:
            since_s = now_s if part.apart_since_s is None else part.apart_since_s
        standing, why = self._standing(part, pack, apart_v, since_s, now_s)
        if is_out:
            standing, why = Standing.OUT, "its owner has taken it out"
        elif idle and standing in IN_SERVICE:
            standing = Standing.IDLE
            why = "the others carry everything: look at its breaker, fuse and lugs"
        of_s = part.since_s if standing is part.standing else now_s
        return Part(standing, why, of_s, pack.limits, charge_on, discharge_on, None, since_s, idle)

    def _standing(
        self,
        part: Part,
        pack: PackState,
        apart_v: float | None,
        since_s: float | None,
        now_s: float,
    ) -> tuple[Standing, str]:
        if apart_v is not None and since_s is not None:
            member = part.counts or part.standing is Standing.IDLE
            if not member or now_s - since_s >= APART_S:
                return Standing.JOINING, _apart_text(apart_v, self._window_v)
        return _by_limits(pack)

    def _apart(
        self, packs: Sequence[PackState], before: Sequence[Part], out: frozenset[str]
    ) -> dict[int, float]:
        """Return of each pack that is outside the window by how many V it is off."""
        volts: dict[int, float] = {}
        for n, pack in enumerate(packs):
            reading = pack.reading
            if reading is None or pack.pack in out:
                continue
            voltage_v = reading.voltage_v if reading.voltage_v is not None else pack.cell_sum_v
            if voltage_v is not None:
                volts[n] = voltage_v
        if not volts or max(volts.values()) - min(volts.values()) <= self._window_v:
            return _NOBODY
        carrying = {n for n in volts if self._carries(n, packs[n])}
        reference_v = self._reference(volts, carrying, before)
        found = {}
        for n, voltage_v in volts.items():
            off_v = voltage_v - reference_v
            window_v = self._window_v * (APART_FACTOR if before[n].counts else 1.0)
            if abs(off_v) > window_v and n not in carrying:
                found[n] = off_v
        return found

    def _carries(self, n: int, pack: PackState) -> bool:
        current_a = None if pack.reading is None else pack.reading.current_a
        return current_a is not None and abs(current_a) > CARRIES_C * self._sizes_ah[n]

    def _reference(
        self, volts: dict[int, float], carrying: set[int], before: Sequence[Part]
    ) -> float:
        """Return the bank's voltage: of the packs that carry, else of the largest group.

        Members weigh twice, so that a newcomer of the same size does not put them out.
        """
        if carrying:
            return sum(volts[n] for n in carrying) / len(carrying)

        def group(around: int) -> list[int]:
            return [n for n in volts if abs(volts[n] - volts[around]) <= self._window_v]

        def weight(around: int) -> float:
            return sum(
                self._sizes_ah[n] * (2.0 if before[n].counts else 1.0) for n in group(around)
            )

        best = group(max(volts, key=weight))
        return sum(volts[n] for n in best) / len(best)


_NOBODY: dict[int, float] = {}


def _bus_v(packs: Sequence[PackState], parts: Sequence[Part]) -> float | None:
    """Return the voltage of the packs that are in, None if there is none."""
    volts = [
        pack.reading.voltage_v
        for pack, part in zip(packs, parts, strict=True)
        if part.counts and pack.reading is not None and pack.reading.voltage_v is not None
    ]
    return sum(volts) / len(volts) if volts else None


def _moved(new: Part, before: Part, bus_v: float) -> Part:
    """Return a lost pack's part with how far the bank has moved away from its last voltage."""
    assert new.last is not None
    reading = new.last.reading
    last_v = None if reading is None else reading.voltage_v
    if last_v is None or before.last is not new.last:
        return new
    return new._replace(
        sunk=before.sunk or bus_v < (1.0 - MOVED_PART) * last_v,
        risen=before.risen or bus_v > (1.0 + MOVED_PART) * last_v,
    )


def _by_limits(pack: PackState) -> tuple[Standing, str]:
    """Return the standing of a pack on the bus by what its own limits allow."""
    charge, discharge = pack.limits.charge_current, pack.limits.discharge_current
    if charge.reasons[0].rule == START_UP and discharge.reasons[0].rule == START_UP:
        return Standing.JOINING, "two readings must agree first"
    no_charge = charge.value == 0.0 and charge.reasons[0].rule != FULL
    no_discharge = discharge.value == 0.0
    if no_charge and no_discharge:
        reading = pack.reading
        cut_off = reading is not None and reading.charge_fet_on is reading.discharge_fet_on is False
        balances = cut_off and reading is not None and reading.balancing
        return (Standing.BALANCING if balances else Standing.BLOCKED), charge.binding.text
    if no_charge:
        return Standing.NO_CHARGE, charge.binding.text
    return (Standing.NO_DISCHARGE, discharge.binding.text) if no_discharge else (Standing.IN, "")


def _apart_text(off_v: float, window_v: float) -> str:
    side = "above" if off_v > 0 else "below"
    return (
        f"its voltage is {abs(off_v):.1f} V {side} the bank's: not counted on until it is within"
        f" {window_v:.2g} V"
    )
