"""How each published value is found in the bank's state. Pure; used by the table in `paths`."""

from collections.abc import Callable, Container, Iterable
from math import inf

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
    Standing,
)

Value = float | int | str | None
"""What an item holds; None is Venus' invalid marker."""
Read = Callable[[BankState], Value]
ReadPack = Callable[[PackState], Value]

IDLE_W = 30.0
"""Below this power either way Venus calls a battery idle."""
LONGEST_TIME_TO_GO_S = 6_553_500
"""What Modbus can carry: 65535 counts of 100 s."""

LOWEST_CVL_V = 1.0
"""What is below is no charge voltage: two cells of the lowest kind, LTO, have more than 4 V."""

RUNNING, ERROR, SHUTDOWN = 9, 10, 12
"""Values of `/State`."""


# -- limits ----------------------------------------------------------------------------------


def charge_voltage_v(state: BankState) -> Value:
    """Return the CVL; invalid rather than 0, which Venus would hand on to every charger."""
    if state.limits is None or not LOWEST_CVL_V <= state.limits.cvl_v < inf:
        return None
    return state.limits.cvl_v


def discharge_voltage_v(state: BankState) -> Value:
    """Return the lowest voltage to discharge to."""
    return state.limits.dvl_v if state.limits else None


def charge_current_a(state: BankState) -> Value:
    """Return the CCL; a blocked direction is 0, never invalid: to Venus that means "no limit"."""
    if state.limits is None or not charge_allowed(state):
        return 0.0
    return _current(state.limits.ccl_a)


def discharge_current_a(state: BankState) -> Value:
    """Return the DCL, likewise."""
    if state.limits is None or not discharge_allowed(state):
        return 0.0
    return _current(state.limits.dcl_a)


def _current(limit_a: float) -> float:
    return limit_a if 0 < limit_a < inf else 0.0  # a NaN is not between them either


def charge_allowed(state: BankState) -> int:
    """Return 1 if the bank may be charged. A bank that is not live never may, whatever it says."""
    return int(state.charge_allowed and state.phase is BankPhase.LIVE)


def discharge_allowed(state: BankState) -> int:
    """Return 1 if the bank may be discharged, likewise."""
    return int(state.discharge_allowed and state.phase is BankPhase.LIVE)


def charge_cell_voltage_v(state: BankState) -> Value:
    """Return the CVL for each cell; invalid where the packs differ in their cells."""
    voltage_v, cells = charge_voltage_v(state), cells_per_battery(state)
    if not isinstance(voltage_v, float) or not isinstance(cells, int) or cells == 0:
        return None
    return voltage_v / cells


def reason_of(pick: Callable[[Limits], Limit]) -> Read:
    """Name the binding rule, without what it measured: that changes with every sample."""

    def read(state: BankState) -> Value:
        return None if state.limits is None else _rule(pick(state.limits).binding)

    return read


def chain_of(pick: Callable[[Limits], Limit]) -> Read:
    """Name every rule that had a say, the binding one first."""

    def read(state: BankState) -> Value:
        if state.limits is None:
            return None
        return "; ".join(dict.fromkeys(_rule(reason) for reason in pick(state.limits).reasons))

    return read


def _rule(reason: Reason) -> str:
    text = f"{reason.pack}: {reason.rule}" if reason.pack else reason.rule
    return f"{text}, {reason.source}" if reason.source else text


_binding_of_cvl = reason_of(lambda limits: limits.charge_voltage)


def charge_mode(state: BankState) -> Value:
    """`absorption: charge voltage`: the phase, where it is known, and what sets the CVL."""
    rule = _binding_of_cvl(state)
    if state.charge_phase is None:
        return rule
    phase = state.charge_phase.value
    return phase if rule is None else f"{phase}: {rule}"


_EMPTY = frozenset({AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.PACK_UNDERVOLTAGE, AlarmKind.SHUTDOWN})


def charge_request(state: BankState) -> Value:
    """1 while the bank must be charged, from the grid if need be, before it is damaged."""
    empty = any(
        a.kind in _EMPTY and a.severity is Severity.PROTECTION and a.blocks_discharge
        for a in state.alarms
    )
    return int(empty and bool(charge_allowed(state)))


def full_charge_request(state: BankState) -> Value:
    """1 while a full charge is asked for."""
    return int(state.orders.full_charge is not None)


# -- measurements ----------------------------------------------------------------------------


def consumed_ah(state: BankState) -> Value:
    """Return what is missing to full, 0 or negative: Modbus cannot carry a positive number."""
    if state.capacity_ah is None or state.remaining_ah is None:
        return None
    return min(0.0, state.remaining_ah - state.capacity_ah)


def time_to_go_s(state: BankState) -> Value:
    """Return whole minutes in s, as predicted or from the charge left; invalid unless discharging.

    Whole tens of minutes beyond two hours: no prediction is better than that.
    """
    power, current, remaining = state.power_w, state.current_a, state.remaining_ah
    if power is None or current is None or power > -IDLE_W or current >= 0:
        return None
    predicted = None if state.prediction is None else state.prediction.time_to_empty_s
    if predicted is not None:
        seconds = predicted.value
    elif remaining is not None:
        seconds = remaining / -current * 3600
    else:
        return None
    if not 0 <= seconds <= LONGEST_TIME_TO_GO_S:
        return None
    grain_s = 60 if seconds < 7200 else 600
    return round(seconds / grain_s) * grain_s


