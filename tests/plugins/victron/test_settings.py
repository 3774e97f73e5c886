"""Device instance and custom name in `com.victronenergy.settings`, on a real bus."""

import json

import pytest

from cellwarden.model import Identity
from support.states import bank_state, pack_state

pytestmark = pytest.mark.system

BANK = "/Settings/Devices/cellwarden_test"
INSTANCE = f"{BANK}/ClassAndVrmInstance"
CUSTOM_NAME = f"{BANK}/CustomName"
LEFT = "com.victronenergy.battery.test_left"
RIGHT = "com.victronenergy.battery.test_right"


def test_without_settings_the_instance_is_the_configured_one(play):
    async def scenario(w):
        w.put()
        await w.appears()
        assert await w.client.get("/DeviceInstance") == ["i", 7]
        assert w.output.status()["settings_found"] is False

    play(scenario, device_instance=7)


def test_the_settings_allot_an_instance_and_keep_it(play, venus_settings):
    venus_settings.store.write_text(
        json.dumps({"/Settings/Devices/other/ClassAndVrmInstance": "battery:1"})
    )
    venus_settings.start()

    async def scenario(w):
        w.put()
        await w.appears()
        assert await w.client.get("/DeviceInstance") == ["i", 2]
        assert await w.client.get("/CustomName") == ["s", "Shed"]
        assert w.output.status()["device_instance"] == 2

    play(scenario, device_instance=1)
    assert venus_settings.stored()[INSTANCE] == "battery:2"
    play(scenario, device_instance=1)  # the next start finds what was allotted


@pytest.mark.parametrize("told_by", ["set", "batch"])
def test_a_new_number_takes_effect_at_once_and_the_service_appears_anew(
    play, venus_settings, told_by
):
    venus_settings.start()

    async def scenario(w):
        w.put()
        await w.appears()
        venus_settings.say(told_by, INSTANCE, "battery:42")
        await w.shows("/DeviceInstance", ["i", 42])
        await w.appears()
        await w.client.listen()
        assert w.client.owners == ["here", "gone", "here"]
        assert await w.client.get("/Soc") == ["d", 64.0]

    play(scenario)


def test_a_name_that_another_takes_meanwhile_is_won_back(play, venus_settings):
    name = "com.victronenergy.battery.test"
    venus_settings.start()

    async def scenario(w):
        w.put()
        await w.appears()
        async with w.another_client() as other:
            await other.ask("own", name=name)  # waits in line for it
            venus_settings.say("set", INSTANCE, "battery:42")

            async def lost() -> bool:
                w.put()
                return (
                    "another process on this bus has this name" in (w.output.status()["last_error"])
                )

            await w.until(lost)
            await other.ask("disown", name=name)

            async def back() -> bool:
                w.put()
                return await w.client.get("/DeviceInstance") == ["i", 42]

            await w.until(back)

    play(scenario)


def test_a_number_that_is_none_is_ignored(play, venus_settings):
    venus_settings.start()

    async def scenario(w):
        w.put()
        await w.appears()
        for nonsense in ("battery:x", "tank:3", "5"):
            venus_settings.say("set", INSTANCE, nonsense)
        venus_settings.say("set", CUSTOM_NAME, "heard")
        await w.hears("/CustomName", "heard")
        assert await w.client.get("/DeviceInstance") == ["i", 1]

    play(scenario)


def test_a_custom_name_written_on_the_gx_is_kept_and_shown(play, venus_settings):
    venus_settings.start()

    async def scenario(w):
        w.put()
        await w.appears()
        reply = await w.client.ask("set_value", path="/CustomName", value="Garage", kind="String")
        assert reply["value"] == ["i", 0]
        await w.hears("/CustomName", "Garage")
        assert w.client.changed()[-1] == {"/CustomName": "Garage"}
        reply = await w.client.ask("set_value", path="/CustomName", value=5, kind="Int32")
        assert reply["value"] == ["i", 1]

    play(scenario)
    assert venus_settings.stored()[CUSTOM_NAME] == "Garage"


