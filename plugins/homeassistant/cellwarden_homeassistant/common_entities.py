"""The tables of what a bank and a pack show alike. Pure data."""

from functools import partial
from typing import Any

from cellwarden.model import ChargePhase
from cellwarden_homeassistant import getters as g
from cellwarden_homeassistant import insight_getters as i
from cellwarden_homeassistant.entity import (
    DIAGNOSTIC,
    Entity,
    Pace,
    binary,
    choice,
    field,
    measured,
    text,
)

said: Any = partial(text, needs_data=False)
"""A line that the controller itself says, visible while a BMS is lost."""
limit: Any = partial(measured, needs_data=False)
limit_reason: Any = partial(said, icon="mdi:comment-question-outline")

# fmt: off
DECISIONS: tuple[Entity, ...] = (
    # What the controller decided and why.
    binary("problem", "Problem", g.problem, "problem", needs_data=False),
    binary("protection", "Protection active", g.protecting, "problem", category=DIAGNOSTIC,
           needs_data=False),
    said("alarms", "Alarms", g.alarm_text, icon="mdi:alert-circle-outline"),
    limit("cvl", "Charge voltage limit", g.limit_value("charge_voltage"), "V", 2, "voltage",
          attribute=("reason", "cvl_reason")),
    limit("ccl", "Charge current limit", g.limit_value("charge_current"), "A", 1, "current",
          attribute=("reason", "ccl_reason")),
    limit("dcl", "Discharge current limit", g.limit_value("discharge_current"), "A", 1, "current",
          attribute=("reason", "dcl_reason")),
    limit("dvl", "Discharge voltage limit", g.limit_value("discharge_voltage"), "V", 2, "voltage",
          attribute=("reason", "dvl_reason"), category=DIAGNOSTIC),
    limit_reason("cvl_reason", "Charge voltage limit reason", g.limit_reason("charge_voltage")),
    limit_reason("ccl_reason", "Charge current limit reason", g.limit_reason("charge_current")),
    limit_reason("dcl_reason", "Discharge current limit reason",
                 g.limit_reason("discharge_current")),
    limit_reason("dvl_reason", "Discharge voltage limit reason",
                 g.limit_reason("discharge_voltage")),
    binary("charge_allowed", "Charging allowed", field("charge_allowed"), category=DIAGNOSTIC,
           icon="mdi:battery-plus-outline", needs_data=False),
    binary("discharge_allowed", "Discharging allowed", field("discharge_allowed"),
           category=DIAGNOSTIC, icon="mdi:battery-minus-outline", needs_data=False),
    choice("charge_phase", "Charge phase", i.phase, ChargePhase, needs_data=False, optional=True),
    said("findings", "Findings", i.finding_text, icon="mdi:stethoscope"),
    said("evidence", "Evidence of findings", i.evidence, icon="mdi:magnify", enabled=False,
         pace=Pace.SLOW),
    binary("finding_urgent", "Urgent finding", i.something_urgent, "problem", category=DIAGNOSTIC,
           needs_data=False),
    said("repair", "Repair procedure", i.repair, icon="mdi:tools"),
)

ESTIMATES: tuple[Entity, ...] = (
    # Fields of the same name in BankState and PackState.
    measured("soc", "State of charge", field("soc_percent"), "%", 1, "battery"),
    measured("soc_sigma", "State of charge uncertainty", field("soc_sigma_percent"), "%", 1,
             category=DIAGNOSTIC, icon="mdi:plus-minus-variant"),
    measured("soh", "State of health", field("soh_percent"), "%", 1, category=DIAGNOSTIC,
             icon="mdi:battery-heart-variant", optional=True),
    measured("power", "Power", field("power_w"), "W", 0, "power"),
    binary("charging", "Charging", g.charging, "battery_charging"),
    measured("charging_power", "Charging power", g.charging_power_w, "W", 0, "power"),
    measured("discharging_power", "Discharging power", g.discharging_power_w, "W", 0, "power"),
    measured("remaining_capacity", "Remaining capacity", field("remaining_ah"), "Ah", 1,
             icon="mdi:battery-medium"),
    measured("full_capacity", "Full capacity", field("capacity_ah"), "Ah", 1,
             category=DIAGNOSTIC, icon="mdi:battery-high", pace=Pace.SLOW),
    measured("cell_min_voltage", "Lowest cell voltage", g.cell_voltage("cell_min"), "V", 3,
             "voltage"),
    measured("cell_max_voltage", "Highest cell voltage", g.cell_voltage("cell_max"), "V", 3,
             "voltage"),
    measured("cell_difference", "Cell difference", g.cell_difference_mv, "mV", 0, "voltage"),
    measured("temperature_min", "Lowest temperature", g.temperature("temperature_min"), "°C", 1,
             "temperature"),
    measured("temperature_max", "Highest temperature", g.temperature("temperature_max"), "°C", 1,
             "temperature"),
    measured("time_to_full", "Time to full", i.expected("time_to_full_s", 1 / 60), "min", 0,
             "duration", optional=True),
    measured("time_to_empty", "Time to empty", i.expected("time_to_empty_s", 1 / 60), "min", 0,
             "duration", optional=True),
    measured("energy_left", "Energy left", i.expected("energy_left_wh", 1 / 1000), "kWh", 2,
             "energy_storage", optional=True),
    *(
        measured(f"{way}_power_{seconds}s", f"{way.capitalize()} power for {seconds} s",
                 i.expected(f"{way}_power_{seconds}s_w"), "W", 0, "power", category=DIAGNOSTIC,
                 enabled=False, optional=True, minimum=0)
        for way in ("charge", "discharge")
        for seconds in (10, 60)
    ),
)
# fmt: on
