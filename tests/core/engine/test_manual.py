"""The manual, sentence by sentence, for a LiFePO4 pack: what its requirements say, in literals.

The rows of the protection table are tried to the millivolt elsewhere; here stands what the manual
promises around them: what stays possible, on any cell, until all cells, in which order.
"""

import pytest

from cellwarden.model import AlarmKind, DeviceAlarm, PackState, Severity, broken_rules
from support.packs import Bench, all_cells, parameters


def settled(**changes: object) -> Bench:
    bench = Bench()
    bench.settle(40, **changes)
    return bench


def cells(*volts: float, rest_v: float = 3.3) -> dict[str, object]:
    """The first cells, the rest alike, the pack voltage agreeing."""
    told = (*volts, *(rest_v,) * (16 - len(volts)))
    return {"cell_voltages_v": told, "voltage_v": sum(told)}


def tripped(state: PackState) -> set[AlarmKind]:
    return {a.kind for a in state.alarms if a.severity is Severity.PROTECTION}


def allowed(state: PackState) -> tuple[bool, bool]:
    return state.charge_allowed, state.discharge_allowed


def fets(state: PackState) -> tuple[bool | None, bool | None]:
    """What is wanted of the charge and of the discharge MOSFET; None: left as it is."""
    return state.switches.charge, state.switches.discharge


OFF = {
    "charge": {"charge_switch_on": False, "charge_fet_on": False},
    "discharge": {"discharge_switch_on": False, "discharge_fet_on": False},
}


# -- voltages -------------------------------------------------------------------------------------


@pytest.mark.requirement("R10")
def test_any_cell_too_low_ends_discharging_and_charging_stays_possible_until_all_are_well() -> None:
    bench = settled()
    bench.settle(2, **cells(2.69, 2.69))
    assert tripped(bench.state) == {AlarmKind.CELL_UNDERVOLTAGE}
    assert bench.state.error_codes == (1,)
    assert allowed(bench.state) == (True, False)
    assert fets(bench.state) == (None, False)
    bench.settle(10, **cells(3.01, 2.99), **OFF["discharge"])  # one of two is well again
    assert allowed(bench.state) == (True, False)
    bench.settle(2, **cells(3.01, 3.01), **OFF["discharge"])
    assert tripped(bench.state) == set()
    assert fets(bench.state) == (None, True)


@pytest.mark.requirement("R11")
def test_any_cell_too_high_ends_charging_and_discharging_stays_possible_until_all_are_well() -> (
    None
):
    bench = settled(**all_cells(3.38))
    bench.settle(2, **cells(3.61, 3.61, rest_v=3.38))
    assert tripped(bench.state) == {AlarmKind.CELL_OVERVOLTAGE}
    assert bench.state.error_codes == (2,)
    assert allowed(bench.state) == (False, True)
    assert fets(bench.state) == (False, None)
    bench.settle(10, **cells(3.39, 3.41, rest_v=3.38), **OFF["charge"])
    assert allowed(bench.state) == (False, True)
    bench.settle(2, **cells(3.39, 3.39, rest_v=3.38), **OFF["charge"])
    assert tripped(bench.state) == set()
    assert fets(bench.state) == (True, None)


@pytest.mark.requirement("R11")
@pytest.mark.requirement("R30")
def test_balancing_is_not_forbidden_by_over_voltage() -> None:
    bench = settled(**all_cells(3.38))
    bench.settle(5, **cells(3.61, rest_v=3.38))
    assert tripped(bench.state) == {AlarmKind.CELL_OVERVOLTAGE}
    assert not any(a.blocks_balance for a in bench.state.alarms)


@pytest.mark.requirement("R13")
def test_a_pack_that_is_drained_trips_first_and_shuts_down_later() -> None:
    bench = settled(**all_cells(3.0))
    order = []
    for millivolts in range(2800, 2450, -10):
        state = bench.hear(**all_cells(millivolts / 1000))
        order += [e.text.split(",")[0] for e in state.events if e.severity is Severity.PROTECTION]
    at = {text: n for n, text in enumerate(order)}
    assert at["cell under-voltage"] < at["automatic shutdown voltage reached"]


