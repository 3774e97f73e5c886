"""Alarms by origin, to the last field, and what follows from them."""

from dataclasses import replace

import pytest

from cellwarden.engine.alarms import (
    Alarms,
    Fault,
    changes,
    gather,
    of_device,
    of_failure,
    of_faults,
    of_missing,
    of_silence,
    renewed,
)
from cellwarden.engine.plausibility import (
    ALL_SENSORS,
    CELL_VOLTAGE,
    CURRENT,
    LOST_CELL,
    ONE_SENSOR,
    Missing,
)
from cellwarden.engine.protection import IDLE, Watch
from cellwarden.model import Alarm, AlarmKind, AlarmSource, DeviceAlarm, Reason, Severity

WARNING, PROTECTION = Severity.WARNING, Severity.PROTECTION


def alarm(kind: AlarmKind = AlarmKind.HEATER, severity: Severity = PROTECTION, **more) -> Alarm:
    values = {"pack": "left", "since_s": 10.0, "where": "here", "releases": "it is over"}
    return Alarm(kind=kind, severity=severity, **(values | more))


def missing(essential=CURRENT, where: str = "current") -> Missing:
    return Missing(essential, where, 1.0, bad=True)


# Each origin


def test_silence_blocks_both_and_is_a_warning_before_anything_was_heard() -> None:
    for never, severity in ((True, WARNING), (False, PROTECTION)):
        assert of_silence("left", 10.0, never=never) == Alarm(
            kind=AlarmKind.BMS_LOST, severity=severity, pack="left", since_s=10.0,
            blocks_charge=True, blocks_discharge=True, releases="the BMS answers",
        )  # fmt: skip


def test_a_failure_of_the_engine_blocks_both() -> None:
    assert of_failure("left", 10.0, "Oops") == Alarm(
        kind=AlarmKind.BMS_INTERNAL, severity=PROTECTION, pack="left", since_s=10.0,
        blocks_charge=True, blocks_discharge=True, where="Oops", releases="the engine works again",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("essential", "severity", "charge", "discharge", "balance"),
    [
        (CELL_VOLTAGE, PROTECTION, True, True, True),
        (LOST_CELL, PROTECTION, True, True, True),
        (ALL_SENSORS, PROTECTION, True, False, False),
        (ONE_SENSOR, WARNING, False, False, False),
        (CURRENT, WARNING, False, False, False),
    ],
)
def test_an_essential_that_is_unknown_blocks_what_it_leaves_nothing_of(
    essential, severity, charge: bool, discharge: bool, balance: bool
) -> None:
    assert of_missing("left", (), (missing(essential, "cell 7"),), 10.0) == (
        Alarm(
            kind=essential.kind, severity=severity, pack="left", since_s=10.0,
            blocks_charge=charge, blocks_discharge=discharge, blocks_balance=balance,
            where="cell 7", releases=essential.returns,
        ),
    )  # fmt: skip


def test_an_unknown_essential_keeps_its_alarm_and_where_it_is_elsewhere_its_age() -> None:
    before = of_missing("left", (), (missing(),), 10.0)
    assert of_missing("left", before, (missing(),), 20.0)[0] is before[0]
    (other,) = of_missing("left", before, (missing(where="the shunt"),), 20.0)
    assert (other.since_s, other.where) == (10.0, "the shunt")
    (blocks,) = of_missing("left", of_missing("left", (), (missing(ONE_SENSOR, "T1"),), 10.0),
                           (missing(ALL_SENSORS, "T1"),), 20.0)  # fmt: skip
    assert blocks.since_s == 20.0


TOLD = DeviceAlarm(
    kind=AlarmKind.SHORT_CIRCUIT, severity=PROTECTION, blocks_charge=True, text="a word"
)


