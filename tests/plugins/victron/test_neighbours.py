"""What others on the same bus measure becomes the engine's external measurements."""

import logging
from math import inf, nan

import pytest

from cellwarden.model import Heating
from cellwarden_victron.neighbours import (
    Neighbour,
    VenusSystem,
    advice,
    kind_of,
    measurement,
    surplus_w,
)
from support.states import pack_state

MPPT = "com.victronenergy.solarcharger.ttyO1"
MULTI = "com.victronenergy.vebus.ttyO5"
SHUNT = "com.victronenergy.battery.ttyO2"
OTHER_BMS = "com.victronenergy.battery.socketcan_can0"
SYSTEM = "com.victronenergy.system"


# -- what counts -------------------------------------------------------------------------------


def measured(kind="solarcharger", voltage=53.1, current=12.0, bank_v=52.9, **more):
    who = Neighbour(f"com.victronenergy.{kind}.x", kind, **more)
    found = measurement(who, voltage, current, bank_v, output="victron", shunt=279, now_s=5.0)
    if found is None:
        return None
    assert (found.heard_s, found.source) == (5.0, f"victron: {kind}.x")
    return found.voltage_v, found.current_a, found.whole_bank


def test_a_charger_measures_its_own_part():
    assert measured() == (53.1, 12.0, False)
    assert measured("vebus", current=-40) == (53.1, -40.0, False)


def test_an_inverter_tells_its_voltage_only_for_the_sign_of_its_current_is_not_known():
    assert measured("inverter") == (53.1, None, False)


def test_only_the_shunt_that_its_owner_named_measures_the_whole_bank():
    assert measured("battery", instance=279) == (53.1, 12.0, True)
    assert measured("battery", instance=280) is None
    assert measured("battery", instance=279, is_bms=True) is None
    assert measured("battery", instance=279, current=None) is None


@pytest.mark.parametrize("voltage", [None, nan, inf, "53.1", True, 12.8, 64.0, 0])
def test_nonsense_and_another_batterys_voltage_do_not_count(voltage):
    assert measured(voltage=voltage) is None


def test_without_a_voltage_of_its_own_the_bank_believes_nobody():
    assert measured(bank_v=None) is None


def test_who_measures_is_told_by_the_name():
    assert kind_of(MPPT) == "solarcharger"
    assert kind_of("com.victronenergy.solarcharger") is None
    assert kind_of("com.victronenergy.tank.x") is None
    assert kind_of("org.freedesktop.battery.x") is None


@pytest.mark.parametrize(
    ("system", "words"),
    [
        (VenusSystem(), None),
        (VenusSystem(dvcc_on=True, active_bms="ours"), None),
        (VenusSystem(dvcc_on=False, active_bms="ours"), "DVCC is off"),
        (VenusSystem(dvcc_on=True, active_bms="ours", several_bms=True), "sees several BMSes"),
        (VenusSystem(dvcc_on=True, active_bms=OTHER_BMS), f"Venus obeys {OTHER_BMS}"),
    ],
)
def test_what_keeps_venus_from_obeying_is_said_with_what_to_do(system, words):
    said = advice(system, "ours")
    if words is None:
        assert said is None
    else:
        assert words in said
        assert "Settings, DVCC" in said


@pytest.mark.parametrize(
    ("grid", "phases", "battery", "watts"),
    [
        ((-800.0, None, None), 1, 0.0, 800.0),
        ((-800.0, 100.0, -50.0), 3, 0.0, 750.0),
        ((300.0, None, None), 1, 0.0, 0.0),
        ((-800.0, None, None), 1, 1500.0, 800.0),  # stored: that is no surplus, and not fed in
        ((-800.0, None, None), 1, -500.0, 300.0),  # the battery itself feeds the grid
        ((-800.0, None, None), 1, -900.0, 0.0),
    ],
)
def test_surplus_is_what_is_fed_in_beyond_what_the_battery_gives(grid, phases, battery, watts):
    assert surplus_w(grid, phases, battery) == watts


@pytest.mark.parametrize(
    ("grid", "phases", "battery"),
    [
        ((None, None, None), None, 0.0),
        ((None, None, None), 1, 0.0),
        ((-800.0, None, None), 3, 0.0),
        ((-800.0, None, None), None, 0.0),
        ((-800.0, None, None), 1, None),
        ((nan, None, None), 1, 0.0),
        (("-800", None, None), 1, 0.0),
        ((-800.0, None, None), 1, inf),
    ],
)
def test_what_is_not_wholly_known_is_no_surplus(grid, phases, battery):
    assert surplus_w(grid, phases, battery) is None


# -- on a real bus -----------------------------------------------------------------------------

HOUSE = {
    MPPT: {"/DeviceInstance": 258, "/Dc/0/Voltage": 53.3, "/Dc/0/Current": 21.5},
    MULTI: {"/DeviceInstance": 257, "/Dc/0/Voltage": 53.0, "/Dc/0/Current": -12.0},
    SHUNT: {"/DeviceInstance": 279, "/Dc/0/Voltage": 53.05, "/Dc/0/Current": 9.4},
    OTHER_BMS: {
        "/DeviceInstance": 280, "/Dc/0/Voltage": 53.1, "/Dc/0/Current": 1.0,
        "/Info/MaxChargeVoltage": 55.2,
    },
    "com.victronenergy.settings": {"/Settings/CGwacs/OvervoltageFeedIn": 1},
    SYSTEM: {
        "/Control/Dvcc": 0, "/ActiveBmsService": None, "/Dvcc/Alarms/MultipleBatteries": 0,
        "/Ac/Grid/L1/Power": -900.0, "/Ac/Grid/L2/Power": None, "/Ac/Grid/L3/Power": None,
        "/Ac/Grid/NumberOfPhases": 1, "/Dc/Battery/Power": -100.0,
    },
}  # fmt: skip


