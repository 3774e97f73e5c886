"""Every finding in one table; the page `docs/diagnosis.md` shows it and a test compares both."""

from cellwarden.diagnosis import (
    calibration,
    rules_alarms,
    rules_balancing,
    rules_cells,
    rules_device,
    rules_leads,
    rules_measuring,
    rules_sensors,
)
from cellwarden.diagnosis.bank_rules import BANK_RULES, BankRule
from cellwarden.diagnosis.rule import Rule

RULES: tuple[Rule, ...] = (
    *rules_alarms.RULES,
    *rules_leads.RULES,
    *rules_sensors.RULES,
    *rules_measuring.RULES,
    *rules_cells.RULES,
    *rules_balancing.RULES,
    *rules_device.RULES,
)

ALL: tuple[Rule | BankRule, ...] = (*RULES, *BANK_RULES, *calibration.RULES)
