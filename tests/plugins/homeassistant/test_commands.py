"""From a command to a request: what is asked for, what is refused, and in what order."""

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused
from cellwarden.model import Outcome, PackPhase, Request, RequestKind, Step, Verdict
from cellwarden_homeassistant.commands import Desk, requests
from cellwarden_homeassistant.controls import BANK_CONTROLS, IDENTIFIES, PACK_CONTROLS
from support.gates import FakeGate
from support.states import pack_state, told_bank

CONTROLS = {c.key: c for c in (*BANK_CONTROLS, *PACK_CONTROLS)}
IN_PACK = {c.key: c for c in PACK_CONTROLS}
IN_BANK = {c.key: c for c in BANK_CONTROLS}


def asked(key, payload, pack="left", table=CONTROLS):
    made = requests(table[key], payload, pack=pack, who="homeassistant", lasts_s=900.0)
    return [
        {
            name: value
            for name, value in (
                ("kind", request.kind),
                ("pack", request.pack),
                ("value", request.value),
                ("changes", dict(request.changes)),
                ("lasts_s", request.lasts_s),
            )
            if value not in (None, {}, "")
        }
        for request in made
    ]


@pytest.mark.parametrize(
    ("key", "payload", "wanted"),
    [
        ("charge_switch", b"ON", {"kind": RequestKind.CHARGE_SWITCH, "value": True}),
        ("charge_switch", b"OFF", {"kind": RequestKind.CHARGE_SWITCH, "value": False}),
        ("discharge_switch", b"ON", {"kind": RequestKind.DISCHARGE_SWITCH, "value": True}),
        ("balance_switch", b"OFF", {"kind": RequestKind.BALANCE_SWITCH, "value": False}),
        ("heating_switch", b"ON", {"kind": RequestKind.HEATING_SWITCH, "value": True}),
        ("in_bank", b"OFF", {"kind": RequestKind.MEMBERSHIP, "value": False}),
        ("preset", b"Li-ion", {"kind": RequestKind.PRESET, "value": "Li-ion"}),
        (
            "set_cell_overvoltage_v",
            b"3.65",
            {"kind": RequestKind.PARAMETERS, "changes": {"cell_overvoltage_v": 3.65}},
        ),
        (
            "set_charge_undertemperature_c",
            b"-5",
            {"kind": RequestKind.PARAMETERS, "changes": {"charge_undertemperature_c": -5.0}},
        ),
        ("set_soc", b"55", {"kind": RequestKind.RESET_SOC, "value": 55.0}),
        ("reset_soc", b"PRESS", {"kind": RequestKind.RESET_SOC, "value": 100.0}),
        ("restart", b"PRESS", {"kind": RequestKind.RESTART}),
    ],
)
def test_a_command_to_a_pack_becomes_a_request(key, payload, wanted):
    assert asked(key, payload, table=IN_PACK) == [{"pack": "left", **wanted}]


@pytest.mark.parametrize(
    ("key", "payload", "wanted"),
    [
        (
            "charge_limit",
            b"20.5",
            {"kind": RequestKind.CHARGE_CURRENT_LIMIT, "value": 20.5, "lasts_s": 900.0},
        ),
        (
            "discharge_limit",
            b'{"value": 30, "lasts_s": 60}',
            {"kind": RequestKind.DISCHARGE_CURRENT_LIMIT, "value": 30.0, "lasts_s": 60.0},
        ),
        (
            "target_soc",
            b'{"value": 80}',
            {"kind": RequestKind.TARGET_SOC, "value": 80.0, "lasts_s": 900.0},
        ),
        (
            "charge_expected",
            b"90",
            {"kind": RequestKind.CHARGE_EXPECTED, "value": 90.0, "lasts_s": 14_400.0},
        ),
        (
            "charge_expected",
            b'{"value": 0, "lasts_s": 600}',
            {"kind": RequestKind.CHARGE_EXPECTED, "value": 0.0, "lasts_s": 600.0},
        ),
        ("surplus", b"800", {"kind": RequestKind.SURPLUS, "value": 800.0, "lasts_s": 300.0}),
        ("reserve_soc", b"0", {"kind": RequestKind.RESERVE_SOC, "value": 0.0, "lasts_s": 900.0}),
        ("charge_block", b"ON", {"kind": RequestKind.CHARGE_BLOCK, "value": True, "lasts_s": 900}),
        ("charge_block", b"OFF", {"kind": RequestKind.CHARGE_BLOCK}),
        (
            "discharge_block",
            b"ON",
            {"kind": RequestKind.DISCHARGE_BLOCK, "value": True, "lasts_s": 900.0},
        ),
        (
            "charge_mode",
            b"hold",
            {"kind": RequestKind.CHARGE_MODE, "value": "hold", "lasts_s": 900.0},
        ),
        ("charge_mode", b"automatic", {"kind": RequestKind.CHARGE_MODE, "value": "automatic"}),
        ("full_charge", b"PRESS", {"kind": RequestKind.FULL_CHARGE, "value": True}),
        ("full_charge_end", b"PRESS", {"kind": RequestKind.FULL_CHARGE, "value": False}),
    ],
)
def test_an_order_to_the_bank_ends_by_itself_unless_it_frees_the_bank(key, payload, wanted):
    assert asked(key, payload, pack="", table=IN_BANK) == [wanted]


