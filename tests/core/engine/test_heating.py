"""The heater: when it is wanted, what forbids it, and how one that is broken is found."""

import json
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.engine import Engine, EngineSettings, HeaterSettings
from cellwarden.model import AlarmKind, Inputs, PackState
from cellwarden.model.catalog import least_film_ohm
from support.packs import Bench, parameters

FILM = HeaterSettings(film_ohm=20.0)
"""139 W at 52.8 V."""
BY_RELAY = HeaterSettings(film_ohm=20.0, relay=True)


class Pack(Bench):
    """A LiFePO4 pack with a heater: under-temperature 0 °C, recovery 5 °C; polled each 10 s."""

    def __init__(self, heater: HeaterSettings = FILM) -> None:
        super().__init__(max_age_s=30.0)
        self.engine = Engine(EngineSettings("left", "LiFePO4", parameters(), 30.0, heater=heater))
        self.memory = self.engine.start(self.now_s)

    def at(self, *celsius: float | None, for_s: float = 10.0, **changes: object) -> PackState:
        for _ in range(round(for_s / 10)):
            state = self.hear(10.0, temperatures_c=celsius, **changes)
        return state


def wanted(state: PackState) -> bool:
    assert state.heating is not None
    assert state.switches.heat is state.heating.wanted
    return state.heating.wanted


def heater_alarms(state: PackState) -> list[str]:
    return [alarm.where for alarm in state.alarms if alarm.kind is AlarmKind.HEATER]


# -- R35 -------------------------------------------------------------------------------------


@pytest.mark.requirement("R35")
@pytest.mark.parametrize(("celsius", "heats"), [(-0.1, True), (0.0, False), (4.0, False)])
def test_it_heats_below_the_under_temperature_protection(celsius: float, heats: bool) -> None:
    assert wanted(Pack().at(10.0, celsius, for_s=30)) is heats


@pytest.mark.requirement("R35")
def test_it_heats_until_all_sensors_are_above_the_recovery_and_then_charging_is_on() -> None:
    pack = Pack()
    seen = []
    for celsius in (-1.0, 0.5, 3.0, 5.0, 5.1, 4.0):
        state = pack.at(9.0, celsius, for_s=60)
        seen.append((wanted(state), state.charge_allowed))
    assert seen == [
        (True, False), (True, False), (True, False), (True, False), (False, True), (False, True),
    ]  # fmt: skip


@pytest.mark.requirement("R35")
@given(st.lists(st.tuples(st.floats(-30, 40), st.floats(-30, 40)), min_size=1, max_size=12))
def test_it_never_heats_while_charging_is_allowed_from_cold(
    pairs: list[tuple[float, float]],
) -> None:
    pack = Pack()
    for pair in pairs:
        state = pack.at(*pair, for_s=40)
        if min(pair) < 0:
            assert not state.charge_allowed
        if min(pair) > 5:
            assert not wanted(state)
        if wanted(state):
            assert max(pair) < 35


# -- R36 -------------------------------------------------------------------------------------


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("highest_v", "most_w", "ohm"), [(57.6, 200, 19.2), (86.4, 200, 37.3248), (28.8, 100, 9.6)]
)
def test_the_least_resistance_of_a_film_is_the_larger_of_both_limits(
    highest_v: float, most_w: float, ohm: float
) -> None:
    assert least_film_ohm(highest_v, most_w) == pytest.approx(ohm)


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("film_ohm", "most_w", "why"),
    [
        (17.0, 200.0, "3.1 A at 52.8 V, the output bears 3 A"),
        (20.0, 100.0, "139 W at 52.8 V, the output bears 100 W"),
    ],
)
def test_a_film_beyond_its_output_is_never_switched_on(
    film_ohm: float, most_w: float, why: str
) -> None:
    state = Pack(HeaterSettings(film_ohm=film_ohm, most_w=most_w)).at(-5.0, for_s=30)
    assert (wanted(state), state.heating.why) == (False, why)


# -- R36a: energy, sensors -------------------------------------------------------------------


@pytest.mark.requirement("R36a")
def test_a_pack_does_not_heat_itself_empty() -> None:
    pack = Pack()
    assert wanted(pack.at(-5.0, for_s=30, soc_percent=60.0))
    seen = []
    for soc in (30.5, 29.5, 33.0, 34.9, 35.1):
        pack.memory = pack.engine.reset_soc(pack.memory, soc, "a test")
        seen.append(wanted(pack.at(-5.0)))
    assert seen == [True, False, False, False, True]


