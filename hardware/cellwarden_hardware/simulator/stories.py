"""Stories: what a BMS or an inverter tells, step by step, where no simulated part is broken.

Each takes how bad it is and returns what tells the story, or is the story itself.
"""

import math
from dataclasses import replace

from cellwarden.model import (
    AlarmKind,
    DeviceAlarm,
    ExternalMeasurement,
    LinkQuality,
    Reading,
    Severity,
)
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.clinic import Outside, Story
from cellwarden_hardware.simulator.pack import SimulatedPack

HOUR_S = 3600.0


def restarts(times: float) -> Story:
    """Every half hour the BMS starts anew, so many times."""

    def story(reading: Reading, _: SimulatedPack, now_s: float) -> Reading:
        done = min(math.floor(now_s / 1800.0), times)
        runtime_s = now_s - done * 1800.0 + (0.0 if done else 90_000.0)
        return replace(reading, runtime_s=runtime_s)

    return story


def gap(reading: Reading, _: SimulatedPack, now_s: float) -> Reading | None:
    """A minute without answers; the BMS itself goes on."""
    return None if 1800.0 < now_s < 1860.0 else reading


def silent(_: float) -> Story:
    """After ten minutes the BMS answers no more."""
    return lambda reading, _, now_s: None if now_s > 600.0 else reading


def frozen(_: float) -> Story:
    """After ten minutes the cell voltages stand still."""
    kept: list[Reading] = []

    def story(reading: Reading, _: SimulatedPack, now_s: float) -> Reading:
        if now_s < 600.0:
            kept[:] = [reading]
            return reading
        return replace(
            reading,
            cell_voltages_v=kept[0].cell_voltages_v,
            voltage_v=kept[0].voltage_v,
        )

    return story


def calm(reading: Reading, _: SimulatedPack, __: float) -> Reading:
    """Nothing flows and nothing changes."""
    return replace(reading, cell_voltages_v=(3.3,) * 16, voltage_v=52.8, current_a=0.0)


def stuck_sensor(_: float) -> Story:
    """T1 shows the same for ever."""
    return lambda reading, _, __: replace(
        reading, temperatures_c=(22.4, *reading.temperatures_c[1:])
    )


def steady_room(reading: Reading, _: SimulatedPack, __: float) -> Reading:
    """Both sensors show the same for ever, and so does the board: nothing changes."""
    return replace(reading, temperatures_c=(22.4, 22.5), mos_temperature_c=23.0)


def fet_open(_: float) -> Story:
    """The charge MOSFET is off though its switch is on."""
    return lambda reading, _, __: replace(reading, charge_fet_on=False)


def fet_closed(amps: float) -> Story:
    """The charge MOSFET is switched off, and so many A flow all the same."""
    return lambda reading, _, __: replace(
        reading, charge_fet_on=False, charge_switch_on=False, current_a=amps
    )


def fet_held(reading: Reading, _: SimulatedPack, __: float) -> Reading:
    """The charge MOSFET is off because a protection holds it."""
    alarm = DeviceAlarm(
        kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.PROTECTION, blocks_charge=True
    )
    return replace(reading, charge_fet_on=False, alarms=(alarm,))


def diode(reading: Reading, _: SimulatedPack, __: float) -> Reading:
    """The charge MOSFET is off and discharging goes through its body diode."""
    return replace(reading, charge_fet_on=False, charge_switch_on=False, current_a=-30.0)


def fets_off(amps: float) -> Story:
    """Both MOSFETs are off and so many A are shown."""
    return lambda reading, _, __: replace(
        reading,
        charge_fet_on=False,
        discharge_fet_on=False,
        charge_switch_on=False,
        discharge_switch_on=False,
        current_a=amps,
    )


def heater(rise_k_per_h: float, *, from_c: float = -4.0, step_a: float = 0.0) -> Story:
    """After half an hour the heater is on: it warms by so many K an hour and draws so many A."""

    def story(reading: Reading, _: SimulatedPack, now_s: float) -> Reading:
        on = now_s > 1800.0
        warm = rise_k_per_h * (now_s - 1800.0) / HOUR_S if on else 0.0
        ends = from_c + warm > 5.0
        drawn = -step_a if on and not ends else 0.0
        return replace(
            reading,
            heating=on and not ends,
            temperatures_c=(round(min(from_c + warm, 6.0), 1), round(from_c + warm + 0.4, 1)),
            current_a=-5.0 + drawn,
        )

    return story


def heater_on(at_c: float) -> Story:
    """The heater is on though the battery is this warm."""
    return lambda reading, _, __: replace(
        reading, heating=True, temperatures_c=(at_c, at_c + 0.5), current_a=-5.0
    )


def above(volts: float) -> Story:
    """Charge on at this voltage, whatever was said."""

    def story(reading: Reading, _: SimulatedPack, __: float) -> Reading:
        cell = round(volts / 16, 3)
        return replace(
            reading, cell_voltages_v=(cell,) * 16, voltage_v=round(16 * cell, 2), current_a=20.0
        )

    return story


def settles(reading: Reading, _: SimulatedPack, now_s: float) -> Reading:
    """Full, above a lower CVL, and nobody charges."""
    cell = 3.475 - 0.00001 * now_s
    return replace(
        reading, cell_voltages_v=(cell,) * 16, voltage_v=round(16 * cell, 2), current_a=0.0
    )


def jumping(reading: Reading, _: SimulatedPack, now_s: float) -> Reading:
    """One reading in a hundred has a wild sensor."""
    wild = round(now_s / 10.0) % 100 == 0
    return replace(reading, temperatures_c=(180.0, 21.0)) if wild else reading


def inverter(ohm: float, off_v: float = 0.0) -> Outside:
    """Return what an inverter behind cables of this resistance measures."""

    def outside(bank: SimulatedBank) -> ExternalMeasurement:
        volts = math.fsum(pack.snapshot().voltage_v for pack in bank.packs) / len(bank.packs)
        return ExternalMeasurement(
            source="inverter",
            voltage_v=round(volts + off_v + ohm * bank.current_a, 2),
            current_a=round(bank.current_a, 1),
            heard_s=bank.time_s,
        )

    return outside


def answers(bad: float) -> LinkQuality:
    """Return a link of which this part of the answers is bad."""
    return LinkQuality(connected=True, asked=1000, answered=1000, bad=round(1000 * bad))
