"""What a bank of two packs of 100 Ah allows in one step, and what the next one starts from."""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_allow import Allowance, Allowed, _float_v, _gone
from cellwarden.engine.bank_charge import ChargeControl, Plan
from cellwarden.engine.bank_contacts import UNKNOWN
from cellwarden.engine.bank_limits import TRIPPED
from cellwarden.engine.bank_members import Part
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_orders import Reached
from cellwarden.engine.bank_ramp import FLOAT_RULE, Moves
from cellwarden.engine.bank_settings import BankMember, BankSettings, LossPolicy, Shape
from cellwarden.engine.bank_share import begin
from cellwarden.model import (
    NO_ORDERS,
    ChargePhase,
    Limits,
    Order,
    Orders,
    PackPhase,
    PackState,
    Standing,
)
from support.states import limits, pack_state

MEMBERS = (BankMember("left", 100.0, 54.0), BankMember("right", 100.0, 53.6))
NAMES = ("left", "right")
LOST = limits(55.2, 0.0, 0.0, 48.0)
LAST = limits(55.2, 60.0, 90.0, 48.0)
MOVES = Moves(((100.0, 0.01),))


def allowance(**changes: object) -> Allowance:
    settings = BankSettings("Battery", MEMBERS, **changes)  # type: ignore[arg-type]
    return Allowance(settings, ChargeControl(settings))


def part(pack: PackState, standing: Standing = Standing.IN) -> Part:
    online = standing is not Standing.LOST and standing is not Standing.HELD
    return Part(standing, "", 0.0, pack.limits if online else None, True, True)


def memory(
    *standings: Standing, at_s: float = 1000.0, last: Limits | None = LAST, **changes: object
) -> BankMemory:
    standings = standings or (Standing.IN, Standing.IN)
    packs = tuple(
        pack_state(name)
        if standing is not Standing.LOST
        else pack_state(name, phase=PackPhase.LOST, limits=LOST)
        for name, standing in zip(NAMES, standings, strict=True)
    )
    parts = tuple(part(pack, of) for pack, of in zip(packs, standings, strict=True))
    plain = BankMemory(
        at_s, parts, (1.0, 1.0), (UNKNOWN, UNKNOWN), packs, seen=True, limits=last, moves=MOVES,
        shares=begin((0, 1), (100.0, 100.0), (1.0, 1.0), None, (1.0, 1.0)),
    )  # fmt: skip
    return plain._replace(**changes)  # type: ignore[arg-type]


def decided(
    now: BankMemory,
    before: BankMemory | None = None,
    orders: Orders = NO_ORDERS,
    current_a: float | None = 5.0,
    of: Allowance | None = None,
) -> Allowed:
    return (of or allowance(strange_factor=1.0)).decide(
        before or memory(at_s=999.0), now, orders, current_a
    )


def order(value: float) -> Order:
    return Order(value=value, who="owner")


def values(allowed: Allowed) -> tuple[float, ...]:
    told = allowed.limits
    assert told is not None
    return (
        told.charge_voltage.value,
        told.charge_current.value,
        told.discharge_current.value,
        told.discharge_voltage.value,
    )


def test_before_a_pack_has_been_online_nothing_is_allowed() -> None:
    assert decided(memory(seen=False)) == Allowed(None, None, None, MOVES)


def test_two_equal_packs_allow_twice_what_one_does() -> None:
    told = decided(memory(at_s=100_000.0))
    assert values(told) == pytest.approx((55.2, 100.0, 200.0, 48.0))
    assert told.basis is not None
    assert told.wish is not None
    assert told.wish.charge.limit.value == pytest.approx(100.0)


def test_a_wish_is_kept_with_its_basis_while_nothing_changes() -> None:
    now = memory()
    first = decided(now)
    again = decided(now._replace(at_s=1001.0), now._replace(basis=first.basis, wish=first.wish))
    assert again.wish is first.wish
    assert again.basis is not None
    assert again.basis == first.basis


