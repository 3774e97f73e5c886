"""For each finding: the fault it is for, mild to bad, what only looks like it, and by when.

Both the tests and the benchmark of the diagnosis walk this table, so that what is claimed and what
is measured are one thing.
"""

from cellwarden.model import AlarmKind
from cellwarden_hardware.simulator import stories
from cellwarden_hardware.simulator.ailments import AILMENTS
from cellwarden_hardware.simulator.case import Case, Sham

HOUR_S, DAY_S = 3600.0, 86_400.0
LONG_S = 35.0
"""Between looks of cases that take days; no multiple of the balancer's turns."""


def _told(code: str, kind: AlarmKind) -> Case:
    return Case(
        code=code,
        ailment=f"alarm: {kind.value}",
        severities=(1.0,),
        within_s=60.0,
        shams=(Sham(text="another alarm", ailment=f"alarm: {AlarmKind.LOW_SOC.value}"),),
    )


CASES: tuple[Case, ...] = (
    _told("cell-undervoltage", AlarmKind.CELL_UNDERVOLTAGE),
    _told("cell-overvoltage", AlarmKind.CELL_OVERVOLTAGE),
    _told("over-current", AlarmKind.DISCHARGE_OVERCURRENT),
    _told("mos-overtemperature", AlarmKind.MOS_OVERTEMPERATURE),
    _told("cell-overtemperature", AlarmKind.CHARGE_OVERTEMPERATURE),
    _told("short-circuit", AlarmKind.SHORT_CIRCUIT),
    _told("internal-communication", AlarmKind.BMS_INTERNAL),
    Case(
        code="cell-count",
        ailment="cell count set",
        severities=(15.0,),
        within_s=60.0,
        shams=(Sham(text="set right", ailment="cell count set", severity=16.0),),
    ),
    Case(
        code="balance-lead-resistance",
        ailment="balance lead",
        severities=(0.16, 0.5, 3.0),
        within_s=120.0,
        shams=(
            Sham(text="a lead a little longer", ailment="balance lead", severity=0.02),
            Sham(text="a weak cell", ailment="weak cell, resistance", severity=2.5),
        ),
    ),
    Case(
        code="balance-lead-resistance",
        ailment="balance lead, not measured",
        severities=(0.12, 0.3),
        within_s=1.5 * DAY_S,
        house={"chemistry": "Li-ion", "cells": 14},
        shams=(
            Sham(text="good leads", ailment="balance lead, not measured", severity=0.005),
            Sham(text="a weak cell", ailment="weak cell, resistance", severity=2.5),
        ),
    ),
    Case(
        code="balance-lead-open",
        ailment="open lead",
        severities=(0.25, 1.0),
        within_s=120.0,
        shams=(
            Sham(text="a lead with resistance", ailment="balance lead", severity=0.1),
            Sham(text="an empty cell", ailment="cells apart", severity=44.0),
        ),
    ),
    Case(
        code="balance-leads-swapped",
        ailment="swapped leads",
        severities=(1.0,),
        within_s=120.0,
        shams=(Sham(text="a lost cell", ailment="lost cell", severity=0.0),),
    ),
    Case(
        code="dropped-string",
        ailment="lost cell",
        severities=(0.4, 0.0),
        within_s=120.0,
        shams=(
            Sham(text="swapped leads", ailment="swapped leads"),
            Sham(text="a low cell", ailment="lost cell", severity=2.0),
        ),
    ),
    Case(
        code="temperature-sensor-missing",
        ailment="sensor missing",
        severities=(1.0,),
        within_s=300.0,
        begins_s=600.0,
        shams=(Sham(text="a sensor off by 3 K", ailment="sensor off", severity=3.0),),
    ),
    Case(
        code="temperature-sensor-broken",
        ailment="sensor at a value",
        severities=(180.0, -60.0),
        within_s=300.0,
        begins_s=600.0,
        shams=(Sham(text="one reading in a hundred is wild", story=stories.jumping),),
    ),
    Case(
        code="temperature-sensor-stuck",
        tell=stories.stuck_sensor,
        severities=(1.0,),
        within_s=0.75 * DAY_S,
        looks_s=LONG_S,
        shams=(Sham(text="a room of even temperature", story=stories.steady_room),),
    ),
    Case(
        code="temperature-sensors-apart",
        ailment="sensor off",
        severities=(16.0, 30.0),
        within_s=1200.0,
        shams=(Sham(text="5 K apart", ailment="sensor off", severity=5.0),),
    ),
    Case(
        code="current-sign",
        ailment="current reversed",
        severities=(1.0,),
        within_s=0.75 * DAY_S,
        shams=(Sham(text="an offset of 2 A", ailment="current offset", severity=2.0),),
    ),
    Case(
        code="current-offset",
        tell=stories.fets_off,
        severities=(0.2, 0.6, 4.0),
        within_s=900.0,
        shams=(Sham(text="a current flows with the FETs on"),),
    ),
    Case(
        code="current-offset",
        ailment="current offset",
        severities=(0.6, 3.0),
        within_s=5 * DAY_S,
        looks_s=LONG_S,
        shams=(
            Sham(text="a current sensor as good as most", ailment="current offset", severity=0.05),
        ),
    ),
    Case(
        code="voltage-calibration",
        ailment="voltage off",
        severities=(0.005, 0.012, 0.025),
        within_s=1800.0,
        shams=(Sham(text="0.2 % off", ailment="voltage off", severity=0.002),),
    ),
    Case(
        code="values-frozen",
        tell=stories.frozen,
        severities=(1.0,),
        within_s=2400.0,
        shams=(Sham(text="a battery at rest", story=stories.calm),),
    ),
    Case(
        code="connection-resistance",
        ailment="bad connection",
        severities=(0.0003, 0.0006, 0.002),
        within_s=1.5 * DAY_S,
        shams=(
            Sham(text="a longer bus bar", ailment="bad connection", severity=0.00006),
            Sham(text="a weak cell", ailment="weak cell, resistance", severity=3.0),
        ),
    ),
    Case(
        code="weak-cell-resistance",
        ailment="weak cell, resistance",
        severities=(2.2, 4.0),
        within_s=1.5 * DAY_S,
        shams=(
            Sham(text="30 % more", ailment="weak cell, resistance", severity=1.3),
            Sham(text="a bad connection", ailment="bad connection", severity=0.0006),
        ),
    ),
    Case(
        code="connection-worsens",
        ailment="bad connection",
        severities=(0.00025, 0.0008),
        within_s=3 * DAY_S,
        begins_s=3 * DAY_S,
        looks_s=LONG_S,
        shams=(Sham(text="a longer bus bar", ailment="bad connection", severity=0.00004),),
    ),
    Case(
        code="weak-cell-capacity",
        ailment="weak cell, capacity",
        severities=(0.88, 0.7),
        within_s=3 * DAY_S,
        hungry=1.7,
        looks_s=LONG_S,
        shams=(
            Sham(text="a cell that is not as full", ailment="cells apart", severity=8.0),
            Sham(text="97 % left", ailment="weak cell, capacity", severity=0.97),
        ),
    ),
    Case(
        code="cell-self-discharge",
        ailment="weak cell, leak",
        severities=(0.12, 0.6),
        within_s=7 * DAY_S,
        looks_s=LONG_S,
        shams=(Sham(text="a cell that is not as full", ailment="cells apart", severity=4.0),),
    ),
    Case(
        code="balancer-idle",
        ailment="balancer dead",
        severities=(6.0, 12.0),
        within_s=1.5 * DAY_S,
        looks_s=LONG_S,
        shams=(Sham(text="a balancer at work", ailment="cells apart", severity=6.0),),
    ),
    Case(
        code="imbalance-not-cured",
        ailment="balancer feeble",
        severities=(6.0,),
        within_s=7 * DAY_S,
        looks_s=LONG_S,
        shams=(Sham(text="a balancer that cures it", ailment="cells apart", severity=6.0),),
    ),
    Case(
        code="heater-without-effect",
        tell=stories.heater,
        severities=(0.0,),
        within_s=1.5 * HOUR_S,
        shams=(Sham(text="a slow heater", story=stories.heater(3.0, step_a=3.0)),),
    ),
    _told("heater-fault", AlarmKind.HEATER),
    Case(
        code="heater-never-stops",
        tell=stories.heater_on,
        severities=(12.0, 48.0),
        within_s=1200.0,
        shams=(Sham(text="a heater at work", story=stories.heater(6.0, step_a=3.0)),),
    ),
    Case(
        code="fet-stuck-open",
        tell=stories.fet_open,
        severities=(1.0,),
        within_s=300.0,
        shams=(Sham(text="a protection holds it", story=stories.fet_held),),
    ),
    Case(
        code="fet-stuck-closed",
        tell=stories.fet_closed,
        severities=(5.0, 60.0),
        within_s=120.0,
        shams=(Sham(text="discharging through the body diode", story=stories.diode),),
    ),
    Case(
        code="bms-reboots",
        tell=stories.restarts,
        severities=(1.0, 3.0, 8.0),
        within_s=2000.0,
        shams=(Sham(text="a minute without answers", story=stories.gap),),
    ),
    Case(
        code="bms-silent",
        tell=stories.silent,
        severities=(1.0,),
        within_s=1000.0,
        shams=(Sham(text="a minute without answers", story=stories.gap),),
    ),
    Case(
        code="soc-drift",
        ailment="soc drifted",
        severities=(25.0, 45.0),
        within_s=1.5 * DAY_S,
        looks_s=LONG_S,
        shams=(Sham(text="5 % off", ailment="soc drifted", severity=5.0),),
    ),
    Case(
        code="capacity-fade",
        ailment="faded",
        severities=(0.72, 0.45),
        within_s=3 * DAY_S,
        hungry=1.4,
        looks_s=LONG_S,
        shams=(Sham(text="5 % less", ailment="faded", severity=0.95),),
    ),
    Case(
        code="settings-contradict",
        ailment="recovery set",
        severities=(3.65,),
        within_s=60.0,
        shams=(Sham(text="another recovery", ailment="recovery set", severity=3.45),),
    ),
    Case(
        code="settings-beyond-chemistry",
        ailment="over-voltage set",
        severities=(4.2,),
        within_s=60.0,
        shams=(Sham(text="3.65 V", ailment="over-voltage set", severity=3.65),),
    ),
    Case(
        code="settings-capacity",
        ailment="capacity set",
        severities=(250.0, 100.0),
        within_s=60.0,
        shams=(Sham(text="the true capacity", ailment="capacity set", severity=276.0),),
    ),
    Case(
        code="charger-above-limit",
        tell=stories.above,
        severities=(55.6, 56.8),
        within_s=600.0,
        shams=(Sham(text="nobody charges, the voltage falls", story=stories.settles),),
    ),
    Case(
        code="link-damaged",
        links=stories.answers,
        severities=(0.05, 0.2, 0.7),
        within_s=120.0,
        shams=(Sham(text="one answer in a hundred is bad", link=stories.answers(0.01)),),
    ),
    Case(
        code="cable-run",
        others=stories.inverter,
        severities=(0.003, 0.012),
        within_s=12 * HOUR_S,
        looks_s=LONG_S,
        shams=(
            Sham(text="good cables", outside=stories.inverter(0.0008)),
            Sham(text="a device that reads 0.5 V too much", outside=stories.inverter(0.0005, 0.5)),
        ),
    ),
    Case(
        code="device-voltage",
        others=lambda volts: stories.inverter(0.0005, volts),
        severities=(0.25, 1.0),
        within_s=12 * HOUR_S,
        looks_s=LONG_S,
        shams=(Sham(text="a long cable", outside=stories.inverter(0.006)),),
    ),
)

assert all(not c.ailment or c.ailment in AILMENTS for c in CASES)
