"""Who takes part in the bank: joining by voltage, blocks, loss by policy, taken out, start-up."""

import pytest

from cellwarden.model import Order, Orders, PackPhase, Standing
from support.packs import all_cells, with_cell
from support.racks import Rack, currents


def standings(rack: Rack) -> dict[str, Standing]:
    return {m.pack: m.standing for m in rack.state.members}


def why(rack: Rack, pack: str) -> str:
    return next(m.why for m in rack.state.members if m.pack == pack)


@pytest.fixture
def rack() -> Rack:
    """Two packs of 100 Ah at work."""
    made = Rack()
    made.cycles(60)
    return made


def test_packs_at_work_are_in(rack: Rack) -> None:
    assert standings(rack) == {"left": Standing.IN, "right": Standing.IN}
    assert [m.why for m in rack.state.members] == ["", ""]


def test_the_shares_of_all_members_sum_up_to_the_limit(rack: Rack) -> None:
    assert [m.charge_share_a for m in rack.state.members] == [50.0, 50.0]
    assert [m.discharge_share_a for m in rack.state.members] == [100.0, 100.0]


# How packs join


def test_a_pack_that_comes_2_v_apart_is_joining_and_counts_for_nothing() -> None:
    rack = Rack()
    rack.cycles(60, silent=("right",))
    state = rack.cycles(30, right=all_cells(3.425))  # 54.8 V beside 52.8 V
    assert standings(rack) == {"left": Standing.IN, "right": Standing.JOINING}
    assert why(rack, "right") == (
        "its voltage is 2.0 V above the bank's: not counted on until it is within 0.5 V"
    )
    assert currents(state) == (50, 100)
    assert state.capacity_ah == 100.0
    assert state.voltage_v == pytest.approx(52.8)
    assert "the pack is joining" in {r.rule for r in state.limits.charge_current.reasons}


@pytest.mark.parametrize(("fets_on", "wanted"), [(False, False), (True, None)])
def test_open_mosfets_of_a_pack_that_is_apart_are_kept_open(fets_on: bool, wanted) -> None:
    rack = Rack()
    rack.cycles(10, silent=("right",))
    fets = {"charge_fet_on": fets_on, "discharge_fet_on": fets_on}
    state = rack.cycles(3, right={**all_cells(3.425), **fets})
    assert standings(rack)["right"] is Standing.JOINING
    assert (state.packs[1].switches.charge, state.packs[1].switches.discharge) == (wanted, wanted)
    assert state.packs[0].switches.charge is None


def test_a_pack_joins_once_its_voltage_is_within_the_window() -> None:
    rack = Rack()
    rack.cycles(60, silent=("right",))
    rack.cycles(5, right=all_cells(3.425))
    rack.cycles(3, right=all_cells(3.32))  # 0.32 V
    assert standings(rack)["right"] is Standing.IN
    assert rack.state.packs[1].switches.charge is None
    assert currents(rack.cycles(60, right=all_cells(3.32))) == (100, 200)


def test_a_fault_of_a_pack_that_hangs_on_no_bus_bar_does_not_stop_the_others() -> None:
    rack = Rack()
    rack.cycles(60, silent=("right",))
    assert currents(rack.cycles(3, right=all_cells(3.63))) == (50, 100)


def test_a_pack_that_carries_current_is_connected_whatever_its_voltage_says() -> None:
    rack = Rack()
    rack.cycles(60, silent=("right",))
    rack.cycles(5, right={**all_cells(3.425), "current_a": 5.0}, left={"current_a": 5.0})
    assert standings(rack)["right"] is Standing.IN


def test_a_load_step_between_two_polls_puts_no_member_out(rack: Rack) -> None:
    rack.cycle(left={**all_cells(3.15), "current_a": -90.0})  # 2.4 V of sag, seen by one only
    assert standings(rack) == {"left": Standing.IN, "right": Standing.IN}
    assert currents(rack.state)[0] == 100


def test_a_member_whose_breaker_opens_is_out_after_ten_seconds(rack: Rack) -> None:
    used = {**all_cells(3.20), "current_a": -20.0}  # 51.2 V; the other rests at 52.8 V
    rack.cycles(9, left=used)
    assert standings(rack)["right"] is Standing.IN
    rack.cycles(3, left=used)
    assert standings(rack)["right"] is Standing.JOINING
    assert rack.state.capacity_ah == 100.0


