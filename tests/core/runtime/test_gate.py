"""The gate: who may ask for what, what becomes of it, and what is kept of it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path

import pytest

from cellwarden.engine import Engine, EngineSettings
from cellwarden.errors import LinkError
from cellwarden.model import (
    Outcome,
    Request,
    RequestKind,
    Step,
    Switches,
    Verdict,
)
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.rights import Right
from support.gate_world import World, change, killed_in_the_middle, switch
from support.states import bank_state, pack_state
from support.writable import LFP, WritablePack

K = RequestKind


def test_a_switch_is_written_read_back_and_audited(tmp_path: Path) -> None:
    world = World(tmp_path)
    (outcome,) = world.ask(switch(on=False))
    assert outcome.verdict is Verdict.APPLIED
    (step,) = outcome.steps
    assert (step.what, step.before, step.wanted, step.now) == ("charge_switch", True, False, False)
    (entry,) = world.audit.entries()
    assert (entry.who, entry.pack, entry.kind, entry.asked, entry.verdict) == (
        "output panel", "left", "charge switch", "False", "applied",
    )  # fmt: skip
    assert entry.steps == outcome.steps


@pytest.mark.requirement("R47")
@pytest.mark.parametrize(
    "kind", [K.CHARGE_SWITCH, K.DISCHARGE_SWITCH, K.BALANCE_SWITCH, K.HEATING_SWITCH]
)
def test_every_switch_can_be_set(tmp_path: Path, kind: RequestKind) -> None:
    world = World(tmp_path)
    (outcome,) = world.ask(Request(kind=kind, pack="left", value=False, who="params"))
    assert outcome.good
    assert world.packs[0].written == [(outcome.steps[0].what, False)]


def test_a_switch_that_is_so_already_is_not_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    (outcome,) = world.ask(switch(on=True))
    assert outcome.good
    assert world.packs[0].written == []


@pytest.mark.requirement("R9")
def test_parameters_are_one_transaction(tmp_path: Path) -> None:
    world = World(tmp_path)
    pack = world.packs[0]
    pack.ignores = {"cell_undervoltage_v"}
    (outcome,) = world.ask(change(shutdown_v=2.4, cell_undervoltage_v=2.6))
    assert outcome.verdict is Verdict.ROLLED_BACK
    assert pack.held["shutdown_v"] == 2.5
    assert [entry.verdict for entry in world.audit.entries()] == ["rolled back"]


@pytest.mark.requirement("R5")
def test_a_refused_change_names_every_rule_and_writes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    (outcome,) = world.ask(change(shutdown_v=2.8, cell_overvoltage_v=5.0))
    assert outcome.verdict is Verdict.REFUSED
    assert "shutdown_v" in outcome.reason
    assert "cell_overvoltage_v" in outcome.reason
    assert world.packs[0].written == []


def test_a_dry_run_tells_register_by_register_and_writes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    (outcome,) = world.ask(change(dry_run=True, shutdown_v=2.4))
    assert outcome.verdict is Verdict.PLANNED
    (step,) = outcome.steps
    assert (step.register, step.before, step.wanted) == ("0x0A", 2.5, 2.4)
    assert world.packs[0].written == []
    assert world.audit.entries() == ()


@pytest.mark.parametrize("kind", [kind for kind in RequestKind if kind.reaches_bms])
def test_mode_monitor_refuses_every_write(tmp_path: Path, kind: RequestKind) -> None:
    world = World(tmp_path, mode="monitor")
    (outcome,) = world.ask(
        Request(kind=kind, pack="left", value=True, changes={"shutdown_v": 2.4}, who="params")
    )
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.reason == 'mode is "monitor": nothing is ever written to a BMS'
    assert world.packs[0].written == []
    assert world.packs[0].acted == []


def test_mode_monitor_still_shows_what_would_be_written(tmp_path: Path) -> None:
    world = World(tmp_path, mode="monitor")
    (outcome,) = world.ask(change(dry_run=True, shutdown_v=2.4))
    assert outcome.verdict is Verdict.PLANNED


def test_orders_are_taken_in_mode_monitor_too(tmp_path: Path) -> None:
    world = World(tmp_path, mode="monitor")
    (outcome,) = world.ask(Request(kind=K.CHARGE_CURRENT_LIMIT, value=20.0, who="output panel"))
    assert outcome.good
    order = world.gate.orders(world.clock.now_s()).charge_current_a
    assert order is not None
    assert order.value == 20.0


@pytest.mark.parametrize(
    ("may", "allowed"),
    [
        (Right.NOTHING, []),
        (Right.ORDERS, [K.TARGET_SOC]),
        (Right.SWITCHES, [K.TARGET_SOC, K.CHARGE_SWITCH]),
        (Right.SETTINGS, [K.TARGET_SOC, K.CHARGE_SWITCH, K.PARAMETERS, K.RESTART]),
    ],
)
def test_each_right_includes_those_before_it(
    tmp_path: Path, may: Right, allowed: list[RequestKind]
) -> None:
    world = World(tmp_path, may=may)
    found: list[RequestKind] = []

    async def scenario() -> None:
        for kind in (K.TARGET_SOC, K.CHARGE_SWITCH, K.PARAMETERS, K.RESTART):
            pack = "left" if kind.reaches_bms else ""
            if world.gate.refusal(kind, pack, "output panel") is None:
                found.append(kind)

    world.run(scenario)
    assert found == allowed


def test_a_missing_right_says_which_key_gives_it(tmp_path: Path) -> None:
    world = World(tmp_path, may=Right.ORDERS)
    (outcome,) = world.ask(switch(on=False))
    assert outcome.reason == (
        'panel may ask for orders only: set may_ask = "switches" in its [[output]]'
    )


def test_whoever_is_not_known_may_give_orders_only(tmp_path: Path) -> None:
    world = World(tmp_path)
    first, second = world.ask(
        switch(on=False, who="stranger"), Request(kind=K.TARGET_SOC, value=80.0, who="stranger")
    )
    assert first.verdict is Verdict.REFUSED
    assert second.verdict is Verdict.APPLIED


def test_the_whole_bank_means_every_pack(tmp_path: Path) -> None:
    world = World(tmp_path, WritablePack("left"), WritablePack("right"))
    (outcome,) = world.ask(Request(kind=K.DISCHARGE_SWITCH, value=False, who="params"))
    assert outcome.good
    assert [pack.held["discharge_switch"] for pack in world.packs] == [False, False]


def test_an_unknown_pack_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    world = World(tmp_path)
    (outcome,) = world.ask(Request(kind=K.CHARGE_SWITCH, pack="middle", value=True, who="params"))
    assert "there is no pack 'middle': this bank has left" in outcome.reason


def test_what_the_protocol_cannot_do_is_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.packs[0].cannot[K.NAME] = "the protocol has no register for the name"
    (outcome,) = world.ask(Request(kind=K.NAME, pack="left", value="x", who="params"))
    assert outcome.reason == "the protocol has no register for the name"


def test_a_driver_that_only_reads_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)

    class Reads:
        why_read_only = "this bus only listens"

        async def open(self) -> None: ...
        async def close(self) -> None: ...
        async def poll(self):
            return await world.packs[0].poll()

    world.guarded[0].driver = Reads()
    (outcome,) = world.ask(switch(on=False))
    assert outcome.reason == "this bus only listens"


def test_without_a_connection_nothing_is_tried(tmp_path: Path) -> None:
    world = World(tmp_path)
    reasons: list[str | None] = []

    async def scenario() -> None:
        await world.guarded[0].close()
        reasons.append(world.gate.refusal(K.CHARGE_SWITCH, "left", "params"))

    world.run(scenario)
    assert reasons == ["there is no connection to its BMS now"]


def test_the_poller_and_the_gate_take_turns(tmp_path: Path) -> None:
    world = World(tmp_path)
    pack = world.packs[0]
    inside = 0

    async def alone(call: Awaitable[object]) -> object:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0.001)
        inside -= 1
        return await call

    poll, read, write = pack.poll, pack.read_settings, pack.write_setting
    pack.poll = lambda: alone(poll())  # type: ignore[method-assign, assignment]
    pack.read_settings = lambda names=None: alone(read(names))  # type: ignore[method-assign, assignment]
    pack.write_setting = lambda name, value: alone(write(name, value))  # type: ignore[method-assign, assignment]

    async def scenario() -> None:
        async def polling() -> None:
            for _ in range(20):
                await world.guarded[0].poll()

        outcome, _, _ = await asyncio.gather(
            world.gate.ask(change(shutdown_v=2.4, cell_undervoltage_v=2.6)),
            polling(),
            world.gate.ask(switch(on=False)),
        )
        assert outcome.good

    world.run(scenario)


def test_it_may_be_asked_from_any_thread(tmp_path: Path) -> None:
    world = World(tmp_path)
    outcomes: list[Outcome] = []

    async def scenario() -> None:
        ask = world.gate.ask(switch(on=False))
        outcomes.append(await asyncio.to_thread(asyncio.run, ask))

    world.run(scenario)
    assert outcomes[0].good


def test_whoever_leaves_does_not_break_off_a_transaction(tmp_path: Path) -> None:
    world = World(tmp_path)
    pack = world.packs[0]
    written = asyncio.Event()
    pack.after = lambda name: written.set()

    async def scenario() -> None:
        task = asyncio.create_task(world.gate.ask(change(shutdown_v=2.4, cell_undervoltage_v=2.6)))
        await written.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    world.run(scenario)  # stop() waits for what has begun
    assert (pack.held["shutdown_v"], pack.held["cell_undervoltage_v"]) == (2.4, 2.6)


@pytest.mark.requirement("R9")
@pytest.mark.requirement("R45")
def test_a_wrong_password_is_refused_counted_and_then_no_longer_tried(tmp_path: Path) -> None:
    world = World(tmp_path)
    tried = 0

    def count(what: str, name: str) -> None:
        nonlocal tried
        tried += what == "log in"

    world.packs[0].password_good = False
    world.packs[0].trouble = count
    outcomes = world.ask(*[switch(on=False)] * 5)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.REFUSED] * 5
    assert "wrong 3 times" in outcomes[2].reason
    assert "wrong too often: wait 300 s" in outcomes[3].reason
    assert tried == 3
    assert world.packs[0].written == []


def test_who_is_refused_too_often_has_to_wait(tmp_path: Path) -> None:
    world = World(tmp_path, may=Right.ORDERS)
    outcomes = world.ask(*[switch(on=False)] * 21, switch(on=False, who="params"))
    assert "too many requests were refused: wait 60 s" in outcomes[20].reason
    assert outcomes[21].good  # others go on
    # Repetitions are counted, not kept.
    counts = Counter[str]()
    for entry in world.audit.entries():
        counts[entry.reason[:8]] += entry.times
    assert (counts["panel ma"], counts["too many"]) == (20, 1)
    assert len(world.audit.entries()) == 4


def test_protection_stands_above_whoever_asks(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.packs[0].held["charge_switch"] = False
    state = pack_state("left", switches=Switches(charge=False))
    world.gate.saw(bank_state(packs=(state,)))
    first, second = world.ask(switch(on=True), switch(on=True, who="params"))
    assert "left: the engine keeps the charge switch off" in first.reason
    assert second.verdict is Verdict.REFUSED
    assert world.packs[0].written == []


def test_a_full_disk_refuses_a_person_but_not_the_engine(tmp_path: Path) -> None:
    (tmp_path / "audit.db").mkdir()  # cannot be opened as a file
    world = World(tmp_path)
    first, second = world.ask(switch(on=False), switch(on=False, who="engine"))
    assert first.verdict is Verdict.REFUSED
    assert "cannot be written" in first.reason
    assert second.good
    assert world.packs[0].written == [("charge_switch", False)]


def test_a_password_never_reaches_the_log_or_the_audit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world = World(tmp_path)
    (outcome,) = world.ask(Request(kind=K.PASSWORD, pack="left", value="topsecret", who="params"))
    assert outcome.good
    assert world.packs[0].acted == [(K.PASSWORD, "topsecret")]
    (entry,) = world.audit.entries()
    assert entry.asked == "a new password"
    for text in (caplog.text, repr(outcome), repr(entry)):
        assert "topsecret" not in text
    assert b"topsecret" not in (tmp_path / "audit.db").read_bytes()


# -- what was left half done ------------------------------------------------------------------


def test_the_next_start_says_what_a_crash_left_half_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path, killed_in_the_middle(tmp_path))
    first, second = world.ask(change(shutdown_v=2.3), switch(on=False))
    assert "left half done: first finish or undo it" in first.reason
    assert second.good  # a switch does not wait for that
    assert "cellwarden params finish left" in caplog.text


@pytest.mark.parametrize(("finish", "volts"), [(True, (2.4, 2.6)), (False, (2.5, 2.7))])
def test_what_was_left_half_done_is_finished_or_undone(
    tmp_path: Path, finish: bool, volts: tuple[float, float]
) -> None:
    world = World(tmp_path, killed_in_the_middle(tmp_path))
    pack = world.packs[0]
    outcomes: list[Outcome] = []

    async def scenario() -> None:
        outcomes.append(await world.gate.half_done.settle("left", "params", finish=finish))
        outcomes.append(await world.gate.ask(change(charge_current_max_a=25.0)))

    world.run(scenario)
    assert [outcome.good for outcome in outcomes] == [True, True]
    assert (pack.held["shutdown_v"], pack.held["cell_undervoltage_v"]) == volts
    assert world.audit.unsettled() == ()


def test_a_link_that_stays_away_is_half_done_and_stays_to_be_settled(tmp_path: Path) -> None:
    world = World(tmp_path)
    pack = world.packs[0]

    def cut(what: str, name: str) -> None:
        if what == "write" and name == "cell_undervoltage_v":
            pack.trouble = lose

    def lose(what: str, name: str) -> None:
        raise LinkError("left", "gone")

    pack.trouble = cut
    pack.after = lambda name: setattr(pack, "trouble", lose) if name == "shutdown_v" else None
    (outcome,) = world.ask(change(shutdown_v=2.4, cell_undervoltage_v=2.6))
    assert outcome.verdict is Verdict.HALF_DONE
    (entry,) = world.audit.unsettled()
    assert [(step.what, step.now) for step in entry.steps] == [
        ("shutdown_v", None), ("cell_undervoltage_v", 2.7),
    ]  # fmt: skip


def test_a_finish_that_fails_can_be_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path, killed_in_the_middle(tmp_path))
    world.packs[0].ignores = {"cell_undervoltage_v"}
    outcomes: list[Outcome] = []

    async def scenario() -> None:
        outcomes.append(await world.gate.half_done.settle("left", "params", finish=True))
        world.packs[0].ignores = set()
        outcomes.append(await world.gate.half_done.settle("left", "params", finish=True))

    world.run(scenario)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ROLLED_BACK, Verdict.APPLIED]


# -- calibration -------------------------------------------------------------------------------


@pytest.mark.requirement("R42")
def test_a_calibration_is_checked_by_the_engine_before_the_device_is_asked(tmp_path: Path) -> None:
    world = World(tmp_path)
    (outcome,) = world.ask(
        Request(kind=K.CALIBRATE_VOLTAGE, pack="left", value=52.31, who="params")
    )
    assert outcome.verdict is Verdict.REFUSED
    assert "nothing to compare with" in outcome.reason
    assert world.packs[0].acted == []


def engine_of(pack: WritablePack) -> Engine:
    return Engine(EngineSettings(pack=pack.name, chemistry="LiFePO4", parameters=LFP, max_age_s=60))


@pytest.mark.requirement("R42")
@pytest.mark.parametrize(
    ("takes_it", "verdict"), [(True, Verdict.APPLIED), (False, Verdict.ROLLED_BACK)]
)
def test_a_calibration_counts_only_when_the_readings_show_it(
    tmp_path: Path, takes_it: bool, verdict: Verdict
) -> None:
    world = World(tmp_path)
    pack = world.packs[0]
    pack.fets_on = False
    engine = engine_of(pack)
    outcomes: list[Outcome] = []

    async def scenario() -> None:
        memory = engine.start(world.clock.now_s())

        async def look() -> None:
            nonlocal memory
            reading = await world.guarded[0].poll()
            memory, state = engine.step(memory, reading, world.clock.now_s(), None)
            world.gate.saw(bank_state(packs=(state,)))

        async def looking() -> None:
            while True:
                await look()
                if pack.acted and takes_it:
                    pack.voltage_v = 52.5
                await asyncio.sleep(0)

        await look()
        task = asyncio.create_task(looking())
        outcomes.append(
            await world.gate.ask(
                Request(kind=K.CALIBRATE_VOLTAGE, pack="left", value=52.5, who="params")
            )
        )
        task.cancel()

    world.run(scenario)
    assert outcomes[0].verdict is verdict
    assert pack.acted == [(K.CALIBRATE_VOLTAGE, 52.5)]


@pytest.mark.requirement("R42")
def test_the_log_tells_the_calibrations_of_one_pack_that_were_applied(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for pack, verdict in (
        ("left", Verdict.APPLIED),
        ("left", Verdict.ROLLED_BACK),
        ("right", Verdict.APPLIED),
    ):
        asked = Request(kind=K.CALIBRATE_VOLTAGE, pack=pack, value=52.5, who="params")
        step = Step(what=asked.kind.value, before=52.0, wanted=52.5, unit="V")
        number = audit.begin(asked, pack, (step,))
        audit.end(number, Outcome(verdict=verdict, reason="", steps=(step,)))
    assert audit.calibrated("left", K.CALIBRATE_VOLTAGE.value) == ((52.0, 52.5),)


def test_an_automation_cannot_wear_out_the_memory_of_a_bms(tmp_path: Path) -> None:
    world = World(tmp_path)
    requests = [change(charge_current_max_a=20.0 + n) for n in range(31)]
    outcomes = world.ask(*requests, change("params", charge_current_max_a=85.0))
    assert all(outcome.good for outcome in outcomes[:30])
    assert "memory wears out: wait 3600 s" in outcomes[30].reason
    assert outcomes[31].good  # the person at the computer goes on


def test_nobody_has_a_turn_before_the_pack_has_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        guarded = Guarded(WritablePack(), "left")
        await guarded.open()
        with pytest.raises(LinkError, match="no connection"):
            async with guarded.turn():
                pass
        await guarded.poll()
        async with guarded.turn() as writer:
            assert writer.writable()

    asyncio.run(scenario())


def test_protection_does_not_wait_for_a_persons_long_transaction(tmp_path: Path) -> None:
    world = World(tmp_path)
    pack = world.packs[0]
    pack.ignores = {"cell_undervoltage_v"}
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def pause(seconds: float) -> None:
        waiting.set()
        await go_on.wait()

    world.gate._desks["left"]._pause = pause

    async def scenario() -> None:
        task = asyncio.create_task(world.gate.ask(change(cell_undervoltage_v=2.6)))
        await waiting.wait()
        outcome = await world.gate.ask(switch(on=False, who="engine"))
        assert outcome.good
        assert not task.done()
        go_on.set()
        assert (await task).verdict is Verdict.ROLLED_BACK

    world.run(scenario)
