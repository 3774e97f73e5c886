"""The host: one broken plugin takes nothing else down, and every message says what to do."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind, DriverKind, OutputKind
from cellwarden.host import Host, build, choose
from support.fake_plugin import NoOptions
from support.hosts import FAKE, fake_host, plugin, point


def driver(name: str, **changes: object) -> DriverKind:
    facts: dict[str, object] = {
        "name": name,
        "summary": "for a test",
        "options": NoOptions,
        "build": lambda options, context: (options, context),
    }
    return DriverKind(**(facts | changes))  # type: ignore[arg-type]


def test_everything_that_plugins_offer_is_found_by_name() -> None:
    host = fake_host()
    assert list(host.drivers()) == ["bare", "fake-bms"]
    assert list(host.outputs()) == ["fake_can", "fake_mqtt"]
    assert list(host.relays()) == ["fake_relay"]
    assert list(host.protocols()) == ["deaf", "fake"]
    assert list(host.commands()) == ["greet"]


def test_each_plugin_is_listed_with_what_it_offers() -> None:
    host = fake_host()
    assert host.offers() == {
        "fake": {
            "drivers": ("fake-bms", "bare"),
            "outputs": ("fake_mqtt", "fake_can"),
            "relays": ("fake_relay",),
            "protocols": ("fake", "deaf"),
            "commands": ("greet",),
        }
    }
    assert [(p.name, p.module, p.problem) for p in host.plugins] == [
        ("fake", "support.fake_plugin", "")
    ]


def test_without_plugins_there_is_nothing_and_nothing_fails() -> None:
    host = Host([])
    assert (host.drivers(), host.offers(), host.problems()) == ({}, {}, ())


def test_an_installed_plugin_says_which_distribution_it_comes_from() -> None:
    hardware = next(p for p in Host().plugins if p.name == "hardware")
    assert (hardware.distribution, hardware.module) == ("cellwarden", "cellwarden_hardware.plugin")
    assert hardware.version


def test_a_misspelled_name_lists_what_there_is() -> None:
    host = fake_host()
    with pytest.raises(ConfigError) as caught:
        choose("driver", "fake-bsm", host.drivers(), host)
    assert caught.value.problems == (
        "there is no driver 'fake-bsm'; did you mean 'fake-bms'? available: bare, fake-bms",
    )


def test_where_nothing_is_offered_none_is_listed() -> None:
    host = Host([])
    with pytest.raises(ConfigError, match="there is no output 'x'; available: none"):
        choose("output", "x", host.outputs(), host)


def _offer_nothing_real() -> list[object]:
    return ["fake-bms"]


def _fail_when_asked() -> list[object]:
    raise ImportError("No module named 'bleak'")


def _take_an_argument(config: object) -> list[object]:
    return []


@pytest.mark.parametrize(
    ("hook", "function", "problem"),
    [
        (
            "cellwarden_drivers",
            _offer_nothing_real,
            "TypeError: a DriverKind was expected, not 'fake-bms'",
        ),
        ("cellwarden_drivers", _fail_when_asked, "ImportError: No module named 'bleak'"),
        (
            "cellwarden_driver",
            _offer_nothing_real,
            "PluginValidationError: unknown hook 'cellwarden_driver' in plugin",
        ),
        (
            "cellwarden_outputs",
            _take_an_argument,
            "PluginValidationError: Plugin 'broken' for hook 'cellwarden_outputs'",
        ),
    ],
    ids=["no kinds", "fails when asked", "misspelled hook", "wrong argument"],
)
def test_a_broken_plugin_is_named_and_takes_no_other_down(
    monkeypatch: pytest.MonkeyPatch, hook: str, function: object, problem: str
) -> None:
    broken = plugin(monkeypatch, "broken", **{hook: function})  # type: ignore[arg-type]
    host = Host([broken, FAKE])
    assert list(host.drivers()) == ["bare", "fake-bms"]
    assert list(host.outputs()) == ["fake_can", "fake_mqtt"]
    (told,) = host.problems()
    assert told.startswith(f"plugin broken (test_plugin_broken): {problem}")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def", "SyntaxError: invalid syntax"),
        ("nothing", "NameError: name 'nothing' is not defined"),
        ("1 + ''", "TypeError: unsupported operand"),
        ("{}['x']", "KeyError: 'x'"),
        ("open('/no/such/file')", "FileNotFoundError: [Errno 2] No such file"),
        ("raise RuntimeError('too old')", "RuntimeError: too old"),
        (
            "from cellwarden.errors import ConfigError; raise ConfigError('no')",
            "ConfigError: no",
        ),
    ],
)
def test_a_plugin_that_cannot_be_imported_takes_no_other_down(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, problem: str
) -> None:
    (tmp_path / "broken_on_import.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "broken_on_import", raising=False)
    host = Host([point("broken", "broken_on_import"), FAKE])
    assert list(host.drivers()) == ["bare", "fake-bms"]
    assert [p.name for p in host.plugins if p.problem] == ["broken"]
    (told,) = host.problems()
    assert told.startswith(f"plugin broken (broken_on_import): {problem}")


def test_whoever_misses_a_name_is_told_about_the_broken_plugins() -> None:
    host = Host([FAKE, point("lost", "no_such_module")])
    with pytest.raises(ConfigError) as caught:
        choose("driver", "lost-bms", host.drivers(), host)
    assert caught.value.problems[1] == (
        "plugin lost (no_such_module): ModuleNotFoundError: No module named 'no_such_module'"
    )


def test_two_plugins_that_offer_one_name_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    twin = plugin(monkeypatch, "twin", cellwarden_drivers=lambda: [driver("fake-bms")])
    host = Host([FAKE, twin])
    with pytest.raises(ConfigError) as caught:
        host.drivers()
    assert str(caught.value) == (
        "two plugins (fake and twin) offer the driver 'fake-bms': uninstall one of them"
    )
    assert host.offers()["twin"] == {"drivers": ("fake-bms",)}


def _lacks_a_library(options: object, context: object) -> object:
    raise ImportError("No module named 'dbus_fast'", name="dbus_fast")


def test_a_missing_library_names_the_extra_to_install() -> None:
    kind = OutputKind(
        name="victron",
        summary="",
        options=NoOptions,
        build=_lacks_a_library,  # type: ignore[arg-type]
        extra="victron",
    )
    with pytest.raises(ConfigError) as caught:
        build(kind, NoOptions(), None)
    assert str(caught.value) == (
        "victron needs a library that is not installed (No module named 'dbus_fast');"
        " install it with: pip install 'cellwarden[victron]'"
    )


def test_a_library_that_no_extra_brings_is_not_explained_away() -> None:
    with pytest.raises(ImportError, match="dbus_fast"):
        build(driver("x", build=_lacks_a_library), NoOptions(), None)


def test_build_hands_options_and_context_to_the_kind() -> None:
    options = NoOptions()
    assert build(driver("x"), options, "context") == (options, "context")


def test_plugins_are_asked_in_the_order_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def command(name: str) -> CommandKind:
        return CommandKind(name=name, summary="", configure=lambda p: None, run=lambda a: 0)

    points: list[EntryPoint] = [
        plugin(monkeypatch, name, cellwarden_commands=lambda name=name: [command(name)])
        for name in ("zebra", "ant")
    ]
    assert [p.name for p in Host(points).plugins] == ["ant", "zebra"]
    assert list(Host(points).commands()) == ["ant", "zebra"]
