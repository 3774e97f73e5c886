"""Findings between the packs: both sides of every number, and each one whole."""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_contacts import UNKNOWN, Contact
from cellwarden.engine.bank_findings import NOTHING, Scene, Watch, due, look
from cellwarden.engine.bank_members import Part
from cellwarden.model import Finding, Standing, Urgency
from support.states import pack_state

NAMES = ("left", "right", "third")
SIZES = (100.0, 100.0, 200.0)


def scene(
    currents_a: tuple[float | None, ...] = (0.0, 0.0, 0.0),
    total_a: float | None = 0.0,
    **changes: object,
) -> Scene:
    """Three packs, one of them larger, that rest."""
    packs = []
    for name, current_a in zip(NAMES, currents_a, strict=True):
        plain = pack_state(name)
        assert plain.reading is not None
        packs.append(replace(plain, reading=replace(plain.reading, current_a=current_a)))
    base = Scene(
        packs=packs,
        parts=[Part(Standing.IN, "", 0.0) for _ in NAMES],
        sizes_ah=SIZES,
        conductances=(1.0,) * 3,
        contacts=(UNKNOWN,) * 3,
        proven=True,
        total_a=total_a,
    )
    return base._replace(**changes)  # type: ignore[arg-type]


def found(of: Scene) -> tuple[Finding, ...]:
    return look(look(NOTHING, of, 0.0), of, 300.0).findings


def codes(of: Scene) -> list[str]:
    return [f.code for f in found(of)]


# When it is told


def test_a_look_every_ten_seconds() -> None:
    assert not due(Watch(looked_s=100.0), 109.9)
    assert due(Watch(looked_s=100.0), 110.0)
    assert due(NOTHING, 0.0)


GIVES = scene((-3.0, 3.0, 0.0))


def test_a_suspicion_is_seen_first_and_last() -> None:
    first = look(NOTHING, GIVES, 40.0)
    assert first == Watch(40.0, (), (("circulating-current", "left", 40.0, 40.0),))
    later = look(first, GIVES, 90.0)
    assert later == Watch(90.0, (), (("circulating-current", "left", 40.0, 90.0),))
    rests = look(later, scene(), 200.0)
    assert rests == Watch(200.0, (), (("circulating-current", "left", 40.0, 90.0),))


@pytest.mark.parametrize(("after_s", "told"), [(299.9, False), (300.0, True), (310.0, True)])
def test_what_lasts_five_minutes_is_told(after_s: float, told: bool) -> None:
    watch = look(look(NOTHING, GIVES, 40.0), GIVES, 40.0 + after_s)
    assert [f.since_s for f in watch.findings] == ([40.0] if told else [])


@pytest.mark.parametrize(("gone_s", "stays"), [(299.0, True), (300.0, True), (300.1, False)])
def test_what_is_gone_for_five_minutes_is_not(gone_s: float, stays: bool) -> None:
    told = look(look(NOTHING, GIVES, 40.0), GIVES, 340.0)
    after = look(told, scene(), 340.0 + gone_s)
    if stays:
        assert after.findings is told.findings
        assert after.seen == (("circulating-current", "left", 40.0, 340.0),)
    else:
        assert after == Watch(340.0 + gone_s, (), ())


def test_while_it_stays_it_is_the_same_as_first_told() -> None:
    told = look(look(NOTHING, GIVES, 40.0), GIVES, 340.0)
    more = look(told, scene((-4.0, 4.0, 0.0)), 350.0)
    assert more.findings is told.findings
    assert more.findings[0].evidence == "left -3.0 A, right +3.0 A, all together +0.0 A"


def test_a_finding_from_before_a_restart_keeps_its_time() -> None:
    (finding,) = found(GIVES)
    old = replace(finding, since_s=7.0)
    watch = Watch(0.0, (old,), (("circulating-current", "left", 40.0, 340.0),))
    after = look(watch, GIVES, 350.0)
    assert after.findings is watch.findings
    assert after.findings[0].since_s == 7.0


def test_what_was_seen_long_but_never_told_and_is_gone_is_not_invented() -> None:
    watch = Watch(0.0, (), (("circulating-current", "left", 40.0, 340.0),))
    assert look(watch, scene(), 350.0).findings == ()


