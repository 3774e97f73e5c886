"""Values against each other and against their own past: what single readings cannot show.

Watchers of a few numbers each: current against voltage (F12, F13), cells and sensors that stand
still while the others move (F1, F19), a cell that steps alone (F10, in `lone_steps`), and a device
that repeats itself (F2).
"""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.lone_steps import BUSY, Lone, LoneSteps
from cellwarden.engine.view import View
from cellwarden.model import ExternalMeasurement, Reading

Values = tuple[float | None, ...]

STEP_V = 0.008
"""Of the mean cell, from one reading to the next: no relaxation does it, only a current (ours)."""
STEP_C = 0.1
"""A change of the current, in C, that the voltage must answer."""
STILL_C = 0.005
"""Less change than this is none: for it to move a cell by `STEP_V` would take more than ten times
a typical resistance, and the cold makes no more than five of it."""
NUMB_C = 0.2
"""A change of the current, in C, that must move any cell by a millivolt: at a tenth of a typical
resistance it moves it by two."""
NUMB_V = 0.001
ANSWER_V = 0.003
"""Voltage that answers a current step; against its sign it is a reversal from `REVERSED_V` on."""
REVERSED_V = 0.005
RAMP_PART = 0.5
"""After a step the voltage moves on by less than this part of it."""
STEPS = 3
"""As many in a row condemn a current, and as many good ones acquit it (ours)."""
SETTLE_S = 3.0
"""Voltage and current of a device may be as far apart in time (ours); then a step is judged."""
PAIRED_S = 5.0
"""Readings further apart than this are compared with care: the battery relaxes in between."""
SLOW_S = 60.0
"""Readings further apart than this are not compared at all."""
SLOW_STEPS = 6
"""As many in a row condemn a current that is told every few seconds only: each may be a
coincidence of a load that came and went unseen (ours)."""

FROZEN_V = 0.005
"""The mean cell moved by this much, and one cell did not by a millivolt (F1)."""
FROZEN_S = 10.0
FROZEN_READINGS = 5
LEAST_CELLS = 4
"""With fewer there are none between the ends."""
ANCHOR_S = 120.0
"""A new comparison begins after this time."""
FROZEN_K = 10.0
"""One sensor moved by this much, and another one not at all (ours)."""
SAME_S = 60.0
"""Current flows, and not a digit of a reading changed for this long (F2; ours)."""
SAME_AT_REST_S = 180.0
"""The same at rest, where the device's own clock is known to run: it counts minutes at least."""
SAME_READINGS = 10
FLOWS_C = 0.02
WITNESS_MOST_V = 1000.0
WITNESS_V = 0.01
"""A cell; somebody else at the same bus bar sees the voltage move by as much (ours)."""
WITNESS_LEAST_V = 0.15
"""But no less than this: an inverter's own noise, also where packs stand in series (ours)."""


Pair = tuple[float, float]
"""Mean cell in V, current in A."""


class Steps(NamedTuple):
    """Current against voltage."""

    base: Pair | None = None
    """Before the step that is being looked at; None: no step."""
    last: Pair | None = None
    begun: tuple[float, float] | None = None
    """When the step began, and the mean cell's voltage then."""
    stuck: int = 0
    """Steps in a row of the one without the other."""
    reversed: int = 0
    good: int = 0
    current_bad: bool = False
    sign_bad: bool = False
    swing: int = 0
    """Where the voltage went last with no current to move it, +1 or -1; slow readings only."""


class Still(NamedTuple):
    """Cells that stand still while the others move."""

    anchor: Values = ()
    since_s: float = 0.0
    unmoved: tuple[int, ...] = ()
    """Cells that had the anchor's voltage in every reading since."""
    low_v: float = 0.0
    """Lowest and highest sum since, of all cells but the highest and the lowest."""
    high_v: float = 0.0
    readings: int = 0
    frozen: tuple[int, ...] = ()
    sensors_c: Values = ()
    """Anchor of the sensors."""
    frozen_sensors: tuple[int, ...] = ()


