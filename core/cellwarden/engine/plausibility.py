"""Plausibility: what of a reading is believed, judged before anything else sees it.

Single values are judged by `suspects`, values together by `coherence` and `wiring`. What decisions
rest on stands in the table of `essentials`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from cellwarden.engine.coherence import NOTHING_SEEN, Coherence, Track
from cellwarden.engine.essentials import (
    ALL_SENSORS,
    CELL_COUNT,
    CELL_VOLTAGE,
    CURRENT,
    FROZEN_CELL,
    FROZEN_SENSOR,
    LONE_CELL,
    LOST_CELL,
    MOS_SENSOR,
    ONE_SENSOR,
    OPEN_WIRE,
    REVERSED,
    SWAPPED_WIRES,
    Essential,
    Missing,
)
from cellwarden.engine.lost_sensors import Lost, lost_sensors
from cellwarden.engine.suspects import (
    CELLS,
    HOLD_S,
    SENSORS,
    WIRES,
    Suspect,
    Trial,
    Values,
    channels,
)
from cellwarden.engine.view import CELLS as CELL_NAMES
from cellwarden.engine.view import View, look
from cellwarden.engine.wiring import open_wires, paired, swapped
from cellwarden.model import ExternalMeasurement, Parameters, Reading

SUM_TOLERANCE_PERCENT = 3.0
"""A pack voltage this far from the sum of its cells is not believed (F11)."""
SUM_AGREEMENT_V = 0.25
"""Cells that jump are believed at once if their sum is this close to the pack voltage: half of
what one wrong cell would make (ours)."""


WORKS_A = 0.05
"""Less balance current than this is none (ours)."""
LATE_S = 3.0
"""A device tells up to so late that its balancer began (ours)."""
GARBLED_CELLS = 3
"""As many cells that cannot be, or a quarter of them, and the whole frame is garbage (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Senses:
    """What plausibility remembers of a pack."""

    heard_s: float | None = None
    """Stamp of the newest believed reading."""
    agreeing: int = 0
    """Believed readings in a row since the start or a loss, counted up to 2."""
    view: View | None = None
    cells_v: Values = ()
    """The last believed voltage of each cell."""
    sensors_c: Values = ()
    """The last believed temperature of each sensor; None: never fitted."""
    mos_c: float | None = None
    """The last believed temperature of the MOSFETs; None: never told."""
    lost: tuple[Lost, ...] = ()
    """Battery sensors that are known no more."""
    suspects: tuple[Suspect, ...] = ()
    missing: tuple[Missing, ...] = ()
    told: Reading | None = None
    """The newest reading as it came."""
    open_wires: tuple[int, ...] = ()
    """First cell, from 0, of each pair with an open sense wire between."""
    track: Track = NOTHING_SEEN
    garbled_s: float | None = None
    """Stamp of the newest reading, where too much of it cannot be; the next one is not refused."""


Unknown = tuple[Essential, tuple[str, ...]]
"""An essential, and which cells or sensors it is about."""


class Plausibility:
    """The checks of one pack, prepared from its parameters."""

    def __init__(self, pack: str, parameters: Parameters, max_age_s: float) -> None:
        self._pack = pack
        self._count = parameters.cell_count
        self._max_age_s = max_age_s
        self._channels = channels(parameters)
        self._scalars = attrgetter(*(channel.field for channel in self._channels))
        self._coherence = Coherence(parameters.cell_count, parameters.design_capacity_ah)

    def hear(
        self,
        senses: Senses,
        reading: Reading,
        now_s: float,
        external: Sequence[ExternalMeasurement] = (),
    ) -> Senses:
        """Return what is known after a reading; the same object if the reading is not new.

        A reading no newer than the last is not counted twice (F31). One that is refused as a
        whole leaves the last one standing, and its age runs on (F4). `external` is what others
        measure at the same bus bar.
        """
        heard_s = reading.heard_s
        if senses.heard_s is not None and heard_s <= senses.heard_s:
            return senses
        why = self._refusal(reading, now_s)
        if why is not None:
            return _refused(senses, reading, why, now_s)
        track = self._coherence.repeats(senses.track, senses.told, reading, external)
        if self._coherence.stale(track, reading):  # F2
            senses = replace(senses, track=track, told=reading)
            return _refused(senses, reading, "not a digit of it has changed for too long", now_s)
        gap_s = None if senses.heard_s is None else heard_s - senses.heard_s
        recent = gap_s is not None and gap_s <= self._max_age_s
        trial = Trial(senses.suspects, heard_s)
        told = len(reading.cell_voltages_v)
        wrong_count = told if told not in {0, self._count} else None
        if wrong_count is not None:
            trial.doubt("number of cells", told, "", f"{self._count} are set")
        view, wires = self._judge(trial, senses, reading, recent=recent)
        if view.voltage_v is None and view.cell_max is None and view.reading.current_a is None:
            return _refused(senses, reading, "nothing in it can be believed", now_s)
        many = self._many_doubtful(trial, heard_s)
        if recent and many and not _were_doubtful(senses):  # F45
            senses = replace(senses, track=track, told=reading, garbled_s=heard_s)
            return _refused(senses, reading, "too much of it cannot be", now_s)
        track = self._coherence.follow(track, view, gap_s, senses.view)
        view, faults = _with_track(trial, view, track)
        if wires:
            faults.append((OPEN_WIRE, tuple(f"wire {n + 1}" for n in wires)))
        if trial.suspects and (wrong := swapped(reading.cell_voltages_v)):
            faults.append((SWAPPED_WIRES, tuple(f"cell {n + 1}" for n in wrong)))
        believed = view.reading
        return Senses(
            heard_s=heard_s,
            agreeing=2 if recent and senses.agreeing else 1,
            view=view,
            cells_v=_latest(believed.cell_voltages_v, senses.cells_v),
            sensors_c=_latest(believed.temperatures_c, senses.sensors_c),
            mos_c=senses.mos_c if (mos_c := believed.mos_temperature_c) is None else mos_c,
            lost=lost_sensors(senses.lost, believed.temperatures_c, senses.sensors_c),
            suspects=tuple(trial.suspects),
            missing=_missing(
                trial,
                senses,
                believed,
                faults,
                wrong_count=wrong_count,
                lost_since_s=senses.garbled_s if many else None,
            ),
            told=reading,
            open_wires=wires,
            track=track,
        )

    def overdue(self, senses: Senses, now_s: float) -> tuple[Missing, ...]:
        """Return the essentials that have been unknown for longer than they may be.

        A value that came and was bad twice is a fault at once (F5); one that did not come is
        waited for as long as a reading may be old.
        """
        return tuple(m for m in senses.missing if self._too_long(senses, m, now_s))

    def _too_long(self, senses: Senses, missing: Missing, now_s: float) -> bool:
        if now_s - missing.since_s > self._max_age_s:
            return True
        heard_s = senses.heard_s
        return missing.bad and heard_s is not None and heard_s - missing.since_s >= HOLD_S

    def _refusal(self, reading: Reading, now_s: float) -> str | None:
        if reading.pack != self._pack:
            return f"it is of pack {reading.pack}"
        age_s = now_s - reading.heard_s
        if not age_s >= 0:  # also NaN
            return "it was not heard in the past"
        return "it is too old" if age_s > self._max_age_s else None

    def _many_doubtful(self, trial: Trial, heard_s: float) -> bool:
        """Return whether so many cells are doubtful that it may be the frame, not the cells."""
        if not trial.suspects:
            return False
        now = sum(s.last_s == heard_s and s.what in _CELL_NAMES for s in trial.suspects)
        return now >= max(GARBLED_CELLS, self._count // 4)

    def _judge(
        self, trial: Trial, senses: Senses, reading: Reading, *, recent: bool
    ) -> tuple[View, tuple[int, ...]]:
        """Return the view of what is believed, and open wires; the trial collects the rest."""
        changes: dict[str, object] = {}
        for channel, value in zip(self._channels, self._scalars(reading), strict=True):
            if value is not None and trial.scalar(channel, value) is None:
                changes[channel.field] = None
        cells, open_now = self._cells(trial, senses, reading, recent=recent)
        if cells is not reading.cell_voltages_v:
            changes[CELLS.field] = cells
        # A sensor that was there and is no longer listed has vanished (R25).
        gone = len(senses.sensors_c) - len(reading.temperatures_c)
        sensors = reading.temperatures_c + (None,) * gone
        jump = SENSORS.jump if recent else None
        sensors = trial.series(SENSORS, sensors, senses.sensors_c, jump)
        if sensors is not reading.temperatures_c:
            changes[SENSORS.field] = sensors
        if reading.wire_resistances_ohm:
            wires = trial.series(WIRES, reading.wire_resistances_ohm, (), None)
            if wires is not reading.wire_resistances_ohm:
                changes[WIRES.field] = wires
        if changes:
            reading = replace(reading, **changes)  # type: ignore[arg-type]  # fields by table
        view = look(reading)
        mismatch, told_v = view.mismatch_percent, reading.voltage_v
        if mismatch is None or told_v is None or mismatch <= SUM_TOLERANCE_PERCENT:
            return view, open_now
        trial.doubt("voltage", told_v, "V", f"it is {mismatch:.1f} % off the sum of the cells")
        return look(replace(reading, voltage_v=None), mismatch), open_now

    def _cells(
        self, trial: Trial, senses: Senses, reading: Reading, *, recent: bool
    ) -> tuple[Values, tuple[int, ...]]:
        """Return the cells that are believed, and the pairs with an open wire between."""
        cells = reading.cell_voltages_v
        if len(cells) != self._count:
            cells = ()
        jump = CELLS.jump if recent and not _sum_agrees(reading) else None
        cells = trial.series(CELLS, cells, senses.cells_v, jump)
        working = _balances(reading) or (senses.view is not None and _balances(senses.view.reading))
        before = senses.open_wires
        if before and working and _just_found(senses, reading.heard_s):
            before = ()  # it may have been the balancer, which began a moment ago: judge it anew
        last = senses.cells_v if recent else ()
        open_now = open_wires(cells, last, before, working=working)
        if not open_now:
            return cells, ()
        for n in open_now:
            for cell in (n, n + 1):
                why = f"wire {n + 1} is open: its cells diverge and their sum is right"
                trial.doubt(f"cell {cell + 1} beside it", cells[cell] or 0.0, "V", why)
        return paired(cells, open_now), open_now


def _balances(reading: Reading) -> bool:
    return reading.balancing is True or abs(reading.balance_current_a or 0.0) > WORKS_A


def _just_found(senses: Senses, heard_s: float) -> bool:
    """Return whether an open wire was found so lately that a device may not have told why."""
    return any(m.essential is OPEN_WIRE and heard_s - m.since_s <= LATE_S for m in senses.missing)


def _were_doubtful(senses: Senses) -> bool:
    """Return whether cells were doubtful before: what comes again is the cells, not a frame."""
    return senses.garbled_s is not None or any(s.what in _CELL_NAMES for s in senses.suspects)


_CELL_NAMES = frozenset(CELL_NAMES)
"""Of single values; a cell that stands still or apart goes by another name."""


def _with_track(trial: Trial, view: View, track: Track) -> tuple[View, list[Unknown]]:
    """Return the view without what the past contradicts, and what that leaves unknown."""
    steps, still = track.steps, track.still
    faults: list[Unknown] = []
    lone = track.lone
    if not (
        steps.current_bad or steps.sign_bad or still.frozen or still.frozen_sensors or lone.sure
    ):
        return view, faults
    reading = view.reading
    if still.frozen:
        cells = tuple(f"cell {n + 1}" for n in still.frozen)
        for n, name in zip(still.frozen, cells, strict=True):
            why = "it stands still while the others move"
            trial.doubt(f"{name} standing still", reading.cell_voltages_v[n] or 0.0, "V", why)
        faults.append((FROZEN_CELL, cells))
    if lone.sure:
        why = f"it stepped by {1000 * lone.step_v:+.0f} mV with nothing else moving"
        volts = reading.cell_voltages_v[lone.cell] or 0.0
        trial.doubt(f"cell {lone.cell + 1} apart", volts, "V", why)
        faults.append((LONE_CELL, (f"cell {lone.cell + 1}",)))
    if still.frozen_sensors:
        sensors = tuple(f"T{n + 1}" for n in still.frozen_sensors)
        for n, name in zip(still.frozen_sensors, sensors, strict=True):
            why = "it stands still while another one moves"
            trial.doubt(f"{name} standing still", reading.temperatures_c[n] or 0.0, "°C", why)
        faults.append((FROZEN_SENSOR, sensors))
    current_a = reading.current_a
    if steps.sign_bad:
        why = "the voltage moves against it"
        trial.doubt("sign of the current", current_a or 0.0, "A", why)
        faults.append((REVERSED, ("current",)))
    if steps.current_bad and current_a is not None:
        why = "the voltage moves without it, or does not move with it"
        trial.doubt("current against voltage", current_a, "A", why)
        faults.append((CURRENT, ("current",)))
        view = look(replace(reading, current_a=None), view.mismatch_percent)
    return view, faults


def _sum_agrees(reading: Reading) -> bool:
    cells, told_v = reading.cell_voltages_v, reading.voltage_v
    if told_v is None or None in cells:
        return False
    difference_v = sum(cells) - told_v  # type: ignore[arg-type]  # no None inside
    return -SUM_AGREEMENT_V <= difference_v <= SUM_AGREEMENT_V


def _refused(senses: Senses, reading: Reading, why: str, now_s: float) -> Senses:
    """Return the same knowledge, with the whole reading among the suspects."""
    others = tuple(s for s in senses.suspects if s.what != "reading")
    since_s = next((s.since_s for s in senses.suspects if s.what == "reading"), now_s)
    suspect = Suspect("reading", reading.heard_s, "s", why, since_s, now_s)
    return replace(senses, suspects=(*others, suspect))


def _latest(values: Values, last: Values) -> Values:
    """Return the values, with what was last believed in place of each None."""
    if None not in values and values:
        return values
    if len(values) < len(last):
        return last
    return tuple(
        (last[n] if n < len(last) else None) if value is None else value
        for n, value in enumerate(values)
    )


def _missing(
    trial: Trial,
    senses: Senses,
    reading: Reading,
    faults: list[Unknown],
    *,
    wrong_count: int | None,
    lost_since_s: float | None,
) -> tuple[Missing, ...]:
    """Return the essentials that a believed reading leaves unknown, faults among them.

    `lost_since_s`: the reading before was refused for the same cells, which counts as once.
    """
    cells, sensors = reading.cell_voltages_v, reading.temperatures_c
    found: list[Unknown] = list(faults)
    if wrong_count is not None:
        found.append((CELL_COUNT, (f"{wrong_count} cells",)))
    elif not cells:
        found.append((CELL_VOLTAGE, ("all cells",)))
    elif None in cells:
        bad = {s.what for s in trial.suspects}
        names = _unknown(CELLS.what, cells)
        lost = tuple(name for name in names if name in bad)
        untold = tuple(name for name in names if name not in bad)
        found += [(LOST_CELL, lost)] if lost else []
        found += [(CELL_VOLTAGE, untold)] if untold else []
    if reading.current_a is None and all(fault[0] is not CURRENT for fault in faults):
        found.append((CURRENT, ("current",)))
    if None in sensors:
        fitted = _latest((None,) * len(sensors), senses.sensors_c)
        # One that reads open from the start was never fitted (R25); one that is shorted was.
        shorted = {s.what for s in trial.suspects if s.value > SENSORS.high}
        gone = tuple(
            name
            for n, name in enumerate(_names(SENSORS.what, sensors))
            if sensors[n] is None and (fitted[n] is not None or name in shorted)
        )
        if gone:
            left = sensors.count(None) < len(sensors)
            found.append((ONE_SENSOR if left else ALL_SENSORS, gone))
    if senses.mos_c is not None and reading.mos_temperature_c is None:
        found.append((MOS_SENSOR, ("MOSFET",)))
    if not found:
        return ()
    since = {m.essential: m.since_s for m in senses.missing}
    if lost_since_s is not None:
        since.setdefault(LOST_CELL, lost_since_s)
    doubted = {s.what for s in trial.suspects}
    surely_bad = {CELL_COUNT, *(fault[0] for fault in faults)}
    return tuple(
        Missing(
            essential,
            ", ".join(names),
            since.get(essential, reading.heard_s),
            essential in surely_bad or not doubted.isdisjoint(names),
        )
        for essential, names in found
    )


def _names(name: str, values: Values) -> tuple[str, ...]:
    return tuple(f"{name}{n + 1}" for n in range(len(values)))


def _unknown(name: str, values: Values) -> tuple[str, ...]:
    """Return the names of the values that are None."""
    return tuple(f"{name}{n + 1}" for n, value in enumerate(values) if value is None)
