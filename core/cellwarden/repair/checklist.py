"""The checks before and after a pack goes to work (R41), each judged by itself. Pure.

A check looks at what the running controller sees of the pack (`Seen`), at two such moments, or at
what a person answers or reads off a meter. What cannot be seen is never called good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from statistics import median

from cellwarden.model import HardwareModel
from cellwarden.model.catalog import HEATER_POWER_MAX_W, least_film_ohm
from cellwarden.repair.seen import Seen

CELL_V = (1.0, 5.0)
"""Measuring range of a cell in V (R3)."""
METER_PERCENT = 0.5
"""Pack voltage by meter against the sum of the cells (ours: R42 refuses beyond 2 %)."""
CELL_METER_V = 0.005
"""A cell by meter: the board's 3 mV (R3) and the meter's own last digit (ours)."""
WIRE_OHM = 0.150
WIRE_TIMES = 2.0
"""A lead is uneven at this, or at so many times the median (R31)."""
SENSOR_APART_K = 10.0
WARMED_K = 1.0
CURRENT_SEEN_A = 1.0
"""Charging or discharging with a sign that is no offset (ours)."""


class Result(Enum):
    """What a check came to."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "cannot be told"
    SKIPPED = "skipped"


class How(Enum):
    """What a check needs."""

    SEE = "see"
    """Only what the controller sees."""
    ASK = "ask"
    """A yes from a person."""
    MEASURE = "measure"
    """A number from a person."""
    WATCH = "watch"
    """Something is done between two looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One check, done."""

    check: str
    title: str
    result: Result
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a check is given."""

    now: Seen
    before: Seen | None = None
    """For WATCH: before the thing was done."""
    value: float | None = None
    """For MEASURE, in the check's unit."""
    yes: bool | None = None
    board: HardwareModel | None = None


