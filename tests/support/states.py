"""States in literals that any test may vary: `pack_state(...)`, `bank_state(...)`."""

from dataclasses import replace

from cellwarden.model import (
    BankPhase,
    BankState,
    CellExtreme,
    Identity,
    Limit,
    Limits,
    LinkQuality,
    PackPhase,
    PackState,
    Reading,
    Reason,
    SensorExtreme,
)


def limit(value: float, rule: str) -> Limit:
    return Limit(value=value, reasons=(Reason(rule=rule, value=value),))


def limits(cvl_v: float, ccl_a: float, dcl_a: float, dvl_v: float) -> Limits:
    return Limits(
        charge_voltage=limit(cvl_v, "charge voltage"),
        charge_current=limit(ccl_a, "charge current setting"),
        discharge_current=limit(dcl_a, "discharge current setting"),
        discharge_voltage=limit(dvl_v, "discharge voltage"),
    )


def pack_state(name: str = "left", **changes: object) -> PackState:
    cells = tuple(3.300 + 0.001 * n for n in range(16))
    reading = Reading(
        pack=name,
        heard_s=1000.0,
        cell_voltages_v=cells,
        voltage_v=52.92,
        current_a=6.0,
        temperatures_c=(21.0, 23.0),
        mos_temperature_c=28.0,
        soc_percent=63.0,
        cycles=12,
        cycle_charge_ah=1234.0,
        charge_fet_on=True,
        discharge_fet_on=True,
        balancing=False,
        charge_switch_on=True,
        discharge_switch_on=True,
        balance_switch_on=True,
        identity=Identity(
            manufacturer="JK",
            model="JK-B2A20S20P",
            serial_number=f"SN{name}",
            firmware_version="11.26",
        ),
    )
    state = PackState(
        pack=name,
        at_s=1000.5,
        phase=PackPhase.ONLINE,
        reading=reading,
        age_s=0.5,
        limits=limits(55.2, 50.0, 100.0, 48.0),
        charge_allowed=True,
        discharge_allowed=True,
        soc_percent=64.0,
        soc_sigma_percent=2.0,
        soc_basis="counting since full",
        soh_percent=98.0,
        capacity_ah=100.0,
        remaining_ah=64.0,
        power_w=317.5,
        cell_min=CellExtreme(pack=name, cell=1, voltage_v=3.300),
        cell_max=CellExtreme(pack=name, cell=16, voltage_v=3.315),
        cell_sum_v=52.92,
        temperature_min=SensorExtreme(pack=name, sensor="T1", temperature_c=21.0),
        temperature_max=SensorExtreme(pack=name, sensor="T2", temperature_c=23.0),
        identity=reading.identity,
        link=LinkQuality(connected=True, asked=100, answered=99, bad=1),
    )
    return replace(state, **changes)  # type: ignore[arg-type]


def bank_state(**changes: object) -> BankState:
    left, right = pack_state("left"), pack_state("right")
    state = BankState(
        name="Battery",
        at_s=1000.5,
        phase=BankPhase.LIVE,
        packs=(left, right),
        limits=limits(55.2, 100.0, 200.0, 48.0),
        charge_allowed=True,
        discharge_allowed=True,
        data_age_s=0.5,
        voltage_v=52.92,
        current_a=12.0,
        power_w=635.0,
        soc_percent=64.0,
        soc_sigma_percent=1.4,
        soh_percent=98.0,
        capacity_ah=200.0,
        remaining_ah=128.0,
        installed_ah=200.0,
        temperature_c=22.0,
        cell_min=CellExtreme(pack="left", cell=1, voltage_v=3.300),
        cell_max=CellExtreme(pack="right", cell=16, voltage_v=3.315),
        temperature_min=SensorExtreme(pack="left", sensor="T1", temperature_c=21.0),
        temperature_max=SensorExtreme(pack="right", sensor="T2", temperature_c=23.0),
        cycles=12,
    )
    return replace(state, **changes)  # type: ignore[arg-type]
