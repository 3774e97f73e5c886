"""The driver `daly`: Daly on a serial port."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late
from cellwarden_hardware.port_options import baudrate_option, port_option

MOST_BOARDS = 16
"""As in the codec, which is not imported for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DalyOptions:
    """The keys of a `[[pack]]` with driver `daly`."""

    port: str = port_option("; several packs may share one")
    baudrate: int = baudrate_option(9_600)
    address: int = option(
        1, help="board number, as set in the maker's program", minimum=1, maximum=MOST_BOARDS
    )
    invert_current: bool = option(
        False, help="true for the boards that show charging as discharging"
    )


DRIVER = DriverKind(
    name="daly",
    summary="Daly BMS on a serial port (frames that begin with A5), several on one line",
    options=DalyOptions,
    build=late("daly", "Daly"),
)
