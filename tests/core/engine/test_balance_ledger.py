"""How far cells are apart, measured on a knee that no curve knows."""

import math

import pytest

from cellwarden.engine.balance_ledger import Ledger, LedgerKeeper
from cellwarden.engine.resistance import Steps
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View, look
from cellwarden.model import CHEMISTRIES
from support.packs import parameters, reading

LFP = CHEMISTRIES["LiFePO4"]
AHEAD_AH = (0.0, 0.2, -0.3, 0.5, -0.6, 0.1, 0.9, -1.0, 0.3, -0.2, 0.4, -0.5, 0.6, -3.0, -2.5, 0.0)
"""Of cells of 100 Ah: the last but two and one are still on the flat part when the others are full.
"""
KEEPER = LedgerKeeper(LFP, parameters(), None)


def shown_v(ah: float) -> float:
    """A cell with `ah` above the foot of its knee: much narrower than the typical one."""
    return 3.335 + 0.002 * min(ah, 0.0) + (0.10 * ah if ah > 0 else 0.0)


def at(counted_ah: float, current_a: float = 5.0) -> View:
    drop_v = 0.00125 * current_a
    cells = tuple(shown_v(counted_ah + ahead) + drop_v for ahead in AHEAD_AH)
    return look(reading(0.0, cell_voltages_v=cells, voltage_v=sum(cells), current_a=current_a))


def charged(ledger: Ledger = Ledger(), current_a: float = 5.0) -> Ledger:  # noqa: B008  # a value
    for n in range(140):
        counted_ah = -1.2 + 0.014 * n
        ledger = KEEPER.hear(ledger, at(counted_ah, current_a), Steps(), counted_ah, (), 10.0)
    return ledger


def test_cells_on_the_knee_are_told_apart_in_ah_though_the_curve_is_wrong() -> None:
    known = charged().debts()
    assert known is not None
    for n in (1, 3, 5, 6, 8, 10, 12):
        apart_ah = known.ah[n] - known.ah[0]
        assert apart_ah == pytest.approx(AHEAD_AH[n], abs=0.3)
        assert known.sigma_ah[n] < 0.3


def test_cells_below_the_knee_are_known_to_have_less_and_doubted() -> None:
    known = charged().debts()
    assert known is not None
    for n in (13, 14):
        assert known.ah[n] < known.ah[6] - 1.0
        assert known.sigma_ah[n] > 0.5
        surely_ah = 2 * math.hypot(known.sigma_ah[n], known.sigma_ah[6])
        assert known.ah[6] - known.ah[n] > surely_ah


@pytest.mark.parametrize("current_a", [-5.0, 0.0, 0.1, 12.0])
def test_without_a_calm_charge_nothing_is_compared(current_a: float) -> None:
    assert charged(current_a=current_a).debts() is None


def test_what_a_balancer_moves_is_counted_and_doubted_by_a_twentieth() -> None:
    before = charged()
    after = KEEPER.moved(before, Moved(6, -3600.0))
    assert after.ah[6] == pytest.approx(before.ah[6] - 1.0)
    assert after.sigma_ah[6] == pytest.approx(before.sigma_ah[6] + 0.05)
    assert after.ah[:6] == before.ah[:6]


def test_a_day_adds_a_little_doubt_and_no_look_at_rest_changes_what_is_known() -> None:
    before, rest = charged(), at(0.0, 0.0)
    after = KEEPER.hear(before, rest, Steps(), 0.0, (), 86_400.0)
    assert after.ah == before.ah
    assert after.sigma_ah[0] == pytest.approx(before.sigma_ah[0] + 0.02)
