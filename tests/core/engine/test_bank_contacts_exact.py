"""What load steps tell of contacts and idle packs: both sides of every number, by hand.

Three packs of 100, 100 and 200 Ah.
"""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_contacts import NO_IDLE, UNKNOWN, Contact, Idle, factor, idle, learn
from cellwarden.engine.bank_settings import BankMember, BankSettings
from cellwarden.engine.bank_share import LoadStep, Shares, begin
from cellwarden.model import PackState
from support.states import pack_state

SIZES = (100.0, 100.0, 200.0)
ALL = begin((0, 1, 2), SIZES, (1.0, 1.0, 1.0))
UNUSED = (UNKNOWN,) * 3


def step(
    amps: tuple[float, ...], volts: tuple[float, ...], total_a: float | None = None
) -> LoadStep:
    return LoadStep(0.0, sum(amps) if total_a is None else total_a, amps, volts)


# Resistance


@pytest.mark.parametrize(("steps", "may"), [(0, 2.5), (3, 2.5), (4, 1.2), (5, 1.2)])
def test_a_pack_is_familiar_from_four_load_steps_on(steps: int, may: float) -> None:
    settings = BankSettings(
        "Battery",
        (BankMember("p0", 100.0), BankMember("p1", 200.0)),
        strange_factor=2.5,
        familiar_factor=1.2,
    )
    assert factor(settings, Contact(steps=steps)) == may


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_largest_change_of_voltage_is_the_bus(sign: float) -> None:
    """0.4 V over 20, 16 and 40 A; what the others miss of it drops outside their cells."""
    amps, volts = (20.0, 16.0, 40.0), (0.4, 0.32, 0.3)
    after = learn(UNUSED, ALL, step(tuple(sign * a for a in amps), tuple(sign * v for v in volts)))
    assert [c.resistance_ohm for c in after] == pytest.approx([0.020, 0.025, 0.010])
    assert [c.extra_ohm for c in after] == pytest.approx([0.0, 0.005, 0.0025])
    assert [c.usual_ohm for c in after] == pytest.approx([0.0, 0.005, 0.0025])
    assert [c.steps for c in after] == [1, 1, 1]


@pytest.mark.parametrize(
    ("amps", "heard"), [(1.99, False), (2.0, True), (2.1, True), (-20.0, False)]
)
def test_a_pack_that_changed_by_less_than_two_hundredths_of_c_or_backwards_tells_nothing(
    amps: float, heard: bool
) -> None:
    after = learn(UNUSED, ALL, step((30.0, amps, 3.99), (0.4, 0.4, 0.4), 40.0))
    assert (after[1] != UNKNOWN) is heard
    assert after[0].steps == 1
    assert after[2] is UNKNOWN  # 200 Ah ask for 4 A


@pytest.mark.parametrize(
    ("total_a", "volts"), [(40.0, -0.4), (-40.0, 0.4), (40.0, 0.0), (-40.0, 0.0), (0.0, 0.4)]
)
def test_voltage_and_current_that_went_apart_teach_nothing(total_a: float, volts: float) -> None:
    amps = (total_a / 4, total_a / 4, total_a / 2)
    assert learn(UNUSED, ALL, step(amps, (volts, volts, volts))) is UNUSED


def test_of_a_new_value_a_fifth_is_taken() -> None:
    before = (Contact(0.020, 0.005, 0.004, 3), UNKNOWN, UNKNOWN)
    after = learn(before, ALL, step((10.0, 20.0, 40.0), (0.30, 0.40, 0.40)))
    assert after[0].resistance_ohm == pytest.approx(0.020 + 0.2 * 0.020)
    assert after[0].extra_ohm == pytest.approx(0.005 + 0.2 * 0.005)
    assert after[0].usual_ohm == after[0].extra_ohm
    assert after[0].steps == 4


@pytest.mark.parametrize(("steps", "follows"), [(7, True), (8, False), (9, False)])
def test_the_usual_resistance_is_that_of_the_first_eight_load_steps(
    steps: int, follows: bool
) -> None:
    before = (Contact(0.020, 0.005, 0.004, steps), UNKNOWN, UNKNOWN)
    after = learn(before, ALL, step((10.0, 20.0, 40.0), (0.30, 0.40, 0.40)))[0]
    assert after.usual_ohm == pytest.approx(0.006 if follows else 0.004)
    assert after.steps == steps + 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_small_packs_teach_by_small_steps(sign: float) -> None:
    sizes = (10.0, 10.0)
    small = begin((0, 1), sizes, (1.0, 1.0))
    now = step((0.4 * sign, 0.4 * sign), (0.01 * sign, 0.008 * sign))
    after = learn((UNKNOWN, UNKNOWN), small, now)
    assert [c.resistance_ohm for c in after] == pytest.approx([0.025, 0.025])
    assert [c.extra_ohm for c in after] == pytest.approx([0.0, 0.005])


def test_packs_that_do_not_share_keep_what_is_known() -> None:
    two = begin((0, 2), SIZES, (1.0, 1.0, 1.0))
    before = (UNKNOWN, Contact(0.02, 0.001, 0.001, 5), UNKNOWN)
    after = learn(before, two, step((10.0, 40.0), (0.40, 0.30)))
    assert after[1] is before[1]
    assert after[2].extra_ohm == pytest.approx(0.0025)


# Idle packs


def sharing(
    shares: tuple[float, float, float] = (0.3, 0.0, 0.7), total_a: float | None = 40.0
) -> Shares:
    return ALL._replace(shares=shares, total_a=total_a, proven=True)


