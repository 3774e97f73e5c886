"""Our own map: plain numbers at fixed addresses, for whoever programs a PLC by hand. Pure.

The bank's unit serves 2000..2079; each pack has a unit id of its own that serves 3000..3181. An
address keeps its meaning for good (`map_version` counts additions); what is not known holds the
marker of its type: 65535, 32768 (int16), or both words of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cellwarden.model import (
    Alarm,
    BankState,
    CellExtreme,
    Limit,
    Limits,
    PackPhase,
    PackState,
    SensorExtreme,
    Severity,
)
from cellwarden_modbus.moment import Moment
from cellwarden_modbus.reasons import ALARM_NUMBERS, reason_code
from cellwarden_modbus.registers import Value
from cellwarden_modbus.table import Row, Table

MAP_VERSION = 1
MOST_CELLS = 32
MOST_SENSORS = 8

BANK_START, PACK_START = 2000, 3000
AGES = 3
"""Offset of `decision_age_s` in both maps, `data_age_s` follows: made anew for each request."""
AGE_PER_S = 10
OLDEST = 0xFFFE

_PHASES = {PackPhase.WAITING: 0, PackPhase.ONLINE: 1, PackPhase.LOST: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePack:
    """What a pack's unit shows."""

    moment: Moment
    number: int
    """From 1."""

    @property
    def pack(self) -> PackState:
        """The pack itself."""
        return self.moment.state.packs[self.number - 1]


def _b(read: Callable[[BankState], Value]) -> Callable[[Moment], Value]:
    return lambda moment: read(moment.state)


def _p(read: Callable[[PackState], Value]) -> Callable[[OnePack], Value]:
    return lambda one: read(one.pack)


def _pack_number(state: BankState, name: str | None) -> int:
    """Return a pack's number from 1, 0 for the whole bank."""
    names = [pack.pack for pack in state.packs]
    return names.index(name) + 1 if name in names else 0


def _limit(pick: Callable[[Limits], Limit]) -> Callable[[BankState], Limit | None]:
    return lambda state: pick(state.limits) if state.limits else None


_CVL = _limit(lambda limits: limits.charge_voltage)
_CCL = _limit(lambda limits: limits.charge_current)
_DCL = _limit(lambda limits: limits.discharge_current)
_DVL = _limit(lambda limits: limits.discharge_voltage)


def _code(pick: Callable[[BankState], Limit | None]) -> Callable[[Moment], Value]:
    return _b(lambda state: reason_code(pick(state)))


def _reason_pack(pick: Callable[[BankState], Limit | None]) -> Callable[[Moment], Value]:
    def read(state: BankState) -> Value:
        limit = pick(state)
        return 0 if limit is None else _pack_number(state, limit.binding.pack)

    return _b(read)


def _current(limit: Limit | None, *, allowed: bool) -> float:
    return limit.value if limit is not None and allowed else 0.0


def _volts(limit: Limit | None) -> Value:
    return None if limit is None else limit.value


def _bits(alarms: tuple[Alarm, ...], severity: Severity) -> int:
    word = 0
    for alarm in alarms:
        if alarm.severity is severity:
            word |= 1 << ALARM_NUMBERS[alarm.kind]
    return word


def _cell_v(extreme: CellExtreme | None) -> Value:
    return extreme.voltage_v if extreme else None


def _cell(extreme: CellExtreme | None) -> Value:
    return extreme.cell if extreme else None


def _temperature(extreme: SensorExtreme | None) -> Value:
    return extreme.temperature_c if extreme else None


def _sensor(extreme: SensorExtreme | None) -> Value:
    """Return the number of `T2`."""
    digits = extreme.sensor[1:] if extreme else ""
    return int(digits) if digits.isdecimal() else None


def _where(
    pick: Callable[[BankState], CellExtreme | SensorExtreme | None],
) -> Callable[[Moment], Value]:
    def read(state: BankState) -> Value:
        extreme = pick(state)
        return None if extreme is None else _pack_number(state, extreme.pack)

    return _b(read)


