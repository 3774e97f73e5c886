"""What a scan finds, and the `[[pack]]` that reads it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cellwarden.config.files import block
from cellwarden.model import Reading

_MOST_CAPACITY_AH, _LEAST_CAPACITY_AH = 2000.0, 5.0  # what `capacity_ah` takes
# A cell's over-voltage protection says what it is: the makers' presets are 2.7, 3.6 and 4.2 V.
_CHEMISTRY_BELOW_V = ((3.0, "LTO"), (3.9, "LiFePO4"), (4.6, "Li-ion"))
_SURELY_LI_ION_V = 3.75
"""A cell above this is no LiFePO4 (ours: those are charged to 3.65 V)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One pack that answered."""

    driver: str
    options: Mapping[str, object]
    """The driver's keys in `[[pack]]`."""
    reading: Reading
    layout: str = ""
    """Which of the protocol's layouts it speaks, where there are several."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """What a person should know of a key, by its name."""

    @property
    def place(self) -> str:
        """Where it was found: `/dev/ttyUSB0, address 3`."""
        where = str(self.options.get("port") or self.options.get("channel"))
        address = self.options.get("address")
        return where if address is None else f"{where}, address {address}"

    @property
    def cells(self) -> int:
        """Cells in series, 0 if it tells none."""
        told = (self.reading.settings or {}).get("cell_count")
        return int(told) if told else len(self.reading.cell_voltages_v)

    def document(self) -> dict[str, object]:
        """Return it for programs."""
        reading, who = self.reading, self.reading.identity
        return {
            "driver": self.driver,
            "options": dict(self.options),
            "manufacturer": who.manufacturer if who else None,
            "model": who.model if who else None,
            "hardware_version": who.hardware_version if who else None,
            "firmware_version": who.firmware_version if who else None,
            "serial_number": who.serial_number if who else None,
            "name": who.name if who else None,
            "production_date": who.production_date if who else None,
            "layout": self.layout or None,
            "cells": self.cells,
            "voltage_v": reading.voltage_v,
            "soc_percent": reading.soc_percent,
        }

    def line(self) -> str:
        """Return it for a person, on one line."""
        who = self.reading.identity
        parts = [
            " ".join(text for text in (who.manufacturer, who.model) if text) if who else "",
            f"firmware {who.firmware_version}" if who and who.firmware_version else "",
            f"serial number {who.serial_number}" if who and who.serial_number else "",
            f"layout {self.layout}" if self.layout else "",
            f"{self.cells} cells" if self.cells else "tells no cells",
            f"{self.reading.voltage_v:.2f} V" if self.reading.voltage_v else "",
        ]
        return f"{self.place}: {self.driver}: {', '.join(part for part in parts if part)}"

    @property
    def serial_number(self) -> str:
        """What the BMS tells, empty if it tells none."""
        who = self.reading.identity
        return (who.serial_number if who else None) or ""

    def table(self, name: str, *, with_number: bool = True) -> str:
        """Return its `[[pack]]`; what had to be guessed says so behind its key.

        A serial number that others tell too is no good to know it by: `with_number` leaves it out.
        """
        chemistry, why = self._chemistry()
        capacity_ah, capacity_why = self._capacity_ah()
        keys: dict[str, object] = {"name": name, "driver": self.driver, **self.options}
        if self.serial_number and with_number:
            keys["serial_number"] = self.serial_number
        keys |= {"chemistry": chemistry, "cells": self.cells or 16, "capacity_ah": capacity_ah}
        comments = {"chemistry": why, "capacity_ah": capacity_why} | dict(self.hints)
        if not self.cells:
            comments["cells"] = "not told: count them"
        return block("[[pack]]", keys, {key: text for key, text in comments.items() if text})

    def _chemistry(self) -> tuple[str, str]:
        limit_v = (self.reading.settings or {}).get("cell_overvoltage_v")
        if limit_v is not None:
            for below_v, name in _CHEMISTRY_BELOW_V:
                if limit_v < below_v:
                    return name, f"by its over-voltage protection of {limit_v:g} V: check it"
        volts = [volt for volt in self.reading.cell_voltages_v if volt is not None]
        if volts and max(volts) > _SURELY_LI_ION_V:
            return "Li-ion", f"by a cell at {max(volts):.3f} V: check it"
        return "LiFePO4", "not told, the one with the lowest limits of the usual: check it"

    def _capacity_ah(self) -> tuple[float, str]:
        told = (self.reading.settings or {}).get("design_capacity_ah") or self.reading.capacity_ah
        if told and _LEAST_CAPACITY_AH <= told <= _MOST_CAPACITY_AH:
            return (int(told) if told == int(told) else round(told, 1)), ""
        return 100, "not told: as the cells' label says"


def names_for(found: Sequence[Found], taken: Iterable[str]) -> list[str]:
    """Return a name for each pack: what its owner calls it, else `pack-1`, `pack-2` ..."""
    used = set(taken)
    names = []
    for each in found:
        who = each.reading.identity
        wanted = re.sub(r"[^A-Za-z0-9_-]+", "-", (who.name if who else None) or "").strip("-")[:28]
        number = 1
        name = wanted or "pack-1"
        while name in used:
            number += 1
            name = f"{wanted or 'pack'}-{number}"
        used.add(name)
        names.append(name)
    return names
