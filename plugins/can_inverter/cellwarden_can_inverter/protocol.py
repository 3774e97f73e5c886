"""A dialect by hand: `cellwarden decode pylontech_lv` and `cellwarden encode pylontech_lv`.

`encode` builds a bank state from the description and tells it exactly as the output would, so
what is printed is what an inverter would get.
"""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden.links.can_frame import CanFrame, parse_frame
from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    CellExtreme,
    Limit,
    Limits,
    PackPhase,
    PackState,
    Reason,
    SensorExtreme,
    Severity,
)
from cellwarden_can_inverter.frames import Dialect, decode
from cellwarden_can_inverter.view import Manners, view_of

REQUIRED = ("cvl_V", "ccl_A", "dcl_A", "charge_allowed", "discharge_allowed")
NUMBERS = (
    "cvl_V",
    "ccl_A",
    "dcl_A",
    "dvl_V",
    "pack_voltage_V",
    "pack_current_A",
    "temperature_C",
    "soc_pct",
    "soh_pct",
    "data_age_s",
    "cell_voltage_min_V",
    "cell_voltage_max_V",
    "cell_temperature_min_C",
    "cell_temperature_max_C",
    "installed_capacity_Ah",
    "full_capacity_Ah",
    "remaining_capacity_Ah",
    "cycle_count",
)
"""Null means unknown. What a dialect has no place for is checked and not told."""
SWITCHES = ("charge_allowed", "discharge_allowed")
CONDITIONS = ("protections", "alarms")
FIELDS = (*NUMBERS, *SWITCHES, *CONDITIONS, "modules_online")

_HOT = (AlarmKind.DISCHARGE_OVERTEMPERATURE, AlarmKind.CHARGE_OVERTEMPERATURE)
_COLD = (AlarmKind.DISCHARGE_UNDERTEMPERATURE, AlarmKind.CHARGE_UNDERTEMPERATURE)

ALARM_NAMES: dict[str, tuple[AlarmKind, ...]] = {
    "cell_over_voltage": (AlarmKind.CELL_OVERVOLTAGE,),
    "cell_high_voltage": (AlarmKind.CELL_OVERVOLTAGE,),
    "over_voltage": (AlarmKind.PACK_OVERVOLTAGE,),
    "high_voltage": (AlarmKind.PACK_OVERVOLTAGE,),
    "cell_under_voltage": (AlarmKind.CELL_UNDERVOLTAGE,),
    "cell_low_voltage": (AlarmKind.CELL_UNDERVOLTAGE,),
    "under_voltage": (AlarmKind.PACK_UNDERVOLTAGE,),
    "low_voltage": (AlarmKind.PACK_UNDERVOLTAGE,),
    "over_temperature": _HOT,
    "high_temperature": _HOT,
    "under_temperature": _COLD,
    "low_temperature": _COLD,
    "charge_over_temperature": (AlarmKind.CHARGE_OVERTEMPERATURE,),
    "charge_under_temperature": (AlarmKind.CHARGE_UNDERTEMPERATURE,),
    "discharge_over_temperature": (AlarmKind.DISCHARGE_OVERTEMPERATURE,),
    "discharge_under_temperature": (AlarmKind.DISCHARGE_UNDERTEMPERATURE,),
    "mos_over_temperature": (AlarmKind.MOS_OVERTEMPERATURE,),
    "charge_over_current": (AlarmKind.CHARGE_OVERCURRENT,),
    "charge_high_current": (AlarmKind.CHARGE_OVERCURRENT,),
    "discharge_over_current": (AlarmKind.DISCHARGE_OVERCURRENT,),
    "discharge_high_current": (AlarmKind.DISCHARGE_OVERCURRENT,),
    "short_circuit": (AlarmKind.SHORT_CIRCUIT,),
    "cell_imbalance": (AlarmKind.CELL_DIFFERENCE,),
    "system_error": (AlarmKind.BMS_INTERNAL,),
    "bms_internal": (AlarmKind.BMS_INTERNAL,),
    "internal_comm_fail": (AlarmKind.BMS_LOST,),
}
"""What `protections` and `alarms` may hold, in either list: it is the list that says how bad."""


