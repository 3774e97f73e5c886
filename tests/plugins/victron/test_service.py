"""The service on a real bus, seen by an independent client, with each D-Bus library."""

import asyncio

import pytest

from cellwarden.clock import Clock
from cellwarden.hooks import OutputContext
from cellwarden.model import Alarm, AlarmKind, BankPhase, PackPhase, Severity
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_victron.config import VictronOptions
from cellwarden_victron.items import Items
from cellwarden_victron.paths import Shape
from support.gates import FakeGate
from support.states import bank_state, limits, pack_state

pytestmark = pytest.mark.system

BY_PATH = Items(Shape(bms=True, packs=2)).rows

UNKNOWN_OBJECT = "org.freedesktop.DBus.Error.UnknownObject"
UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"


def test_every_item_has_the_type_and_the_text_of_its_row(play):
    async def scenario(w):
        w.put()
        await w.appears()
        kind, items = await w.client.get("/", "GetItems")
        assert kind == "a{sa{sv}}"
        assert sorted(items) == sorted(BY_PATH)
        for path, (inner, item) in items.items():
            assert (path, inner, sorted(item)) == (path, "a{sv}", ["Text", "Value"])
            assert item["Text"][0] == "s"
            assert await w.client.get(path) == item["Value"]
            assert await w.client.get(path, "GetText") == item["Text"]
            if item["Value"] == ["ai", []]:
                assert item["Text"][1] == "---"
            else:
                assert item["Value"][0] == BY_PATH[path].kind
        assert items["/ProductId"][1] == {"Value": ["i", 0xCE11], "Text": ["s", "52753"]}
        assert items["/Dc/0/Voltage"][1] == {"Value": ["d", 52.92], "Text": ["s", "52.92V"]}
        assert items["/System/MaxVoltageCellId"][1]["Value"] == ["s", "M2C16"]
        assert items["/Info/MaxChargeVoltage"][1]["Value"] == ["d", 55.2]
        assert items["/Heating"][1] == {"Value": ["ai", []], "Text": ["s", "---"]}
        assert items["/CustomName"][1]["Value"] == ["s", "Shed"]
        assert items["/DeviceInstance"][1]["Value"] == ["i", 7]

    play(scenario, device_instance=7)


def test_root_and_branches_answer_with_their_subtree(play):
    async def scenario(w):
        w.put()
        await w.appears()
        kind, root = await w.client.get("/")
        assert (kind, len(root), root["Dc/0/Voltage"]) == ("a{sv}", len(BY_PATH), ["d", 52.92])
        dc = {
            "Current": ["d", 12.0],
            "Power": ["d", 635.0],
            "Temperature": ["d", 22.0],
            "Voltage": ["d", 52.92],
        }
        assert await w.client.get("/Dc/0") == ["a{sv}", dc]
        assert await w.client.get("/Dc") == ["a{sv}", {f"0/{k}": v for k, v in dc.items()}]
        kind, texts = await w.client.get("/Dc/0", "GetText")
        assert (kind, texts["Power"]) == ("a{ss}", ["s", "635W"])
        reply = await w.client.ask("call", path="/", member="GetValue")
        assert reply["signature"] == "v"

    play(scenario)


def test_a_write_is_refused_with_code_1_and_changes_nothing(play):
    async def scenario(w):
        w.put()
        await w.appears()
        for path in ("/Soc", "/Info/MaxChargeVoltage", "/Info/MaxChargeCurrent", "/DeviceInstance"):
            for value, kind in ((10.0, "Double"), ("x", "String"), (0, "Int32")):
                reply = await w.client.ask("set_value", path=path, value=value, kind=kind)
                assert reply == {"signature": "i", "value": ["i", 1]}
        assert await w.client.get("/Soc") == ["d", 64.0]
        assert await w.client.get("/Info/MaxChargeVoltage") == ["d", 55.2]
        assert w.gate.asked == []

    play(scenario)


