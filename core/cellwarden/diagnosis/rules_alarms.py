"""The manual's error codes 1-9 (R48): what a protection says, as a finding with its procedure."""

from collections.abc import Callable, Iterable, Iterator

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.rule import Clue, Look, Rule
from cellwarden.model import Alarm, AlarmKind, AlarmSource, Severity, Urgency

APART_K = 15.0
"""A sensor this far above the next warmest is more likely wrong than hot (ours, F20)."""


def _alarms(*kinds: AlarmKind) -> Callable[[Look], Iterator[Clue]]:
    def find(look: Look) -> Iterator[Clue]:
        for alarm in look.state.alarms:
            if alarm.kind in kinds:
                yield _clue(alarm)

    return find


def _clue(alarm: Alarm, procedure: str | None = None, more: str = "") -> Clue:
    by_device = alarm.source is AlarmSource.DEVICE
    return Clue(
        what=alarm.kind.value,
        evidence=f"{alarm.text}{', told by the BMS itself' if by_device else ''}{more}",
        confidence=0.9 if by_device else 0.95,
        urgency=Urgency.NOW if alarm.severity is Severity.PROTECTION else Urgency.SOON,
        where=alarm.where,
        procedure=procedure,
    )


def _cell_overtemperature(look: Look) -> Iterable[Clue]:
    kinds = {
        AlarmKind.CHARGE_OVERTEMPERATURE,
        AlarmKind.DISCHARGE_OVERTEMPERATURE,
    }
    alarms = [alarm for alarm in look.state.alarms if alarm.kind in kinds]
    known = sorted(t for t in look.reading.temperatures_c if t is not None)
    alone = len(known) > 1 and known[-1] - known[-2] > APART_K
    for alarm in alarms:
        if alone:
            more = f"; only one sensor is hot, the next shows {known[-2]:.1f} °C"
            yield _clue(alarm, procedures.OVER_TEMPERATURE, more)
        else:
            yield _clue(alarm)


RULES: tuple[Rule, ...] = (
    Rule(
        code="cell-undervoltage",
        means="a cell is discharged too far",
        rests_on="the protection: any cell below its under-voltage setting (R10)",
        found_within="10 s",
        procedure=procedures.LOW_CELL,
        find=_alarms(AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.PACK_UNDERVOLTAGE, AlarmKind.SHUTDOWN),
        manual_code=1,
    ),
    Rule(
        code="cell-overvoltage",
        means="a cell is charged too far",
        rests_on="the protection: any cell above its over-voltage setting (R11)",
        found_within="10 s",
        procedure=procedures.HIGH_CELL,
        find=_alarms(AlarmKind.CELL_OVERVOLTAGE, AlarmKind.PACK_OVERVOLTAGE),
        manual_code=2,
    ),
    Rule(
        code="over-current",
        means="more current than is set",
        rests_on="the protection: current above its setting for longer than its delay (R15, R16)",
        found_within="10 s",
        procedure=procedures.OVER_CURRENT,
        find=_alarms(AlarmKind.CHARGE_OVERCURRENT, AlarmKind.DISCHARGE_OVERCURRENT),
        manual_code=3,
    ),
    Rule(
        code="mos-overtemperature",
        means="the MOSFETs are too hot",
        rests_on="the protection: MOSFET temperature above its limit (R23)",
        found_within="10 s",
        procedure=procedures.OVER_TEMPERATURE,
        find=_alarms(AlarmKind.MOS_OVERTEMPERATURE),
        manual_code=4,
    ),
    Rule(
        code="cell-overtemperature",
        means="the cells are too hot, or a sensor says so",
        rests_on="the protection: a battery sensor above its setting (R20); a sensor alone in that,"
        f" {APART_K:g} K above the next, is suspected first (R52)",
        found_within="10 s",
        procedure=procedures.OVER_TEMPERATURE,
        find=_cell_overtemperature,
        manual_code=5,
    ),
    Rule(
        code="short-circuit",
        means="the BMS saw a short circuit",
        rests_on="the BMS's own alarm (R17)",
        found_within="10 s",
        procedure=procedures.OVER_CURRENT,
        find=_alarms(AlarmKind.SHORT_CIRCUIT),
        manual_code=6,
    ),
    Rule(
        code="internal-communication",
        means="parts of the BMS do not talk to each other",
        rests_on="the BMS's own alarm (R48)",
        found_within="10 s",
        procedure=procedures.PROCESSOR_EXCEPTION,
        find=_alarms(AlarmKind.BMS_INTERNAL),
        manual_code=7,
    ),
    Rule(
        code="cell-count",
        means="the BMS sees other cells than are set",
        rests_on="the BMS's own alarm, the number of cells it reports, and its cell count setting"
        " against the configuration (R7)",
        found_within="10 s",
        procedure=procedures.CELL_COUNT_DIFFERS,
        find=lambda look: [*_alarms(AlarmKind.CELL_COUNT)(look), *_count_setting(look)],
        manual_code=9,
    ),
)


def _count_setting(look: Look) -> Iterator[Clue]:
    told = (look.reading.settings or {}).get("cell_count")
    count = look.facts.parameters.cell_count
    if told is not None and told != count and not look.has_alarm(AlarmKind.CELL_COUNT):
        yield Clue(
            "the BMS is set to another number of cells",
            f"its setting is {told:g} cells, the configuration says {count}",
            0.9,
            Urgency.NOW,
        )
