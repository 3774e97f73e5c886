"""Orders: what is asked of the bank as a whole lowers its limits and names who asked."""

import pytest

from cellwarden.engine import Bank, BankMember, BankSettings
from cellwarden.model import ChargeMode, ChargePhase, Order, Orders
from support.racks import Rack, currents


def order(value: float, who: str = "the page") -> Order:
    return Order(value=value, who=who)


def rack(soc_percent: float = 60.0, **orders: object) -> Rack:
    """Two packs of 100 Ah that give 100 A charge and 200 A discharge without orders."""
    made = Rack()
    made.orders = Orders(**orders)  # type: ignore[arg-type]
    told = {"soc_percent": soc_percent}
    made.cycles(60, left=told, right=told)
    return made


def test_a_current_order_lowers_the_limit_and_names_who_asked() -> None:
    state = rack(charge_current_a=order(30.0, "modbus")).state
    assert currents(state) == (30, 200)
    binding = state.limits.charge_current.binding
    assert (binding.rule, binding.source) == ("charge current order", "modbus")
    assert "clears when it is withdrawn" in binding.text
    assert {r.pack for r in state.limits.charge_current.reasons[1:]} == {"left", "right"}


def test_an_order_above_what_the_packs_allow_raises_nothing_and_is_still_shown() -> None:
    state = rack(discharge_current_a=order(900.0)).state
    assert currents(state) == (100, 200)
    assert state.limits.discharge_current.binding.rule == "discharge current setting"
    assert state.limits.discharge_current.reasons[-1].rule == "discharge current order"


def test_a_block_stops_its_direction_only() -> None:
    assert currents(rack(charge_block=order(1)).state) == (0, 200)
    state = rack(discharge_block=order(1, "the grid operator")).state
    assert currents(state) == (100, 0)
    assert not state.discharge_allowed
    assert state.limits.discharge_current.binding.source == "the grid operator"


def test_a_withdrawn_order_lets_the_limit_rise_slowly() -> None:
    bank = rack(charge_block=order(1))
    bank.orders = Orders()
    assert [currents(bank.cycle())[0] for _ in range(3)] == [10, 20, 30]


@pytest.mark.parametrize(("soc_percent", "ccl_a"), [(79.0, 100), (80.0, 0), (81.0, 0)])
def test_charging_ends_at_the_target(soc_percent: float, ccl_a: float) -> None:
    state = rack(soc_percent, target_soc_percent=order(80.0, "the tariff")).state
    assert currents(state) == (ccl_a, 200)
    if ccl_a == 0:
        assert state.limits.charge_current.binding.text == (
            "target SoC, the tariff (threshold 80.0 %); clears when the SoC is below 78 %"
        )


@pytest.mark.parametrize(("soc_percent", "dcl_a"), [(31.0, 200), (30.0, 0), (12.0, 0)])
def test_discharging_ends_at_the_reserve(soc_percent: float, dcl_a: float) -> None:
    state = rack(soc_percent, reserve_soc_percent=order(30.0)).state
    assert currents(state) == (100, dcl_a)


def test_the_reserve_is_left_again_only_well_above_it() -> None:
    bank = rack(30.0, reserve_soc_percent=order(30.0))
    given = []
    for _ in range(150):  # 100 A into 200 Ah: 2 % in 144 s
        state = bank.cycle(left={"current_a": 50.0}, right={"current_a": 50.0})
        given.append((state.soc_percent, currents(state)[1]))
    assert [round(soc) for soc, dcl_a in given if dcl_a > 0][:1] == [32]
    assert all(dcl_a == 0 for soc, dcl_a in given if soc < 31.9)


def test_a_full_charge_goes_beyond_the_target() -> None:
    orders = {"target_soc_percent": order(50.0), "full_charge": order(1)}
    assert currents(rack(60.0, **orders).state) == (100, 200)


def test_hold_neither_charges_nor_discharges() -> None:
    state = rack(mode=ChargeMode.HOLD).state
    assert currents(state) == (0, 0)
    assert state.limits.charge_current.binding.rule == "charge mode hold"


def test_hold_still_charges_up_to_the_reserve() -> None:
    state = rack(20.0, mode=ChargeMode.HOLD, reserve_soc_percent=order(30.0)).state
    assert currents(state) == (100, 0)


def test_the_state_tells_the_orders_it_obeyed() -> None:
    asked = {"charge_current_a": order(30.0)}
    assert rack(**asked).state.orders == Orders(**asked)


def test_the_charge_mode_float_takes_the_voltage_down_slowly_and_is_shown() -> None:
    made = Rack()
    made.bank = Bank(
        BankSettings("Battery", (BankMember("left", 100.0, 54.0), BankMember("right", 100.0, 54.0)))
    )
    made.cycles(60)
    made.orders = Orders(mode=ChargeMode.FLOAT)
    state = made.cycles(60)
    assert state.limits.cvl_v == pytest.approx(55.2 - 0.045, abs=0.001)
    assert state.limits.charge_voltage.binding.rule == "float"
    assert state.charge_phase is ChargePhase.FLOAT
    assert state.limits.ccl_a == pytest.approx(75)
