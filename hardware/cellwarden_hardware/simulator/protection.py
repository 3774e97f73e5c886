"""The simulated BMS's own protections: the manual's rules as a table, with a timer each.

Written from the manual (R10-R23) and apart from `cellwarden.engine` on purpose: the device under
supervision must not borrow the judgement of its supervisor.
"""

from dataclasses import dataclass
from enum import IntEnum

from cellwarden.model import AlarmKind, Parameters

_TEMPERATURE_DELAY_S = 2.0  # ours: the manual gives none


class Quantity(IntEnum):
    """What a rule reads: an index into the measured values handed to `Protections.update()`."""

    CELL_MAX_V = 0
    CELL_MIN_V = 1
    CELL_SPREAD_V = 2
    CURRENT_A = 3
    BATTERY_MAX_C = 4
    BATTERY_MIN_C = 5
    MOS_C = 6
    SOC_PERCENT = 7


Measured = tuple[float, float, float, float, float, float, float, float]
"""One value for each `Quantity`, in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Trips when a quantity stays beyond a value, releases when it is back or when time is up."""

    kind: AlarmKind
    reads: Quantity
    trip: float
    above: bool
    """Whether it trips above or below `trip`."""
    delay_s: float
    release: float | None = None
    """Releases on the safe side of this value; None: after `release_after_s`."""
    release_after_s: float = 0.0
    direction: int = 0
    """+1 trips only while charging, -1 only while discharging."""
    blocks_charge: bool = False
    blocks_discharge: bool = False


def rules(p: Parameters) -> tuple[Rule, ...]:
    """Return the rules of a device that is set to these parameters."""

    def temperature(
        kind: AlarmKind, reads: Quantity, trip: float, release: float, direction: int
    ) -> Rule:
        return Rule(
            kind=kind,
            reads=reads,
            trip=trip,
            above=release < trip,
            delay_s=_TEMPERATURE_DELAY_S,
            release=release,
            direction=direction,
            blocks_charge=direction >= 0,
            blocks_discharge=direction <= 0,
        )

    table = [
        Rule(  # R11
            kind=AlarmKind.CELL_OVERVOLTAGE,
            reads=Quantity.CELL_MAX_V,
            trip=p.cell_overvoltage_v,
            above=True,
            delay_s=p.cell_overvoltage_delay_s,
            release=p.cell_overvoltage_recovery_v,
            blocks_charge=True,
        ),
        Rule(  # R10
            kind=AlarmKind.CELL_UNDERVOLTAGE,
            reads=Quantity.CELL_MIN_V,
            trip=p.cell_undervoltage_v,
            above=False,
            delay_s=p.cell_undervoltage_delay_s,
            release=p.cell_undervoltage_recovery_v,
            blocks_discharge=True,
        ),
        Rule(  # R15
            kind=AlarmKind.CHARGE_OVERCURRENT,
            reads=Quantity.CURRENT_A,
            trip=p.charge_current_max_a,
            above=True,
            delay_s=p.charge_overcurrent_delay_s,
            release_after_s=p.charge_overcurrent_release_s,
            blocks_charge=True,
        ),
        Rule(  # R16
            kind=AlarmKind.DISCHARGE_OVERCURRENT,
            reads=Quantity.CURRENT_A,
            trip=-p.discharge_current_max_a,
            above=False,
            delay_s=p.discharge_overcurrent_delay_s,
            release_after_s=p.discharge_overcurrent_release_s,
            blocks_discharge=True,
        ),
        temperature(  # R20
            AlarmKind.CHARGE_OVERTEMPERATURE,
            Quantity.BATTERY_MAX_C,
            p.charge_overtemperature_c,
            p.charge_overtemperature_recovery_c,
            +1,
        ),
        temperature(  # R21
            AlarmKind.CHARGE_UNDERTEMPERATURE,
            Quantity.BATTERY_MIN_C,
            p.charge_undertemperature_c,
            p.charge_undertemperature_recovery_c,
            +1,
        ),
        temperature(  # R22
            AlarmKind.DISCHARGE_OVERTEMPERATURE,
            Quantity.BATTERY_MAX_C,
            p.discharge_overtemperature_c,
            p.discharge_overtemperature_recovery_c,
            -1,
        ),
        temperature(  # R23
            AlarmKind.MOS_OVERTEMPERATURE,
            Quantity.MOS_C,
            p.mos_overtemperature_c,
            p.mos_overtemperature_recovery_c,
            0,
        ),
        # The last two warn and block nothing.
        Rule(
            kind=AlarmKind.CELL_DIFFERENCE,
            reads=Quantity.CELL_SPREAD_V,
            trip=p.cell_difference_max_v,
            above=True,
            delay_s=_TEMPERATURE_DELAY_S,
            release=p.cell_difference_max_v,
        ),
        Rule(
            kind=AlarmKind.LOW_SOC,
            reads=Quantity.SOC_PERCENT,
            trip=p.low_soc_warning_percent,
            above=False,
            delay_s=_TEMPERATURE_DELAY_S,
            release=p.low_soc_warning_percent,
        ),
    ]
    if p.discharge_undertemperature_c is not None:  # R24: not in the manual, off unless set
        recovery_c = p.discharge_undertemperature_recovery_c
        table.append(
            temperature(
                AlarmKind.DISCHARGE_UNDERTEMPERATURE,
                Quantity.BATTERY_MIN_C,
                p.discharge_undertemperature_c,
                p.discharge_undertemperature_c + 5.0 if recovery_c is None else recovery_c,
                -1,
            )
        )
    return tuple(table)


