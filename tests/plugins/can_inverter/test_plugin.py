"""How the plugin is found and configured."""

import dataclasses
import subprocess
import sys

import pytest

from cellwarden.config.options import Option
from cellwarden.hooks import OutputContext
from cellwarden_can_inverter import plugin
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.output import CanInverterOutput
from cellwarden_can_inverter.protocol import CanDialectProtocol
from support.tools import REPOSITORY


def meaning(name: str) -> Option:
    (field,) = (f for f in dataclasses.fields(CanInverterOptions) if f.name == name)
    found = field.metadata["option"]
    assert isinstance(found, Option)
    return found


def test_it_offers_a_control_output_and_its_dialects() -> None:
    output = plugin.cellwarden_outputs()[0]
    protocol = plugin.cellwarden_protocols()[0]
    assert [p.name for p in plugin.cellwarden_protocols()][:10] == [
        "pylontech_lv",
        "pylontech_plus",
        "victron",
        "byd_lv",
        "sma_si",
        "luxpower",
        "solark",
        "deye_pcs",
        "growatt_lv",
        "pylontech_hv",
    ]
    assert (output.name, output.control, output.extra) == ("can_inverter", True, "can_inverter")
    assert (protocol.name, protocol.encodes) == ("pylontech_lv", True)
    context = OutputContext(name="deye", bank="Battery", state_dir="/nowhere")
    assert isinstance(output.build(CanInverterOptions(), context), CanInverterOutput)
    assert isinstance(protocol.load(), CanDialectProtocol)


def test_importing_the_plugin_imports_no_can_library() -> None:
    code = "import sys, cellwarden_can_inverter.plugin; sys.exit('can' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ["PYLON", "BYD", "SHEnergy", "a b-c.d!"])
def test_a_printable_name_of_up_to_8_characters_is_a_manufacturer(name: str) -> None:
    check = meaning("manufacturer").check
    assert check is not None
    assert check(name) is None


@pytest.mark.parametrize("name", ["", "PYLONTECH", "Müller", "PY\nLON"])
def test_anything_else_is_not(name: str) -> None:
    check = meaning("manufacturer").check
    assert check is not None
    assert check(name) == "must be 1 to 8 printable ASCII characters"


def test_bus_options_are_key_value_pairs_and_numbers_become_numbers() -> None:
    options = CanInverterOptions(bus_options=("port=43113", "rtscts = true", "gap=0.5"))
    assert options.bus_arguments() == {"port": 43113, "rtscts": "true", "gap": 0.5}
    check = meaning("bus_options").check
    assert check is not None
    assert check(("port=1",)) is None
    assert check(("port", "=1", "port=")) == "must be written KEY=VALUE: port, =1, port="


def test_the_goodbye_fits_into_the_time_that_the_controller_gives() -> None:
    longest_period_s = meaning("period_s").maximum
    assert longest_period_s is not None
    assert 2 * longest_period_s + 0.8 * longest_period_s < 6.0  # sets at 0, 1 and 2 periods


def test_the_readme_lists_every_key_with_its_range() -> None:
    readme = (REPOSITORY / "plugins" / "can_inverter" / "README.md").read_text()
    for field in dataclasses.fields(CanInverterOptions):
        (row,) = (line for line in readme.splitlines() if line.startswith(f"| `{field.name}` |"))
        option = meaning(field.name)
        if option.minimum is not None:
            assert f"({option.minimum:.10g}..{option.maximum:.10g})" in row
