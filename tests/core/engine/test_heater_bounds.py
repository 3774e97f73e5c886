"""The heater at its bounds: to the second, to the tenth of a degree, to the last field."""

from datetime import UTC, datetime, time

import pytest

from cellwarden.engine import HeaterSettings
from cellwarden.engine.heating import Heat, Heater
from cellwarden.engine.soc import Gauge
from cellwarden.engine.view import look
from cellwarden.model import Heating, Inputs
from support.packs import parameters, reading

FILM = HeaterSettings(film_ohm=20.0)
BY_RELAY = HeaterSettings(film_ohm=20.0, relay=True)


class Watch:
    """A heater alone: each reading so many seconds after the last one. 0 °C, recovery 5 °C."""

    def __init__(self, settings: HeaterSettings = FILM) -> None:
        self.heater = Heater(settings, parameters())
        self.heat = Heat()
        self.inputs = Inputs()
        self.soc_percent: float | None = 60.0

    def hear(self, gap_s: float | None, *celsius: float | None, **changes: object) -> Heating:
        view = look(reading(1000.0, temperatures_c=celsius or (20.0,), **changes))
        gauge = Gauge(soc_percent=self.soc_percent)
        self.heat = self.heater.hear(self.heat, view, gauge, self.inputs, gap_s)
        assert self.heat.shown is not None
        return self.heat.shown

    def found(self) -> list[str]:
        return [fault.where for fault in self.heater.faults(self.heat)]


def test_it_begins_with_nothing_counted_whatever_came_before() -> None:
    watch = Watch()
    assert watch.hear(None, -5.0) == Heating(
        wanted=True,
        active=None,
        why="to 5 °C, charging is off until then",
        power_w=pytest.approx(139.392),
    )
    assert watch.heat == Heat(wanted=True, off_s=0.0, shown=watch.heat.shown)
    watch.hear(None, -5.0, heating=True)
    assert (watch.heat.on_s, watch.heat.energy_wh, watch.heat.on_at_c) == (0.0, 0.0, -5.0)


@pytest.mark.requirement("R36a")
def test_half_an_hour_without_a_degree_is_broken_and_six_hours_later_it_is_not() -> None:
    watch = Watch()
    watch.hear(10.0, -5.0, heating=True)
    watch.hear(1789.0, -4.1, heating=True)
    assert (watch.heat.on_s, watch.found()) == (1799.0, [])
    watch.hear(1.0, -4.1, heating=True)
    assert watch.found() == ["it did not warm by 1 K in 30 min"]
    assert [f.releases for f in watch.heater.faults(watch.heat)] == ["tried again after 6 h"]
    assert (watch.heat.dead_s, watch.heat.on_s, watch.heat.on_at_c) == (1.0, 0.0, -4.1)
    watch.hear(6 * 3600.0 - 2.0, -4.1, heating=False)
    assert watch.heat.dead_s == 6 * 3600.0 - 1.0
    assert not watch.hear(0.5, -4.1, heating=False).wanted
    assert watch.hear(0.5, -4.1, heating=False).wanted
    assert (watch.heat.dead_s, watch.found()) == (None, [])


@pytest.mark.requirement("R36a")
def test_a_degree_is_its_rate_and_begins_the_next_half_hour() -> None:
    watch = Watch()
    watch.hear(0.0, -5.0, heating=True)
    assert watch.hear(600.0, -4.1, heating=True).ready_in_s is None
    assert watch.hear(600.0, -4.0, heating=True).ready_in_s == 9.0 * 1200.0
    assert (watch.heat.rate_k_s, watch.heat.on_s, watch.heat.on_at_c) == (1 / 1200.0, 0.0, -4.0)
    watch.hear(300.0, -2.5, heating=True)
    assert watch.heat.rate_k_s == pytest.approx(1.5 / 300.0)
    assert watch.hear(300.0, 5.5, heating=False).ready_in_s is None


def test_a_degree_within_no_time_at_all_is_no_rate() -> None:
    watch = Watch()
    watch.hear(0.0, -5.0, heating=True)
    watch.hear(0.0, -3.0, heating=True)
    assert watch.heat.rate_k_s is None
    watch.hear(0.5, -3.0, heating=True)
    assert watch.heat.rate_k_s == 4.0