def readings(state: BankState, field: str) -> list[float]:
    """Return what the packs in use read in one field, where they know it."""
    values = (getattr(p.reading, field) for p in state.packs if p.reading is not None)
    return [value for value in values if value is not None]


def any_pack(field: str) -> Read:
    """1 if any pack says so, 0 if none does, invalid if none knows."""

    def read(state: BankState) -> Value:
        known = readings(state, field)
        return int(any(known)) if known else None

    return read


def warmest_mos_c(state: BankState) -> Value:
    """Return the highest MOSFET temperature."""
    return max(readings(state, "mos_temperature_c"), default=None)


# -- extremes --------------------------------------------------------------------------------


def voltage_v(extreme: Callable[[BankState], CellExtreme | None]) -> Read:
    """Return an extreme cell's voltage."""

    def read(state: BankState) -> Value:
        cell = extreme(state)
        return None if cell is None else cell.voltage_v

    return read


def cell_id(extreme: Callable[[BankState], CellExtreme | None]) -> Read:
    """`C3` in a bank of one pack, `M2C3` in the second of several."""

    def read(state: BankState) -> Value:
        cell = extreme(state)
        return None if cell is None else _place(state, cell.pack, f"C{cell.cell}")

    return read


def temperature_c(extreme: Callable[[BankState], SensorExtreme | None]) -> Read:
    """Return an extreme sensor's temperature."""

    def read(state: BankState) -> Value:
        sensor = extreme(state)
        return None if sensor is None else sensor.temperature_c

    return read


def sensor_id(extreme: Callable[[BankState], SensorExtreme | None]) -> Read:
    """`T1`, or `M2T1` in the second of several packs."""

    def read(state: BankState) -> Value:
        sensor = extreme(state)
        return None if sensor is None else _place(state, sensor.pack, sensor.sensor)

    return read


def _place(state: BankState, pack: str, within: str) -> str:
    if len(state.packs) == 1:
        return within
    for number, member in enumerate(state.packs, start=1):
        if member.pack == pack:
            return f"M{number}{within}"
    return within


def cell_difference_v(state: BankState) -> Value:
    """Return the highest minus the lowest cell of the bank."""
    if state.cell_min is None or state.cell_max is None:
        return None
    return state.cell_max.voltage_v - state.cell_min.voltage_v


# -- packs -----------------------------------------------------------------------------------


def cells_per_battery(state: BankState) -> Value:
    """Return the cells in series, invalid where the packs differ."""
    counts = {len(p.reading.cell_voltages_v) for p in state.packs if p.reading is not None}
    return counts.pop() if len(counts) == 1 else None


def common(field: str) -> Read:
    """Return what all packs that said it agree on, invalid where they differ."""

    def read(state: BankState) -> Value:
        said = {getattr(p.identity, field) for p in state.packs if p.identity is not None}
        said.discard(None)
        return said.pop() if len(said) == 1 else None

    return read


def serial_number(state: BankState) -> Value:
    """Return that of a bank of one: several packs have none together."""
    only = state.packs[0].identity if len(state.packs) == 1 else None
    return None if only is None else only.serial_number


def connection_information(state: BankState) -> Value:
    """`2 of 2 packs`, or `1 of 2 packs, lost: right`, and who else does not carry its part."""
    text = f"{len(state.online)} of {len(state.packs)} packs"
    lost = [p.pack for p in state.lost]
    parts = [text, f"lost: {', '.join(lost)}"] if lost else [text]
    parts += [
        f"{member.pack}: {member.standing.value}"
        for member in state.members
        if member.standing is not Standing.IN and member.pack not in lost
    ]
    return ", ".join(parts)


def standing(index: int) -> Read:
    """Return what part a pack plays, and why."""

    def read(state: BankState) -> Value:
        if index < len(state.members):
            member = state.members[index]
            return ": ".join(filter(None, (member.standing.value, member.why)))
        return state.packs[index].phase.value if index < len(state.packs) else None

    return read


def pack_voltage_v(pack: PackState) -> Value:
    """Return a pack's own voltage."""
    return None if pack.reading is None else pack.reading.voltage_v


def pack_current_a(pack: PackState) -> Value:
    """Return a pack's own current."""
    return None if pack.reading is None else pack.reading.current_a


def venus_state(state: BankState) -> Value:
    """Return `/State`."""
    if state.phase is BankPhase.LIVE:
        return RUNNING
    return SHUTDOWN if state.phase is BankPhase.STOPPING else ERROR


# -- alarms ----------------------------------------------------------------------------------


def worst(alarms: Iterable[Alarm], kinds: Container[AlarmKind]) -> int:
    """0 good, 1 warning, 2 alarm: the worst of these kinds; our severities have these numbers."""
    return max((a.severity.value for a in alarms if a.kind in kinds), default=0)


def alarm_level(*kinds: AlarmKind) -> Read:
    """Return the worst of these kinds in the bank."""
    return lambda state: worst(state.alarms, kinds)


def bms_cable(state: BankState) -> Value:
    """2 when no pack answers, 1 when some do not: a bank that goes on is only warned about."""
    if state.phase in (BankPhase.SILENT, BankPhase.GONE):
        return 2
    return int(bool(state.lost) or any(a.kind is AlarmKind.BMS_LOST for a in state.alarms))


def pack_cable(pack: PackState) -> Value:
    """2 when this pack does not answer."""
    return 2 if pack.phase is PackPhase.LOST else worst(pack.alarms, (AlarmKind.BMS_LOST,))
