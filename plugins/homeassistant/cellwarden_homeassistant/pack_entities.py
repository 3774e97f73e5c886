"""The tables of everything that is shown of a pack. Pure data."""

from functools import lru_cache, partial
from typing import Any

from cellwarden.model import Standing
from cellwarden_homeassistant import getters as g
from cellwarden_homeassistant import insight_getters as i
from cellwarden_homeassistant.common_entities import DECISIONS, ESTIMATES, said
from cellwarden_homeassistant.entity import (
    DIAGNOSTIC,
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

_told: Any = partial(measured, category=DIAGNOSTIC, optional=True)
_energy: Any = partial(measured, unit="kWh", precision=3, device_class="energy", optional=True,
                       state_class=TOTAL_INCREASING)  # fmt: skip
_rarely: Any = partial(
    measured, category=DIAGNOSTIC, optional=True, enabled=False, pace=Pace.SLOW, needs_data=False
)

# fmt: off
_MEASURED = (
    measured("voltage", "Voltage", g.read("voltage_v"), "V", 2, "voltage"),
    measured("current", "Current", g.current_a, "A", 2, "current"),
    *ESTIMATES,
    text("soc_basis", "State of charge basis", field("soc_basis"),
         icon="mdi:information-outline"),
    _told("bms_soc", "State of charge by the BMS", g.read("soc_percent"), "%", 0,
          icon="mdi:battery-50"),
    Entity(key="cell_min_number", name="Number of lowest cell", get=g.cell_number("cell_min"),
           precision=0, category=DIAGNOSTIC, icon="mdi:numeric", pace=Pace.CELLS),
    Entity(key="cell_max_number", name="Number of highest cell", get=g.cell_number("cell_max"),
           precision=0, category=DIAGNOSTIC, icon="mdi:numeric", pace=Pace.CELLS),
    _told("mos_temperature", "MOSFET temperature", g.read("mos_temperature_c"), "°C", 1,
          "temperature"),
    binary("charge_fet", "Charge MOSFET", g.read("charge_fet_on"), "power", category=DIAGNOSTIC,
           optional=True),
    binary("discharge_fet", "Discharge MOSFET", g.read("discharge_fet_on"), "power",
           category=DIAGNOSTIC, optional=True),
    text("notices", "Notices of the BMS", g.notices, icon="mdi:information-outline",
         pace=Pace.SLOW),
    text("log_line", "Last line of the BMS's log", g.last_log_line, icon="mdi:notebook-outline",
         optional=True, pace=Pace.SLOW),
    text("alarm_word", "Alarm bits", g.alarm_word, icon="mdi:hexadecimal", enabled=False,
         optional=True),
)

_BALANCING = (
    binary("balancing", "Balancing", g.read("balancing"), "running", category=DIAGNOSTIC,
           optional=True),
    _told("balance_current", "Balance current", g.read("balance_current_a"), "A", 2, "current"),
    text("balance_cells", "Balanced cells", i.balancing_cells, icon="mdi:scale-balance",
         optional=True, pace=Pace.CELLS),
    binary("balance_wanted", "Balancing wanted", i.part("balancing", "wanted"),
           category=DIAGNOSTIC, icon="mdi:scale-balance", optional=True),
    text("balance_reason", "Balancing reason", i.part("balancing", "why"),
         icon="mdi:comment-question-outline", optional=True),
    _told("balance_spread", "Charge between fullest and emptiest cell", i.balance_spread_ah, "Ah",
          2, icon="mdi:scale-unbalanced", pace=Pace.SLOW),
    _told("balance_time", "Time to balanced", i.part("balancing", "done_in_s", 1 / 3600), "h", 1,
          "duration", pace=Pace.SLOW),
    _told("balance_loss", "Loss until balanced", i.part("balancing", "loss_wh", 1 / 1000), "kWh",
          3, icon="mdi:fire", pace=Pace.SLOW, enabled=False),
)

_HEATING = (
    binary("heating", "Heating", g.heating, "running", category=DIAGNOSTIC, optional=True),
    binary("heating_wanted", "Heating wanted", i.part("heating", "wanted"), category=DIAGNOSTIC,
           icon="mdi:radiator", optional=True),
    text("heating_reason", "Heating reason", i.part("heating", "why"),
         icon="mdi:comment-question-outline", optional=True),
    _told("heating_power", "Heating power", i.part("heating", "power_w"), "W", 0, "power"),
    _energy("heating_energy", "Heating energy", i.part("heating", "energy_wh", 1 / 1000),
            category=DIAGNOSTIC, pace=Pace.SLOW),
    _told("heating_time", "Time to warm enough", i.part("heating", "ready_in_s", 1 / 60), "min", 0,
          "duration"),
)

_COUNTED = (
    _energy("energy_charged", "Energy charged", i.part("counters", "charged_wh", 1 / 1000),
            needs_data=False),
    _energy("energy_discharged", "Energy discharged",
            i.part("counters", "discharged_wh", 1 / 1000), needs_data=False),
    counted("cycles", "Cycles", g.read("cycles"), icon="mdi:battery-sync", optional=True),
    counted("counted_cycles", "Cycles by throughput", i.part("counters", "cycles"), precision=1,
            icon="mdi:battery-sync", optional=True, needs_data=False, enabled=False),
    counted("discharged_charge", "Discharged charge by the BMS", g.read("cycle_charge_ah"),
            unit="Ah", icon="mdi:counter", optional=True),
    counted("charge_in", "Charge in", i.part("counters", "charged_ah"), unit="Ah", precision=1,
            icon="mdi:counter", optional=True, needs_data=False, enabled=False),
    counted("charge_out", "Charge out", i.part("counters", "discharged_ah"), unit="Ah",
            precision=1, icon="mdi:counter", optional=True, needs_data=False, enabled=False),
    counted("full_charges", "Full charges", i.part("counters", "full_charges"),
            icon="mdi:battery-charging-100", optional=True, needs_data=False),
    _rarely("since_full", "Time since full", i.part("counters", "since_full_s", 1 / 86400), "d", 1,
            "duration", enabled=True),
    counted("trips", "Protection trips", i.trips, icon="mdi:shield-alert-outline", optional=True,
            needs_data=False),
    counted("runtime", "Total running time", g.runtime_h, unit="h", device_class="duration",
            enabled=False, optional=True),
    *(
        _rarely(key, name, i.extreme(of), unit, precision, device_class)
        for key, name, of, unit, precision, device_class in (
            ("ever_cell_max", "Highest cell voltage ever", "cell_voltage_max_v", "V", 3, "voltage"),
            ("ever_cell_min", "Lowest cell voltage ever", "cell_voltage_min_v", "V", 3, "voltage"),
            ("ever_charge", "Highest charge current ever", "current_max_a", "A", 1, "current"),
            ("ever_discharge", "Highest discharge current ever", "current_min_a", "A", 1,
             "current"),
            ("ever_hot", "Highest temperature ever", "temperature_max_c", "°C", 1, "temperature"),
            ("ever_cold", "Lowest temperature ever", "temperature_min_c", "°C", 1, "temperature"),
            ("ever_mos_hot", "Highest MOSFET temperature ever", "mos_temperature_max_c", "°C", 1,
             "temperature"),
        )
    ),
    _rarely("ever_empty", "Lowest state of charge ever", i.extreme("soc_min_percent"), "%", 1,
            icon="mdi:battery-outline"),
)

_SAID = (
    *DECISIONS,
    said("error_codes", "Error codes", i.error_codes, icon="mdi:numeric-9-plus-box-outline"),
    choice("standing", "Part in the bank", i.standing, Standing, whole=True, needs_data=False,
           optional=True),
    said("standing_reason", "Part in the bank reason", i.standing_reason, whole=True,
         icon="mdi:comment-question-outline", optional=True),
    *(
        measured(f"{way}_share", f"Share of the {way} current limit", i.share(f"{way}_share_a"),
                 "A", 1, "current", category=DIAGNOSTIC, enabled=False, needs_data=False,
                 optional=True, whole=True, pace=Pace.CELLS)
        for way in ("charge", "discharge")
    ),
    binary("reachable", "BMS reachable", g.reachable, "connectivity", category=DIAGNOSTIC,
           needs_data=False),
    said("not_believed", "Values not believed", g.not_believed, icon="mdi:help-rhombus-outline"),
    measured("data_age", "Data age", field("age_s"), "s", 1, "duration", category=DIAGNOSTIC,
             enabled=False, needs_data=False, pace=Pace.SLOW),
    _rarely("link_quality", "Polls answered", g.answered_percent, "%", 1, icon="mdi:signal"),
    counted("bad_frames", "Bad frames", g.bad_frames, icon="mdi:alert-octagon-outline",
            enabled=False, needs_data=False, optional=True),
    said("link_error", "Last link error", g.link_error, icon="mdi:lan-disconnect", enabled=False,
         optional=True),
)

PACK: tuple[Entity, ...] = (*_MEASURED, *_BALANCING, *_HEATING, *_COUNTED, *_SAID)
"""What does not depend on the number of cells, sensors and leads."""


@lru_cache(maxsize=64)
def pack_entities(cells: int, temperatures: int, wires: int) -> tuple[Entity, ...]:
    """Return a pack's entities, for so many cells, battery sensors and balance leads.

    Numbers are padded to two digits, because device pages sort by name; no BMS has 100 cells.
    """
    return (
        *PACK,
        *(entity for n in range(1, cells + 1) for entity in _of_cell(n)),
        *(
            measured(f"temperature_{n:02}", f"Temperature {n:02}", g.item("temperatures_c", n - 1),
                     "°C", 1, "temperature")
            for n in range(1, temperatures + 1)
        ),
        *(
            measured(f"wire_{n:02}_resistance", f"Balance lead {n:02} resistance",
                     g.item("wire_resistances_ohm", n - 1, 1000.0), "mΩ", 1,
                     category=DIAGNOSTIC, icon="mdi:omega", enabled=False, pace=Pace.SLOW)
            for n in range(1, wires + 1)
        ),
    )


def _of_cell(n: int) -> tuple[Entity, ...]:
    estimate = partial(i.estimate, index=n - 1)
    return (
        measured(f"cell_{n:02}_voltage", f"Cell {n:02} voltage", g.item("cell_voltages_v", n - 1),
                 "V", 3, "voltage", category=DIAGNOSTIC, pace=Pace.CELLS),
        _rarely(f"cell_{n:02}_soc", f"Cell {n:02} state of charge", estimate("soc_percent"), "%",
                1, icon="mdi:battery-50"),
        _rarely(f"cell_{n:02}_capacity", f"Cell {n:02} capacity", estimate("capacity_ah"), "Ah",
                1, icon="mdi:battery-high"),
        _rarely(f"cell_{n:02}_resistance", f"Cell {n:02} resistance",
                estimate("resistance_ohm", factor=1000.0), "mΩ", 2, icon="mdi:omega"),
        _rarely(f"cell_{n:02}_self_discharge", f"Cell {n:02} self-discharge",
                estimate("self_discharge_a", factor=1000.0), "mA", 1, "current"),
    )
# fmt: on