def test_an_alarm_of_the_bms_is_told_as_it_told_it() -> None:
    assert of_device("left", (), (TOLD,), 10.0) == (
        Alarm(
            kind=AlarmKind.SHORT_CIRCUIT, severity=PROTECTION, pack="left", since_s=10.0,
            blocks_charge=True, blocks_discharge=False, source=AlarmSource.DEVICE,
            where="a word", releases="the BMS clears it",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        {"kind": AlarmKind.BMS_INTERNAL}, {"severity": WARNING}, {"text": "another"},
        {"blocks_charge": False}, {"blocks_discharge": True},
    ],
)  # fmt: skip
def test_it_is_the_same_alarm_only_while_nothing_of_it_changes(other) -> None:
    before = of_device("left", (), (TOLD,), 10.0)
    assert of_device("left", before, (TOLD,), 20.0)[0] is before[0]
    assert of_device("left", before, (replace(TOLD, **other),), 20.0)[0].since_s == 20.0


def test_a_fault_of_a_helper_is_a_warning_that_blocks_nothing_and_keeps_its_age() -> None:
    fault = Fault(AlarmKind.HEATER, "it does not warm", "it warms")
    before = of_faults("left", (), (fault,), 10.0)
    assert before == (
        Alarm(
            kind=AlarmKind.HEATER, severity=WARNING, pack="left", since_s=10.0,
            where="it does not warm", releases="it warms",
        ),
    )  # fmt: skip
    assert of_faults("left", before, (fault,), 20.0)[0] is before[0]
    for other in (fault._replace(where="its relay"), fault._replace(kind=AlarmKind.BALANCER)):
        assert of_faults("left", before, (other,), 20.0)[0].since_s == 20.0


# All together


def test_while_nothing_changes_the_very_same_alarms_are_given() -> None:
    watches = (IDLE,)
    fault = Fault(AlarmKind.HEATER, "x", "y")
    now = renewed("left", Alarms(watches=watches), watches, (missing(),), (TOLD,), (fault,), 10.0)
    assert [a.since_s for a in (*now.missing, *now.device, *now.own)] == [10.0] * 3
    assert {a.pack for a in (*now.missing, *now.device, *now.own)} == {"left"}
    assert renewed("left", now, watches, (missing(),), (TOLD,), (fault,), 20.0) is now
    calm = renewed("left", now, watches, (), (), (), 20.0)
    assert (calm.missing, calm.device, calm.own, calm.shown) == ((), (), (), ())
    for less in (
        ((), (TOLD,), (fault,)),
        ((missing(),), (), (fault,)),
        ((missing(),), (TOLD,), ()),
    ):
        assert renewed("left", now, watches, *less, 20.0) is not now
    other = (Watch(alarm=alarm()),)
    assert renewed("left", now, other, (missing(),), (TOLD,), (fault,), 20.0).watches is other
    lost = gather(watches, lost=of_silence("left", 5.0, never=False))
    assert renewed("left", lost, watches, (), (), (), 20.0).lost is None


def test_what_blocks_is_a_reason_of_its_direction_and_no_other() -> None:
    charge = alarm(AlarmKind.CHARGE_OVERCURRENT, blocks_charge=True, value=60.0, threshold=50.0,
                   unit="A")  # fmt: skip
    device = of_device("left", (), (replace(TOLD, blocks_charge=False, blocks_discharge=True),), 1)
    found = gather((IDLE, Watch(alarm=charge)), device=device)
    assert found.stops.charge == (
        Reason(rule="charge over-current", value=0.0, source="here", measured=60.0,
               threshold=50.0, unit="A", clears="it is over"),
    )  # fmt: skip
    assert found.stops.discharge == (
        Reason(rule="BMS: short circuit", value=0.0, source="a word", clears="the BMS clears it"),
    )
    assert found.overvoltage is False


