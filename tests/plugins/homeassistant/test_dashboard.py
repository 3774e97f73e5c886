"""The dashboard: valid YAML, standard cards, and no entity that is never announced."""

import json
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.cli import main
from cellwarden_homeassistant.controls import ALWAYS, BANK_CONTROLS, IDENTIFIES, PACK_CONTROLS
from cellwarden_homeassistant.dashboard import dashboard
from cellwarden_homeassistant.discovery import encode
from cellwarden_homeassistant.entities import BANK, BRIDGE
from cellwarden_homeassistant.naming import Names
from cellwarden_homeassistant.pack_entities import pack_entities
from cellwarden_homeassistant.yaml_text import dump

NAMES = Names("Shed battery", "shed_battery", "cellwarden", "homeassistant")

STANDARD = {
    "entities", "gauge", "glance", "grid", "history-graph", "sections", "statistics-graph", "tile",
    "conditional",
}  # fmt: skip

CONFIGURATION = """
[controller]
name = "Shed battery"
[[pack]]
name = "left"
driver = "jk-rs485"
port = "/dev/null"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
[[pack]]
name = "right"
driver = "jk-rs485"
port = "/dev/zero"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
"""
OUTPUT = '[[output]]\nplugin = "homeassistant"\n'


def parts(node):
    """Every dictionary in a document."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from parts(item)


def entities_of(document):
    """Every entity that a document names."""
    named = [part["entity"] for part in parts(document) if "entity" in part]
    lists = [part.get("entities", []) for part in parts(document)]
    return {*named, *(item for items in lists for item in items if isinstance(item, str))}


def announced():
    """The entity id of everything that two packs can ever have."""
    devices = (
        (NAMES.bridge(""), BRIDGE),
        (NAMES.whole_bank(), (*BANK, *BANK_CONTROLS, *ALWAYS)),
        *(
            (
                NAMES.pack(f"sn{name}", name, None),
                (*pack_entities(cells, 4, 16), *PACK_CONTROLS, IDENTIFIES, *ALWAYS),
            )
            for name, cells in (("left", 16), ("right", 16))
        ),
    )
    return {
        component["def_ent_id"]
        for device, entities in devices
        for component in json.loads(encode(device, entities, expire_after_s=180))["cmps"].values()
    }


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "cellwarden.toml"
    file.write_text(CONFIGURATION + OUTPUT)
    return file


def test_every_entity_on_it_is_one_that_is_announced(config, capsys):
    assert main(["homeassistant", "dashboard", "--config", str(config)]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    named = entities_of(document)
    assert named <= announced()
    assert {
        "sensor.shed_battery_soc",
        "number.shed_battery_charge_limit",
        "sensor.shed_battery_left_cell_16_voltage",
        "sensor.shed_battery_right_cell_16_voltage",
        "switch.shed_battery_left_charge_switch",
        "sensor.shed_battery_controller_phase",
    } <= named
    assert "sensor.shed_battery_right_cell_17_voltage" not in named


def test_it_needs_no_card_that_must_be_installed(config, capsys):
    main(["homeassistant", "dashboard", "--config", str(config)])
    document = yaml.safe_load(capsys.readouterr().out)
    assert {part["type"] for part in parts(document) if "type" in part} <= STANDARD
    assert [view["title"] for view in document["views"]] == ["Shed battery", "left", "right"]
    assert len({view["path"] for view in document["views"]}) == 3


def test_what_may_not_be_there_is_hidden_while_it_is_not(config, capsys):
    main(["homeassistant", "dashboard", "--config", str(config), "--json"])
    document = json.loads(capsys.readouterr().out)
    rows = [part for part in parts(document) if part.get("type") == "conditional"]
    hidden = {row["row"]["entity"] for row in rows}
    controls = {
        entity for entity in entities_of(document) if not entity.startswith(("sensor.", "b"))
    }
    assert controls - {e for e in entities_of(document) if e.startswith("binary")} <= hidden
    # An entity that is not there counts as unknown; so does an order that nobody has given.
    asked = {row["row"]["entity"]: row["conditions"] for row in rows}
    for entity, witness in (
        ("sensor.shed_battery_time_to_full", "sensor.shed_battery_time_to_full"),
        ("switch.shed_battery_left_charge_switch", "switch.shed_battery_left_charge_switch"),
        ("number.shed_battery_charge_limit", "select.shed_battery_charge_mode"),
        ("button.shed_battery_full_charge", "select.shed_battery_charge_mode"),
        ("button.shed_battery_left_reset_soc", "switch.shed_battery_left_in_bank"),
        (
            "number.shed_battery_left_set_balance_start_v",
            "number.shed_battery_left_set_balance_start_v",
        ),
    ):
        assert asked[entity] == [
            {"entity": witness, "state_not": "unknown"},
            {"entity": witness, "state_not": "unavailable"},
        ]


def test_json_and_yaml_say_the_same(config, capsys):
    main(["homeassistant", "dashboard", "--config", str(config), "--json"])
    as_json = json.loads(capsys.readouterr().out)
    main(["homeassistant", "dashboard", "--config", str(config)])
    assert yaml.safe_load(capsys.readouterr().out) == as_json


def test_without_such_an_output_it_says_what_to_add(tmp_path, capsys):
    file = tmp_path / "cellwarden.toml"
    file.write_text(CONFIGURATION)
    assert main(["homeassistant", "dashboard", "--config", str(file)]) == 1
    assert (
        'there is no [[output]] with plugin = "homeassistant": add one' in capsys.readouterr().err
    )


def test_of_several_outputs_one_must_be_named(tmp_path, capsys):
    file = tmp_path / "cellwarden.toml"
    second = '[[output]]\nplugin = "homeassistant"\nname = "other"\nnode_id = "second"\n'
    file.write_text(CONFIGURATION + OUTPUT + second)
    assert main(["homeassistant", "dashboard", "--config", str(file)]) == 1
    assert "name one of the homeassistant outputs: homeassistant, other" in capsys.readouterr().err
    assert main(["homeassistant", "dashboard", "--config", str(file), "--output", "other"]) == 0
    assert "sensor.second_soc" in capsys.readouterr().out


def test_the_schema_command_prints_a_schema(capsys):
    assert main(["homeassistant", "schema", "event"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "What became of a command"


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.text(string.ascii_letters + string.digits + "_- :#", min_size=1, max_size=10)
documents = st.recursive(
    plain | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)


@given(document=documents)
def test_whatever_is_written_reads_back_the_same(document):
    assert yaml.safe_load(dump(document)) == document


def test_a_dashboard_of_many_packs_has_a_view_for_each():
    document = dashboard(NAMES, [(f"pack {n}", 16) for n in range(16)])
    assert len(document["views"]) == 17