def test_findings_are_told_by_their_code_and_pack() -> None:
    bad = Contact(extra_ohm=0.003, usual_ohm=0.001, steps=20)
    told = found(scene((-3.0, 3.0, 0.0), contacts=(bad, UNKNOWN, bad)))
    assert [(f.code, f.pack) for f in told] == [
        ("circulating-current", "left"),
        ("worsening-contact", "left"),
        ("worsening-contact", "third"),
    ]


# Circulating current


def test_a_circulating_current_whole() -> None:
    (finding,) = found(scene((-3.0, 0.5, 5.0), 1.5))
    assert finding == Finding(
        code="circulating-current",
        what="left charges third while the bank rests",
        evidence="left -3.0 A, third +5.0 A, all together +1.5 A",
        confidence=0.9,
        pack="left",
        urgency=Urgency.NOTE,
        since_s=0.0,
    )


@pytest.mark.parametrize(
    ("currents_a", "circulates"),
    [
        ((-2.1, 2.1, 0.0), True),
        ((-2.0, 2.1, 0.0), False),
        ((-2.1, 2.0, 0.0), False),
        ((-2.1, 0.0, 4.1), True),
        ((-2.1, 0.0, 3.9), False),  # of 200 Ah
        ((0.0, 2.1, -4.1), True),
        ((0.0, 2.1, -3.9), False),
    ],
)
def test_more_than_two_hundredths_of_c_both_ways_circulates(
    currents_a: tuple[float, ...], circulates: bool
) -> None:
    assert (codes(scene(currents_a)) == ["circulating-current"]) is circulates


@pytest.mark.parametrize(
    ("total_a", "rests"), [(2.0, True), (-2.0, True), (2.1, False), (-2.1, False), (None, False)]
)
def test_the_bank_rests_at_five_thousandths_of_c(total_a: float | None, rests: bool) -> None:
    """400 Ah together."""
    assert (codes(scene((-3.0, 3.0, 0.0), total_a)) == ["circulating-current"]) is rests


def test_one_known_current_does_not_circulate() -> None:
    assert codes(scene((-3.0, None, None))) == []
    assert codes(scene((-3.0, 3.0, None))) == ["circulating-current"]
    first, *others = scene((-3.0, 3.0, 0.0)).packs
    silent = scene(packs=[first, *[replace(p, reading=None) for p in others]])
    assert codes(silent) == []


# Idle packs


def parts(*standings: Part) -> list[Part]:
    return [*standings, *[Part(Standing.IN, "", 0.0)] * (3 - len(standings))]


def test_an_idle_pack_whole() -> None:
    (finding,) = found(scene(total_a=40.0, parts=parts(Part(Standing.IDLE, "", 0.0))))
    assert finding == Finding(
        code="idle-pack",
        what="left takes no part: its breaker, fuse or a lug is open",
        evidence="its BMS lets current through, but load steps of the bank leave it out"
        " (all together +40.0 A)",
        confidence=0.9,
        pack="left",
        urgency=Urgency.NOW,
        since_s=0.0,
    )
    (unknown,) = found(scene(total_a=None, parts=parts(Part(Standing.IDLE, "", 0.0))))
    assert unknown.evidence.endswith("(all together +0.0 A)")


def apart(charge: bool | None, discharge: bool | None, since_s: float | None = 5.0) -> Part:
    return Part(
        Standing.JOINING, "its voltage is 2.0 V above the bank's", 0.0, None, charge, discharge,
        None, since_s,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (apart(True, True), True),
        (apart(True, False), True),
        (apart(False, True), True),
        (apart(None, None), True),
        (apart(None, False), True),
        (apart(False, None), True),
        (apart(False, False), False),
        (apart(True, True, None), False),
        (apart(True, True)._replace(standing=Standing.IN), False),
    ],
)
def test_a_pack_apart_takes_no_part_unless_its_bms_is_open_both_ways(
    part: Part, told: bool
) -> None:
    of = found(scene(parts=parts(Part(Standing.IN, "", 0.0), part)))
    assert [(f.pack, f.evidence) for f in of] == (
        [("right", "its BMS lets current through, but its voltage is 2.0 V above the bank's")]
        if told
        else []
    )


