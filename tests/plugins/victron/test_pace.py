"""When changes are told: once a second; at once what must not wait; rarely what nobody uses."""

import pytest

from cellwarden_victron.items import Items
from cellwarden_victron.pace import Pace
from cellwarden_victron.paths import Shape

SOC, TEMPERATURE, POWER = "/Soc", "/Dc/0/Temperature", "/Dc/0/Power"
CCL, ALARM, ENERGY = "/Info/MaxChargeCurrent", "/Alarms/BmsCable", "/History/ChargedEnergy"


class Teller:
    """Keeps what was told, as a service does."""

    def __init__(self, **told: object) -> None:
        self.pace = Pace(Items(Shape(bms=True, packs=2)).rows.values())
        self.told = {SOC: 50.0, TEMPERATURE: 20.0, POWER: 100.0, CCL: 50.0, ALARM: 0, ENERGY: 1.0}
        self.wanted = dict(self.told)

    def at(self, now_s: float, **changes: object) -> set[str]:
        self.wanted |= {globals()[name]: value for name, value in changes.items()}
        changed = {p: v for p, v in self.wanted.items() if self.told[p] != v}
        due = self.pace.due(changed, self.told, now_s) if changed else {}
        self.told |= due
        return set(due)


def test_a_change_goes_out_at_once_after_a_quiet_time():
    assert Teller().at(100.0, POWER=200.0) == {POWER}


def test_changes_within_the_same_second_wait_for_the_next_signal():
    teller = Teller()
    assert teller.at(100.0, POWER=200.0) == {POWER}
    assert teller.at(100.5, POWER=300.0) == set()
    assert teller.at(101.0) == {POWER}
    assert teller.told[POWER] == 300.0


def test_what_is_put_off_and_goes_back_is_never_told():
    teller = Teller()
    teller.at(100.0, POWER=200.0)
    assert teller.at(100.5, POWER=300.0) == set()
    assert teller.at(101.0, POWER=200.0) == set()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"CCL": 49.9}, {CCL}),
        ({"CCL": 50.1}, set()),
        ({"ALARM": 1}, {ALARM}),
        ({"CCL": None}, {CCL}),
    ],
)
def test_a_falling_limit_and_a_rising_alarm_do_not_wait(change, told):
    teller = Teller()
    teller.at(100.0, POWER=200.0)
    assert teller.at(100.1, **change) == told


def test_an_urgent_signal_takes_along_what_else_has_changed():
    teller = Teller()
    teller.at(100.0, POWER=200.0)
    assert teller.at(100.1, POWER=300.0, ALARM=2) == {POWER, ALARM}


def test_slow_values_go_out_together_every_five_seconds():
    teller = Teller()
    assert teller.at(100.0, SOC=50.1, TEMPERATURE=20.1) == {SOC, TEMPERATURE}
    assert teller.at(101.0, SOC=50.2) == set()
    assert teller.at(102.0, SOC=50.3, POWER=200.0) == {POWER}
    assert teller.at(105.0, TEMPERATURE=20.2) == {SOC, TEMPERATURE}


def test_rare_values_go_out_once_a_minute():
    teller = Teller()
    assert teller.at(100.0, ENERGY=1.1) == {ENERGY}
    assert teller.at(150.0, ENERGY=1.2) == set()
    assert teller.at(160.0) == {ENERGY}


def test_a_value_that_is_lost_or_found_is_told_with_the_next_signal():
    teller = Teller()
    teller.at(100.0, SOC=50.1)
    assert teller.at(101.0, SOC=None) == {SOC}
    assert teller.at(102.0, SOC=50.2) == {SOC}


def test_cycles_a_little_early_are_not_put_off_and_the_mean_is_at_most_one_a_second():
    teller = Teller()
    signals = [bool(teller.at(100.0 + n * 0.9, POWER=float(n))) for n in range(1000)]
    assert signals[1] is True
    assert 800 <= sum(signals) <= 901  # in 900 s


def test_groups_that_would_not_be_told_need_not_be_read():
    teller = Teller()
    assert teller.pace.closed(100.0) == frozenset()
    teller.at(100.0, SOC=50.1, ENERGY=1.1)
    assert teller.pace.closed(104.0) == {5.0, 60.0}
    assert teller.pace.closed(105.0) == {60.0}
