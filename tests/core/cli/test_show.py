"""How commands print."""

from enum import Enum

import pytest

from cellwarden.cli.show import print_json, print_rows, value_text


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (3.821, "3.821"),
        ("text", "text"),
        ([3.3, None], "3.3, -"),
        ([], "none"),
        ({"cell": 7, "on": True}, "cell 7, on yes"),
        ({}, "none"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: object, expected: str) -> None:
    assert value_text(value) == expected


def test_rows_are_aligned_and_end_without_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([("a", "long", ""), ("bcd", "e", "f")])
    assert capsys.readouterr().out == "a    long\nbcd  e     f\n"


def test_json_is_one_line_of_plain_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"unit": "°C", "colour": Colour.RED})
    assert capsys.readouterr().out == '{"unit": "\\u00b0C", "colour": "red"}\n'


def test_what_json_cannot_say_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="has no JSON form"):
        print_json({1, 2})
