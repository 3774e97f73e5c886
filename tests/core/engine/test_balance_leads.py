"""What a balancer's current in the leads makes of the readings, and what is moved by it."""

import pytest

from cellwarden.engine.balance_leads import disturbed_by, moved_by, undisturbed
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View, look
from support.packs import Bench, reading

FLAT = (3.330,) * 16
OHMS = tuple(0.05 + 0.001 * n for n in range(16))


def seen(current_a: float | None, ohms: tuple[float | None, ...] = OHMS) -> View:
    return look(
        reading(
            0.0,
            cell_voltages_v=FLAT,
            voltage_v=sum(FLAT),
            balance_current_a=current_a,
            wire_resistances_ohm=ohms,
        )
    )


@pytest.mark.requirement("R31")
def test_a_cell_that_gives_has_more_than_it_shows_and_its_neighbours_less() -> None:
    cells = undisturbed(seen(-2.0), (4, 9)).reading.cell_voltages_v
    assert cells[3:6] == pytest.approx((3.330 - 2 * 0.053, 3.330 + 2 * 0.107, 3.330 - 2 * 0.054))
    assert cells[:3] + cells[6:] == FLAT[:3] + FLAT[6:]


@pytest.mark.requirement("R31")
def test_a_cell_that_takes_has_less_than_it_shows() -> None:
    view = undisturbed(seen(1.8), (4, 9))
    assert view.reading.cell_voltages_v[9] == pytest.approx(3.330 - 1.8 * (0.058 + 0.059))
    assert view.cell_max is not None
    assert view.cell_max.cell in (9, 11)


def test_the_first_cell_has_no_lead_but_its_own() -> None:
    cells = undisturbed(seen(-2.0), (0, 9)).reading.cell_voltages_v
    assert cells[:2] == pytest.approx((3.330 + 2 * 0.100, 3.330 - 2 * 0.050))
    last = undisturbed(seen(-2.0), (15, 9)).reading.cell_voltages_v
    assert len(last) == 16


@pytest.mark.parametrize(
    ("view", "pair"),
    [
        (seen(0.0), (4, 9)),
        (seen(None), (4, 9)),
        (seen(-2.0), None),
        (seen(-2.0, ()), (4, 9)),
        (seen(-2.0, (*OHMS[:4], None, *OHMS[5:])), (4, 9)),
        (seen(-2.0, (*OHMS[:3], None, *OHMS[4:])), (4, 9)),
    ],
)
def test_what_is_not_known_is_not_corrected(view: View, pair: tuple[int, int] | None) -> None:
    assert undisturbed(view, pair) is view


def test_both_cells_and_their_neighbours_are_not_listened_to() -> None:
    assert set(disturbed_by(seen(-2.0), (4, 9), None)) == {3, 4, 5, 8, 9, 10}
    assert not disturbed_by(seen(0.0), (4, 9))


def test_the_current_is_of_the_giving_cell_while_it_is_negative() -> None:
    assert moved_by(seen(-2.0), (4, 9), 5.0) == Moved(4, -10.0)
    assert moved_by(seen(1.8), (4, 9), 5.0) == Moved(9, 9.0)
    assert moved_by(seen(0.0), (4, 9), 5.0) is None


@pytest.mark.requirement("R31")
def test_a_drop_over_a_lead_does_not_limit_the_charge() -> None:
    """A cell that takes 2 A by leads of 50 mOhm reads 0.2 V more than it has."""
    bench = Bench(balances_cells=True)
    high = tuple(3.45 if n == 2 else 3.39 for n in range(16))
    bench.settle(80, cell_voltages_v=high, voltage_v=sum(high), balance_current_a=0.0)
    pair = bench.memory.insight.plan.pair
    assert pair is not None
    volts = [3.33] * 16
    volts[pair[1]] += 0.2
    state = bench.hear(
        cell_voltages_v=tuple(volts),
        voltage_v=sum(volts),
        balance_current_a=2.0,
        wire_resistances_ohm=(0.05,) * 16,
    )
    assert state.cell_max is not None
    assert state.cell_max.voltage_v < 3.44
