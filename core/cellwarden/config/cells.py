"""The `[cell_profile.NAME]` tables: cells as their data sheets describe them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cellwarden.config.curves import curve
from cellwarden.config.keys import CELL_KEYS
from cellwarden.config.pack_options import CellOptions
from cellwarden.config.tables import Place, Problems, build, key_text, read_table
from cellwarden.model import CHEMISTRIES, Chemistry
from cellwarden.model.catalog import Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class CellProfile:
    """A cell of a data sheet."""

    cell: Chemistry
    ocv_v: Curve | None
    """(SoC in %, relaxed V), if the sheet has it: the estimator trusts it more than a typical one.
    """


def read_profiles(data: Mapping[str, Any], problems: Problems) -> dict[str, CellProfile | None]:
    """Return the profiles by name, None for one that is not good; every mistake is noted."""
    tables = data.get("cell_profile", {})
    place = Place(problems, "cell_profile")
    if not isinstance(tables, dict):
        place.wrong("must be a table of tables: write [cell_profile.NAME]")
        return {}
    profiles: dict[str, CellProfile | None] = {}
    for name, table in tables.items():
        below = place.below(key_text(name))
        profiles[name] = None
        if isinstance(table, dict):
            values = read_table(table, CELL_KEYS, below)
            options = build(CellOptions, CELL_KEYS, values, table, below)
            if options is not None:
                profiles[name] = _profile(options)
        else:
            below.wrong("must be a table: write [cell_profile.NAME], its keys below")
    return profiles


def _profile(options: CellOptions) -> CellProfile:
    kind = CHEMISTRIES[options.chemistry]
    ocv_v = curve(options.ocv_soc_percent, options.ocv_v)
    return CellProfile(
        cell=replace(
            kind,
            ocv_v=ocv_v or kind.ocv_v,
            nominal_v=options.nominal_v or kind.nominal_v,
            absolute_max_v=options.voltage_max_v or kind.absolute_max_v,
            absolute_min_v=options.voltage_min_v or kind.absolute_min_v,
            full_current_c=options.full_current_c or kind.full_current_c,
            charge_c_by_temperature=curve(options.charge_temperature_c, options.charge_c)
            or kind.charge_c_by_temperature,
            discharge_c_by_temperature=curve(options.discharge_temperature_c, options.discharge_c)
            or kind.discharge_c_by_temperature,
            resistance_ohm=options.resistance_ohm,
        ),
        ocv_v=ocv_v,
    )
