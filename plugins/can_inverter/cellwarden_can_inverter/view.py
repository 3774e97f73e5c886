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

from cellwarden.model import AlarmKind, BankPhase, BankState, Severity

LOWEST_CVL_V = 10.0
"""A charge voltage below this is no charge voltage: the smallest packs that such inverters take
have 24 V nominal."""

FORCE_CHARGE_RELEASE_PERCENT = 5.0
"""A charge asked for below X % SoC is asked for until X + 5 %, or the inverter oscillates."""

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
        return blocked(live)
    if state.phase is BankPhase.SILENT or age_s > manners.stale_after_s:
        return _without_measurements(blocked(live))
    return live


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
    )


def _live(state: BankState, manners: Manners, previous: BatteryView | None) -> BatteryView | None:
    limits = state.limits
    assert limits is not None
    voltage_v, soc_percent = _known(state.voltage_v), _known(state.soc_percent)
    cvl_v = _first_sane(limits.cvl_v, previous.cvl_v if previous else None, voltage_v)
    if cvl_v is None:
        return None
    ccl_a = _limit(limits.ccl_a) if state.charge_allowed else 0.0
    dcl_a = _limit(abs(limits.dcl_a)) if state.discharge_allowed else 0.0
    protections = frozenset(a.kind for a in state.alarms if a.severity is Severity.PROTECTION)
    if ccl_a == 0 and voltage_v is not None and not protections.isdisjoint(_OVERVOLTAGE):
        cvl_v = _not_above(cvl_v, voltage_v)
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
        soc_percent=soc_percent,
        soh_percent=100.0 if soh_percent is None else soh_percent,
        protections=protections,
        warnings=frozenset(a.kind for a in state.alarms if a.severity is Severity.WARNING),
        modules=max(1, len(state.online)),
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
    )


def _without_measurements(view: BatteryView) -> BatteryView:
    return replace(
        view,
        voltage_v=None,
        current_a=None,
        temperature_c=None,
        soc_percent=None,
        warnings=view.warnings | {AlarmKind.BMS_LOST},
    )


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _limit(value: float) -> float:
    """Return a limit in whole tenths, the unit of every dialect; 0 for what is no limit."""
    return math.floor(value * 10 + 0.5) / 10 if math.isfinite(value) and value > 0 else 0.0


def _first_sane(*candidates_v: float | None) -> float | None:
    for value in candidates_v:
        if value is not None and math.isfinite(value) and value >= LOWEST_CVL_V:
            return _limit(value)
    return None


def _not_above(cvl_v: float, voltage_v: float) -> float:
    """Return a CVL that asks for nothing more: while over-voltage, no charger shall aim higher."""
    ceiling_v = math.floor(voltage_v * 10) / 10
    return min(cvl_v, ceiling_v) if ceiling_v >= LOWEST_CVL_V else cvl_v


def _asks(soc_percent: float | None, below_percent: float | None, *, asking: bool) -> bool:
    if soc_percent is None or below_percent is None:
        return False
    return soc_percent < below_percent + (FORCE_CHARGE_RELEASE_PERCENT if asking else 0.0)
