"""Each protection made to act on an emulated pack that has the owner's own settings.

The pack is simulated, its BMS and the engine are two judges that know nothing of each other: a
trial is good when both stop the endangered direction, and name the protection that was provoked.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from cellwarden.engine import Engine, EngineSettings
from cellwarden.model import HARDWARE_MODELS, AlarmKind, PackState, Parameters
from cellwarden.repair.checklist import Judged, Result
from cellwarden_hardware.simulator.as_reading import as_reading
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack

STEP_S = 1.0
SETTLE_S = 30
"""Steps at rest before a fault is provoked, for the engine to know the pack."""
MARGIN_S = 60.0
"""How much longer than its own delay a protection may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One protection and how it is provoked."""

    name: str
    title: str
    kind: AlarmKind
    charging: bool
    """The direction that is endangered, and in which the current is driven."""
    soc_percent: float = 50.0
    temperature_c: float = 25.0
    rate_c: float = 0.2
    """Current in C; None of the trials needs more than the board stands."""
    over_limit: float = 0.0
    """Current as a multiple of the set limit instead."""
    delay_s: float = 0.0
    """The longest the fault itself takes to build up, before the protection's own delay."""


def trials(p: Parameters) -> tuple[Trial, ...]:
    """Return what is provoked for a set of parameters."""
    return (
        Trial(name="ovp", title="cell over-voltage", kind=AlarmKind.CELL_OVERVOLTAGE,
              charging=True, soc_percent=99.0, rate_c=0.5,
              delay_s=600 + p.cell_overvoltage_delay_s),
        Trial(name="uvp", title="cell under-voltage", kind=AlarmKind.CELL_UNDERVOLTAGE,
              charging=False, soc_percent=2.0, rate_c=0.5,
              delay_s=600 + p.cell_undervoltage_delay_s),
        Trial(name="charge-ocp", title="charge over-current", kind=AlarmKind.CHARGE_OVERCURRENT,
              charging=True, over_limit=1.1, delay_s=p.charge_overcurrent_delay_s),
        Trial(name="discharge-ocp", title="discharge over-current",
              kind=AlarmKind.DISCHARGE_OVERCURRENT, charging=False, over_limit=1.1,
              delay_s=p.discharge_overcurrent_delay_s),
        Trial(name="charge-hot", title="too hot to charge",
              kind=AlarmKind.CHARGE_OVERTEMPERATURE, charging=True,
              temperature_c=p.charge_overtemperature_c + 3),
        Trial(name="charge-cold", title="too cold to charge",
              kind=AlarmKind.CHARGE_UNDERTEMPERATURE, charging=True,
              temperature_c=p.charge_undertemperature_c - 3),
        Trial(name="discharge-hot", title="too hot to discharge",
              kind=AlarmKind.DISCHARGE_OVERTEMPERATURE, charging=False,
              temperature_c=p.discharge_overtemperature_c + 3),
    )  # fmt: skip


def run_trials(chemistry: str, parameters: Parameters) -> Iterator[Judged]:
    """Yield each trial as it is done; some seconds for all of them."""
    for trial in trials(parameters):
        yield _run(trial, chemistry, parameters)


def _run(trial: Trial, chemistry: str, p: Parameters) -> Judged:
    pack = SimulatedPack(
        PackDesign(
            chemistry=chemistry,
            cells=p.cell_count,
            capacity_ah=p.design_capacity_ah,
            board=_board(p),
            parameters=p,
            start_soc_percent=trial.soc_percent,
            start_temperature_c=trial.temperature_c,
        )
    )
    engine = Engine(EngineSettings("trial", chemistry, p, 3.0))
    memory = engine.start(0.0)
    demand_a = _demand_a(trial, p)
    most_s = SETTLE_S + trial.delay_s + MARGIN_S
    bms_s = engine_s = None
    while pack.time_s < most_s and (bms_s is None or engine_s is None):
        driven_a = demand_a if pack.time_s >= SETTLE_S else 0.0
        pack.step(STEP_S, driven_a)
        # The engine is to see the fault, not the BMS's own answer to it.
        heard = replace(
            as_reading(pack.snapshot(), "trial", pack.time_s),
            current_a=driven_a,
            charge_fet_on=None,
            discharge_fet_on=None,
        )
        memory, state = engine.step(memory, heard, pack.time_s)
        open_fet = not (pack.bms.charge_fet_on if trial.charging else pack.bms.discharge_fet_on)
        if bms_s is None and open_fet and trial.kind in pack.bms.held:
            bms_s = pack.time_s
        if engine_s is None and _stopped(trial, state):
            engine_s = pack.time_s
    return _judged(trial, bms_s, engine_s)


def _stopped(trial: Trial, state: PackState) -> bool:
    allowed_a = state.limits.ccl_a if trial.charging else state.limits.dcl_a
    return allowed_a == 0 and any(alarm.kind is trial.kind for alarm in state.alarms)


def _judged(trial: Trial, bms_s: float | None, engine_s: float | None) -> Judged:
    def told(who: str, at_s: float | None) -> str:
        if at_s is None:
            return f"{who} not at all"
        after_s = at_s - SETTLE_S
        return f"{who} after {after_s:.0f} s" if after_s > 0 else f"{who} before any current"

    good = bms_s is not None and engine_s is not None
    return Judged(
        check=f"trial-{trial.name}",
        title=f"{trial.title} (emulated)",
        result=Result.GOOD if good else Result.BAD,
        text=f"{told('the BMS opened', bms_s)}, {told('Cellwarden stopped', engine_s)}",
        source="R41",
    )


def _demand_a(trial: Trial, p: Parameters) -> float:
    limit_a = p.charge_current_max_a if trial.charging else p.discharge_current_max_a
    if trial.over_limit:
        size_a = trial.over_limit * limit_a
    else:
        size_a = min(trial.rate_c * p.design_capacity_ah, 0.9 * limit_a)
    return size_a if trial.charging else -size_a


def _board(p: Parameters) -> str:
    """Return the largest board that takes so many cells."""
    fits = [
        m
        for m in HARDWARE_MODELS.values()
        if m.max_cells >= p.cell_count and m.internal_resistance_ohm is not None
    ]
    return max(fits, key=lambda m: m.continuous_current_a).name
