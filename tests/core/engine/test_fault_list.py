"""Every fault of the list in every operation: what must happen happens, in time.

`UPDATE_DOCS=1 pytest tests/core/engine/test_fault_list.py` writes docs/faults.md anew.
"""

import ast
import os
import random
from functools import cache

import pytest

from cellwarden.model import AlarmKind, AlarmSource, PackState, Severity
from cellwarden_hardware.simulator.pack_faults import PackFaults
from support.fault_house import OPERATIONS, FaultHouse, Operation
from support.fault_list import FAULTS, Fault
from support.tools import REPOSITORY

PAGE = REPOSITORY / "docs" / "faults.md"
HEAD = """\
# Faults to survive

What a pack, its BMS, a charger, a file or a person can do wrong, and what happens then. This page
is made from `tests/support/fault_list.py`.
"""
MATRIX_HEAD = """
## In every operation

Each fault is done to a simulated LiFePO4 pack of 16 cells, decided by the real engine at one
reading a second, while it is charging, discharging, idle, full (99 %, charging), empty (4 %,
discharging), cold (-8 °C, discharging), balancing (95 %, cells 1.5 % apart), and starting: there
the fault was before the first reading. The time is the most that it may take from the first wrong
reading until what must happen has happened; "nothing" is what must happen where a fault may disturb
nothing. "-": it cannot be seen there, as said below.
"""
OTHERWISE_HEAD = """
## Where it is otherwise, and why
"""
ROW_ABOVE = "the row above"
"""Another row of the same fault is for that operation."""

TRIALS = [
    pytest.param(fault, operation, id=f"F{fault.number} {fault.what}, {operation}")
    for fault in FAULTS
    for operation in fault.operations
]


@pytest.mark.parametrize(("fault", "operation"), TRIALS)
def test_what_must_happen_happens_in_time(fault: Fault, operation: str) -> None:
    assert fault.inject is not None
    shows, within_s = fault.must_show(operation)
    house = FaultHouse(OPERATIONS[operation])
    fault.inject(house)
    house.run(within_s)
    states = house.states
    if shows.quiet:
        tripped = {a.kind for state in states for a in own_trips(state)}
        assert tripped <= expected_trips(operation)
        assert house.state.reading is not None
        assert house.state.soc_percent == pytest.approx(
            untouched(operation, len(states)).soc_percent, abs=1.0
        )
    else:
        met = [shows.met(state) for state in states]
        assert any(met), f"never; last alarms: {[a.text for a in house.state.alarms]}"
    for state in states:
        for alarm in state.alarms:
            assert alarm.releases
            assert not (alarm.blocks_charge and state.charge_allowed)
            assert not (alarm.blocks_discharge and state.discharge_allowed)


LATCHED = {
    AlarmKind.CELL_FAILURE,
    AlarmKind.FET_STUCK,
    AlarmKind.SHORT_CIRCUIT,
    AlarmKind.WIRING,
}
"""What waits for a person, at once or after too many times."""
PASSING = [
    pytest.param(fault, id=f"F{fault.number} {fault.what}")
    for fault in FAULTS
    if "discharging" in fault.operations
]


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_has_passed_is_forgotten_unless_it_waits_for_a_person(fault: Fault) -> None:
    assert fault.inject is not None
    house = FaultHouse(OPERATIONS["discharging"])
    fault.inject(house)
    house.run(fault.within_s)
    house.pack.faults = PackFaults(settings={"cell_overvoltage_v": 3.6, "cell_count": 16.0})
    house.obeys, house.demand_a, house.every_s = True, -10.0, 1.0
    house.doubtful = ()
    pack = house.pack.pack
    pack.ambient_c = pack.battery.temperature_c = 25.0
    house.run(20)
    for which in ("charge", "discharge"):
        house.pack.pack.set_switch(which, on=True)
    for _ in range(30):  # a load that steps, so that a current may prove itself
        house.demand_a = -40.0 if house.demand_a == -10.0 else -10.0
        house.run(6)
    left = {a.kind for a in own_trips(house.state)}
    assert left <= LATCHED
    house.memory = house.engine.release(house.memory, "test")
    house.run(60)
    assert own_trips(house.state) == []
    assert house.state.limits.dcl_a > 0  # less where a trip has set the SoC to empty


def own_trips(state: PackState) -> list:
    return [
        a
        for a in state.alarms
        if a.severity is Severity.PROTECTION and a.source is AlarmSource.ENGINE
    ]


@cache
def expected_trips(operation: str) -> frozenset:
    """What trips without any fault too, such as the cold."""
    house = FaultHouse(OPERATIONS[operation])
    return frozenset(a.kind for state in house.run(120) for a in own_trips(state))


