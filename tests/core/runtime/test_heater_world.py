"""What heaters are told: when charging is expected, and whether there is surplus enough."""

from datetime import UTC, datetime, time

import pytest

from cellwarden.engine import EngineSettings, HeaterSettings
from cellwarden.model import NO_ORDERS, Order, Orders, Surplus, preset
from cellwarden.runtime.heater_world import HeaterWorld

HOURS = HeaterSettings(film_ohm=20.0, charge_from=time(9, 30), charge_until=time(17))
NO_HOURS = HeaterSettings(film_ohm=20.0)
NEEDS_W = 57.6**2 / 20.0
"""At the highest voltage of 16 LiFePO4 cells: 166 W."""


def pack(heater: HeaterSettings | None) -> EngineSettings:
    parameters = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    return EngineSettings("left", "LiFePO4", parameters, 30.0, heater=heater)


def world(*heaters: HeaterSettings | None, at: str = "07:30") -> HeaterWorld:
    hour, minute = map(int, at.split(":"))
    now = datetime(2026, 1, 10, hour, minute, tzinfo=UTC)
    return HeaterWorld([pack(heater) for heater in heaters or (NO_HOURS,)], local_time=lambda: now)


def expected(begins_s: float, lasts_s: float = 3600.0) -> Orders:
    """Charging is expected at a controller time, for so long."""
    until_s = begins_s + lasts_s
    return Orders(charge_expected=Order(value=lasts_s, who="a forecast", until_s=until_s))


@pytest.mark.parametrize(
    ("heater", "orders", "in_s"),
    [
        (NO_HOURS, NO_ORDERS, None),
        (HOURS, NO_ORDERS, 7200.0),
        (NO_HOURS, expected(1600.0), 600.0),
        (NO_HOURS, expected(500.0), 0.0),
        (HOURS, expected(1600.0), 600.0),
        (HOURS, expected(90_000.0), 7200.0),
    ],
)
def test_charging_is_expected_by_the_hours_or_by_an_order_the_earlier(
    heater: HeaterSettings, orders: Orders, in_s: float | None
) -> None:
    assert world().charge_expected_in_s(heater, orders, 1000.0) == in_s


class Sun:
    """A surplus that is told once a second."""

    def __init__(self, *heaters: HeaterSettings | None) -> None:
        self.world = world(*heaters)
        self.now_s = 0.0

    def shines(self, watts: float | None, for_s: float) -> bool | None:
        """Return what the heaters are told at the end of so long, after so much each second."""
        for _ in range(round(for_s)):
            self.now_s += 1.0
            told = (
                None
                if watts is None
                else Surplus(source="grid", surplus_w=watts, heard_s=self.now_s)
            )
            enough = self.world.surplus(NO_ORDERS, [None, told], self.now_s)
        return enough


def test_where_nobody_tells_of_surplus_it_is_not_known() -> None:
    assert Sun().shines(None, 300) is None


def test_surplus_counts_after_a_minute_and_only_if_the_heater_can_live_on_it() -> None:
    sun = Sun()
    assert sun.shines(NEEDS_W - 1, 600) is False
    assert sun.shines(NEEDS_W, 60) is False
    assert sun.shines(NEEDS_W, 1) is True


def test_once_used_it_lasts_as_long_as_any_is_left_and_a_cloud_of_a_minute_is_none() -> None:
    sun = Sun()
    sun.shines(400.0, 120)
    assert sun.shines(400.0 - NEEDS_W, 600) is True
    assert sun.shines(0.0, 60) is True
    assert sun.shines(1.0, 1) is True
    assert sun.shines(0.0, 61) is False


def test_it_must_be_enough_for_every_heater_of_the_bank() -> None:
    sun = Sun(NO_HOURS, None, HeaterSettings(mains_w=100.0, relay=True))
    assert sun.shines(NEEDS_W + 99, 120) is False
    assert sun.shines(NEEDS_W + 100, 120) is True


def test_what_is_no_longer_told_is_not_known_any_more() -> None:
    sun = Sun()
    old = Surplus(source="grid", surplus_w=500.0, heard_s=0.0)
    assert sun.shines(500.0, 120) is True
    assert sun.world.surplus(NO_ORDERS, [old], 30.0) is True
    assert sun.world.surplus(NO_ORDERS, [old], 30.1) is None
    assert sun.shines(500.0, 60) is False  # it must come anew


def test_what_somebody_orders_goes_before_what_is_measured_and_of_two_the_less_counts() -> None:
    told = Orders(surplus_w=Order(value=0.0, who="homeassistant", until_s=9e9))
    much, little = (Surplus(source=s, surplus_w=w, heard_s=0.0) for s, w in (("a", 900), ("b", 10)))
    ordered, two, one = world(), world(), world()
    for now_s in (0.0, 10.0, 20.0, 30.0):
        assert ordered.surplus(told, [much], now_s) is False
        assert two.surplus(NO_ORDERS, [much, little], now_s) is False
        one.surplus(NO_ORDERS, [much], now_s)
    for now_s in (40.0, 50.0, 60.0, 70.0):
        newer = Surplus(source="a", surplus_w=900, heard_s=now_s)
        least = Surplus(source="b", surplus_w=10, heard_s=now_s)
        assert ordered.surplus(told, [newer], now_s) is False
        assert two.surplus(NO_ORDERS, [newer, least], now_s) is False
        enough = one.surplus(NO_ORDERS, [newer], now_s)
    assert enough is True


def test_on_a_faster_clock_it_ages_faster() -> None:
    fast = HeaterWorld([pack(NO_HOURS)], speed=100.0)
    old = Surplus(source="grid", surplus_w=0.0, heard_s=0.0)
    assert fast.surplus(NO_ORDERS, [old], 3000.0) is False
    assert fast.surplus(NO_ORDERS, [old], 3001.0) is None


def test_the_hours_are_those_of_the_clock_on_the_wall() -> None:
    now = datetime.now().astimezone()
    begun = HeaterSettings(
        film_ohm=20.0, charge_from=time(now.hour), charge_until=time((now.hour + 2) % 24)
    )
    assert HeaterWorld([pack(begun)]).charge_expected_in_s(begun, NO_ORDERS, 0.0) == 0.0
