"""How packs share a current: learned from load steps and settled moments."""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_contacts import NO_IDLE, UNKNOWN, idle, learn
from cellwarden.engine.bank_share import Shares, begin, conductances, hear
from support.racks import Rack, currents
from support.states import pack_state

SIZES = (100.0, 100.0)
VOLTS = (52.8, 52.8)


def told(known: Shares, *moments: tuple[float, float], start_s: float = 0.0) -> Shares:
    """Hear one moment a second of two packs' currents."""
    for n, moment in enumerate(moments):
        known = hear(known, moment, VOLTS, start_s + n)
    return known


def sure() -> Shares:
    """Two packs that are known to be alike."""
    return begin((0, 1), SIZES, (1.0, 1.0), None, (1.0, 1.0))


def test_before_anything_flowed_sizes_stand_in() -> None:
    assert begin((0, 1), (100.0, 300.0), (1.0, 1.0)).shares == (0.25, 0.75)


def test_a_load_step_shows_who_carries_what() -> None:
    known = begin((0, 1), SIZES, (1.0, 1.0))
    for n in range(20):
        known = told(known, (0, 0), (0, 0), (15, 5), (15, 5), start_s=4.0 * n)
    assert known.shares == pytest.approx((0.75, 0.25), abs=0.01)
    assert known.proven


def test_packs_that_are_not_read_in_the_same_instant_do_not_spoil_it() -> None:
    known = begin((0, 1), SIZES, (1.0, 1.0))
    for n in range(20):  # the first is read before the step, the second after it
        known = told(known, (0, 0), (0, 0), (0, 5), (15, 5), (15, 5), (15, 0), start_s=6.0 * n)
    assert known.shares == pytest.approx((0.75, 0.25), abs=0.01)


def test_slow_changes_teach_nothing_for_charge_moves_meanwhile() -> None:
    known = begin((0, 1), SIZES, (1.0, 1.0))
    known = told(known, *((0.1 * n, 0.02 * n) for n in range(200)))
    assert known.shares == (0.5, 0.5)
    assert not known.proven


def test_an_unequal_split_at_rest_is_an_offset_not_a_share() -> None:
    known = told(begin((0, 1), SIZES, (1.0, 1.0)), (12, 8), (12, 8), (12, 8))
    assert known.shares == (0.5, 0.5)
    assert known.offsets_a == pytest.approx((2.0, -2.0))


def test_noise_is_no_news_once_its_highest_was_seen() -> None:
    known = told(sure(), (12, 8), (12, 8), (12, 8), (12.1, 7.9), (11.9, 8.1))
    after = told(known, (12.1, 7.9), (11.9, 8.1), (12.05, 7.95), start_s=5.0)
    assert after.offsets_a is known.offsets_a
    assert after.shares is known.shares


def test_a_pack_that_carries_a_little_more_is_news_at_once() -> None:
    """Its BMS trips at its limit, not 0.3 % above it."""
    known = told(sure(), (12, 8), (12, 8), (12, 8))
    assert told(known, (12.1, 7.9), start_s=3.0).offsets_a[0] == pytest.approx(2.1)


def test_after_packs_came_or_went_load_steps_do_not_teach_for_half_a_minute() -> None:
    """Charge moves between them, and the newcomer's share would look far too small."""
    before = begin((0, 1), (100.0,) * 3, (1.0,) * 3)
    known = begin((0, 1, 2), (100.0,) * 3, (1.0,) * 3, before)
    for second, moment in enumerate([(0, 0, 0)] * 2 + [(10, 10, 1)] * 2):
        known = hear(known, moment, (*VOLTS, 52.8), float(second))
    assert known.shares == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    for second, moment in enumerate([(0, 0, 0)] * 2 + [(10, 10, 1)] * 2):
        known = hear(known, moment, (*VOLTS, 52.8), 40.0 + second)
    assert known.shares[2] < 0.2


def test_while_shares_are_in_doubt_one_moment_shows_that_a_pack_carries_more() -> None:
    known = told(begin((0, 1), SIZES, (1.0, 1.0), None, (2.0, 2.0)), (10, 10), (10, 10))
    assert told(known, (40, 10), start_s=2.0).offsets_a == (15.0, 0.0)


def test_the_first_moment_of_a_set_is_believed() -> None:
    known = told(begin((0, 1), SIZES, (1.0, 1.0)), (15, 5))
    assert known.offsets_a == (5.0, -5.0)
    assert known.pivot_a == 20.0


def test_a_pack_that_takes_over_more_and_more_is_counted_on_two_steps_ahead() -> None:
    known = told(
        begin((0, 1), SIZES, (1.0, 1.0)), *((20 + 0.5 * n, 20 - 0.5 * n) for n in range(9))
    )
    assert known.leads_a == pytest.approx((1.0, -1.0), abs=0.02)


def test_two_unknown_packs_may_share_two_to_one_and_steps_take_the_doubt_away() -> None:
    known = begin((0, 1), SIZES, (1.0, 1.0), None, (2.0, 2.0))
    assert known.doubts == pytest.approx((1 / 6, 1 / 6))
    known = told(known, (0, 0), (0, 0), (10, 10), (10, 10))
    assert known.doubts == pytest.approx((1 / 6 / 26, 1 / 6 / 26))
    assert not known.sure
    for n in range(1, 4):
        known = told(known, (0, 0), (0, 0), (20, 20), (20, 20), start_s=4.0 * n)
    assert known.sure


