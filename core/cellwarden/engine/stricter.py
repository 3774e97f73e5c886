"""The stricter of two settings: what a pack is held to while nobody knows which it has (F37).

A write that was lost or half applied leaves a value that was wished and one that the device may
hold. Until that is settled the engine works with the strictest of these and its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellwarden.model import PARAMETERS, Parameters, broken_rules

LOWER, HIGHER = min, max
SIDES = {
    "charge_voltage_v": LOWER,
    "discharge_voltage_v": HIGHER,
    "cell_overvoltage_v": LOWER,
    "cell_overvoltage_recovery_v": LOWER,
    "cell_overvoltage_delay_s": LOWER,
    "cell_undervoltage_v": HIGHER,
    "cell_undervoltage_recovery_v": HIGHER,
    "cell_undervoltage_delay_s": LOWER,
    "shutdown_v": HIGHER,
    "pack_overvoltage_v": LOWER,
    "pack_overvoltage_recovery_v": LOWER,
    "pack_undervoltage_v": HIGHER,
    "pack_undervoltage_recovery_v": HIGHER,
    "charge_current_max_a": LOWER,
    "charge_overcurrent_delay_s": LOWER,
    "charge_overcurrent_release_s": HIGHER,
    "charge_current_peak_a": LOWER,
    "discharge_current_max_a": LOWER,
    "discharge_overcurrent_delay_s": LOWER,
    "discharge_overcurrent_release_s": HIGHER,
    "discharge_current_peak_a": LOWER,
    "short_circuit_release_s": HIGHER,
    "charge_overtemperature_c": LOWER,
    "charge_overtemperature_recovery_c": LOWER,
    "charge_undertemperature_c": HIGHER,
    "charge_undertemperature_recovery_c": HIGHER,
    "discharge_overtemperature_c": LOWER,
    "discharge_overtemperature_recovery_c": LOWER,
    "discharge_undertemperature_c": HIGHER,
    "discharge_undertemperature_recovery_c": HIGHER,
    "mos_overtemperature_c": LOWER,
    "mos_overtemperature_recovery_c": LOWER,
    "balance_current_max_a": LOWER,
}
"""Which end of each parameter is the careful one; those that are left out have none."""
FOLLOWERS = {
    "cell_overvoltage_v": ("cell_overvoltage_recovery_v", "charge_voltage_v"),
    "cell_undervoltage_v": ("cell_undervoltage_recovery_v", "discharge_voltage_v"),
    "pack_overvoltage_v": ("pack_overvoltage_recovery_v",),
    "pack_undervoltage_v": ("pack_undervoltage_recovery_v",),
    "charge_overtemperature_c": ("charge_overtemperature_recovery_c",),
    "charge_undertemperature_c": ("charge_undertemperature_recovery_c",),
    "discharge_overtemperature_c": ("discharge_overtemperature_recovery_c",),
    "discharge_undertemperature_c": ("discharge_undertemperature_recovery_c",),
    "mos_overtemperature_c": ("mos_overtemperature_recovery_c",),
}
"""What moves along with a threshold, so that it stays on its good side."""
Doubtful = tuple[tuple[str, float], ...]
"""Parameters and values that a device may hold or should."""

_SPANS = {spec.name: (spec.minimum, spec.maximum) for spec in PARAMETERS}


def tightens(parameters: Parameters, name: str, value: float) -> bool:
    """Return whether a value is stricter than a pack's own, and one that can be worked with."""
    own = getattr(parameters, name, None)
    side = SIDES.get(name)
    if side is None or own is None:
        return False
    low, high = _SPANS[name]
    return low <= value <= high and value != own and side(value, own) == value


def stricter(parameters: Parameters, doubtful: Sequence[tuple[str, float]]) -> Parameters:
    """Return the parameters with the strictest of each value.

    Each is taken for itself, and left out where the set could then not be worked with.
    """
    tight = parameters
    for name, value in doubtful:
        if tightens(tight, name, value):
            tried = _moved(parameters, tight, name, value)
            if not broken_rules(tried):
                tight = tried
    return tight


def _moved(parameters: Parameters, tight: Parameters, name: str, value: float) -> Parameters:
    changes: dict[str, float] = {name: value}
    by = value - getattr(parameters, name)
    for follower in FOLLOWERS.get(name, ()):
        own, now = getattr(parameters, follower), getattr(tight, follower)
        changes[follower] = SIDES[follower](round(own + by, 4), now)
    changes |= _first_levels(tight, changes)
    return replace(tight, **changes)  # type: ignore[arg-type]  # fields by table


def _first_levels(tight: Parameters, changes: Mapping[str, float]) -> dict[str, float]:
    """Return the over-current limits that must not lie above their second level."""
    found: dict[str, float] = {}
    for peak, first in (
        ("charge_current_peak_a", "charge_current_max_a"),
        ("discharge_current_peak_a", "discharge_current_max_a"),
    ):
        if peak in changes:
            found[first] = min(getattr(tight, first), changes[peak])
    return found
