"""What a set of parameters must keep to: its ranges and the ordering rules (R5, R8)."""

from itertools import pairwise

from cellwarden.model.parameter_table import PARAMETERS
from cellwarden.model.parameters import Parameters

_FALLING: tuple[tuple[str, ...], ...] = (
    # R8: each must be greater than the next.
    (
        "cell_overvoltage_v",
        "cell_overvoltage_recovery_v",
        "cell_undervoltage_recovery_v",
        "cell_undervoltage_v",
        "shutdown_v",
    ),
    (
        "pack_overvoltage_v",
        "pack_overvoltage_recovery_v",
        "pack_undervoltage_recovery_v",
        "pack_undervoltage_v",
    ),
    (
        "charge_overtemperature_c",
        "charge_overtemperature_recovery_c",
        "charge_undertemperature_recovery_c",
        "charge_undertemperature_c",
    ),
    ("discharge_overtemperature_c", "discharge_overtemperature_recovery_c"),
    ("discharge_overtemperature_recovery_c", "discharge_undertemperature_recovery_c"),
    ("discharge_undertemperature_recovery_c", "discharge_undertemperature_c"),
    ("mos_overtemperature_c", "mos_overtemperature_recovery_c"),
    # Ours: charging must end before it trips, discharging before it trips.
    ("cell_overvoltage_v", "charge_voltage_v"),
    ("charge_voltage_v", "discharge_voltage_v"),
    ("discharge_voltage_v", "cell_undervoltage_v"),
)
_NOT_ABOVE: tuple[tuple[str, str], ...] = (
    ("charge_current_max_a", "charge_current_peak_a"),
    ("discharge_current_max_a", "discharge_current_peak_a"),
    ("balance_start_v", "cell_overvoltage_v"),  # X13
)
"""The first must not be greater than the second."""


def broken_rules(parameters: Parameters) -> tuple[str, ...]:
    """Return one sentence for each range or ordering rule that a set of parameters breaks.

    The resulting set is judged as a whole (R5, R8); an empty tuple means it is good.
    """
    problems = []
    for spec in PARAMETERS:
        value = getattr(parameters, spec.name)
        if value is None:
            if not spec.optional:
                problems.append(f"{spec.name} is missing")
        elif not spec.minimum <= value <= spec.maximum:  # also refuses NaN
            problems.append(
                f"{spec.name} = {value:g} is outside {spec.minimum:g}..{spec.maximum:g}"
                f" {spec.unit}".rstrip()
            )
    for chain in _FALLING:
        for higher, lower in pairwise(chain):
            above, below = getattr(parameters, higher), getattr(parameters, lower)
            if above is not None and below is not None and not above > below:
                problems.append(f"{higher} = {above:g} must be greater than {lower} = {below:g}")
    for lower, higher in _NOT_ABOVE:
        below, above = getattr(parameters, lower), getattr(parameters, higher)
        if below > above:
            problems.append(f"{lower} = {below:g} must not be greater than {higher} = {above:g}")
    problems += _pair(parameters)
    problems += _pack_rules(parameters)
    return tuple(problems)


def _pair(parameters: Parameters) -> list[str]:
    """Return what is wrong where the protection that may be off has only one of its values."""
    names = ("discharge_undertemperature_c", "discharge_undertemperature_recovery_c")
    given = [name for name in names if getattr(parameters, name) is not None]
    if len(given) != 1:
        return []
    other = names[1] if given[0] == names[0] else names[0]
    return [f"{given[0]} needs {other}"]


def _pack_rules(parameters: Parameters) -> list[str]:
    """Return what is wrong with the pack's voltages beside those of its cells (ours).

    A full charge must not end in a trip of the pack, nor an ordinary discharge.
    """
    p, problems = parameters, []
    highest_v = p.cell_count * p.charge_voltage_v
    if not p.pack_overvoltage_v > highest_v:
        problems.append(
            f"pack_overvoltage_v = {p.pack_overvoltage_v:g} must be greater than cell_count x"
            f" charge_voltage_v = {highest_v:g}"
        )
    lowest_v = p.cell_count * p.discharge_voltage_v
    if not p.pack_undervoltage_v < lowest_v:
        problems.append(
            f"pack_undervoltage_v = {p.pack_undervoltage_v:g} must be less than cell_count x"
            f" discharge_voltage_v = {lowest_v:g}"
        )
    return problems
