"""The `[[pack]]` tables: common keys, the driver's own keys, and the engine's parameters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cellwarden.config.cells import CellProfile
from cellwarden.config.heating import read_heater, relay_of
from cellwarden.config.keys import (
    CONTROLLER_HINTS,
    PACK_KEYS,
    PARAMETER_KEYS,
    SAID_BY_PACK,
    keys_of,
)
from cellwarden.config.kinds import Kinds
from cellwarden.config.pack_options import PackOptions
from cellwarden.config.settings import PackSettings, RelaySettings
from cellwarden.config.tables import (
    Place,
    Problems,
    build,
    read_known,
    read_table,
    refuse_unknown,
    table_at,
    tables_at,
)
from cellwarden.config.values import did_you_mean, number_text, show
from cellwarden.hooks import DriverKind
from cellwarden.links.ports import is_pattern
from cellwarden.model import (
    CHEMISTRIES,
    PARAMETERS,
    BmsSoc,
    Chemistry,
    HardwareModel,
    Parameters,
    broken_rules,
    preset,
)
from cellwarden.model.catalog import board_named
from cellwarden.model.doubts import board_rules, doubts

NOT_ABOVE = ("cell_overvoltage_v", "charge_voltage_v")
"""Parameters that must not pass the highest voltage a chemistry stands."""
NOT_BELOW = ("cell_undervoltage_v", "discharge_voltage_v", "shutdown_v")
UNLESS = "with the cell's data sheet in hand, set allow_outside_chemistry = true in its [[pack]]"
PARALLEL_RATIO = 1.25
"""Nominal voltages further apart than this are no mixture of cells that somebody might choose with
care (14 Li-ion beside 16 LiFePO4 is 1.002), but a 24 V pack beside a 48 V one."""

_PARAMETER_NAMES = frozenset(spec.name for spec in PARAMETERS)
_PARAMETER_HINTS = {
    name: f"write `{key} = ...` in [[pack]] instead" for name, key in SAID_BY_PACK.items()
}
_HINTS = (
    CONTROLLER_HINTS
    | {
        key.name: "it belongs in [pack.parameters], below the other keys of its [[pack]]"
        for key in PARAMETER_KEYS
    }
    | _PARAMETER_HINTS
)
_OTHER_KEYS = tuple(key for key in PACK_KEYS if key.name != "driver")


Values = Mapping[str, Any]
"""The good values of one `[[pack]]`, by key."""


def read_packs(
    data: Mapping[str, Any],
    kinds: Kinds[DriverKind],
    profiles: Mapping[str, CellProfile | None],
    relays: Mapping[str, RelaySettings | None],
    problems: Problems,
    *,
    series: bool = False,
) -> tuple[PackSettings, ...]:
    """Return the packs that are good; every mistake is noted.

    Packs in parallel must be of about the same voltage; in `series` they need not.

    `profiles` are the cells of data sheets by name, and `relays` those of heaters, None for one
    that is not good.
    """
    packs: list[PackSettings] = []
    everything: list[Values] = []
    seen: dict[object, int] = {}
    for number, table in tables_at(data, "pack", problems):
        name = table.get("name")
        named = isinstance(name, str) and 0 < len(name) <= 32 and name.isprintable()
        place = Place(problems, f"pack[{number}]", str(name) if named else "")
        values, pack = _read_pack(table, kinds, profiles, relays, place)
        everything.append(values)
        if pack is not None:
            packs.append(pack)
        if "name" in values and (first := seen.setdefault(name, number)) != number:
            place.wrong(f"pack[{first}] has the same name", "name")
        told = values.get("serial_number")
        if told is not None and (first := seen.setdefault(("told", told), number)) != number:
            place.wrong(f"pack[{first}] has the same", "serial_number")
        if is_pattern(str(values.get("port", ""))) and told is None:
            place.wrong(
                f"{show(values['port'])} may fit several ports: also give serial_number, by which"
                " the pack is found among them",
                "port",
            )
        port = _port(values, kinds)
        if port is not None and (first := seen.setdefault(port, number)) != number:
            place.wrong(f"{show(port[1])} is already read by pack[{first}]", "port")
    if not data.get("pack"):
        Place(problems, "pack").wrong(
            "there is none: add a [[pack]] table with name, driver, chemistry, cells and"
            " capacity_ah (`cellwarden config init` shows one)"
        )
    if not series:
        _refuse_unequal(everything, problems)
    return tuple(packs)


def _read_pack(
    table: Mapping[str, Any],
    kinds: Kinds[DriverKind],
    profiles: Mapping[str, CellProfile | None],
    relays: Mapping[str, RelaySettings | None],
    place: Place,
) -> tuple[Values, PackSettings | None]:
    """Return the good values, and the pack if all of it is good."""
    kind = kinds.find(table, "driver", place)
    own_keys = keys_of(kind.options) if kind else ()
    keys = (*_OTHER_KEYS, *own_keys)
    values = read_known(table, keys, place)
    if kind is not None:  # whether a key is unknown, only the driver can say
        values["driver"] = kind.name
        known = {"driver", "parameters", "heating", *(key.name for key in keys)}
        refuse_unknown(table, known, place, _HINTS)
    profile = _profile(values, profiles, place)
    cell = None if profile is None else profile.cell
    board = board_named(values["model"]) if "model" in values else None
    parameters = _read_parameters(table, values, cell, board, place.below("parameters"))
    heater = read_heater(table, parameters, board, place)
    options = build(PackOptions, PACK_KEYS, values, table, place)
    if kind is None:
        return values, None
    driver_options: Any = build(kind.options, own_keys, values, table, place)
    if options is None or driver_options is None or parameters is None:
        return values, None
    return values, PackSettings(
        name=options.name,
        chemistry=options.chemistry,
        parameters=parameters,
        driver=kind,
        driver_options=driver_options,
        serial_number=options.serial_number,
        ocv_v=options.curve or (None if profile is None else profile.ocv_v),
        cell=cell,
        board=board,
        bms_soc=BmsSoc(options.bms_soc),
        heater=heater,
        relay=relay_of(table, relays, place),
        warnings=doubts(cell or CHEMISTRIES[options.chemistry], parameters, board),
    )


def _profile(
    values: Values, profiles: Mapping[str, CellProfile | None], place: Place
) -> CellProfile | None:
    """Return the data sheet that a pack names, None if it names none or it is not good."""
    name = values.get("cell_profile")
    if name is None:
        return None
    if name not in profiles:
        there = ", ".join(profiles) if profiles else "there is none in this file"
        place.wrong(
            f"no [cell_profile.{name}]: {there}{did_you_mean(name, profiles)}", "cell_profile"
        )
        return None
    profile = profiles[name]
    chemistry = values.get("chemistry", "")
    if profile is not None and chemistry and profile.cell.name != chemistry:
        place.wrong(f"{name} is of {profile.cell.name}, this pack of {chemistry}", "cell_profile")
        return None
    return profile


def _read_parameters(
    table: Mapping[str, Any],
    pack: Mapping[str, Any],
    cell: Chemistry | None,
    board: HardwareModel | None,
    place: Place,
) -> Parameters | None:
    """Return the parameters, None where the pack's own keys or the rules do not allow any."""
    given = table_at(table, "parameters", place)
    values = read_table(given, PARAMETER_KEYS, place, elsewhere=_PARAMETER_HINTS)
    if not {"chemistry", "cells", "capacity_ah"} <= pack.keys():
        return None
    parameters = preset(
        pack["chemistry"],
        cell_count=pack["cells"],
        design_capacity_ah=pack["capacity_ah"],
        overrides=values,
        board=board,
        cell=cell,
    )
    bad = given.keys() - values.keys()
    problems = [
        line for line in _rules(parameters, given, pack["chemistry"]) if not bad & set(line.split())
    ]
    if board is not None:
        problems += board_rules(board, parameters)
    for line in problems:
        place.wrong(line)
    if not pack.get("allow_outside_chemistry", False):
        for name, line in _outside(parameters, cell or CHEMISTRIES[pack["chemistry"]]):
            problems.append(line)
            place.wrong(line, name)
    return None if problems or bad else parameters