def test_one_stranger_among_sixteen_leaves_the_others_little_doubt() -> None:
    factors = [2.0] + [1.1] * 15
    known = begin(tuple(range(16)), (100.0,) * 16, (1.0,) * 16, None, factors)
    most = [1.0 + d / s for d, s in zip(known.doubts, known.shares, strict=True)]
    assert most[0] == pytest.approx(1.44, abs=0.01)
    assert most[1] == pytest.approx(1.11, abs=0.01)


def test_a_pack_that_carries_more_in_two_moments_is_believed_at_once() -> None:
    known = told(sure(), (10, 10), (10, 10))
    known = told(known, (30, 15), (45, 15), start_s=2.0)  # nothing settles here
    assert known.offsets_a[0] == pytest.approx(7.5)


def test_one_odd_moment_moves_no_offset() -> None:
    known = told(sure(), (10, 10), (10, 10))
    after = told(known, (40, 10), start_s=2.0)
    assert after.offsets_a is known.offsets_a


def test_what_was_learned_of_a_pack_goes_with_it_into_another_set() -> None:
    known = begin((0, 1), (100.0, 100.0, 100.0), (1.0, 1.0, 1.0))
    for n in range(20):
        known = told(known, (0, 0), (0, 0), (15, 5), (15, 5), start_s=4.0 * n)
    weights = conductances(known, (1.0, 1.0, 1.0))
    assert weights == pytest.approx((1.5, 0.5, 1.0), abs=0.02)
    three = begin((0, 1, 2), (100.0, 100.0, 100.0), weights)
    assert three.shares == pytest.approx((0.5, 1 / 6, 1 / 3), abs=0.01)


# Contacts


def stepped(volts: tuple[float, float]) -> Shares:
    """Two packs after a step of 40 A, shared alike, in which their voltages changed so."""
    known = begin((0, 1), SIZES, (1.0, 1.0))
    known = hear(known, (0, 0), VOLTS, 0.0)
    known = hear(known, (0, 0), VOLTS, 1.0)
    after = tuple(v + d for v, d in zip(VOLTS, volts, strict=True))
    known = hear(known, (20, 20), after, 2.0)
    return hear(known, (20, 20), after, 3.0)


def test_resistance_shows_in_a_load_step() -> None:
    known = stepped((0.4, 0.4))
    contacts = learn((UNKNOWN, UNKNOWN), known, known.step)
    assert [c.resistance_ohm for c in contacts] == pytest.approx([0.02, 0.02])
    assert [c.extra_ohm for c in contacts] == pytest.approx([0.0, 0.0])


def test_a_bad_contact_drops_what_the_pack_itself_does_not_see() -> None:
    known = stepped((0.4, 0.3))
    contacts = learn((UNKNOWN, UNKNOWN), known, known.step)
    assert contacts[1].resistance_ohm == pytest.approx(0.02)
    assert contacts[1].extra_ohm == pytest.approx(0.005)


def test_a_step_whose_voltage_went_the_other_way_is_not_one_moment() -> None:
    known = stepped((-0.4, -0.4))
    before = (UNKNOWN, UNKNOWN)
    assert learn(before, known, known.step) is before


# Idle packs


def packs_carrying(*currents_a: float):
    plain = pack_state()
    return [
        replace(plain, reading=replace(plain.reading, current_a=current)) for current in currents_a
    ]


def one_sided() -> Shares:
    """Two packs of which the second takes nothing of any step."""
    known = begin((0, 1), SIZES, (1.0, 1.0))
    for n in range(40):
        known = told(known, (0, 0), (0, 0), (20, 0), (20, 0), start_s=4.0 * n)
    return known


def test_a_pack_that_load_steps_leave_out_is_idle_after_a_minute() -> None:
    known, packs = one_sided(), packs_carrying(20, 0)
    state = idle(NO_IDLE, known, packs, SIZES, 100.0)
    assert state.places == frozenset()
    state = idle(state, known, packs, SIZES, 159.0)
    assert state.places == frozenset()
    assert idle(state, known, packs, SIZES, 160.0).places == {1}


def test_an_idle_pack_that_carries_again_is_back_at_once() -> None:
    known = one_sided()
    state = idle(NO_IDLE, known, packs_carrying(20, 0), SIZES, 100.0)
    state = idle(state, known, packs_carrying(20, 0), SIZES, 160.0)
    assert idle(state, known, packs_carrying(20, 2), SIZES, 161.0).places == frozenset()


def test_packs_that_rest_are_not_idle() -> None:
    known = told(one_sided(), (2, 0), (2, 0), start_s=160.0)
    assert idle(NO_IDLE, known, packs_carrying(2, 0), SIZES, 400.0) is NO_IDLE


# What it does to the limits


def test_the_bank_gives_no_more_than_the_pack_with_the_larger_share_may_carry() -> None:
    rack = Rack()
    for _ in range(30):
        rack.cycles(2)
        rack.cycles(2, left={"current_a": 15.0}, right={"current_a": 5.0})
    state = rack.cycles(30)
    assert currents(state) == pytest.approx((50 / 0.75, 100 / 0.75), rel=0.02)
    binding = state.limits.charge_current.binding
    assert binding.pack == "left"
    assert [m.charge_share_a for m in state.members] == pytest.approx([50.0, 16.7], rel=0.05)
    assert sum(m.charge_share_a for m in state.members) == pytest.approx(state.limits.ccl_a)


def test_a_pack_that_carries_less_besides_leaves_the_others_room() -> None:
    rack = Rack()
    state = rack.cycles(60, left={"current_a": 30.0}, right={"current_a": 10.0})
    # Left stands 10 A above its share: at 80 A it has its 50.
    assert state.limits.ccl_a == pytest.approx(80.0)
    assert [m.charge_share_a for m in state.members] == pytest.approx([50.0, 30.0])
