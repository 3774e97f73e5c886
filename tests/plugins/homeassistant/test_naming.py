"""Ids: what Home Assistant keeps for ever."""

import pytest

from cellwarden.model import Identity
from cellwarden_homeassistant.naming import Names, serial_slug, slug

NAMES = Names("Shed", "shed", "cellwarden", "homeassistant")
NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left", "left"),
        ("Süd 2", "sud_2"),
        ("JK_B2A20S20P.0042", "jk_b2a20s20p_0042"),
        ("--a--b--", "a_b"),
        ("電池", ""),
        ("", ""),
    ],
)
def test_an_id_holds_small_letters_digits_and_underscores(text, expected):
    assert slug(text) == expected


@pytest.mark.parametrize("serial", [None, "", "   ", "0000000000", "00 00"])
def test_a_serial_number_that_was_never_given_is_none(serial):
    assert serial_slug(Identity(serial_number=serial)) == ""
    assert serial_slug(None) == ""


def test_a_pack_is_known_by_its_serial_number():
    assert NAMES.pack_key("left", 1, Identity(serial_number="JK-007"), NOBODY) == "jk_007"


def test_without_a_serial_number_the_configured_name_stands_in():
    assert NAMES.pack_key("left", 1, None, NOBODY) == "shed_left"
    assert NAMES.pack_key("電池", 2, Identity(), NOBODY) == "shed_2"


def test_packs_that_share_a_serial_number_or_a_name_stay_apart():
    twin = Identity(serial_number="JK-007")
    assert NAMES.pack_key("right", 2, twin, frozenset({"jk_007"})) == "shed_right"
    assert NAMES.pack_key("Left", 2, None, frozenset({"shed_left"})) == "shed_left_2"


def test_topics_of_a_bank():
    assert NAMES.bridge_status == "cellwarden/shed/bridge/status"
    assert NAMES.whole_bank().state_topic == "cellwarden/shed/bank/state"
    assert NAMES.whole_bank().availability_topics == (
        "cellwarden/shed/bridge/status",
        "cellwarden/shed/bank/status",
    )
    pack = NAMES.pack("jk_007", "left", None)
    assert pack.discovery_topic == "homeassistant/device/cellwarden_pack_jk_007/config"
    assert pack.state_topic == "cellwarden/shed/packs/jk_007/state"
    assert pack.availability_topics[1] == "cellwarden/shed/packs/jk_007/status"
