"""How single values are read, shown and explained."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from cellwarden.config.keys import Key
from cellwarden.config.options import Option, option
from cellwarden.config.reader import parse
from cellwarden.config.template import example
from cellwarden.config.values import did_you_mean, range_text, show, toml
from cellwarden.errors import ConfigError
from cellwarden.hooks import DriverKind
from cellwarden.host import Host
from support.fake_plugin import Parity
from support.hosts import FAKE, plugin, point


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (Option(help="", minimum=0.1, maximum=60, unit="s"), "0.1..60 s"),
        (Option(help="", minimum=2, maximum=32), "2..32"),
        (Option(help="", minimum=1, unit="A"), "1 A or more"),
        (Option(help="", maximum=0.5, unit="C"), "0.5 C or less"),
        (Option(help="", unit="V"), "in V"),
        (Option(help=""), ""),
    ],
)
def test_a_range_is_told_with_its_unit(described: Option, expected: str) -> None:
    assert range_text(described) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("left", '"left"'),
        ('a"b\n', '"a\\"b\\n"'),
        ("é", '"é"'),
        ("\x7f", '"\\u007f"'),
        ("x" * 100, f'"{"x" * 55} ...'),
        (True, "true"),
        (0.1, "0.1"),
        pytest.param(10**5000, "a number of very many digits", id="5001 digits"),
        pytest.param(-(10**5000), "a number of very many digits", id="-5001 digits"),
        ([1], "[...]"),
        ([], "[]"),
        ({"a": 1}, "{...}"),
        ({}, "{}"),
    ],
)
def test_a_value_is_shown_short_and_printable(value: object, expected: str) -> None:
    shown = show(value)
    assert shown == expected
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Parity.EVEN, '"even"'),
        (("a", "b"), '["a", "b"]'),
        (False, "false"),
        (1.0, "1.0"),
    ],
)
def test_a_default_is_written_as_toml(value: object, expected: str) -> None:
    assert toml(value) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pol_interval_s", "; did you mean poll_interval_s?"),
        ("poll", "; did you mean poll_interval_s?"),
        ("MODE", "; did you mean mode?"),
        ("x", ""),
        ("", ""),
    ],
)
def test_the_nearest_known_name_is_offered(name: str, expected: str) -> None:
    assert did_you_mean(name, ["mode", "poll_interval_s", "name"]) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (Key(name="k", type=str, option=Option(help="", example="x")), "x"),
        (Key(name="k", type=int, option=Option(help=""), default=7), 7),
        (Key(name="k", type=str, option=Option(help="", choices=("a", "b"))), "a"),
        (Key(name="k", type=Parity, option=Option(help="")), "none"),
        (Key(name="k", type=int, option=Option(help="", minimum=3)), 3),
        (Key(name="k", type=float, option=Option(help="")), 1.0),
        (Key(name="k", type=bool, option=Option(help="")), False),
        (Key(name="k", type=str, option=Option(help=""), many=True), ["?"]),
    ],
)
def test_an_example_is_found_for_any_key(key: Key, expected: object) -> None:
    assert example(key) == expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    even: int = option(help="an even number", check=lambda n: "must be even" if n % 2 else None)
    low: int = option(0, help="below even")

    def __post_init__(self) -> None:
        if self.low > self.even:
            raise ValueError("low must not be above even")


def _mistakes(points: list[EntryPoint], keys: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(
            f'[[pack]]\nname="a"\nchemistry="LTO"\ncells=20\ncapacity_ah=10\n{keys}', Host(points)
        )
    return caught.value.problems


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("even = 3", 'pack[1].even ("a"): 3: must be even'),
        ("even = 2\nlow = 4", 'pack[1] ("a"): low must not be above even'),
    ],
)
def test_the_rules_of_a_driver_s_own_are_kept(
    monkeypatch: pytest.MonkeyPatch, keys: str, expected: str
) -> None:
    kind = DriverKind(name="checked", summary="", options=Checked, build=lambda o, c: o)  # type: ignore[arg-type,return-value]  # never built
    found = plugin(monkeypatch, "checked", cellwarden_drivers=lambda: [kind])
    assert _mistakes([found], f'driver = "checked"\n{keys}') == (expected,)


def test_a_plugin_that_is_broken_is_named_where_its_driver_is_missed() -> None:
    assert _mistakes([FAKE, point("lost", "no_such_module")], 'driver = "lost-bms"') == (
        "pack[1].driver (\"a\"): there is no driver 'lost-bms'; available: bare, fake-bms",
        "plugin lost (no_such_module): ModuleNotFoundError: No module named 'no_such_module'",
    )
