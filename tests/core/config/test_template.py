"""`config init`: the file it writes is good, whole, and says what it leaves out."""

import re
import sys
from itertools import combinations

import pytest

from cellwarden.config.keys import CONTROLLER_KEYS, OUTPUT_KEYS, PACK_KEYS, PARAMETER_KEYS, keys_of
from cellwarden.config.reader import parse
from cellwarden.config.template import template
from cellwarden.errors import ConfigError
from cellwarden.host import Host
from support.hosts import fake_host

COMMENTED_KEY = re.compile(r"^#(\w+ = +[^ #].*)$", re.MULTILINE)


def uncommented(text: str) -> str:
    """Make every default that is shown a line of the file."""
    return COMMENTED_KEY.sub(r"\1", text)


def choices() -> list[object]:
    """Every set of the installed outputs, and every installed driver that this Python can run."""
    host = Host()
    outputs = tuple(host.outputs())
    sets = [s for n in range(1, len(outputs) + 1) for s in combinations(outputs, n)]
    tried = [("jk-rs485", chosen) for chosen in sets]
    too_old = {"ble-generic"} if sys.version_info < (3, 12) else set()
    tried += [(d, outputs) for d in sorted(host.drivers().keys() - too_old - {"jk-rs485"})]
    return [pytest.param(*one, id="+".join((one[0], *one[1]))) for one in tried]


def test_the_plugins_of_this_repository_are_among_those_tried() -> None:
    host = Host()
    assert "jk-rs485" in host.drivers()
    assert {"can_inverter", "homeassistant", "victron"} <= host.outputs().keys()


@pytest.mark.parametrize(("driver", "outputs"), choices())
def test_what_is_installed_makes_a_good_file(driver: str, outputs: tuple[str, ...]) -> None:
    host = Host()
    text = template(host, drivers=[driver], outputs=outputs)
    for form in (text, uncommented(text)):
        settings = parse(form, host)
        assert [pack.driver.name for pack in settings.packs] == [driver]
        assert [output.output.name for output in settings.outputs] == list(outputs)


def test_the_defaults_shown_are_the_defaults() -> None:
    text = template(fake_host(), drivers=["fake-bms"], outputs=["fake_mqtt"])
    shown, left_out = parse(uncommented(text), fake_host()), parse(text, fake_host())
    assert len(COMMENTED_KEY.findall(text)) > 30
    assert shown.controller == left_out.controller
    assert shown.packs == left_out.packs
    assert shown.outputs[0].options == left_out.outputs[0].options


def test_every_key_stands_in_it_with_its_meaning() -> None:
    host = fake_host()
    text = template(host, drivers=["fake-bms"], outputs=["fake_mqtt"])
    own = (
        *keys_of(host.drivers()["fake-bms"].options),
        *keys_of(host.outputs()["fake_mqtt"].options),
    )
    flat = text.replace("\n# ", " ")
    for key in (*CONTROLLER_KEYS, *PACK_KEYS, *OUTPUT_KEYS, *PARAMETER_KEYS, *own):
        assert re.search(rf"^#?{key.name} =", text, re.MULTILINE), key.name
        assert key.option.help in flat, key.name


def test_a_key_shows_meaning_range_and_default() -> None:
    assert (
        "# time from one poll of a pack to the next (0.1..60 s)\n#poll_interval_s = 1.0\n"
    ) in template(fake_host())
    assert '# parity bit (one of "none", "even")\n#parity = "none"\n' in template(
        fake_host(), drivers=["fake-bms"]
    )
    assert "#charge_voltage_v = 3.45                        # charge voltage of a cell" in template(
        fake_host()
    )


def test_packs_of_one_driver_get_names_and_ports_of_their_own() -> None:
    text = template(fake_host(), drivers=["fake-bms", "fake-bms", "bare"])
    packs = parse(text, fake_host()).packs
    assert [pack.name for pack in packs] == ["left", "left2", "left3"]
    assert [p.driver_options.port for p in packs[:2]] == ["/dev/ttyUSB0", "/dev/ttyUSB1"]


def test_outputs_of_one_kind_get_names_of_their_own() -> None:
    text = template(fake_host(), outputs=["fake_can", "fake_can"])
    outputs = parse(text, fake_host()).outputs
    assert [output.name for output in outputs] == ["fake_can", "fake_can2"]


def test_without_names_it_shows_one_pack_and_one_output() -> None:
    settings = parse(template(fake_host()), fake_host())
    assert [pack.driver.name for pack in settings.packs] == ["bare"]
    assert [output.name for output in settings.outputs] == ["fake_can"]


def test_a_driver_that_is_not_there_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match="there is no driver 'x'; available: bare, fake-bms"):
        template(fake_host(), drivers=["x"])


def test_without_any_driver_there_is_nothing_to_write() -> None:
    with pytest.raises(ConfigError, match="no driver is installed"):
        template(Host([]))
