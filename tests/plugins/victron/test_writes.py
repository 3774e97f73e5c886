"""Written values on their way to the gate, on a real bus."""

import asyncio
from dataclasses import replace

import pytest

from cellwarden.model import Order, Orders, Outcome, Reading, RequestKind, Verdict
from support.states import bank_state, pack_state

pytestmark = pytest.mark.system

ACCEPTED, NOT_WRITABLE, REFUSED = 0, 1, 2


async def write(w, path, value, kind="Int32", **more):
    reply = await w.client.ask("set_value", path=path, value=value, kind=kind, **more)
    assert reply["signature"] == "i"
    return reply["value"][1]


def asked(w):
    return [(r.kind, r.pack, r.value, r.who) for r in w.gate.asked]


def test_charging_is_forced_off_through_the_gate_and_shown_once_it_is_so(play):
    async def scenario(w):
        w.put()
        await w.appears()
        assert await w.client.get("/Settings/ForceChargingOff") == ["i", 0]
        assert await write(w, "/Settings/ForceChargingOff", 1) == ACCEPTED
        assert asked(w) == [(RequestKind.CHARGE_BLOCK, "", True, "output victron")]
        assert await w.client.get("/Settings/ForceChargingOff") == ["i", 0]
        w.put(orders=Orders(charge_block=Order(value=1.0, who="victron")))
        await w.hears("/Settings/ForceChargingOff", 1)
        assert await write(w, "/Settings/ForceChargingOff", 0) == ACCEPTED
        assert asked(w)[-1] == (RequestKind.CHARGE_BLOCK, "", None, "output victron")

    play(scenario)


def test_every_writable_item_takes_a_wrapped_and_an_unwrapped_value(play):
    async def scenario(w):
        w.put()
        await w.appears()
        assert await write(w, "/Settings/ForceDischargingOff", 1, level=3) == ACCEPTED
        assert await write(w, "/Settings/ChargeMode", "float", "String") == ACCEPTED
        assert await write(w, "/Settings/ChargeCurrentLimit", 20.5, "Double") == ACCEPTED
        assert await write(w, "/Settings/FullCharge", 1, "Byte") == ACCEPTED
        assert await write(w, "/Settings/TurnBalancingOff", True, "Boolean") == ACCEPTED
        assert [(kind, pack, value) for kind, pack, value, _ in asked(w)] == [
            (RequestKind.DISCHARGE_BLOCK, "", True),
            (RequestKind.CHARGE_MODE, "", "float"),
            (RequestKind.CHARGE_CURRENT_LIMIT, "", 20.5),
            (RequestKind.FULL_CHARGE, "", True),
            (RequestKind.BALANCE_SWITCH, "left", False),
            (RequestKind.BALANCE_SWITCH, "right", False),
        ]

    play(scenario)


def test_the_soc_is_reset_to_the_value_written_before(play):
    async def scenario(w):
        w.put()
        await w.appears()
        assert await w.client.get("/Settings/ResetSocTo") == ["d", 100.0]
        assert await write(w, "/Settings/ResetSocTo", 80) == ACCEPTED
        await w.hears("/Settings/ResetSocTo", 80.0, deciding=True)
        assert await write(w, "/Settings/ResetSocToApply", 1) == ACCEPTED
        assert asked(w) == [(RequestKind.RESET_SOC, "", 80.0, "output victron")]
        assert await w.client.get("/Settings/ResetSocToApply") == ["i", 0]

    play(scenario)


def test_a_value_that_makes_no_sense_is_refused_before_the_gate(play):
    async def scenario(w):
        w.put()
        await w.appears()
        assert await write(w, "/Settings/ForceChargingOff", 7) == NOT_WRITABLE
        assert await write(w, "/Settings/ForceChargingOff", "on", "String") == NOT_WRITABLE
        assert await write(w, "/Settings/ResetSocTo", 250.0, "Double") == NOT_WRITABLE
        invalid = await w.client.ask("set_invalid", path="/Settings/ForceChargingOff")
        assert invalid == {"signature": "i", "value": ["i", NOT_WRITABLE]}
        assert w.gate.asked == []

    play(scenario)


