"""The step of the diagnosis: holding, taking turns, surviving a restart, never failing."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.diagnosis import EVERY_S, Diagnosis, DiagnosisMemory, PackFacts, attach
from cellwarden.diagnosis.procedures import PROCEDURES
from cellwarden.diagnosis.table import ALL
from cellwarden.model import BankState, Finding, PackState, Reading, Urgency, preset
from support.states import bank_state, pack_state

PARAMETERS = preset("LiFePO4", cell_count=16, design_capacity_ah=100)


def diagnosis(*names: str) -> Diagnosis:
    return Diagnosis(
        [
            PackFacts(name=name, chemistry="LiFePO4", parameters=PARAMETERS)
            for name in names or ("left", "right")
        ]
    )


def heard(pack: PackState, at_s: float, **changes: object) -> PackState:
    assert pack.reading is not None
    reading = replace(pack.reading, heard_s=at_s, **changes)  # type: ignore[arg-type]
    return replace(pack, at_s=at_s, reading=reading)


def wires(ohm: float) -> tuple[float, ...]:
    return (0.004,) * 5 + (ohm,) + (0.004,) * 10


def with_lead(at_s: float, ohm: float = 0.4) -> BankState:
    left = heard(pack_state("left"), at_s, wire_resistances_ohm=wires(ohm))
    return bank_state(at_s=at_s, packs=(left, heard(pack_state("right"), at_s)))


def run(
    examiner: Diagnosis, memory: DiagnosisMemory, from_s: float, to_s: float, ohm: float
) -> tuple[DiagnosisMemory, tuple[Finding, ...]]:
    found: tuple[Finding, ...] = ()
    at_s = from_s
    while at_s <= to_s:
        memory, found = examiner.step(memory, with_lead(at_s, ohm), at_s)
        at_s += 1.0
    return memory, found


@pytest.mark.requirement("R31")
def test_a_lead_of_400_mohm_is_named_after_half_a_minute_with_its_evidence() -> None:
    examiner = diagnosis()
    memory, found = run(examiner, examiner.start(1000.0), 1000.0, 1025.0, 0.4)
    assert found == ()
    _, found = run(examiner, memory, 1026.0, 1040.0, 0.4)
    (finding,) = found
    assert (finding.code, finding.pack, finding.where) == (
        "balance-lead-resistance",
        "left",
        "wire 6",
    )
    assert finding.evidence == "the BMS measures 400 mΩ, the middle of all leads is 4 mΩ"
    assert finding.manual_code == 8
    assert finding.procedure == "balance-lead"
    assert finding.since_s == 1000.0


def test_a_clue_that_goes_is_gone_after_a_minute() -> None:
    examiner = diagnosis()
    memory, found = run(examiner, examiner.start(1000.0), 1000.0, 1060.0, 0.4)
    assert found
    memory, found = run(examiner, memory, 1061.0, 1100.0, 0.004)
    assert found
    _, found = run(examiner, memory, 1101.0, 1140.0, 0.004)
    assert found == ()


def test_nothing_is_looked_at_twice_within_seven_seconds() -> None:
    assert EVERY_S == 7.0
    examiner = diagnosis()
    memory, _ = examiner.step(examiner.start(1000.0), with_lead(1000.0), 1000.0)
    again, _ = examiner.step(memory, with_lead(1003.0), 1003.0)
    assert again is memory


def test_many_packs_take_turns() -> None:
    names = [f"p{n}" for n in range(16)]
    examiner = diagnosis(*names)
    memory = examiner.start(0.0)
    for at_s in range(4):
        state = bank_state(packs=tuple(heard(pack_state(n), float(at_s)) for n in names))
        memory, _ = examiner.step(memory, state, float(at_s))
        assert sum(p.looked_s is not None for p in memory.packs) == 4 * (at_s + 1)


def test_what_was_learned_survives_a_restart() -> None:
    examiner = diagnosis()
    memory, _ = run(examiner, examiner.start(1000.0), 1000.0, 1060.0, 0.4)
    record = json.loads(json.dumps(examiner.record(memory, 1060.0), allow_nan=False))
    anew = examiner.restore(examiner.start(5.0), "left", record["left"], 5.0, 30.0)
    before, after = memory.packs[0], anew.packs[0]
    assert after.origin_s == 5.0 - 30.0 - 60.0
    assert after.mismatch == before.mismatch
    assert after.block == before.block
    ((key, held),) = anew.held.items()
    assert key == ("left", "balance-lead-resistance", "wire 6")
    assert held.shown
    assert held.since_s == 5.0 - 30.0 - 60.0
    _, found = examiner.step(anew, with_lead(6.0), 6.0)
    assert [f.code for f in found] == ["balance-lead-resistance"]


@pytest.mark.parametrize(
    "damage", [{"version": 9}, {"pack": "other"}, {"block": 3}, {"spread": [1, 2]}, {"held": [{}]}]
)
def test_a_damaged_record_is_refused(damage: dict[str, object]) -> None:
    examiner = diagnosis()
    record = examiner.record(examiner.start(0.0), 0.0)["left"]
    with pytest.raises(ValueError, match="it is"):
        examiner.restore(examiner.start(0.0), "left", {**record, **damage}, 0.0, None)


def test_findings_are_added_to_the_packs_and_the_bank_they_are_of() -> None:
    theirs = Finding(code="circulating", what="w", evidence="e", confidence=0.5)
    of_left = Finding(code="a", what="w", evidence="e", confidence=0.5, pack="left")
    of_bank = Finding(code="b", what="w", evidence="e", confidence=0.5)
    state = attach(bank_state(findings=(theirs,)), [of_left, of_bank])
    assert state.findings == (theirs, of_bank)
    assert [p.findings for p in state.packs] == [(of_left,), ()]


def test_the_most_urgent_comes_first() -> None:
    examiner = diagnosis()
    memory = examiner.start(0.0)
    for at_s in range(0, 60, 7):
        left = heard(
            pack_state("left"),
            float(at_s),
            wire_resistances_ohm=wires(0.16),
            settings={"cell_overvoltage_v": 4.2},
        )
        memory, found = examiner.step(memory, bank_state(packs=(left,)), float(at_s))
    assert [f.urgency for f in found] == [Urgency.NOW, Urgency.NOTE]


def test_every_procedure_that_a_rule_opens_is_listed() -> None:
    assert {rule.procedure for rule in ALL} <= set(PROCEDURES)


NUMBER = st.one_of(st.none(), st.floats(), st.just(0.0))
CELLS = st.lists(NUMBER, max_size=20).map(tuple)


@given(
    cells=CELLS,
    current=NUMBER,
    sensors=st.lists(NUMBER, max_size=4).map(tuple),
    leads=CELLS,
    balance=NUMBER,
    runtime=NUMBER,
    fet=st.sampled_from([True, False, None]),
    settings=st.dictionaries(
        st.sampled_from(["cell_count", "cell_overvoltage_v", "x"]), st.floats(), max_size=3
    ),
)
def test_no_reading_makes_it_fail(
    cells: tuple[float | None, ...],
    current: float | None,
    sensors: tuple[float | None, ...],
    leads: tuple[float | None, ...],
    balance: float | None,
    runtime: float | None,
    fet: bool | None,
    settings: dict[str, float],
) -> None:
    """The engine lets no such values through; the diagnosis must stand them all the same."""
    examiner = diagnosis("left")
    memory = examiner.start(0.0)
    for at_s in (0.0, 10.0, 20.0):
        reading = Reading(
            pack="left",
            heard_s=at_s,
            cell_voltages_v=cells,
            current_a=current,
            temperatures_c=sensors,
            wire_resistances_ohm=leads,
            balancing=fet,
            balance_current_a=balance,
            runtime_s=runtime,
            charge_fet_on=fet,
            heating=fet,
            settings=settings,
        )
        state = bank_state(packs=(replace(pack_state("left"), reading=reading),))
        memory, _ = examiner.step(memory, state, at_s)