def _switch(pack: PackState, field: str) -> Value:
    on = getattr(pack.reading, field) if pack.reading else None
    return None if on is None else int(on)


def _reading(field: str) -> Callable[[OnePack], Value]:
    def read(one: OnePack) -> Value:
        value = getattr(one.pack.reading, field) if one.pack.reading else None
        return int(value) if isinstance(value, bool) else value

    return read


def _item(field: str, number: int) -> Callable[[OnePack], Value]:
    def read(one: OnePack) -> Value:
        told = getattr(one.pack.reading, field) if one.pack.reading else ()
        return told[number] if number < len(told) else None

    return read


def _every_pack(field: str) -> Callable[[Moment], Value]:
    """1 if it is on in every pack, 0 if it is off in any, unknown otherwise."""

    def read(moment: Moment) -> Value:
        told = [_switch(pack, field) for pack in moment.state.packs]
        if 0 in told:
            return 0
        return None if None in told or not told else 1

    return read


# fmt: off
BANK = Table[Moment]((
    Row(2000, "map_version", "uint16", lambda _: MAP_VERSION),
    Row(2001, "status", "enum16", lambda m: int(m.status)),
    Row(2002, "sequence", "uint16", lambda m: m.sequence % 0xFFFF),
    Row(2003, "decision_age_s", "uint16", lambda _: None, AGE_PER_S, "s"),
    Row(2004, "data_age_s", "uint16", lambda _: None, AGE_PER_S, "s"),
    Row(2005, "packs", "uint16", _b(lambda s: len(s.packs))),
    Row(2006, "packs_online", "uint16", _b(lambda s: len(s.online))),
    Row(2007, "packs_lost", "uint16", _b(lambda s: len(s.lost))),
    Row(2008, "charge_allowed", "uint16", _b(lambda s: int(s.charge_allowed))),
    Row(2009, "discharge_allowed", "uint16", _b(lambda s: int(s.discharge_allowed))),
    Row(2010, "voltage_v", "uint16", _b(lambda s: s.voltage_v), 100, "V"),
    Row(2011, "current_a", "int32", _b(lambda s: s.current_a), 100, "A"),
    Row(2013, "power_w", "int32", _b(lambda s: s.power_w), 1, "W"),
    Row(2015, "soc_percent", "uint16", _b(lambda s: s.soc_percent), 100, "%"),
    Row(2016, "soc_sigma_percent", "uint16", _b(lambda s: s.soc_sigma_percent), 100, "%"),
    Row(2017, "soh_percent", "uint16", _b(lambda s: s.soh_percent), 100, "%"),
    Row(2018, "capacity_ah", "uint32", _b(lambda s: s.capacity_ah), 10, "Ah"),
    Row(2020, "remaining_ah", "uint32", _b(lambda s: s.remaining_ah), 10, "Ah"),
    Row(2022, "installed_ah", "uint32", _b(lambda s: s.installed_ah), 10, "Ah"),
    Row(2024, "temperature_c", "int16", _b(lambda s: s.temperature_c), 10, "°C"),
    Row(2025, "cycles", "uint16", _b(lambda s: s.cycles)),
    Row(2026, "cell_min_v", "uint16", _b(lambda s: _cell_v(s.cell_min)), 1000, "V"),
    Row(2027, "cell_min_pack", "uint16", _where(lambda s: s.cell_min)),
    Row(2028, "cell_min_cell", "uint16", _b(lambda s: _cell(s.cell_min))),
    Row(2029, "cell_max_v", "uint16", _b(lambda s: _cell_v(s.cell_max)), 1000, "V"),
    Row(2030, "cell_max_pack", "uint16", _where(lambda s: s.cell_max)),
    Row(2031, "cell_max_cell", "uint16", _b(lambda s: _cell(s.cell_max))),
    Row(2032, "temperature_min_c", "int16",
        _b(lambda s: _temperature(s.temperature_min)), 10, "°C"),
    Row(2033, "temperature_min_pack", "uint16", _where(lambda s: s.temperature_min)),
    Row(2034, "temperature_min_sensor", "uint16", _b(lambda s: _sensor(s.temperature_min))),
    Row(2035, "temperature_max_c", "int16",
        _b(lambda s: _temperature(s.temperature_max)), 10, "°C"),
    Row(2036, "temperature_max_pack", "uint16", _where(lambda s: s.temperature_max)),
    Row(2037, "temperature_max_sensor", "uint16", _b(lambda s: _sensor(s.temperature_max))),
    Row(2040, "cvl_v", "uint16", _b(lambda s: _volts(_CVL(s))), 100, "V"),
    Row(2041, "ccl_a", "uint16",
        _b(lambda s: _current(_CCL(s), allowed=s.charge_allowed)), 10, "A"),
    Row(2042, "dcl_a", "uint16",
        _b(lambda s: _current(_DCL(s), allowed=s.discharge_allowed)), 10, "A"),
    Row(2043, "dvl_v", "uint16", _b(lambda s: _volts(_DVL(s))), 100, "V"),
    Row(2044, "cvl_reason", "uint16", _code(_CVL)),
    Row(2045, "ccl_reason", "uint16", _code(_CCL)),
    Row(2046, "dcl_reason", "uint16", _code(_DCL)),
    Row(2047, "dvl_reason", "uint16", _code(_DVL)),
    Row(2048, "cvl_reason_pack", "uint16", _reason_pack(_CVL)),
    Row(2049, "ccl_reason_pack", "uint16", _reason_pack(_CCL)),
    Row(2050, "dcl_reason_pack", "uint16", _reason_pack(_DCL)),
    Row(2051, "dvl_reason_pack", "uint16", _reason_pack(_DVL)),
    Row(2052, "warnings", "bitfield32", _b(lambda s: _bits(s.alarms, Severity.WARNING))),
    Row(2054, "protections", "bitfield32", _b(lambda s: _bits(s.alarms, Severity.PROTECTION))),
    Row(2060, "charge_switch", "uint16", _every_pack("charge_switch_on"), writes="charge"),
    Row(2061, "discharge_switch", "uint16", _every_pack("discharge_switch_on"), writes="discharge"),
    Row(2062, "balance_switch", "uint16", _every_pack("balance_switch_on"), writes="balance"),
    Row(2064, "name", "string", _b(lambda s: s.name), words=16),
))

