"""What the bank tells besides numbers: ages, phases, events, its last state and its failure."""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_allow import Allowed
from cellwarden.engine.bank_charge import Plan
from cellwarden.engine.bank_contacts import UNKNOWN, Contact
from cellwarden.engine.bank_findings import Watch
from cellwarden.engine.bank_members import Part
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_ramp import FLOAT_RULE, STILL
from cellwarden.engine.bank_report import (
    alarms,
    data_age_s,
    events,
    failure,
    held_open,
    members,
    shown_phase,
    stopping,
)
from cellwarden.engine.bank_settings import BankMember, BankSettings
from cellwarden.engine.bank_share import begin
from cellwarden.engine.bank_wish import Wishes
from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    ChargeMode,
    ChargePhase,
    Event,
    Finding,
    Limit,
    Orders,
    PackPhase,
    Reason,
    Severity,
    Standing,
    Switches,
)
from support.states import bank_state, limit, limits, pack_state

IN = Part(Standing.IN, "", 0.0)


def memory(*parts: Part, **changes: object) -> BankMemory:
    count = len(parts)
    plain = BankMemory(0.0, parts, (1.0,) * count, (UNKNOWN,) * count)
    return plain._replace(**changes)  # type: ignore[arg-type]


# Ages


def test_the_age_is_of_the_oldest_reading_in_use_else_of_the_newest_ever() -> None:
    young, old, never = (pack_state(f"p{n}", age_s=age) for n, age in enumerate((0.5, 9.0, None)))
    assert data_age_s((young, old, never), (young, old)) == 9.0
    assert data_age_s((young, old, never), (young, never)) == 0.5
    assert data_age_s((young, old, never), (never,)) == 0.0
    assert data_age_s((old, young, never), ()) == 0.5
    assert data_age_s((never,), ()) is None


# Phases of the charge


@pytest.mark.parametrize(
    ("phase", "ccl_a", "mode", "rule", "shown"),
    [
        (ChargePhase.FLOAT, 0.0, ChargeMode.AUTOMATIC, "x", ChargePhase.FLOAT),
        (ChargePhase.BULK, 0.0, ChargeMode.AUTOMATIC, "x", ChargePhase.BLOCKED),
        (ChargePhase.BULK, 0.1, ChargeMode.AUTOMATIC, "x", ChargePhase.BULK),
        (ChargePhase.ABSORPTION, 50.0, ChargeMode.AUTOMATIC, FLOAT_RULE, ChargePhase.ABSORPTION),
        (ChargePhase.ABSORPTION, 50.0, ChargeMode.FLOAT, FLOAT_RULE, ChargePhase.FLOAT),
        (ChargePhase.ABSORPTION, 50.0, ChargeMode.FLOAT, "x", ChargePhase.ABSORPTION),
        (ChargePhase.BULK, 0.0, ChargeMode.FLOAT, FLOAT_RULE, ChargePhase.BLOCKED),
    ],
)
def test_where_charging_stands_for_people(
    phase: ChargePhase, ccl_a: float, mode: ChargeMode, rule: str, shown: ChargePhase
) -> None:
    told = replace(limits(55.2, ccl_a, 100.0, 48.0), charge_voltage=limit(54.0, rule))
    assert shown_phase(Plan(phase=phase), told, Orders(mode=mode)) is shown
    assert shown_phase(Plan(phase=phase), None, Orders(mode=mode)) is None


# Packs that are not to close


def apart(charge: bool | None = False, discharge: bool | None = False) -> Part:
    return Part(
        Standing.JOINING, "its voltage", 0.0, None, charge, discharge, None, apart_since_s=5.0
    )


@pytest.mark.parametrize(
    ("part", "held"),
    [
        (apart(), True),
        (apart(True, False), False),
        (apart(False, True), False),
        (apart(None, None), False),
        (apart(None, False), False),
        (apart(False, None), False),
        (apart()._replace(apart_since_s=None), False),
        (apart()._replace(standing=Standing.IN), False),
    ],
)
def test_an_open_pack_that_is_apart_is_not_to_close(part: Part, held: bool) -> None:
    packs = tuple(
        pack_state(name, switches=Switches(charge=True, discharge=True, balance=True))
        for name in ("left", "right")
    )
    after = held_open(packs, (IN, part))
    assert after[0] is packs[0]
    if held:
        assert after[1] == replace(
            packs[1], switches=Switches(charge=False, discharge=False, balance=True)
        )
    else:
        assert after is packs


