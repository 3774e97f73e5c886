"""What a running controller sees of one pack, taken out of its status document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One moment of one pack; None and empty where it is not known."""

    pack: str
    online: bool
    cells_v: tuple[float | None, ...] = ()
    voltage_v: float | None = None
    sum_v: float | None = None
    current_a: float | None = None
    temperatures_c: tuple[float | None, ...] = ()
    wires_ohm: tuple[float | None, ...] = ()
    settings: Mapping[str, float] = field(default_factory=dict)
    """What the device holds, by parameter name."""
    chemistry: str = ""
    model: str = ""
    serial_number: str = ""
    firmware: str = ""
    cell_count: int | None = None
    """What the configuration says, like the three below."""
    design_capacity_ah: float | None = None
    overvoltage_v: float | None = None
    charge_voltage_v: float | None = None
    """Highest pack voltage, in V."""
    charge_fet_on: bool | None = None
    discharge_fet_on: bool | None = None
    alarms: tuple[str, ...] = ()
    external_v: tuple[tuple[str, float], ...] = ()
    """What inverters and chargers measure: name and V."""


def seen(document: Mapping[str, object], pack: str) -> Seen | None:
    """Return a pack of a status document, None if it is not in there."""
    bank = _table(document.get("bank"))
    for one in _list(bank.get("packs")):
        table = _table(one)
        if table.get("pack") == pack:
            return _seen(table, bank)
    return None


def pack_names(document: Mapping[str, object]) -> tuple[str, ...]:
    """Return the packs of a status document."""
    packs = _list(_table(document.get("bank")).get("packs"))
    return tuple(str(_table(p).get("pack")) for p in packs)


def _seen(pack: Mapping[str, object], bank: Mapping[str, object]) -> Seen:
    reading, identity = _table(pack.get("reading")), _table(pack.get("identity"))
    parameters = _table(pack.get("parameters"))
    count, target = (
        _number(parameters.get("cell_count")),
        _number(parameters.get("charge_voltage_v")),
    )
    return Seen(
        pack=str(pack.get("pack")),
        online=pack.get("phase") == "online",
        cells_v=_numbers(reading.get("cell_voltages_v")),
        voltage_v=_number(reading.get("voltage_v")),
        sum_v=_number(pack.get("cell_sum_v")),
        current_a=_number(reading.get("current_a")),
        temperatures_c=_numbers(reading.get("temperatures_c")),
        wires_ohm=_numbers(reading.get("wire_resistances_ohm")),
        settings={
            name: number
            for name, value in _table(reading.get("settings")).items()
            if (number := _number(value)) is not None
        },
        chemistry=str(pack.get("chemistry") or ""),
        model=str(identity.get("model") or ""),
        serial_number=str(identity.get("serial_number") or ""),
        firmware=str(identity.get("firmware_version") or ""),
        cell_count=None if count is None else int(count),
        design_capacity_ah=_number(parameters.get("design_capacity_ah")),
        overvoltage_v=_number(parameters.get("cell_overvoltage_v")),
        charge_voltage_v=None if count is None or target is None else count * target,
        charge_fet_on=_switch(reading.get("charge_fet_on")),
        discharge_fet_on=_switch(reading.get("discharge_fet_on")),
        alarms=tuple(str(_table(a).get("text")) for a in _list(pack.get("alarms"))),
        external_v=tuple(
            (str(_table(e).get("source")), volts)
            for e in _list(bank.get("external"))
            if (volts := _number(_table(e).get("voltage_v"))) is not None
        ),
    )


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _numbers(value: object) -> tuple[float | None, ...]:
    return tuple(map(_number, _list(value)))


def _switch(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