@pytest.mark.requirement("R14")
def test_reaching_over_voltage_counts_as_full_and_as_a_cycle() -> None:
    bench = settled(soc_percent=50.0)
    assert bench.state.counters.full_charges == 0
    bench.settle(70, current_a=20.0, **cells(3.61, rest_v=3.5))
    assert bench.state.soc_basis == "counting since over-voltage"
    assert bench.state.counters.full_charges == 1


# -- currents: the manual's own examples -----------------------------------------------------------


def example(name: str, limit_a: float) -> Bench:
    """10 s of delay and 50 s of release."""
    bench = Bench(
        params=parameters(
            **{
                f"{name}_current_max_a": limit_a,
                f"{name}_overcurrent_delay_s": 10.0,
                f"{name}_overcurrent_release_s": 50.0,
            }
        )
    )
    bench.settle(40)
    return bench


@pytest.mark.requirement("R15")
@pytest.mark.requirement("R16")
@pytest.mark.parametrize(
    ("name", "limit_a", "current_a", "kind", "can"),
    [
        ("charge", 10.0, 10.5, AlarmKind.CHARGE_OVERCURRENT, (False, True)),
        ("discharge", 100.0, -105.0, AlarmKind.DISCHARGE_OVERCURRENT, (True, False)),
    ],
)
def test_10_s_above_the_limit_switch_off_and_50_s_after_the_alarm_it_is_on_again(
    name: str, limit_a: float, current_a: float, kind: AlarmKind, can: tuple[bool, bool]
) -> None:
    bench = example(name, limit_a)
    for _ in range(10):
        assert tripped(bench.hear(current_a=current_a)) == set()
    assert tripped(bench.hear(current_a=current_a)) == {kind}
    assert bench.state.error_codes == (3,)
    assert allowed(bench.state) == can
    assert fets(bench.state)[name == "discharge"] is False
    for _ in range(49):  # from the alarm, whether it still flows or not
        assert tripped(bench.hear(**OFF[name])) == {kind}
    assert tripped(bench.hear(**OFF[name])) == set()
    assert fets(bench.state)[name == "discharge"] is True


@pytest.mark.requirement("R16")
def test_a_dip_below_the_limit_restarts_the_delay() -> None:
    bench = example("discharge", 100.0)
    for _ in range(3):
        bench.settle(10, current_a=-105.0)
        assert tripped(bench.hear(current_a=-99.0)) == set()


@pytest.mark.requirement("R17")
def test_short_circuits_that_the_hardware_reports_are_counted() -> None:
    bench = settled()
    short = DeviceAlarm(kind=AlarmKind.SHORT_CIRCUIT, severity=Severity.PROTECTION)
    for _ in range(2):
        bench.hear(alarms=(short,))
        bench.settle(62)
    assert bench.state.counters.alarms["short circuit"] == 2


@pytest.mark.requirement("R17")
def test_the_short_circuit_delay_is_1500_microseconds_and_0_switches_it_off() -> None:
    assert parameters().short_circuit_delay_s == 0.0015
    assert broken_rules(parameters(short_circuit_delay_s=0.0)) == ()


# -- temperatures ----------------------------------------------------------------------------------


@pytest.mark.requirement("R20")
@pytest.mark.requirement("R21")
@pytest.mark.requirement("R22")
@pytest.mark.requirement("R23")
@pytest.mark.requirement("R24")
@pytest.mark.parametrize(
    ("trips", "not_yet", "over", "kind", "can", "code"),
    [
        (
            {"temperatures_c": (25.0, 55.1)},
            {"temperatures_c": (25.0, 50.0)},
            {"temperatures_c": (25.0, 49.9)},
            AlarmKind.CHARGE_OVERTEMPERATURE,
            (False, False),  # discharging has the same limit
            (5,),
        ),
        (
            {"temperatures_c": (-0.1, 10.0)},
            {"temperatures_c": (5.0, 10.0)},
            {"temperatures_c": (5.1, 10.0)},
            AlarmKind.CHARGE_UNDERTEMPERATURE,
            (False, True),
            (),
        ),
        (
            {"mos_temperature_c": 75.1},
            {"mos_temperature_c": 65.0},
            {"mos_temperature_c": 64.9},
            AlarmKind.MOS_OVERTEMPERATURE,
            (False, False),
            (4,),
        ),
    ],
)
def test_too_warm_or_too_cold_switches_off_until_it_is_well_beyond(
    trips, not_yet, over, kind: AlarmKind, can: tuple[bool, bool], code: tuple[int, ...]
) -> None:
    bench = Bench()
    bench.settle(40, **not_yet)
    bench.settle(6, **trips)
    assert kind in tripped(bench.state)
    assert allowed(bench.state) == can
    assert bench.state.error_codes == code
    bench.settle(20, **not_yet)
    assert kind in tripped(bench.state)
    bench.settle(2, **over)
    assert kind not in tripped(bench.state)


