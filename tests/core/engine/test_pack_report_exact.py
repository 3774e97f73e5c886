"""What is told of a pack besides decisions: who it is, its link, its age, what it was judged by."""

import pytest

from cellwarden.engine.fault_rules import FAULTS
from cellwarden.engine.rule import Rule
from cellwarden.model import Identity, LinkQuality, PackPhase, preset
from support.packs import Bench, parameters, reading

WHO = Identity(manufacturer="JK", model="JK-B2A20S20P", serial_number="SN1")
LINK = LinkQuality(connected=True, asked=10, answered=9, bad=1)


def test_who_it_is_is_told_from_then_on_also_while_it_is_silent() -> None:
    bench = Bench()
    assert bench.hear().identity is None
    assert bench.hear(identity=WHO).identity == WHO
    assert bench.hear().identity == WHO
    assert bench.wait(10.0).identity == WHO


def test_the_link_is_passed_on_whether_it_answers_or_not() -> None:
    bench = Bench()
    for heard in (None, reading(1001.0), None):
        bench.now_s += 1.0
        bench.memory, state = bench.engine.step(bench.memory, heard, bench.now_s, LINK)
        assert state.link is LINK


def test_the_age_is_that_of_the_newest_reading() -> None:
    bench = Bench()
    assert bench.wait(2.0).age_s is None
    bench.hear()
    assert bench.wait(1.5).age_s == 1.5
    assert bench.wait(10.0).age_s == 11.5


def test_what_it_was_judged_by_and_when_is_told() -> None:
    bench = Bench()
    for state, phase in (
        (bench.wait(), PackPhase.WAITING), (bench.hear(), PackPhase.ONLINE),
        (bench.wait(10.0), PackPhase.LOST),
    ):  # fmt: skip
        assert (state.pack, state.phase, state.chemistry) == ("left", phase, "LiFePO4")
        assert state.parameters == parameters()
    assert state.at_s == bench.now_s
    assert state.reading is None


def test_what_is_left_and_the_power_follow_from_soc_and_capacity() -> None:
    state = Bench().hear(soc_percent=60.0, capacity_ah=110.0, current_a=10.0)
    assert state.remaining_ah == pytest.approx(66.0)
    assert state.power_w == pytest.approx(528.0)
    assert (state.capacity_ah, state.soc_percent) == (110.0, 60.0)
    unknown = Bench().hear(soc_percent=None, cell_voltages_v=(), voltage_v=52.0)
    assert (unknown.soc_percent, unknown.soc_sigma_percent, unknown.remaining_ah) == (None,) * 3


# Levels that are worked out from the parameters


def rule(name: str) -> Rule:
    return next(r for r in FAULTS if r.name == name)


@pytest.mark.parametrize(
    ("name", "size_ah", "at"),
    [
        ("charger ignores the limit", 20, 2.0),
        ("charger ignores the limit", 100, 6.0),
        ("MOSFET conducts while off", 50, 1.0),
        ("MOSFET conducts while off", 280, 2.8),
    ],
)
def test_a_current_that_should_not_be_is_judged_by_the_size_of_the_pack(
    name: str, size_ah: float, at: float
) -> None:
    level = rule(name).at
    assert callable(level)
    assert level(preset("LiFePO4", cell_count=16, design_capacity_ah=size_ah)) == pytest.approx(at)
