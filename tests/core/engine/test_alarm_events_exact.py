"""What the log says of alarms that come, get worse, and go."""

from cellwarden.model import AlarmKind, DeviceAlarm, Severity
from support.packs import Bench, all_cells, with_cell


def said(bench: Bench, count: int, **changes: object) -> list[str]:
    return [e.text for _ in range(count) for e in bench.hear(**changes).events]


def warm() -> Bench:
    bench = Bench()
    bench.settle(5, **all_cells(3.45))
    return bench


def test_a_warning_that_becomes_a_protection_is_not_said_to_be_over() -> None:
    bench = warm()
    assert said(bench, 5, **with_cell(7, 3.55, 3.45)) == [
        "cell over-voltage, cell 7 at 3.550 V (limit 3.525 V)"
    ]
    assert said(bench, 5, **with_cell(7, 3.61, 3.45)) == [
        "cell over-voltage, cell 7 at 3.610 V (limit 3.600 V)",
    ]
    assert said(bench, 5, **all_cells(3.35)) == [
        "cell over-voltage is over: all cells are below 3.400 V"
    ]


def test_a_warning_that_passes_is_over() -> None:
    bench = warm()
    said(bench, 5, **with_cell(7, 3.55, 3.45))
    assert said(bench, 5, **all_cells(3.45)) == [
        "cell over-voltage is over: all cells are below 3.488 V"
    ]


def test_a_warning_of_another_kind_is_over_whatever_else_trips() -> None:
    bench = Bench()
    bench.settle(5)
    told = DeviceAlarm(kind=AlarmKind.CELL_UNDERVOLTAGE, severity=Severity.WARNING)
    said(bench, 2, alarms=(told,))
    trips = DeviceAlarm(
        kind=AlarmKind.MOS_OVERTEMPERATURE, severity=Severity.PROTECTION, text="too hot"
    )
    assert said(bench, 2, alarms=(trips,)) == [
        "MOSFET over-temperature, too hot",
        "cell under-voltage is over: the BMS clears it",
    ]


def test_a_protection_is_over_although_another_of_its_kind_comes() -> None:
    bench = Bench()
    bench.settle(5)
    kind, severity = AlarmKind.MOS_OVERTEMPERATURE, Severity.PROTECTION
    said(bench, 2, alarms=(DeviceAlarm(kind=kind, severity=severity, text="one"),))
    assert said(bench, 2, alarms=(DeviceAlarm(kind=kind, severity=severity, text="two"),)) == [
        "MOSFET over-temperature, two",
        "MOSFET over-temperature is over: the BMS clears it",
    ]