@cache
def untouched(operation: str, seconds: int) -> PackState:
    house = FaultHouse(OPERATIONS[operation])
    return house.run(seconds)[-1]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_healthy_pack_shows_no_fault(operation: str) -> None:
    house = FaultHouse(OPERATIONS[operation])
    kinds = {a.kind.name for state in house.run(600) for a in state.alarms}
    assert kinds <= {
        "cold": {"CHARGE_UNDERTEMPERATURE"},
        "empty": {"LOW_SOC", "CELL_UNDERVOLTAGE", "PACK_UNDERVOLTAGE", "CELL_DIFFERENCE"},
        "full": {"CELL_OVERVOLTAGE"},
    }.get(operation, set())


@pytest.mark.parametrize("operation", ["charging", "discharging", "idle", "cold", "balancing"])
def test_a_healthy_pack_that_is_asked_every_15_s_shows_no_fault(operation: str) -> None:
    house = FaultHouse(OPERATIONS[operation])
    house.ask_every(15.0)
    kinds = {a.kind.name for state in house.run(3600) for a in state.alarms}
    assert kinds <= {
        "charging": {"CELL_OVERVOLTAGE"},
        "cold": {"CHARGE_UNDERTEMPERATURE"},
        "balancing": {"CELL_OVERVOLTAGE"},
    }.get(operation, set())


@pytest.mark.parametrize("temperature_c", [25.0, -8.0])
def test_loads_that_come_and_go_between_seldom_readings_make_no_current_fault(
    temperature_c: float,
) -> None:
    """Two hours of pulses of 2 to 120 s, of which a reading each 15 s sees only what it sees."""
    house = FaultHouse(Operation(soc_percent=70, temperature_c=temperature_c, current_a=0))
    house.ask_every(15.0)
    house.obeys = False
    draw = random.Random(1)
    left_s, current_a, kinds = 0, 0.0, set()
    for second in range(7200):
        if left_s <= 0:
            current_a, left_s = draw.choice(PULSES_A), draw.choice([2, 3, 5, 8, 15, 40, 120])
        left_s -= 1
        house.pack.step(1.0, current_a)
        house.now_s += 1.0
        if second % 15 == 0:
            reading = house.pack.read(house.now_s)
            house.memory, state = house.engine.step(house.memory, reading, house.now_s)
            kinds |= {alarm.kind for alarm in state.alarms}
    assert not kinds & {AlarmKind.CURRENT_SENSOR, AlarmKind.WIRING}


PULSES_A = [0.0, -5.0, -10.0, -20.0, -40.0, -60.0, 15.0, 30.0]


def test_every_fault_of_the_list_has_a_row_that_is_shown_or_says_why_not() -> None:
    assert {fault.number for fault in FAULTS} == set(range(1, 51))
    for fault in FAULTS:
        shown = (fault.inject is not None) or bool(fault.elsewhere) or bool(fault.later)
        assert shown, fault.what
        assert (fault.inject is None) is (fault.shows is None), fault.what


def test_every_fault_is_tried_in_every_operation_or_says_why_it_cannot_be_seen_there() -> None:
    for fault in FAULTS:
        assert set(fault.otherwise) <= set(OPERATIONS), fault.what
        assert all(other.why for other in fault.otherwise.values())
        left_out = set(OPERATIONS) - set(fault.operations)
        if fault.inject is not None:
            assert all(fault.otherwise[operation].shows is None for operation in left_out)
            assert fault.operations


@pytest.mark.parametrize("named", sorted({name for fault in FAULTS for name in fault.elsewhere}))
def test_a_test_that_a_row_names_is_there(named: str) -> None:
    path, _, test = named.partition("::")
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    tests = {
        n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not test or test in tests


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def told(fault: Fault) -> str:
    parts = [f"`{name}`" for name in fault.elsewhere]
    parts += [fault.later] if fault.later else []
    return "; ".join(parts)


def seen_in(fault: Fault, operation: str) -> str:
    """Return within how long a fault shows in an operation."""
    if operation not in fault.operations:
        return "-"
    shows, within_s = fault.must_show(operation)
    return "nothing" if shows.quiet else f"{within_s} s"


def page() -> str:
    tried = [fault for fault in FAULTS if fault.inject is not None]
    return "\n".join(
        [
            HEAD,
            row("fault", "what is wrong", "what must happen", "shown in tests of its own too"),
            "|---|---|---|---|",
            *(row(f"F{f.number}", f.what, f.must, told(f)) for f in FAULTS),
            MATRIX_HEAD,
            row("fault", "what is wrong", *OPERATIONS),
            "|---|---|" + "---|" * len(OPERATIONS),
            *(
                row(f"F{f.number}", f.what, *(seen_in(f, operation) for operation in OPERATIONS))
                for f in tried
            ),
            OTHERWISE_HEAD,
            *(
                f"- F{f.number} {f.what}; {operation}: {other.why}."
                for f in tried
                for operation, other in f.otherwise.items()
                if not other.why.startswith(ROW_ABOVE)
            ),
            "",
        ]
    )


def test_the_page_is_made_of_the_list() -> None:
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "run it again with UPDATE_DOCS=1"