class Track(NamedTuple):
    """What is remembered of readings beside the last one."""

    steps: Steps = Steps()
    still: Still = Still()
    same_since_s: float | None = None
    """First of a run of readings that are the same to the last digit."""
    same: int = 0
    clock_runs: bool = False
    """The device counts its runtime."""
    witness: tuple[str, float, float] | None = None
    """Somebody else, and the lowest and highest voltage that it measured during that run."""
    lone: Lone = BUSY

    def later(self, by_s: float) -> "Track":
        """Return the track as if everything had happened `by_s` later (F30)."""
        since_s, still, begun = self.same_since_s, self.still, self.steps.begun
        return self._replace(
            steps=self.steps._replace(begun=None if begun is None else (begun[0] + by_s, begun[1])),
            same_since_s=None if since_s is None else since_s + by_s,
            still=still._replace(since_s=still.since_s + by_s),
            lone=self.lone.later(by_s),
        )


NOTHING_SEEN = Track()


class Coherence:
    """The watchers of one pack."""

    def __init__(self, cells: int, design_ah: float) -> None:
        self._cells = cells
        self._inner = cells if cells < LEAST_CELLS else cells - 2
        self._step_a = STEP_C * design_ah
        self._still_a = STILL_C * design_ah
        self._numb_a = NUMB_C * design_ah
        self._flows_a = FLOWS_C * design_ah
        self._lone = LoneSteps(cells, design_ah)

    def repeats(
        self,
        track: Track,
        before: Reading | None,
        reading: Reading,
        external: Sequence[ExternalMeasurement] = (),
    ) -> Track:
        """Return the track after a reading was held against the one before, as both came.

        `external` is what others measure at the same bus bar.
        """
        if before is None or not _same(before, reading):
            runs = track.clock_runs or (
                before is not None
                and before.runtime_s is not None
                and reading.runtime_s is not None
                and before.runtime_s != reading.runtime_s
            )
            if track.same_since_s is None and runs is track.clock_runs:
                return track
            return track._replace(same_since_s=None, same=0, clock_runs=runs, witness=None)
        since_s = before.heard_s if track.same_since_s is None else track.same_since_s
        witness = _seen(track.witness, external) if external else track.witness
        return track._replace(same_since_s=since_s, same=track.same + 1, witness=witness)

    def stale(self, track: Track, reading: Reading) -> bool:
        """Return whether a device only repeats what it once measured."""
        if track.same_since_s is None or track.same < SAME_READINGS:
            return False
        same_s = reading.heard_s - track.same_since_s
        current_a = reading.current_a
        flows = current_a is not None and abs(current_a) >= self._flows_a
        if track.witness is not None and not _apart(reading):
            _, low_v, high_v = track.witness
            flows |= high_v - low_v >= max(WITNESS_V * self._cells, WITNESS_LEAST_V)
        return (flows and same_s >= SAME_S) or (track.clock_runs and same_s >= SAME_AT_REST_S)

    def follow(
        self, track: Track, view: View, gap_s: float | None, before: View | None = None
    ) -> Track:
        """Return the track after a reading whose single values are believed.

        `before` is the one `gap_s` earlier.
        """
        steps = self._step(track.steps, view, gap_s)
        still = self._stand(track.still, view)
        lone = self._lone.hear(track.lone, before, view, gap_s)
        if steps is track.steps and still is track.still and lone is track.lone:
            return track
        return Track(steps, still, *track[2:-1], lone)

    def _step(self, steps: Steps, view: View, gap_s: float | None) -> Steps:
        sum_v, current_a, last = view.cell_sum_v, view.reading.current_a, steps.last
        if sum_v is None or current_a is None:
            return steps._replace(base=None, last=None, begun=None)
        now = (sum_v / self._cells, current_a)
        if last is None or gap_s is None or gap_s > SLOW_S:
            return steps._replace(base=None, last=now, begun=None, swing=0)
        if gap_s <= PAIRED_S:
            return self._paired(steps, last, now, view.reading.heard_s)
        steps = steps._replace(base=None, last=now, begun=None)
        return self._slow(steps, now[0] - last[0], now[1] - last[1])

    def _paired(self, steps: Steps, last: Pair, now: Pair, heard_s: float) -> Steps:
        base, begun = steps.base, steps.begun
        if base is not None and begun is not None:
            begun_s, first_v = begun
            if heard_s - begun_s < SETTLE_S:
                return Steps(base, now, begun, *steps[3:])
            volts, amps = now[0] - base[0], now[1] - base[1]
            # A ramp, as at the end of a discharge, is no step of a current.
            ramp = abs(now[0] - first_v) > RAMP_PART * abs(first_v - base[0])
            judged = self._judge(steps, volts, amps, ramp=ramp)
            return Steps(None, now, None, *judged[3:])
        volts, amps = now[0] - last[0], now[1] - last[1]
        if -STEP_V < volts < STEP_V and -self._step_a < amps < self._step_a:
            # By position: this runs with every reading, and `_replace` is slow.
            return Steps(None, now, None, *steps[3:])
        return Steps(last, now, (heard_s, now[0]), *steps[3:])

    def _judge(self, steps: Steps, volts: float, amps: float, *, ramp: bool) -> Steps:
        """Return the steps after one whole step of voltage and current."""
        moved_v, moved_a = abs(volts), abs(amps)
        if moved_a >= self._step_a and moved_v >= ANSWER_V:
            if volts * amps > 0:
                good = steps.good + 1
                bad = good < STEPS
                return steps._replace(
                    stuck=0,
                    reversed=0,
                    good=good,
                    current_bad=steps.current_bad and bad,
                    sign_bad=steps.sign_bad and bad,
                )
            if moved_v >= REVERSED_V:
                turned = steps.reversed + 1
                bad = steps.sign_bad or turned >= STEPS
                return steps._replace(reversed=turned, good=0, sign_bad=bad)
            return steps
        lame = moved_v >= STEP_V and moved_a < self._still_a and not ramp
        numb = moved_a >= self._numb_a and moved_v < NUMB_V
        if not lame and not numb:
            return steps
        stuck = steps.stuck + 1
        return steps._replace(stuck=stuck, good=0, current_bad=steps.current_bad or stuck >= STEPS)

    def _slow(self, steps: Steps, volts: float, amps: float) -> Steps:
        """Return the steps after two readings between which the battery may have relaxed.

        Relaxing never turns: a voltage that goes to and fro without the current does not relax.
        """
        moved_v, moved_a = abs(volts), abs(amps)
        if moved_a < self._still_a:
            if moved_v < STEP_V:
                return steps
            swing = 1 if volts > 0 else -1
            if swing != -steps.swing:
                return steps._replace(swing=swing)
            stuck = steps.stuck + 1
            bad = steps.current_bad or stuck >= SLOW_STEPS
            return steps._replace(swing=swing, stuck=stuck, good=0, current_bad=bad)
        steps = steps._replace(swing=0, stuck=0)
        if moved_a < self._step_a or moved_v < 2 * REVERSED_V:
            return steps
        if volts * amps < 0:
            turned = steps.reversed + 1
            bad = steps.sign_bad or turned >= SLOW_STEPS
            return steps._replace(reversed=turned, good=0, sign_bad=bad)
        good = steps.good + 1
        bad = good < STEPS
        return steps._replace(
            reversed=0,
            good=good,
            current_bad=steps.current_bad and bad,
            sign_bad=steps.sign_bad and bad,
        )

    def _stand(self, still: Still, view: View) -> Still:
        reading = view.reading
        still = _sensors(still, reading.temperatures_c)
        cells, inner_v = reading.cell_voltages_v, _inner_sum_v(view)
        if inner_v is None:
            return still
        heard_s, anchor = reading.heard_s, still.anchor
        old = heard_s - still.since_s > ANCHOR_S and not still.frozen
        if len(anchor) != len(cells) or not still.unmoved or old or heard_s < still.since_s:
            return still._replace(
                anchor=cells,
                since_s=heard_s,
                unmoved=tuple(range(len(cells))),
                low_v=inner_v,
                high_v=inner_v,
                readings=0,
                frozen=(),
            )
        unmoved = tuple([n for n in still.unmoved if cells[n] == anchor[n]])
        low_v = min(inner_v, still.low_v)
        high_v = max(inner_v, still.high_v)
        frozen: tuple[int, ...] = ()
        if (
            high_v - low_v >= FROZEN_V * self._inner
            and still.readings >= FROZEN_READINGS
            and heard_s - still.since_s >= FROZEN_S
            and 2 * len(unmoved) < self._cells
        ):
            frozen = unmoved
        return Still(
            anchor,
            still.since_s,
            unmoved,
            low_v,
            high_v,
            still.readings + 1,
            frozen,
            still.sensors_c,
            still.frozen_sensors,
        )


