"""What each command of the RS485 protocol is answered with: the bank, row by row. Pure.

One address: the bank is told as one big battery, which is right however an inverter adds up.
Several: each pack in use takes the next address, as in a real stack, and the bank's current
limits are shared out among them, so that no way of adding them up gives more than the bank allows.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cellwarden.model import BankState, PackState
from cellwarden_can_inverter import pylontech_ascii_commands as commands
from cellwarden_can_inverter.rs485_alarms import alarm_block, face, sensors_of, system_flags
from cellwarden_can_inverter.rs485_persona import Persona
from cellwarden_can_inverter.view import BatteryView

HIGHEST_V = 65.5
"""V: two bytes of mV. A charge voltage beyond it cannot be told."""

# Temperatures of 47H for packs that do not tell their settings: the LiFePO4 column of the JK
# parameter page, and what US-series packs allow when discharging in the cold.
_CHARGE_C = (55.0, 0.0)
_DISCHARGE_C = (55.0, -10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """What stands at one address."""

    address: int
    packs: tuple[PackState, ...]
    """The packs in use that it speaks for; none while all of them are lost."""
    sharing: int
    """Modules among which the bank's current limits are shared out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that an answer is made of."""

    state: BankState
    view: BatteryView
    persona: Persona
    modules: tuple[Module, ...]

    def at(self, address: int) -> Module | None:
        """Return the module at an address, None where no pack stands behind it."""
        return next((module for module in self.modules if module.address == address), None)

    @property
    def fresh(self) -> bool:
        """Whether measured values may be told."""
        return self.view.voltage_v is not None and self.view.current_a is not None


def told(state: BankState, view: BatteryView, persona: Persona) -> Told:
    """Return the bank as modules at addresses."""
    online, addresses = state.online, persona.addresses
    parts: list[tuple[PackState, ...]]
    if len(addresses) == 1:
        parts = [online]
    elif online:
        parts = [(pack,) for pack in online[: len(addresses)]]
    else:
        parts = [() for _ in addresses]
    modules = tuple(
        Module(address=address, packs=part, sharing=len(parts))
        for address, part in zip(addresses, parts, strict=False)
    )
    return Told(state=state, view=view, persona=persona, modules=modules)


# -- commands for one module -----------------------------------------------------------------


def _analog(bank: Told, module: Module) -> dict[str, Any]:
    """Return one block of 42H; the cells are those of one pack, the rest is the module's."""
    shown, view = face(module.packs), bank.view
    reading = None if shown is None else shown.reading
    block: dict[str, Any] = {
        "cells_V": list(reading.cell_voltages_v) if reading else [],
        "temperatures_C": list(sensors_of(reading)) if reading else [],
        "user_items": 4,
    }
    if module.sharing > 1 and shown is not None and reading is not None:
        return block | {
            "current_A": _known(reading.current_a),
            "voltage_V": _known(reading.voltage_v),
            "remaining_Ah": shown.remaining_ah,
            "total_Ah": shown.capacity_ah,
            "cycles": reading.cycles or 0,
        }
    return block | {
        "current_A": view.current_a,
        "voltage_V": view.voltage_v,
        "remaining_Ah": view.remaining_ah,
        "total_Ah": view.capacity_ah,
        "cycles": view.cycles or 0,
    }


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _blocks(bank: Told, asked: int, address: int) -> list[Module]:
    if asked == commands.WHOLE_GROUP:
        return list(bank.modules)
    return [module for module in bank.modules if module.address == address]