def test_what_is_not_there_is_an_error_by_its_name(play):
    async def scenario(w):
        w.put()
        await w.appears()
        assert await w.client.get("/Dc/7") == UNKNOWN_OBJECT
        assert await w.client.get("/Socket") == UNKNOWN_OBJECT
        assert await w.client.get("/Soc", "GetMin") == UNKNOWN_METHOD
        assert await w.client.get("/Dc", "GetItems") == UNKNOWN_METHOD
        assert await w.client.get("/Dc", "SetValue") == UNKNOWN_METHOD
        assert await w.client.get("/Soc", interface="org.example.Other") == UNKNOWN_METHOD

    play(scenario)


def test_a_call_may_leave_the_interface_out(play):
    async def scenario(w):
        w.put()
        await w.appears()
        assert await w.client.get("/Soc", interface=None) == ["d", 64.0]

    play(scenario)


def test_introspection_shows_methods_and_children(play):
    async def scenario(w):
        introspectable = "org.freedesktop.DBus.Introspectable"
        w.put()
        await w.appears()
        _, root = await w.client.get("/", "Introspect", interface=introspectable)
        assert 'interface name="com.victronenergy.BusItem"' in root
        assert 'signal name="ItemsChanged"' in root
        assert root.count('<node name="Dc"/>') == 1
        _, branch = await w.client.get("/Dc", "Introspect", interface=introspectable)
        assert '<node name="0"/>' in branch
        _, leaf = await w.client.get("/Dc/0/Voltage", "Introspect", interface=introspectable)
        assert 'method name="SetValue"' in leaf

    play(scenario)


def test_one_signal_tells_what_changed_and_nothing_else(play):
    async def scenario(w):
        w.put()
        await w.appears()
        w.put(voltage_v=53.1, soc_percent=65.0)
        await w.hears("/Soc", 65.0)
        ((path, items),) = w.client.signals
        items.pop("/CurrentAvg", None)
        assert (path, items) == (
            "/",
            {
                "/Dc/0/Voltage": {"Value": ["d", 53.1], "Text": ["s", "53.10V"]},
                "/Soc": {"Value": ["d", 65.0], "Text": ["s", "65.0%"]},
            },
        )

    play(scenario)


def test_what_rounding_hides_makes_no_signal(play):
    async def scenario(w):
        w.put()
        await w.appears()
        for step in range(5):
            w.put(voltage_v=52.92 + step * 0.001, current_a=12.001 + step * 0.01)
            await asyncio.sleep(0.02)
        w.put(power_w=700.0)
        await w.hears("/Dc/0/Power", 700.0, deciding=True)
        told = [values for values in w.client.changed() if values]
        assert told == [{"/Dc/0/Power": 700.0}]

    play(scenario)


def test_a_value_that_is_lost_becomes_the_invalid_marker(play):
    async def scenario(w):
        w.put()
        await w.appears()
        w.put(temperature_c=None)
        await w.hears("/Dc/0/Temperature", [])
        marker = {"Value": ["ai", []], "Text": ["s", "---"]}
        assert w.client.signals[-1][1]["/Dc/0/Temperature"] == marker
        assert w.client.changed() == [{"/Dc/0/Temperature": []}]

    play(scenario)


def test_nothing_is_on_the_bus_before_the_first_reading(play):
    async def scenario(w):
        w.put(phase=BankPhase.STARTING, limits=None)
        await asyncio.sleep(0.2)
        assert not await w.client.ask("owned")
        w.put()
        await w.appears()
        assert await w.client.get("/Info/MaxChargeVoltage") == ["d", 55.2]

    play(scenario)


def test_everything_is_there_when_the_name_appears(play):
    async def scenario(w):
        w.put()
        await w.appears()
        await w.client.listen()
        assert w.client.owners == ["here"]
        assert w.client.signals == []

    play(scenario)