@pytest.mark.requirement("R36a")
def test_from_surplus_any_soc_will_do() -> None:
    pack = Pack()
    pack.at(-5.0, for_s=30)
    pack.memory = pack.engine.reset_soc(pack.memory, 5.0, "a test")
    assert not wanted(pack.at(-5.0))
    pack.inputs = Inputs(surplus=True)
    assert wanted(pack.at(-5.0))


@pytest.mark.parametrize(("surplus", "heats"), [(True, True), (False, False), (None, False)])
def test_asked_to_it_heats_from_surplus_only(surplus: bool | None, heats: bool) -> None:
    pack = Pack(HeaterSettings(film_ohm=20.0, only_surplus=True))
    pack.inputs = Inputs(surplus=surplus)
    assert wanted(pack.at(-5.0, for_s=30)) is heats


@pytest.mark.requirement("R36a")
def test_what_the_mains_feed_takes_nothing_from_the_pack() -> None:
    pack = Pack(HeaterSettings(mains_w=250.0, relay=True))
    pack.inputs = Inputs(heater_relay_on=True)
    pack.at(-5.0, for_s=30)
    pack.memory = pack.engine.reset_soc(pack.memory, 5.0, "a test")
    state = pack.at(-5.0)
    assert (wanted(state), state.heating.power_w) == (True, 250.0)


@pytest.mark.requirement("R36a")
def test_it_stops_when_a_sensor_is_lost() -> None:
    pack = Pack()
    assert wanted(pack.at(-5.0, -4.0, for_s=60))
    state = pack.at(-5.0, None, for_s=60)
    assert (wanted(state), state.heating.why) == (False, "a battery sensor is not known")


def test_no_part_of_the_pack_is_heated_far() -> None:
    pack = Pack()
    pack.at(33.0, -5.0, for_s=60)
    for warm in (33.5, 34.0, 34.5, 34.9):
        assert wanted(pack.at(warm, -5.0, for_s=60))
    assert not wanted(pack.at(35.0, -5.0, for_s=60))


def test_a_pack_that_is_lost_wants_nothing() -> None:
    pack = Pack()
    pack.at(-5.0, for_s=30)
    state = pack.wait(120.0)
    assert (state.heating, state.switches.heat) == (None, None)


def test_a_pack_without_a_heater_has_none() -> None:
    state = Bench().settle(10, temperatures_c=(-5.0,))
    assert (state.heating, state.switches.heat) == (None, None)


# -- ahead of charging -----------------------------------------------------------------------


def test_with_an_expected_charge_it_begins_in_time_and_not_before() -> None:
    """From -3 to 5 °C at the 2 K/h that is assumed takes 4 h, and ten minutes to spare."""
    pack = Pack()
    pack.inputs = Inputs(charge_expected_in_s=6 * 3600.0)
    state = pack.at(-3.0, for_s=30)
    assert (wanted(state), state.heating.why) == (False, "begins 1.8 h from now")
    pack.inputs = Inputs(charge_expected_in_s=4.1 * 3600.0)
    assert wanted(pack.at(-3.0))


def test_it_warms_ahead_of_charging_from_between_the_two_temperatures() -> None:
    pack = Pack()
    pack.inputs = Inputs(charge_expected_in_s=0.0)
    assert wanted(pack.at(3.0, for_s=30))
    assert not wanted(pack.at(5.1, for_s=30))


def test_the_rate_that_was_seen_is_what_it_plans_with() -> None:
    pack = Pack()
    for minute in range(41):
        state = pack.at(-10.0 + 0.1 * minute, for_s=60, heating=True)
    assert state.heating.ready_in_s == pytest.approx(11.0 * 600, rel=0.02)  # 6 K/h
    pack = Pack()
    assert pack.at(-10.0, for_s=30).heating.ready_in_s is None


def test_asked_to_it_warms_for_an_expected_charge_only() -> None:
    pack = Pack(HeaterSettings(film_ohm=20.0, only_expected=True))
    state = pack.at(-5.0, for_s=30)
    assert (wanted(state), state.heating.why) == (False, "no charge is expected")
    pack.inputs = Inputs(charge_expected_in_s=0.0)
    assert wanted(pack.at(-5.0))


@pytest.mark.parametrize(
    ("clock", "hours"),
    [("07:30", 2.0), ("09:30", 0.0), ("16:59", 0.0), ("17:00", 16.5), ("00:00", 9.5)],
)
def test_charging_is_expected_by_the_clock_on_the_wall(clock: str, hours: float) -> None:
    settings = HeaterSettings(film_ohm=20.0, charge_from=time(9, 30), charge_until=time(17))
    hour, minute = map(int, clock.split(":"))
    now = datetime(2026, 1, 10, hour, minute, tzinfo=UTC)
    assert settings.charge_expected_in_s(now) == hours * 3600


