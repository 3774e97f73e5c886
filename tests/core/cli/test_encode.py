"""`cellwarden encode`."""

import json
from pathlib import Path

import pytest

from support.command import Call


def test_frames_are_a_list(call: Call, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"soc_pct": 64}')
    called = call("encode", "fake", str(tmp_path / "state.json"), "--json")
    assert called.status == 0
    assert json.loads(called.out) == [
        {"can_id": "0x355", "extended": False, "data_hex": "4000"},
        {"frame_ascii": "~2002"},
    ]


def test_people_get_a_line_for_each_frame(call: Call) -> None:
    called = call("encode", "fake", "-", stdin='{"soc_pct": 64}')
    assert called.out == "0x355  40 00\n       ~2002\n"


@pytest.mark.parametrize(("options", "printed"), [((), ""), (("--json",), "[]\n")])
def test_nothing_to_send_is_an_answer(call: Call, options: tuple[str, ...], printed: str) -> None:
    called = call("encode", "fake", "-", *options, stdin="{}")
    assert (called.status, called.out, called.err) == (0, printed, "")


def test_only_dialects_that_encode_are_offered(call: Call) -> None:
    called = call("encode", "deaf", "-", stdin="{}")
    assert (called.status, called.err) == (
        2,
        "cellwarden: there is no dialect 'deaf'; available: fake\n",
    )


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        ('{"soc_pct": "half"}', "soc_pct must be a whole number"),
        ('{"soc_pct": "asleep"}', "a sleeping pack has nothing to say"),
        ("[]", 'standard input must hold one JSON object, such as {"soc_pct": 64, ...}'),
        ('{"soc_pct": NaN}', "standard input is no JSON: NaN is no number that could be sent"),
        (
            "{",
            (
                "standard input is no JSON: Expecting property name enclosed in double quotes:"
                " line 1 column 2 (char 1)"
            ),
        ),
    ],
)
def test_a_state_that_cannot_be_told_fails_and_says_why(call: Call, stdin: str, told: str) -> None:
    called = call("encode", "fake", "-", stdin=stdin)
    assert (called.status, called.out, called.err) == (1, "", f"cellwarden: {told}\n")


@pytest.mark.parametrize("stdin", ["[" * 100_000, b'{"a": "\xff"}'])
def test_what_no_parser_can_read_is_no_json(call: Call, stdin: str | bytes) -> None:
    called = call("encode", "fake", "-", stdin=stdin)
    assert called.status == 1
    assert called.err.startswith("cellwarden: standard input is no JSON: ")


def test_a_file_that_is_not_there_is_named(call: Call, tmp_path: Path) -> None:
    called = call("encode", "fake", str(tmp_path / "none.json"))
    assert (called.status, called.err) == (
        1,
        f"cellwarden: {tmp_path}/none.json cannot be read: No such file or directory\n",
    )