def test_it_plans_with_the_rate_that_was_seen() -> None:
    watch = Watch()
    watch.inputs = Inputs(charge_expected_in_s=8 * 3600.0)
    assert watch.hear(10.0, -5.0, heating=False).why == "begins 2.8 h from now"
    watch.heat = watch.heat._replace(rate_k_s=10.0 / 3600.0)
    assert watch.hear(10.0, -5.0, heating=False).why == "begins 6.8 h from now"
    watch.inputs = Inputs(charge_expected_in_s=3600.0 + 600.0 + 0.1)
    assert not watch.hear(10.0, -5.0, heating=False).wanted
    watch.inputs = Inputs(charge_expected_in_s=3600.0 + 600.0)
    assert watch.hear(10.0, -5.0, heating=False).wanted


def test_what_is_on_counts_anew_after_it_was_off() -> None:
    watch = Watch()
    watch.hear(10.0, -5.0, heating=True)
    watch.hear(1000.0, -5.0, heating=True)
    assert watch.heat.off_s == 0.0
    watch.hear(10.0, -5.0, heating=False)
    assert (watch.heat.on_s, watch.heat.on_at_c, watch.heat.off_s) == (0.0, None, 10.0)
    watch.hear(1790.0, -4.5, heating=True)
    assert (watch.heat.on_s, watch.heat.on_at_c, watch.heat.off_s) == (1790.0, -4.5, 0.0)


def test_a_sensor_that_is_lost_forgets_where_both_watches_began() -> None:
    watch = Watch()
    watch.hear(10.0, -5.0, heating=True)
    watch.hear(10.0, None, heating=True)
    assert watch.heat.on_at_c is None
    watch = Watch()
    watch.hear(900.0, 8.0, heating=False)
    assert watch.heat.off_at_c == 8.0
    watch.hear(10.0, None, heating=False)
    assert watch.heat.off_at_c is None


@pytest.mark.parametrize(
    ("soc_percent", "floor", "after"),
    [(29.9, False, True), (30.0, False, False), (34.9, True, True), (35.0, True, False)],
)
def test_the_floor_holds_until_five_percent_above_it(
    soc_percent: float, floor: bool, after: bool
) -> None:
    watch = Watch()
    watch.heat = Heat(floor=floor)
    watch.soc_percent = soc_percent
    heating = watch.hear(10.0, -5.0)
    assert (watch.heat.floor, heating.wanted) == (after, not after)


@pytest.mark.requirement("R36a")
def test_on_at_more_than_five_degrees_above_the_recovery_for_ten_minutes_does_not_stop() -> None:
    watch = Watch()
    watch.hear(1000.0, 10.0, heating=True)
    assert (watch.heat.late_s, watch.found()) == (0.0, [])
    watch.hear(599.9, 10.1, heating=True)
    assert watch.found() == []
    watch.hear(0.1, 10.1, heating=True)
    assert watch.found() == ["it does not stop: take its fuse out"]
    assert [f.releases for f in watch.heater.faults(watch.heat)] == [
        "the temperature does not rise any more"
    ]
    watch.hear(1.0, 10.0, heating=True)
    assert (watch.heat.late_s, watch.found()) == (0.0, [])


@pytest.mark.requirement("R36a")
@pytest.mark.parametrize(
    ("closed", "where", "releases"),
    [
        (False, "its relay does not close", "the relay is where it was told to be"),
        (None, "its relay is not heard", "it is heard again"),
    ],
)
def test_a_relay_has_a_minute(closed: bool | None, where: str, releases: str) -> None:
    watch = Watch(BY_RELAY)
    watch.hear(None, -5.0)  # wanted from now on
    watch.inputs = Inputs(heater_relay_on=closed)
    watch.hear(59.9, -5.0)
    assert watch.found() == []
    watch.hear(0.1, -5.0)
    assert watch.found() == [where]
    assert [f.releases for f in watch.heater.faults(watch.heat)] == [releases]
    watch.inputs = Inputs(heater_relay_on=True)
    watch.hear(1.0, -5.0)
    assert (watch.heat.deaf_s, watch.heat.unheard_s) == (0.0, 0.0)