def test_a_custom_name_that_nobody_would_keep_is_refused(play):
    async def scenario(w):
        w.put()
        await w.appears()
        reply = await w.client.ask("set_value", path="/CustomName", value="x", kind="String")
        assert reply["value"] == ["i", 2]
        assert await w.client.get("/CustomName") == ["s", "Shed"]

    play(scenario)


def test_settings_that_come_later_are_asked_then(play, venus_settings):
    venus_settings.store.write_text(json.dumps({INSTANCE: "battery:9", CUSTOM_NAME: "Old name"}))

    async def scenario(w):
        w.put()
        await w.appears()
        assert await w.client.get("/DeviceInstance") == ["i", 1]
        venus_settings.start()
        await w.shows("/DeviceInstance", ["i", 9])
        await w.shows("/CustomName", ["s", "Old name"])
        venus_settings.stop()
        venus_settings.store.write_text(json.dumps({INSTANCE: "battery:10"}))
        venus_settings.start()
        await w.shows("/DeviceInstance", ["i", 10])

    play(scenario)


def test_on_a_gx_the_settings_are_waited_for(play, venus_settings, monkeypatch, tmp_path):
    monkeypatch.setattr("cellwarden_victron.output.VENUS_MARK", tmp_path)

    async def scenario(w):
        w.put()

        async def waits() -> bool:
            return "waiting: com.victronenergy.settings" in w.output.status()["last_error"]

        await w.until(waits)
        assert not await w.client.ask("owned")
        venus_settings.start()
        w.put()
        await w.appears()
        assert w.output.status()["settings_found"] is True

    play(scenario)


def test_settings_that_hang_keep_no_battery_off_the_bus(play, venus_settings, monkeypatch):
    monkeypatch.setattr("cellwarden_victron.presence.BUS_TIMEOUT_S", 0.5)
    venus_settings.start()

    async def scenario(w):
        venus_settings.freeze()
        w.put()
        await w.appears()
        assert await w.client.get("/DeviceInstance") == ["i", 1]
        reply = await w.client.ask("set_value", path="/CustomName", value="x", kind="String")
        assert reply["value"] == ["i", 2]
        venus_settings.thaw()

    play(scenario)


def test_a_writer_is_answered_when_the_gate_breaks(play):
    async def scenario(w):
        def broken(request):
            raise RuntimeError("the gate is broken")

        w.gate.answer = broken
        w.put()
        await w.appears()
        path = "/Settings/ForceChargingOff"
        reply = await w.client.ask("set_value", path=path, value=1, kind="Int32")
        assert reply["value"] == ["i", 2]
        assert await w.client.get("/Soc") == ["d", 64.0]

    play(scenario)


def test_uninstalling_takes_our_settings_away_and_no_others(bus, library, venus_settings):
    from cellwarden_victron.gx.forget import forget

    others = {"/Settings/Devices/ttyO1/ClassAndVrmInstance": "solarcharger:1"}
    venus_settings.store.write_text(json.dumps({**others, INSTANCE: "battery:1", CUSTOM_NAME: "x"}))
    venus_settings.start()
    assert forget(bus.address) == ["2 settings of the device were removed"]
    assert venus_settings.stored() == others
    assert forget(bus.address) == []
    venus_settings.stop()
    assert forget(bus.address) == []
    bus.stop()
    (said,) = forget(bus.address)
    assert "were not reached" in said


# -- each pack beside the bank -----------------------------------------------------------------


def test_each_pack_is_a_battery_of_its_own_and_only_the_bank_is_a_bms(play, venus_settings):
    venus_settings.start()

    async def scenario(w):
        w.put()
        for name in (None, LEFT, RIGHT):
            await w.until(lambda name=name: w.client.ask("owned", name=name))
        _, items = await w.client.get("/", "GetItems", name=RIGHT)
        assert [path for path in items if path.startswith("/Info/Max")] == []
        assert items["/CustomName"][1]["Value"] == ["s", "right"]
        assert items["/DeviceInstance"][1]["Value"] == ["i", 3]
        assert items["/Voltages/Cell16"][1] == {"Value": ["d", 3.315], "Text": ["s", "3.315V"]}
        assert items["/Serial"][1]["Value"] == ["s", "SNright"]
        assert await w.client.get("/Info/MaxChargeVoltage") == ["d", 55.2]
        assert w.output.status()["packs_connected"] == 2

    play(scenario, packs=True)
    # By the serial number of the BMS, wherever it is plugged in.
    assert venus_settings.stored() == {
        INSTANCE: "battery:1",
        CUSTOM_NAME: "Shed",
        "/Settings/Devices/cellwarden_SNleft/ClassAndVrmInstance": "battery:2",
        "/Settings/Devices/cellwarden_SNleft/CustomName": "left",
        "/Settings/Devices/cellwarden_SNright/ClassAndVrmInstance": "battery:3",
        "/Settings/Devices/cellwarden_SNright/CustomName": "right",
    }


