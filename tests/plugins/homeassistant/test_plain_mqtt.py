"""MQTT without Home Assistant: the page, the schemas and the example are what is published.

`UPDATE_DOCS=1 pytest tests/plugins/homeassistant/test_plain_mqtt.py` writes them anew.
"""

import json
import os
import re
import sys

import jsonschema
import pytest
from hypothesis import given, settings

from cellwarden.model import RequestKind
from cellwarden_homeassistant.answers import Answer
from cellwarden_homeassistant.controls import ALWAYS, BANK_CONTROLS, IDENTIFIES, PACK_CONTROLS
from cellwarden_homeassistant.entities import BANK, BRIDGE
from cellwarden_homeassistant.json_schema import schemas
from cellwarden_homeassistant.pack_entities import pack_entities
from support.gates import FakeGate
from support.homeassistant_states import any_pack, state_of
from support.processes import started, until
from support.states import told_bank, told_pack
from support.tools import REPOSITORY

FOLDER = REPOSITORY / "plugins" / "homeassistant"
PAGE = FOLDER / "mqtt.md"
SECTION = re.compile(r"(<!-- (?!end)([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
UPDATE = "run it again with UPDATE_DOCS=1"


def shown(entities):
    lines = ["| key | is | unit or values | pace | optional |", "| --- | --- | --- | --- | --- |"]
    for entity in entities:
        if not entity.has_state or entity.command is not None:
            continue
        values = entity.unit or ", ".join(f"`{option}`" for option in entity.options)
        if entity.platform == "binary_sensor":
            values = "`ON`, `OFF`"
        optional = "yes" if entity.optional else ""
        pace = f"`{entity.pace.value}`"
        lines.append(
            f"| `{entity.key}` | {entity.name} | {values or 'text'} | {pace} | {optional} |"
        )
    return "\n".join(lines) + "\n"


def commands(entities):
    lines = ["| key | is | payload |", "| --- | --- | --- |"]
    for entity in entities:
        payload = {"switch": "`ON`, `OFF`", "button": "`PRESS`"}.get(entity.platform, "")
        if entity.platform == "select":
            payload = ", ".join(f"`{option}`" for option in entity.options)
        if entity.platform == "number":
            unit = f" {entity.unit}" if entity.unit else ""
            payload = f"{entity.minimum:g} to {entity.maximum:g}{unit}"
        lines.append(f"| `{entity.key}` | {entity.name} | {payload} |")
    return "\n".join(lines) + "\n"


TABLES = {
    "bridge": shown(BRIDGE),
    "bank": shown((*BANK, *ALWAYS)),
    "pack": shown((*pack_entities(1, 1, 1), *ALWAYS)),
    "bank commands": commands(BANK_CONTROLS),
    "pack commands": commands((*PACK_CONTROLS, IDENTIFIES)),
}


def test_the_page_lists_every_key_and_every_command():
    page = PAGE.read_text(encoding="utf-8")
    expected = SECTION.sub(lambda found: found[1] + TABLES[found[2]] + found[3], page)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(expected, encoding="utf-8")
        page = expected
    assert page == expected, UPDATE


@pytest.mark.parametrize("name", ["bridge", "bank", "pack", "event"])
def test_the_schema_file_is_what_the_program_says(name):
    text = json.dumps(schemas()[name], indent=2, ensure_ascii=False) + "\n"
    file = FOLDER / "schema" / f"{name}.json"
    if os.environ.get("UPDATE_DOCS"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, UPDATE


def check(name, payload):
    jsonschema.validate(json.loads(payload), schemas()[name], cls=jsonschema.Draft202012Validator)


def test_every_message_is_what_its_schema_says():
    bank = told_bank()
    check("bridge", state_of(BRIDGE, bank))
    check("bank", state_of((*BANK, *BANK_CONTROLS, *ALWAYS), bank, charged_wh=5.0))
    pack = (*pack_entities(16, 2, 16), *PACK_CONTROLS, *ALWAYS)
    check("pack", state_of(pack, told_pack("left"), bank=bank))
    answer = Answer(pack="left", request="Charge switch", wanted="ON", kind="applied", reason="")
    check("event", answer.payload())


def test_a_schema_refuses_a_key_that_there_is_not():
    with pytest.raises(jsonschema.ValidationError):
        check("bank", state_of(pack_entities(1, 0, 0), told_pack("left")))


@settings(max_examples=20, deadline=None)
@given(pack=any_pack())
def test_any_pack_state_is_what_the_schema_says(pack):
    check("pack", state_of(pack_entities(16, 4, 20), pack))


@pytest.mark.system
def test_the_example_of_the_page_works(broker, listen, run_output, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(code)
    gate = FakeGate(RequestKind.CHARGE_CURRENT_LIMIT)
    listener = listen(broker)
    run_output(broker, told_bank(), gate)
    listener.wait("cellwarden/battery/bridge/status", b"online")
    command = [sys.executable, script, "127.0.0.1", str(broker.port), "battery"]
    with started(command) as example:
        until(lambda: len(example.lines) >= 2, 10, "two lines")
        lines = {line for _, line in example.lines}
    assert "64.0 %, 635 W, charge current setting" in lines
    assert "Charge current order: applied, written and read back" in lines
    (request,) = gate.asked
    assert (request.value, request.lasts_s) == (20.0, 600.0)
