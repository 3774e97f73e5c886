"""Answers: what is understood, what is asked again, and going on later."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.repair import (
    BadAnswer,
    answer,
    as_data,
    as_text,
    load,
    procedure_names,
    read_number,
    restore,
    start,
)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("4.9", "V", 4.9),
        ("4,9 V", "V", 4.9),
        (" 10 mOhm", "ohm", 0.010),
        ("12m", "V", 0.012),
        ("2k", "ohm", 2000.0),
        ("1.5MΩ", "ohm", 1.5e6),
        ("-0.4 A", "A", -0.4),
        (".5", "V", 0.5),
        ("OL", "ohm", math.inf),
        ("over-range", "V", math.inf),
        ("21 °C", "°C", 21.0),
    ],
)
def test_readings_are_taken_as_people_write_them(text: str, unit: str, value: float) -> None:
    assert read_number(text, unit) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "about 5", "5..2", "1e3", "nan", "--4", "5 V V"])
def test_what_is_no_number_is_asked_again_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no reading: write a number in V, such as 4\.9"):
        read_number(text, "V")


def test_another_unit_is_asked_again() -> None:
    with pytest.raises(ValueError, match="this is asked in ohm"):
        read_number("5 V", "ohm")


@given(st.text(max_size=12), st.sampled_from(["V", "ohm", "A", "%"]))
def test_any_text_is_a_number_or_a_sentence(text: str, unit: str) -> None:
    with contextlib.suppress(ValueError):
        assert not math.isnan(read_number(text, unit))


def test_a_reading_that_cannot_be_is_asked_again() -> None:
    procedure = load("does-not-start")
    with pytest.raises(BadAnswer, match=r"500 V is outside -5..130 V: check range, prefix"):
        answer(procedure, start(procedure), "500")


def test_over_range_where_it_cannot_be_is_asked_again() -> None:
    procedure = load("does-not-start")
    with pytest.raises(BadAnswer, match="over-range cannot be here"):
        answer(procedure, start(procedure), "OL")


def test_a_choice_is_taken_by_number_name_or_its_beginning() -> None:
    procedure = load("over-current")
    for told in ("2", "discharge", "dis", " Discharge "):
        assert answer(procedure, start(procedure), told).at == "load"


@pytest.mark.parametrize("told", ["", "0", "4", "maybe", "12"])
def test_another_choice_is_told_the_ones_there_are(told: str) -> None:
    procedure = load("over-current")
    with pytest.raises(BadAnswer, match="answer with one of: short, discharge, charge"):
        answer(procedure, start(procedure), told)


def test_something_to_do_waits_until_it_is_done() -> None:
    procedure = load("balance-leads-swapped")
    with pytest.raises(BadAnswer, match="press Enter"):
        answer(procedure, start(procedure), "no")


def test_a_loop_ends_with_its_own_verdict() -> None:
    procedure = load("processor-exception")
    walk = start(procedure)
    for told in ("50", "", "50", ""):
        walk = answer(procedure, walk, told)
    assert walk.verdict is not None
    assert walk.verdict.name == "short-stays"


def test_a_walk_goes_on_where_it_was_left() -> None:
    procedure = load("processor-exception")
    walk = start(procedure)
    for told in ("2k", "stays"):
        walk = answer(procedure, walk, told)
    assert restore(procedure, as_data(procedure, walk)) == walk


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"procedure": "heater", "answers": []},
        {"procedure": "processor-exception", "answers": 3},
        {"procedure": "processor-exception", "answers": [{"step": "other", "answer": "1"}]},
        {"procedure": "processor-exception", "answers": [{"step": "ab-resistance"}]},
        {"procedure": "processor-exception", "answers": [7]},
        {
            "procedure": "processor-exception",
            "answers": [{"step": "ab-resistance", "answer": "what"}],
        },
    ],
)
def test_a_record_that_does_not_fit_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each says something else
        restore(load("processor-exception"), record)


def test_a_walk_that_has_ended_takes_no_more_answers() -> None:
    procedure = load("low-cell")
    walk = answer(procedure, start(procedure), "0.1")
    with pytest.raises(ValueError, match="has ended"):
        answer(procedure, walk, "0.1")


def test_an_unfinished_report_says_so() -> None:
    procedure = load("heater")
    assert "Not finished: the next step is what." in as_text(procedure, start(procedure))


def test_a_procedure_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load("../secrets")
    assert "heater" in procedure_names()
