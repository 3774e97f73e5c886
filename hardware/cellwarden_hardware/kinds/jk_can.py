"""The driver `jk-can`: JK's own CAN broadcast."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late

MAX_ADDRESS = 15
"""As in the codec, which is not imported for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JkCanOptions:
    """The keys of a `[[pack]]` with driver `jk-can`."""

    interface: str = option("socketcan", help="kind of CAN adapter, as python-can calls it")
    channel: str = option("can0", help="which bus of that kind")
    bitrate: int = option(
        250_000,
        help="bit rate, for adapters that are told; SocketCAN takes it from `ip link`",
        unit="bit/s",
        minimum=10_000,
        maximum=1_000_000,
    )
    bus_options: tuple[str, ...] = option(
        (), help="more of python-can's settings for the adapter, each written KEY=VALUE"
    )
    address: int = option(
        0,
        help="of the pack, as set by the DIP switches or in the app",
        minimum=0,
        maximum=MAX_ADDRESS,
    )
    positive_current: str = option(
        help="what a positive current on this bus means; sources disagree, so look while the pack"
        " is charged: `cellwarden decode jk-can` prints it as current_document_sign",
        choices=("charging", "discharging"),
        example="charging",
    )

    def __post_init__(self) -> None:
        if bad := [entry for entry in self.bus_options if "=" not in entry]:
            raise ValueError(f"bus_options must be written KEY=VALUE: {', '.join(bad)}")


DRIVER = DriverKind(
    name="jk-can",
    summary="JK BMS, its own CAN broadcast (not one of the inverter dialects)",
    options=JkCanOptions,
    build=late("jk_can", "JkCan"),
    extra="can_inverter",
)
