"""Findings between the packs, each with what it rests on."""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_contacts import UNKNOWN, Contact
from cellwarden.engine.bank_findings import NOTHING, Scene, look
from cellwarden.engine.bank_members import Part
from cellwarden.model import Finding, Standing, Urgency
from support.states import pack_state

NAMES = ("left", "right", "third")


def scene(currents_a: tuple[float, ...] = (0.0, 0.0, 0.0), **changes: object) -> Scene:
    """Three packs of 100 Ah that rest, or whatever is changed."""
    plain = [pack_state(name) for name in NAMES]
    packs = [
        replace(p, reading=replace(p.reading, current_a=a))
        for p, a in zip(plain, currents_a, strict=True)
    ]
    parts = [Part(Standing.IN, "", 0.0) for _ in NAMES]
    base = Scene(
        packs=packs,
        parts=parts,
        sizes_ah=(100.0,) * 3,
        conductances=(1.0,) * 3,
        contacts=(UNKNOWN,) * 3,
        proven=True,
        total_a=sum(currents_a),
    )
    return base._replace(**changes)  # type: ignore[arg-type]


def found_after(scene: Scene, for_s: float = 310.0) -> tuple[Finding, ...]:
    watch = NOTHING
    for second in range(0, int(for_s) + 1, 10):
        watch = look(watch, scene, float(second))
    return watch.findings


def test_a_healthy_bank_has_no_findings() -> None:
    assert found_after(scene((20.0, 20.0, 20.0))) == ()


def test_circulating_current_names_who_charges_whom() -> None:
    (finding,) = found_after(scene((-3.0, 2.8, 0.1)))
    assert finding.code == "circulating-current"
    assert finding.what == "left charges right while the bank rests"
    assert finding.evidence == "left -3.0 A, right +2.8 A, all together -0.1 A"
    assert finding.urgency is Urgency.NOTE


@pytest.mark.parametrize("currents_a", [(-1.0, 1.0, 0.0), (-3.0, 2.8, -20.0)])
def test_little_current_or_a_bank_at_work_is_no_circulation(currents_a) -> None:
    assert found_after(scene(currents_a)) == ()


def test_a_suspicion_is_told_after_five_minutes_and_forgotten_after_five() -> None:
    watch = NOTHING
    for second in range(0, 300, 10):
        watch = look(watch, scene((-3.0, 3.0, 0.0)), float(second))
        assert watch.findings == ()
    watch = look(watch, scene((-3.0, 3.0, 0.0)), 300.0)
    (finding,) = watch.findings
    assert finding.since_s == 0.0
    watch = look(watch, scene(), 590.0)
    assert watch.findings == (finding,)
    assert look(watch, scene(), 610.0).findings == ()


def test_between_two_looks_nothing_is_computed() -> None:
    watch = look(NOTHING, scene(), 0.0)
    assert look(watch, scene((-9.0, 9.0, 0.0)), 9.9) is watch


def test_an_idle_pack_is_urgent_and_says_where_to_look() -> None:
    parts = [Part(Standing.IN, "", 0.0), Part(Standing.IDLE, "", 0.0), Part(Standing.IN, "", 0.0)]
    (finding,) = found_after(scene((20.0, 0.0, 20.0), parts=parts))
    assert (finding.code, finding.pack, finding.urgency) == ("idle-pack", "right", Urgency.NOW)
    assert "breaker, fuse or a lug" in finding.what


@pytest.mark.parametrize(("fet_on", "told"), [(True, {"idle-pack"}), (False, set())])
def test_a_pack_apart_from_the_bank_is_idle_unless_its_own_bms_holds_it_open(fet_on, told) -> None:
    apart = Part(
        Standing.JOINING, "its voltage is 2.0 V above the bank's", 0.0,
        charge_fet_on=fet_on, discharge_fet_on=fet_on, apart_since_s=0.0,
    )  # fmt: skip
    parts = [Part(Standing.IN, "", 0.0), apart, Part(Standing.IN, "", 0.0)]
    assert {f.code for f in found_after(scene(parts=parts))} == told


def test_a_pack_that_carries_too_little_has_a_higher_resistance() -> None:
    contacts = (UNKNOWN, Contact(resistance_ohm=0.031, steps=9), UNKNOWN)
    (finding,) = found_after(scene(conductances=(1.2, 0.6, 1.2), contacts=contacts))
    assert (finding.code, finding.pack) == ("higher-resistance", "right")
    assert finding.evidence == (
        "50 % of what its size and the other packs let expect, 31.0 mΩ in load steps"
    )


def test_no_resistance_is_told_before_load_steps_have_shown_it() -> None:
    assert found_after(scene(conductances=(1.2, 0.6, 1.2), proven=False)) == ()


def test_a_contact_that_gets_worse_is_compared_with_what_it_was() -> None:
    worse = Contact(extra_ohm=0.0021, usual_ohm=0.0008, steps=50)
    (finding,) = found_after(scene(contacts=(UNKNOWN, UNKNOWN, worse)))
    assert (finding.code, finding.pack) == ("worsening-contact", "third")
    assert "2.10 mΩ" in finding.evidence
    assert "0.80 mΩ at first" in finding.evidence


@pytest.mark.parametrize(
    "contact",
    [
        Contact(extra_ohm=0.0011, usual_ohm=0.0008, steps=50),
        Contact(extra_ohm=0.0100, usual_ohm=0.0080, steps=50),
        Contact(extra_ohm=0.0021, usual_ohm=0.0008, steps=8),
    ],
)
def test_a_contact_that_is_as_it_was_is_no_finding(contact: Contact) -> None:
    assert found_after(scene(contacts=(UNKNOWN, UNKNOWN, contact))) == ()
