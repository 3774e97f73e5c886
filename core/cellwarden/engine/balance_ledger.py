"""What each cell has more or less than the others in Ah, as the end of a charge shows it.

On a flat curve a voltage tells charge only where the curve turns up, and where exactly it turns and
how steeply no typical curve knows. But all cells of a string are of one kind: what one cell shows
on its way up the knee all the others will show. So the knee is measured by the pack itself: how
many Ah a cell takes from one voltage to the next, with the cell's own charge counted. With that,
cells that are on the knee at one moment are compared in Ah, whatever their common curve.

A cell that is still on the flat part is only known to lie below the knee, and roughly by how much.
That is enough: charge from the cells above goes to those below, and the next charge tells more.

Between two charges the ledger is kept by counting what a balancer moves. Charging and discharging
the pack change nothing in it.
"""

import math
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

from cellwarden.engine.balance_debt import Debts
from cellwarden.engine.resistance import Steps
from cellwarden.engine.soc_estimator import MOVED_PART, Moved
from cellwarden.engine.soc_kinds import KINDS, at_25c
from cellwarden.engine.view import View, mean_temperature_k
from cellwarden.model import Chemistry, Parameters
from cellwarden.model.catalog import Curve, interpolate

ABOVE_FLAT_V = 0.018
"""So far above the end of the flat part the knee begins (ours)."""
STEP_V = 0.02
"""The knee is measured in steps of this."""
LEAST_STEPS, MOST_STEPS = 2, 8
LEAST_WIDTH = 0.0005
"""Of the capacity: no step of a knee is steeper (ours)."""
LEAST_C = 0.002
"""Only what is being charged is on its way up; at rest a cell sinks back from the knee."""
CALM_C = 0.1
"""Cells are compared below this rate; above, their resistances show as if they were charge."""
MOST_C = 0.35
"""Knees are measured below this rate (ours)."""
TYPICAL_PART, OWN_PART = 0.5, 0.1
"""How far a step may be from that of the typical, and of the cell's own, curve (ours)."""
SAMPLE_PART = 0.15
"""How far one cell's way through a step may be from the truth (ours)."""
BEST_PART = 0.08
"""However many were seen, a step is not known better."""
MOST_WEIGHT = 400.0
"""Older samples fade against new ones: knees move with age and temperature."""
RATIOS = (0.2, 5.0)
"""Further from the curve's own a sample is no knee (ours)."""
OHM_PART = 0.3
"""How far the resistance that is set aside may be wrong."""
NEAR_PART = 0.0006
"""Of the capacity: two cells side by side on the knee are told apart no better (ours)."""
BELOW_PART, BELOW_V = 0.022, 0.008
"""Below the knee a cell is taken to miss so much more at most, and most of that within so few mV;
half of it is doubted (ours)."""
DRIFT_PART_DAY = 0.0002
"""Of the capacity: what cells may lose apart by themselves in a day (ours)."""
GAP_S = 60.0
"""Over a longer gap nobody knows when a voltage was passed."""


class Mark(NamedTuple):
    """The last step's edge that a cell passed upwards."""

    step: int
    counted_ah: float
    """The cell's own count."""
    current_a: float


class Climb(NamedTuple):
    """The cells on their way up, at the last look."""

    volts: tuple[float | None, ...]
    """Without the resistance; None while a balancer disturbs it."""
    counted_ah: tuple[float, ...]
    marks: tuple[Mark | None, ...]


class Width(NamedTuple):
    """What is known of one step of the knee, against what the curve says."""

    weight: float
    ratio: float

    @property
    def part(self) -> float:
        """One standard deviation, as a part."""
        return max(1 / math.sqrt(max(self.weight, 1.0)), BEST_PART)