def test_one_lost_pack_of_two_is_a_warning_and_the_limits_are_those_of_the_bank(play):
    async def scenario(w):
        w.put()
        await w.appears()
        lost = pack_state("right", phase=PackPhase.LOST, reading=None)
        w.put(packs=(pack_state("left"), lost), limits=limits(55.2, 50.0, 100.0, 48.0))
        await w.hears("/Alarms/BmsCable", 1)
        assert w.client.changed() == [
            {
                "/Info/MaxChargeCurrent": 50.0,
                "/Info/MaxDischargeCurrent": 100.0,
                "/System/NrOfModulesOnline": 1,
                "/System/NrOfModulesOffline": 1,
                "/ConnectionInformation": "1 of 2 packs, lost: right",
                "/Alarms/BmsCable": 1,
                "/Diagnostics/Module1/Standing": "lost",
                "/Diagnostics/Module1/Voltage": [],
                "/Diagnostics/Module1/Current": [],
                "/Diagnostics/Module1/Alarms/BmsCable": 2,
            }
        ]

    play(scenario)


def test_silence_is_an_alarm_with_both_currents_0_then_gone_then_back_by_itself(play):
    async def scenario(w):
        w.put()
        await w.appears()
        stopped = {
            "charge_allowed": False,
            "discharge_allowed": False,
            "limits": limits(55.2, 0.0, 0.0, 48.0),
        }
        w.put(phase=BankPhase.SILENT, voltage_v=None, **stopped)
        await w.hears("/Alarms/BmsCable", 2)
        assert await w.client.get("/Info/MaxChargeCurrent") == ["d", 0.0]
        assert await w.client.get("/Info/MaxDischargeCurrent") == ["d", 0.0]
        assert await w.client.get("/Info/MaxChargeVoltage") == ["d", 55.2]
        assert await w.client.get("/Dc/0/Voltage") == ["ai", []]
        w.put(phase=BankPhase.GONE, **stopped)
        await w.vanishes()
        assert w.output.status()["connected"] is False
        w.put()
        await w.appears()
        assert await w.client.get("/Alarms/BmsCable") == ["i", 0]
        assert await w.client.get("/Info/MaxChargeCurrent") == ["d", 100.0]
        await w.client.listen()
        assert w.client.owners == ["here", "gone", "here"]

    play(scenario)


def test_a_controller_that_stops_deciding_is_treated_like_a_silent_bms(play):
    async def scenario(w):
        w.put()
        await w.appears()
        await w.hears("/Alarms/BmsCable", 2)  # 10 s of the controller's time: 0.4 s
        assert w.client.changed()[-1]["/Info/MaxChargeCurrent"] == 0.0
        assert w.client.changed()[-1]["/Info/MaxDischargeCurrent"] == 0.0
        reason = "the controller does not decide"
        assert w.client.changed()[-1]["/Info/ChargeLimitation"] == reason
        await w.vanishes()  # at 60 s: 2.4 s
        w.put()
        await w.appears()

    play(scenario, speed=25.0)


def test_the_last_errors_are_shown_after_a_restart_too(play):
    seen = []

    async def scenario(w):
        if not seen:
            alarm = Alarm(
                kind=AlarmKind.SHORT_CIRCUIT, severity=Severity.PROTECTION, pack="left", since_s=1.0
            )
            w.put(alarms=(alarm,))
        else:
            w.put()
        await w.appears()
        seen.append(await w.client.get("/Diagnostics/LastErrors/1/Error"))
        seen.append(await w.client.get("/Diagnostics/LastErrors/1/Time"))

    play(scenario)
    play(scenario)
    assert seen[0] == ["i", 27]
    assert seen[2:] == seen[:2]


def test_on_a_stop_the_limits_are_0_first_and_then_the_name_is_released(play):
    async def scenario(w):
        w.put()
        await w.appears()
        w.put(phase=BankPhase.STOPPING)
        await w.hears("/Info/MaxChargeCurrent", 0.0)
        assert w.client.changed()[-1]["/Info/MaxDischargeCurrent"] == 0.0
        assert w.client.changed()[-1]["/Info/ChargeLimitation"] == "the controller is stopping"
        assert "/Info/MaxChargeVoltage" not in w.client.changed()[-1]
        assert await w.client.ask("owned")
        await w.vanishes()
        async with asyncio.timeout(2):
            await w.task
        await w.client.listen()
        assert w.client.owners == ["here", "gone"]

    play(scenario, stop_hold_s=0.3)


