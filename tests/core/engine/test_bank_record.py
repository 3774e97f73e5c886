"""What the bank keeps over a restart."""

import json

import pytest

from cellwarden.model import Order, Orders
from support.packs import all_cells
from support.racks import Rack, currents


def used() -> Rack:
    """A bank that has learned that the left pack carries three quarters."""
    rack = Rack(full_every_s=1e6)
    for _ in range(30):
        rack.cycles(2)
        rack.cycles(2, left={"current_a": 15.0}, right={"current_a": 5.0})
    return rack


def restarted(rack: Rack, off_for_s: float | None = 0.0) -> Rack:
    record = json.loads(json.dumps(rack.bank.record(rack.memory), allow_nan=False))
    again = Rack(full_every_s=1e6)
    again.orders = rack.orders
    again.memory = again.bank.restore(record, again.now_s, off_for_s)
    return again


def test_shares_that_were_learned_are_known_after_a_restart() -> None:
    state = restarted(used()).cycles(60)
    assert currents(state) == pytest.approx((50 / 0.75, 100 / 0.75), rel=0.02)


def test_what_was_learned_of_a_pack_is_forgotten_when_another_takes_its_place() -> None:
    rack = used()
    rack.memory = rack.bank.forget(rack.memory, "left")
    assert rack.memory.conductances[0] == 1.0
    assert rack.memory.conductances[1] == pytest.approx(0.5, abs=0.05)
    assert rack.cycle().limits is not None


def test_the_time_without_a_full_charge_goes_on_while_it_is_off() -> None:
    rack = used()
    before_s = rack.memory.plan.without_full_s
    assert before_s == pytest.approx(120.0, abs=1.0)
    assert restarted(rack, 500.0).memory.plan.without_full_s == pytest.approx(before_s + 500.0)
    assert restarted(rack, None).memory.plan.without_full_s == pytest.approx(before_s)


def test_a_full_bank_still_floats_after_a_restart() -> None:
    rack = Rack()
    full = {"current_a": 1.0, **all_cells(3.45)}
    rack.cycles(70, left=full, right=full)
    phase = restarted(rack).memory.plan.phase
    assert phase.value == "float"


def test_a_reserve_that_was_reached_is_still_reached() -> None:
    rack = Rack()
    rack.orders = Orders(reserve_soc_percent=Order(value=30.0, who="x"))
    low = {"soc_percent": 30.0}
    rack.cycles(5, left=low, right=low)
    again = restarted(rack)
    above = {"soc_percent": 31.0}
    assert currents(again.cycles(60, left=above, right=above))[1] == 0


def test_a_pack_that_is_new_starts_as_usual() -> None:
    record = used().bank.record(used().memory)
    record["packs"].pop("left")
    rack = Rack()
    memory = rack.bank.restore(record, 0.0, 0.0)
    assert memory.conductances[0] == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 99}, "its version is 99"),
        ({"packs": None}, "packs is damaged"),
        ({"phase": "asleep"}, "phase is damaged"),
        ({"without_full_s": float("nan")}, "without_full_s"),
        ({"without_full_s": -1.0}, "without_full_s"),
        ({"cut_percent": "x"}, "cut_percent"),
        ({"packs": {"left": {"conductance": "x"}}}, "conductance"),
    ],
)
def test_a_damaged_record_is_refused_with_the_reason(changes, message) -> None:
    rack = Rack()
    record = {**rack.bank.record(rack.memory), **changes}
    with pytest.raises(ValueError, match=message):
        rack.bank.restore(record, 0.0, 0.0)