def test_of_packs_that_differ_the_larger_group_is_the_bank() -> None:
    rack = Rack({"a": 100.0, "b": 100.0, "c": 100.0})
    odd, rest = all_cells(3.40), all_cells(3.30)
    rack.cycles(5, a=odd, b=rest, c=rest)
    assert standings(rack) == {
        "a": Standing.JOINING,
        "b": Standing.IN,
        "c": Standing.IN,
    }


# Blocks


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"charge_fet_on": False}, Standing.NO_CHARGE),
        ({"discharge_fet_on": False}, Standing.NO_DISCHARGE),
        ({"charge_fet_on": False, "discharge_fet_on": False}, Standing.BLOCKED),
        (
            {"charge_fet_on": False, "discharge_fet_on": False, "balancing": True},
            Standing.BALANCING,
        ),
    ],
)
def test_a_pack_that_blocks_says_which_way(rack: Rack, changes, standing) -> None:
    rack.cycles(2, right=changes)
    assert standings(rack)["right"] is standing
    assert "is off in the BMS" in why(rack, "right")


def test_a_pack_that_blocks_both_adds_no_capacity(rack: Rack) -> None:
    state = rack.cycles(2, right={"charge_fet_on": False, "discharge_fet_on": False})
    assert (state.capacity_ah, state.installed_ah) == (100.0, 200.0)


# Loss


@pytest.mark.parametrize("policy", ["exclude", "hold"])
def test_what_a_lost_pack_forbade_stays_forbidden(policy: str) -> None:
    rack = Rack(on_pack_lost=policy, hold_s=5.0)
    rack.cycles(60)
    rack.cycles(3, right={"temperatures_c": (6.0, 6.0)})
    rack.cycles(3, right={"temperatures_c": (-1.0, -1.0)})
    assert rack.state.limits.ccl_a == 0
    state = rack.cycles(60, silent=("right",))
    assert standings(rack)["right"] is Standing.LOST
    assert state.limits.ccl_a == 0
    assert "before it was lost" in state.limits.charge_current.binding.text
    # In the cold it bore 48.5 A of discharge, half of what both carry together.
    assert state.limits.dcl_a == pytest.approx(97)


def test_taking_a_lost_pack_out_ends_what_it_forbade(rack: Rack) -> None:
    rack.cycles(3, right={"temperatures_c": (6.0, 6.0)})
    rack.cycles(3, right={"temperatures_c": (-1.0, -1.0)})
    rack.cycles(10, silent=("right",))
    rack.orders = Orders(out=frozenset({"right"}))
    state = rack.cycles(60, silent=("right",))
    assert standings(rack)["right"] is Standing.OUT
    assert state.limits.ccl_a == 50


def test_a_charge_voltage_that_a_lost_pack_had_lowered_stays_low(rack: Rack) -> None:
    rack.cycles(5, right=with_cell(5, 3.56))
    low_v = rack.state.limits.cvl_v
    assert low_v == pytest.approx(54.8)
    assert rack.cycles(300, silent=("right",)).limits.cvl_v == pytest.approx(low_v)


def test_a_high_cell_of_a_lost_pack_forbids_nothing_once_the_bank_has_sunk(rack: Rack) -> None:
    rack.cycles(5, left=all_cells(3.42), right=with_cell(3, 3.65, 3.42))
    assert rack.state.limits.ccl_a == 0
    rack.cycles(20, silent=("right",), left=all_cells(3.40))
    assert rack.state.limits.ccl_a == 0
    state = rack.cycles(60, silent=("right",), left=all_cells(3.30))  # 3 % lower
    assert state.limits.ccl_a > 0
    assert "before it was lost" not in state.limits.charge_current.binding.text
    assert state.limits.cvl_v > 53.0


