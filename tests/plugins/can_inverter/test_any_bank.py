"""Whatever the bank looks like: what every inverter reads from our frames is safe and true."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    CellExtreme,
    SensorExtreme,
    Severity,
)
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.frames import Dialect, decode
from cellwarden_can_inverter.profiles import PROFILES, dialect_and_manners
from cellwarden_can_inverter.view import Manners, view_of
from support.states import bank_state, limits, pack_state

ANY = st.floats(allow_nan=True, allow_infinity=True, width=32)
MAYBE = st.none() | ANY
ALARMS = st.lists(
    st.builds(
        lambda kind, severity: Alarm(kind=kind, severity=severity, pack="left", since_s=1.0),
        st.sampled_from(AlarmKind),
        st.sampled_from(Severity),
    ),
    max_size=4,
)

PACK = pack_state()

Said = list[tuple[int, str, Any]]


def told(dialect: Dialect, manners: Manners, state: BankState, age_s: float = 0.0) -> Said:
    """Every signal that an inverter reads: identifier, name, value."""
    view = view_of(state, age_s, manners)
    said: Said = []
    for can in () if view is None else dialect.encode(view):
        assert 0 <= can.can_id <= (0x1FFF_FFFF if can.extended else 0x7FF)
        assert len(can.data) <= 8
        frame = dialect.find(can.can_id, extended=can.extended)
        assert frame is not None
        said += [(can.can_id, name, value) for name, value in decode(frame, can.data).items()]
    return said


def every(said: Said, name: str) -> list[Any]:
    return [value for _, told_name, value in said if told_name == name]


def enabled(said: Said, direction: str) -> set[bool]:
    """What the frames say of a direction, wherever a dialect says it; empty if nowhere."""
    answers = set()
    for can_id, name, value in said:
        if name == "flags_set" and can_id in (0x35C, 0x319):
            answers.add(f"{direction}_enable" in value)
        elif name == f"output_{direction}":
            answers.add(value == 1)
        elif name == f"{direction}_forbidden":
            assert value in (0, 0xAA)
            answers.add(value == 0)
    return answers


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from([*sorted(DIALECTS), *(f"profile {p}" for p in PROFILES)]),
    four=st.tuples(ANY, ANY, ANY, ANY),
    charge=st.booleans(),
    discharge=st.booleans(),
    alarms=ALARMS,
    measured=st.tuples(*[MAYBE] * 11),
    phase=st.sampled_from(BankPhase),
    age_s=st.floats(0, 100),
    modules=st.integers(0, 20),
)
def test_no_bank_makes_a_dangerous_frame(
    *,
    name: str,
    four: tuple[float, float, float, float],
    charge: bool,
    discharge: bool,
    alarms: list[Alarm],
    measured: tuple[float | None, ...],
    phase: BankPhase,
    age_s: float,
    modules: int,
) -> None:
    kind, _, profile = name.partition(" ")
    dialect, manners = dialect_and_manners(
        CanInverterOptions(profile=profile) if profile else CanInverterOptions(dialect=kind)
    )
    cell_v, temperature_c = measured[5], measured[6]
    state = bank_state(
        limits=limits(*four),
        charge_allowed=charge,
        discharge_allowed=discharge,
        alarms=tuple(alarms),
        phase=phase,
        packs=(PACK,) * modules,
        voltage_v=measured[0],
        current_a=measured[1],
        temperature_c=measured[2],
        soc_percent=measured[3],
        soh_percent=measured[4],
        cell_max=None
        if cell_v is None
        else CellExtreme(pack="Akku 1 (süß)", cell=3, voltage_v=cell_v),
        temperature_min=None
        if temperature_c is None
        else SensorExtreme(pack="left", sensor="T1", temperature_c=temperature_c),
        installed_ah=measured[7],
        capacity_ah=measured[8],
        remaining_ah=measured[9],
    )
    said = told(dialect, manners, state, age_s)
    stop_a = manners.stop_limit_a
    for value in every(said, "charge_voltage_limit_V"):
        assert value >= manners.lowest_cvl_v
    for limit, wish, allowed in (
        ("charge", four[1], charge),
        ("discharge", abs(four[2]), discharge),
    ):
        most = max(wish + 0.0501, 0.0) if math.isfinite(wish) else 0.0
        values = [
            *every(said, f"{limit}_current_limit_A"),
            *every(said, f"ongrid_{limit.replace('discharge', 'discharge_cur')}_limit_A"),
        ]
        for value in values:
            assert 0 <= value <= max(most, stop_a)
            assert allowed or value == stop_a
            assert phase is BankPhase.LIVE or value == stop_a
            assert age_s <= 10 or value == stop_a
            assert enabled(said, limit) <= {value > stop_a}
    for soc in every(said, "soc_pct"):
        assert 0 <= soc <= manners.soc_ceiling_percent


# -- a sane bank comes back ------------------------------------------------------------------

HALF_A_BIT = {
    "charge_voltage_limit_V": 0.05,
    "charge_current_limit_A": 0.05,
    "discharge_current_limit_A": 0.05,
    "discharge_voltage_limit_V": 0.05,
    "ongrid_charge_current_limit_A": 0.05,
    "ongrid_discharge_cur_limit_A": 0.05,
    "voltage_V": 0.005,
    "current_A": 0.05,
    "current_raw_A": 0.05,
    "temperature_C": 0.05,
    "soc_pct": 0.5,
    "soc_hires_pct": 0.005,
    "soh_pct": 0.5,
    "cell_voltage_min_V": 0.0005,
    "cell_voltage_max_V": 0.0005,
    "cell_delta_V": 0.0005,
    "cell_temperature_min_C": 0.05,
    "cell_temperature_max_C": 0.05,
    "cell_temperature_min_K": 0.5,
    "cell_temperature_max_K": 0.5,
    "module_temperature_min_C": 0.05,
    "module_temperature_max_C": 0.05,
    "installed_capacity_Ah": 0.5,
    "capacity_available_Ah": 0.5,
    "remaining_capacity_Ah": 0.005,
    "full_capacity_Ah": 0.005,
}
"""Written from the sheets, not from the tables."""
COARSER = {
    ("solark", 0x356, "voltage_V"): 0.05,
    ("deye_pcs", 0x150, "voltage_V"): 0.05,
    ("deye_pcs", 0x150, "soc_pct"): 0.05,
    ("deye_pcs", 0x150, "soh_pct"): 0.05,
    ("pylontech_hv", 0x4210, "voltage_V"): 0.05,
}
LEAST_TOLD = {
    "pylontech_lv": 9,
    "pylontech_plus": 15,
    "victron": 16,
    "byd_lv": 15,
    "sma_si": 10,
    "luxpower": 13,
    "solark": 10,
    "deye_pcs": 22,
    "growatt_lv": 13,
    "pylontech_hv": 14,
}


@pytest.mark.parametrize("name", sorted(DIALECTS))
@settings(max_examples=25, deadline=None)
@given(
    four=st.tuples(st.floats(41, 63), st.floats(0.05, 1200), st.floats(0.05, 1200)),
    dvl=st.floats(41, 48),
    voltage=st.floats(41, 63),
    current=st.floats(-1500, 1500),
    temperatures=st.tuples(st.floats(-40, 20), st.floats(20, 90)),
    soc=st.floats(0, 100),
    soh=st.floats(0, 100),
    cells=st.tuples(st.floats(2.5, 3.3), st.floats(3.3, 4.3)),
    ah=st.floats(1, 600),
)
def test_a_sane_bank_decodes_back_within_half_a_bit(
    *,
    name: str,
    four: tuple[float, float, float],
    dvl: float,
    voltage: float,
    current: float,
    temperatures: tuple[float, float],
    soc: float,
    soh: float,
    cells: tuple[float, float],
    ah: float,
) -> None:
    mean_c = sum(temperatures) / 2
    state = bank_state(
        limits=limits(*four, dvl),
        voltage_v=voltage,
        current_a=current,
        temperature_c=mean_c,
        soc_percent=soc,
        soh_percent=soh,
        cell_min=CellExtreme(pack="left", cell=1, voltage_v=cells[0]),
        cell_max=CellExtreme(pack="left", cell=2, voltage_v=cells[1]),
        temperature_min=SensorExtreme(pack="left", sensor="T1", temperature_c=temperatures[0]),
        temperature_max=SensorExtreme(pack="left", sensor="T2", temperature_c=temperatures[1]),
        installed_ah=ah,
        capacity_ah=ah,
        remaining_ah=ah / 2,
    )
    truth = {
        "charge_voltage_limit_V": four[0],
        "charge_current_limit_A": four[1],
        "discharge_current_limit_A": four[2],
        "discharge_voltage_limit_V": dvl,
        "ongrid_charge_current_limit_A": four[1],
        "ongrid_discharge_cur_limit_A": four[2],
        "voltage_V": voltage,
        "current_A": current,
        "current_raw_A": current,
        "temperature_C": mean_c,
        "soc_pct": soc,
        "soc_hires_pct": soc,
        "soh_pct": soh,
        "cell_voltage_min_V": cells[0],
        "cell_voltage_max_V": cells[1],
        "cell_delta_V": cells[1] - cells[0],
        "cell_temperature_min_C": temperatures[0],
        "cell_temperature_max_C": temperatures[1],
        "cell_temperature_min_K": temperatures[0] + 273,
        "cell_temperature_max_K": temperatures[1] + 273,
        "module_temperature_min_C": temperatures[0],
        "module_temperature_max_C": temperatures[1],
        "installed_capacity_Ah": ah,
        "capacity_available_Ah": ah / 2,
        "remaining_capacity_Ah": ah / 2,
        "full_capacity_Ah": ah,
    }
    checked = 0
    for can_id, signal, value in told(DIALECTS[name], Manners(), state):
        if signal in truth:
            half = COARSER.get((name, can_id, signal), HALF_A_BIT[signal])
            assert value == pytest.approx(truth[signal], abs=half * 1.002), (can_id, signal)
            checked += 1
    assert checked >= LEAST_TOLD[name]
