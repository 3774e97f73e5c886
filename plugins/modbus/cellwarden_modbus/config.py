"""The settings of the Modbus output."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.errors import ConfigError

HIGHEST_UNIT = 247

WRITABLE = (
    "charge_switch",
    "discharge_switch",
    "balance_switch",
    "802.SetOp",
    "803.StrSetEna",
    "803.StrSetCon",
    "804.SetEna",
    "804.SetCon",
)
"""What `allow_writes` may name: registers of our own map, and SunSpec's `model.point`."""


def _wrong_register(names: tuple[str, ...]) -> str | None:
    unknown = [name for name in names if name not in WRITABLE]
    return f"no register that can be written: {', '.join(unknown)}" if unknown else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusOptions:
    """The keys of an `[[output]]` table with `plugin = "modbus"`."""

    tcp: bool = option(True, help="serve Modbus TCP")
    host: str = option(
        "127.0.0.1",
        help="address to listen on; anybody who reaches it can read, so open it on purpose:"
        " 0.0.0.0 is every network of this machine",
    )
    port: int = option(
        502,
        help="TCP port; below 1024 a service needs permission, 1502 needs none",
        minimum=1,
        maximum=65535,
    )
    serial_port: str | None = option(
        None,
        help="serve RTU on this port too, best by its name in /dev/serial/by-id",
        example="/dev/serial/by-id/usb-FTDI_RS485",
    )
    baudrate: int = option(
        9600, help="speed of the serial port", unit="baud", minimum=1200, maximum=921_600
    )
    parity: str = option("none", help="parity of the serial port", choices=("none", "even", "odd"))
    unit: int = option(1, help="unit id of the bank", minimum=1, maximum=HIGHEST_UNIT)
    first_pack_unit: int = option(
        2,
        help="unit id of the first pack, the others follow; 0 serves no packs of their own",
        minimum=0,
        maximum=HIGHEST_UNIT,
    )
    answer_0_and_255: bool = option(
        False, help="on TCP, answer unit ids 0 and 255 as the bank, for clients that send those"
    )
    discharge_positive: bool = option(
        False,
        help="SunSpec leaves the sign of A and W open: true shows discharging as positive,"
        " false charging, like every other map",
    )
    nominal_voltage_v: float | None = option(
        None,
        help="nominal voltage of the bank, for SunSpec's ratings in Wh; default the middle of the"
        " first charge and discharge voltage limit",
        unit="V",
        minimum=2,
        maximum=1000,
    )
    allow_writes: tuple[str, ...] = option(
        (),
        help=f"registers that may be written, through the gate: {', '.join(WRITABLE)}",
        check=_wrong_register,
        example=("charge_switch", "802.SetOp"),
    )
    stale_after_s: float = option(
        10.0,
        help="no decision from the controller for this long: limits 0 A, no measured value;"
        " must be longer than the poll interval",
        unit="s",
        minimum=2,
        maximum=120,
    )
    gone_after_s: float = option(
        60.0,
        help="no decision for this long: SunSpec's and Victron's registers answer as a gateway"
        " whose device is away",
        unit="s",
        minimum=5,
        maximum=600,
    )
    max_clients: int = option(
        16, help="TCP connections at once; one more ends an idle one", minimum=1, maximum=256
    )
    idle_timeout_s: float = option(
        120.0,
        help="a connection without a whole request for this long is closed",
        unit="s",
        minimum=5,
        maximum=3600,
    )
    stop_hold_s: float = option(
        2.0,
        help="on a clean stop: how long the zero limits can still be read",
        unit="s",
        minimum=0,
        maximum=4,
    )

    def __post_init__(self) -> None:
        if not self.tcp and self.serial_port is None:
            raise ConfigError("tcp = false needs a serial_port: nothing would be served")
        if self.first_pack_unit and self.unit >= self.first_pack_unit:
            raise ConfigError("unit must be below first_pack_unit: the packs' ids follow that")
