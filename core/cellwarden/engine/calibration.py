"""Checks before a calibration is written: a slip of the pen must not become a measurement.

A calibration changes what every protection is judged by, and nobody sees it afterwards. So each
check asks for the circumstances in which the manual allows it (R42, R43), and for a correction that
a sensor can need: 52.31 typed as 5.231 is refused with the number that was probably meant.

Each function takes the newest decisions of one pack, the last one last, and returns why it must not
be done, or None.
"""

import math
from collections.abc import Iterator, Sequence

from cellwarden.model import PackPhase, PackState, Reading

VOLTAGE_PERCENT = 2.0
"""Largest correction of the voltage (R42, ours)."""
CURRENT_PERCENT = 10.0
"""Largest correction of the current (ours): a shunt is off by 1 to 3 %, a slip by far more."""
VOLTAGE_TOTAL_PERCENT = 3.0
CURRENT_TOTAL_PERCENT = 12.0
"""So far all calibrations together may move a board from how it was delivered (ours): a second one
mends the first, a tenth hides a fault."""
LEAST_OF_RANGE = 0.05
"""Part of the range below which a gain cannot be seen (R43, ours)."""
STEADY_PERCENT = 2.0
"""How much a current that is called steady may vary (ours)."""
STEADY_STATES = 3
IDLE_A = 0.5
"""So little current drops nothing that a meter at the terminals would show (ours)."""
ZERO_OF_RANGE = 0.02
"""A zero further out than this is no zero: current flows, or the sensor is broken (ours)."""


def refuse_voltage(true_v: float, states: Sequence[PackState]) -> str | None:
    """Return why the pack voltage must not be calibrated to `true_v`, in V (R42)."""
    return next(_against_voltage(true_v, states), None)


def refuse_current(true_a: float, states: Sequence[PackState], range_a: float) -> str | None:
    """Return why the current must not be calibrated to `true_a`, in A, + = charging (R43).

    `range_a` is the board's continuous current. Needs the states of some seconds: the current
    must be steady.
    """
    return next(_against_current(true_a, states, range_a), None)


def refuse_zero(states: Sequence[PackState], range_a: float) -> str | None:
    """Return why the zero of the current must not be adjusted now (R43)."""
    return next(_against_zero(states, range_a), None)


def refuse_total(
    true: float, shown: float, earlier: Sequence[tuple[float, float]], most_percent: float
) -> str | None:
    """Return why one more calibration would add up to too much with those before it.

    `earlier` are (what was shown, what it was calibrated to) since the board was delivered. A step
    back towards that is always allowed.
    """
    if not shown:
        return None
    before = math.prod(to / was for was, to in earlier if was)
    percent = 100 * (before * true / shown - 1)
    if abs(percent) <= most_percent or abs(percent) <= abs(100 * (before - 1)):
        return None
    return (
        f"with {len(earlier)} calibrations before it this would move the BMS by {percent:+.1f} % "
        f"from how it was delivered; more than {most_percent:g} % in all is a fault of meter or BMS"
    )


def _against_voltage(true_v: float, states: Sequence[PackState]) -> Iterator[str]:
    state = _newest(states)
    if state is None or state.reading is None:
        yield _NO_READING
        return
    reading = state.reading
    if not (math.isfinite(true_v) and true_v > 0):
        yield "enter the pack voltage in V as the meter at the battery terminals shows it"
    yield from _switches_not_off(reading)
    if reading.current_a is None or abs(reading.current_a) > IDLE_A:
        flows = "unknown" if reading.current_a is None else f"{reading.current_a:+.1f} A"
        yield f"the current must be 0 and is {flows}: switch charger and loads off"
    if reading.voltage_v is None:
        yield "the BMS tells no pack voltage to calibrate"
        return
    yield from _too_far(true_v, reading.voltage_v, VOLTAGE_PERCENT, "the BMS shows", "V")
    if state.cell_sum_v is not None:
        yield from _too_far(true_v, state.cell_sum_v, VOLTAGE_PERCENT, "its cells add up to", "V")


def _against_current(true_a: float, states: Sequence[PackState], range_a: float) -> Iterator[str]:
    if _newest(states) is None:
        yield _NO_READING
    if not math.isfinite(true_a):
        yield "enter the pack current in A as the meter shows it, - while discharging"
    shown = [s.reading.current_a for s in states if s.reading is not None]
    known = [current_a for current_a in shown if current_a is not None]
    if len(known) < STEADY_STATES or len(known) < len(states):
        yield f"watch the current for {STEADY_STATES} readings or more first"
        return
    mean_a = sum(known) / len(known)
    least_a = LEAST_OF_RANGE * range_a
    if min(abs(true_a), abs(mean_a)) < least_a:
        yield (
            f"at least {least_a:.1f} A must flow, {100 * LEAST_OF_RANGE:.0f} % of the range; "
            f"the BMS shows {mean_a:.1f} A. For a current that should be 0, adjust the zero"
        )
    if max(known) - min(known) > 0.01 * STEADY_PERCENT * abs(mean_a):
        yield f"the current must be steady: it went from {min(known):.1f} to {max(known):.1f} A"
    if true_a * mean_a < 0:
        yield (
            f"{true_a:+.1f} A has the other sign than the {mean_a:+.1f} A that the BMS shows; "
            "charging is positive"
        )
    yield from _too_far(true_a, mean_a, CURRENT_PERCENT, "the BMS shows", "A")


def _against_zero(states: Sequence[PackState], range_a: float) -> Iterator[str]:
    state = _newest(states)
    if state is None or state.reading is None:
        yield _NO_READING
        return
    yield from _switches_not_off(state.reading)
    current_a = state.reading.current_a
    if current_a is None:
        yield "the BMS tells no current"
    elif abs(current_a) > ZERO_OF_RANGE * range_a:
        yield (
            f"{current_a:+.1f} A is more than a zero can be off: current flows although both "
            "switches are open, or the sensor is broken"
        )


_NO_READING = "the pack does not answer: there is nothing to compare with"


def _newest(states: Sequence[PackState]) -> PackState | None:
    if not states or states[-1].phase is not PackPhase.ONLINE:
        return None
    return states[-1]


def _switches_not_off(reading: Reading) -> Iterator[str]:
    """Yield a refusal unless both MOSFETs are known to be off."""
    for name, on in (("charge", reading.charge_fet_on), ("discharge", reading.discharge_fet_on)):
        if on is not False:
            says = "is on" if on else "does not tell whether it is off"
            yield f"the {name} MOSFET {says}: switch charging and discharging off first"


def _too_far(true: float, shown: float, most_percent: float, what: str, unit: str) -> Iterator[str]:
    if shown == 0:
        yield f"{what} 0 {unit}: that is no calibration error"
        return
    percent = 100 * (true / shown - 1)
    if abs(percent) <= most_percent:
        return
    meant = ""
    for factor in (10.0, 0.1, 100.0, 0.01):
        if abs(true * factor / shown - 1) <= 0.01 * most_percent:
            meant = f"; was {true * factor:g} {unit} meant?"
    yield (
        f"{true:g} {unit} is a correction of {percent:+.1f} %, {what} {shown:.2f} {unit}; "
        f"more than {most_percent:g} % is a mistake or a fault{meant}"
    )
