"""How fast the bank's limits move: down at once, up slowly, the charge voltage slowest of all."""

from cellwarden.engine.limits import RISE_A_PER_S, RISE_CVL_V_PER_S, RISE_PART_PER_S
from cellwarden.engine.ramp import FIRST_STEP_A, RISING
from cellwarden.model import Limit, Limits, Reason


def risen(before: Limits | None, wish: Limits, passed_s: float, packs: int) -> Limits:
    """Return the limits: what the packs allow, rising no faster than a bank of its size may."""
    charge = _current(before.charge_current if before else None, wish.charge_current, passed_s,
                      packs)  # fmt: skip
    discharge = _current(
        before.discharge_current if before else None, wish.discharge_current, passed_s, packs
    )
    voltage = wish.charge_voltage
    if before is not None:
        voltage = _limited(before.charge_voltage, voltage, RISE_CVL_V_PER_S * passed_s)
        if (
            charge is before.charge_current
            and discharge is before.discharge_current
            and voltage is before.charge_voltage
            and wish.discharge_voltage is before.discharge_voltage
        ):
            return before
    return Limits(
        charge_voltage=voltage,
        charge_current=charge,
        discharge_current=discharge,
        discharge_voltage=wish.discharge_voltage,
    )


def _current(before: Limit | None, wish: Limit, passed_s: float, packs: int) -> Limit:
    per_s = max(RISE_A_PER_S * packs, RISE_PART_PER_S * wish.value)
    rise_a = per_s * passed_s
    if before is None or before.value == 0.0:
        rise_a = max(rise_a, FIRST_STEP_A) if passed_s else 0.0
    return _limited(before or _ZERO, wish, rise_a)


_ZERO = Limit(value=0.0, reasons=(Reason(rule=RISING, value=0.0),))


def _limited(before: Limit, wish: Limit, rise: float) -> Limit:
    value = before.value + rise
    if wish.value <= value:
        return wish
    return Limit(value=value, reasons=(Reason(rule=RISING, value=value), *wish.reasons))
