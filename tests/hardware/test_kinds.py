"""What every command sees of the drivers: cheap to import, and true to the codecs."""

import subprocess
import sys

import pytest

from cellwarden_hardware.codecs import daly, jk_can, jk_modbus
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.kinds.daly import DalyOptions
from cellwarden_hardware.kinds.jk_can import JkCanOptions
from cellwarden_hardware.kinds.jk_modbus import JkModbusOptions


def test_no_driver_and_no_codec_of_one_is_imported_before_a_pack_has_it() -> None:
    code = (
        "import sys; from cellwarden_hardware import plugin; plugin.cellwarden_drivers();"
        "print(*[m for m in sys.modules if m.startswith('cellwarden_hardware.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "cellwarden_hardware.kinds.jk_modbus" in loaded
    heavy = ("drivers.", "codecs.jk", "codecs.jbd", "codecs.daly", "simulator.pack", "writers.j")
    assert [
        m for m in loaded if m.startswith(tuple(f"cellwarden_hardware.{h}" for h in heavy))
    ] == []


@pytest.mark.parametrize(
    ("options", "most"),
    [
        (JkModbusOptions, jk_modbus.MAX_ADDRESS),
        (JkCanOptions, jk_can.MAX_ADDRESS),
        (DalyOptions, daly.MOST_BOARDS),
    ],
)
def test_an_address_goes_as_far_as_the_protocol(options: type, most: int) -> None:
    field = options.__dataclass_fields__["address"]  # type: ignore[attr-defined]  # a dataclass
    assert field.metadata["option"].maximum == most


def test_every_driver_has_its_kind() -> None:
    assert sorted(kind.name for kind in all_drivers()) == [
        "ble-generic", "daly", "jbd", "jbd-ble", "jk-ble", "jk-can", "jk-modbus", "jk-rs485",
    ]  # fmt: skip
