"""The settings of the Victron output, and of a GX device's relays."""

import re
from dataclasses import dataclass

from cellwarden.config.options import option

# A D-Bus name element; Victron prefers the lynxparallel services over every other battery.
_SUFFIX = re.compile(r"(?!lynxparallel)[A-Za-z_][A-Za-z0-9_-]{0,99}")


def wrong_bus(value: str) -> str | None:
    """Return what is wrong with the name of a D-Bus, None if nothing is."""
    if value in ("system", "session") or value.startswith("unix:"):
        return None
    return 'must be "system", "session" or an address that begins with "unix:"'


def _wrong_suffix(value: str) -> str | None:
    if _SUFFIX.fullmatch(value):
        return None
    return "must be letters, digits, _ and -, must not begin with a digit or with lynxparallel"


@dataclass(frozen=True, slots=True, kw_only=True)
class VictronOptions:
    """The keys of an `[[output]]` table with `plugin = "victron"`."""

    bus: str = option(
        "system",
        help="which D-Bus: system (Venus OS), session, or an address such as unix:path=/run/bus",
        check=wrong_bus,
    )
    service: str = option(
        "cellwarden",
        help="last part of the D-Bus name com.victronenergy.battery.<service>",
        check=_wrong_suffix,
    )
    packs: bool = option(
        False,
        help="true: each pack is shown as a battery of its own as well, with its cells; the bank"
        " stays the only BMS",
    )
    device_instance: int = option(
        1,
        help="VRM instance to wish for; the GX allots one that is free, and keeps it for ever",
        minimum=0,
        maximum=255,
    )
    shunt_instance: int | None = option(
        None,
        help="VRM instance of a SmartShunt or BMV in the lead of the whole bank: charge is counted"
        " by its current",
        minimum=0,
        maximum=1000,
    )
    product_name: str = option("Cellwarden battery", help="what the GX calls the product")
    connection: str = option("BMS link", help="how it is connected, as the GX shows it")
    bluetooth: bool = option(
        False,
        help="true if a pack is read over Bluetooth: Venus then shares its voltage with no charger",
    )
    stale_after_s: float = option(
        10.0,
        help="no decision from the controller for this long: charging and discharging stop",
        unit="s",
        minimum=2,
        maximum=120,
    )
    leave_after_s: float = option(
        60.0,
        help="no decision for this long: the service leaves the bus, as a lost BMS does",
        unit="s",
        minimum=5,
        maximum=600,
    )
    stop_hold_s: float = option(
        3.5,
        help="on a clean stop: how long the zero limits stand before the service leaves the bus;"
        " Venus hands limits on every 3 s, and what it was told last stays in the inverter",
        unit="s",
        minimum=0,
        maximum=4,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GxRelayOptions:
    """The keys of a `[[relay]]` table with `kind = "gx"`."""

    number: int = option(
        1,
        help="which relay, as the GX counts them; its function, under Settings, Relay, must be"
        " Manual",
        minimum=1,
        maximum=2,
    )
    bus: str = option(
        "system",
        help="which D-Bus: system (Venus OS), session, or an address such as unix:path=/run/bus",
        check=wrong_bus,
    )
