"""A reading from what `decode` says of a frame: the names that the protocols share."""

from collections.abc import Iterable, Mapping, Sequence

from cellwarden.model import Reading

_SCALARS = {
    "voltage_v": ("voltage", "total_voltage"),
    "current_a": ("current", "current_wire_sign"),
    "soc_percent": ("soc",),
    "soh_percent": ("soh",),
    "capacity_ah": ("full_capacity", "actual_capacity"),
    "remaining_ah": ("remaining_capacity",),
    "mos_temperature_c": ("mos_temperature",),
    "cycles": ("cycle_count",),
    "runtime_s": ("runtime",),
    "balance_current_a": ("balance_current",),
    "charge_fet_on": ("charge_mos",),
    "discharge_fet_on": ("discharge_mos",),
    "heating": ("heating",),
    "charge_switch_on": ("charge_switch",),
    "discharge_switch_on": ("discharge_switch",),
    "balance_switch_on": ("balance_switch",),
}
_SETTINGS = {
    "cell_count": "cell_count_setting",
    "design_capacity_ah": "nominal_capacity",
    "cell_overvoltage_v": "cell_ovp",
    "cell_overvoltage_recovery_v": "cell_ovpr",
    "cell_undervoltage_v": "cell_uvp",
    "cell_undervoltage_recovery_v": "cell_uvpr",
    "balance_start_v": "balance_start_voltage",
    "balance_trigger_v": "balance_trigger_voltage",
    "charge_undertemperature_c": "charge_utp",
}


def reading_of(pack: str, frames: Iterable[Mapping[str, object]]) -> Reading | None:
    """Return one reading made of decoded frames; None without cell voltages."""
    merged: dict[str, object] = {}
    for frame in frames:
        merged.update(frame)
    cells = _numbers(merged.get("cell_voltages"))
    if not cells:
        return None
    fields: dict[str, object] = {}
    for name, keys in _SCALARS.items():
        value = next((merged[key] for key in keys if key in merged), None)
        if isinstance(value, bool | int | float):
            fields[name] = value
    settings = {
        name: float(value)
        for name, key in _SETTINGS.items()
        if isinstance(value := merged.get(key), int | float)
    }
    sensors = _numbers(merged.get("temperatures")) or tuple(
        float(value)
        for key in ("temperature_1", "temperature_2")
        if isinstance(value := merged.get(key), int | float)
    )
    return Reading(
        pack=pack,
        heard_s=0.0,
        cell_voltages_v=cells,
        temperatures_c=sensors,
        wire_resistances_ohm=_numbers(merged.get("wire_resistances")),
        balancing=None if "balance_state" not in merged else bool(merged["balance_state"]),
        settings=settings or None,
        **fields,  # type: ignore[arg-type]  # fields by table
    )


def _numbers(value: object) -> tuple[float | None, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(float(v) if isinstance(v, int | float) else None for v in value)
