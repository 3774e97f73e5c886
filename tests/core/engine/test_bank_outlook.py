"""What is to be expected of the packs together: power as they share it, energy, times."""

import pytest

from cellwarden.engine.bank_limits import Shared
from cellwarden.engine.bank_outlook import NO_OUTLOOK, Outlook, together
from cellwarden.engine.bank_wish import Wish
from cellwarden.model import Estimated, Limit, PackState, Prediction, Reason
from support.states import pack_state

ANY = Limit(value=100.0, reasons=(Reason(rule="any", value=100.0),))
HOUR_S = 3600.0


def wish(shares: tuple[float, ...] = (0.5, 0.5), offsets_a: tuple[float, ...] = (0.0, 0.0)) -> Wish:
    shared = Shared(ANY, ("left", "right")[: len(shares)], shares, offsets_a)
    return Wish(shared, shared, None, ANY)  # type: ignore[arg-type]  # no voltage is looked at


def predicted(name: str, **values: tuple[float, float] | None) -> PackState:
    told = {k: None if v is None else Estimated(value=v[0], sigma=v[1]) for k, v in values.items()}
    return pack_state(name, prediction=Prediction(**told))


def expected(packs: list[PackState], made: Wish | None = None) -> Prediction | None:
    return together(NO_OUTLOOK, packs, made or wish(), 50.0).shown


def test_energies_add_up() -> None:
    packs = [
        predicted("left", energy_left_wh=(3000, 30)),
        predicted("right", energy_left_wh=(4000, 40)),
    ]
    assert expected(packs).energy_left_wh == Estimated(value=7000, sigma=50)


def test_a_power_ends_where_the_first_pack_has_all_that_it_can_take() -> None:
    packs = [
        predicted("left", charge_power_10s_w=(2000, 20)),
        predicted("right", charge_power_10s_w=(2500, 25)),
    ]
    assert expected(packs).charge_power_10s_w == Estimated(value=4000, sigma=40)
    # With a fifth of it, the right one is the last to bind.
    told = expected(packs, wish((0.8, 0.2))).charge_power_10s_w
    assert told == Estimated(value=pytest.approx(2500), sigma=pytest.approx(25))


def test_what_a_pack_carries_besides_is_taken_off_what_it_can_give() -> None:
    packs = [
        predicted("left", discharge_power_60s_w=(2000, 0)),
        predicted("right", discharge_power_60s_w=(9000, 0)),
    ]
    # 10 A at 50 V more than its half
    told = expected(packs, wish(offsets_a=(10.0, -10.0))).discharge_power_60s_w
    assert told.value == pytest.approx((2000 - 500) / 0.5)


def test_a_pack_that_must_not_be_used_while_it_conducts_leaves_the_bank_no_power() -> None:
    packs = [
        predicted("left", charge_power_10s_w=(0, 0)),
        predicted("right", charge_power_10s_w=(2500, 0)),
    ]
    assert expected(packs, wish(offsets_a=(-9.0, 9.0))).charge_power_10s_w.value == 0.0


def test_a_pack_whose_mosfet_is_open_neither_gives_nor_takes() -> None:
    packs = [
        predicted("left", charge_power_10s_w=(2000, 0)),
        predicted("right", charge_power_10s_w=(0, 0)),
    ]
    assert expected(packs, wish((1.0,), (0.0,))).charge_power_10s_w.value == 2000
    assert expected(packs, wish((), ())).charge_power_10s_w.value == 0


def test_the_bank_is_empty_when_all_its_energy_is_gone_at_the_power_of_all() -> None:
    packs = [  # 1000 W and 500 W
        predicted("left", energy_left_wh=(3000, 0), time_to_empty_s=(3 * HOUR_S, 0)),
        predicted("right", energy_left_wh=(3000, 0), time_to_empty_s=(6 * HOUR_S, 0)),
    ]
    assert expected(packs).time_to_empty_s.value == pytest.approx(4 * HOUR_S)


def test_the_bank_is_full_when_its_last_pack_is() -> None:
    packs = [
        predicted("left", time_to_full_s=(1800, 60)),
        predicted("right", time_to_full_s=(2400, 60)),
    ]
    assert expected(packs).time_to_full_s.value == 2400


def test_a_pack_that_predicts_nothing_leaves_the_bank_without() -> None:
    assert expected([predicted("left", energy_left_wh=(3000, 30)), pack_state("right")]) is None
    assert (
        expected([predicted("left", energy_left_wh=(9, 9)), predicted("right")]).energy_left_wh
        is None
    )


def test_nobody_that_uses_energy_gives_no_time_to_empty() -> None:
    packs = [
        predicted("left", energy_left_wh=(3000, 30)),
        predicted("right", energy_left_wh=(1, 1)),
    ]
    assert expected(packs).time_to_empty_s is None


def test_one_pack_alone_predicts_for_the_bank() -> None:
    pack = predicted("left", energy_left_wh=(3000, 30))
    assert expected([pack]) is pack.prediction


def test_it_is_made_anew_only_when_a_pack_predicts_anew() -> None:
    packs = [predicted("left", energy_left_wh=(1, 0)), predicted("right", energy_left_wh=(2, 0))]
    first = together(NO_OUTLOOK, packs, wish(), 50.0)
    assert together(first, packs, wish((0.9, 0.1)), 51.0) is first
    packs[0] = predicted("left", energy_left_wh=(5, 0))
    assert isinstance(again := together(first, packs, wish(), 50.0), Outlook)
    assert again.shown.energy_left_wh.value == 7
