"""The table of everything that is shown: one row an entity, by device. Pure data.

Classes, units and categories are those that Home Assistant accepts together (2026.11): charge in Ah
and resistance have no device class, only `%` may be a `battery`, a sensor is never `config`.

Keys are part of unique ids and of the published JSON: rename one and every user loses its history.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cellwarden.model import AlarmKind, BankPhase
from cellwarden_homeassistant import getters as g

MEASUREMENT = "measurement"
TOTAL_INCREASING = "total_increasing"
DIAGNOSTIC = "diagnostic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity: what Home Assistant is told of it, and where its value comes from."""

    key: str
    """In the state JSON, in the unique id and as component id."""
    name: str
    """The quantity only: Home Assistant puts the device's name before it."""
    get: Callable[[Any], g.Value]
    """Takes the BankState for controller and bank, the PackState for a pack."""
    platform: str = "sensor"
    device_class: str | None = None
    unit: str | None = None
    state_class: str | None = None
    precision: int | None = None
    """Decimals, published and shown: each changed digit is a row in a database. None for text."""
    category: str | None = None
    icon: str | None = None
    options: tuple[str, ...] = ()
    """Every state that an `enum` can have."""
    enabled: bool = True
    """Whether it is on without the user asking for it."""
    needs_data: bool = True
    """True for what was measured: unavailable while no BMS answers. False for what the controller
    itself says (limits, alarms), which matters most just then."""
    optional: bool = False
    """Announced only once a value was seen: not every BMS has it."""


def _measured(  # the usual sensor: a number with a unit
    key: str,
    name: str,
    get: Callable[[Any], g.Value],
    unit: str,
    precision: int,
    device_class: str | None = None,
    **more: Any,
) -> Entity:
    return Entity(
        key=key,
        name=name,
        get=get,
        unit=unit,
        precision=precision,
        device_class=device_class,
        **{"state_class": MEASUREMENT, **more},
    )


def _text(key: str, name: str, get: Callable[[Any], g.Value], **more: Any) -> Entity:
    return Entity(key=key, name=name, get=get, **{"category": DIAGNOSTIC, **more})


def _binary(
    key: str,
    name: str,
    get: Callable[[Any], g.Value],
    device_class: str | None = None,
    **more: Any,
) -> Entity:
    return Entity(
        key=key, name=name, get=get, platform="binary_sensor", device_class=device_class, **more
    )


def _field(name: str) -> Callable[[Any], g.Value]:
    """Return a getter of a field of the state itself."""

    def get(state: Any) -> g.Value:
        value: g.Value = getattr(state, name)
        return value

    return get


# fmt: off
_DECISIONS = (
    # What the controller decided and why: bank and pack alike, visible while a BMS is lost.
    _binary("problem", "Problem", g.problem, "problem", needs_data=False),
    _binary("protection", "Protection active", g.protecting, "problem", category=DIAGNOSTIC,
            needs_data=False),
    _text("alarms", "Alarms", g.alarm_text, icon="mdi:alert-circle-outline", needs_data=False),
    _measured("cvl", "Charge voltage limit", g.limit_value("charge_voltage"), "V", 2, "voltage",
              needs_data=False),
    _measured("ccl", "Charge current limit", g.limit_value("charge_current"), "A", 1, "current",
              needs_data=False),
    _measured("dcl", "Discharge current limit", g.limit_value("discharge_current"), "A", 1,
              "current", needs_data=False),
    _measured("dvl", "Discharge voltage limit", g.limit_value("discharge_voltage"), "V", 2,
              "voltage", category=DIAGNOSTIC, needs_data=False),
    _text("cvl_reason", "Charge voltage limit reason", g.limit_reason("charge_voltage"),
          icon="mdi:comment-question-outline", needs_data=False),
    _text("ccl_reason", "Charge current limit reason", g.limit_reason("charge_current"),
          icon="mdi:comment-question-outline", needs_data=False),
    _text("dcl_reason", "Discharge current limit reason", g.limit_reason("discharge_current"),
          icon="mdi:comment-question-outline", needs_data=False),
    _text("dvl_reason", "Discharge voltage limit reason", g.limit_reason("discharge_voltage"),
          icon="mdi:comment-question-outline", needs_data=False),
    _binary("charge_allowed", "Charging allowed", _field("charge_allowed"), category=DIAGNOSTIC,
            icon="mdi:battery-plus-outline", needs_data=False),
    _binary("discharge_allowed", "Discharging allowed", _field("discharge_allowed"),
            category=DIAGNOSTIC, icon="mdi:battery-minus-outline", needs_data=False),
)