# Alarms


def raised(severity: Severity, pack: str = "left") -> Alarm:
    return Alarm(
        kind=AlarmKind.WIRING, severity=severity, pack=pack, since_s=0.0, blocks_charge=True,
        blocks_discharge=True,
    )  # fmt: skip


def test_alarms_of_the_bank_are_those_of_its_packs_the_most_severe_first() -> None:
    warning, trip = raised(Severity.WARNING), raised(Severity.PROTECTION, "right")
    packs = (pack_state("left", alarms=(warning,)), pack_state("right", alarms=(trip,)))
    own, every = alarms(memory(IN, IN), packs, (IN, IN), eased=False)
    assert own == ((warning,), (trip,))
    assert every == (trip, warning)
    before = memory(IN, IN, pack_alarms=own, alarms=every)
    again = alarms(before, packs, (IN, IN), eased=False)
    assert again[0] is own
    assert again[1] is every
    out = alarms(before, packs, (IN, Part(Standing.OUT, "", 0.0)), eased=False)
    assert out == (((warning,), ()), (warning,))


def test_of_a_lost_pack_a_warning_is_made_while_others_work() -> None:
    trip = raised(Severity.PROTECTION)
    lost = pack_state("left", alarms=(trip,), phase=PackPhase.LOST)
    works = pack_state("right", alarms=(raised(Severity.PROTECTION, "right"),))
    own, every = alarms(memory(IN, IN), (lost, works), (IN, IN), eased=True)
    assert own == ((trip,), works.alarms)
    eased = replace(trip, severity=Severity.WARNING, blocks_charge=False, blocks_discharge=False)
    assert every == (works.alarms[0], eased)
    before = memory(IN, IN, pack_alarms=own, alarms=every, eased=True)
    assert alarms(before, (lost, works), (IN, IN), eased=True)[1] is every
    assert alarms(before, (lost, works), (IN, IN), eased=False)[1] == (trip, works.alarms[0])


# Events

STIFF = Finding(
    code="higher-resistance", what="left is stiff", evidence="", confidence=0.8, pack="left"
)
WHOLE = replace(STIFF, code="of-the-bank", what="all is odd", pack="")
NAMES = ("left", "right")


def test_nothing_changed_is_no_event() -> None:
    now = memory(IN, IN)
    assert events("Battery", NAMES, now, now, ()) == ()
    since = now._replace(parts=(IN, Part(Standing.IN, "", 9.0)))
    assert events("Battery", NAMES, now, since, ()) == ()


def test_news_parts_and_findings_are_told_in_this_order() -> None:
    before = memory(IN, IN, watch=Watch(findings=(STIFF,)))
    now = memory(
        Part(Standing.LOST, "it is silent", 7.0),
        Part(Standing.NO_CHARGE, "", 7.0),
        at_s=7.0,
        watch=Watch(findings=(STIFF, WHOLE, replace(STIFF, pack="right", what="right is stiff"))),
    )
    told = events("Battery", NAMES, before, now, ("absorption",))
    assert told == (
        Event(at_s=7.0, pack="Battery", text="absorption"),
        Event(
            at_s=7.0, pack="left", text=f"{Standing.LOST.value}: it is silent",
            severity=Severity.WARNING,
        ),
        Event(at_s=7.0, pack="right", text=Standing.NO_CHARGE.value),
        Event(at_s=7.0, pack="Battery", text="all is odd", severity=Severity.WARNING),
        Event(at_s=7.0, pack="right", text="right is stiff", severity=Severity.WARNING),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("standing", "bad"),
    [
        (Standing.LOST, True),
        (Standing.HELD, True),
        (Standing.IDLE, True),
        (Standing.BLOCKED, False),
        (Standing.JOINING, False),
        (Standing.OUT, False),
    ],
)
def test_a_pack_that_is_lost_held_or_idle_is_a_warning(standing: Standing, bad: bool) -> None:
    (event,) = events("Battery", ("left",), memory(IN), memory(Part(standing, "so", 0.0)), ())
    assert event.severity is (Severity.WARNING if bad else None)
    assert event.text == f"{standing.value}: so"