def test_a_stop_before_the_first_reading_returns_at_once(play):
    async def scenario(w):
        w.put(phase=BankPhase.STOPPING, limits=None)
        async with asyncio.timeout(1):
            await w.task

    play(scenario)


def test_cancelling_takes_the_service_off_the_bus(play):
    async def scenario(w):
        w.put()
        await w.appears()
        w.task.cancel()
        await w.vanishes()

    play(scenario)


def test_a_bus_that_restarts_gets_the_service_back(play, bus):
    async def scenario(w):
        w.put()
        await w.appears()
        bus.stop()
        await asyncio.sleep(0.1)
        w.put(soc_percent=63.0)
        await asyncio.sleep(0.1)
        assert w.output.status()["connected"] is False
        assert "lost" in w.output.status()["last_error"]
        bus.start()
        async with w.with_a_new_client() as client:
            await w.appears()  # the first try comes after 1 s, give or take 20 %
            assert await client.get("/Soc") == ["d", 63.0]

    play(scenario)


def test_a_bus_that_is_not_there_yet_is_waited_for(play, bus):
    async def scenario(w):
        bus.stop()
        w.put()
        await asyncio.sleep(0.1)
        assert "cannot be reached" in w.output.status()["last_error"]
        bus.start()
        async with w.with_a_new_client():
            await w.appears()

    play(scenario)


def test_a_taken_name_is_said_clearly_and_tried_again(play, tmp_path):
    from cellwarden_victron.output import VictronOutput

    async def scenario(w):
        w.put()
        await w.appears()
        options = VictronOptions(bus=w.bus.address, service="test")
        second = VictronOutput(
            options, OutputContext(name="second", bank="Other", state_dir=str(tmp_path))
        )
        feed = Mailbox(Clock())
        feed.put(bank_state(at_s=feed.clock.now_s(), soc_percent=11.0))
        task = asyncio.create_task(second.run(feed, FakeGate()))
        await asyncio.sleep(0.2)
        assert "another process on this bus has this name" in second.status()["last_error"]
        assert await w.client.get("/Soc") == ["d", 64.0]
        w.task.cancel()  # the first gives the name back

        async def is_second() -> bool:
            return await w.client.get("/Soc") == ["d", 11.0]

        await w.until(is_second)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(scenario)


def test_a_daemon_that_does_not_read_never_costs_the_connection(play, bus):
    async def scenario(w):
        w.put()
        await w.appears()
        bus.freeze()
        for step in range(400):  # some 2 MB of signals, if each were sent
            w.put(
                voltage_v=50.0 + step / 100,
                power_w=float(step),
                packs=(pack_state(f"pack {step}"),),
                limits=limits(55.0 + step / 1000, 10.0 + step, 20.0 + step, 48.0),
            )
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert w.output.status()["connected"] is True
        bus.thaw()
        await w.hears("/Dc/0/Power", 399.0, deciding=True)
        assert w.client.owners == ["here"]
        assert await w.client.get("/Dc/0/Voltage") == ["d", 53.99]
        assert w.output.status()["signals_sent"] < 50

    play(scenario)


def test_ten_thousand_signals_beside_a_listener_that_does_not_read(play, library):
    # The library of the GX gets them all; the other one a fifth, for the sake of the test's time.
    signals = 10_000 if library == "dbus_fast" else 2_000

    async def scenario(w):
        async with w.another_client() as deaf:
            w.put()
            await w.appears()
            deaf.freeze()
            # A falling limit is told at once, each time.
            step = 0
            while w.output.status()["signals_sent"] < signals:
                step += 1
                w.put(limits=limits(55.2, 20_000 - step / 10, 200.0, 48.0))
                await asyncio.sleep(0)
                if step % 500 == 0:
                    await w.client.listen()
            assert w.output.status()["connected"] is True
            last = round(20_000 - step / 10, 1)
            await w.hears("/Info/MaxChargeCurrent", last, deciding=True)
            assert w.client.owners == ["here"]
            assert await w.client.get("/Info/MaxChargeCurrent") == ["d", last]
            deaf.thaw()

    play(scenario)