def test_a_low_cell_of_a_lost_pack_forbids_nothing_once_the_bank_has_risen(rack: Rack) -> None:
    rack.cycles(5, left=all_cells(3.10), right=with_cell(3, 2.65, 3.12))
    assert rack.state.limits.dcl_a == 0
    rack.cycles(20, silent=("right",), left=all_cells(3.12))
    assert rack.state.limits.dcl_a == 0
    state = rack.cycles(60, silent=("right",), left=all_cells(3.25))
    assert state.limits.dcl_a > 0
    assert "before it was lost" not in state.limits.discharge_current.binding.text


def test_a_held_pack_is_named_held_then_lost() -> None:
    rack = Rack(on_pack_lost="hold", hold_s=10.0)
    rack.cycles(60)
    rack.cycles(5, silent=("right",))
    assert standings(rack)["right"] is Standing.HELD
    rack.cycles(15, silent=("right",))
    assert standings(rack)["right"] is Standing.LOST


def test_a_pack_that_was_out_of_the_bank_when_it_was_lost_forbids_nothing() -> None:
    rack = Rack()
    rack.cycles(60, silent=("right",))
    rack.cycles(5, right=all_cells(3.63))  # apart, and over-voltage
    assert currents(rack.cycles(10, silent=("right",))) == (50, 100)


# Taken out


def test_a_pack_that_its_owner_takes_out_counts_for_nothing_at_once(rack: Rack) -> None:
    rack.orders = Orders(out=frozenset({"right"}))
    state = rack.cycle()
    assert standings(rack)["right"] is Standing.OUT
    assert currents(state) == (50, 100)
    assert (state.capacity_ah, state.installed_ah) == (100.0, 200.0)
    assert state.packs[1].phase is PackPhase.ONLINE


def test_alarms_of_a_pack_that_is_out_are_not_the_banks(rack: Rack) -> None:
    rack.orders = Orders(out=frozenset({"right"}))
    state = rack.cycles(5, right=with_cell(3, 3.65))
    assert state.alarms == ()
    assert state.limits.ccl_a == 50


def test_a_pack_that_is_out_but_carries_current_and_must_not_stops_the_bank(rack: Rack) -> None:
    rack.orders = Orders(out=frozenset({"right"}))
    state = rack.cycles(5, right={**with_cell(3, 3.65), "current_a": 20.0})
    assert state.limits.ccl_a == 0


def test_with_every_pack_out_nothing_is_allowed_and_the_bank_lives(rack: Rack) -> None:
    rack.orders = Orders(out=frozenset({"left", "right"}))
    state = rack.cycles(3)
    assert currents(state) == (0, 0)
    assert state.limits.charge_current.binding.rule == "no pack takes part"
    assert state.limits.cvl_v == pytest.approx(55.2)


def test_a_pack_let_in_again_rises_slowly(rack: Rack) -> None:
    rack.orders = Orders(out=frozenset({"right"}))
    rack.cycles(10)
    rack.orders = Orders(charge_current_a=Order(value=500.0, who="x"))
    assert [currents(rack.cycle())[0] for _ in range(3)] == [60, 70, 80]


# Start-up and events


def test_packs_that_are_not_there_yet_are_waited_for_by_name() -> None:
    rack = Rack({"a": 100.0, "b": 100.0, "c": 100.0})
    state = rack.cycles(30, silent=("a", "c"))
    assert standings(rack) == {
        "a": Standing.WAITING,
        "b": Standing.IN,
        "c": Standing.WAITING,
    }
    waited = [
        r.pack for r in state.limits.charge_current.reasons if r.rule == "the pack is waited for"
    ]
    assert waited == ["a", "c"]


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")])
def test_packs_may_come_in_any_order_and_no_limit_counts_on_one_before(order) -> None:
    rack = Rack({"a": 100.0, "b": 100.0, "c": 100.0})
    for seen in range(1, 4):
        state = rack.cycles(40, silent=order[seen:])
        assert currents(state) == (50.0 * seen, 100.0 * seen)


def test_every_change_of_part_is_an_event(rack: Rack) -> None:
    rack.cycles(3, silent=("right",))
    state = rack.cycle(silent=("right",))
    assert [(e.pack, e.text) for e in state.events] == [("right", "lost: it went silent")]
    rack.cycle()
    assert [e.text for e in rack.cycle().events] == ["in"]