def test_one_finding_alone_is_told() -> None:
    now = memory(IN, watch=Watch(findings=(STIFF,)))
    (event,) = events("Battery", ("left",), memory(IN), now, ())
    assert (event.pack, event.text) == ("left", "left is stiff")
    assert events("Battery", ("left",), now, memory(IN), ()) == ()


# Parts of packs


def test_parts_are_told_with_what_each_pack_carries_and_kept_while_nothing_changes() -> None:
    packs = (pack_state("left"), pack_state("right"))
    parts = tuple(Part(Standing.IN, "", 0.0, p.limits, True, True) for p in packs)
    known = begin((0, 1), (100.0, 100.0), (1.0, 1.0), None, (1.0, 1.0))
    now = memory(*parts, contacts=(Contact(resistance_ohm=0.02), UNKNOWN))
    basis = wishes().basis(parts, now.conductances, known, floating=False)
    wish = wishes().made(basis, packs, known, now.contacts, None)
    allowed = Allowed(limits(55.2, 40.0, 100.0, 48.0), basis, wish, STILL)
    told = members(NAMES, memory(*parts), now, allowed)
    assert [(m.pack, m.standing, m.resistance_ohm) for m in told] == [
        ("left", Standing.IN, 0.02),
        ("right", Standing.IN, None),
    ]
    assert [m.charge_share_a for m in told] == pytest.approx([20.0, 20.0])
    assert [m.discharge_share_a for m in told] == pytest.approx([50.0, 50.0])
    before = now._replace(members=told, limits=allowed.limits, wish=wish)
    assert members(NAMES, before, now, allowed) is told
    assert members(NAMES, before._replace(members=()), now, allowed) == told
    for changed in (
        before._replace(limits=limits(55.2, 40.0, 100.0, 48.0)),
        before._replace(parts=tuple(p._replace() for p in parts)),
        before._replace(wish=wish._replace()),
        before._replace(contacts=tuple(c._replace() for c in now.contacts)),
    ):
        again = members(NAMES, changed, now, allowed)
        assert again == told
        assert again is not told


@pytest.mark.parametrize("limited", [True, False])
def test_without_limits_or_a_wish_no_pack_carries_anything(limited: bool) -> None:
    of = limits(55.2, 40.0, 100.0, 48.0) if limited else None
    waits = Part(Standing.WAITING, "it has not answered yet", 0.0)
    told = members(
        NAMES, memory(waits, waits), memory(waits, waits), Allowed(of, None, None, STILL)
    )
    assert [(m.charge_share_a, m.discharge_share_a) for m in told] == [(0.0, 0.0)] * 2
    assert {m.why for m in told} == {"it has not answered yet"}


# The end


NOTHING = Limit(value=0.0, reasons=(Reason(rule="the controller stops", value=0.0),))


def wishes() -> Wishes:
    return Wishes(BankSettings("Battery", (BankMember("left", 100.0), BankMember("right", 100.0))))


def test_the_last_state_allows_nothing_and_keeps_the_voltages() -> None:
    last = stopping(bank_state(), wishes(), 1234.0)
    assert last == replace(
        bank_state(),
        at_s=1234.0,
        phase=BankPhase.STOPPING,
        limits=replace(
            limits(55.2, 100.0, 200.0, 48.0), charge_current=NOTHING, discharge_current=NOTHING
        ),
        charge_allowed=False,
        discharge_allowed=False,
    )


def test_before_any_limits_the_packs_voltages_are_told() -> None:
    last = stopping(bank_state(limits=None), wishes(), 1234.0)
    assert last.limits is not None
    assert (last.limits.charge_current, last.limits.discharge_current) == (NOTHING, NOTHING)
    assert last.limits.charge_voltage.value == 55.2
    assert last.limits.discharge_voltage.value == 48.0
    assert stopping(bank_state(limits=None, packs=()), wishes(), 1.0).limits is None


def test_a_bank_that_failed_is_0_a_and_an_alarm_that_blocks_both() -> None:
    nothing, alarm = failure("Battery", 77.0, "ZeroDivisionError")
    assert nothing == Limit(
        value=0.0,
        reasons=(Reason(rule="the bank failed", value=0.0, source="ZeroDivisionError"),),
    )
    assert alarm == Alarm(
        kind=AlarmKind.BMS_INTERNAL, severity=Severity.PROTECTION, pack="Battery", since_s=77.0,
        blocks_charge=True, blocks_discharge=True, where="ZeroDivisionError",
        releases="the bank works again",
    )  # fmt: skip
