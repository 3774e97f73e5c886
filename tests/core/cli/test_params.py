"""`cellwarden params`: what is asked, the file that carries settings, and what a person is told."""

import argparse
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.cli import params, params_file
from cellwarden.errors import ConfigError
from cellwarden.model import PARAMETERS
from support.command import Call


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, call: Call) -> Callable[..., dict[str, object]]:
    """Run the command and return what the controller would be asked."""
    found: list[dict[str, object]] = []

    def ask(arguments: argparse.Namespace, message: dict[str, object]) -> dict[str, object]:
        found.append(message)
        return {"verdict": "applied", "reason": "done", "steps": []}

    monkeypatch.setattr(params, "ask", ask)

    def run(*words: str) -> dict[str, object]:
        called = call("params", *words)
        assert called.status == 0, called.err
        return found.pop()

    return run


def test_set_asks_for_all_changes_as_one_request(asked: Callable[..., Any]) -> None:
    assert asked("set", "left", "cell_overvoltage_v=3.62", "shutdown_v=2.4", "--dry-run") == {
        "do": "ask", "pack": "left", "dry_run": True, "kind": "parameters",
        "changes": {"cell_overvoltage_v": 3.62, "shutdown_v": 2.4},
    }  # fmt: skip


def test_a_switch_is_a_request_of_its_own(asked: Callable[..., Any]) -> None:
    message = asked("set", "left", "charge_switch=off")
    assert (message["kind"], message["value"]) == ("charge switch", False)


@pytest.mark.parametrize(
    ("words", "kind", "value"),
    [
        (("do", "left", "calibrate-voltage", "52.31"), "voltage calibration", 52.31),
        (("do", "left", "calibrate-current", "-20.5"), "current calibration", -20.5),
        (("do", "left", "zero-current"), "current zero", None),
        (("do", "left", "clock"), "clock", None),
        (("do", "left", "name", "Shed"), "name", "Shed"),
        (("do", "left", "restart"), "restart", None),
        (("preset", "left", "LiFePO4"), "chemistry preset", "LiFePO4"),
    ],
)
def test_what_else_can_be_asked(
    asked: Callable[..., Any], words: tuple[str, ...], kind: str, value: object
) -> None:
    message = asked(*words)
    assert (message["kind"], message["value"]) == (kind, value)


def test_a_new_password_comes_from_a_file_and_never_from_the_command_line(
    asked: Callable[..., Any], call: Call, tmp_path: Path
) -> None:
    (tmp_path / "new").write_text("topsecret\n")
    message = asked("password", "left", "--new-file", str(tmp_path / "new"))
    assert (message["kind"], message["value"]) == ("password", "topsecret")
    assert call("params", "password", "left", "topsecret").status == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "left", "cell_overvoltage_v"), "NAME=VALUE is wanted"),
        (("set", "left", "cell_overvoltage_v=much"), "the value a number"),
        (("set", "left", "charge_switch=1"), "the value on or off"),
        (("set", "left", "charge_switch=on", "shutdown_v=2.4"), "one switch at a time"),
        (("do", "left", "calibrate-voltage"), "needs a value"),
        (("do", "left", "restart", "now"), "takes no value"),
        (("do", "left", "calibrate-voltage", "much"), "a number in V"),
        (("import", "left", "/nowhere/x.toml"), "cannot be read"),
    ],
)
def test_a_wrong_call_says_what_is_wanted_and_exits_with_2(
    call: Call, words: tuple[str, ...], said: str
) -> None:
    called = call("params", *words)
    assert called.status == 2
    assert said in called.err


def document(values: dict[str, float]) -> dict[str, Any]:
    """What `show` gives for a device with these values."""
    rows = [
        {"name": name, "text": "a setting", "value": value, "unit": "V", "register": "0x01",
         "writable": True}
        for name, value in values.items()
    ]  # fmt: skip
    switch = {"name": "charge_switch", "text": "charge switch", "value": False, "unit": "",
              "register": "0x1D", "writable": True}  # fmt: skip
    fixed = {"name": "mos_overtemperature_c", "text": "MOSFET", "value": 75.0, "unit": "°C",
             "register": "", "writable": False}  # fmt: skip
    return {
        "pack": "left", "at_s": 1_764_429_119.0, "settings": [*rows, switch, fixed],
        "identity": {"manufacturer": "JK", "model": 'a "quoted" name', "serial_number": None},
    }  # fmt: skip


names = st.sampled_from([spec.name for spec in PARAMETERS])


@given(
    st.dictionaries(names, st.floats(-1000, 1000, allow_nan=False), min_size=1).filter(
        lambda values: "mos_overtemperature_c" not in values
    )
)
def test_what_is_exported_is_what_is_imported(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, float]
) -> None:
    file = tmp_path_factory.mktemp("export") / "left.toml"
    file.write_text(params_file.write(document(values)), encoding="utf-8")
    assert params_file.read(file) == values


def test_the_file_is_readable_and_leaves_switches_and_fixed_values_to_the_reader() -> None:
    text = params_file.write(document({"cell_overvoltage_v": 3.6}))
    data = tomllib.loads(text)
    assert data["device"] == {"manufacturer": "JK", "model": 'a "quoted" name'}
    assert data["switches"] == {"charge_switch": False}
    assert data["parameters"] == {"cell_overvoltage_v": 3.6}
    assert "cell_overvoltage_v = 3.6  # a setting V 0x01" in text
    assert "# mos_overtemperature_c = 75.0" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "is not TOML"),
        ("format = 2\n[parameters]\na = 1", "has format 2, this version reads 1"),
        ("[switches]\ncharge_switch = true", "has no table [parameters]"),
        ('[parameters]\na = "much"\nb = true', "b = True is no number"),
        ("[parameters]\na = 1\n[more]", "nothing is known of [more]"),
    ],
)
def test_a_file_that_is_none_is_told_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "left.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        params_file.read(file)
    assert said in str(caught.value)