def _inner_sum_v(view: View) -> float | None:
    """Return the sum of the cells between the ends: one cell alone must not move it."""
    sum_v, highest, lowest = view.cell_sum_v, view.cell_max, view.cell_min
    if sum_v is None or highest is None or lowest is None:
        return None
    if len(view.reading.cell_voltages_v) < LEAST_CELLS:
        return sum_v
    return sum_v - highest.voltage_v - lowest.voltage_v


def _sensors(still: Still, sensors: Values) -> Still:
    """Return what is known of sensors that stand still while another one moves."""
    anchor = still.sensors_c
    if sensors == anchor or len(sensors) < 2:
        return still._replace(frozen_sensors=()) if still.frozen_sensors else still
    if len(anchor) != len(sensors) or None in sensors or None in anchor:
        return still._replace(sensors_c=sensors, frozen_sensors=())
    moved = [abs(t - a) for t, a in zip(sensors, anchor, strict=True)]  # type: ignore[operator]  # no None inside
    if min(moved) > 0:  # all of them live
        return still._replace(sensors_c=sensors, frozen_sensors=())
    frozen: tuple[int, ...] = ()
    if max(moved) >= FROZEN_K:
        frozen = tuple(n for n, by in enumerate(moved) if by == 0)
    return still if frozen == still.frozen_sensors else still._replace(frozen_sensors=frozen)