def test_a_new_wish_gives_the_relay_a_new_minute() -> None:
    watch = Watch(BY_RELAY)
    watch.inputs = Inputs(heater_relay_on=True)
    watch.hear(None, 8.0)
    watch.hear(50.0, 8.0)
    assert watch.heat.deaf_s == 50.0
    watch.inputs = Inputs(heater_relay_on=False)
    watch.hear(10.0, -5.0)
    assert (watch.heat.wanted, watch.heat.deaf_s) == (True, 0.0)


@pytest.mark.requirement("R36")
def test_too_much_for_ten_seconds_from_its_first_reading_is_too_much() -> None:
    watch = Watch()
    text = "3.1 A at 52.8 V, the output bears 3 A"
    watch.hear(10.0, -5.0, heating=True)
    watch.hear(100.0, -5.0, heating=True, heating_current_a=3.1)
    assert (watch.heat.too_much, watch.heat.too_much_s) == ("", 0.0)
    watch.hear(9.9, -5.0, heating=True, heating_current_a=3.1)
    assert watch.found() == []
    watch.hear(0.1, -5.0, heating=True, heating_current_a=3.1)
    assert (watch.found(), watch.heat.dead_s) == ([text], 0.1)
    # It takes a while to be off: what is measured then does not change why.
    watch.hear(5.0, -5.0, heating=True, heating_current_a=2.9)
    assert (watch.found(), watch.heat.too_much_s, watch.heat.dead_s) == ([text], None, 5.1)
    watch.hear(5.0, -5.0, heating=True, heating_current_a=3.1)
    assert watch.heat.too_much_s == 0.0
    watch.hear(5.0, -5.0, heating=False, heating_current_a=0.0)
    assert (watch.found(), watch.heat.too_much_s) == ([text], None)


def test_one_that_warms_again_is_believed_in_again() -> None:
    watch = Watch()
    watch.heat = Heat(dead_s=100.0, too_much="too much", on_at_c=-5.0)
    watch.hear(60.0, -4.0, heating=True)
    assert (watch.heat.dead_s, watch.heat.too_much) == (None, "")


def off_and_idle(*, from_c: float, to_c: float, for_s: float, current_a: float = 0.0) -> Watch:
    """A heater that warmed by 4 K an hour, and has been off for a quarter of an hour since."""
    watch = Watch()
    watch.heat = Heat(rate_k_s=4.0 / 3600.0)
    watch.hear(900.0, from_c, heating=False, current_a=current_a)
    watch.hear(for_s, to_c, heating=False, current_a=current_a)
    return watch


@pytest.mark.requirement("R36a")
@pytest.mark.parametrize(
    ("from_c", "to_c", "for_s", "current_a", "welded"),
    [
        (6.0, 9.0, 3600.0, 0.0, True),
        (6.0, 8.9, 3600.0, 0.0, False),
        (6.0, 9.0, 3599.0, 0.0, False),
        (1.0, 5.0, 3600.0, 0.0, False),  # where it may heat, the weather may too
        (2.0, 5.1, 3600.0, 0.0, True),
        (6.0, 9.0, 3600.0, 2.0, True),  # 0.02 C of 100 Ah
        (6.0, 9.0, 3600.0, -2.0, True),
        (6.0, 9.0, 3600.0, 2.1, False),
    ],
)
def test_an_hour_of_rising_by_three_degrees_while_off_and_idle_is_a_film_that_is_on(
    from_c: float, to_c: float, for_s: float, current_a: float, welded: bool
) -> None:
    watch = off_and_idle(from_c=from_c, to_c=to_c, for_s=for_s, current_a=current_a)
    assert watch.heat.welded is welded
    assert watch.found() == (["it does not stop: take its fuse out"] if welded else [])


def test_a_faster_heater_must_rise_by_more_and_one_that_never_ran_cannot_be_judged() -> None:
    watch = Watch()
    watch.heat = Heat(rate_k_s=10.0 / 3600.0)
    watch.hear(900.0, 6.0, heating=False)
    watch.hear(3600.0, 12.9, heating=False)  # 0.7 of 10 K
    assert not watch.heat.welded
    watch.hear(3600.0, 20.0, heating=False)
    assert watch.heat.welded
    watch = Watch()
    watch.hear(900.0, 6.0, heating=False)
    watch.hear(3600.0, 60.0, heating=False)
    assert not watch.heat.welded