PACK = Table[OnePack]((
    Row(3000, "map_version", "uint16", lambda _: MAP_VERSION),
    Row(3001, "status", "enum16", lambda one: int(one.moment.status)),
    Row(3002, "sequence", "uint16", lambda one: one.moment.sequence % 0xFFFF),
    Row(3003, "decision_age_s", "uint16", lambda _: None, AGE_PER_S, "s"),
    Row(3004, "data_age_s", "uint16", lambda _: None, AGE_PER_S, "s"),
    Row(3005, "number", "uint16", lambda one: one.number),
    Row(3006, "phase", "enum16", _p(lambda p: _PHASES[p.phase])),
    Row(3007, "cells", "uint16",
        _p(lambda p: len(p.reading.cell_voltages_v) if p.reading else None)),
    Row(3008, "charge_allowed", "uint16", _p(lambda p: int(p.charge_allowed))),
    Row(3009, "discharge_allowed", "uint16", _p(lambda p: int(p.discharge_allowed))),
    Row(3010, "voltage_v", "uint16", _reading("voltage_v"), 100, "V"),
    Row(3011, "current_a", "int32", _reading("current_a"), 100, "A"),
    Row(3013, "power_w", "int32", _p(lambda p: p.power_w), 1, "W"),
    Row(3015, "soc_percent", "uint16", _p(lambda p: p.soc_percent), 100, "%"),
    Row(3016, "soc_sigma_percent", "uint16", _p(lambda p: p.soc_sigma_percent), 100, "%"),
    Row(3017, "soh_percent", "uint16", _p(lambda p: p.soh_percent), 100, "%"),
    Row(3018, "capacity_ah", "uint32", _p(lambda p: p.capacity_ah), 10, "Ah"),
    Row(3020, "remaining_ah", "uint32", _p(lambda p: p.remaining_ah), 10, "Ah"),
    Row(3022, "cycle_charge_ah", "uint32", _reading("cycle_charge_ah"), 10, "Ah"),
    Row(3024, "mos_temperature_c", "int16", _reading("mos_temperature_c"), 10, "°C"),
    Row(3025, "cycles", "uint16", _reading("cycles")),
    Row(3026, "cell_min_v", "uint16", _p(lambda p: _cell_v(p.cell_min)), 1000, "V"),
    Row(3027, "cell_min_cell", "uint16", _p(lambda p: _cell(p.cell_min))),
    Row(3028, "cell_max_v", "uint16", _p(lambda p: _cell_v(p.cell_max)), 1000, "V"),
    Row(3029, "cell_max_cell", "uint16", _p(lambda p: _cell(p.cell_max))),
    Row(3030, "charge_fet", "uint16", _reading("charge_fet_on")),
    Row(3031, "discharge_fet", "uint16", _reading("discharge_fet_on")),
    Row(3032, "balancing", "uint16", _reading("balancing")),
    Row(3033, "heating", "uint16", _reading("heating")),
    Row(3034, "balance_current_a", "int16", _reading("balance_current_a"), 100, "A"),
    Row(3040, "cvl_v", "uint16", _p(lambda p: p.limits.cvl_v), 100, "V"),
    Row(3041, "ccl_a", "uint16",
        _p(lambda p: _current(p.limits.charge_current, allowed=p.charge_allowed)), 10, "A"),
    Row(3042, "dcl_a", "uint16",
        _p(lambda p: _current(p.limits.discharge_current, allowed=p.discharge_allowed)), 10, "A"),
    Row(3043, "dvl_v", "uint16", _p(lambda p: p.limits.dvl_v), 100, "V"),
    Row(3044, "cvl_reason", "uint16", _p(lambda p: reason_code(p.limits.charge_voltage))),
    Row(3045, "ccl_reason", "uint16", _p(lambda p: reason_code(p.limits.charge_current))),
    Row(3046, "dcl_reason", "uint16", _p(lambda p: reason_code(p.limits.discharge_current))),
    Row(3047, "dvl_reason", "uint16", _p(lambda p: reason_code(p.limits.discharge_voltage))),
    Row(3052, "warnings", "bitfield32", _p(lambda p: _bits(p.alarms, Severity.WARNING))),
    Row(3054, "protections", "bitfield32", _p(lambda p: _bits(p.alarms, Severity.PROTECTION))),
    Row(3056, "asked", "uint32", _p(lambda p: p.link.asked if p.link else None)),
    Row(3058, "answered", "uint32", _p(lambda p: p.link.answered if p.link else None)),
    Row(3060, "charge_switch", "uint16", _reading("charge_switch_on"), writes="charge"),
    Row(3061, "discharge_switch", "uint16", _reading("discharge_switch_on"), writes="discharge"),
    Row(3062, "balance_switch", "uint16", _reading("balance_switch_on"), writes="balance"),
    Row(3064, "name", "string", _p(lambda p: p.pack), words=16),
    Row(3080, "serial_number", "string",
        _p(lambda p: p.identity.serial_number if p.identity else None), words=16),
    *(Row(3100 + n, f"cell_{n + 1}_v", "uint16", _item("cell_voltages_v", n), 1000, "V")
      for n in range(MOST_CELLS)),
    *(Row(3132 + n, f"temperature_{n + 1}_c", "int16", _item("temperatures_c", n), 10, "°C")
      for n in range(MOST_SENSORS)),
    *(Row(3150 + n, f"wire_{n + 1}_ohm", "uint16", _item("wire_resistances_ohm", n), 10_000, "Ω")
      for n in range(MOST_CELLS)),
))
# fmt: on


def set_ages(words: list[int], decision_age_s: float, data_age_s: float | None) -> None:
    """Write both ages of now into an image of either map; what is older than the field is 65534."""
    for offset, age_s in ((AGES, decision_age_s), (AGES + 1, data_age_s)):
        words[offset] = 0xFFFF if age_s is None else min(max(int(age_s * AGE_PER_S), 0), OLDEST)