# Resistance


def test_a_higher_resistance_whole() -> None:
    contacts = (Contact(resistance_ohm=0.1234, steps=9), UNKNOWN, UNKNOWN)
    told = found(scene(conductances=(0.5, 1.0, 1.25), contacts=contacts))
    assert told == (
        Finding(
            code="higher-resistance",
            what="left carries less than its share: its resistance is higher",
            evidence="50 % of what its size and the other packs let expect, 123.4 mΩ in load steps",
            confidence=0.8,
            pack="left",
            since_s=0.0,
        ),
    )


def test_a_resistance_that_is_not_measured_is_not_told() -> None:
    (finding,) = found(scene(conductances=(0.5, 1.0, 1.25)))
    assert finding.evidence == "50 % of what its size and the other packs let expect"


@pytest.mark.parametrize(
    ("conductances", "stiff"),
    [
        ((0.69, 1.0, 1.0), ["left"]),
        ((0.7, 1.0, 1.0), []),
        ((0.71, 1.0, 1.0), []),
        ((1.0, 1.0, 9.0), []),  # the middle one is usual
        ((0.6, 0.6, 1.0), []),
        ((0.0, 0.0, 0.0), []),
        ((0.5, 0.6, 1.0), []),
        ((0.4, 0.6, 1.0), ["left"]),
    ],
)
def test_less_than_seven_tenths_of_the_usual_is_a_high_resistance(
    conductances: tuple[float, ...], stiff: list[str]
) -> None:
    assert [f.pack for f in found(scene(conductances=conductances))] == stiff


def test_of_two_packs_the_better_is_usual_and_one_alone_has_none() -> None:
    out, here = Part(Standing.OUT, "", 0.0), Part(Standing.IN, "", 0.0)
    two = scene(conductances=(1.0, 9.0, 0.6), parts=[here, out, here])
    assert [f.pack for f in found(two)] == ["third"]
    one = scene(conductances=(1.0, 9.0, 0.6), parts=[out, out, here])
    assert found(one) == ()


# Contacts


def test_a_worsening_contact_whole() -> None:
    worse = Contact(extra_ohm=0.02124, usual_ohm=0.01284, steps=9)
    (finding,) = found(scene(contacts=(UNKNOWN, worse, UNKNOWN)))
    assert finding == Finding(
        code="worsening-contact",
        what="a contact or cable of right is getting worse",
        evidence="21.24 mΩ outside the cells beyond the best pack's, 12.84 mΩ at first",
        confidence=0.7,
        pack="right",
        urgency=Urgency.SOON,
        since_s=0.0,
    )


@pytest.mark.parametrize(
    ("now_ohm", "usual_ohm", "steps", "worse"),
    [
        (0.00071, 0.0002, 9, True),
        (0.00069, 0.0002, 9, False),  # half a milliohm more is needed
        (0.0031, 0.002, 9, True),
        (0.0029, 0.002, 9, False),  # and one and a half times the usual
        (0.0031, 0.002, 8, False),
        (0.0005, 0.0, 9, False),
        (0.00051, 0.0, 9, True),
        (None, 0.002, 9, False),
        (0.0031, None, 9, False),
    ],
)
def test_half_a_milliohm_and_one_and_a_half_times_more_is_worse(
    now_ohm: float | None, usual_ohm: float | None, steps: int, worse: bool
) -> None:
    contact = Contact(extra_ohm=now_ohm, usual_ohm=usual_ohm, steps=steps)
    assert (codes(scene(contacts=(contact, UNKNOWN, UNKNOWN))) != []) is worse


def test_one_pack_that_is_well_does_not_hide_the_next() -> None:
    bad = Contact(extra_ohm=0.003, usual_ohm=0.001, steps=20)
    new = bad._replace(steps=1)
    assert [f.pack for f in found(scene(contacts=(new, bad, UNKNOWN)))] == ["right"]
    told = found(scene(conductances=(1.0, 0.5, 1.0)))
    assert [f.pack for f in told] == ["right"]
