"""Each finding on a simulated house with exactly that fault, and on what only looks like it."""

import pytest

from cellwarden.diagnosis.table import ALL
from cellwarden_hardware.simulator.case import Case, Sham, house
from cellwarden_hardware.simulator.cases import CASES, DAY_S, LONG_S
from cellwarden_hardware.simulator.clinic import Clinic

SHORT_S = 3 * 3600.0
"""Longer cases run with their mildest fault only; the benchmark runs them all."""

SHORT = [case for case in CASES if case.within_s + case.begins_s <= SHORT_S]
LONG = [case for case in CASES if case not in SHORT]


def name(value: object) -> str:
    return value.code if isinstance(value, Case) else getattr(value, "text", str(value))


@pytest.mark.parametrize(
    ("case", "severity"),
    [(case, severity) for case in SHORT for severity in case.severities]
    + [(case, case.severities[0]) for case in LONG],
    ids=name,
)
@pytest.mark.requirement("R48")
@pytest.mark.requirement("R31")
def test_a_fault_is_found_within_its_time(case: Case, severity: float) -> None:
    clinic = case.clinic(severity)
    assert clinic.watch(case.begins_s + case.within_s, until=case.code)
    assert min(at for (code, _), at in clinic.first.items() if code == case.code) >= case.begins_s


@pytest.mark.parametrize(
    ("case", "sham"), [(case, sham) for case in SHORT for sham in case.shams], ids=name
)
def test_what_only_looks_like_it_is_not_found(case: Case, sham: Sham) -> None:
    clinic = case.clinic(None, sham)
    assert not clinic.watch(case.begins_s + case.within_s, until=case.code)


@pytest.mark.parametrize("case", [case for case in SHORT if len(case.severities) > 1], ids=name)
def test_a_worse_fault_is_never_less_urgent(case: Case) -> None:
    ranks = []
    for severity in case.severities:
        clinic = case.clinic(severity)
        clinic.watch(case.begins_s + case.within_s)
        found = [f for (code, _), f in clinic.worst.items() if code == case.code]
        ranks.append(max((f.urgency, f.confidence) for f in found))
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("chemistry", "cells", "room_c"),
    [("LiFePO4", 16, 21.0), ("Li-ion", 14, 12.0), ("LTO", 20, 28.0)],
)
def test_nothing_is_found_in_two_healthy_days(chemistry: str, cells: int, room_c: float) -> None:
    home = house(seed=7, chemistry=chemistry, cells=cells, room_c=room_c)
    clinic = Clinic(home, step_s=LONG_S)
    clinic.watch(2 * DAY_S)
    assert clinic.first == {}


def test_every_row_of_the_table_has_a_case_with_something_that_only_looks_like_it() -> None:
    shown = {case.code for case in CASES if case.shams}
    assert shown == {rule.code for rule in ALL}