def _rules(parameters: Parameters, given: Mapping[str, Any], chemistry: str) -> Iterator[str]:
    """Yield each broken rule, saying which of its values the person never wrote."""
    for line in broken_rules(parameters):
        of_pack = {name for name in line.split() if name.startswith("pack_")}
        if of_pack and not of_pack & given.keys():
            continue  # derived from the cells' values, and their own rule is broken
        defaults = [name for name in line.split() if name in _PARAMETER_NAMES - given.keys()]
        why = f" ({', '.join(defaults)}: the default of {chemistry})" if defaults else ""
        yield line + why


def _outside(parameters: Parameters, chemistry: Chemistry) -> Iterator[tuple[str, str]]:
    """Yield the parameters beyond what the chemistry stands, with the sentence about each."""
    high_v, low_v = chemistry.absolute_max_v, chemistry.absolute_min_v
    for name in NOT_ABOVE:
        value = getattr(parameters, name)
        if value > high_v:
            yield (
                name,
                f"{value:g} is above the {high_v:g} V that {chemistry.name} stands; {UNLESS}",
            )
    for name in NOT_BELOW:
        value = getattr(parameters, name)
        if value < low_v:
            yield name, f"{value:g} is below the {low_v:g} V that {chemistry.name} stands; {UNLESS}"


def _port(values: Values, kinds: Kinds[DriverKind]) -> tuple[object, ...] | None:
    """Return what tells one BMS from another: driver, port, and address if it has one."""
    kind = kinds.by_name.get(values.get("driver", ""))
    if kind is None:
        return None
    own = {key.name: values.get(key.name, key.default) for key in keys_of(kind.options)}
    # A port that is a number is one of a host, and says nothing alone; on one that is a pattern
    # packs are told apart by their serial numbers.
    port = own.get("port")
    if not isinstance(port, str) or is_pattern(port):
        return None
    return (kind.name, port, own.get("address"))


def _refuse_unequal(packs: Sequence[Values], problems: Problems) -> None:
    """Note packs whose voltages are so far apart that they cannot be in parallel."""
    nominal = sorted(
        (CHEMISTRIES[pack["chemistry"]].nominal_v * pack["cells"], pack["name"])
        for pack in packs
        if {"name", "chemistry", "cells"} <= pack.keys()
    )
    if nominal and nominal[-1][0] > PARALLEL_RATIO * nominal[0][0]:
        (low_v, low), (high_v, high) = nominal[0], nominal[-1]
        Place(problems, "pack").wrong(
            f"the packs of a bank are in parallel, but {low} has {number_text(round(low_v, 1))} V"
            f" and {high} {number_text(round(high_v, 1))} V: check chemistry and cells"
        )
