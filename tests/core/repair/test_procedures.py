"""Every procedure is whole: each path of it is walked, and each ends in a verdict."""

from collections.abc import Iterator

import pytest

from cellwarden.repair import (
    Kind,
    Outcome,
    Procedure,
    Step,
    Walk,
    answer,
    as_text,
    load,
    procedure_names,
    start,
)
from cellwarden.repair.procedure import read

NAMES = procedure_names()


def typical_answer(step: Step, outcome: Outcome) -> str:
    """Return what a person would type for this outcome."""
    if step.kind is Kind.DO:
        return ""
    if step.kind is Kind.ASK:
        return outcome.choice
    bound = outcome.up_to if outcome.below is None else outcome.below
    place = step.outcomes.index(outcome)
    before = step.outcomes[place - 1] if place else None
    floor = step.lowest
    if before is not None:
        floor = before.below if before.below is not None else before.up_to or 0.0
    if bound is None and step.over_range:
        return "OL"
    return f"{((step.highest if bound is None else bound) + floor) / 2:.6f}"


def walks(procedure: Procedure, walk: Walk) -> Iterator[Walk]:
    """Yield every whole walk: one answer for each outcome of each step on the way."""
    if walk.verdict is not None:
        yield walk
        return
    step = procedure.steps[walk.at]
    for outcome in step.outcomes:
        after = answer(procedure, walk, typical_answer(step, outcome))
        assert after.answers[-1].says == outcome.says
        yield from walks(procedure, after)


@pytest.mark.requirement("R49")
@pytest.mark.requirement("R50")
@pytest.mark.requirement("R51")
@pytest.mark.requirement("R52")
@pytest.mark.parametrize("name", NAMES)
def test_every_path_ends_in_a_verdict_and_every_step_and_verdict_is_reached(name: str) -> None:
    procedure = load(name)
    verdicts, steps = set(), set()
    for walk in walks(procedure, start(procedure)):
        assert walk.verdict is not None
        assert len(walk.answers) <= 40
        verdicts.add(walk.verdict.name)
        steps |= {a.step for a in walk.answers}
    assert verdicts == set(procedure.verdicts)
    assert steps == set(procedure.steps)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_its_source_and_every_verdict_says_what_to_do(name: str) -> None:
    procedure = load(name)
    assert procedure.safety
    for step in procedure.steps.values():
        if step.kind is Kind.MEASURE:
            assert step.source, step.name
            assert step.expected, step.name
    for verdict in procedure.verdicts.values():
        assert len(verdict.text) > 15


@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_that_sends_elsewhere_names_a_procedure_that_is_there(name: str) -> None:
    for verdict in load(name).verdicts.values():
        _, found, rest = verdict.text.partition("go on with ")
        if found:
            named = rest.split()[0].strip(".;:,")
            assert named in NAMES


@pytest.mark.requirement("R49")
def test_the_processor_exception_follows_the_manual() -> None:
    procedure = load("processor-exception")
    walk = start(procedure)
    for told in ("100", "", "140", "stays", "4.9", "", "gone"):
        walk = answer(procedure, walk, told)
    assert [a.step for a in walk.answers] == [
        "ab-resistance",
        "replace-c",
        "ab-resistance",
        "first-power",
        "ab-voltage",
        "replace-d",
        "second-power",
    ]
    assert walk.verdict is not None
    assert walk.verdict.solved
    text = as_text(procedure, walk)
    assert "RY3820E" in text
    assert "MDT10F272" in text
    assert "found:    100 ohm - shorted: chip C is the suspect" in text


@pytest.mark.requirement("X25")
@pytest.mark.requirement("R49")
@pytest.mark.parametrize(
    ("volts", "verdict"), [("4.49", "supply"), ("5.21", "supply"), ("0", "supply")]
)
def test_a_supply_outside_4_5_to_5_2_v_is_not_the_processor(volts: str, verdict: str) -> None:
    procedure = load("processor-exception")
    walk = start(procedure)
    for told in ("2k", "stays", volts):
        walk = answer(procedure, walk, told)
    assert walk.verdict is not None
    assert walk.verdict.name == verdict