def analog(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:
    """Return 42H for one module, or with `FF` for all of the group."""
    blocks = [_analog(bank, module) for module in _blocks(bank, asked, address)]
    if any(block["current_A"] is None or block["voltage_V"] is None for block in blocks):
        return None
    return {
        "info_flag": 0,
        "command_value": len(blocks) if asked == commands.WHOLE_GROUP else asked,
        "modules": blocks,
    }


def alarms(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:
    """Return 44H for one module, or with `FF` for all of the group."""
    blocks = [
        alarm_block(module.packs, bank.view, whole_bank=module.sharing == 1)
        for module in _blocks(bank, asked, address)
    ]
    count = len(blocks) if asked == commands.WHOLE_GROUP else asked
    return {"info_flag": 0, "command_value": count, "modules": blocks}


def _share(limit_a: float, module: Module) -> float:
    """Return a module's share of a limit in A, rounded down to 0.1 A."""
    return limit_a if module.sharing == 1 else math.floor(limit_a * 10 / module.sharing) / 10


def management(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:
    """Return 92H: the limits of one module, the discharge limit negative."""
    module, view = bank.at(address), bank.view
    assert module is not None
    ccl_a, dcl_a = _share(view.ccl_a, module), _share(view.dcl_a, module)
    return {
        "command_value": asked,
        "charge_voltage_limit_V": view.cvl_v,
        "discharge_voltage_limit_V": view.dvl_v,
        "charge_current_limit_A": ccl_a,
        "discharge_current_limit_A": -dcl_a,
        "charge_enable": ccl_a > 0,
        "discharge_enable": dcl_a > 0,
        "charge_immediately_1": view.force_charge or view.force_charge_urgent,
        "charge_immediately_2": view.force_charge_urgent,
        "full_charge_request": False,
    }


def parameters(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:  # noqa: ARG001
    """Return 47H. Currents and module voltages are the present limits, never more."""
    module, view = bank.at(address), bank.view
    assert module is not None
    readings = [pack.reading for pack in module.packs if pack.reading is not None]
    cells = max((len(reading.cell_voltages_v) for reading in readings), default=0)
    settings = [reading.settings for reading in readings if reading.settings is not None]

    def tightest(name: str, pick: Callable[[list[float]], float], otherwise: float) -> float:
        known = [s[name] for s in settings if s.get(name) is not None]
        return pick(known) if known else otherwise

    if not cells:
        return None
    high_v, low_v = view.cvl_v / cells, view.dvl_v / cells
    return {
        "info_flag": 0,
        "cell_high_voltage_limit_V": tightest("cell_overvoltage_v", min, high_v),
        "cell_low_voltage_alarm_V": low_v,
        "cell_under_voltage_protect_V": tightest("cell_undervoltage_v", max, low_v),
        "charge_high_temperature_C": tightest("charge_overtemperature_c", min, _CHARGE_C[0]),
        "charge_low_temperature_C": tightest("charge_undertemperature_c", max, _CHARGE_C[1]),
        "charge_current_limit_A": _share(view.ccl_a, module),
        "module_high_voltage_V": view.cvl_v,
        "module_low_voltage_alarm_V": view.dvl_v,
        "module_under_voltage_protect_V": view.dvl_v,
        "discharge_high_temperature_C": tightest(
            "discharge_overtemperature_c", min, _DISCHARGE_C[0]
        ),
        "discharge_low_temperature_C": tightest(
            "discharge_undertemperature_c", max, _DISCHARGE_C[1]
        ),
        "discharge_current_limit_A": -_share(view.dcl_a, module),
    }


def _serial(module: Module, bank: Told) -> str:
    for pack in module.packs:
        identity = pack.identity
        return (identity.serial_number if identity else None) or pack.pack
    return bank.state.name


def serial(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:
    """Return 93H: the serial number of the pack, its name where it has none."""
    module = bank.at(address)
    assert module is not None
    return {"command_value": asked, "serial_number": _serial(module, bank)}


def software(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:  # noqa: ARG001
    """Return 96H."""
    version = bank.persona.software_version
    return {"command_value": asked, "maker_version": version, "mainline_version": version}


def version(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:  # noqa: ARG001
    """Return 4FH: nothing; the version stands in the header."""
    return {}


def maker(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:  # noqa: ARG001
    """Return 51H."""
    persona = bank.persona
    return {
        "device_name": persona.device_name,
        "software_version": persona.software_version,
        "manufacturer": persona.manufacturer,
    }


# -- commands for the group, answered by the master -------------------------------------------


def basics(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:
    """Return 60H."""
    serials = [_serial(module, bank) for module in bank.modules]
    return {**(maker(bank, asked, address) or {}), "serial_numbers": serials}


def _extremes(values: list[tuple[float, str]], what: str) -> dict[str, Any]:
    """Return average, highest and lowest with their modules' addresses; None for no values."""
    high, low = max(values, default=None), min(values, default=None)
    return {
        f"{what}_avg_C": sum(v for v, _ in values) / len(values) if values else None,
        f"{what}_max_C": high[0] if high else None,
        f"{what}_max_addr": high[1] if high else None,
        f"{what}_min_C": low[0] if low else None,
        f"{what}_min_addr": low[1] if low else None,
    }


def system_analog(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:  # noqa: ARG001
    """Return 61H: the bank as a whole; what is not known is told as such."""
    view = bank.view
    where = {p.pack: f"{m.address:04X}" for m in bank.modules for p in m.packs}
    readings = [(p.reading, where[p.pack]) for m in bank.modules for p in m.packs if p.reading]
    cycles = [reading.cycles for reading, _ in readings if reading.cycles is not None]
    soh = [p.soh_percent for m in bank.modules for p in m.packs if p.soh_percent is not None]
    sensors = [(t, at) for r, at in readings for t in r.temperatures_c if t is not None]
    boards = [(r.mos_temperature_c, at) for r, at in readings if r.mos_temperature_c is not None]
    said: dict[str, Any] = {
        "voltage_V": view.voltage_v,
        "current_A": view.current_a,
        "soc_pct": view.soc_percent,
        "cycles_avg": sum(cycles) / len(cycles) if cycles else view.cycles,
        "cycles_max": max(cycles) if cycles else view.cycles,
        "soh_avg_pct": view.soh_percent,
        "soh_min_pct": min(soh, default=view.soh_percent),
        **_extremes(sensors, "cell_temp"),
        **_extremes(boards, "mos_temp"),
        **_extremes([], "bms_temp"),
    }
    if not sensors:
        said["cell_temp_avg_C"] = view.temperature_c
    for side, extreme in (("max", view.cell_max), ("min", view.cell_min)):
        said[f"cell_voltage_{side}_V"] = None if extreme is None else extreme.voltage_v
        said[f"cell_voltage_{side}_addr"] = None if extreme is None else where.get(extreme.pack)
    return said


def system_alarms(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:  # noqa: ARG001
    """Return 62H."""
    return {"flags_set": system_flags(bank.view)}


def system_limits(bank: Told, asked: int, address: int) -> Mapping[str, Any] | None:  # noqa: ARG001
    """Return 63H: the limits of the bank, both currents positive."""
    view = bank.view
    return {
        "charge_voltage_limit_V": view.cvl_v,
        "discharge_voltage_limit_V": view.dvl_v,
        "charge_current_limit_A": view.ccl_a,
        "discharge_current_limit_A": view.dcl_a,
        "charge_enable": view.charge_enabled,
        "discharge_enable": view.discharge_enabled,
        "charge_immediately": view.force_charge or view.force_charge_urgent,
        "full_charge_request": False,
    }
