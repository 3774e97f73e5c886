"""Names of the repair procedures that findings open: stable, for people and programs to refer to.

The manual's own four come first (R49-R52). What a procedure does is written where it is carried
out; here stands only what it is called and what it is for.
"""

PROCESSOR_EXCEPTION = "processor-exception"
CELL_COUNT_DIFFERS = "cell-count-differs"
DOES_NOT_START = "does-not-start"
OVER_TEMPERATURE = "over-temperature"

BALANCE_LEAD = "balance-lead"
LEADS_SWAPPED = "balance-leads-swapped"
TEMPERATURE_SENSOR = "temperature-sensor"
FET = "fet-does-not-follow"
CURRENT_SENSOR = "current-sensor"
VOLTAGE_CALIBRATION = "voltage-calibration"
WEAK_CELL = "weak-cell"
CONNECTION = "power-connection"
BALANCING = "balancing"
HEATER = "heater"
SOC = "state-of-charge"
SETTINGS = "settings"
SUPPLY = "bms-supply"
CHARGER = "charger-settings"
LINK = "data-link"
CABLE_RUN = "cable-run"
LOW_CELL = "low-cell"
HIGH_CELL = "high-cell"
OVER_CURRENT = "over-current"

PROCEDURES: dict[str, str] = {
    PROCESSOR_EXCEPTION: "the BMS reports an internal communication fault (R49)",
    CELL_COUNT_DIFFERS: "cells seen and cells set differ, or a cell is lost (R50)",
    DOES_NOT_START: "the BMS does not answer or does not start (R51)",
    OVER_TEMPERATURE: "over-temperature is reported though nothing is hot (R52)",
    BALANCE_LEAD: "a balance lead has a high resistance or is open (R31)",
    LEADS_SWAPPED: "balance leads are in the wrong order (R39)",
    TEMPERATURE_SENSOR: "a temperature sensor is missing, shorted, stuck or apart",
    FET: "a MOSFET is open or closed against its switch",
    CURRENT_SENSOR: "the current has an offset or the wrong sign (R43)",
    VOLTAGE_CALIBRATION: "the pack voltage and the sum of the cells differ (R42)",
    WEAK_CELL: "a cell has low capacity, high resistance or discharges by itself",
    CONNECTION: "a lug, bus bar or cell connection has a high resistance",
    BALANCING: "the cells are apart and the balancer does not bring them together",
    HEATER: "the heater draws nothing, warms nothing or never stops (R36)",
    SOC: "the BMS's own state of charge drifts",
    SETTINGS: "the BMS's settings contradict each other or the cells",
    SUPPLY: "the BMS restarts by itself",
    CHARGER: "a charger goes on above the charge voltage it was told",
    LINK: "frames are lost or damaged on the way",
    CABLE_RUN: "a cable run between pack, charger and inverter drops too much (R44)",
    LOW_CELL: "a cell is under its protection voltage (code 1)",
    HIGH_CELL: "a cell is over its protection voltage (code 2)",
    OVER_CURRENT: "more current than is set, or a short circuit (codes 3 and 6)",
}
"""Name → what it is opened for."""
