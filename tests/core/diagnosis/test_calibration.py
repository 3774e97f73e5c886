"""System calibration (R44): resistance of every cable run, the worst one named, what to set."""

import pytest

from cellwarden.diagnosis import Diagnosis, DiagnosisMemory, PackFacts
from cellwarden.diagnosis.calibration import calibration
from cellwarden.model import BankState, ExternalMeasurement, Finding, preset
from support.states import bank_state

AMPS = (-60.0, -20.0, 5.0, 40.0, 70.0, 15.0, -35.0)
DIAGNOSIS = Diagnosis(
    [
        PackFacts(
            name=name,
            chemistry="LiFePO4",
            parameters=preset("LiFePO4", cell_count=16, design_capacity_ah=100),
        )
        for name in ("left", "right")
    ]
)


def state(at_s: float, amps: float, *told: ExternalMeasurement) -> BankState:
    return bank_state(at_s=at_s, current_a=amps, voltage_v=53.0, external=told)


def inverter(
    amps: float, *, ohm: float, off_v: float = 0.0, gain: float = 1.0
) -> ExternalMeasurement:
    return ExternalMeasurement(
        source="inverter",
        voltage_v=53.0 + off_v + ohm * amps,
        current_a=gain * amps,
        heard_s=0.0,
    )


def watch(
    looks: int, *, ohm: float, off_v: float = 0.0, gain: float = 1.0
) -> tuple[DiagnosisMemory, tuple[Finding, ...]]:
    memory, found = DIAGNOSIS.start(0.0), ()
    for n in range(looks):
        amps = AMPS[n % len(AMPS)]
        told = inverter(amps, ohm=ohm, off_v=off_v, gain=gain)
        solar = ExternalMeasurement(
            source="solar",
            voltage_v=53.0 + 0.001 * abs(amps),
            current_a=abs(amps),
            whole_bank=False,
            heard_s=0.0,
        )
        memory, found = DIAGNOSIS.step(memory, state(10.0 * n, amps, told, solar), 10.0 * n)
    return memory, tuple(f for f in found if f.code in {"cable-run", "device-voltage"})


@pytest.mark.requirement("R44")
def test_the_resistance_of_each_run_and_what_to_set_are_computed() -> None:
    memory, _ = watch(100, ohm=0.004, off_v=0.12, gain=1.02)
    worst, other = calibration(memory.runs, state(0.0, 0.0))
    assert worst.source == "inverter"
    assert worst.resistance_ohm == pytest.approx(0.004)
    assert worst.offset_v == pytest.approx(0.12)
    assert worst.current_factor == pytest.approx(1.02)
    # 200 A may be discharged: 0.8 V, 160 W. 100 A may be charged: 0.4 V and the offset.
    assert worst.drop_v == pytest.approx(0.8)
    assert worst.loss_w == pytest.approx(160.0)
    assert worst.set_more_v == pytest.approx(0.52)
    assert other.resistance_ohm == pytest.approx(0.001)


@pytest.mark.requirement("R44")
def test_the_worst_run_is_named_and_its_urgency_grows() -> None:
    _, mild = watch(100, ohm=0.002)
    _, bad = watch(100, ohm=0.010)
    assert [(f.code, f.where) for f in mild] == [("cable-run", "inverter")]
    assert [(f.code, f.where) for f in bad] == [("cable-run", "inverter")]
    assert bad[0].urgency > mild[0].urgency


def test_good_cables_are_not_blamed() -> None:
    _, found = watch(100, ohm=0.0005)
    assert found == ()


def test_a_device_that_measures_another_voltage_is_named() -> None:
    _, found = watch(100, ohm=0.0005, off_v=-0.4)
    assert [(f.code, f.where) for f in found] == [("device-voltage", "inverter")]


def test_a_current_that_never_changes_tells_no_resistance() -> None:
    memory = DIAGNOSIS.start(0.0)
    for n in range(100):
        told = inverter(20.0, ohm=0.004)
        memory, _ = DIAGNOSIS.step(memory, state(10.0 * n, 20.0, told), 10.0 * n)
    (one,) = calibration(memory.runs, state(0.0, 0.0))
    assert one.resistance_ohm is None
    assert one.set_more_v is None
