"""The tables of everything that is shown of the controller and of the bank. Pure data."""

from cellwarden.model import AlarmKind, BankPhase
from cellwarden_homeassistant import getters as g
from cellwarden_homeassistant import insight_getters as i
from cellwarden_homeassistant.common_entities import DECISIONS, ESTIMATES, said
from cellwarden_homeassistant.entity import (
    DIAGNOSTIC,
    MEASUREMENT,
    TOTAL_INCREASING,
    Entity,
    Pace,
    binary,
    choice,
    counted,
    field,
    measured,
    text,
)

# fmt: off
BRIDGE: tuple[Entity, ...] = (
    choice("phase", "State", lambda bank: bank.phase.value, BankPhase, needs_data=False),
    Entity(key="packs_online", name="Packs online", get=lambda bank: len(bank.online),
           state_class=MEASUREMENT, precision=0, icon="mdi:battery-check", needs_data=False),
    Entity(key="packs_lost", name="Packs lost", get=lambda bank: len(bank.lost),
           state_class=MEASUREMENT, precision=0, icon="mdi:battery-unknown", needs_data=False),
    said("lost_packs", "Names of lost packs", g.lost_packs, icon="mdi:battery-unknown"),
    measured("data_age", "Data age", field("data_age_s"), "s", 1, "duration",
             category=DIAGNOSTIC, enabled=False, needs_data=False, pace=Pace.SLOW),
    Entity(key="online_since", name="Online since", get=lambda view: view.started, whole=True,
           device_class="timestamp", category=DIAGNOSTIC, needs_data=False, pace=Pace.SLOW),
    binary("inverter_link", "Inverter link", i.inverter_link, "connectivity", category=DIAGNOSTIC,
           needs_data=False, optional=True, after_true=True),
    said("inverter", "Inverter", i.inverter_text, icon="mdi:power-plug-battery"),
    measured("inverter_voltage", "Inverter voltage", i.inverter("voltage_v"), "V", 2, "voltage",
             category=DIAGNOSTIC, needs_data=False, optional=True),
    measured("inverter_current", "Inverter current", i.inverter("current_a"), "A", 1, "current",
             category=DIAGNOSTIC, needs_data=False, optional=True),
)
"""The controller's own; always available while it runs."""

BANK: tuple[Entity, ...] = (
    measured("voltage", "Voltage", field("voltage_v"), "V", 2, "voltage"),
    measured("current", "Current", g.current_a, "A", 1, "current"),
    *ESTIMATES,
    measured("energy_charged", "Energy charged", g.bank_energy_kwh("charged_wh"), "kWh", 3,
             "energy", state_class=TOTAL_INCREASING, whole=True, optional=True, needs_data=False),
    measured("energy_discharged", "Energy discharged", g.bank_energy_kwh("discharged_wh"), "kWh",
             3, "energy", state_class=TOTAL_INCREASING, whole=True, optional=True,
             needs_data=False),
    measured("installed_capacity", "Installed capacity", field("installed_ah"), "Ah", 0,
             category=DIAGNOSTIC, icon="mdi:battery-high", needs_data=False, pace=Pace.SLOW),
    measured("temperature", "Temperature", field("temperature_c"), "°C", 1, "temperature"),
    text("cell_min_place", "Place of lowest cell", g.cell_place("cell_min"),
         icon="mdi:map-marker-outline", pace=Pace.CELLS),
    text("cell_max_place", "Place of highest cell", g.cell_place("cell_max"),
         icon="mdi:map-marker-outline", pace=Pace.CELLS),
    counted("cycles", "Cycles", field("cycles"), icon="mdi:battery-sync", optional=True),
    *DECISIONS,
    binary("full_charge_ordered", "Full charge ordered", i.ordered("full_charge"),
           category=DIAGNOSTIC, icon="mdi:battery-arrow-up", needs_data=False),
    said("orders", "Orders", i.order_text, icon="mdi:clipboard-list-outline"),
    measured("orders_end", "Orders end in", i.orders_end_min, "min", 0, "duration",
             category=DIAGNOSTIC, needs_data=False),
    *(
        binary(f"alarm_{kind.name.lower()}", f"Alarm: {kind.value}", g.has_alarm(kind), "problem",
               category=DIAGNOSTIC, needs_data=False)
        for kind in AlarmKind
    ),
)
# fmt: on
