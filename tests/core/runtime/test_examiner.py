"""The diagnosis beside a running bank: told once, kept over a restart, never in the way."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from cellwarden.clock import Clock
from cellwarden.diagnosis import Diagnosis, PackFacts
from cellwarden.model import BankState, preset
from cellwarden.runtime.examiner import Examiner
from cellwarden.runtime.store import Saved
from support.states import bank_state, pack_state

FACTS = [
    PackFacts(
        name="left",
        chemistry="LiFePO4",
        parameters=preset("LiFePO4", cell_count=16, design_capacity_ah=100),
    )
]


def ill(at_s: float) -> BankState:
    left = pack_state("left")
    assert left.reading is not None
    reading = replace(
        left.reading, heard_s=at_s, wire_resistances_ohm=(0.004,) * 5 + (0.4,) + (0.004,) * 10
    )
    return bank_state(at_s=at_s, packs=(replace(left, at_s=at_s, reading=reading),))


def examined(examiner: Examiner, *, looks: int = 8) -> BankState:
    start_s = time.monotonic()
    state = bank_state()
    for n in range(looks):
        state = examiner.marked(ill(start_s + 10.0 * n))
        examiner.examine(state, start_s + 10.0 * n)
    return state


def test_a_finding_stands_in_the_decision_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    state = examined(Examiner(FACTS, Clock()))
    assert [f.code for f in state.packs[0].findings] == ["balance-lead-resistance"]
    told = [r for r in caplog.records if "balance lead 6" in r.message]
    assert [r.levelno for r in told] == [logging.WARNING]


def test_what_it_learned_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    before = Examiner(FACTS, Clock())
    examined(before)
    records: Mapping[str, Mapping[str, object]] = json.loads(json.dumps(before.records()))
    saved = {name: Saved(record=r, saved_s=time.time()) for name, r in records.items()}
    assert list(saved) == ["diagnosis of left"]
    state = examined(Examiner(FACTS, Clock(), saved), looks=2)
    assert [f.code for f in state.packs[0].findings] == ["balance-lead-resistance"]


def test_a_damaged_record_is_said_and_not_used(caplog: pytest.LogCaptureFixture) -> None:
    saved = {"diagnosis of left": Saved(record={"version": 0}, saved_s=time.time())}
    state = examined(Examiner(FACTS, Clock(), saved), looks=1)
    assert state.packs[0].findings == ()
    assert "the saved diagnosis is not used" in caplog.text


def test_a_diagnosis_that_fails_leaves_the_decision_as_it_was(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Diagnosis, "step", broken)
    state = ill(5.0)
    examiner = Examiner(FACTS, Clock())
    examiner.examine(state, 5.0)
    assert examiner.marked(state) is state
    assert "diagnosis" in caplog.text
