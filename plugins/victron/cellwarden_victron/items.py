"""From a decision to published values, and from values to text. Pure: no bus, no clock."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from cellwarden.model import BankPhase, BankState, Limit, Limits, PackPhase, PackState, Reason
from cellwarden_victron.paths import BY_PATH, FIXED, MOVING, About
from cellwarden_victron.sources import Value

INVALID_SIGNATURE = "ai"
"""The D-Bus type of the invalid marker; its value is the empty array."""
INVALID_TEXT = "---"

_DOUBLES = tuple((row.path, row.read, row.digits) for row in MOVING if row.kind == "d")
_INTEGERS = tuple((row.path, row.read) for row in MOVING if row.kind == "i")
_STRINGS = tuple((row.path, row.read) for row in MOVING if row.kind == "s")

_FORMATS = {
    path: (f"{{:.{row.digits}f}}{row.unit}" if row.kind == "d" else f"{{}}{row.unit}").format
    for path, row in BY_PATH.items()
}


def fixed_values(about: About) -> dict[str, Value]:
    """Return what never changes while the service is up."""
    values = {row.path: row.read(about) for row in FIXED}
    return {path: _clean(v) if isinstance(v, str) else v for path, v in values.items()}


def moving_values(state: BankState) -> dict[str, Value]:
    """Return what this decision publishes, rounded; the same paths each time."""
    values: dict[str, Value] = {}
    for path, read, digits in _DOUBLES:
        value = read(state)
        # + 0.0 makes an integer a double and a negative zero a zero.
        values[path] = (
            round(value, digits) + 0.0
            if isinstance(value, (float, int)) and isfinite(value)
            else None
        )
    for path, read in _INTEGERS:
        values[path] = read(state)
    for path, read in _STRINGS:
        text = read(state)
        values[path] = _clean(text) if isinstance(text, str) else None
    return values


def changes(published: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values that differ from what is published."""
    return {path: value for path, value in values.items() if published[path] != value}


def text_of(path: str, value: Value) -> str:
    """Return a value as a person reads it: `53.10V`; the invalid marker is `---`."""
    return INVALID_TEXT if value is None else _FORMATS[path](value)


def signature_of(path: str, value: Value) -> str:
    """Return the D-Bus type under which a value is sent."""
    return INVALID_SIGNATURE if value is None else BY_PATH[path].kind


def blocked(state: BankState, rule: str) -> BankState:
    """Return the state with both currents stopped for the given reason and a CVL as it was."""
    assert state.limits is not None
    stop = Limit(value=0.0, reasons=(Reason(rule=rule, value=0.0),))
    return replace(
        state,
        charge_allowed=False,
        discharge_allowed=False,
        limits=Limits(
            charge_voltage=state.limits.charge_voltage,
            charge_current=stop,
            discharge_current=stop,
            discharge_voltage=state.limits.discharge_voltage,
        ),
    )


def silenced(state: BankState, rule: str) -> BankState:
    """Return what is left of a decision that is too old: no values, no current, the alarm."""
    return replace(
        blocked(state, rule),
        phase=BankPhase.SILENT,
        packs=tuple(_lost(pack) for pack in state.packs),
        voltage_v=None,
        current_a=None,
        power_w=None,
        soc_percent=None,
        soh_percent=None,
        capacity_ah=None,
        remaining_ah=None,
        temperature_c=None,
        cell_min=None,
        cell_max=None,
        temperature_min=None,
        temperature_max=None,
    )


def _lost(pack: PackState) -> PackState:
    if pack.phase is PackPhase.WAITING:
        return pack
    return replace(
        pack, phase=PackPhase.LOST, reading=None, charge_allowed=False, discharge_allowed=False
    )


def _clean(text: str) -> str:
    """Drop what D-Bus cannot carry: a BMS may have put anything into its serial number.

    The daemon cuts the connection of whoever sends a NUL or broken Unicode.
    """
    if text.isprintable():
        return text
    return "".join(c for c in text if c.isprintable())
