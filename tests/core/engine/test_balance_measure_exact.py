"""Knee, slopes and count of a balancer together: what of them is believed, on four cells."""

import pytest

from cellwarden.engine.balance_debt import Debts
from cellwarden.engine.balance_ledger import Ledger
from cellwarden.engine.balance_measure import NOTHING_MEASURED, Measured, Measurer
from cellwarden.engine.balance_slopes import Look, Slopes
from cellwarden.engine.resistance import Steps
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View, look
from cellwarden.model import CHEMISTRIES, preset
from support.packs import reading

ZERO = (0.0, 0.0, 0.0, 0.0)
APART = (0.003, 0.0, 0.0, -0.003)


def lfp() -> Measurer:
    cells = preset("LiFePO4", cell_count=4, design_capacity_ah=100)
    return Measurer(CHEMISTRIES["LiFePO4"], cells, None)


def steep() -> Measurer:
    cells = preset("Li-ion", cell_count=4, design_capacity_ah=100)
    return Measurer(CHEMISTRIES["Li-ion"], cells, None)


def seen(volts: tuple[float, ...], current_a: float = 20.0) -> View:
    return look(reading(0.0, cell_voltages_v=volts, voltage_v=None, current_a=current_a))


def before(square: tuple[float, ...]) -> Measured:
    """Four looks on a slope of 2 mV/Ah, one every 2 Ah."""
    looks = tuple(Look(2.0 * n, 20.0, 3.2 + 0.004 * n, APART, ZERO) for n in range(4))
    cells = tuple((100 * h, 0.0, 0.0, 200 * h) for h in (1.0, 0.0, 0.0, -1.0))
    return Measured(Ledger(), Slopes(looks=looks, square=square, cells=cells))


def after(square: tuple[float, ...], charged_ah: float, discharged_ah: float) -> Measured:
    measured = before(square)
    gauge = Gauge(charged_ah=charged_ah, discharged_ah=discharged_ah)
    for _ in range(3):
        measured = lfp().hear(measured, seen((3.216 + 0.025,) * 4), gauge, Steps(), (), 10.0)
    return measured


MANY = (50.0, 0.0, 0.0, 30.0, 0.0, 90.0)


def test_what_a_new_look_tells_of_the_day_goes_into_the_ledger() -> None:
    measured = after(MANY, 108.0, 100.0)
    assert measured.begun
    assert len(measured.slopes.looks) == 4
    assert measured.slopes.looks[-1].counted_ah == 8.0
    known = measured.ledger.ah
    assert known[0] == pytest.approx(-known[3])
    assert known[0] > 1.5
    assert known[1:3] == (0.0, 0.0)


def test_too_few_looks_go_nowhere() -> None:
    measured = after((5.0, 0.0, 0.0, 5.0, 0.0, 9.0), 108.0, 100.0)
    assert measured.ledger == Ledger()
    assert not measured.begun
    assert measured.slopes.square[3] == pytest.approx(5.925)


def test_between_two_looks_the_slopes_are_not_told_again() -> None:
    measured = before(MANY)._replace(ledger=Ledger(ah=(1.0, 0.0, 0.0, 0.0), sigma_ah=(0.1,) * 4))
    gauge = Gauge(charged_ah=6.5)
    heard = lfp().hear(measured, seen((3.2,) * 4), gauge, Steps(), (), 0.0)
    assert heard.ledger == measured.ledger


def test_on_the_knee_the_ledger_hears_what_was_counted() -> None:
    gauge = Gauge(charged_ah=12.0, discharged_ah=5.0)
    volts = (3.37 + 0.00625,) * 4
    heard = lfp().hear(NOTHING_MEASURED, seen(volts, 5.0), gauge, Steps(), (), 10.0)
    assert heard.ledger.climb is not None
    assert heard.ledger.climb.counted_ah == (7.0,) * 4
    assert heard.ledger.ah == pytest.approx((0.25,) * 4)
    assert heard.slopes.gathered.readings == 1
    assert lfp().rising(seen(volts, 5.0))
    assert not lfp().rising(seen((3.3,) * 4, 5.0))
    disturbed = lfp().hear(NOTHING_MEASURED, seen(volts, 5.0), gauge, Steps(), (1,), 10.0)
    assert disturbed.ledger.ah == ()
    assert disturbed.slopes.gathered.readings == 0
    late = lfp().hear(NOTHING_MEASURED, seen(volts, 5.0), gauge, Steps(), (), 61.0)
    assert late.ledger.climb is None


def test_a_transfer_is_doubted_wholly_where_the_cells_are_guessed() -> None:
    known = Measured(Ledger((1.0, 0.0, 0.0, 0.0), (0.1,) * 4), Slopes(square=MANY))
    told = lfp().moved(known, Moved(1, 1800.0), ordered=True)
    assert told.ledger.ah == (1.0, 0.5, 0.0, 0.0)
    assert told.ledger.sigma_ah == pytest.approx((0.1, 0.125, 0.1, 0.1))
    assert (told.slopes.square, told.slopes.moved_ah) == (MANY, (0.0, 0.5, 0.0, 0.0))
    guessed = lfp().moved(known, Moved(1, 1800.0), ordered=False)
    assert guessed.ledger.ah == (1.0, 0.5, 0.0, 0.0)
    assert guessed.ledger.sigma_ah == pytest.approx((0.1, 0.6, 0.1, 0.1))
    assert guessed.slopes == Slopes()


def test_a_steep_chemistry_needs_none_of_it() -> None:
    known = Measured(Ledger((1.0, 0.0, 0.0, 0.0), (0.1,) * 4))
    assert steep().moved(known, Moved(1, 1800.0), ordered=True) is known
    assert steep().moved(known, Moved(1, 1800.0), ordered=False) is known
    heard = steep().hear(known, seen((4.1,) * 4), Gauge(charged_ah=9.0), Steps(), (), 10.0)
    assert heard is known


def test_the_ledger_is_believed_before_the_estimate() -> None:
    known = Measured(Ledger((1.0, 0.0, 0.0, -1.0), (0.1,) * 4))
    assert lfp().debts(known, Gauge()) == Debts((1.0, 0.0, 0.0, -1.0), (0.1,) * 4)
    assert lfp().debts(NOTHING_MEASURED, Gauge()) is None
