"""Where the value of an entity comes from: small pure functions over a bank's or a pack's state.

None means unknown; nothing here rounds or formats numbers.
"""

from collections.abc import Callable

from cellwarden.model import (
    AlarmKind,
    BankState,
    CellExtreme,
    Limit,
    PackPhase,
    PackState,
    SensorExtreme,
    Severity,
)
from cellwarden_homeassistant.entity import Value, View

State = BankState | PackState

CHARGING_ABOVE_A = 0.5
"""More than a shunt at rest reads: from here on a bank or pack shows as charging."""


def read(field: str) -> Callable[[PackState], Value]:
    """Return a getter of one field of the believed reading."""

    def get(pack: PackState) -> Value:
        value: Value = None if pack.reading is None else getattr(pack.reading, field)
        return value

    return get


def item(field: str, index: int, factor: float = 1.0) -> Callable[[PackState], Value]:
    """Return a getter of one element, times a factor, of a tuple of the believed reading."""

    def get(pack: PackState) -> Value:
        reading = pack.reading
        values: tuple[float | None, ...] = () if reading is None else getattr(reading, field)
        value = values[index] if index < len(values) else None
        return None if value is None else value * factor

    return get


def current_a(state: State) -> float | None:
    """Return the current in A, positive while charging."""
    if isinstance(state, BankState):
        return state.current_a
    return None if state.reading is None else state.reading.current_a


def charging(state: State) -> Value:
    """Return whether it is being charged now."""
    amps = current_a(state)
    return None if amps is None else amps > CHARGING_ABOVE_A


def charging_power_w(state: State) -> Value:
    """Return the power into the battery in W, 0 while it gives."""
    return None if state.power_w is None else max(state.power_w, 0.0)


def discharging_power_w(state: State) -> Value:
    """Return the power out of the battery in W, 0 while it takes."""
    return None if state.power_w is None else max(-state.power_w, 0.0)


def bank_energy_kwh(name: str) -> Callable[[View], Value]:
    """Return a getter of the bank's `charged_wh` or `discharged_wh` in kWh."""

    def get(view: View) -> Value:
        energy_wh: float | None = getattr(view, name)
        return None if energy_wh is None else energy_wh / 1000

    return get


def heating(pack: PackState) -> Value:
    """Return whether the heater runs, by the BMS or by whatever switches it."""
    if pack.heating is not None and pack.heating.active is not None:
        return pack.heating.active
    return None if pack.reading is None else pack.reading.heating


def cell_voltage(which: str) -> Callable[[State], Value]:
    """Return a getter of the voltage in V of `cell_min` or `cell_max`."""

    def get(state: State) -> Value:
        extreme: CellExtreme | None = getattr(state, which)
        return None if extreme is None else extreme.voltage_v

    return get


def cell_number(which: str) -> Callable[[PackState], Value]:
    """Return a getter of the number of `cell_min` or `cell_max`, from 1."""

    def get(pack: PackState) -> Value:
        extreme: CellExtreme | None = getattr(pack, which)
        return None if extreme is None else extreme.cell

    return get


def cell_place(which: str) -> Callable[[BankState], Value]:
    """Return a getter of pack and number of `cell_min` or `cell_max`."""

    def get(bank: BankState) -> Value:
        extreme: CellExtreme | None = getattr(bank, which)
        return None if extreme is None else f"{extreme.pack}, cell {extreme.cell}"

    return get


def cell_difference_mv(state: State) -> Value:
    """Return highest minus lowest cell in mV."""
    if state.cell_min is None or state.cell_max is None:
        return None
    return (state.cell_max.voltage_v - state.cell_min.voltage_v) * 1000


def temperature(which: str) -> Callable[[State], Value]:
    """Return a getter of the °C of `temperature_min` or `temperature_max`."""

    def get(state: State) -> Value:
        extreme: SensorExtreme | None = getattr(state, which)
        return None if extreme is None else extreme.temperature_c

    return get


def limit_value(which: str) -> Callable[[State], Value]:
    """Return a getter of a limit's value; None while nobody has decided one."""

    def get(state: State) -> Value:
        limit: Limit | None = None if state.limits is None else getattr(state.limits, which)
        return None if limit is None else limit.value

    return get


def limit_reason(which: str) -> Callable[[State], Value]:
    """Return a getter of the rule that set a limit, as a sentence."""

    def get(state: State) -> Value:
        limit: Limit | None = None if state.limits is None else getattr(state.limits, which)
        return None if limit is None else limit.binding.text

    return get


def alarm_text(state: State) -> Value:
    """Return every alarm in one line, `none` if there is none."""
    return "; ".join(alarm.text for alarm in state.alarms) or "none"


def problem(state: State) -> Value:
    """Return whether there is any alarm."""
    return bool(state.alarms)


def protecting(state: State) -> Value:
    """Return whether a protection acted."""
    return any(alarm.severity is Severity.PROTECTION for alarm in state.alarms)


def has_alarm(kind: AlarmKind) -> Callable[[State], Value]:
    """Return a getter of whether there is an alarm of that kind."""
    return lambda state: any(alarm.kind is kind for alarm in state.alarms)


def reachable(pack: PackState) -> Value:
    """Return whether the BMS answers."""
    return pack.phase is PackPhase.ONLINE


def answered_percent(pack: PackState) -> Value:
    """Return how many polls were answered since the start, in %."""
    link = pack.link
    return None if link is None or not link.asked else 100 * link.answered / link.asked


def bad_frames(pack: PackState) -> Value:
    """Return how many frames were refused since the start."""
    return None if pack.link is None else pack.link.bad


def link_error(pack: PackState) -> Value:
    """Return the last error of the link, `none` if there was none."""
    return None if pack.link is None else pack.link.last_error or "none"


def runtime_h(pack: PackState) -> Value:
    """Return the hours that the BMS says it has been running."""
    seconds = None if pack.reading is None else pack.reading.runtime_s
    return None if seconds is None else seconds / 3600


def alarm_word(pack: PackState) -> Value:
    """Return the alarm bits as the BMS sent them, as hexadecimal text."""
    bits = None if pack.reading is None else pack.reading.alarm_bits
    return None if bits is None else f"0x{bits:04X}"


def notices(pack: PackState) -> Value:
    """Return what the BMS says besides alarms, `none` if that is nothing."""
    return None if pack.reading is None else "; ".join(pack.reading.notices) or "none"


def last_log_line(pack: PackState) -> Value:
    """Return the newest line of the logbook that the BMS keeps; None where it keeps none."""
    if pack.reading is None or not pack.reading.logbook:
        return None
    entry = pack.reading.logbook[0]
    return f"{entry.text}, after {entry.runtime_s / 3600:.1f} h of running"


def not_believed(pack: PackState) -> Value:
    """Return the values in quarantine and why, `none` if all are believed."""
    return "; ".join(f"{q.what} {q.value}: {q.why}" for q in pack.quarantined) or "none"


def lost_packs(bank: BankState) -> Value:
    """Return the names of the packs that went silent, `none` if all answer."""
    return ", ".join(pack.pack for pack in bank.lost) or "none"