@pytest.mark.requirement("R23")
def test_after_a_hot_mosfet_both_are_switched_on_again() -> None:
    bench = settled()
    bench.settle(6, mos_temperature_c=76.0)
    assert fets(bench.state) == (False, False)
    bench.settle(2, mos_temperature_c=64.0, **OFF["charge"], **OFF["discharge"])
    assert fets(bench.state) == (True, True)


@pytest.mark.requirement("R24")
def test_discharging_in_the_cold_is_allowed_unless_it_is_set_otherwise() -> None:
    cold = {"temperatures_c": (-19.0, -19.0)}
    assert settled(**cold).state.discharge_allowed
    limits = {
        "discharge_undertemperature_c": -15.0,
        "discharge_undertemperature_recovery_c": -10.0,
    }
    bench = Bench(params=parameters(**limits))
    bench.settle(40, **cold)
    assert AlarmKind.DISCHARGE_UNDERTEMPERATURE in tripped(bench.state)
    assert not bench.state.discharge_allowed


# -- state -----------------------------------------------------------------------------------------


@pytest.mark.requirement("R29")
@pytest.mark.requirement("R32")
def test_the_status_has_every_field_of_the_manual() -> None:
    volts = (3.31, *(3.30,) * 14, 3.28)
    wires = (0.06,) * 16
    state = settled(
        cell_voltages_v=volts,
        voltage_v=52.79,
        current_a=-10.0,
        temperatures_c=(24.0, None),
        mos_temperature_c=31.0,
        soc_percent=60.0,
        capacity_ah=96.0,
        cycles=12,
        cycle_charge_ah=1180.0,
        runtime_s=86400.0,
        balancing=True,
        balance_current_a=-0.6,
        wire_resistances_ohm=wires,
    ).state
    reading = state.reading
    assert reading.runtime_s == 86400.0
    assert (reading.charge_fet_on, reading.discharge_fet_on, reading.balancing) == (True,) * 3
    assert state.cell_sum_v == pytest.approx(52.79)
    assert reading.current_a == -10.0
    assert state.power_w == pytest.approx(-527.9)
    assert state.capacity_ah == 96.0
    assert state.remaining_ah == pytest.approx(0.6 * 96, abs=0.2)
    assert (reading.cycles, reading.cycle_charge_ah) == (12, 1180.0)
    assert state.cell_average_v == pytest.approx(3.2994, abs=1e-4)
    assert state.cell_difference_v == pytest.approx(0.03)
    assert reading.balance_current_a == -0.6
    assert reading.mos_temperature_c == 31.0
    assert reading.temperatures_c == (24.0, None)  # "NA"
    assert reading.cell_voltages_v == volts
    assert (state.cell_max.cell, state.cell_min.cell) == (1, 16)
    assert reading.wire_resistances_ohm == wires
    assert state.alarms == ()


@pytest.mark.requirement("R34")
def test_what_is_left_rests_on_the_capacity_that_was_learned_and_its_health_on_the_design() -> None:
    state = settled(capacity_ah=80.0, soc_percent=50.0).state
    assert state.parameters.design_capacity_ah == 100
    assert (state.capacity_ah, state.soh_percent) == (80.0, pytest.approx(80.0, abs=0.5))
    assert state.remaining_ah == pytest.approx(40.0, abs=0.1)