def _seen(
    witness: tuple[str, float, float] | None, external: Sequence[ExternalMeasurement]
) -> tuple[str, float, float] | None:
    """Return a witness after it measured again; another one begins anew."""
    for told in external:
        if witness is None or told.source == witness[0]:
            volts = told.voltage_v
            if not 0 < volts < WITNESS_MOST_V:  # also NaN
                return witness
            if witness is None:
                return (told.source, volts, volts)
            return (told.source, min(witness[1], volts), max(witness[2], volts))
    return witness


def _apart(reading: Reading) -> bool:
    """Return whether a pack is switched off the bus bar: its voltage need not follow it."""
    return reading.charge_fet_on is False and reading.discharge_fet_on is False


def _same(before: Reading, reading: Reading) -> bool:
    """Return whether not a digit of what is measured or counted changed."""
    return (
        before.cell_voltages_v == reading.cell_voltages_v
        and before.current_a == reading.current_a
        and before.voltage_v == reading.voltage_v
        and before.temperatures_c == reading.temperatures_c
        and before.mos_temperature_c == reading.mos_temperature_c
        and before.soc_percent == reading.soc_percent
        and before.remaining_ah == reading.remaining_ah
        and before.cycle_charge_ah == reading.cycle_charge_ah
        and before.runtime_s == reading.runtime_s
        and before.balance_current_a == reading.balance_current_a
        and before.wire_resistances_ohm == reading.wire_resistances_ohm
    )
