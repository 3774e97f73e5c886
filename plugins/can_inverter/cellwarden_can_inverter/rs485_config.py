"""The settings of the output `rs485_inverter`."""

import re
from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.links.ports import PORT_HELP
from cellwarden_can_inverter import shared_options
from cellwarden_can_inverter.pylontech_ascii_scaling import SCALINGS
from cellwarden_can_inverter.rs485_persona import Persona
from cellwarden_can_inverter.view import Manners

MASTER = 2
"""The low four bits of a master's address; its packs follow, up to 15."""


def _addresses_problem(addresses: tuple[int, ...]) -> str | None:
    if not addresses:
        return "at least one address is needed"
    if len(set(addresses)) < len(addresses):
        return "every address may stand here once"
    if not all(0 <= a <= 0x7F and a & 0xF >= MASTER for a in addresses):
        return "an address is 16 times the group (0 to 7) plus 2 to 15"
    if addresses[0] & 0xF != MASTER:
        return "the first is the master: 2, or 18 (0x12), 34 (0x22) ... for groups"
    if len({a >> 4 for a in addresses}) > 1:
        return "all must be of one group: the same first hex digit"
    return None


def _text_problem(longest: int, name: str) -> str | None:
    if 1 <= len(name) <= longest and all(" " <= c <= "~" for c in name):
        return None
    return f"must be 1 to {longest} printable ASCII characters"


def _version_problem(version: str) -> str | None:
    return None if re.fullmatch(r"[0-9]\.[0-9]", version) else "is written like 2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rs485InverterOptions:
    """The keys of an `[[output]]` table with `plugin = "rs485_inverter"`."""

    port: str = option(
        help=PORT_HELP,
        example="/dev/ttyUSB1",
    )
    baudrate: int = option(
        9600,
        help="speed of the port; inverters use 9600, some 115200",
        unit="baud",
        minimum=1200,
        maximum=921600,
    )
    addresses: tuple[int, ...] = option(
        (MASTER,),
        help="battery addresses to answer at, the master first; one: the whole bank is told as one"
        " battery; several: each pack takes one",
        check=_addresses_problem,
    )
    device_name: str = option(
        "CELLWARDEN",
        help="type of battery that the inverter is told; 1 to 10 ASCII characters",
        check=lambda name: _text_problem(10, name),
    )
    manufacturer: str = option(
        "Pylon",
        help="battery maker that the inverter is told; 1 to 20 ASCII characters",
        check=lambda name: _text_problem(20, name),
    )
    protocol_version: str = option(
        "2.0", help="version that every answer carries", check=_version_problem
    )
    scaling: str = option(
        "pylontech",
        help="limits_10mA: the inverter reads the limits of 63H in 0.01 A; pace: it reads 42H in"
        " 10 mA and 10 mAh",
        choices=tuple(SCALINGS),
    )
    heartbeat_timeout_s: float = option(
        60.0,
        help="not polled for this long: the inverter is reported as not seen",
        unit="s",
        minimum=5,
        maximum=3600,
    )
    stale_after_s: float = option(
        10.0,
        help="the controller decided nothing for this long: limits 0 A, internal communication"
        " error; must be longer than the poll interval",
        unit="s",
        minimum=3,
        maximum=600,
    )
    gone_after_s: float = shared_options.gone_after()
    force_charge_below_percent: float | None = shared_options.force_charge_below()
    force_charge_urgent_below_percent: float | None = shared_options.force_charge_urgent_below()

    def persona(self) -> Persona:
        """Return what the battery calls itself."""
        major, minor = self.protocol_version.split(".")
        return Persona(
            addresses=self.addresses,
            device_name=self.device_name,
            manufacturer=self.manufacturer,
            protocol_version=int(major) << 4 | int(minor),
            scaling=SCALINGS[self.scaling],
        )

    def manners(self) -> Manners:
        """Return how the inverter wants to be told."""
        return Manners(
            stale_after_s=self.stale_after_s,
            gone_after_s=self.gone_after_s,
            force_charge_below_percent=self.force_charge_below_percent,
            force_charge_urgent_below_percent=self.force_charge_urgent_below_percent,
        )