@pytest.mark.requirement("R50")
@pytest.mark.parametrize(
    ("readings", "dead"),
    [
        (("0.5", "OL", "0.5", "OL"), False),
        (("0.29", "", "", ""), True),
        (("0.71", "", "", ""), True),
        (("0.5", "0.5", "", ""), True),
        (("0.3", "OL", "OL", ""), True),
        (("0.7", "OL", "0.7", "1.2"), True),
    ],
)
def test_any_miss_of_the_four_diode_readings_condemns_the_mosfet(
    readings: tuple[str, ...], dead: bool
) -> None:
    procedure = load("cell-count-differs")
    walk = start(procedure)
    for told in ("same", "stays", "3.3", "0.01"):
        walk = answer(procedure, walk, told)
    for told in readings:
        if walk.at.startswith("diode"):
            walk = answer(procedure, walk, told)
    assert (walk.at == "replace-mos") is dead


@pytest.mark.requirement("R50")
def test_a_resistor_above_2_ohm_is_replaced() -> None:
    procedure = load("cell-count-differs")
    walk = start(procedure)
    for told in ("same", "stays", "3.3", "2.1"):
        walk = answer(procedure, walk, told)
    assert walk.at == "replace-resistor"


@pytest.mark.requirement("R51")
def test_ic2_and_ic3_are_replaced_under_500_ohm_and_left_from_there_on() -> None:
    procedure = load("does-not-start")
    walk = start(procedure)
    for told in ("52", "dead", "", "dead", "10k", "10k", "499", "", "500", "starts"):
        walk = answer(procedure, walk, told)
    steps = [a.step for a in walk.answers]
    assert "replace-ic2" in steps
    assert "replace-ic3" not in steps
    assert walk.verdict is not None
    assert walk.verdict.solved


@pytest.mark.requirement("R51")
@pytest.mark.requirement("X25")
@pytest.mark.parametrize("measured", [("2",), ("10k", "2")], ids=["A to B", "C1"])
def test_a_short_that_the_manual_has_no_repair_for_is_sent_in(measured: tuple[str, ...]) -> None:
    procedure = load("does-not-start")
    walk = start(procedure)
    for told in ("52", "dead", "", "dead", *measured):
        walk = answer(procedure, walk, told)
    assert walk.verdict is procedure.verdicts["send-in"]


@pytest.mark.requirement("R52")
def test_the_sensor_comes_before_ic1() -> None:
    procedure = load("over-temperature")
    walk = start(procedure)
    for told in ("22", "OL", "", "stays", "", "gone"):
        walk = answer(procedure, walk, told)
    assert [a.step for a in walk.answers][-4:] == [
        "replace-sensor",
        "test-sensor",
        "replace-ic1",
        "test-ic1",
    ]


def good() -> dict[str, object]:
    return {
        "title": "T",
        "skill": "owner",
        "safety": ["careful"],
        "step": [
            {
                "name": "a",
                "kind": "measure",
                "text": "measure",
                "unit": "V",
                "range": [0, 5],
                "outcomes": [{"up_to": 1.0, "verdict": "v"}, {"verdict": "v"}],
            }
        ],
        "verdict": {"v": {"text": "done"}},
    }


def broken(**changes: object) -> dict[str, object]:
    data = good()
    data["step"] = [{**data["step"][0], **changes}]  # type: ignore[index]
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (broken(outcomes=[{"verdict": "w"}]), "there is no verdict w"),
        (broken(outcomes=[{"next": "b"}]), "there is no step b"),
        (broken(outcomes=[{"next": "a", "verdict": "v"}]), "either next or verdict"),
        (broken(outcomes=[{"up_to": 1, "verdict": "v"}]), "the last has none"),
        (broken(outcomes=[{"verdict": "v"}, {"verdict": "v"}]), "the last has none"),
        (
            broken(
                outcomes=[
                    {"up_to": 2, "verdict": "v"},
                    {"up_to": 1, "verdict": "v"},
                    {"verdict": "v"},
                ]
            ),
            "must rise",
        ),
        (broken(unit=""), "needs unit and range"),
        (broken(tries=2), "tries needs too_often"),
        (broken(tries=2, too_often="w"), "there is no verdict w"),
        (broken(kind="do"), "has one outcome"),
        (broken(kind="ask", outcomes=[{"choice": "a", "verdict": "v"}]), "two or more"),
        (broken(outcomes=[{"verdict": "v", "colour": "red"}]), "unknown keys"),
        ({"title": "T"}, "is missing"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read("x", data)


def test_two_steps_of_one_name_are_refused() -> None:
    data = good()
    data["step"] = data["step"] * 2  # type: ignore[operator]
    with pytest.raises(ValueError, match="one name"):
        read("x", data)