def test_hours_over_midnight_are_hours_too() -> None:
    settings = HeaterSettings(film_ohm=20.0, charge_from=time(22), charge_until=time(4))
    night = datetime(2026, 1, 10, 23, tzinfo=UTC)
    assert settings.charge_expected_in_s(night) == 0.0
    assert settings.charge_expected_in_s(night + timedelta(hours=4)) == 0.0
    assert settings.charge_expected_in_s(night + timedelta(hours=6)) == 17 * 3600
    assert HeaterSettings(film_ohm=20.0).charge_expected_in_s(night) is None


# -- one that is broken ----------------------------------------------------------------------


@pytest.mark.requirement("R36a")
def test_one_that_does_not_warm_is_found_and_given_up_for_hours() -> None:
    pack = Pack()
    state = pack.at(-5.0, for_s=1790, heating=True)
    assert heater_alarms(state) == []
    state = pack.at(-5.0, for_s=30, heating=True)
    assert heater_alarms(state) == ["it did not warm by 1 K in 30 min"]
    assert (wanted(state), state.heating.why) == (False, "the heater does not warm")
    state = pack.at(-5.0, for_s=6 * 3600 - 60, heating=False)
    assert not wanted(state)
    state = pack.at(-5.0, for_s=120, heating=False)
    assert (wanted(state), heater_alarms(state)) == (True, [])


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("most_w", "measured_a", "found"),
    [
        (200.0, 3.0, None),
        (200.0, 3.1, "3.1 A at 52.8 V, the output bears 3 A"),
        (100.0, 1.8, None),
        (100.0, 2.0, "106 W at 52.8 V, the output bears 100 W"),
        (200.0, None, None),
        (200.0, float("nan"), None),
        (200.0, -3.5, None),
    ],
)
def test_a_current_that_is_measured_beyond_the_output_switches_it_off(
    most_w: float, measured_a: float | None, found: str | None
) -> None:
    """Whatever was written of its film: 40 Ω, 70 W."""
    pack = Pack(HeaterSettings(film_ohm=40.0, most_w=most_w))
    assert wanted(pack.at(-5.0, for_s=30))
    state = pack.at(-5.0, for_s=40, heating=True, heating_current_a=measured_a)
    if found is None:
        assert (wanted(state), heater_alarms(state)) == (True, [])
        return
    assert (wanted(state), state.heating.why, heater_alarms(state)) == (False, found, [found])
    state = pack.at(-5.0, for_s=6 * 3600 - 120, heating=False, heating_current_a=0.0)
    assert (wanted(state), heater_alarms(state)) == (False, [found])
    state = pack.at(-5.0, for_s=180, heating=False, heating_current_a=0.0)
    assert (wanted(state), heater_alarms(state)) == (True, [])


@pytest.mark.requirement("R36")
def test_a_moment_of_too_much_is_the_switching_on() -> None:
    pack = Pack()
    pack.at(-5.0, for_s=30)
    state = pack.at(-5.0, for_s=10, heating=True, heating_current_a=3.4)
    state = pack.at(-5.0, for_s=60, heating=True, heating_current_a=2.6)
    assert (wanted(state), heater_alarms(state)) == (True, [])
    assert state.heating.power_w == pytest.approx(2.6 * 52.8)


def test_what_a_bms_measures_at_its_own_output_is_not_the_relays() -> None:
    pack = Pack(BY_RELAY)
    pack.inputs = Inputs(heater_relay_on=True)
    state = pack.at(-5.0, for_s=60, heating_current_a=9.0)
    assert (wanted(state), heater_alarms(state)) == (True, [])
    assert state.heating.power_w == pytest.approx(52.8**2 / 20)


@pytest.mark.requirement("R36a")
def test_one_that_warms_slowly_enough_is_not_called_broken() -> None:
    pack = Pack()
    for minute in range(120):
        state = pack.at(round(-10.0 + minute / 28, 1), for_s=60, heating=True)
    assert heater_alarms(state) == []


