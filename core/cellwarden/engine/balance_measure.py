"""How far the cells are apart, from all that shows it: the knee, the slopes of a day, the count.

The knee is sure of the cells that reach it (`balance_ledger`); what the rest is like the slopes of
a whole day tell roughly (`balance_slopes`), and both are kept by what the balancer moves.
"""

from collections.abc import Collection
from typing import NamedTuple

from cellwarden.engine.balance_debt import Debts, debts
from cellwarden.engine.balance_ledger import Ledger, LedgerKeeper
from cellwarden.engine.balance_slopes import Slopes, SlopeWatch
from cellwarden.engine.resistance import Steps
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View
from cellwarden.model import Chemistry, Parameters
from cellwarden.model.catalog import Curve


class Measured(NamedTuple):
    """What is remembered."""

    ledger: Ledger = Ledger()
    slopes: Slopes = Slopes()

    @property
    def begun(self) -> bool:
        """Whether the cells were compared by what they showed: the sigmas can be acted on."""
        return bool(self.ledger.ah)


NOTHING_MEASURED = Measured()
GUESSED_PART = 1.0
"""Of a transfer: how unsure it is where the cells are a guess."""


class Measurer:
    """Measures one pack."""

    def __init__(self, cell: Chemistry, parameters: Parameters, ocv_v: Curve | None) -> None:
        self._design_ah = parameters.design_capacity_ah
        self._flat = cell.flat_percent is not None
        """Where voltages show charge all the way the estimate of SoC does it alone."""
        self._keeper = LedgerKeeper(cell, parameters, ocv_v)
        self._watch = SlopeWatch(cell, parameters)

    def rising(self, view: View) -> bool:
        """Return whether a look at the cells would tell much now."""
        return self._keeper.rising(view)

    def debts(self, measured: Measured, gauge: Gauge) -> Debts | None:
        """Return how far each cell is from the mean; None: nothing is known."""
        known = measured.ledger.debts()
        if known is not None or gauge.estimate is None:
            return known
        return debts(gauge.estimate, self._design_ah)

    def moved(self, measured: Measured, moved: Moved, *, ordered: bool) -> Measured:
        """Return what is known after a balancer's transfer.

        `ordered`: the cells were told to it. Those that a BMS chooses itself are guessed, so all
        that it moves is doubted, and slopes of before say no more.
        """
        if not self._flat:
            return measured
        if not ordered:
            return Measured(self._keeper.moved(measured.ledger, moved, GUESSED_PART), Slopes())
        return Measured(
            self._keeper.moved(measured.ledger, moved), self._watch.moved(measured.slopes, moved)
        )

    def hear(
        self,
        measured: Measured,
        view: View,
        gauge: Gauge,
        steps: Steps,
        disturbed: Collection[int],
        passed_s: float,
    ) -> Measured:
        """Return what is known after a look at the cells.

        `disturbed` are the cells, from 0, whose voltages a balancer falsifies now. `passed_s` is
        the time since the last look.
        """
        if not self._flat:
            return measured
        counted_ah = gauge.charged_ah - gauge.discharged_ah
        slopes = self._watch.hear(measured.slopes, view, counted_ah, disturbed)
        ledger = self._keeper.hear(measured.ledger, view, steps, counted_ah, disturbed, passed_s)
        if slopes.square is not measured.slopes.square:
            told = self._watch.debts(slopes)
            if told is not None:
                ledger = self._keeper.told(ledger, told)
        return Measured(ledger, slopes)