def test_a_charge_voltage_that_gets_lost_stops_the_currents_first_and_leaves_later(play):
    async def scenario(w):
        w.put()
        await w.appears()
        w.put(limits=limits(0.0, 100.0, 200.0, 48.0))
        await w.hears("/Info/MaxChargeCurrent", 0.0)
        told = w.client.changed()[-1]
        assert told["/Info/MaxDischargeCurrent"] == 0.0
        assert told["/Alarms/InternalFailure"] == 2
        assert "/Info/MaxChargeVoltage" not in told
        assert await w.client.get("/Info/MaxChargeVoltage") == ["d", 55.2]

        async def gone() -> bool:
            w.put(**w.decided)
            return not await w.client.ask("owned")

        await w.until(gone)  # at 60 s of the controller's time: 2.4 s
        w.put()
        await w.appears()
        assert await w.client.get("/Info/MaxChargeCurrent") == ["d", 100.0]

    play(scenario, speed=25.0)


def test_a_client_that_floods_the_service_harms_only_itself(play):
    async def scenario(w):
        w.put()
        await w.appears()
        await w.client.ask("flood", count=300)

        async def answered() -> bool:
            return (await w.client.ask("counts"))["answered"] == 600

        await w.until(answered, within_s=20)
        w.put(soc_percent=65.0)
        await w.hears("/Soc", 65.0)
        assert w.client.owners == ["here"]

    play(scenario)


def test_a_caller_that_wants_no_reply_gets_none(play):
    async def scenario(w):
        w.put()
        await w.appears()
        await w.client.ask("call_without_waiting", path="/Soc", member="GetValue")
        assert await w.client.get("/Soc") == ["d", 64.0]
        assert w.output.status()["connected"] is True

    play(scenario)


def test_while_a_pack_waits_for_its_serial_number_nothing_spins(play):
    async def scenario(w):
        # The first try fails, for the name is taken; then the BMS forgets who it is.
        async with w.another_client() as other:
            await other.ask("own", name="com.victronenergy.battery.test_left")
            w.put(packs=(pack_state("left"),))
            await w.appears()
        w.put(packs=(pack_state("left", identity=None),))
        loop, turns = asyncio.get_running_loop(), 0
        end_s = loop.time() + 2.0  # the next try would come within 1.2 s
        turns = 0
        original = w.feed.next

        async def counted(timeout_s=None):
            nonlocal turns
            turns += 1
            return await original(timeout_s)

        w.feed.next = counted
        while loop.time() < end_s:  # noqa: ASYNC110  # nothing happens, that is the point
            await asyncio.sleep(0.05)
        assert turns < 10

    play(scenario, packs=True)


def test_a_daemon_that_hangs_does_not_hold_up_the_stop(play, bus):
    async def scenario(w):
        w.put()
        await w.appears()
        bus.freeze()
        w.put(phase=BankPhase.STOPPING)
        async with asyncio.timeout(2):
            await w.task
        assert w.output.status()["connected"] is False

    play(scenario)


def test_a_daemon_that_hangs_at_the_start_is_tried_again(play, bus):
    async def scenario(w):
        bus.freeze()
        w.put()

        async def given_up() -> bool:
            return "cannot be reached: TimeoutError" in w.output.status()["last_error"]

        await w.until(given_up)
        bus.thaw()
        w.put()
        await w.appears()

    play(scenario)


def test_cancelling_in_the_middle_of_connecting_leaves_nothing_open(play, bus):
    async def scenario(w):
        bus.freeze()
        w.put()
        await asyncio.sleep(0.1)
        w.task.cancel()
        async with asyncio.timeout(1):
            await asyncio.gather(w.task, return_exceptions=True)

    play(scenario)