class Ledger(NamedTuple):
    """What is remembered; empty until the end of a charge was seen."""

    ah: tuple[float, ...] = ()
    """Of each cell, from a zero that all share; + = nearer to full."""
    sigma_ah: tuple[float, ...] = ()
    widths: tuple[Width, ...] = ()
    moved_ah: tuple[float, ...] = ()
    """By a balancer since this climb began."""
    climb: Climb | None = None

    def debts(self) -> Debts | None:
        """Return what is known of the cells against their mean; None: nothing yet."""
        if not self.ah:
            return None
        mean = sum(self.ah) / len(self.ah)
        return Debts(tuple([ah - mean for ah in self.ah]), self.sigma_ah)


class LedgerKeeper:
    """Keeps the ledger of one pack."""

    def __init__(self, cell: Chemistry, parameters: Parameters, ocv_v: Curve | None) -> None:
        """`ocv_v` is the curve of the very cell, None: only the typical one is known."""
        self._design_ah = parameters.design_capacity_ah
        self._kind = KINDS[cell.name]
        self._ohm = self._kind.ohmic_v / self._design_ah
        flat = cell.flat_percent
        curve = ocv_v or cell.ocv_v
        self.knee_v = math.inf if flat is None else interpolate(curve, flat[1]) + ABOVE_FLAT_V
        self._edges, self._widths_ah = self._steps(curve)
        part = TYPICAL_PART if ocv_v is None else OWN_PART
        self._unseen = tuple([Width(1 / part**2, 1.0) for _ in self._widths_ah])

    def _steps(self, curve: Curve) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the edges in V, and what lies between them by the curve, in Ah."""
        if self.knee_v == math.inf:
            return (), ()
        most = round((curve[-1][1] - self.knee_v) / STEP_V)
        count = min(max(most, LEAST_STEPS), MOST_STEPS)
        edges = tuple([self.knee_v + n * STEP_V for n in range(count + 1)])
        percent_of_v = tuple([(v, s) for s, v in curve])
        least_ah = LEAST_WIDTH * self._design_ah
        places = [interpolate(percent_of_v, v) / 100 * self._design_ah for v in edges]
        widths = [max(b - a, least_ah) for a, b in pairwise(places)]
        return edges, tuple(widths)

    def rising(self, view: View) -> bool:
        """Return whether cells are calmly on their way up the knee, so that a look tells much."""
        current_a, highest = view.reading.current_a, view.cell_max
        if current_a is None or highest is None:
            return False
        if not LEAST_C * self._design_ah <= current_a <= CALM_C * self._design_ah:
            return False
        return highest.voltage_v - self._drop_v(view, current_a) >= self.knee_v

    def moved(self, ledger: Ledger, moved: Moved, part: float = MOVED_PART) -> Ledger:
        """Return the ledger after a balancer's transfer, `part` of which is not sure."""
        by_ah, n = moved.charge_as / 3600, moved.cell
        ah, sigma_ah, moved_ah = ledger.ah, ledger.sigma_ah, ledger.moved_ah
        if ah:
            ah = (*ah[:n], ah[n] + by_ah, *ah[n + 1 :])
            more = sigma_ah[n] + part * abs(by_ah)
            sigma_ah = (*sigma_ah[:n], more, *sigma_ah[n + 1 :])
        if moved_ah:
            moved_ah = (*moved_ah[:n], moved_ah[n] + by_ah, *moved_ah[n + 1 :])
        return ledger._replace(ah=ah, sigma_ah=sigma_ah, moved_ah=moved_ah)

    def hear(
        self,
        ledger: Ledger,
        view: View,
        steps: Steps,
        counted_ah: float,
        disturbed: Collection[int],
        passed_s: float,
    ) -> Ledger:
        """Return the ledger after a look at the cells.

        `counted_ah` is what flowed into the pack since some start. `disturbed` are the cells, from
        0, whose voltages a balancer falsifies now. `passed_s` is the time since the last look.
        """
        if ledger.sigma_ah and passed_s:
            drift_ah = DRIFT_PART_DAY * self._design_ah * passed_s / 86_400
            ledger = ledger._replace(sigma_ah=tuple([s + drift_ah for s in ledger.sigma_ah]))
        volts = self._relaxed(view, steps, disturbed)
        if volts is None or passed_s > GAP_S:
            return ledger if ledger.climb is None else ledger._replace(climb=None, moved_ah=())
        if ledger.climb is None:
            ledger = ledger._replace(moved_ah=(0.0,) * len(volts))
        if len(ledger.widths) != len(self._unseen):
            ledger = ledger._replace(widths=self._unseen)
        current_a = view.reading.current_a
        assert current_a is not None
        ledger = self._climbed(ledger, volts, counted_ah, current_a)
        if current_a > CALM_C * self._design_ah:
            return ledger
        return self._compared(ledger, volts)

    def told(self, ledger: Ledger, debts: Debts) -> Ledger:
        """Return the ledger after something else said how far the cells are apart."""
        return self._joined(ledger, list(zip(*debts, strict=True)))

    def _drop_v(self, view: View, current_a: float) -> float:
        return self._ohm * current_a * at_25c(self._kind, mean_temperature_k(view))

    def _relaxed(
        self, view: View, steps: Steps, disturbed: Collection[int]
    ) -> tuple[float | None, ...] | None:
        """Return the cells' voltages with their resistances set aside; None: nothing is rising."""
        reading, highest, current_a = view.reading, view.cell_max, view.reading.current_a
        if current_a is None or highest is None or view.cell_sum_v is None:
            return None
        if not LEAST_C * self._design_ah <= current_a <= MOST_C * self._design_ah:
            return None
        drop_v = self._drop_v(view, current_a)
        if highest.voltage_v - drop_v < self.knee_v:
            return None
        cells: tuple[float, ...] = reading.cell_voltages_v  # type: ignore[assignment]  # whole
        more_v = [0.0] * len(cells)
        ohms = [steps.ohm(n) for n in range(len(cells))]
        if None not in ohms:
            mean_ohm = sum(ohms) / len(ohms)  # type: ignore[arg-type]  # no None inside
            scale = drop_v / self._ohm
            more_v = [scale * (ohm - mean_ohm) for ohm in ohms]  # type: ignore[operator]  # likewise
        return tuple(
            [
                None if n in disturbed else volts - drop_v - more
                for n, (volts, more) in enumerate(zip(cells, more_v, strict=True))
            ]
        )

    def _climbed(
        self,
        ledger: Ledger,
        volts: tuple[float | None, ...],
        counted_ah: float,
        current_a: float,
    ) -> Ledger:
        """Return the ledger with what the cells' way up says of the knee."""
        own_ah = tuple([counted_ah + moved for moved in ledger.moved_ah])
        before = ledger.climb
        if before is None or len(before.volts) != len(volts):
            return ledger._replace(climb=Climb(volts, own_ah, (None,) * len(volts)))
        widths, marks = list(ledger.widths), list(before.marks)
        for n, (now_v, then_v) in enumerate(zip(volts, before.volts, strict=True)):
            if now_v is None or then_v is None:
                marks[n] = None
                continue
            low, high = self._step(then_v), self._step(now_v)
            for edge in range(low + 1, high + 1):
                share = (self._edges[edge] - then_v) / (now_v - then_v)
                at_ah = before.counted_ah[n] + share * (own_ah[n] - before.counted_ah[n])
                mark = marks[n]
                if mark is not None and mark.step == edge - 1:
                    widths[mark.step] = self._learned(
                        widths[mark.step],
                        (at_ah - mark.counted_ah) / self._widths_ah[mark.step],
                        current_a - mark.current_a,
                    )
                if mark is None or mark.step < edge:  # a voltage that trembles passes an edge once
                    marks[n] = Mark(edge, at_ah, current_a)
        return ledger._replace(widths=tuple(widths), climb=Climb(volts, own_ah, tuple(marks)))

    def _step(self, volts: float) -> int:
        """Return the highest edge at or below a voltage; -1 below the knee."""
        return (
            min(math.floor((volts - self.knee_v) / STEP_V), len(self._edges) - 1)
            if (volts >= self.knee_v)
            else -1
        )

    def _learned(self, width: Width, ratio: float, changed_a: float) -> Width:
        """Return a step's width after one cell has passed it while the current changed."""
        if not RATIOS[0] <= ratio <= RATIOS[1]:
            return width
        part = math.hypot(SAMPLE_PART, OHM_PART * self._ohm * changed_a / STEP_V)
        weight = 1 / part**2
        total = width.weight + weight
        ratio = (width.weight * width.ratio + weight * ratio) / total
        return Width(min(total, MOST_WEIGHT), ratio)

    def _compared(self, ledger: Ledger, volts: Sequence[float | None]) -> Ledger:
        """Return the ledger after the cells were compared at one moment."""
        places = [None if v is None else self._place(ledger.widths, v) for v in volts]
        middle = self._middle(places)
        looks = [None if p is None else self._doubted(p, middle) for p in places]
        return self._joined(ledger, looks)

    def _joined(self, ledger: Ledger, looks: Sequence[tuple[float, float] | None]) -> Ledger:
        """Return the ledger after a look at places and sigmas; None: not seen now."""
        if len(ledger.ah) != len(looks):
            if None in looks:
                return ledger
            return ledger._replace(
                ah=tuple([look[0] for look in looks if look]),
                sigma_ah=tuple([look[1] for look in looks if look]),
            )
        shift = self._shift(ledger, looks)
        if shift is None:
            return ledger
        ah, sigma_ah = [], []
        for was, doubt, look in zip(ledger.ah, ledger.sigma_ah, looks, strict=True):
            now, sigma = was + shift, doubt
            if look is not None:
                now, sigma = _joined(now, doubt, look[0], look[1])
            ah.append(now)
            sigma_ah.append(sigma)
        return ledger._replace(ah=tuple(ah), sigma_ah=tuple(sigma_ah))

    def _place(self, widths: Sequence[Width], volts: float) -> tuple[float, float]:
        """Return how far up the knee a voltage is in Ah, and what of it is doubted at one sigma."""
        step = self._step(volts)
        if step < 0:
            least = self._design_ah * BELOW_PART * math.expm1((volts - self.knee_v) / BELOW_V)
            return least, -0.5 * least
        place = doubt = 0.0
        last = len(self._widths_ah) - 1
        for n in range(min(step, last) + 1):
            part = 1.0 if n < min(step, last) else (volts - self._edges[n]) / STEP_V
            width_ah = part * self._widths_ah[n] * widths[n].ratio
            place += width_ah
            doubt += width_ah * widths[n].part
        return place, doubt

    def _middle(self, places: Sequence[tuple[float, float] | None]) -> float:
        """Return the doubt of the middle of the cells on the knee, which all of them share."""
        seen = sorted([place[1] for place in places if place is not None and place[0] >= 0])
        return seen[len(seen) // 2] if seen else 0.0

    def _doubted(self, place: tuple[float, float], middle: float) -> tuple[float, float]:
        """Return a place with one standard deviation against the others on the knee."""
        near_ah = NEAR_PART * self._design_ah
        if place[0] < 0:
            return place[0], math.hypot(near_ah, place[1])
        return place[0], math.hypot(near_ah, place[1] - middle)

    def _shift(self, ledger: Ledger, looks: Sequence[tuple[float, float] | None]) -> float | None:
        """Return by how much the places of all cells went up since the last look."""
        total = weights = 0.0
        for was, doubt, look in zip(ledger.ah, ledger.sigma_ah, looks, strict=True):
            if look is None:
                continue
            weight = 1 / (look[1] ** 2 + doubt**2)
            total += weight * (look[0] - was)
            weights += weight
        return total / weights if weights else None


def _joined(was: float, doubt: float, seen: float, sigma: float) -> tuple[float, float]:
    """Return place and sigma of a cell after a look.

    Looks of one knee err alike: a hundred of them say no more than the best one.
    """
    off = seen - was
    if doubt <= sigma:
        if abs(off) <= 3 * math.hypot(doubt, sigma):
            return was, doubt
        doubt = abs(off)  # what was counted is wrong
    gain = doubt**2 / (doubt**2 + sigma**2)
    return was + gain * off, sigma
