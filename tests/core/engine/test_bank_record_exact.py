"""What of a bank is kept over a restart, key by key: a whole record in literals."""

import copy
import json
import math
from typing import Any

import pytest

from cellwarden.engine.bank_contacts import UNKNOWN, Contact
from cellwarden.engine.bank_record import Kept, read, write
from cellwarden.model import ChargePhase

NAMES = ("left", "right")
KEPT: dict[str, Any] = {
    "version": 1,
    "phase": "absorption",
    "cut_percent": 80.0,
    "without_full_s": 3600.0,
    "due": True,
    "at_target": True,
    "at_reserve": False,
    "packs": {
        "left": {
            "conductance": 0.75,
            "resistance_ohm": 0.002,
            "extra_ohm": 0.0005,
            "usual_ohm": 0.0015,
            "steps": 12,
        },
        "right": {
            "conductance": 0.25,
            "resistance_ohm": None,
            "extra_ohm": None,
            "usual_ohm": None,
            "steps": 0,
        },
    },
}


def kept(record: dict[str, Any] = KEPT, off_for_s: float | None = 0.0) -> Kept:
    return read(json.loads(json.dumps(record)), NAMES, off_for_s)


def changed(key: str, value: object) -> dict[str, Any]:
    return {**KEPT, key: value}


def of_left(key: str, value: object) -> dict[str, Any]:
    record = copy.deepcopy(KEPT)
    record["packs"]["left"][key] = value
    return record


def test_a_record_that_was_read_is_written_again_as_it_was() -> None:
    found = kept()
    assert write(NAMES, found.conductances, found.contacts, found.plan, found.reached) == KEPT


def test_what_was_read_stands_where_it_belongs() -> None:
    found = kept()
    assert found.conductances == (0.75, 0.25)
    assert found.contacts[0] == Contact(
        resistance_ohm=0.002, extra_ohm=0.0005, usual_ohm=0.0015, steps=12
    )
    assert found.plan.phase is ChargePhase.ABSORPTION
    assert (found.plan.cut_percent, found.plan.without_full_s, found.plan.due) == (80, 3600, True)
    assert found.reached == (True, False)
    other = kept({**KEPT, "at_target": False, "at_reserve": True, "due": False})
    assert other.reached == (False, True)
    assert not other.plan.due


@pytest.mark.parametrize(("off_for_s", "since_s"), [(600.0, 4200.0), (-5.0, 3600), (None, 3600)])
def test_the_time_off_counts_where_it_is_known(off_for_s: float | None, since_s: float) -> None:
    assert kept(KEPT, off_for_s).plan.without_full_s == since_s


def test_a_pack_that_the_record_does_not_know_starts_afresh() -> None:
    found = read(KEPT, ("new", "right"), 0.0)
    assert (found.conductances, found.contacts[0]) == ((1.0, 0.25), UNKNOWN)


def test_a_blocked_phase_starts_again_from_bulk_and_no_cut_stays_none() -> None:
    assert kept(changed("phase", "blocked")).plan.phase is ChargePhase.BULK
    assert kept(changed("cut_percent", None)).plan.cut_percent is None


def test_flags_that_an_older_record_lacks_are_not_set() -> None:
    older = {key: KEPT[key] for key in ("version", "phase", "without_full_s", "packs")}
    found = kept(older)
    assert found.reached == (False, False)
    assert (found.plan.due, found.plan.cut_percent) == (False, None)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (changed("version", True), "its version is True, this program reads 1"),
        (changed("version", 2), "its version is 2, this program reads 1"),
        (changed("packs", []), "packs is damaged"),
        (changed("phase", None), "phase is damaged"),
        (changed("cut_percent", 100.1), "cut_percent = 100.1 is outside 0..100"),
        (changed("cut_percent", -0.1), "cut_percent = -0.1 is outside 0..100"),
        (changed("without_full_s", -0.1), "without_full_s = -0.1 is outside 0..inf"),
        (changed("without_full_s", None), "without_full_s is None, not a number"),
        (of_left("conductance", -0.1), "conductance = -0.1 is outside 0..1e+06"),
        (of_left("conductance", 1.1e6), "conductance = 1100000.0 is outside 0..1e+06"),
        (of_left("resistance_ohm", 1.1e6), "resistance_ohm = 1100000.0 is outside -1e+06..1e+06"),
        (of_left("extra_ohm", -1.1e6), "extra_ohm = -1100000.0 is outside -1e+06..1e+06"),
        (of_left("usual_ohm", "x"), "usual_ohm is 'x', not a number"),
        (of_left("steps", -1), "steps = -1 is outside 0..1e+12"),
        (of_left("steps", 1.1e12), "steps = 1100000000000.0 is outside 0..1e+12"),
        (of_left("steps", math.nan), "steps = nan is outside"),
    ],
)
def test_what_is_damaged_is_refused_by_its_name(record: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # whole text, below
        read(record, NAMES, 0.0)
    assert str(refused.value).startswith(says)
