"""What the battery on an RS485 line calls itself, and where. Pure."""

from dataclasses import dataclass

from cellwarden_can_inverter.pylontech_ascii_scaling import PYLONTECH, Scaling


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """What the battery calls itself, and where."""

    addresses: tuple[int, ...] = (0x02,)
    """In order; the first is the master, which answers for the whole group."""
    device_name: str = "CELLWARDEN"
    manufacturer: str = "Pylon"
    protocol_version: int = 0x20
    software_version: str = "1.0"
    scaling: Scaling = PYLONTECH
