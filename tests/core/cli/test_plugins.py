"""`cellwarden plugins`."""

import json
import re
from importlib.metadata import EntryPoint

from support.command import Call
from support.hosts import point


def test_people_get_a_table_with_offers_and_problems(call: Call, points: list[EntryPoint]) -> None:
    points.append(point("lost", "no_such_module"))
    called = call("plugins")
    assert called.status == 0
    head, fake, lost = (re.split(r" {2,}", line) for line in called.out.splitlines())
    assert head == ["plugin", "distribution", "version", "offers", "problem"]
    assert fake == [
        "fake",
        (
            "drivers fake-bms, bare; outputs fake_mqtt, fake_can; relays fake_relay; protocols"
            " fake, deaf; commands greet"
        ),
    ]
    assert lost == ["lost", "-", "ModuleNotFoundError: No module named 'no_such_module'"]


def test_programs_get_everything(call: Call, points: list[EntryPoint]) -> None:
    points.append(point("lost", "no_such_module"))
    called = call("plugins", "--json")
    assert json.loads(called.out) == [
        {
            "name": "fake",
            "distribution": "",
            "version": "",
            "module": "support.fake_plugin",
            "problem": "",
            "drivers": ["fake-bms", "bare"],
            "outputs": ["fake_mqtt", "fake_can"],
            "relays": ["fake_relay"],
            "protocols": ["fake", "deaf"],
            "commands": ["greet"],
        },
        {
            "name": "lost",
            "distribution": "",
            "version": "",
            "module": "no_such_module",
            "problem": "ModuleNotFoundError: No module named 'no_such_module'",
            "drivers": [],
            "outputs": [],
            "relays": [],
            "protocols": [],
            "commands": [],
        },
    ]


def test_nothing_installed_is_said(call: Call, points: list[EntryPoint]) -> None:
    points.clear()
    assert call("plugins").out == "no plugins are installed\n"
    assert call("plugins", "--json").out == "[]\n"