class CanDialectProtocol:
    """Decodes and encodes one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def decode(
        self,
        chunks: Sequence[str],
        *,
        request: bytes | None = None,  # noqa: ARG002  # CAN has no requests to remember
        variant: str | None = None,  # noqa: ARG002  # a dialect is its own variant
    ) -> list[dict[str, object]]:
        """Return what each line says: `can_id`, `extended` and the signals, units in the names.

        A line is `351#1402E803...`, or as candump prints or logs it. FrameError, with its `kind`,
        for the first one that is wrong.
        """
        return [self._decode(parse_frame(line)) for line in chunks if line.strip()]

    def encode(self, state: Mapping[str, object]) -> list[dict[str, object]]:
        """Return the frames for a state, in the order sent; none once the data are too old.

        ConfigError lists every mistake in the state. CommandRefused where no charge voltage can be
        told: neither a sane limit nor a pack voltage is known.
        """
        bank = bank_state(state)
        age_s = bank.data_age_s or 0.0
        manners = Manners(
            manufacturer=self._dialect.manufacturer, lowest_cvl_v=self._dialect.lowest_cvl_v
        )
        view = view_of(bank, age_s, manners)
        if view is None and age_s <= manners.gone_after_s:
            raise CommandRefused(
                "no charge voltage is known: cvl_V and pack_voltage_V say nothing, or less than"
                f" {manners.lowest_cvl_v:g} V"
            )
        return [
            {
                "can_id": _id_text(frame),
                "extended": frame.extended,
                "data_hex": frame.data.hex().upper(),
            }
            for frame in (self._dialect.encode(view) if view is not None else ())
        ]

    def _decode(self, frame: CanFrame) -> dict[str, object]:
        known = self._dialect.find(frame.can_id, extended=frame.extended)
        if known is None:
            hint = ""
            if frame.extended and self._dialect.find(frame.can_id, extended=False):
                hint = ": inverters ignore it with a 29-bit identifier"
            elif self._dialect.extended and not frame.extended:
                hint = ": its identifiers have 29 bits, written with eight digits"
            raise FrameError(
                "unknown_frame_type",
                f"{_id_text(frame)} is no frame of {self._dialect.name}{hint}",
            )
        return {
            "can_id": _id_text(frame),
            "extended": frame.extended,
            **decode(known, frame.data),
        }


def bank_state(state: Mapping[str, object]) -> BankState:
    """Return the bank that a description means; ConfigError with every mistake in it."""
    problems = _problems(state)
    if problems:
        raise ConfigError(problems)
    number = {name: _number(state.get(name)) for name in NUMBERS}
    modules = state.get("modules_online", 1)
    assert isinstance(modules, int)
    limits = Limits(
        charge_voltage=_limit(number["cvl_V"]),
        charge_current=_limit(number["ccl_A"]),
        discharge_current=_limit(number["dcl_A"]),
        discharge_voltage=_limit(number["dvl_V"]),
    )
    charge, discharge = bool(state["charge_allowed"]), bool(state["discharge_allowed"])
    pack = PackState(
        pack="pack",
        at_s=0.0,
        phase=PackPhase.ONLINE,
        reading=None,
        age_s=None,
        limits=limits,
        charge_allowed=charge,
        discharge_allowed=discharge,
    )
    return BankState(
        name="bank",
        at_s=0.0,
        phase=BankPhase.LIVE,
        packs=(pack,) * modules,
        limits=limits,
        charge_allowed=charge,
        discharge_allowed=discharge,
        alarms=(
            *_alarms(state.get("protections", ()), Severity.PROTECTION),
            *_alarms(state.get("alarms", ()), Severity.WARNING),
        ),
        data_age_s=number["data_age_s"],
        voltage_v=number["pack_voltage_V"],
        current_a=number["pack_current_A"],
        temperature_c=number["temperature_C"],
        soc_percent=number["soc_pct"],
        soh_percent=number["soh_pct"],
        cell_min=_cell(number["cell_voltage_min_V"]),
        cell_max=_cell(number["cell_voltage_max_V"]),
        temperature_min=_sensor(number["cell_temperature_min_C"]),
        temperature_max=_sensor(number["cell_temperature_max_C"]),
        installed_ah=number["installed_capacity_Ah"],
        capacity_ah=number["full_capacity_Ah"],
        remaining_ah=number["remaining_capacity_Ah"],
        cycles=None if number["cycle_count"] is None else round(number["cycle_count"]),
    )


def _cell(voltage_v: float | None) -> CellExtreme | None:
    """Return an extreme; a description does not say which cell it is, so the first one."""
    return None if voltage_v is None else CellExtreme(pack="pack", cell=1, voltage_v=voltage_v)


def _sensor(temperature_c: float | None) -> SensorExtreme | None:
    if temperature_c is None:
        return None
    return SensorExtreme(pack="pack", sensor="T1", temperature_c=temperature_c)


def _problems(state: Mapping[str, object]) -> list[str]:
    problems = [f"{name} is missing" for name in REQUIRED if name not in state]
    for name, value in state.items():
        if name not in FIELDS:
            problems.append(f"{name} is not known{_nearest(name, FIELDS)}")
        elif name in NUMBERS:
            if value is not None and _number(value) is None:
                problems.append(f"{name} = {value!r} must be a number, or null for unknown")
            elif name == "data_age_s" and isinstance(value, int | float) and value < 0:
                problems.append(f"{name} = {value} must be 0 or more")
        elif name in SWITCHES:
            if not isinstance(value, bool):
                problems.append(f"{name} = {value!r} must be true or false")
        elif name in CONDITIONS:
            problems += _condition_problems(name, value)
        elif not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
            problems.append(f"{name} = {value!r} must be a whole number from 0 to 255")
    return problems


def _condition_problems(name: str, value: object) -> list[str]:
    if not isinstance(value, list | tuple):
        return [f"{name} = {value!r} must be a list of names"]
    return [
        f"{name}: {entry!r} is not known{_nearest(str(entry), ALARM_NAMES)}; there are"
        f" {', '.join(ALARM_NAMES)}"
        for entry in value
        if entry not in ALARM_NAMES
    ]


def _nearest(name: str, names: Any) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f", did you mean {near[0]}?" if near else ""


def _number(value: object) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _limit(value: float | None) -> Limit:
    """Return a limit; NaN, which the view refuses, where nothing is known."""
    told = math.nan if value is None else value
    return Limit(value=told, reasons=(Reason(rule="as given", value=told),))


def _alarms(names: Any, severity: Severity) -> list[Alarm]:
    return [
        Alarm(kind=kind, severity=severity, pack="pack", since_s=0.0)
        for name in names
        for kind in ALARM_NAMES[name]
    ]


def _id_text(frame: CanFrame) -> str:
    return f"0x{frame.can_id:08X}" if frame.extended else f"0x{frame.can_id:03X}"