_ESTIMATES = (
    # Fields of the same name in BankState and PackState.
    _measured("soc", "State of charge", _field("soc_percent"), "%", 1, "battery"),
    _measured("soc_sigma", "State of charge uncertainty", _field("soc_sigma_percent"), "%", 1,
              category=DIAGNOSTIC, icon="mdi:plus-minus-variant"),
    _measured("soh", "State of health", _field("soh_percent"), "%", 1, category=DIAGNOSTIC,
              icon="mdi:battery-heart-variant", optional=True),
    _measured("power", "Power", _field("power_w"), "W", 0, "power"),
    _binary("charging", "Charging", g.charging, "battery_charging"),
    _measured("remaining_capacity", "Remaining capacity", _field("remaining_ah"), "Ah", 1,
              icon="mdi:battery-medium"),
    _measured("full_capacity", "Full capacity", _field("capacity_ah"), "Ah", 1,
              category=DIAGNOSTIC, icon="mdi:battery-high"),
    _measured("cell_min_voltage", "Lowest cell voltage", g.cell_voltage("cell_min"), "V", 3,
              "voltage"),
    _measured("cell_max_voltage", "Highest cell voltage", g.cell_voltage("cell_max"), "V", 3,
              "voltage"),
    _measured("cell_difference", "Cell difference", g.cell_difference_mv, "mV", 0, "voltage"),
    _measured("temperature_min", "Lowest temperature", g.temperature("temperature_min"), "°C", 1,
              "temperature"),
    _measured("temperature_max", "Highest temperature", g.temperature("temperature_max"), "°C", 1,
              "temperature"),
)

BRIDGE: tuple[Entity, ...] = (
    Entity(key="phase", name="State", get=lambda bank: bank.phase.value, device_class="enum",
           options=tuple(phase.value for phase in BankPhase), needs_data=False),
    Entity(key="packs_online", name="Packs online", get=lambda bank: len(bank.online),
           state_class=MEASUREMENT, precision=0, icon="mdi:battery-check", needs_data=False),
    Entity(key="packs_lost", name="Packs lost", get=lambda bank: len(bank.lost),
           state_class=MEASUREMENT, precision=0, icon="mdi:battery-unknown", needs_data=False),
    _text("lost_packs", "Names of lost packs", g.lost_packs, icon="mdi:battery-unknown",
          needs_data=False),
    _measured("data_age", "Data age", _field("data_age_s"), "s", 1, "duration",
              category=DIAGNOSTIC, enabled=False, needs_data=False),
)
"""The controller's own; always available while it runs."""

BANK: tuple[Entity, ...] = (
    _measured("voltage", "Voltage", _field("voltage_v"), "V", 2, "voltage"),
    _measured("current", "Current", g.current_a, "A", 1, "current"),
    *_ESTIMATES,
    _measured("charging_power", "Charging power", g.charging_power_w, "W", 0, "power"),
    _measured("discharging_power", "Discharging power", g.discharging_power_w, "W", 0, "power"),
    _measured("installed_capacity", "Installed capacity", _field("installed_ah"), "Ah", 0,
              category=DIAGNOSTIC, icon="mdi:battery-high", needs_data=False),
    _measured("temperature", "Temperature", _field("temperature_c"), "°C", 1, "temperature"),
    _text("cell_min_place", "Place of lowest cell", g.cell_place("cell_min"),
          icon="mdi:map-marker-outline"),
    _text("cell_max_place", "Place of highest cell", g.cell_place("cell_max"),
          icon="mdi:map-marker-outline"),
    Entity(key="cycles", name="Cycles", get=_field("cycles"), state_class=TOTAL_INCREASING,
           precision=0, category=DIAGNOSTIC, icon="mdi:battery-sync", optional=True),
    *_DECISIONS,
    *(
        _binary(f"alarm_{kind.name.lower()}", f"Alarm: {kind.value}",
                g.has_alarm(kind), "problem", category=DIAGNOSTIC, needs_data=False)
        for kind in AlarmKind
    ),
)