@pytest.fixture
def gx(start_gx):
    return start_gx(HOUSE)


@pytest.fixture
def quick(monkeypatch):
    for name in ("EVERY_S", "SYSTEM_EVERY_S", "RETRY_S", "ANSWER_S"):
        monkeypatch.setattr(f"cellwarden_victron.neighbours.{name}", 0.2)


def reported(w):
    since_s = w.clock.now_s() - 0.5
    return {
        m.source.removeprefix("victron: "): (m.voltage_v, m.current_a, m.by_shunt)
        for m in w.feed.reported(since_s)
    }


@pytest.mark.system
def test_chargers_inverter_and_the_named_shunt_are_heard(play, gx, quick):
    async def scenario(w):
        w.put()
        await w.appears()

        async def all_heard() -> bool:
            return len(reported(w)) == 3

        await w.until(all_heard)
        assert reported(w) == {
            "solarcharger.ttyO1": (53.3, 21.5, False),
            "vebus.ttyO5": (53.0, -12.0, False),
            "battery.ttyO2": (53.05, 9.4, True),
        }
        assert w.output.status()["neighbours"] == [OTHER_BMS, SHUNT, MPPT, MULTI]
        # These settings know no AddSettings: the battery is there all the same.
        assert w.output.status()["settings_found"] is False

    play(scenario, shunt_instance=279, packs=True)


@pytest.mark.system
def test_who_hangs_leaves_or_forgets_its_value_is_no_longer_reported(play, gx, quick):
    async def scenario(w):
        w.put()

        async def heard(*names) -> bool:
            return set(reported(w)) == set(names)

        await w.until(lambda: heard("solarcharger.ttyO1", "vebus.ttyO5"))
        gx.say(MPPT, path="/Dc/0/Voltage", value=None)
        await w.until(lambda: heard("vebus.ttyO5"))
        gx.say(MPPT, path="/Dc/0/Voltage", value=53.4)
        await w.until(lambda: heard("solarcharger.ttyO1", "vebus.ttyO5"))
        gx.say(MULTI, hangs=True)
        await w.until(lambda: heard("solarcharger.ttyO1"))
        # It is left in peace for a minute: questions without an answer would pile up.
        assert set(w.output._neighbours._hung_until_s) == {MULTI}
        gx.say(MPPT, gone=True)
        await w.until(heard)
        assert MPPT not in w.output.status()["neighbours"]
        assert w.output.status()["connected"] is True

    play(scenario)


@pytest.mark.system
def test_a_system_that_does_not_obey_is_said_once_in_the_log_and_in_the_status(
    play, gx, quick, caplog
):
    async def scenario(w):
        w.put()

        async def advised() -> bool:
            return "DVCC is off" in str(w.output.status()["advice"])

        await w.until(advised)
        assert w.output.status()["dvcc_on"] is False
        gx.say(SYSTEM, path="/ActiveBmsService", value="com.victronenergy.battery.test")
        gx.say(SYSTEM, path="/Control/Dvcc", value=1)

        async def content() -> bool:
            return w.output.status()["advice"] is None

        await w.until(content)
        assert w.output.status()["active_bms"] == "com.victronenergy.battery.test"

    with caplog.at_level(logging.WARNING):
        play(scenario)
    (line,) = [message for message in caplog.messages if "DVCC is off" in message]
    assert line.startswith("com.victronenergy.battery.test: ")


@pytest.mark.system
def test_with_dc_feed_in_a_blocked_bank_lowers_its_charge_voltage(play, gx, quick):
    async def scenario(w):
        w.put()

        async def feeds_in() -> bool:
            return bool(w.output.status()["feeds_in_dc"])

        await w.until(feeds_in)
        assert await w.client.get("/Info/MaxChargeVoltage") == ["d", 55.2]
        w.put(charge_allowed=False)
        await w.hears("/Info/MaxChargeVoltage", 52.76)  # 52.92 V at 12 A
        assert w.client.changed()[-1]["/Info/MaxChargeCurrent"] == 0.0
        mode = await w.client.get("/Info/ChargeMode")
        assert mode == ["s", "voltage held: DC feed-in ignores the charge current limit"]
        w.put()
        await w.hears("/Info/MaxChargeVoltage", 55.2, deciding=True)

    play(scenario)


@pytest.mark.system
def test_where_there_is_a_heater_what_is_fed_in_is_told_until_it_is_not_known(play, gx, quick):
    async def scenario(w):
        w.put()

        async def asked() -> bool:
            return w.output.status()["dvcc_on"] is not None

        await w.until(asked)
        assert w.feed.surplus is None  # there is no heater that could use it
        heater = Heating(wanted=False, active=False, why="waits for surplus")
        w.put(packs=(pack_state("left", heating=heater),))

        def told(watts: float):
            async def found() -> bool:
                return w.feed.surplus is not None and w.feed.surplus.surplus_w == watts

            return found

        await w.until(told(800.0))
        assert w.feed.surplus.source == "victron"
        gx.say(SYSTEM, path="/Ac/Grid/L1/Power", value=250.0)
        await w.until(told(0.0))
        gx.say(SYSTEM, path="/Ac/Grid/L1/Power", value=None)
        last = None

        async def grows_old() -> bool:
            nonlocal last
            before, last = last, w.feed.surplus
            return before is last and w.clock.now_s() - last.heard_s > 1.0

        await w.until(grows_old)

    play(scenario)
