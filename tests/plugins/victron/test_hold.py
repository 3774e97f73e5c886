"""A bank that must not be charged, where Venus ignores the current limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.model import BankPhase
from cellwarden_victron.hold import RULE, VoltageHold
from support.states import bank_state, limits


def blocked(at_s=0.0, voltage_v=53.0, current_a=40.0, **more):
    return bank_state(
        at_s=at_s, voltage_v=voltage_v, current_a=current_a, charge_allowed=False, **more
    )


def cvl(hold: VoltageHold, state, *, feeds_in: bool = True) -> float:
    return hold.apply(state, feeds_in=feeds_in).limits.cvl_v


def test_without_feed_in_or_with_charging_allowed_the_charge_voltage_is_the_banks():
    assert cvl(VoltageHold(), blocked(), feeds_in=False) == 55.2
    assert cvl(VoltageHold(), bank_state()) == 55.2


def test_blocked_it_goes_below_the_banks_voltage_at_once_and_says_why():
    hold = VoltageHold()
    state = hold.apply(blocked(), feeds_in=True)
    assert state.limits.cvl_v == pytest.approx(53.0 - 0.2 - 0.1)
    assert state.limits.charge_voltage.binding.rule == RULE
    assert len(state.limits.charge_voltage.reasons) == 2


def test_a_limit_of_0_a_is_a_block_too():
    assert cvl(VoltageHold(), bank_state(limits=limits(55.2, 0.0, 100.0, 48.0))) < 53.0


def test_when_charging_is_allowed_again_the_charge_voltage_is_back_at_once():
    hold = VoltageHold()
    cvl(hold, blocked())
    assert cvl(hold, bank_state()) == 55.2


def test_it_is_never_above_the_banks_own_nor_below_the_discharge_voltage():
    assert cvl(VoltageHold(), blocked(voltage_v=57.0, current_a=0.0)) == 55.2
    assert cvl(VoltageHold(), blocked(voltage_v=47.0)) == 48.0


def test_a_silent_bank_is_held_where_it_was_seen_last():
    hold = VoltageHold()
    hold.apply(bank_state(at_s=0.0, voltage_v=53.0, current_a=0.0), feeds_in=True)
    silent = blocked(at_s=5.0, voltage_v=None, current_a=None, phase=BankPhase.SILENT)
    assert cvl(hold, silent) == pytest.approx(52.9)
    assert cvl(VoltageHold(), silent) == 55.2  # nothing is known to hold it at


@pytest.mark.parametrize("bank_ohm", [0.001, 0.005, 0.02])
@pytest.mark.parametrize("load_a", [0.0, 15.0, 60.0])
def test_solar_chargers_that_ignore_the_limit_soon_charge_nothing_and_still_feed_the_load(
    bank_ohm, load_a
):
    open_v, solar_a = 53.2, 70.0
    hold = VoltageHold()
    target_v = 55.3
    charged_as, currents = 0.0, []
    for second in range(600):
        # The charger gives what it takes to reach its voltage, as far as the sun goes.
        wanted_a = (target_v - open_v) / bank_ohm + load_a
        current_a = max(0.0, min(solar_a, wanted_a)) - load_a
        state = blocked(float(second), open_v + current_a * bank_ohm, current_a)
        cvl_v = cvl(hold, state)
        if second % 3 == 0:
            target_v = round(cvl_v, 2) + 0.1
        currents.append(current_a)
        charged_as += max(0.0, current_a) if second > 10 else 0.0
    grain_a = 0.01 / bank_ohm  # what the last digit of the charge voltage makes
    assert max(currents[30:]) <= max(2.0, grain_a)
    assert min(currents[60:]) >= -max(2.0, 2 * grain_a)  # the sun carries the load
    assert charged_as / 3600 < 0.3


@given(
    st.lists(
        st.tuples(st.floats(0.1, 4.0), st.floats(40.0, 60.0), st.floats(-300.0, 300.0)),
        min_size=1, max_size=40,
    )
)  # fmt: skip
def test_whatever_is_measured_the_charge_voltage_stays_within_its_bounds(steps):
    hold, at_s = VoltageHold(), 0.0
    for after_s, voltage_v, current_a in steps:
        at_s += after_s
        assert 48.0 <= cvl(hold, blocked(at_s, voltage_v, current_a)) <= 55.2