def test_every_control_of_the_tables_is_asked_for_above():
    marks = [
        mark.args[1]
        for test in (
            test_a_command_to_a_pack_becomes_a_request,
            test_an_order_to_the_bank_ends_by_itself_unless_it_frees_the_bank,
        )
        for mark in test.pytestmark
        if mark.name == "parametrize"
    ]
    tried = {case[0] for cases in marks for case in cases}
    settings_of_the_device = {key for key in CONTROLS if key.startswith("set_")}
    assert CONTROLS.keys() - tried - settings_of_the_device == {"withdraw_orders"}


def test_withdrawing_all_orders_asks_for_each_of_them():
    assert [request["kind"] for request in asked("withdraw_orders", b"PRESS", pack="")] == [
        RequestKind.CHARGE_CURRENT_LIMIT,
        RequestKind.DISCHARGE_CURRENT_LIMIT,
        RequestKind.TARGET_SOC,
        RequestKind.RESERVE_SOC,
        RequestKind.CHARGE_BLOCK,
        RequestKind.DISCHARGE_BLOCK,
        RequestKind.CHARGE_EXPECTED,
        RequestKind.SURPLUS,
    ]


@pytest.mark.parametrize(
    ("key", "payload", "words"),
    [
        ("charge_switch", b"on", "'on' is neither ON nor OFF"),
        ("charge_switch", b"", "'' is neither ON nor OFF"),
        ("charge_switch", b"\xff", "no text"),
        ("charge_switch", b"O" * 300, "at most 200 characters"),
        ("charge_switch", b"ON\x00", "one line"),
        ("preset", b"NiMH", "'NiMH' is none of LiFePO4, Li-ion, LTO"),
        ("charge_limit", b"many", "'many' is no number"),
        ("charge_limit", b"nan", "'nan' is no number"),
        ("charge_limit", b"NaN", "'NaN' is no number"),
        ("charge_limit", b"Infinity", "is no number"),
        ("charge_limit", b"1e999", "is no number"),
        ("charge_limit", b"true", "is no number"),
        ("charge_limit", b"-1", "-1 is outside 0 to 2000 A"),
        ("charge_limit", b'{"value": 5, "lasts_s": 0}', "lasts_s must be 1 to 86400 s"),
        ("charge_limit", b'{"value": 5, "lasts_s": 1e9}', "lasts_s must be 1 to 86400 s"),
        ("charge_limit", b'{"value": 5, "last": 60}', 'only "value" and "lasts_s"'),
        ("charge_limit", b"{}", "is no number"),
        ("set_cell_overvoltage_v", b"4.4", "4.4 is outside 1.2 to 4.35 V"),
        ("reset_soc", b"ON", "'ON' is not PRESS"),
    ],
)
def test_nonsense_is_refused_with_its_reason(key, payload, words):
    with pytest.raises(CommandRefused, match=words.replace("{", r"\{")):
        asked(key, payload)


@settings(max_examples=100, deadline=None)
@given(
    key=st.sampled_from(sorted(CONTROLS)),
    payload=st.binary(max_size=60)
    | st.sampled_from(["ON", "PRESS", "5", "-0.0", "[1]", '{"value": null}']).map(str.encode),
)
def test_whatever_comes_is_a_request_within_the_range_or_refused(key, payload):
    control = CONTROLS[key]
    try:
        made = requests(control, payload, pack="left", who="x", lasts_s=900.0)
    except CommandRefused:
        return
    for request in made:
        assert request.who == "x"
        for value in (request.value, *request.changes.values()):
            if control.platform == "number" and value is not None:
                low, high = control.span
                assert low <= value <= high