@pytest.mark.requirement("R36a")
@pytest.mark.parametrize("rate_k_h", [6.0, 3.5, 2.0])
def test_a_temperature_that_rises_while_it_is_off_is_a_film_that_is_on(rate_k_h: float) -> None:
    pack = Pack()
    for minute in range(100):
        state = pack.at(-4.0 + 0.1 * minute, for_s=60, heating=minute < 92)
    assert not wanted(state)
    for minute in range(90):
        state = pack.at(6.0 + rate_k_h * minute / 60, for_s=60, heating=False)
    found = heater_alarms(state) == ["it does not stop: take its fuse out"]
    assert found is (rate_k_h >= 4.2)  # 0.7 of the 6 K/h it warms at


@pytest.mark.requirement("R36a")
def test_a_rise_while_a_current_flows_is_no_heater() -> None:
    pack = Pack()
    for minute in range(100):
        pack.at(-4.0 + 0.1 * minute, for_s=60, heating=minute < 92)
    for minute in range(120):
        state = pack.at(6.0 + 0.1 * minute, for_s=60, heating=False, current_a=30.0)
    assert heater_alarms(state) == []


def test_one_that_reads_on_far_above_the_recovery_does_not_stop() -> None:
    pack = Pack()
    state = pack.at(10.1, for_s=590, heating=True)
    assert heater_alarms(state) == []
    state = pack.at(10.1, for_s=30, heating=True)
    assert heater_alarms(state) == ["it does not stop: take its fuse out"]
    assert heater_alarms(pack.at(10.1, heating=False)) == []


@pytest.mark.parametrize(
    ("celsius", "closed", "found"),
    [
        (-5.0, False, ["its relay does not close"]),
        (-5.0, True, []),
        (8.0, True, ["its relay does not open"]),
        (8.0, False, []),
    ],
)
def test_a_relay_that_is_not_where_it_was_told_to_be_is_found(
    celsius: float, closed: bool, found: list[str]
) -> None:
    pack = Pack()
    pack.inputs = Inputs(heater_relay_on=closed)
    assert heater_alarms(pack.at(celsius, for_s=50)) == []
    assert heater_alarms(pack.at(celsius, for_s=30)) == found


@pytest.mark.requirement("R36a")
def test_nothing_is_heated_while_nobody_knows_where_its_relay_is() -> None:
    pack = Pack(BY_RELAY)
    assert wanted(pack.at(-5.0, for_s=60))
    state = pack.at(-5.0, for_s=20)
    assert (wanted(state), state.heating.why) == (False, "its relay is not heard")
    assert heater_alarms(state) == ["its relay is not heard"]
    assert not wanted(pack.at(-5.0, for_s=3600))
    pack.inputs = Inputs(heater_relay_on=False)
    state = pack.at(-5.0, for_s=20)
    assert (wanted(state), heater_alarms(state)) == (True, [])


def test_what_a_bms_says_of_its_own_heater_is_not_the_relay() -> None:
    pack = Pack(BY_RELAY)
    pack.inputs = Inputs(heater_relay_on=True)
    state = pack.at(-5.0, for_s=30, heating=False)
    assert state.heating.active is True


@pytest.mark.requirement("R36a")
def test_a_relay_that_is_closed_and_warms_nothing_is_a_broken_heater() -> None:
    pack = Pack(BY_RELAY)
    pack.inputs = Inputs(heater_relay_on=True)
    state = pack.at(-5.0, for_s=1830)
    assert heater_alarms(state) == ["it did not warm by 1 K in 30 min"]
    state = pack.at(-5.0, for_s=70)
    assert "its relay does not open" in heater_alarms(state)


@pytest.mark.parametrize("heater", [FILM, BY_RELAY])
def test_where_nothing_is_switched_nothing_is_called_broken(heater: HeaterSettings) -> None:
    """In mode `monitor` the state says what the engine would do, and it is not done."""
    pack = Pack(heater)
    pack.inputs = Inputs(acts=False)
    state = pack.at(-5.0, for_s=2 * 3600)
    assert (wanted(state), state.heating.active, heater_alarms(state)) == (True, False, [])


def test_its_energy_is_counted_and_survives_a_restart() -> None:
    pack = Pack()
    state = pack.at(-5.0, for_s=1800, heating=True)
    assert state.heating.power_w == pytest.approx(52.8**2 / 20)
    assert state.heating.energy_wh == pytest.approx(52.8**2 / 20 / 2, rel=0.02)
    record = json.loads(json.dumps(pack.engine.record(pack.memory, pack.now_s)))
    again = Pack()
    again.memory = again.engine.restore(record, again.now_s, 10.0)
    before = state.heating.energy_wh
    assert again.at(10.0, for_s=10).heating.energy_wh == pytest.approx(before)
