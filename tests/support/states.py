"""States in literals that any test may vary: `pack_state(...)`, `bank_state(...)`."""

from dataclasses import replace

from cellwarden.model import (
    Alarm,
    AlarmKind,
    Balancing,
    BankPhase,
    BankState,
    CellEstimate,
    CellExtreme,
    ChargePhase,
    Counters,
    Estimated,
    ExternalMeasurement,
    Extreme,
    Finding,
    Heating,
    Identity,
    Limit,
    Limits,
    LinkQuality,
    LogEntry,
    Membership,
    Order,
    Orders,
    PackPhase,
    PackState,
    Prediction,
    Reading,
    Reason,
    SensorExtreme,
    Severity,
    Standing,
    Urgency,
    preset,
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


SETTINGS = {"cell_overvoltage_v": 3.6, "charge_current_max_a": 50.0, "balance_trigger_v": 0.005}


def told_pack(name: str = "left", **changes: object) -> PackState:
    """A pack of which everything is known that a state can hold."""
    plain = pack_state(name)
    assert plain.reading is not None
    reading = replace(
        plain.reading,
        wire_resistances_ohm=(0.052,) * 16,
        balance_current_a=-1.25,
        heating=False,
        heating_switch_on=True,
        runtime_s=7200.0,
        alarm_bits=4,
        notices=("bit 13: not known",),
        logbook=(LogEntry(runtime_s=3600.0, code=7, text="balancer on"),),
        settings=dict(SETTINGS),
    )
    alarm = Alarm(
        kind=AlarmKind.CELL_OVERVOLTAGE,
        severity=Severity.WARNING,
        pack=name,
        since_s=900.0,
        where="cell 16",
    )
    extremes = {
        "cell_voltage_max_v": 3.651,
        "cell_voltage_min_v": 2.811,
        "current_max_a": 61.0,
        "current_min_a": -130.5,
        "temperature_max_c": 41.0,
        "temperature_min_c": -3.5,
        "mos_temperature_max_c": 66.0,
        "soc_min_percent": 7.5,
    }
    told = replace(
        plain,
        reading=reading,
        alarms=(alarm,),
        parameters=preset("LiFePO4", cell_count=16, design_capacity_ah=100),
        charge_phase=ChargePhase.ABSORPTION,
        balancing=Balancing(
            wanted=True,
            active=True,
            why="cell 16 is 15 mV above the lowest",
            giving=16,
            taking=1,
            current_a=-1.25,
            debt_ah=(-0.4, 0.6),
            done_in_s=5400.0,
            loss_wh=12.0,
        ),
        heating=Heating(
            wanted=True,
            active=False,
            why="3 °C is too cold to charge",
            power_w=82.4,
            energy_wh=1500.0,
            ready_in_s=600.0,
        ),
        prediction=Prediction(
            charge_power_10s_w=Estimated(value=2600.0, sigma=50.0),
            charge_power_60s_w=Estimated(value=2500.0, sigma=50.0),
            discharge_power_10s_w=Estimated(value=5200.0, sigma=50.0),
            discharge_power_60s_w=Estimated(value=5000.0, sigma=50.0),
            time_to_full_s=Estimated(value=7260.0, sigma=300.0),
            time_to_empty_s=Estimated(value=36000.0, sigma=900.0),
            energy_left_wh=Estimated(value=3277.0, sigma=60.0),
        ),
        counters=Counters(
            runtime_s=7200.0,
            charged_ah=1300.5,
            discharged_ah=1234.0,
            charged_wh=66_600.0,
            discharged_wh=63_210.0,
            cycles=12.34,
            full_charges=5,
            since_full_s=129_600.0,
            extremes={
                key: Extreme(value=value, where="", runtime_s=1.0)
                for key, value in extremes.items()
            },
            alarms={"cell over-voltage": 2, "low state of charge": 1},
        ),
        cells=tuple(
            CellEstimate(
                cell=n,
                soc_percent=63.0 + 0.1 * n,
                capacity_ah=101.0,
                resistance_ohm=0.00031,
                self_discharge_a=0.0021,
            )
            for n in range(1, 17)
        ),
        findings=(
            Finding(
                code="balance-lead-resistance",
                what="balance lead too long or loose",
                evidence="wire 3 at 0.310 ohm",
                confidence=0.8,
                pack=name,
                where="wire 3",
                procedure="balance-lead",
            ),
        ),
    )
    return replace(told, **changes)  # type: ignore[arg-type]


def told_bank(**changes: object) -> BankState:
    """A bank of which everything is known that a state can hold."""
    state = replace(
        bank_state(packs=(told_pack("left"), told_pack("right"))),
        charge_phase=ChargePhase.BULK,
        members=(
            Membership(
                pack="left", standing=Standing.IN, charge_share_a=40.0, discharge_share_a=90.0
            ),
            Membership(pack="right", standing=Standing.JOINING, why="0.8 V below the others"),
        ),
        orders=Orders(
            charge_current_a=Order(value=20.0, who="homeassistant", until_s=1600.5),
            target_soc_percent=Order(value=80.0, who="web"),
        ),
        prediction=Prediction(time_to_full_s=Estimated(value=7260.0, sigma=300.0)),
        external=(
            ExternalMeasurement(source="victron", voltage_v=52.8, current_a=11.6, heard_s=1000.0),
        ),
        findings=(
            Finding(
                code="circulating-current",
                what="current circulates between packs",
                evidence="left -3 A, right 3 A at rest",
                confidence=0.6,
                urgency=Urgency.NOW,
            ),
        ),
    )
    return replace(state, **changes)  # type: ignore[arg-type]