def test_what_the_gate_would_refuse_is_shown_as_invalid_and_refused(play):
    async def scenario(w):
        w.gate.open.clear()
        w.put()
        await w.appears()
        assert await w.client.get("/Settings/ForceChargingOff") == ["ai", []]
        assert await w.client.get("/Settings/ResetSocTo") == ["ai", []]
        assert await write(w, "/Settings/ForceChargingOff", 1) == REFUSED
        assert w.gate.asked == []

    play(scenario)


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.ROLLED_BACK, Verdict.HALF_DONE])
def test_an_outcome_that_is_not_good_is_told_to_the_writer(play, verdict):
    async def scenario(w):
        w.gate.answer = lambda _: Outcome(verdict=verdict, reason="no")
        w.put()
        await w.appears()
        assert await write(w, "/Settings/TurnBalancingOff", 1) == REFUSED

    play(scenario)


def test_a_write_that_takes_long_holds_up_nothing_else(play):
    async def scenario(w):
        w.gate.takes_s = 1.0
        w.put()
        await w.appears()
        await w.client.ask("flood_of_writes", path="/Settings/ForceChargingOff", count=1)
        w.put(soc_percent=65.0)
        await w.hears("/Soc", 65.0)
        assert (await w.client.ask("counts"))["answered"] == 0

        async def answered() -> bool:
            return (await w.client.ask("counts"))["codes"] == [ACCEPTED]

        await w.until(answered)

    play(scenario)


def test_a_write_under_way_is_not_cut_off_when_the_bus_is_lost(play, bus):
    finished = []

    async def scenario(w):
        w.gate.takes_s = 0.3
        w.gate.answer = lambda request: (
            finished.append(request) or Outcome(verdict=Verdict.APPLIED, reason="")
        )
        w.put()
        await w.appears()
        await w.client.ask("flood_of_writes", path="/Settings/ForceChargingOff", count=1)

        async def begun() -> bool:
            return bool(w.gate.asked)

        await w.until(begun)
        bus.stop()
        w.put()

        async def done() -> bool:
            return bool(finished)

        await w.until(done)

    play(scenario)


def test_a_flood_of_writes_good_and_bad_is_answered_and_bounded(play):
    async def scenario(w):
        w.gate.takes_s = 0.05
        w.put()
        await w.appears()
        await w.client.ask("flood_of_writes", path="/Settings/ForceChargingOff", count=300)

        async def answered() -> bool:
            return (await w.client.ask("counts"))["answered"] == 300

        await w.until(answered, within_s=20)
        codes = (await w.client.ask("counts"))["codes"]
        assert codes.count(NOT_WRITABLE) > 0
        assert codes.count(REFUSED) > 100  # no more than eight are under way
        assert 1 <= len(w.gate.asked) <= 100
        w.put(soc_percent=65.0)
        await w.hears("/Soc", 65.0)
        assert w.client.owners == ["here"]

    play(scenario)


def test_at_a_pack_the_switch_of_its_bms_is_asked_for(play):
    name = "com.victronenergy.battery.test_right"

    async def scenario(w):
        off = replace(
            pack_state("right").reading or Reading(pack="", heard_s=0), charge_switch_on=False
        )
        w.put(packs=(pack_state("left"), pack_state("right", reading=off)))
        await w.until(lambda: w.client.ask("owned", name=name))
        assert await w.client.get("/Settings/ForceChargingOff", name=name) == ["i", 1]
        assert await write(w, "/Settings/ForceChargingOff", 0, name=name) == ACCEPTED
        assert asked(w) == [(RequestKind.CHARGE_SWITCH, "right", True, "output victron")]

    play(scenario, packs=True)


def test_a_caller_that_wants_no_answer_to_its_write_gets_none(play):
    async def scenario(w):
        w.put()
        await w.appears()
        await w.client.ask("call_without_waiting", path="/Soc", member="SetValue")
        await asyncio.sleep(0.05)
        assert await w.client.get("/Soc") == ["d", bank_state().soc_percent]

    play(scenario)
