"""System calibration (R44): what charger, inverter and shunt believe, against the BMS.

The BMS is the reference. A device's voltage minus the BMS's, over the current through its own run
of cable, is a straight line: its slope is the resistance of the run (lugs, fuses, switches, both
poles), its value at no current is how far the device's own voltage measurement is off. From both
follows what to set in the device so that the battery gets the voltage it is meant to.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.bank_rules import BankRule
from cellwarden.diagnosis.memory import Run
from cellwarden.diagnosis.rule import Clue, by_size
from cellwarden.model import BankState

# All thresholds are ours.
KEEP = 0.999
"""Of what was seen at each look: half is two hours old."""
LEAST_LOOKS = 60.0
SPREAD_C = 0.02
"""The current must have varied by this standard deviation, in C of the bank."""
DROP_PART = 0.005
"""Of the bank voltage, at the highest current allowed: from here a run is worth looking at."""
OFF_PART = 0.004
"""Of the bank voltage, at no current."""


class Measured(NamedTuple):
    """One device's run of cable."""

    source: str
    looks: int
    resistance_ohm: float | None
    """None while the current has not varied enough."""
    resistance_sigma_ohm: float | None
    offset_v: float
    """What the device reads more than the BMS at no current; at the mean current while the
    resistance is not known."""
    current_factor: float | None
    """The device's current over the BMS's; None where it measures a part only."""
    drop_v: float | None
    """At the highest current allowed, either way."""
    loss_w: float | None
    """In the run, at that current."""
    set_more_v: float | None
    """What to add to the charge voltage set in the device so that the battery gets what is meant,
    at the highest charge current; less current needs less of the drop."""


def listen(runs: tuple[Run, ...], state: BankState) -> tuple[Run, ...]:
    """Return the runs after one more look at what others measure."""
    if not state.external or state.voltage_v is None or state.current_a is None:
        return runs
    known = {run.source: run for run in runs}
    for told in state.external:
        run = known.get(told.source, Run(told.source))
        through_a = state.current_a if told.whole_bank else told.current_a
        if through_a is None:
            continue
        line = run.line.add(through_a, told.voltage_v - state.voltage_v, KEEP)
        current = run.current
        if told.whole_bank and told.current_a is not None:
            current = current.add(state.current_a, told.current_a, KEEP)
        known[told.source] = Run(told.source, line, current)
    return tuple(known.values())


def calibration(runs: Sequence[Run], state: BankState) -> tuple[Measured, ...]:
    """Return what is known of each run, the one with the largest drop first."""
    installed_ah = state.installed_ah or 100.0
    charge_a, discharge_a = _allowed_a(state)
    highest_a = max(charge_a, discharge_a) or 0.2 * installed_ah
    found = [
        _measured(run, SPREAD_C * installed_ah, highest_a, charge_a)
        for run in runs
        if run.line.n >= LEAST_LOOKS / 4
    ]
    return tuple(sorted(found, key=lambda m: -(m.drop_v or 0.0)))


def _allowed_a(state: BankState) -> tuple[float, float]:
    """Return the highest charge and discharge current of the settings, else of the limits now."""
    known = [pack.parameters for pack in state.packs if pack.parameters is not None]
    if known and len(known) == len(state.packs):
        return (
            sum(p.charge_current_max_a for p in known),
            sum(p.discharge_current_max_a for p in known),
        )
    return (0.0, 0.0) if state.limits is None else (state.limits.ccl_a, state.limits.dcl_a)


def _measured(run: Run, least_spread_a: float, highest_a: float, charge_a: float) -> Measured:
    line, fit = run.line, run.line.fit()
    looks = round(line.n)
    if fit is None or line.n < LEAST_LOOKS or line.spread_x < least_spread_a:
        return Measured(run.source, looks, None, None, line.mean, None, None, None, None)
    by_current = run.current.fit()
    ohm, offset_v = fit.slope, fit.at(0.0)
    return Measured(
        source=run.source,
        looks=looks,
        resistance_ohm=ohm,
        resistance_sigma_ohm=fit.slope_sigma,
        offset_v=offset_v,
        current_factor=None if by_current is None else by_current.slope,
        drop_v=ohm * highest_a,
        loss_w=ohm * highest_a**2,
        set_more_v=offset_v + ohm * charge_a,
    )


def text_of(measured: Measured) -> str:
    """Return one line for a person."""
    if measured.resistance_ohm is None:
        return (
            f"{measured.source}: reads {measured.offset_v:+.3f} V against the BMS; the current has"
            " not varied enough to tell its cables' resistance"
        )
    sigma_ohm = measured.resistance_sigma_ohm or 0.0
    return (
        f"{measured.source}: {1000 * measured.resistance_ohm:.2f} ± {1000 * sigma_ohm:.2f} mΩ,"
        f" {measured.drop_v:.2f} V and {measured.loss_w:.0f} W at the highest current; reads"
        f" {measured.offset_v:+.3f} V at no current; set {measured.set_more_v:+.2f} V there for the"
        " highest charge current"
    )


def _runs(measured: Iterable[Measured], volts: float) -> Iterator[Clue]:
    worst = next(iter(measured), None)
    if worst is None or worst.drop_v is None or worst.resistance_ohm is None:
        return
    part = worst.drop_v / volts
    sure = worst.resistance_ohm > 5.0 * (worst.resistance_sigma_ohm or 0.0)
    if part > DROP_PART and sure:
        yield Clue(
            f"the cables between the battery and {worst.source} drop the most: look at their lugs,"
            " fuse and switch first",
            text_of(worst),
            0.85,
            by_size(part, 0.01, 0.03),
            worst.source,
        )


def _offsets(measured: Iterable[Measured], volts: float) -> Iterator[Clue]:
    for one in measured:
        part = abs(one.offset_v) / volts
        if one.resistance_ohm is not None and part > OFF_PART:
            yield Clue(
                f"{one.source} measures another voltage than the BMS",
                text_of(one),
                0.85,
                by_size(part, 0.006, 0.015),
                one.source,
            )


def find(runs: Sequence[Run], state: BankState, rule: BankRule) -> Iterator[Clue]:
    """Yield what is wrong with the runs, for one of the rules below."""
    if state.voltage_v:
        measured = calibration(runs, state)
        yield from (_runs if rule is CABLE else _offsets)(measured, state.voltage_v)


def _nothing(_: BankState) -> Iterator[Clue]:
    return iter(())


CABLE = BankRule(
    code="cable-run",
    means="a run of cable drops too much",
    rests_on="a device's voltage minus the BMS's over the current through its run: more than"
    f" {100 * DROP_PART:g} % at the highest current allowed; the worst run is named (R44)",
    found_within="30 min of changing current",
    procedure=procedures.CABLE_RUN,
    find=_nothing,
    hold_s=60.0,
)
DEVICE = BankRule(
    code="device-voltage",
    means="a device measures another voltage than the BMS",
    rests_on=f"the same line at no current: {100 * OFF_PART:g} % (R44)",
    found_within="30 min of changing current",
    procedure=procedures.CABLE_RUN,
    find=_nothing,
    hold_s=60.0,
)
RULES = (CABLE, DEVICE)
"""They need what was learned of the runs: `find` is theirs."""