def packs(*currents_a: float | None) -> list[PackState]:
    plain = pack_state()
    assert plain.reading is not None
    return [
        replace(plain, pack=f"p{n}", reading=replace(plain.reading, current_a=a))
        for n, a in enumerate(currents_a)
    ]


def suspected(known: Shares | None, *currents_a: float | None) -> tuple[tuple[int, float], ...]:
    return idle(NO_IDLE, known, packs(*currents_a), SIZES, 100.0).since


def test_a_pack_without_share_and_current_is_suspected_since_now() -> None:
    assert suspected(sharing(), 12.0, 0.0, 28.0) == ((1, 100.0),)


@pytest.mark.parametrize(
    ("share", "found"),
    [(0.0374, True), (0.0375, False), (0.0376, False), (0.0, True), (-0.1, True)],
)
def test_idle_is_less_than_15_percent_of_what_its_size_asks_for(share: float, found: bool) -> None:
    """A quarter of the bank: 0.0375."""
    assert (suspected(sharing((0.3, share, 0.7)), 12.0, 0.0, 28.0) != ()) is found


def test_a_larger_pack_is_asked_for_more() -> None:
    assert suspected(sharing((0.5, 0.43, 0.07)), 20.0, 17.0, 0.0) == ((2, 100.0),)
    assert suspected(sharing((0.5, 0.43, 0.08)), 20.0, 17.0, 0.0) == ()
    assert suspected(sharing((0.5, 0.43, 0.07)), 20.0, 17.0, 0.79) == ((2, 100.0),)


@pytest.mark.parametrize(
    ("current_a", "found"),
    [(0.39, True), (-0.39, True), (0.41, False), (-0.41, False), (None, False)],
)
def test_and_carries_less_than_four_thousandths_of_c(current_a: float | None, found: bool) -> None:
    assert (suspected(sharing(), 12.0, current_a, 28.0) != ()) is found


@pytest.mark.parametrize(
    ("total_a", "found"),
    [(20.1, True), (-20.1, True), (20.0, False), (-19.9, False), (None, False)],
)
def test_while_all_carry_more_than_a_twentieth_of_c(total_a: float | None, found: bool) -> None:
    assert (suspected(sharing(total_a=total_a), 12.0, 0.0, 28.0) != ()) is found


def test_nothing_is_suspected_before_load_steps_have_shown_who_shares() -> None:
    assert suspected(sharing()._replace(proven=False), 12.0, 0.0, 28.0) == ()
    assert suspected(None, 12.0, 0.0, 28.0) == ()


def test_a_silent_pack_is_not_idle() -> None:
    silent = [replace(p, reading=None) if n == 1 else p for n, p in enumerate(packs(12, 0, 28))]
    assert idle(NO_IDLE, sharing(), silent, SIZES, 100.0) is NO_IDLE


@pytest.mark.parametrize(("after_s", "is_idle"), [(59.9, False), (60.0, True), (61.0, True)])
def test_a_suspect_is_idle_after_a_minute(after_s: float, is_idle: bool) -> None:
    before = Idle(since=((1, 100.0),))
    after = idle(before, sharing(), packs(12, 0, 28), SIZES, 100.0 + after_s)
    if is_idle:
        assert after == Idle(frozenset((1,)), ())
    else:
        assert after is before


def test_while_the_bank_rests_a_suspect_stays_one_and_ripens() -> None:
    before = Idle(since=((1, 100.0),))
    assert idle(before, sharing(total_a=2.0), packs(1, 0, 1), SIZES, 130.0) is before
    assert idle(before, sharing(total_a=2.0), packs(1, 0, 1), SIZES, 160.0).places == {1}


def test_a_suspect_that_carries_is_none_any_more() -> None:
    before = Idle(since=((1, 100.0),))
    assert idle(before, sharing(), packs(12, 2, 28), SIZES, 130.0) == NO_IDLE


def test_one_idle_pack_more_leaves_the_first_idle_and_the_youngest_a_suspect() -> None:
    before = Idle(frozenset((0,)), ((1, 100.0), (2, 150.0)))
    known = sharing((0.0, 0.0, 0.0))
    after = idle(before, known, packs(0.0, 0.0, 0.0), SIZES, 160.0)
    assert after.places == {0, 1}
    assert after.since == ((0, 160.0), (2, 150.0))


def test_never_are_all_that_share_idle() -> None:
    before = Idle(since=((0, 0.0), (1, 0.0), (2, 0.0)))
    known = sharing((0.0, 0.0, 0.0))
    assert idle(before, known, packs(0.0, 0.0, 0.0), SIZES, 500.0) is before
    two = Idle(since=((0, 0.0), (1, 0.0)))
    assert idle(two, known, packs(0.0, 0.0, 28.0), SIZES, 500.0).places == {0, 1}


@pytest.mark.parametrize(
    ("current_a", "back"), [(0.79, False), (0.81, True), (-0.81, True), (None, False)]
)
def test_an_idle_pack_is_back_above_eight_thousandths_of_c(
    current_a: float | None, back: bool
) -> None:
    before = Idle(frozenset((1,)))
    after = idle(before, None, packs(12, current_a, 28), SIZES, 500.0)
    assert after.places == (frozenset() if back else {1})
    assert back or after is before


def test_a_large_idle_pack_must_carry_more() -> None:
    before = Idle(frozenset((2,)))
    assert idle(before, None, packs(12, 12, 1.59), SIZES, 500.0) is before
    assert idle(before, None, packs(12, 12, 1.6), SIZES, 500.0) is before
    assert idle(before, None, packs(12, 12, 1.61), SIZES, 500.0).places == frozenset()