def test_a_pack_that_is_lost_alarms_then_leaves_and_comes_back(play):
    from cellwarden.model import PackPhase

    async def scenario(w):
        def lost(age_s):
            gone = pack_state("right", phase=PackPhase.LOST, reading=None, age_s=age_s)
            w.put(packs=(pack_state("left"), gone))

        w.put()
        await w.until(lambda: w.client.ask("owned", name=RIGHT))
        lost(4.0)
        await w.shows("/Alarms/BmsCable", ["i", 2], name=RIGHT)
        await w.shows("/Voltages/Cell1", ["ai", []], name=RIGHT)
        assert await w.client.get("/Alarms/BmsCable", name=LEFT) == ["i", 0]
        lost(61.0)

        async def away() -> bool:
            return not await w.client.ask("owned", name=RIGHT)

        await w.until(away)
        assert await w.client.ask("owned")
        assert await w.client.ask("owned", name=LEFT)
        w.put()
        await w.until(lambda: w.client.ask("owned", name=RIGHT))
        assert await w.client.get("/Voltages/Cell1", name=RIGHT) == ["d", 3.3]

    play(scenario, packs=True)


def test_a_bms_that_tells_no_serial_number_is_known_by_its_packs_name(play, venus_settings):
    venus_settings.start()

    async def scenario(w):
        w.put(packs=(pack_state("left", identity=Identity()), pack_state("right")))
        await w.until(lambda: w.client.ask("owned", name=LEFT))

    play(scenario, packs=True)
    assert "/Settings/Devices/cellwarden_left/ClassAndVrmInstance" in venus_settings.stored()


def test_a_pack_waits_until_its_bms_has_said_who_it_is(play, venus_settings):
    venus_settings.start()

    async def scenario(w):
        w.put(packs=(pack_state("left", identity=None), pack_state("right")))
        await w.until(lambda: w.client.ask("owned", name=RIGHT))
        assert not await w.client.ask("owned", name=LEFT)
        w.put()
        await w.until(lambda: w.client.ask("owned", name=LEFT))

    play(scenario, packs=True)
    assert "/Settings/Devices/cellwarden_SNleft/ClassAndVrmInstance" in venus_settings.stored()
    assert "/Settings/Devices/cellwarden_left/ClassAndVrmInstance" not in venus_settings.stored()


def test_one_that_never_says_it_is_known_by_its_packs_name(play, venus_settings, monkeypatch):
    monkeypatch.setattr("cellwarden_victron.presence.IDENTITY_PATIENCE_S", 0.2)
    venus_settings.start()

    async def scenario(w):
        async def there() -> bool:
            w.put(packs=(pack_state("left", identity=None), pack_state("right")))
            return bool(await w.client.ask("owned", name=LEFT))

        await w.until(there)

    play(scenario, packs=True)
    assert "/Settings/Devices/cellwarden_left/ClassAndVrmInstance" in venus_settings.stored()


def test_cells_seen_later_are_offered_then(play):
    async def scenario(w):
        w.put(packs=(pack_state("left", reading=None),))
        await w.appears()
        unknown = "org.freedesktop.DBus.Error.UnknownObject"
        assert await w.client.get("/Voltages/Cell1") == unknown
        w.put(packs=(bank_state().packs[0],))
        await w.hears("/Voltages/Cell16", 3.315)
        assert await w.client.get("/Voltages/Cell1") == ["d", 3.3]

    play(scenario)
