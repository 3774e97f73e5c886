"""`[[relay]]`: each is one heater's, and every mistake is said with what to do."""

import tomllib
from typing import Any

import pytest

from cellwarden.config.reader import check
from cellwarden.config.settings import Settings
from cellwarden.errors import ConfigError
from support.hosts import fake_host

PACK = """
[[pack]]
name = "{name}"
driver = "bare"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
"""
LEFT, RIGHT = PACK.format(name="left"), PACK.format(name="right")
HEATER = '[pack.heating]\nfilm_ohm = 20.0\nrelay = "heater"\n'
RELAY = '[[relay]]\nname = "heater"\nkind = "fake_relay"\ncoil = 3\n'


def read(text: str) -> Settings:
    return check(tomllib.loads(text), fake_host())


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return list(caught.value.problems)


def test_a_heater_takes_its_relay_by_name() -> None:
    left, right = read(LEFT + HEATER + RIGHT + RELAY).packs
    assert left.relay is not None
    assert (left.relay.name, left.relay.kind.name) == ("heater", "fake_relay")
    assert left.relay.options.coil == 3
    assert left.heater is not None
    assert left.heater.relay
    assert (right.relay, right.heater) == (None, None)


def test_without_one_the_bms_switches_its_heater() -> None:
    (pack,) = read(LEFT + "[pack.heating]\nfilm_ohm = 20.0\n").packs
    assert pack.heater is not None
    assert (pack.heater.relay, pack.relay) == (False, None)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (
            LEFT + HEATER,
            (
                'pack[1].heating.relay ("left"): no [[relay]] with name "heater": there is none in'
                " this file"
            ),
        ),
        (
            LEFT + HEATER.replace("heater", "heatr") + RELAY,
            (
                'pack[1].heating.relay ("left"): no [[relay]] with name "heatr": heater; did you'
                " mean heater?"
            ),
        ),
        (
            LEFT + RELAY,
            (
                'relay[1].name ("heater"): no heater has it: write relay = "heater" in the'
                " [pack.heating] of one pack"
            ),
        ),
        (
            LEFT + HEATER + RIGHT + HEATER + RELAY,
            (
                'relay[1].name ("heater"): several heaters have it: write relay = "heater" in the'
                " [pack.heating] of one pack"
            ),
        ),
        (
            LEFT + HEATER + RELAY + RELAY,
            'relay[2].name ("heater"): another [[relay]] has the same name: give each its own',
        ),
        (
            LEFT + HEATER + RELAY.replace("coil = 3", "coil = 9"),
            'relay[1].coil ("heater"): 9 is outside 1..8',
        ),
        (
            LEFT + HEATER + RELAY.replace("coil = 3\n", ""),
            'relay[1].coil ("heater"): missing: which coil (a whole number, 1..8)',
        ),
        (
            LEFT + HEATER + RELAY + "coill = 3\n",
            'relay[1].coill ("heater"): unknown key; did you mean coil?',
        ),
        (
            LEFT + HEATER + RELAY.replace("fake_relay", "fake_rely"),
            (
                "relay[1].kind (\"heater\"): there is no relay 'fake_rely'; did you mean"
                " 'fake_relay'? available: fake_relay"
            ),
        ),
        (
            LEFT + HEATER + RELAY.replace('kind = "fake_relay"\n', ""),
            'relay[1].kind ("heater"): missing; the relays there are: "fake_relay"',
        ),
    ],
)
def test_a_mistake_is_said_with_its_place(text: str, mistake: str) -> None:
    assert mistake in mistakes(text)


@pytest.mark.parametrize("relay", [[], {}, [3], "heater", [{"name": 3}], [{}]])
def test_nonsense_in_its_place_is_a_mistake_like_any_other(relay: Any) -> None:
    data = tomllib.loads(LEFT + HEATER) | {"relay": relay}
    with pytest.raises(ConfigError):
        check(data, fake_host())
