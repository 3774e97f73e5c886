"""States as they are published, and any states that there could be, for Hypothesis."""

from dataclasses import replace

from hypothesis import strategies as st

from cellwarden.model import (
    PARAMETERS,
    Alarm,
    AlarmKind,
    Balancing,
    CellEstimate,
    CellExtreme,
    ChargeMode,
    Counters,
    Estimated,
    Extreme,
    Finding,
    Heating,
    Identity,
    LinkQuality,
    Order,
    Orders,
    PackPhase,
    Prediction,
    Quarantine,
    SensorExtreme,
    Severity,
)
from cellwarden_homeassistant import state_payload
from cellwarden_homeassistant.entity import View
from support.states import bank_state, limits, pack_state, told_pack


def state_of(entities, state, **more):
    """What is published of a bank's or a pack's state."""
    pack = state if hasattr(state, "reading") else None
    bank = more.pop("bank", bank_state() if pack else state)
    view = View(bank=bank, pack=pack, started="2026-11-26T06:00:00+00:00", **more)
    return state_payload.joined([state_payload.Part(entities).write(state, view)])


numbers = st.none() | st.floats() | st.floats(-1000, 1000)
texts = st.text(max_size=300)
extremes = st.none() | st.builds(
    CellExtreme, pack=texts, cell=st.integers(1, 32), voltage_v=st.floats()
)
sensors = st.none() | st.builds(SensorExtreme, pack=texts, sensor=texts, temperature_c=st.floats())
alarms = st.lists(
    st.builds(
        Alarm,
        kind=st.sampled_from(AlarmKind),
        severity=st.sampled_from(Severity),
        pack=texts,
        since_s=st.floats(),
        value=numbers,
        where=texts,
    ),
    max_size=4,
).map(tuple)
links = st.none() | st.builds(
    LinkQuality, asked=st.integers(0, 9), answered=st.integers(0, 9), last_error=texts
)
doubts = st.lists(
    st.builds(
        Quarantine, what=texts, value=texts, why=texts, since_s=st.floats(), until_s=st.floats()
    ),
    max_size=2,
).map(tuple)


SETTING_NAMES = [spec.name for spec in PARAMETERS]
estimates = st.none() | st.builds(Estimated, value=st.floats(), sigma=st.floats())
counters = st.none() | st.builds(
    Counters,
    charged_wh=st.floats(),
    discharged_wh=st.floats(),
    charged_ah=st.floats(),
    discharged_ah=st.floats(),
    cycles=st.floats(),
    full_charges=st.integers(),
    since_full_s=numbers,
    alarms=st.dictionaries(texts, st.integers(), max_size=2),
    extremes=st.dictionaries(
        st.sampled_from(["cell_voltage_max_v", "soc_min_percent"]),
        st.builds(Extreme, value=st.floats(), where=texts, runtime_s=st.floats()),
    ),
)
predictions = st.none() | st.builds(
    Prediction,
    charge_power_10s_w=estimates,
    time_to_full_s=estimates,
    time_to_empty_s=estimates,
    energy_left_wh=estimates,
)
balancings = st.none() | st.builds(
    Balancing,
    wanted=st.booleans(),
    active=st.none() | st.booleans(),
    why=texts,
    giving=st.none() | st.integers(),
    debt_ah=st.lists(st.floats(), max_size=3).map(tuple),
    done_in_s=numbers,
    loss_wh=numbers,
)
heatings = st.none() | st.builds(
    Heating,
    wanted=st.booleans(),
    active=st.none() | st.booleans(),
    why=texts,
    power_w=numbers,
    energy_wh=st.floats(),
    ready_in_s=numbers,
)
cells = st.builds(
    CellEstimate,
    cell=st.integers(1, 32),
    soc_percent=numbers,
    capacity_ah=numbers,
    resistance_ohm=numbers,
    self_discharge_a=numbers,
)
finds = st.builds(
    Finding, code=texts, what=texts, evidence=texts, confidence=st.floats(), procedure=texts
)
orders = st.builds(
    Orders,
    charge_current_a=st.none() | st.builds(Order, value=st.floats(), who=texts, until_s=numbers),
    target_soc_percent=st.none() | st.builds(Order, value=st.floats(), who=texts),
    charge_block=st.none() | st.builds(Order, value=st.just(1.0), who=texts),
    mode=st.sampled_from(ChargeMode),
    out=st.frozensets(texts, max_size=2),
)


@st.composite
def any_pack(draw):
    """Any pack state, the impossible ones included."""
    reading = replace(
        pack_state().reading,
        cell_voltages_v=tuple(draw(st.lists(numbers, max_size=20))),
        temperatures_c=tuple(draw(st.lists(numbers, max_size=4))),
        wire_resistances_ohm=tuple(draw(st.lists(numbers, max_size=20))),
        voltage_v=draw(numbers),
        current_a=draw(numbers),
        mos_temperature_c=draw(numbers),
        balance_current_a=draw(numbers),
        runtime_s=draw(numbers),
        cycles=draw(st.none() | st.integers()),
        alarm_bits=draw(st.none() | st.integers(0, 2**32)),
        heating=draw(st.none() | st.booleans()),
        settings=draw(
            st.none() | st.dictionaries(st.sampled_from(SETTING_NAMES), st.floats(), max_size=5)
        ),
    )
    return told_pack(
        reading=draw(st.sampled_from((reading, None))),
        phase=draw(st.sampled_from(PackPhase)),
        limits=limits(*(draw(st.floats()) for _ in range(4))),
        alarms=draw(alarms),
        quarantined=draw(doubts),
        soc_percent=draw(numbers),
        soc_sigma_percent=draw(numbers),
        soc_basis=draw(texts),
        power_w=draw(numbers),
        capacity_ah=draw(numbers),
        age_s=draw(numbers),
        cell_min=draw(extremes),
        cell_max=draw(extremes),
        temperature_min=draw(sensors),
        link=draw(links),
        counters=draw(counters),
        prediction=draw(predictions),
        balancing=draw(balancings),
        heating=draw(heatings),
        cells=tuple(draw(st.lists(cells, max_size=17))),
        findings=tuple(draw(st.lists(finds, max_size=3))),
        identity=draw(st.none() | st.builds(Identity, serial_number=texts, model=texts)),
    )
