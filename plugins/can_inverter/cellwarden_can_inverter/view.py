"""What an inverter is told: the bank, flattened and made safe. Pure, the same for every dialect.

The rules of a well-behaved BMS live here once, so that no dialect can forget one:

- an enable bit and its limit always agree, both ways;
- "do not charge" is 0 A with a sane charge voltage, never a charge voltage of 0 V (Victron would
  discharge the pack into the grid, Deye raises W31);
- a number that is not known is None here and its frame is not sent; only SoH has a stand-in
  (100 %), because inverters read a missing one as a worn-out battery;
- once the data are too old, no measured value is repeated: limits 0, both enables off, "internal
  communication fail"; still later nothing at all, so that the inverter's own time-out acts.
"""

import math
from dataclasses import dataclass, replace

from cellwarden.model import (
    AlarmKind,
    BankPhase,
    BankState,
    CellExtreme,
    PackState,
    SensorExtreme,
    Severity,
)

LOWEST_CVL_V = 10.0
"""A charge voltage below this is no charge voltage: the smallest packs that such inverters take
have 24 V nominal."""

FORCE_CHARGE_RELEASE_PERCENT = 5.0
"""A charge asked for below X % SoC is asked for until X + 5 %, or the inverter oscillates."""

HELD_SOC_PERCENT = 99.0
"""What a battery that still takes current says at most, where `hold_soc` is on."""