def test_currents_rise_by_what_has_passed_and_not_when_the_clock_went_back() -> None:
    _, charge_a, discharge_a, _ = values(decided(memory(at_s=1000.0)))
    assert 60.0 < charge_a < 100.0
    assert 90.0 < discharge_a < 200.0
    _, longer_a, _, _ = values(decided(memory(at_s=1001.0)))
    assert longer_a - 60.0 == pytest.approx(2 * (charge_a - 60.0))
    assert values(decided(memory(at_s=999.0)))[1:3] == (60.0, 90.0)
    assert values(decided(memory(at_s=900.0)))[1:3] == (60.0, 90.0)


def test_a_silent_bank_keeps_its_voltages_and_allows_no_current() -> None:
    now = memory(Standing.LOST, Standing.LOST, silent_since_s=990.0)
    worked = decided(memory(at_s=998.0))
    before = memory(at_s=999.0, basis=worked.basis, wish=worked.wish)
    told = decided(now, before)
    assert before.wish is not None
    assert values(told) == (55.2, 0.0, 0.0, 48.0)
    assert told.limits is not None
    assert [r.pack for r in told.limits.charge_current.reasons] == ["left", "right"]
    assert told.limits.discharge_current == told.limits.charge_current
    assert (told.basis, told.wish, told.moves) == (before.basis, before.wish, MOVES)
    out = decided(now, before, Orders(out=frozenset({"left"})))
    assert out.limits is not None
    assert [r.pack for r in out.limits.charge_current.reasons] == ["right"]
    every = decided(now, before, Orders(out=frozenset(NAMES)))
    assert every.limits is not None
    assert [r.pack for r in every.limits.charge_current.reasons] == ["left", "right"]


def test_a_pack_that_answers_is_no_reason_for_silence() -> None:
    told = decided(memory(Standing.IN, Standing.LOST, silent_since_s=990.0))
    assert told.limits is not None
    assert [r.pack for r in told.limits.charge_current.reasons] == ["right"]


def test_where_one_lost_pack_trips_the_bank_there_is_no_current() -> None:
    now = memory(Standing.IN, Standing.LOST)
    trips = decided(now, of=allowance(strange_factor=1.0, on_pack_lost=LossPolicy.TRIP))
    assert values(trips)[1:3] == (0.0, 0.0)
    assert trips.limits is not None
    for told in (trips.limits.charge_current, trips.limits.discharge_current):
        assert [r.pack for r in told.reasons] == [None, "right"]
        assert told.binding.rule == TRIPPED
    assert values(decided(now))[1] > 0.0
    whole = decided(memory(), of=allowance(strange_factor=1.0, on_pack_lost=LossPolicy.TRIP))
    assert values(whole)[1] > 60.0


@pytest.mark.parametrize(
    ("standings", "before", "gone", "online", "held"),
    [
        ((Standing.IN, Standing.IN), (Standing.IN, Standing.IN), [], 2, False),
        ((Standing.IN, Standing.LOST), (Standing.IN, Standing.IN), ["right"], 1, True),
        ((Standing.IN, Standing.LOST), (Standing.IN, Standing.LOST), ["right"], 1, False),
        ((Standing.IN, Standing.HELD), (Standing.IN, Standing.HELD), ["right"], 1, True),
        ((Standing.HELD, Standing.LOST), (Standing.IN, Standing.LOST), ["left", "right"], 0, True),
        ((Standing.OUT, Standing.IN), (Standing.IN, Standing.IN), [], 2, False),
    ],
)
def test_nothing_rises_while_a_lost_pack_is_held_and_in_the_step_of_a_loss(
    standings: tuple[Standing, ...],
    before: tuple[Standing, ...],
    gone: list[str],
    online: int,
    held: bool,
) -> None:
    packs, count, holds = _gone(memory(*before), memory(*standings))
    assert ([p.pack for p in packs], count, holds) == (gone, online, held)