# -- the desk -------------------------------------------------------------------------------------


def desk_of(gate, commands, state=None):
    """Take commands (pack, control, payload), let the desk work, return the answers."""
    bank = state or told_bank()

    async def work():
        desk = Desk(gate, who="homeassistant", lasts_s=900.0, wake=lambda: None)
        for pack, control, payload in commands:
            desk.take(pack, control, payload, bank)
        task = asyncio.create_task(desk.run())
        for _ in range(50):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return desk.answers()

    return asyncio.run(work())


def test_what_the_gate_did_is_the_answer():
    gate = FakeGate(RequestKind.PARAMETERS)
    step = Step(
        what="cell_overvoltage_v", register="0x8E", before=3.6, wanted=3.65, now=3.6, unit="V"
    )
    gate.answer = lambda request: Outcome(
        verdict=Verdict.ROLLED_BACK, reason="read back 3.600 V", steps=(step,)
    )
    (answer,) = desk_of(gate, [("left", CONTROLS["set_cell_overvoltage_v"], b"3.65")])
    assert (answer.kind, answer.pack) == ("rolled back", "left")
    assert answer.text == "Cell overvoltage setting 3.65: rolled back, read back 3.600 V"
    assert answer.steps == ("cell_overvoltage_v: 3.6 V, wanted 3.65, now 3.6",)
    assert gate.asked == [
        Request(
            kind=RequestKind.PARAMETERS,
            pack="left",
            who="homeassistant",
            changes={"cell_overvoltage_v": 3.65},
        )
    ]


def test_a_refusal_of_the_gate_is_the_answer_and_is_logged_by_the_gate_alone(caplog):
    (answer,) = desk_of(FakeGate(), [("left", CONTROLS["charge_switch"], b"OFF")])
    assert answer.kind == "refused"
    assert answer.reason == 'mode is "monitor": nothing is ever written to a BMS'
    assert caplog.records == []


def test_of_two_commands_to_one_control_the_newer_is_carried_out():
    gate = FakeGate(RequestKind.CHARGE_SWITCH, RequestKind.DISCHARGE_SWITCH)
    commands = [
        ("left", CONTROLS["charge_switch"], b"OFF"),
        ("left", CONTROLS["discharge_switch"], b"OFF"),
        ("right", CONTROLS["charge_switch"], b"OFF"),
        ("left", CONTROLS["charge_switch"], b"ON"),
    ]
    answers = desk_of(gate, commands)
    assert [(request.kind, request.pack, request.value) for request in gate.asked] == [
        (RequestKind.CHARGE_SWITCH, "left", True),
        (RequestKind.DISCHARGE_SWITCH, "left", False),
        (RequestKind.CHARGE_SWITCH, "right", False),
    ]
    assert len(answers) == 3


def test_a_pack_that_does_not_answer_is_asked_for_nothing(caplog):
    gate = FakeGate(RequestKind.CHARGE_SWITCH, RequestKind.MEMBERSHIP)
    lost = told_bank(packs=(pack_state("left", phase=PackPhase.LOST, reading=None),))
    commands = [
        ("left", CONTROLS["charge_switch"], b"OFF"),
        ("left", IN_PACK["in_bank"], b"OFF"),  # its owner takes it out: nobody need answer
    ]
    answers = desk_of(gate, commands, lost)
    assert [(answer.kind, answer.reason) for answer in answers] == [
        ("refused", "its BMS does not answer"),
        ("applied", "written and read back"),
    ]
    assert [request.kind for request in gate.asked] == [RequestKind.MEMBERSHIP]
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.getMessage() == "left: Charge switch OFF is refused: its BMS does not answer"


def test_the_first_order_that_cannot_be_withdrawn_is_the_answer():
    gate = FakeGate(RequestKind.CHARGE_CURRENT_LIMIT, why_closed="locked")
    (answer,) = desk_of(gate, [("", CONTROLS["withdraw_orders"], b"PRESS")])
    assert (answer.kind, answer.reason) == ("refused", "locked")
    assert len(gate.asked) == 2


def test_identify_says_which_pack_it_is_and_asks_nobody():
    gate = FakeGate()
    (answer,) = desk_of(gate, [("right", IDENTIFIES, b"PRESS")])
    assert answer.kind == "identified"
    assert answer.reason == (
        "pack right, number 2 of 2, serial number SNright, model JK-B2A20S20P, 52.92 V"
    )
    assert gate.asked == []
