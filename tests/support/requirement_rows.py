"""The requirements R1 to R52 and the contradictions X1 to X26: what each says, and where it lives.

Which tests show one is read from their marks; see `tests/core/test_requirements.py`.
"""

from dataclasses import dataclass

_MODEL = "core/cellwarden/model"
_ENGINE = "core/cellwarden/engine"
_RUNTIME = "core/cellwarden/runtime"
_REPAIR = "core/cellwarden/repair"
_COMMISSION = "hardware/cellwarden_hardware/commission"
_RULES = f"{_ENGINE}/protection_rules.py"
_FAULTS = f"{_ENGINE}/fault_rules.py"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row."""

    name: str
    says: str
    where: tuple[str, ...] = ()
    """Files that do it."""
    nothing_to_build: str = ""
    """Why no code does it, for a fact of the hardware."""


REQUIREMENTS: tuple[Requirement, ...] = (
    Requirement(
        "R1",
        "a board fixes cells by chemistry, balance current, continuous and peak current",
        (f"{_MODEL}/catalog.py", f"{_MODEL}/doubts.py"),
    ),
    Requirement(
        "R2",
        "a board's name says balance current, cells and current; of 8-cell boards no more is known",
        (f"{_MODEL}/catalog.py",),
    ),
    Requirement(
        "R3",
        "cells are measured from 1 to 5 V; T1, T2 and MOS; 20 to 100 V supply",
        (f"{_ENGINE}/suspects.py", f"{_MODEL}/doubts.py"),
    ),
    Requirement(
        "R4", "weights and sizes of the boards", nothing_to_build="no decision rests on it"
    ),
    Requirement(
        "R5",
        "the parameter page with unit, range and default; a write outside is refused as a whole",
        (f"{_MODEL}/parameter_table.py", f"{_RUNTIME}/plan.py"),
    ),
    Requirement(
        "R6", "one click on a chemistry sets every working parameter", (f"{_MODEL}/parameters.py",)
    ),
    Requirement(
        "R7",
        "the cell count must be what is wired, else nothing works",
        (f"{_ENGINE}/plausibility.py", _FAULTS),
    ),
    Requirement(
        "R8",
        "each voltage and temperature above the next one, judged on the resulting set",
        (f"{_MODEL}/parameter_rules.py",),
    ),
    Requirement(
        "R9",
        "writing needs the password; each write is confirmed",
        (f"{_RUNTIME}/gate.py", f"{_RUNTIME}/transaction.py"),
    ),
    Requirement("R10", "a cell too low stops discharging, until all are above recovery", (_RULES,)),
    Requirement("R11", "a cell too high stops charging, until all are below recovery", (_RULES,)),
    Requirement(
        "R12",
        "voltage trips: two readings, one far beyond the limit",
        (_RULES, f"{_ENGINE}/rule.py"),
    ),
    Requirement("R13", "the shutdown voltage itself switches off, after under-voltage", (_RULES,)),
    Requirement("R14", "reaching over-voltage counts as full", (f"{_ENGINE}/soc.py",)),
    Requirement(
        "R15",
        "charge over-current trips after its delay, is released by time from the alarm",
        (_RULES, f"{_ENGINE}/protection.py"),
    ),
    Requirement(
        "R16",
        "discharge over-current the same; a dip starts the delay anew",
        (_RULES, f"{_ENGINE}/protection.py"),
    ),
    Requirement(
        "R17", "short circuits are the hardware's: counted, with limited retries", (_FAULTS,)
    ),
    Requirement(
        "R18", "no current setting beyond the board's peak", (f"{_MODEL}/doubts.py", _RULES)
    ),
    Requirement(
        "R19", "inverse time: the more current, the sooner it trips", (f"{_ENGINE}/overload.py",)
    ),
    Requirement("R20", "too warm to charge", (_RULES,)),
    Requirement("R21", "too cold to charge", (_RULES,)),
    Requirement("R22", "too warm to discharge", (_RULES,)),
    Requirement("R23", "a hot MOSFET stops both; nobody changes its limits", (_RULES,)),
    Requirement("R24", "too cold to discharge: off unless set", (_RULES,)),
    Requirement(
        "R25",
        "a sensor that never was is none; one that vanishes is a fault",
        (f"{_ENGINE}/plausibility.py",),
    ),
    Requirement(
        "R26",
        "less current near the temperature limits",
        (f"{_MODEL}/catalog.py", f"{_ENGINE}/limit_rules.py"),
    ),
    Requirement(
        "R27",
        "balancing runs above the start voltage while the difference exceeds the trigger",
        (f"{_ENGINE}/balance_plan.py",),
    ),
    Requirement(
        "R28",
        "balance current within setting, 0.1 C and board",
        (f"{_ENGINE}/balance_plan.py", f"{_MODEL}/doubts.py"),
    ),
    Requirement(
        "R29",
        "which cell gives and which takes, with a signed current",
        (f"{_ENGINE}/balance_plan.py",),
    ),
    Requirement("R30", "balancing goes on during over-voltage", (f"{_ENGINE}/balance_plan.py",)),
    Requirement(
        "R31", "a balance lead with a high resistance is named and locks balancing", (_FAULTS,)
    ),
    Requirement(
        "R32",
        "the status fields",
        (f"{_MODEL}/state.py", f"{_MODEL}/insight.py", f"{_ENGINE}/counters.py"),
    ),
    Requirement("R33", "a cycle counts once a full charge", (f"{_ENGINE}/counters.py",)),
    Requirement(
        "R34",
        "design and learned capacity are two values; SoH is their ratio",
        (f"{_ENGINE}/soc.py",),
    ),
    Requirement(
        "R35", "heat when too cold to charge, on boards that can", (f"{_ENGINE}/heating.py",)
    ),
    Requirement(
        "R36", "what a heating film may draw: 3 A and 200 W", (f"{_ENGINE}/heater_rules.py",)
    ),
    Requirement("R37", "three ways to wake a BMS", (f"{_REPAIR}/checklist.py",)),
    Requirement("R38", "LED D1 shows Bluetooth", nothing_to_build="the board's own lamp"),
    Requirement(
        "R39", "wiring of the sense leads", (f"{_REPAIR}/pins.py", f"{_COMMISSION}/guide.py")
    ),
    Requirement("R40", "the pins of every connector", (f"{_REPAIR}/pins.py",)),
    Requirement(
        "R41",
        "commissioning as a guided check",
        (f"{_REPAIR}/checklist.py", f"{_COMMISSION}/guide.py"),
    ),
    Requirement(
        "R42",
        "voltage calibration, refused with current flowing or above 2 %",
        (f"{_ENGINE}/calibration.py",),
    ),
    Requirement(
        "R43",
        "current calibration, refused below 5 % of range; zero apart",
        (f"{_ENGINE}/calibration.py",),
    ),
    Requirement(
        "R44", "chargers and inverters are held against the BMS", (f"{_ENGINE}/calibration.py",)
    ),
    Requirement(
        "R45",
        "two passwords; warned of while they are the default",
        (f"{_RUNTIME}/gate.py", f"{_REPAIR}/checklist.py"),
    ),
    Requirement(
        "R46", "user private data: 13 characters at most", (f"{_MODEL}/parameter_table.py",)
    ),
    Requirement(
        "R47",
        "charge, discharge and balance switches",
        (f"{_MODEL}/parameter_table.py", f"{_RUNTIME}/gate.py"),
    ),
    Requirement("R48", "error codes 1 to 9, with our own finer cause", (f"{_MODEL}/alarm.py",)),
    Requirement("R49", "repair: processor exception", (f"{_REPAIR}/procedure.py",)),
    Requirement("R50", "repair: cell count differs", (f"{_REPAIR}/procedure.py",)),
    Requirement("R51", "repair: does not start", (f"{_REPAIR}/procedure.py",)),
    Requirement("R52", "repair: over-temperature without heat", (f"{_REPAIR}/procedure.py",)),
)

_PAGE = (f"{_MODEL}/parameter_table.py",)
CONTRADICTIONS: tuple[Requirement, ...] = (
    Requirement("X1", "LFP under-voltage 2.7 V, not 2.6", _PAGE),
    Requirement("X2", "LFP under-voltage recovery 3.0 V, not 2.9", _PAGE),
    Requirement("X3", "LFP over-voltage recovery 3.4 V, not 3.5", _PAGE),
    Requirement("X4", "LFP shutdown 2.5 V, not 2.6", _PAGE),
    Requirement("X5", "charge over-current delay 30 s, not 60", _PAGE),
    Requirement("X6", "discharge over-current delay 30 s, not 300, with inverse time", _PAGE),
    Requirement("X7", "Li-ion over-temperature 60/55 °C, not 70/60", _PAGE),
    Requirement("X8", "LFP over-temperature 55/50 °C, not 60/55", _PAGE),
    Requirement("X9", "LFP charge from 5 °C on, 0.2 C up to 10", _PAGE),
    Requirement("X10", "MOSFET 75/65 °C by default; any device's 50 to 110 is good", _PAGE),
    Requirement("X11", "release 2 to 600 s; over-current from 1 A, below 10 A a warning", _PAGE),
    Requirement("X12", "Li-ion charged below 0 °C only when set, with a warning", _PAGE),
    Requirement("X13", "balance start by chemistry, up to over-voltage", _PAGE),
    Requirement("X14", "the third temperature is the MOSFET's", (f"{_MODEL}/reading.py",)),
    Requirement(
        "X15", "two cells are enough; fewer than the table a warning", (f"{_MODEL}/doubts.py",)
    ),
    Requirement("X16", "a pack outside 20 to 100 V is a warning", (f"{_MODEL}/doubts.py",)),
    Requirement(
        "X17",
        "the app's button 'lithium iron' is ternary; no preset is called so",
        (f"{_MODEL}/catalog.py",),
    ),
    Requirement("X18", "total voltage is the sum of voltages", (f"{_ENGINE}/view.py",)),
    Requirement("X19", "causes of our own beside codes 1 to 9", (f"{_MODEL}/alarm.py",)),
    Requirement("X20", "D_P is H/A, D_N is L/B", nothing_to_build="hardware/README.md says it"),
    Requirement(
        "X21",
        "B- is the battery's minus, P-/C- the load's",
        (f"{_REPAIR}/pins.py", f"{_REPAIR}/checklist.py"),
    ),
    Requirement("X22", "the limit of a lead is beside the others", (_FAULTS,)),
    Requirement("X23", "balance trigger by capacity", _PAGE),
    Requirement("X24", "the page's ranges hold for LTO too", _PAGE),
    Requirement("X25", "open cases of the repair trees", (f"{_REPAIR}/procedure.py",)),
    Requirement("X26", "25 A is where the charge current begins, no limit", _PAGE),
)