def test_a_pack_that_never_answered_is_not_gone() -> None:
    now = memory()
    waits = now._replace(parts=(now.parts[0], Part(Standing.WAITING, "", 0.0)))
    assert _gone(memory(), waits) == ([], 1, False)


def test_orders_lower_currents_to_what_they_say() -> None:
    told = decided(
        memory(), orders=Orders(charge_current_a=order(7.0), discharge_current_a=order(9.0))
    )
    assert values(told)[1:3] == (7.0, 9.0)


def test_a_target_that_is_reached_ends_the_charge_unless_a_full_one_is_due() -> None:
    target = Orders(target_soc_percent=order(80.0))
    there = Reached(target=True)
    assert values(decided(memory(reached=there), orders=target))[1] == 0.0
    assert values(decided(memory(), orders=target))[1] > 60.0
    due = memory(reached=there, plan=Plan(due=True))
    assert values(decided(due, orders=target))[1] > 60.0


def test_a_reserve_that_is_reached_ends_the_discharge() -> None:
    reserve = Orders(reserve_soc_percent=order(20.0))
    assert values(decided(memory(reached=Reached(reserve=True)), orders=reserve))[2] == 0.0
    assert values(decided(memory(), orders=reserve))[2] > 90.0


def test_a_full_bank_goes_down_to_the_float_voltage_slowly() -> None:
    floats = memory(plan=Plan(phase=ChargePhase.FLOAT), last=None)
    first = decided(floats, memory(at_s=999.0, last=None))
    assert values(first)[0] == 53.6
    assert first.limits is not None
    assert first.limits.charge_voltage.binding.rule == FLOAT_RULE
    assert first.basis is not None
    assert first.basis.floating
    cut = decided(memory(plan=Plan(phase=ChargePhase.FLOAT, cut_percent=90.0)))
    assert cut.basis is not None
    assert not cut.basis.floating
    bulk = decided(memory(last=None), memory(at_s=999.0, last=None))
    assert values(bulk)[0] == 55.2
    assert bulk.basis is not None
    assert not bulk.basis.floating


def test_the_voltage_moves_from_where_it_was() -> None:
    """By 45 mV in a minute: 0.75 mV in the second that passed, beside 10 mV before."""
    floats = memory(plan=Plan(phase=ChargePhase.FLOAT), moves=Moves(((1000.0, 0.01),)))
    told = decided(floats, memory(at_s=999.0, moves=Moves(((1000.0, 0.01),))))
    assert values(told)[0] == pytest.approx(55.2 - 0.00075, abs=1e-7)
    assert told.moves.slots == ((1000.0, pytest.approx(0.01075)),)


@pytest.mark.parametrize(("current_a", "cvl_v"), [(20.0, 55.4), (0.0, 55.2), (None, 55.2)])
def test_what_the_cables_drop_is_added(current_a: float | None, cvl_v: float) -> None:
    of = allowance(strange_factor=1.0, cable_resistance_ohm=0.01)
    told = decided(memory(last=None), memory(at_s=999.0, last=None), current_a=current_a, of=of)
    assert values(told)[0] == pytest.approx(cvl_v)


@pytest.mark.parametrize(
    ("floats", "shape", "float_v"),
    [
        ((54.0, 53.6), Shape.PARALLEL, 53.6),
        ((None, 53.6), Shape.PARALLEL, 53.6),
        ((None, None), Shape.PARALLEL, None),
        ((27.0, 26.8), Shape.SERIES, 53.8),
        ((27.0, None), Shape.SERIES, None),
        ((None, None), Shape.SERIES, None),
    ],
)
def test_what_the_full_bank_is_held_at(
    floats: tuple[float | None, ...], shape: Shape, float_v: float | None
) -> None:
    members = tuple(replace(m, float_voltage_v=v) for m, v in zip(MEMBERS, floats, strict=True))
    assert _float_v(BankSettings("Battery", members, shape=shape)) == float_v
