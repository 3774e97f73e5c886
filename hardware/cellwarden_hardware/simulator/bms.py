"""The simulated BMS: it measures, counts, balances and drives its two FETs.

It knows only what it measures. Its charge count starts from its own belief, drifts with its
current sensor's zero and is put right when the pack is full or empty, as real ones do.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from cellwarden.model import CHEMISTRIES, AlarmKind, HardwareModel, Parameters
from cellwarden_hardware.simulator.balancer import Balancer
from cellwarden_hardware.simulator.protection import Protections

_SECONDS_PER_HOUR = 3600.0
_FULL_MARGIN_V = 0.01  # ours: this close to the charge voltage, with a tail current, is full
_REARM_SOC_PERCENT = 90.0  # ours (R33): below this the next full charge counts as a cycle


class Switch(StrEnum):
    """The three switches of the control page (R47)."""

    CHARGE = "charge"
    DISCHARGE = "discharge"
    BALANCE = "balance"


class SimulatedBms:
    """One device: give it what it measures with `observe()`, read what it decided."""

    def __init__(
        self,
        parameters: Parameters,
        board: HardwareModel,
        chemistry: str,
        *,
        soc_percent: float,
        current_offset_a: float = 0.0,
        cycles: int = 0,
    ) -> None:
        self.parameters = parameters
        self.switches = dict.fromkeys(Switch, True)
        self.awake = True
        """False after the automatic shutdown (R13) until `activate()`."""
        self.protections = Protections(parameters)
        self.balancer = Balancer(
            trigger_v=parameters.balance_trigger_v,
            start_v=parameters.balance_start_v,
            # R28: neither more than the board can nor more than 0.1 C
            current_a=min(board.balance_current_a, 0.1 * parameters.design_capacity_ah),
        )
        self.charge_fet_on = True
        self.discharge_fet_on = True
        self.capacity_ah = parameters.design_capacity_ah
        """As learned from empty to full; the design capacity until then."""
        self.remaining_ah = self.capacity_ah * soc_percent / 100.0
        self.cycles = cycles
        self.cycle_charge_ah = cycles * self.capacity_ah
        """All charge ever discharged (R32)."""
        self.runtime_s = 0.0
        self._offset_a = current_offset_a
        self._tail_a = CHEMISTRIES[chemistry].full_current_c * self.capacity_ah
        self._since_empty_ah: float | None = None
        self._cycle_armed = soc_percent < _REARM_SOC_PERCENT

    @property
    def soc_percent(self) -> float:
        """The device's own belief, 0..100."""
        return 100.0 * (self.remaining_ah / self.capacity_ah)

    @property
    def held(self) -> frozenset[AlarmKind]:
        """Protections and warnings held now."""
        return self.protections.held if self.awake else frozenset({AlarmKind.SHUTDOWN})

    def set_switch(self, which: Switch, *, on: bool) -> None:
        """Do as the person at the app wishes; protections stay above it."""
        self.switches[which] = on
        self._drive()

    def set_parameter(self, name: str, value: float) -> None:
        """Take a new setting, a field of `Parameters`; it counts from the next measurement."""
        parameters = replace(self.parameters, **{name: value})  # type: ignore[arg-type]  # its type
        self.parameters = parameters
        self.protections.follow(parameters)
        self.balancer.trigger_v = parameters.balance_trigger_v
        self.balancer.start_v = parameters.balance_start_v

    def activate(self) -> None:
        """Start again after a shutdown (R37)."""
        self.awake = True
        self._drive()

    def observe(
        self,
        dt_s: float,
        voltages_v: Sequence[float],
        current_a: float,
        temperatures_c: Sequence[float],
        mos_c: float,
    ) -> bool:
        """Let dt_s pass, then judge these measurements; True when a FET switched."""
        self.runtime_s += dt_s
        if not self.awake:
            return False
        highest_v, lowest_v = max(voltages_v), min(voltages_v)
        self._count(dt_s, current_a + self._offset_a, highest_v)
        self.balancer.update(dt_s, voltages_v, allowed=self.switches[Switch.BALANCE])
        changed = self.protections.update(
            dt_s,
            (
                highest_v,
                lowest_v,
                highest_v - lowest_v,
                current_a,
                max(temperatures_c),
                min(temperatures_c),
                mos_c,
                self.soc_percent,
            ),
        )
        if AlarmKind.CELL_UNDERVOLTAGE in self.protections.held:
            self._empty()
            # R13; a cell that is being charged back is given its chance
            if lowest_v <= self.parameters.shutdown_v and current_a <= 0.0:
                self.awake = False
                self.balancer.update(dt_s, voltages_v, allowed=False)
                changed = True
        return changed and self._drive()

    def _count(self, dt_s: float, current_a: float, highest_v: float) -> None:
        moved_ah = current_a * dt_s / _SECONDS_PER_HOUR
        self.remaining_ah = min(max(self.remaining_ah + moved_ah, 0.0), self.capacity_ah)
        if moved_ah < 0.0:
            self.cycle_charge_ah -= moved_ah
        if self._since_empty_ah is not None:
            self._since_empty_ah += moved_ah
        p = self.parameters
        if highest_v > p.cell_overvoltage_v or (
            highest_v > p.charge_voltage_v - _FULL_MARGIN_V and abs(current_a) < self._tail_a
        ):
            self._full()
        elif self.remaining_ah < self.capacity_ah * _REARM_SOC_PERCENT / 100.0:
            self._cycle_armed = True

    def _full(self) -> None:
        if self._cycle_armed:
            self.cycles += 1
            self._cycle_armed = False
        # R32: learned only from a complete discharge and charge, and only if it can be true
        learned_ah = self._since_empty_ah
        design_ah = self.parameters.design_capacity_ah
        if learned_ah is not None and 0.5 * design_ah < learned_ah < 1.2 * design_ah:
            self.capacity_ah = learned_ah
        self._since_empty_ah = None
        self.remaining_ah = self.capacity_ah

    def _empty(self) -> None:
        self.remaining_ah = 0.0
        self._since_empty_ah = 0.0

    def _drive(self) -> bool:
        before = self.charge_fet_on, self.discharge_fet_on
        self.charge_fet_on = (
            self.awake and self.switches[Switch.CHARGE] and not self.protections.blocks_charge
        )
        self.discharge_fet_on = (
            self.awake and self.switches[Switch.DISCHARGE] and not self.protections.blocks_discharge
        )
        return before != (self.charge_fet_on, self.discharge_fet_on)
