"""`cellwarden decode`."""

import json
from importlib.metadata import EntryPoint

import pytest

from cellwarden.hooks import ProtocolKind
from support.command import Call
from support.hosts import plugin


def test_one_frame_is_one_object(call: Call) -> None:
    called = call("decode", "fake", "AA01", "--json")
    assert called.status == 0
    assert json.loads(called.out) == {"chunk": "AA01", "cells": [3.3, 3.31], "name": None}


def test_several_frames_are_a_list(call: Call) -> None:
    called = call("decode", "fake", "--json", stdin="AA01\n\nAA02\n")
    assert called.status == 0
    frames = json.loads(called.out)["frames"]
    assert [frame["chunk"] for frame in frames] == ["AA01", "AA02"]


def test_people_get_aligned_lines(call: Call) -> None:
    called = call("decode", "fake", stdin="AA01\nAA02")
    assert called.out == (
        "chunk  AA01\ncells  3.3, 3.31\nname   -\n\nchunk  AA02\ncells  3.3, 3.31\nname   -\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("AA01BB",),
        ("aa:01:bb",),
        ("AA 01 BB",),
        ("AA", "01", "BB"),
        ("0xAA", "0x01", "0xBB"),
        ("0xAA01BB",),
    ],
)
def test_hex_may_be_written_with_spaces_colons_and_prefixes(
    call: Call, words: tuple[str, ...]
) -> None:
    called = call("decode", "fake", *words, "--json")
    assert called.status == 0
    assert json.loads(called.out)["chunk"].upper() == "AA01BB"


def test_options_may_stand_anywhere(call: Call) -> None:
    expected = call("decode", "fake", "AA01", "--json").out
    assert call("decode", "--json", "fake", "AA01").out == expected
    assert call("decode", "fake", "--json", "AA01").out == expected


@pytest.mark.parametrize("words", [("-",), ()])
def test_standard_input_is_read_for_a_dash_or_nothing(call: Call, words: tuple[str, ...]) -> None:
    called = call("decode", "fake", *words, "--json", stdin="AA 05\n")
    assert json.loads(called.out)["chunk"] == "AA05"


def test_request_and_variant_reach_the_protocol(call: Call) -> None:
    called = call("decode", "fake", "AA", "--request", "4E 57", "--variant", "short", "--json")
    found = json.loads(called.out)
    assert (found["request"], found["variant"]) == ("4e57", "short")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_bad_frame_prints_its_kind_and_fails(call: Call, options: tuple[str, ...]) -> None:
    called = call("decode", "fake", "BB", *options)
    assert (called.status, called.out) == (1, '{"error": "header"}\n')
    assert called.err == "cellwarden: BB does not begin with AA: capture again\n"


def test_bytes_without_a_whole_frame_are_incomplete(call: Call) -> None:
    called = call("decode", "fake", "00")
    assert (called.status, called.out) == (1, '{"error": "incomplete"}\n')


def test_an_unknown_protocol_lists_what_there_is(call: Call) -> None:
    called = call("decode", "fakee", "AA")
    assert (called.status, called.out) == (2, "")
    assert called.err == (
        "cellwarden: there is no protocol 'fakee'; did you mean 'fake'? available: deaf, fake\n"
    )


def test_an_unknown_variant_is_a_wrong_call(call: Call) -> None:
    called = call("decode", "fake", "AA", "--variant", "long")
    assert (called.status, called.err) == (
        2,
        "cellwarden: there is no variant 'long'; available: short\n",
    )


@pytest.mark.parametrize("stdin", [None, "", "\n\n"])
def test_nothing_to_decode_is_a_wrong_call_that_shows_how(call: Call, stdin: str | None) -> None:
    called = call("decode", "fake", stdin=stdin)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith("cellwarden: there is nothing to decode\nexamples:\n")


@pytest.mark.parametrize("text", ["4E5", "xyz", ""])
def test_a_request_that_is_no_hex_is_a_wrong_call(call: Call, text: str) -> None:
    called = call("decode", "fake", "AA", "--request", text)
    assert called.status == 2
    assert called.err == (
        f"cellwarden: {text!r} is no hex: write two digits for each byte, such as 4E 57 00\n"
    )


def test_standard_input_that_is_no_text_is_told_to_the_protocol(call: Call) -> None:
    called = call("decode", "fake", "-", stdin=b"\xff\xfe")
    assert (called.status, called.out) == (1, '{"error": "header"}\n')


def _needs_a_library() -> object:
    raise ImportError("No module named 'bleak'")


def test_a_protocol_that_lacks_its_library_says_so(
    call: Call, points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = ProtocolKind(name="jk-ble", summary="", load=_needs_a_library)  # type: ignore[arg-type]
    points.append(plugin(monkeypatch, "ble", cellwarden_protocols=lambda: [kind]))
    called = call("decode", "jk-ble", "AA")
    assert (called.status, called.err) == (
        2,
        "cellwarden: jk-ble needs a library that is not installed: No module named 'bleak'\n",
    )