Verdict = tuple[Result, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the list."""

    name: str
    title: str
    how: How
    source: str
    judge: Callable[[Look], Verdict]
    ask: str = ""
    """What a person is told to do or asked."""
    unit: str = ""

    def judged(self, look: Look) -> Judged:
        """Return what it comes to."""
        result, text = self.judge(look)
        return self._as(result, text)

    def skipped(self, why: str) -> Judged:
        """Return it as not done."""
        return self._as(Result.SKIPPED, why)

    def _as(self, result: Result, text: str) -> Judged:
        return Judged(
            check=self.name, title=self.title, result=result, text=text, source=self.source
        )


def _said(good: str, bad: str) -> Callable[[Look], Verdict]:
    """Return the judge of a yes or no."""

    def judge(look: Look) -> Verdict:
        return (Result.GOOD, good) if look.yes else (Result.BAD, bad)

    return judge


def _cells_in_range(look: Look) -> Verdict:
    cells = look.now.cells_v
    if not cells:
        return Result.UNKNOWN, "the BMS tells no cell voltages"
    low, high = CELL_V
    bad = [
        f"cell {n} {'unknown' if v is None else f'{v:.3f} V'}"
        for n, v in enumerate(cells, 1)
        if v is None or not low <= v <= high
    ]
    if bad:
        return Result.BAD, f"outside {low:g}..{high:g} V: {', '.join(bad)}"
    known = [v for v in cells if v is not None]
    return Result.GOOD, f"{len(known)} cells, {min(known):.3f} to {max(known):.3f} V"


def _cell_count(look: Look) -> Verdict:
    told, set_here = len(look.now.cells_v), look.now.cell_count
    device = look.now.settings.get("cell_count")
    if not told or set_here is None:
        return Result.UNKNOWN, "the cell count is not known"
    if told != set_here:
        return Result.BAD, f"the BMS sees {told} cells, the configuration says {set_here}"
    if device is not None and device != told:
        return Result.BAD, f"the BMS is set to {device:g} cells and sees {told}"
    return Result.GOOD, f"{told} cells, as set"


def _sum_by_meter(look: Look) -> Verdict:
    total, metered = look.now.sum_v, look.value
    if total is None or metered is None:
        return Result.UNKNOWN, "the sum of the cells is not known"
    off = 100 * (metered - total) / total
    text = f"meter {metered:.2f} V, sum of the cells {total:.2f} V ({off:+.2f} %)"
    return (Result.GOOD if abs(off) <= METER_PERCENT else Result.BAD), text


def _cell_by_meter(look: Look) -> Verdict:
    if look.value is None or not look.now.cells_v or look.now.cells_v[0] is None:
        return Result.UNKNOWN, "cell 1 is not known"
    off = look.value - look.now.cells_v[0]
    text = f"meter {look.value:.3f} V, BMS {look.now.cells_v[0]:.3f} V ({1000 * off:+.0f} mV)"
    return (Result.GOOD if abs(off) <= CELL_METER_V else Result.BAD), text


def _wires(look: Look) -> Verdict:
    wires = [(n, r) for n, r in enumerate(look.now.wires_ohm, 1) if r]
    if not wires:
        return Result.UNKNOWN, "this BMS does not measure its leads"
    limit = max(WIRE_OHM, WIRE_TIMES * median(r for _, r in wires))
    bad = [f"wire {n} {1000 * r:.0f} mohm" for n, r in wires if r >= limit]
    if bad:
        return Result.BAD, f"at or above {1000 * limit:.0f} mohm: {', '.join(bad)}"
    return Result.GOOD, f"{len(wires)} leads, at most {1000 * max(r for _, r in wires):.0f} mohm"


def _sensors(look: Look) -> Verdict:
    known = [t for t in look.now.temperatures_c if t is not None]
    if not known:
        return Result.BAD, "no battery sensor: nothing keeps a cold battery from being charged"
    if len(known) < len(look.now.temperatures_c):
        return Result.BAD, "a sensor is not there"
    if max(known) - min(known) > SENSOR_APART_K or not all(-40 <= t <= 80 for t in known):
        return Result.BAD, f"not plausible: {_degrees(known)}"
    return Result.GOOD, _degrees(known)


def _degrees(known: list[float]) -> str:
    return ", ".join(f"T{n} {t:.1f} °C" for n, t in enumerate(known, 1))


def warmed(sensor: int) -> Callable[[Look], Verdict]:
    """Return the judge of one sensor that a person held in the hand; `sensor` counts from 0."""

    def judge(look: Look) -> Verdict:
        before = look.before.temperatures_c if look.before else ()
        now = look.now.temperatures_c
        if sensor >= len(now) or sensor >= len(before):
            return Result.UNKNOWN, "the sensor is not there"
        was, is_now = before[sensor], now[sensor]
        if was is None or is_now is None:
            return Result.BAD, "the sensor is not there"
        rises = [
            (b - a) if a is not None and b is not None else 0.0
            for a, b in zip(before, now, strict=False)
        ]
        text = f"from {was:.1f} to {is_now:.1f} °C"
        if rises[sensor] < WARMED_K:
            most = max(range(len(rises)), key=rises.__getitem__)
            if rises[most] >= WARMED_K:
                return Result.BAD, f"{text}, but T{most + 1} warmed: the sensors are swapped"
            return Result.BAD, f"{text}: it did not warm"
        return Result.GOOD, text

    return judge


def _heater(look: Look) -> Verdict:
    """R >= max(U/3 A, U²/P) at the highest pack voltage (R36)."""
    if look.value == 0:
        return Result.GOOD, "no heating film"
    most_v, watts = look.now.charge_voltage_v, HEATER_POWER_MAX_W
    if look.board is not None:
        if look.board.heater_power_max_w is None:
            return Result.BAD, f"{look.board.name} has no heating output"
        watts = look.board.heater_power_max_w
    if look.value is None or most_v is None:
        return Result.UNKNOWN, "the film's resistance or the highest pack voltage is not known"
    least = least_film_ohm(most_v, watts)
    text = f"{look.value:g} ohm, at least {least:.1f} ohm at {most_v:.1f} V"
    return (Result.GOOD if look.value >= least else Result.BAD), text


def _chemistry(look: Look) -> Verdict:
    """Compare what the device protects at with what the configuration's chemistry wants (F38)."""
    wanted, held = look.now.overvoltage_v, look.now.settings.get("cell_overvoltage_v")
    if held is None or wanted is None:
        return Result.UNKNOWN, "the BMS does not tell its settings"
    if abs(held - wanted) > 0.15:
        return Result.BAD, (
            f"the BMS protects at {held:.3f} V, {look.now.chemistry} wants {wanted:.3f} V:"
            " set the chemistry's preset"
        )
    return Result.GOOD, f"{look.now.chemistry}: the BMS protects at {held:.3f} V"


def _capacity(look: Look) -> Verdict:
    wanted, held = look.now.design_capacity_ah, look.now.settings.get("design_capacity_ah")
    if held is None or wanted is None:
        return Result.UNKNOWN, "the BMS does not tell its capacity setting"
    result = Result.GOOD if abs(held - wanted) <= 0.02 * wanted else Result.BAD
    return result, f"the BMS is set to {held:g} Ah, the configuration to {wanted:g} Ah"


def _alarms(look: Look) -> Verdict:
    if look.now.alarms:
        return Result.BAD, "; ".join(look.now.alarms)
    return Result.GOOD, "none"


def _sign(direction: int) -> Callable[[Look], Verdict]:
    def judge(look: Look) -> Verdict:
        current = look.now.current_a
        if current is None:
            return Result.UNKNOWN, "the current is not known"
        text = f"the BMS shows {current:+.1f} A"
        if direction * current >= CURRENT_SEEN_A:
            return Result.GOOD, text
        if -direction * current >= CURRENT_SEEN_A:
            return Result.BAD, f"{text}: the sign is wrong, see `cellwarden repair current-sensor`"
        return Result.BAD, f"{text}: less than {CURRENT_SEEN_A:g} A"

    return judge


def _external(look: Look) -> Verdict:
    """Compare charger and inverter with the BMS (R44)."""
    if not look.now.external_v or look.now.voltage_v is None:
        return Result.UNKNOWN, "no inverter or charger tells its voltage: compare by hand"
    far = [
        f"{name} {volts:.2f} V"
        for name, volts in look.now.external_v
        if abs(volts - look.now.voltage_v) > 0.01 * look.now.voltage_v
    ]
    if far:
        return Result.BAD, f"BMS {look.now.voltage_v:.2f} V, but {', '.join(far)}"
    return Result.GOOD, f"within 1 % of {look.now.voltage_v:.2f} V"


def checks(sensors: int) -> tuple[Check, ...]:
    """Return the list for a pack with so many battery sensors, in the order it is gone through."""

    def ask(name: str, title: str, source: str, text: str, good: str, bad: str) -> Check:
        return Check(
            name=name, title=title, how=How.ASK, source=source, ask=text, judge=_said(good, bad)
        )

    def see(name: str, title: str, source: str, judge: Callable[[Look], Verdict]) -> Check:
        return Check(name=name, title=title, how=How.SEE, source=source, judge=judge)

    return (
        ask("leads", "balance leads, order and polarity", "R39, R41",
            "With the plugs pulled, walk the pins with a meter (the table above): does every step"
            " show one cell, 1 to 5 V, never negative, never doubled?",
            "every step is one cell",
            "do not plug in: see `cellwarden repair balance-leads-swapped`"),
        ask("power-leads", "P-/C- and B-", "R39, X21",
            "Is the battery's negative on B-, and everything else (charger, load) on P-/C-?",
            "the protection is in the way of the current", "swapped: the protection is bypassed"),
        ask("fixed", "board fixed, lugs tight", "R41",
            "Is the board fixed, with air around it, and is every power lug tight?",
            "fixed", "fix it first"),
        ask("activation", "activation", "R37",
            "Does the board run (activated by a charger 5 V above the pack, by display or switch,"
            " or by a battery of at most 9 V)?",
            "it runs", "see `cellwarden repair does-not-start`"),
        see("cells", "every cell 1 to 5 V", "R3, R41", _cells_in_range),
        see("count", "cell count", "R7", _cell_count),
        Check(name="sum", title="sum of the cells and a meter", how=How.MEASURE, unit="V",
              source="R41, R42", judge=_sum_by_meter,
              ask="Measure the pack at the battery's own terminals, nothing flowing."),
        Check(name="cell-1", title="a cell and a meter", how=How.MEASURE, unit="V", source="R3",
              judge=_cell_by_meter, ask="Measure cell 1 on its own terminals."),
        see("wires", "balance lead resistances", "R31", _wires),
        see("sensors", "temperature sensors", "R25", _sensors),
        *(
            Check(name=f"warm-t{n + 1}", title=f"T{n + 1} by hand", how=How.WATCH, source="R41",
                  judge=warmed(n), ask=f"Hold sensor T{n + 1} in your hand for a minute.")
            for n in range(sensors)
        ),
        Check(name="heater", title="heating film", how=How.MEASURE, unit="ohm", source="R36",
              judge=_heater, ask="Resistance of the heating film at plug P7 (0: there is none)."),
        see("chemistry", "chemistry", "R6, F38", _chemistry),
        see("capacity", "capacity", "R34", _capacity),
        ask("passwords", "passwords", "R45",
            "Are both passwords changed from the factory's, the one to connect and the one to set?",
            "changed", "change both in the vendor's app: the factory's are known to everybody"),
        see("alarms", "alarms", "R48", _alarms),
        Check(name="charge-sign", title="current while charging", how=How.WATCH, source="R32",
              judge=_sign(1), ask="Switch a charger on (some amperes)."),
        Check(name="discharge-sign", title="current while discharging", how=How.WATCH,
              source="R32", judge=_sign(-1), ask="Charger off, switch a load on (some amperes)."),
        see("external", "charger and inverter against the BMS", "R44", _external),
    )  # fmt: skip