_PACK = (
    _measured("voltage", "Voltage", g.read("voltage_v"), "V", 2, "voltage"),
    _measured("current", "Current", g.current_a, "A", 2, "current"),
    *_ESTIMATES,
    _text("soc_basis", "State of charge basis", _field("soc_basis"),
          icon="mdi:information-outline"),
    _measured("bms_soc", "State of charge by the BMS", g.read("soc_percent"), "%", 0,
              category=DIAGNOSTIC, icon="mdi:battery-50", optional=True),
    Entity(key="cell_min_number", name="Number of lowest cell", get=g.cell_number("cell_min"),
           precision=0, category=DIAGNOSTIC, icon="mdi:numeric"),
    Entity(key="cell_max_number", name="Number of highest cell", get=g.cell_number("cell_max"),
           precision=0, category=DIAGNOSTIC, icon="mdi:numeric"),
    Entity(key="cycles", name="Cycles", get=g.read("cycles"), state_class=TOTAL_INCREASING,
           precision=0, category=DIAGNOSTIC, icon="mdi:battery-sync", optional=True),
    _measured("discharged_charge", "Discharged charge", g.read("cycle_charge_ah"), "Ah", 0,
              state_class=TOTAL_INCREASING, category=DIAGNOSTIC, icon="mdi:counter",
              optional=True),
    _measured("mos_temperature", "MOSFET temperature", g.read("mos_temperature_c"), "°C", 1,
              "temperature", category=DIAGNOSTIC, optional=True),
    _binary("charge_fet", "Charge MOSFET", g.read("charge_fet_on"), "power", category=DIAGNOSTIC,
            optional=True),
    _binary("discharge_fet", "Discharge MOSFET", g.read("discharge_fet_on"), "power",
            category=DIAGNOSTIC, optional=True),
    _binary("balancing", "Balancing", g.read("balancing"), "running", category=DIAGNOSTIC,
            optional=True),
    _measured("balance_current", "Balance current", g.read("balance_current_a"), "A", 2,
              "current", category=DIAGNOSTIC, optional=True),
    _binary("heating", "Heating", g.read("heating"), "running", category=DIAGNOSTIC,
            optional=True),
    _measured("runtime", "Total running time", g.runtime_h, "h", 0, "duration",
              state_class=TOTAL_INCREASING, category=DIAGNOSTIC, enabled=False, optional=True),
    _text("alarm_word", "Alarm bits", g.alarm_word, icon="mdi:hexadecimal", enabled=False,
          optional=True),
    *_DECISIONS,
    _binary("reachable", "BMS reachable", g.reachable, "connectivity", category=DIAGNOSTIC,
            needs_data=False),
    _text("not_believed", "Values not believed", g.not_believed, icon="mdi:help-rhombus-outline",
          needs_data=False),
    _measured("data_age", "Data age", _field("age_s"), "s", 1, "duration", category=DIAGNOSTIC,
              enabled=False, needs_data=False),
    _measured("link_quality", "Polls answered", g.answered_percent, "%", 1, category=DIAGNOSTIC,
              icon="mdi:signal", enabled=False, needs_data=False, optional=True),
    Entity(key="bad_frames", name="Bad frames", get=g.bad_frames, state_class=TOTAL_INCREASING,
           precision=0, category=DIAGNOSTIC, icon="mdi:alert-octagon-outline", enabled=False,
           needs_data=False, optional=True),
    _text("link_error", "Last link error", g.link_error, icon="mdi:lan-disconnect",
          enabled=False, needs_data=False, optional=True),
)


@lru_cache(maxsize=64)
def pack_entities(cells: int, temperatures: int, wires: int) -> tuple[Entity, ...]:
    """Return a pack's entities, for so many cells, battery sensors and balance leads.

    Numbers are padded to two digits, because device pages sort by name; no BMS has 100 cells.
    """
    return (
        *_PACK,
        *(
            _measured(f"cell_{n:02}_voltage", f"Cell {n:02} voltage",
                      g.item("cell_voltages_v", n - 1), "V", 3, "voltage", category=DIAGNOSTIC)
            for n in range(1, cells + 1)
        ),
        *(
            _measured(f"temperature_{n:02}", f"Temperature {n:02}",
                      g.item("temperatures_c", n - 1), "°C", 1, "temperature")
            for n in range(1, temperatures + 1)
        ),
        *(
            _measured(f"wire_{n:02}_resistance", f"Balance lead {n:02} resistance",
                      g.item("wire_resistances_ohm", n - 1, 1000.0), "mΩ", 1,
                      category=DIAGNOSTIC, icon="mdi:omega", enabled=False)
            for n in range(1, wires + 1)
        ),
    )
# fmt: on
