"""How fast the bank's charge voltage moves: slowly, but for what protects a pack."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.engine.bank_ramp import STILL, Moves, Wanted, moved, urgent_v
from cellwarden.model import Limit, Limits, Reason

SETTING = Reason(rule="charge voltage setting", value=55.2)


def limit(value: float, rule: str = "charge voltage setting") -> Limit:
    return Limit(value=value, reasons=(Reason(rule=rule, value=value),))


class Inverter:
    """Is told a charge voltage, cycle after cycle."""

    def __init__(self, told_v: float = 55.2) -> None:
        self.limits: Limits | None = None
        self.moves: Moves = STILL
        self.now_s = 1000.0
        self.tell(told_v, 0.0)

    def tell(
        self, wish_v: float, after_s: float, *, urgent: float | None = None, held: bool = False
    ) -> float:
        """Return what it is told of a wish that is `float`'s, or urgent from some voltage on."""
        self.now_s += after_s
        wanted = Wanted(
            limit(100.0), limit(100.0), limit(wish_v, "float"), urgent or 60.0, limit(48.0), 2
        )
        self.limits, self.moves = moved(
            self.limits, wanted, self.moves, self.now_s, after_s, held=held
        )
        return self.limits.cvl_v


def test_the_first_charge_voltage_is_what_is_wanted() -> None:
    assert Inverter(54.0).limits.cvl_v == 54.0


def test_what_is_planned_goes_down_by_45_mv_a_minute_and_names_the_plan() -> None:
    inverter = Inverter()
    for _ in range(60):
        inverter.tell(54.0, 1.0)
    assert inverter.limits.cvl_v == pytest.approx(55.155, abs=0.002)
    reason = inverter.limits.charge_voltage.binding
    assert (reason.rule, reason.value) == ("float", inverter.limits.cvl_v)


def test_it_goes_up_as_slowly_and_arrives() -> None:
    inverter = Inverter(54.0)
    assert inverter.tell(55.2, 60.0) == pytest.approx(54.045)
    assert inverter.limits.charge_voltage.binding.rule == "rising slowly"
    for _ in range(30):
        inverter.tell(55.2, 60.0)
    assert inverter.limits.cvl_v == 55.2


def test_what_protects_a_pack_goes_down_at_once() -> None:
    assert Inverter().tell(53.9, 1.0, urgent=54.1) == pytest.approx(54.1)


def test_while_a_lost_pack_is_held_it_does_not_rise() -> None:
    assert Inverter(54.0).tell(55.2, 60.0, held=True) == 54.0


def test_a_long_silence_is_no_reason_for_a_leap() -> None:
    assert Inverter().tell(54.0, 7200.0) == pytest.approx(55.155)


def test_after_a_clock_that_went_back_it_moves_on() -> None:
    inverter = Inverter()
    inverter.tell(54.0, 60.0)
    inverter.now_s -= 5000.0
    assert inverter.tell(54.0, 60.0) == pytest.approx(55.11)


def test_a_controller_a_plan_and_a_ramp_may_wait_a_protection_may_not() -> None:
    held = Reason(rule="highest cell held at its target", value=54.9)
    rising = Reason(rule="rising slowly", value=54.8)
    alarm = Reason(rule="over-voltage", value=55.0)
    assert urgent_v((SETTING,)) == 55.2
    assert urgent_v((held, SETTING)) == 55.2
    assert urgent_v((rising, held, SETTING)) == 55.2
    assert urgent_v((rising, held, alarm, SETTING)) == 55.0


cycles = st.lists(st.tuples(st.floats(0.05, 400.0), st.floats(53.0, 56.0)), min_size=1, max_size=60)


@given(cycles)
def test_whatever_is_wanted_and_whatever_the_cycle_it_moves_less_than_50_mv_in_any_minute(
    cycles: list[tuple[float, float]],
) -> None:
    """As an inverter sees it: a value holds until the next one comes."""
    inverter = Inverter()
    told = [(inverter.now_s, inverter.limits.cvl_v)]
    for after_s, wish_v in cycles:
        told.append((inverter.now_s + after_s, inverter.tell(wish_v, after_s)))
    for n, (now_s, _) in enumerate(told):
        seen = [v for s, v in told[: n + 1] if s > now_s - 60.0]
        before = [v for s, v in told[: n + 1] if s <= now_s - 60.0][-1:]
        assert max(before + seen) - min(before + seen) < 0.05


@given(cycles)
def test_it_always_moves_towards_what_is_wanted(cycles: list[tuple[float, float]]) -> None:
    inverter = Inverter()
    for after_s, wish_v in cycles:
        before_v = inverter.limits.cvl_v
        now_v = inverter.tell(wish_v, after_s)
        assert min(before_v, wish_v) <= now_v <= max(before_v, wish_v)


@pytest.mark.parametrize("cycle_s", [0.2, 1.0, 3.0, 7.0, 20.0, 40.0, 60.0, 90.0])
def test_at_any_cycle_a_volt_takes_half_an_hour_or_a_little_more(cycle_s: float) -> None:
    inverter = Inverter()
    told = [inverter.tell(54.2, cycle_s) for _ in range(int(2400 / cycle_s))]
    assert all(b <= a for a, b in pairwise(told))
    assert told[-1] == pytest.approx(54.2, abs=0.01 if cycle_s < 60 else 0.1)
