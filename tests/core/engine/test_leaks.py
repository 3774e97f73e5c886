"""Self-discharge of one cell against the others, from one full charge to the next."""

import json
from dataclasses import replace

import pytest

from cellwarden.engine.kalman import diagonal
from cellwarden.engine.leaks import Leaks, LeakWatch
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_cells import Cell
from cellwarden.engine.soc_estimator import Estimator, Moved
from cellwarden.model import CHEMISTRIES
from support.packs import Bench, parameters

DAY_S = 86_400.0


def gauge(apart_percent: dict[int, float], *, full: bool, sigma_percent: float = 0.1) -> Gauge:
    """100 Ah; cells by number, their SoC above the mean in %."""
    estimator = Estimator(CHEMISTRIES["LiFePO4"], parameters(), None)
    estimate = estimator.start(0.98, 0.01, 100.0)
    p = diagonal([(sigma_percent / 100) ** 2, 1e-9, 1e-12, 1e-9])
    cells = tuple(Cell((apart_percent.get(n, 0.0) / 100, 0.0, 0.0, 0.0), p) for n in range(1, 17))
    mean = estimate.mean._replace(x=(0.98, 0.0, 1.0, *estimate.mean.x[3:]))
    return Gauge(full=full, estimate=estimate._replace(mean=mean, cells=cells))


class Days:
    """A pack that is full once a day."""

    def __init__(self) -> None:
        self.watch = LeakWatch(16, 100.0)
        self.leaks = Leaks()

    def full_charge(
        self, apart_percent: dict[int, float], *, after_s: float = DAY_S, sigma_percent: float = 0.1
    ) -> None:
        for full, gap_s in ((True, after_s), (False, 0.0)):
            now = gauge(apart_percent, full=full, sigma_percent=sigma_percent)
            self.leaks = self.watch.hear(self.leaks, now, None, gap_s)

    def moved(self, cell: int, ampere_hours: float) -> None:
        known = gauge({}, full=False)
        self.leaks = self.watch.hear(self.leaks, known, Moved(cell - 1, 3600 * ampere_hours), 0.0)


def test_a_cell_that_loses_more_each_day_is_measured() -> None:
    days = Days()
    for day in range(4):
        days.full_charge({5: -0.6 * day})
    assert days.leaks.rate_a[4] == pytest.approx(0.6 * 15 / 16 / 24, rel=0.02)
    assert days.leaks.rate_a[0] == pytest.approx(-0.6 / 16 / 24, rel=0.05)
    assert days.leaks.of(4, 100.0) == days.leaks.rate_a[4]


@pytest.mark.requirement("F44")
def test_after_days_it_stands_out_of_its_doubt_long_before_a_protection_would_know() -> None:
    days = Days()
    for day in range(6):
        days.full_charge({5: -0.2 * day})
    assert days.leaks.rate_a[4] == pytest.approx(0.0078, abs=2e-4)
    assert days.leaks.rate_a[4] > 5 * days.leaks.sigma_a[4]
    assert max(days.leaks.rate_a[:4]) < 0


def test_what_a_balancer_took_is_no_leak() -> None:
    days = Days()
    days.full_charge({})
    days.moved(5, -1.6)
    days.full_charge({5: -1.5, **dict.fromkeys([*range(1, 5), *range(6, 17)], 0.1)})
    assert days.leaks.rate_a[4] == pytest.approx(0.0, abs=1e-3)


def test_what_a_balancer_hides_is_a_leak_all_the_same() -> None:
    days = Days()
    for _ in range(4):
        days.full_charge({})
        days.moved(5, 0.6)
    assert days.leaks.rate_a[4] == pytest.approx(0.6 * 15 / 16 / 24, rel=0.02)


def test_two_full_charges_in_one_day_are_one_look() -> None:
    days = Days()
    days.full_charge({})
    days.full_charge({5: -0.1}, after_s=3600.0)
    assert days.leaks.rate_a == ()


def test_debts_that_are_not_known_well_are_not_compared() -> None:
    days = Days()
    days.full_charge({})
    days.full_charge({5: -3.0}, sigma_percent=0.5)
    assert days.leaks.rate_a == ()


def test_a_rate_in_doubt_is_not_told() -> None:
    days = Days()
    days.full_charge({}, sigma_percent=0.39)
    days.full_charge({5: -0.3}, sigma_percent=0.39, after_s=21 * 3600.0)
    assert days.leaks.sigma_a[4] > 0.02
    assert Leaks(rate_a=(0.01,), sigma_a=(0.031,)).of(0, 100.0) is None
    assert Leaks(rate_a=(0.01,), sigma_a=(0.029,)).of(0, 100.0) == 0.01
    assert Leaks().of(0, 100.0) is None


def test_what_was_seen_over_days_survives_a_restart() -> None:
    days = Days()
    for day in range(3):
        days.full_charge({5: -0.6 * day})
    days.moved(3, 0.5)
    bench = Bench()
    bench.settle(3)
    insight = bench.memory.insight._replace(leaks=days.leaks)
    memory = replace(bench.memory, insight=insight)
    record = json.loads(json.dumps(bench.engine.record(memory, bench.now_s)))
    again = bench.engine.restore(record, 0.0, 7200.0).insight.leaks
    assert again.rate_a == days.leaks.rate_a
    assert again.moved_ah[2] == 0.5
    assert again.look.age_s == days.leaks.look.age_s + 7200.0
    # With the time off unknown a rate would be wrong: the next look begins anew.
    assert bench.engine.restore(record, 0.0, None).insight.leaks == Leaks()


@pytest.mark.requirement("F28")
@pytest.mark.parametrize(
    ("told", "alarm"),
    [
        ({"balance_switch_on": False, "balancing": True}, True),
        ({"balance_switch_on": False, "balance_current_a": -1.9}, True),
        ({"balance_switch_on": True, "balancing": True}, False),
        ({"balance_switch_on": False, "balancing": False, "balance_current_a": 0.02}, False),
    ],
)
def test_a_balancer_that_does_not_stop_is_found_within_a_minute(
    told: dict[str, object], alarm: bool
) -> None:
    bench = Bench()
    bench.hear()
    state = bench.settle(59, **told)
    assert "balancer fault" not in [a.kind.value for a in state.alarms]
    state = bench.settle(2, **told)
    assert ("balancer fault" in [a.kind.value for a in state.alarms]) is alarm
    state = bench.settle(1, balance_switch_on=False, balancing=False, balance_current_a=0.0)
    assert "balancer fault" not in [a.kind.value for a in state.alarms]