class _Timed:
    """One rule at work."""

    __slots__ = ("held", "rule", "running_s")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.held = False
        self.running_s: float | None = None
        """How long it has been beyond its trip value or, once held, held; None before."""

    def update(self, dt_s: float, value: float, current_a: float) -> bool:
        """Let dt_s pass, then judge this value; True when the rule tripped or released."""
        rule = self.rule
        if self.held:
            assert self.running_s is not None
            self.running_s += dt_s
            if rule.release is None:
                done = self.running_s >= rule.release_after_s
            else:
                done = value < rule.release if rule.above else value > rule.release
            if not done:
                return False
            self.held, self.running_s = False, None
            return True
        beyond = value > rule.trip if rule.above else value < rule.trip
        if not beyond or current_a * rule.direction < 0 or (rule.direction and not current_a):
            self.running_s = None
            return False
        self.running_s = 0.0 if self.running_s is None else self.running_s + dt_s
        if self.running_s < rule.delay_s:
            return False
        self.held, self.running_s = True, 0.0
        return True


class Protections:
    """All rules of one device, and what they block together."""

    def __init__(self, parameters: Parameters) -> None:
        self._timed = [_Timed(rule) for rule in rules(parameters)]
        self.held: frozenset[AlarmKind] = frozenset()
        self.blocks_charge = False
        self.blocks_discharge = False
        self.pending = False
        """Whether a delay is running: time should pass in small steps until it has run out."""

    def follow(self, parameters: Parameters) -> None:
        """Judge by new settings from now on; what is held or running stays so."""
        before = {(timed.rule.kind, timed.rule.direction): timed for timed in self._timed}
        self._timed = [_Timed(rule) for rule in rules(parameters)]
        for timed in self._timed:
            old = before.get((timed.rule.kind, timed.rule.direction))
            if old is not None:
                timed.held, timed.running_s = old.held, old.running_s

    def update(self, dt_s: float, measured: Measured) -> bool:
        """Let dt_s pass, then judge these values; True when a rule tripped or released."""
        current_a = measured[Quantity.CURRENT_A]
        changed = pending = False
        for timed in self._timed:
            if timed.update(dt_s, measured[timed.rule.reads], current_a):
                changed = True
            if timed.running_s is not None and not timed.held:
                pending = True
        self.pending = pending
        if changed:
            held = [timed.rule for timed in self._timed if timed.held]
            self.held = frozenset(rule.kind for rule in held)
            self.blocks_charge = any(rule.blocks_charge for rule in held)
            self.blocks_discharge = any(rule.blocks_discharge for rule in held)
        return changed
