"""`cellwarden order`: what is asked of the controller, and what a person is told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cellwarden.cli import order
from cellwarden.model import RequestKind
from cellwarden.runtime import control
from support.command import Call


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, call: Call) -> Callable[..., dict[str, object]]:
    """Run the command and return what the controller would be asked."""
    found: list[Mapping[str, object]] = []

    def ask(folder: Path, message: Mapping[str, object]) -> dict[str, object]:
        found.append(message)
        return {"verdict": "applied", "reason": "done"}

    monkeypatch.setattr(control, "ask", ask)

    def run(*words: str) -> dict[str, object]:
        called = call("order", *words)
        assert (called.status, called.out) == (0, "applied: done\n"), called.err
        return dict(found.pop())

    return run


@pytest.mark.parametrize(
    ("words", "kind", "value"),
    [
        (("charge-current", "50"), "charge current limit", 50.0),
        (("discharge-current", "0"), "discharge current limit", 0.0),
        (("target-soc", "80"), "target SoC", 80.0),
        (("reserve-soc", "none"), "reserve SoC", None),
        (("charging", "off"), "charging off", True),
        (("discharging", "on"), "discharging off", False),
        (("mode", "float"), "charge mode", "float"),
        (("full-charge", "on"), "full charge", True),
        (("expect-charge", "90"), "expected charge", 90.0),
        (("surplus", "none"), "surplus power", None),
        (("reset-soc", "55"), "SoC reset", 55.0),
    ],
)
def test_an_order_is_for_the_whole_bank(
    asked: Callable[..., Any], words: tuple[str, ...], kind: str, value: object
) -> None:
    assert asked(*words) == {"do": "ask", "kind": kind, "pack": "", "value": value}


@pytest.mark.parametrize(
    ("words", "kind", "pack", "value"),
    [
        (("take-out", "left"), "membership", "left", False),
        (("let-in", "left"), "membership", "left", True),
        (("release", "left"), "release of latched trips", "left", None),
        (("release", "all"), "release of latched trips", "", None),
        (("reset-soc", "55", "--pack", "left"), "SoC reset", "left", 55.0),
    ],
)
def test_some_are_for_one_pack(
    asked: Callable[..., Any], words: tuple[str, ...], kind: str, pack: str, value: object
) -> None:
    assert asked(*words) == {"do": "ask", "kind": kind, "pack": pack, "value": value}


@pytest.mark.parametrize(
    ("text", "lasts_s"), [("90s", 90.0), ("30min", 1800.0), ("2h", 7200.0), ("1.5d", 129_600.0)]
)
def test_an_order_may_end_by_itself(asked: Callable[..., Any], text: str, lasts_s: float) -> None:
    assert asked("charge-current", "50", "--for", text)["lasts_s"] == lasts_s


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("charge-current",), "charge-current wants a value: charge-current A"),
        (("charge-current", "much"), "charge-current: A is wanted, not 'much'"),
        (("charge-current", "nan"), "charge-current: A is wanted, not 'nan'"),
        (("charging", "0"), "charging: on|off is wanted, not '0'"),
        (("mode", "fast"), "mode: automatic|float|hold is wanted, not 'fast'"),
        (("charge-current", "5", "--for", "2"), "--for: a time such as 90s, 30min, 2h or 1d"),
        (("charge-current", "5", "--for", "0s"), "--for: a time such as 90s, 30min, 2h or 1d"),
        (("boost", "5"), "invalid choice: 'boost'"),
    ],
)
def test_a_wrong_call_says_what_is_wanted_and_exits_with_2(
    call: Call, words: tuple[str, ...], said: str
) -> None:
    called = call("order", *words)
    assert called.status == 2
    assert said in called.err


def test_a_refusal_says_why_and_exits_with_1(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    refusal = {"verdict": "refused", "reason": "the target must be above the reserve of 20 %"}
    monkeypatch.setattr(control, "ask", lambda folder, message: refusal)
    called = call("order", "target-soc", "10")
    assert called.status == 1
    assert called.out == "refused: the target must be above the reserve of 20 %\n"


def test_without_a_controller_the_command_says_so(call: Call, tmp_path: Path) -> None:
    called = call("order", "charging", "off", "--runtime-dir", str(tmp_path))
    assert called.status == 1
    assert "no controller" in called.err


def shown(monkeypatch: pytest.MonkeyPatch, call: Call, orders: Mapping[str, object]) -> str:
    document = {"age_s": 2.0, "bank": {"at_s": 1000.0, "orders": orders}}
    monkeypatch.setattr(order, "running", lambda arguments: document)
    called = call("order")
    assert called.status == 0, called.err
    return called.out


def test_alone_it_shows_the_orders_with_who_gave_them_and_for_how_long(
    monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    orders: dict[str, object] = {
        "charge_current_a": {"value": 50.0, "who": "homeassistant", "until_s": 8202.0},
        "charge_block": {"value": 1.0, "who": "params ada", "until_s": None},
        "charge_expected": {"value": 14_400.0, "who": "modbus", "until_s": 20_802.0},
        "mode": "float",
        "out": ["left"],
    }
    assert shown(monkeypatch, call, orders) == (
        "charge-current  50 A       by homeassistant, for 2 h more\n"
        "charging        off        by params ada\n"
        "mode            float\n"
        "expect-charge   in 90 min  by modbus, for 6 h more\n"
        "take-out        left\n"
    )


def test_no_orders_are_no_empty_table(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    orders: dict[str, object] = {"charge_block": None, "mode": "automatic", "out": []}
    assert shown(monkeypatch, call, orders) == "no orders: the bank follows its configuration\n"


def test_every_order_that_the_controller_keeps_has_a_word() -> None:
    kept = {kind.value for kind in RequestKind if not kind.reaches_bms}
    assert {word.kind for word in order.WORDS.values()} == kept