@pytest.mark.parametrize(
    ("kind", "blocks", "expected"),
    [
        (AlarmKind.CELL_OVERVOLTAGE, True, True),
        (AlarmKind.PACK_OVERVOLTAGE, True, True),
        (AlarmKind.CELL_OVERVOLTAGE, False, False),
        (AlarmKind.CHARGE_OVERTEMPERATURE, True, False),
    ],
)
def test_an_over_voltage_that_blocks_charging_is_known_as_such(kind, blocks, expected) -> None:
    found = gather((), device=(alarm(kind, blocks_charge=blocks),))
    assert found.overvoltage is expected


def test_while_nothing_is_heard_only_silence_and_trips_are_alarms() -> None:
    lost = of_silence("left", 10.0, never=False)
    trip, others = (
        alarm(),
        (alarm(AlarmKind.BALANCER), alarm(AlarmKind.WIRING), alarm(AlarmKind.SETTINGS)),
    )
    found = gather((Watch(alarm=trip),), others[:1], others[1:2], lost, others[2:])
    assert found.shown == (lost, trip)
    assert (found.missing, found.device, found.own) == (others[:1], others[1:2], others[2:])
    assert found.lost is lost


def shown(*alarms: Alarm) -> list[Alarm]:
    return list(gather((), missing=alarms).shown)


def test_protections_are_shown_before_warnings_in_the_order_of_their_origin() -> None:
    first, second = alarm(AlarmKind.WIRING), alarm(AlarmKind.SETTINGS)
    warning = alarm(AlarmKind.BALANCER, WARNING)
    assert shown(first, warning, second) == [first, second, warning]


def test_a_warning_gives_way_to_its_protection_unless_it_is_of_another_sensor() -> None:
    trip = alarm(AlarmKind.CELL_OVERVOLTAGE, value=3.61)
    warning = alarm(AlarmKind.CELL_OVERVOLTAGE, WARNING, value=3.55, where="cell 9")
    assert shown(warning, trip) == [trip]
    lost, other = (
        alarm(AlarmKind.TEMPERATURE_SENSOR, severity, where=where)
        for severity, where in ((PROTECTION, "T1"), (WARNING, "T2"))
    )
    assert shown(lost, other) == [lost, other]
    assert shown(lost, replace(other, where="T1")) == [lost]
    told = replace(other, source=AlarmSource.DEVICE)
    assert shown(lost, told) == [lost]


def test_of_two_levels_of_one_protection_the_first_is_shown() -> None:
    first, second = (alarm(AlarmKind.CHARGE_OVERCURRENT, value=v) for v in (88.0, 60.0))
    assert shown(first, second) == [first]
    elsewhere = replace(second, where="there")
    assert shown(first, elsewhere) == [first, elsewhere]


def test_what_the_bms_repeats_is_hidden_unless_it_blocks_something() -> None:
    own = alarm(AlarmKind.CELL_OVERVOLTAGE)
    told = replace(own, source=AlarmSource.DEVICE)
    assert shown(own, told) == [own]
    for blocks in ({"blocks_charge": True}, {"blocks_discharge": True}):
        assert shown(own, replace(told, **blocks)) == [own, replace(told, **blocks)]
    alone = replace(told, kind=AlarmKind.PACK_OVERVOLTAGE)
    assert shown(own, alone) == [own, alone]


# The log


def test_what_comes_is_told_with_its_evidence_and_severity_and_what_goes_with_its_end() -> None:
    came = alarm(AlarmKind.CELL_OVERVOLTAGE, value=3.61, threshold=3.6, unit="V", where="cell 7")
    stays, gone = alarm(AlarmKind.WIRING), alarm(AlarmKind.SETTINGS, WARNING)
    told = [
        (e.at_s, e.pack, e.text, e.severity) for e in changes((stays, gone), (stays, came), 20.0)
    ]
    assert told == [
        (20.0, "left", "cell over-voltage, cell 7 at 3.610 V (limit 3.600 V)", PROTECTION),
        (20.0, "left", "settings of the BMS do not fit the cells is over: it is over", None),
    ]
