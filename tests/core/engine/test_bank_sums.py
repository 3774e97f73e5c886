"""What packs come to together beyond plain sums: predictions, connected packs, orders of series."""

import pytest

from cellwarden.engine.bank_sums import series_sums, sums
from cellwarden.model import Estimated, Prediction
from support.states import pack_state


def predicted(name: str, **values: tuple[float, float] | None):
    told = {k: None if v is None else Estimated(value=v[0], sigma=v[1]) for k, v in values.items()}
    return pack_state(name, prediction=Prediction(**told))


def test_energies_and_powers_of_the_packs_add_up() -> None:
    packs = [
        predicted("left", energy_left_wh=(3000, 30), charge_power_10s_w=(2000, 0)),
        predicted("right", energy_left_wh=(4000, 40), charge_power_10s_w=(2500, 0)),
    ]
    together = sums(packs, packs)["prediction"]
    assert together.energy_left_wh == Estimated(value=7000, sigma=50)
    assert together.charge_power_10s_w.value == 4500


def test_the_bank_is_empty_when_all_its_energy_is_gone_at_the_power_of_all() -> None:
    hour = 3600.0
    packs = [  # 1000 W and 500 W
        predicted("left", energy_left_wh=(3000, 0), time_to_empty_s=(3 * hour, 0)),
        predicted("right", energy_left_wh=(3000, 0), time_to_empty_s=(6 * hour, 0)),
    ]
    assert sums(packs, packs)["prediction"].time_to_empty_s.value == pytest.approx(4 * hour)


def test_the_bank_is_full_when_its_last_pack_is() -> None:
    packs = [
        predicted("left", time_to_full_s=(1800, 60)),
        predicted("right", time_to_full_s=(2400, 60)),
    ]
    assert sums(packs, packs)["prediction"].time_to_full_s.value == 2400


def test_a_pack_that_predicts_nothing_leaves_the_bank_without() -> None:
    packs = [predicted("left", energy_left_wh=(3000, 30)), pack_state("right")]
    assert sums(packs, packs)["prediction"] is None


def test_nobody_that_uses_energy_gives_no_time_to_empty() -> None:
    packs = [predicted("left", energy_left_wh=(3000, 30), time_to_empty_s=None)]
    assert sums(packs, packs)["prediction"].time_to_empty_s is None


def test_charge_is_of_the_connected_and_current_of_all_that_answer() -> None:
    left, right = pack_state("left"), pack_state("right")
    known = sums([left, right], [left])
    assert known["capacity_ah"] == 100.0
    assert known["current_a"] == 12.0


def test_if_nobody_is_connected_those_that_answer_are_shown() -> None:
    left, right = pack_state("left"), pack_state("right")
    assert sums([left, right], [])["capacity_ah"] == 200.0


def test_a_string_of_which_a_pack_is_missing_has_no_sums() -> None:
    known = series_sums([pack_state("left")], 2)
    assert (known["voltage_v"], known["soc_percent"], known["power_w"]) == (None, None, None)
    assert known["current_a"] == 6.0
    assert series_sums([], 2) == {}