def test_the_hour_begins_after_a_quarter_of_an_hour_and_anew_with_every_current() -> None:
    watch = Watch()
    watch.hear(899.0, 6.0, heating=False)
    assert watch.heat.off_at_c is None
    watch.hear(1.0, 6.5, heating=False)
    assert (watch.heat.off_at_c, watch.heat.off_s) == (6.5, 900.0)
    watch.hear(1000.0, 7.0, heating=False)
    assert (watch.heat.off_at_c, watch.heat.off_s) == (6.5, 1900.0)
    watch.hear(10.0, 7.5, heating=False, current_a=30.0)
    assert (watch.heat.off_at_c, watch.heat.off_s) == (7.5, 900.0)
    watch.hear(10.0, 7.5, heating=False, current_a=None)
    assert watch.heat.off_s == 900.0
    watch.hear(3600.0, 7.6, heating=False)
    assert (watch.heat.off_at_c, watch.heat.off_s) == (7.6, 900.0)


def test_being_on_takes_back_that_it_is_welded() -> None:
    watch = Watch()
    watch.heat = Heat(welded=True, off_s=5000.0, off_at_c=6.0)
    watch.hear(10.0, 8.0, heating=True)
    assert (watch.heat.welded, watch.heat.off_s, watch.heat.off_at_c) == (False, 0.0, None)


def test_a_part_at_35_degrees_stops_it_and_one_just_below_does_not() -> None:
    watch = Watch()
    assert watch.hear(10.0, -5.0, 34.9).wanted
    heating = watch.hear(10.0, -5.0, 35.0)
    assert (heating.wanted, heating.why) == (False, "T2 has 35.0 °C")


@pytest.mark.parametrize(
    ("clock", "seconds", "in_s"),
    [("09:30", 0, 0.0), ("09:29", 59, 1.0), ("16:59", 59, 0.0), ("17:00", 0, 16.5 * 3600.0)],
)
def test_the_hours_begin_and_end_to_the_second(clock: str, seconds: int, in_s: float) -> None:
    hours = HeaterSettings(film_ohm=20.0, charge_from=time(9, 30), charge_until=time(17))
    hour, minute = map(int, clock.split(":"))
    now = datetime(2026, 1, 10, hour, minute, seconds, tzinfo=UTC)
    assert hours.charge_expected_in_s(now) == in_s


def test_hours_over_midnight_end_to_the_second() -> None:
    night = HeaterSettings(film_ohm=20.0, charge_from=time(22), charge_until=time(4))
    assert night.charge_expected_in_s(datetime(2026, 1, 10, 3, 59, 59, tzinfo=UTC)) == 0.0
    assert night.charge_expected_in_s(datetime(2026, 1, 10, 4, tzinfo=UTC)) == 18 * 3600.0


def test_half_of_the_hours_is_none() -> None:
    now = datetime(2026, 1, 10, 12, tzinfo=UTC)
    for half in ({"charge_from": time(9)}, {"charge_until": time(17)}):
        assert HeaterSettings(film_ohm=20.0, **half).charge_expected_in_s(now) is None


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("amps", "volts", "text"),
    [
        (3.0, 60.0, None),
        (3.01, 60.0, "3.0 A at 60.0 V, the output bears 3 A"),
        (2.0, 100.0, None),
        (2.01, 100.0, "201 W at 100.0 V, the output bears 200 W"),
    ],
)
def test_exactly_what_the_output_bears_is_not_beyond_it(
    amps: float, volts: float, text: str | None
) -> None:
    assert FILM.beyond(amps, volts) == text
    assert HeaterSettings(film_ohm=volts / amps).too_much(volts) == text


def test_a_power_is_of_the_film_or_of_the_mains() -> None:
    assert FILM.power_w(None) is None
    assert FILM.power_w(50.0) == 125.0
    assert FILM.too_much(None) == "the pack voltage is unknown"
    mains = HeaterSettings(mains_w=60.0, relay=True)
    assert (mains.power_w(None), mains.power_w(50.0), mains.too_much(None)) == (60.0, 60.0, None)
