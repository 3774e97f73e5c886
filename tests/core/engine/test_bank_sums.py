"""What packs come to together beyond plain sums: connected packs, packs in series."""

from cellwarden.engine.bank_sums import series_sums, sums
from support.states import pack_state


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
