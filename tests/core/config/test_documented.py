"""What is made from the dataclasses that the file is read into: the page and the add-on's options.

`UPDATE_DOCS=1 pytest tests/core/config/test_documented.py` writes them anew.
"""

import os
import re
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cellwarden.config.heating import HEATING_KEYS
from cellwarden.config.keys import (
    BANK_KEYS,
    CELL_KEYS,
    CONTROLLER_KEYS,
    OUTPUT_KEYS,
    PACK_KEYS,
    PARAMETER_KEYS,
    RELAY_KEYS,
    Key,
    keys_of,
)
from cellwarden.config.reader import check
from cellwarden.config.values import TYPE_TEXTS, number_text, range_text, toml
from cellwarden.hooks import DriverKind, OutputKind, RelayKind
from cellwarden.host import Host
from cellwarden.model import CHEMISTRIES, preset
from cellwarden_homeassistant.addon_schema import addon_config, translations
from cellwarden_homeassistant.yaml_text import dump
from support.tools import REPOSITORY

PAGE = REPOSITORY / "docs" / "configuration.md"
SECTION = re.compile(r"(<!-- (?!end)(.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def values_text(key: Key) -> str:
    if key.choices:
        return ", ".join(f"`{toml(choice)}`" for choice in key.choices)
    text = range_text(key.option) or TYPE_TEXTS.get(key.type, "").removesuffix(" in quotes")
    return f"list: {text}" if key.many else text


def default_text(key: Key) -> str:
    if key.required:
        return "required"
    return "" if key.default is None else f"`{toml(key.default)}`"


def keys_table(keys: Sequence[Key]) -> str:
    rows = [(f"`{k.name}`", values_text(k), default_text(k), k.option.help) for k in keys]
    return table(("key", "values", "default", "meaning"), rows)


def parameters_table() -> str:
    presets = [preset(name, cell_count=16, design_capacity_ah=280) for name in CHEMISTRIES]
    special = {
        "charge_current_max_a": ["0.5 C, at most the board's or 200"] * 3,
        "charge_current_peak_a": ["1.75 times the highest"] * 3,
        "discharge_current_max_a": ["1 C, at most the board's or 200"] * 3,
        "discharge_current_peak_a": ["the board's, or 1.75 times the highest"] * 3,
        "balance_current_max_a": ["0.1 C, at most the board's or 2"] * 3,
        **{
            f"pack_{name}": [f"cells x cell_{name}"] * 3
            for name in (
                "overvoltage_v",
                "overvoltage_recovery_v",
                "undervoltage_v",
                "undervoltage_recovery_v",
            )
        },
        "balance_trigger_v": ["0.005; 0.01 below 50 Ah"] * 3,
    }
    rows = []
    for key in PARAMETER_KEYS:
        values = [getattr(parameters, key.name) for parameters in presets]
        defaults = ["off" if value is None else f"{value:g}" for value in values]
        rows.append(
            (
                f"`{key.name}`",
                range_text(key.option),
                *special.get(key.name, defaults),
                key.option.help,
            )
        )
    return table(("key", "range", *CHEMISTRIES, "meaning"), rows)


def chemistries_table() -> str:
    return table(
        ("chemistry", "lowest cell voltage", "highest cell voltage"),
        [
            (c.name, f"{number_text(c.absolute_min_v)} V", f"{number_text(c.absolute_max_v)} V")
            for c in CHEMISTRIES.values()
        ],
    )


def kinds_text(kinds: Sequence[DriverKind | OutputKind | RelayKind]) -> str:
    return "\n".join(
        f"### `{kind.name}`\n\n{kind.summary[0].upper()}{kind.summary[1:]}.\n\n"
        f"{keys_table(keys_of(kind.options))}"
        for kind in kinds
    )


def updated(page: str) -> str:
    """Return the page with every table made anew."""
    host = Host()
    content = {
        "keys: controller": lambda: keys_table(CONTROLLER_KEYS),
        "keys: bank": lambda: keys_table(BANK_KEYS),
        "keys: pack": lambda: keys_table(PACK_KEYS),
        "keys: parameters": parameters_table,
        "chemistries": chemistries_table,
        "keys: heating": lambda: keys_table(HEATING_KEYS),
        "keys: relay": lambda: keys_table(RELAY_KEYS),
        "keys: cell": lambda: keys_table(CELL_KEYS),
        "keys: output": lambda: keys_table(OUTPUT_KEYS),
        "kinds: drivers": lambda: kinds_text(list(host.drivers().values())),
        "kinds: relays": lambda: kinds_text(list(host.relays().values())),
        "kinds: outputs": lambda: kinds_text(list(host.outputs().values())),
    }
    sections = [found[2] for found in SECTION.finditer(page)]
    assert sections == list(content)
    return SECTION.sub(lambda found: f"{found[1]}{content[found[2]]()}{found[3]}", page)


def test_the_page_has_every_key_as_the_program_knows_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    expected = updated(page)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(expected, encoding="utf-8")
        page = expected
    assert page == expected, "run it again with UPDATE_DOCS=1"


def test_the_example_is_a_good_file() -> None:
    example, relay, cell = re.findall(
        r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    left, right = example.rsplit("[[pack]]", 1)
    settings = check(tomllib.loads(left + relay + "[[pack]]" + right + cell), Host())
    assert [pack.relay and pack.relay.name for pack in settings.packs] == ["heater", None]
    assert [pack.name for pack in settings.packs] == ["left", "right"]
    assert [output.name for output in settings.outputs] == ["can_inverter"]


ADD_ON = REPOSITORY / "plugins" / "homeassistant" / "addon"


@pytest.mark.parametrize(
    ("name", "content"), [("config.yaml", addon_config), ("translations/en.yaml", translations)]
)
def test_the_add_on_has_every_key_as_the_program_knows_it(
    name: str, content: Callable[[Host], dict[str, Any]]
) -> None:
    file, text = ADD_ON / name, dump(content(Host()))
    if os.environ.get("UPDATE_DOCS"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, "run it again with UPDATE_DOCS=1"