_OVERVOLTAGE = frozenset({AlarmKind.CELL_OVERVOLTAGE, AlarmKind.PACK_OVERVOLTAGE})
_QUIET = frozenset({BankPhase.STARTING, BankPhase.GONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How one inverter wants to be told; times in real s."""

    manufacturer: str = "PYLON"
    """Maker's name, 1 to 8 printable ASCII characters; some inverters act on it."""
    stale_after_s: float = 10.0
    """A decision older than this is not used any more: limits 0."""
    gone_after_s: float = 60.0
    """A decision older than this: silence."""
    force_charge_below_percent: float | None = None
    """Ask to be charged, from the grid too, below this SoC; None never asks."""
    force_charge_urgent_below_percent: float | None = None
    lowest_cvl_v: float = LOWEST_CVL_V
    """The lowest charge voltage that the inverter takes; below it there is none."""
    hold_soc: bool = False
    """Tell at most 99 % until charging has ended: several inverters stop at 100 % by themselves."""
    soc_ceiling_percent: float = 100.0
    """Never tell more."""
    stop_limit_a: float = 0.0
    """Told for "no current" to an inverter that takes 0 A for "no limit"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryView:
    """The bank as one battery. Limits are whole tenths, 0 or more, and agree with the enables."""

    cvl_v: float
    ccl_a: float
    dcl_a: float
    dvl_v: float
    charge_enabled: bool
    discharge_enabled: bool
    voltage_v: float | None
    current_a: float | None
    """Positive while charging."""
    temperature_c: float | None
    soc_percent: float | None
    soh_percent: float
    protections: frozenset[AlarmKind]
    """A protection acted."""
    warnings: frozenset[AlarmKind]
    modules: int
    """Packs in use, at least 1: an inverter takes 0 for "no battery was ever connected"."""
    manufacturer: str
    force_charge: bool = False
    force_charge_urgent: bool = False
    online: int = 0
    """Packs whose values are in use."""
    offline: int = 0
    blocking_charge: int = 0
    """Packs in use that refuse to be charged."""
    blocking_discharge: int = 0
    cell_min: CellExtreme | None = None
    cell_max: CellExtreme | None = None
    temperature_min: SensorExtreme | None = None
    temperature_max: SensorExtreme | None = None
    installed_ah: float | None = None
    capacity_ah: float | None = None
    remaining_ah: float | None = None
    cycles: int | None = None
    cell_count: int | None = None
    """In series; packs in parallel have the same."""
    single: PackState | None = None
    """The only pack in use, where there is just one."""

    @property
    def temperature_min_c(self) -> float | None:
        """The coldest sensor; the mean where nobody tells sensors apart."""
        coldest = self.temperature_min
        return self.temperature_c if coldest is None else coldest.temperature_c

    @property
    def temperature_max_c(self) -> float | None:
        """The warmest sensor; the mean where nobody tells sensors apart."""
        warmest = self.temperature_max
        return self.temperature_c if warmest is None else warmest.temperature_c


def view_of(
    state: BankState | None, age_s: float, manners: Manners, previous: BatteryView | None = None
) -> BatteryView | None:
    """Return what the inverter is told now; None where it must hear nothing.

    `age_s` is the age of the decision in real s: too old means that the controller itself hangs.
    `previous` is the last view that was told; it carries the CVL over a gap and the hysteresis of
    the charge requests.
    """
    if state is None or state.phase in _QUIET or state.limits is None:
        return None
    stopping = state.phase is BankPhase.STOPPING
    if age_s > manners.gone_after_s and not stopping:
        return None
    live = _live(state, manners, previous)
    if live is None:
        return None
    if stopping:
        return _stops_told(blocked(live), manners)
    if state.phase is BankPhase.SILENT or age_s > manners.stale_after_s:
        return _stops_told(_without_measurements(blocked(live)), manners)
    return _stops_told(live, manners)


def is_urgent(now: BatteryView, told: BatteryView) -> bool:
    """Whether the inverter must know before the next period: less is allowed, or a new alarm."""
    return (
        now.ccl_a < told.ccl_a
        or now.dcl_a < told.dcl_a
        or now.cvl_v < told.cvl_v
        or now.dvl_v > told.dvl_v
        or not now.protections <= told.protections
        or not now.warnings <= told.warnings
    )


def blocked(view: BatteryView) -> BatteryView:
    """Return the same battery, allowing nothing; its charge voltage stays."""
    return replace(
        view,
        ccl_a=0.0,
        dcl_a=0.0,
        charge_enabled=False,
        discharge_enabled=False,
        force_charge=False,
        force_charge_urgent=False,
        blocking_charge=view.online,
        blocking_discharge=view.online,
    )


def _stops_told(view: BatteryView, manners: Manners) -> BatteryView:
    """Write "no current" as the inverter understands it; the enables keep saying the truth."""
    if not manners.stop_limit_a or (view.charge_enabled and view.discharge_enabled):
        return view
    return replace(
        view,
        ccl_a=view.ccl_a if view.charge_enabled else manners.stop_limit_a,
        dcl_a=view.dcl_a if view.discharge_enabled else manners.stop_limit_a,
    )


def _live(state: BankState, manners: Manners, previous: BatteryView | None) -> BatteryView | None:
    limits = state.limits
    assert limits is not None
    online = state.online
    voltage_v, soc_percent = _known(state.voltage_v), _known(state.soc_percent)
    cvl_v = _first_sane(
        manners.lowest_cvl_v, limits.cvl_v, previous.cvl_v if previous else None, voltage_v
    )
    if cvl_v is None:
        return None
    ccl_a = _limit(limits.ccl_a) if state.charge_allowed else 0.0
    dcl_a = _limit(abs(limits.dcl_a)) if state.discharge_allowed else 0.0
    protections = frozenset(a.kind for a in state.alarms if a.severity is Severity.PROTECTION)
    if ccl_a == 0 and voltage_v is not None and not protections.isdisjoint(_OVERVOLTAGE):
        cvl_v = _not_above(cvl_v, voltage_v, manners.lowest_cvl_v)
    soh_percent = _known(state.soh_percent)
    return BatteryView(
        cvl_v=cvl_v,
        ccl_a=ccl_a,
        dcl_a=dcl_a,
        dvl_v=_limit(limits.dvl_v),
        charge_enabled=ccl_a > 0,
        discharge_enabled=dcl_a > 0,
        voltage_v=voltage_v,
        current_a=_known(state.current_a),
        temperature_c=_known(state.temperature_c),
        soc_percent=_told_soc(soc_percent, manners, charging_ended=ccl_a == 0),
        soh_percent=100.0 if soh_percent is None else soh_percent,
        protections=protections,
        warnings=frozenset(a.kind for a in state.alarms if a.severity is Severity.WARNING),
        modules=max(1, len(online)),
        manufacturer=manners.manufacturer,
        force_charge=ccl_a > 0
        and _asks(
            soc_percent,
            manners.force_charge_below_percent,
            asking=previous is not None and previous.force_charge,
        ),
        force_charge_urgent=ccl_a > 0
        and _asks(
            soc_percent,
            manners.force_charge_urgent_below_percent,
            asking=previous is not None and previous.force_charge_urgent,
        ),
        online=len(online),
        offline=len(state.packs) - len(online),
        blocking_charge=sum(not p.charge_allowed for p in online),
        blocking_discharge=sum(not p.discharge_allowed for p in online),
        cell_min=state.cell_min,
        cell_max=state.cell_max,
        temperature_min=state.temperature_min,
        temperature_max=state.temperature_max,
        installed_ah=_known(state.installed_ah),
        capacity_ah=_known(state.capacity_ah),
        remaining_ah=_known(state.remaining_ah),
        cycles=state.cycles,
        cell_count=_cell_count(online),
        single=online[0] if len(online) == 1 else None,
    )


def _cell_count(online: tuple[PackState, ...]) -> int | None:
    reading = online[0].reading if online else None
    return len(reading.cell_voltages_v) or None if reading is not None else None


def _without_measurements(view: BatteryView) -> BatteryView:
    return replace(
        view,
        voltage_v=None,
        current_a=None,
        temperature_c=None,
        soc_percent=None,
        protections=view.protections | {AlarmKind.BMS_LOST},
        warnings=view.warnings | {AlarmKind.BMS_LOST},
        cell_min=None,
        cell_max=None,
        temperature_min=None,
        temperature_max=None,
        remaining_ah=None,
        single=None,
    )


def _told_soc(soc_percent: float | None, manners: Manners, *, charging_ended: bool) -> float | None:
    if soc_percent is None:
        return None
    held = manners.hold_soc and not charging_ended
    return min(soc_percent, manners.soc_ceiling_percent, HELD_SOC_PERCENT if held else 100.0)


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _limit(value: float) -> float:
    """Return a limit in whole tenths, the unit of every dialect; 0 for what is no limit."""
    return math.floor(value * 10 + 0.5) / 10 if math.isfinite(value) and value > 0 else 0.0


def _first_sane(lowest_v: float, *candidates_v: float | None) -> float | None:
    for value in candidates_v:
        if value is not None and math.isfinite(value) and value >= lowest_v:
            return _limit(value)
    return None


def _not_above(cvl_v: float, voltage_v: float, lowest_v: float) -> float:
    """Return a CVL that asks for nothing more: while over-voltage, no charger shall aim higher."""
    ceiling_v = math.floor(voltage_v * 10) / 10
    return min(cvl_v, ceiling_v) if ceiling_v >= lowest_v else cvl_v


def _asks(soc_percent: float | None, below_percent: float | None, *, asking: bool) -> bool:
    if soc_percent is None or below_percent is None:
        return False
    return soc_percent < below_percent + (FORCE_CHARGE_RELEASE_PERCENT if asking else 0.0)
