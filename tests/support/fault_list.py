"""The faults to survive, F1 to F50: what is done to a pack, and what must happen, how soon.

Each row is tried in every operation, or says why it cannot be seen there. Faults of files, links,
writes and of the bank are shown by tests of their own, which the row names.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cellwarden.model import AlarmKind, PackPhase, PackState, Severity
from support.fault_house import CCL_A, DCL_A, OPERATIONS, FaultHouse

ALL = tuple(OPERATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Must:
    """What must be so within the time, in one and the same state; then the rest of the trial."""

    kind: AlarmKind | None = None
    severity: Severity | None = None
    no_charge: bool = False
    no_discharge: bool = False
    half: bool = False
    """Both limits at no more than half of what the pack may."""
    no_balancing: bool = False
    rule: str = ""
    """A limit names this rule."""
    lost: bool = False
    most_charge_a: float | None = None
    quiet: bool = False
    """Nothing trips that would not trip without the fault, and the SoC stays what it is."""

    def met(self, state: PackState) -> bool:
        """Return whether a state shows it."""
        alarms = [a for a in state.alarms if self.kind is None or a.kind is self.kind]
        if self.severity is not None:
            alarms = [a for a in alarms if a.severity is self.severity]
        if self.no_balancing:
            alarms = [a for a in alarms if a.blocks_balance]
        wants_alarm = self.kind is not None or self.severity is not None or self.no_balancing
        if wants_alarm and not alarms:
            return False
        limits = state.limits
        return (
            not (self.no_charge and limits.ccl_a > 0)
            and not (self.no_discharge and limits.dcl_a > 0)
            and not (self.half and (limits.ccl_a > CCL_A / 2 or limits.dcl_a > DCL_A / 2))
            and (not self.rule or self.rule in {r.rule for r in limits.discharge_current.reasons})
            and (self.most_charge_a is None or limits.ccl_a <= self.most_charge_a)
            and not (self.lost and state.phase is not PackPhase.LOST)
        )


NO_STEP = "no step of 0.1 C that the voltage must answer"
BOTH = {"no_charge": True, "no_discharge": True}


class Otherwise(NamedTuple):
    """What is otherwise in one operation."""

    why: str
    shows: Must | None = None
    """None: the fault cannot be seen there, and the reason says why."""
    within_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, or one form of it."""

    number: int
    what: str
    must: str
    """For people."""
    within_s: int = 3
    otherwise: Mapping[str, Otherwise] = field(default_factory=dict)
    """By operation."""
    inject: Callable[[FaultHouse], None] | None = None
    shows: Must | None = None
    elsewhere: tuple[str, ...] = ()
    """Tests that show it, where it is none of a pack's values."""
    later: str = ""
    """Why nothing shows it yet."""

    @property
    def operations(self) -> tuple[str, ...]:
        """Those in which it is tried."""
        if self.inject is None:
            return ()
        seen = (op for op in ALL if op not in self.otherwise or self.otherwise[op].shows)
        return tuple(seen)

    def must_show(self, operation: str) -> tuple[Must, int]:
        """Return what must be so in an operation, and within how many s."""
        other = self.otherwise.get(operation)
        if other is not None and other.shows is not None:
            return other.shows, other.within_s
        assert self.shows is not None
        return self.shows, self.within_s


def not_in(why: str, *operations: str) -> dict[str, Otherwise]:
    """Return operations in which a fault cannot be seen, and why."""
    return dict.fromkeys(operations, Otherwise(why))


def switch(**faults: object) -> Callable[[FaultHouse], None]:
    """Turn switches on and let the trial run."""

    def inject(house: FaultHouse) -> None:
        for name, value in faults.items():
            setattr(house.faults, name, value)

    return inject


def once(**faults: object) -> Callable[[FaultHouse], None]:
    """Turn switches on for one reading."""

    def inject(house: FaultHouse) -> None:
        before = {name: getattr(house.faults, name) for name in faults}
        switch(**faults)(house)
        house.run(1)
        switch(**before)(house)

    return inject


def load(current_a: float, *, obeys: bool = False) -> Callable[[FaultHouse], None]:
    """Let load or charger do as they like."""

    def inject(house: FaultHouse) -> None:
        house.demand_a, house.obeys = current_a, obeys

    return inject


def _weld(house: FaultHouse) -> None:
    house.pack.open_switches()
    house.faults.welded = True
    house.obeys = False


def _clock(by_s: float) -> Callable[[FaultHouse], None]:
    def inject(house: FaultHouse) -> None:
        house.now_s += by_s

    return inject


def _pulsed_overload(house: FaultHouse) -> None:
    """Two seconds above the limit, one below; the root mean square is above."""
    house.obeys = False
    for _ in range(30):
        for current_a in (-115.0, -115.0, -95.0):
            house.demand_a = current_a
            house.run(1)


def _shorts(house: FaultHouse) -> None:
    for _ in range(4):
        once(short_circuit=True)(house)
        house.run(62)


def _slow_bms(house: FaultHouse) -> None:
    """Overload a pack whose BMS is set to look on for five minutes."""
    house.pack.pack.set_parameter("discharge_overcurrent_delay_s", 300.0)
    load(-110.0)(house)


def _charger_ignores(house: FaultHouse) -> None:
    """Charge in the cold, which the engine forbids and this BMS allows."""
    pack = house.pack.pack
    pack.set_parameter("charge_undertemperature_recovery_c", -20.0)
    pack.set_parameter("charge_undertemperature_c", -30.0)
    pack.ambient_c = pack.battery.temperature_c = -8.0
    load(20.0)(house)


def _warmer(by_k: float) -> Callable[[FaultHouse], None]:
    """Let T1 tell so much more than the pack has."""

    def inject(house: FaultHouse) -> None:
        house.faults.sensor_reads_c = (1, house.pack.pack.battery.temperature_c + by_k)

    return inject


def _restart(record_of: Callable[[dict[str, object]], object] = lambda r: r) -> Callable[..., None]:
    """Save and start again, as after a power cut of two seconds."""

    def inject(house: FaultHouse) -> None:
        record = json.loads(json.dumps(house.engine.record(house.memory, house.now_s)))
        house.now_s += 2.0
        try:
            house.memory = house.engine.restore(record_of(record), house.now_s, 2.0)  # type: ignore[arg-type]
        except ValueError:
            house.memory = house.engine.start(house.now_s)

    return inject


def _restart_while_tripped(house: FaultHouse) -> None:
    house.faults.cell_reads_v = ((2, 3.68), (9, 2.60))
    house.run(5)
    house.faults.cell_reads_v = ()
    _restart()(house)


def _slow_poll(house: FaultHouse) -> None:
    """Ask every 2.5 s only, and overload."""
    house.every_s = 2.5
    _slow_bms(house)


def _seldom(**faults: object) -> Callable[[FaultHouse], None]:
    """Ask every 15 s only."""

    def inject(house: FaultHouse) -> None:
        house.ask_every(15.0)
        switch(**faults)(house)

    return inject


def _lost_write(house: FaultHouse) -> None:
    """Somebody wished 20 A, and the device holds what it held."""
    house.doubtful = (("charge_current_max_a", 20.0), ("charge_current_max_a", 50.0))


def _witness(house: FaultHouse) -> None:
    """The BMS counts no runtime and repeats itself; an inverter sees the voltage rise."""
    house.faults.frozen = True
    house.seen_v = 53.0
    house.run(70)
    house.seen_v = 53.4


def _sunny_frost(house: FaultHouse) -> None:
    pack = house.pack.pack
    pack.ambient_c = pack.battery.temperature_c = -25.0
    house.demand_a = 30.0


def _repeat(house: FaultHouse) -> None:
    """Every reading comes again twice, and once more late (F31)."""
    read, older = house.pack.read, []

    def doubled(now_s: float):  # type: ignore[no-untyped-def]
        reading = read(now_s)
        for late in (*older[-1:], reading, reading):
            house.memory, _ = house.engine.step(house.memory, late, now_s)
        older.append(reading)
        return reading

    house.pack.read = doubled  # type: ignore[method-assign]


_K, _W, _P = AlarmKind, Severity.WARNING, Severity.PROTECTION
_PROTECTION = "tests/core/engine/test_protection.py"
_ENGINE = "tests/core/engine/test_engine.py"
_LIMITS = "tests/core/engine/test_limits.py"
_CVL = "tests/core/engine/test_limit_control.py"
_MEMBERS = "tests/core/engine/test_bank_members.py"
_STORE = "tests/core/runtime/test_store.py"
_CONTROLLER = "tests/core/runtime/test_controller.py"
_TRANSACTION = "tests/core/runtime/test_transaction.py"
_DOUBTS = "tests/core/runtime/test_doubts.py"
_GATE = "tests/core/runtime/test_gate.py"

FAULTS: tuple[Fault, ...] = (
    Fault(
        number=1, what="one cell frozen while current flows",
        must="named from its standing still beside the others; both limits at half",
        within_s=60, otherwise=not_in("no cell moves at rest, whether frozen or not", "idle"),
        inject=switch(frozen_cell=5), shows=Must(kind=_K.IMPLAUSIBLE_DATA, half=True),
    ),
    Fault(
        number=2, what="all values frozen, frames still coming",
        must="the pack counts as lost: nothing allowed", within_s=66,
        otherwise={
            "idle": Otherwise(
                "only the BMS's own clock stands still then", Must(lost=True, **BOTH), 190
            )
        },
        inject=switch(frozen=True), shows=Must(lost=True, **BOTH),
    ),
    Fault(
        number=2, what="all values frozen at rest, by a BMS that tells no runtime",
        must="the pack counts as lost once an inverter measures that the voltage moved",
        within_s=5,
        otherwise=not_in("the row above: current flows", *(op for op in ALL if op != "idle")),
        inject=_witness, shows=Must(lost=True, **BOTH),
    ),
    Fault(
        number=3, what="no frames", must="nothing allowed; comes back by itself", within_s=10,
        otherwise={
            "starting": Otherwise(
                "it never answered", Must(kind=_K.BMS_LOST, severity=_W, **BOTH), 10
            )
        },
        inject=switch(silent=True), shows=Must(kind=_K.BMS_LOST, lost=True, **BOTH),
    ),
    Fault(
        number=4, what="NaN and infinity",
        must="never compared nor stored; nothing allowed while cells are unknown", within_s=3,
        inject=switch(not_a_number=True), shows=Must(severity=_P, **BOTH),
    ),
    Fault(
        number=5, what="a cell reads 0 V in one reading", must="that value is ignored",
        within_s=30, inject=once(cell_reads_v=((5, 0.0),)), shows=Must(quiet=True),
    ),
    Fault(
        number=5, what="a cell reads 0 V again and again", must="lost cell (code 9), both stop",
        within_s=2, inject=switch(cell_reads_v=((5, 0.0),)),
        shows=Must(kind=_K.BALANCE_WIRE_OPEN, **BOTH),
    ),
    Fault(
        number=5, what="a cell reads above 5 V again and again",
        must="lost cell (code 9), both stop", within_s=2,
        inject=switch(cell_reads_v=((5, 5.2),)), shows=Must(kind=_K.BALANCE_WIRE_OPEN, **BOTH),
    ),
    Fault(
        number=6, what="a sense wire is open",
        must="code 9, no balancing; half of the limits while the mean of the pair is safe",
        within_s=2,
        otherwise={
            "starting": Otherwise(
                "a wire that was open before looks like two failed cells: both stop, for good",
                Must(kind=_K.CELL_FAILURE, **BOTH), 2,
            )
        },
        inject=switch(open_wire=6),
        shows=Must(kind=_K.BALANCE_WIRE_OPEN, no_balancing=True, half=True),
    ),
    Fault(
        number=7, what="two sense wires swapped", must="wiring fault, both stop", within_s=2,
        inject=switch(swapped_wire=6), shows=Must(kind=_K.WIRING, **BOTH),
    ),
    Fault(
        number=8, what="a balance lead of 0.5 ohm", must="code 8, balancing locked", within_s=10,
        inject=switch(wire_ohm=(3, 0.5)),
        shows=Must(kind=_K.BALANCE_WIRE, severity=_P, no_balancing=True),
    ),
    Fault(
        number=9, what="a bad busbar of 2 mΩ",
        must="named; less current, so that the joint stays cool; not balanced away",
        within_s=300,
        otherwise={
            **not_in("no current flows through it", "idle"),
            **not_in("less than 0.1 C flows: it stays cool, and the diagnosis finds it", "full"),
            **not_in("cold cells have five times the resistance: found when warm", "cold"),
        },
        inject=switch(busbar_ohm=(8, 0.002)),
        shows=Must(rule="heat in a joint"),
    ),
    Fault(
        number=10, what="one cell measured 20 mV too high",
        must="named, as it stepped alone; no longer balanced, nothing else changes",
        within_s=12,
        otherwise={
            **not_in(
                "the balancer works, and a step may be its own: named if it comes while it rests",
                "balancing", "full",
            ),
            **not_in("it was so before: the planner of the balancer rests on charge", "starting"),
        },
        inject=switch(cell_offset_v=(3, 0.020)),
        shows=Must(kind=_K.IMPLAUSIBLE_DATA, severity=_W, no_balancing=True),
    ),
    Fault(
        number=10, what="one cell measured 20 mV too high, from the start or while balancing",
        must="nothing trips, and the SoC stays what it is", within_s=120,
        otherwise=not_in("the row above", *(o for o in ALL if o not in ("balancing", "starting"))),
        inject=switch(cell_offset_v=(3, 0.020)), shows=Must(quiet=True),
    ),
    Fault(
        number=11, what="pack voltage 1.5 % off the sum of the cells", must="warning",
        within_s=15, inject=switch(sum_error=0.015),
        shows=Must(kind=_K.IMPLAUSIBLE_DATA, severity=_W),
    ),
    Fault(
        number=11, what="pack voltage 4 % off the sum of the cells", must="both stop",
        within_s=3, inject=switch(sum_error=0.04), shows=Must(kind=_K.IMPLAUSIBLE_DATA, **BOTH),
    ),
    Fault(
        number=12, what="current stuck at 0 while the load steps",
        must="it is no longer believed; both limits at half, SoC band grows", within_s=60,
        otherwise=not_in(NO_STEP, "idle", "full", "empty", "balancing"),
        inject=switch(current_reads_a=0.0),
        shows=Must(kind=_K.CURRENT_SENSOR, half=True),
    ),
    Fault(
        number=13, what="current of the wrong sign", must="wiring fault, both stop", within_s=60,
        otherwise=not_in(NO_STEP, "idle", "full", "empty", "balancing"),
        inject=switch(current_reversed=True),
        shows=Must(kind=_K.WIRING, **BOTH),
    ),
    Fault(
        number=12, what="current stuck at 0 while the load steps, asked every 15 s",
        must="it is no longer believed; both limits at half", within_s=600,
        otherwise=not_in(NO_STEP, "idle", "full", "empty", "balancing"),
        inject=_seldom(current_reads_a=0.0), shows=Must(kind=_K.CURRENT_SENSOR, half=True),
    ),
    Fault(
        number=13, what="current of the wrong sign, asked every 15 s",
        must="wiring fault, both stop", within_s=600,
        otherwise=not_in(NO_STEP, "idle", "full", "empty", "balancing"),
        inject=_seldom(current_reversed=True), shows=Must(kind=_K.WIRING, **BOTH),
    ),
    Fault(
        number=14, what="current 0.5 A and 2 % off", must="nothing trips; the offset is learned",
        within_s=120, inject=switch(current_offset_a=0.5, current_gain=1.02),
        shows=Must(quiet=True),
        elsewhere=("tests/core/engine/test_soc_estimator.py",),
    ),
    Fault(
        number=15, what="a current spike of one sample", must="nothing trips", within_s=60,
        inject=once(current_reads_a=-390.0), shows=Must(quiet=True),
    ),
    Fault(
        number=16, what="a load pulsed around the limit", must="trips by its heat (I²t)",
        within_s=10, inject=_pulsed_overload,
        shows=Must(kind=_K.DISCHARGE_OVERCURRENT, severity=_P, no_discharge=True),
    ),
    Fault(
        number=17, what="an overload that stays",
        must="trips, is released three times, then stays until somebody releases it",
        within_s=33, inject=_slow_bms,
        shows=Must(kind=_K.DISCHARGE_OVERCURRENT, severity=_P, no_discharge=True),
        elsewhere=(
            "tests/core/engine/test_overload.py::test_a_load_that_stays_latches_after_three_releases",
        ),
    ),
    Fault(
        number=18, what="the BMS reports a short circuit", must="both stop at once", within_s=1,
        inject=switch(short_circuit=True), shows=Must(kind=_K.SHORT_CIRCUIT, **BOTH),
    ),
    Fault(
        number=18, what="a fourth short circuit within ten minutes",
        must="stays until somebody releases it", within_s=1, inject=_shorts,
        shows=Must(kind=_K.SHORT_CIRCUIT, **BOTH),
    ),
    Fault(
        number=19, what="T1 vanishes", must="a fault, not a sensor that was never fitted",
        within_s=5,
        otherwise=not_in("a sensor that never told anything was never fitted (R25)", "starting"),
        inject=switch(sensor_reads_c=(1, None)),
        shows=Must(kind=_K.TEMPERATURE_SENSOR, severity=_W),
    ),
    Fault(
        number=19, what="T1 open (-60 °C)", must="not believed, T2 rules", within_s=5,
        otherwise=not_in("to a BMS an open sensor and none are the same (R25)", "starting"),
        inject=switch(sensor_reads_c=(1, -60.0)),
        shows=Must(kind=_K.TEMPERATURE_SENSOR, severity=_W),
    ),
    Fault(
        number=19, what="T1 shorted (180 °C)", must="not believed, T2 rules", within_s=5,
        inject=switch(sensor_reads_c=(1, 180.0)),
        shows=Must(kind=_K.TEMPERATURE_SENSOR, severity=_W),
    ),
    Fault(
        number=19, what="T1 steps by 30 K", must="both differ: warning, the worse one rules",
        within_s=10, inject=_warmer(30.5),
        shows=Must(kind=_K.TEMPERATURE_SENSOR, severity=_W, no_charge=True),
    ),
    Fault(
        number=19, what="every battery sensor vanishes", must="charging stops", within_s=5,
        otherwise=not_in("a sensor that never told anything was never fitted (R25)", "starting"),
        inject=switch(sensors_lost=True),
        shows=Must(kind=_K.TEMPERATURE_SENSOR, severity=_P, no_charge=True),
    ),
    Fault(
        number=20, what="T1 and T2 differ by 25 K", must="warning, the worse one rules",
        within_s=10, inject=_warmer(25.0),
        shows=Must(kind=_K.TEMPERATURE_SENSOR, severity=_W),
    ),
    Fault(
        number=21, what="the MOSFET sensor vanishes", must="both limits at half", within_s=5,
        otherwise=not_in("a sensor that never told anything was never fitted (R25)", "starting"),
        inject=switch(mos_sensor_lost=True), shows=Must(kind=_K.TEMPERATURE_SENSOR, half=True),
    ),
    Fault(
        number=22, what="noise around a threshold for an hour",
        must="one trip and one release at most",
        elsewhere=(f"{_PROTECTION}::test_noise_around_a_threshold_for_an_hour_trips_once",),
    ),
    Fault(
        number=23, what="one cell too high and another too low",
        must="cell failure, both stop, no release by itself", within_s=3,
        inject=switch(cell_reads_v=((2, 3.68), (9, 2.60))),
        shows=Must(kind=_K.CELL_FAILURE, **BOTH),
    ),
    Fault(
        number=24, what="a cell at 1.2 V",
        must="a dead cell: neither charged nor discharged", within_s=3,
        inject=switch(cell_reads_v=((4, 1.2),)), shows=Must(kind=_K.SHUTDOWN, **BOTH),
    ),
    Fault(
        number=24, what="a cell just below shutdown voltage",
        must="no discharge, at most 0.05 C of charge", within_s=3,
        inject=switch(cell_reads_v=((4, 2.45),)),
        shows=Must(kind=_K.SHUTDOWN, no_discharge=True, most_charge_a=5.0),
        elsewhere=(f"{_LIMITS}::test_a_deeply_discharged_cell_is_charged_gently_or_not_at_all",),
    ),
    Fault(
        number=25, what="MOSFETs commanded off conduct on",
        must="highest alarm, both 0, until somebody releases it", within_s=25,
        otherwise=not_in("nothing flows, and so nothing shows; seen as soon as it does", "idle"),
        inject=_weld, shows=Must(kind=_K.FET_STUCK, severity=_P, **BOTH),
    ),
    Fault(
        number=26, what="a MOSFET stays off although its switch is on", must="warning",
        within_s=12,
        otherwise=not_in("charging is blocked by the cold: it is off for a reason", "cold"),
        inject=switch(charge_fet_dead=True), shows=Must(kind=_K.FET_STUCK, severity=_W),
    ),
    Fault(
        number=27, what="precharge never completes or is too fast",
        must="three tries, then a fault", later="no device that is read tells of its precharge",
    ),
    Fault(
        number=28, what="the balancer does not stop", must="alarm within a minute", within_s=63,
        inject=switch(balancer_stuck=True), shows=Must(kind=_K.BALANCER),
        elsewhere=("tests/core/engine/test_leaks.py",),
    ),
    Fault(
        number=29, what="the heater does not stop, or does not warm", must="alarm",
        elsewhere=(
            "tests/core/engine/test_heating.py", "tests/hardware/test_heating_loop.py",
            "tests/core/runtime/test_relays.py", "tests/system/test_heater_relay.py",
        ),
    ),
    Fault(
        number=30, what="the clock jumps an hour ahead",
        must="the last reading is too old; comes back with the next ones, nothing counted over it",
        within_s=30, inject=_clock(3600.0), shows=Must(quiet=True),
    ),
    Fault(
        number=30, what="the clock jumps an hour back",
        must="nothing old turns young, no timer stops", within_s=30, inject=_clock(-3600.0),
        shows=Must(quiet=True),
        elsewhere=(f"{_ENGINE}::test_a_clock_that_goes_back_changes_no_age_and_no_timer",),
    ),
    Fault(
        number=31, what="duplicated and late frames", must="nothing is counted twice",
        within_s=60, inject=_repeat, shows=Must(quiet=True),
    ),
    Fault(
        number=32, what="poll rate from 0.1 s to 30 s", must="the same decisions", within_s=33,
        inject=_slow_poll,
        shows=Must(kind=_K.DISCHARGE_OVERCURRENT, severity=_P, no_discharge=True),
        elsewhere=(f"{_PROTECTION}::test_the_poll_rate_does_not_change_when_an_overcurrent_trips",),
    ),
    Fault(
        number=33, what="killed in the middle of writing", must="the old state or the new one",
        elsewhere=(f"{_STORE}::test_a_kill_at_any_moment_leaves_whole_records",),
    ),
    Fault(
        number=34, what="state of another pack, corrupt, or from the future",
        must="refused, fresh start, said so", within_s=30,
        inject=_restart(lambda record: {**record, "pack": "another"}), shows=Must(quiet=True),
        elsewhere=(f"{_STORE}::test_a_damaged_file_is_put_aside_and_said_so",),
    ),
    Fault(
        number=35, what="disk full or read-only", must="control goes on; few writes",
        elsewhere=(
            f"{_STORE}::test_a_folder_that_cannot_be_written_stops_nothing",
            "tests/core/runtime/test_keeper.py::test_one_percent_is_worth_the_flash",
        ),
    ),
    Fault(
        number=36, what="restart during a trip", must="trip and remaining time survive",
        inject=_restart_while_tripped, shows=Must(kind=_K.CELL_FAILURE, **BOTH),
        elsewhere=(f"{_ENGINE}::test_a_trip_survives_a_restart_with_its_remaining_time",),
    ),
    Fault(
        number=37, what="a parameter write is lost, half applied or reads back different",
        must="re-read, told, rolled back; the stricter of wished and held value counts",
        within_s=2, inject=_lost_write, shows=Must(kind=_K.SETTINGS, most_charge_a=20.0),
        elsewhere=(
            f"{_TRANSACTION}::test_a_silent_refusal_rolls_back_what_was_written_before_it",
            f"{_DOUBTS}::test_a_rolled_back_change_of_the_gate_is_in_doubt_until_it_is_written",
        ),
    ),
    Fault(
        number=38, what="factory settings (ternary) on a LiFePO4 pack", must="charging stops",
        within_s=2, inject=switch(settings={"cell_overvoltage_v": 4.2}),
        shows=Must(kind=_K.SETTINGS, no_charge=True),
    ),
    Fault(
        number=39, what="the BMS tells one cell fewer", must="both stop", within_s=3,
        inject=switch(cells_told=15), shows=Must(kind=_K.CELL_COUNT, **BOTH),
    ),
    Fault(
        number=39, what="the BMS is set to another cell count", must="both stop", within_s=3,
        inject=switch(settings={"cell_count": 15.0}), shows=Must(kind=_K.CELL_COUNT, **BOTH),
    ),
    Fault(
        number=39, what="capacity ten times as large", must="not believed, SoC not rescaled",
        within_s=30, inject=switch(capacity_reads_ah=1000.0), shows=Must(quiet=True),
    ),
    Fault(
        number=39, what="capacity 0", must="not believed, SoC not rescaled", within_s=30,
        inject=switch(capacity_reads_ah=0.0), shows=Must(quiet=True),
    ),
    Fault(
        number=40, what="a charger ignores 0 A", must="alarm, charge MOSFET to be opened",
        within_s=42, inject=_charger_ignores,
        shows=Must(kind=_K.CHARGER_IGNORES_LIMIT, no_charge=True),
    ),
    Fault(
        number=41, what="the inverter overshoots CVL", must="CVL gives way, no trip",
        elsewhere=(f"{_CVL}::test_a_charger_that_overshoots_is_told_less_until_the_cell_is_right",),
    ),
    Fault(
        number=42, what="the BMS says 0 % or 100 % against the voltage",
        must="voltages rule; its SoC changes no limit", within_s=60,
        otherwise=not_in("nothing else is known yet: counting begins with it", "starting"),
        inject=switch(soc_reads_percent=0.0), shows=Must(quiet=True),
    ),
    Fault(
        number=43, what="one pack of a bank vanishes, or comes back apart",
        must="limits of the rest; joins within tolerance",
        elsewhere=(
            f"{_MEMBERS}::test_a_pack_that_comes_2_v_apart_is_joining_and_counts_for_nothing",
            f"{_MEMBERS}::test_a_pack_joins_once_its_voltage_is_within_the_window",
        ),
    ),
    Fault(
        number=44, what="a cell with high self-discharge", must="warning before a protection",
        elsewhere=("tests/core/engine/test_leaks.py", "tests/hardware/test_diagnosis_cases.py"),
    ),
    Fault(
        number=45, what="a garbage frame with a right checksum",
        must="raises no limit; one is enough to lower, two must agree to raise", within_s=60,
        otherwise={
            "starting": Otherwise(
                "there is nothing to hold it against; but no limit rises by one frame",
                Must(**BOTH), 1,
            )
        },
        inject=once(garbage=True), shows=Must(quiet=True),
    ),
    Fault(
        number=46, what="two masters write contradicting switches",
        must="the last authorised one wins, protection above both",
        elsewhere=(f"{_GATE}::test_protection_stands_above_whoever_asks",),
    ),
    Fault(
        number=47, what="wrong password, again and again", must="refused, counted, slowed down",
        elsewhere=(
            f"{_GATE}::test_a_wrong_password_is_refused_counted_and_then_no_longer_tried",
        ),
    ),
    Fault(
        number=48, what="an exception in the engine", must="that pack safe, no other touched",
        elsewhere=(
            f"{_CONTROLLER}::test_an_engine_that_raises_makes_its_pack_safe_and_no_other",
        ),
    ),
    Fault(
        number=49, what="no processor time for ten seconds",
        must="limits begin at 0 again; no burst of stale decisions", within_s=1,
        inject=_clock(10.0), shows=Must(**BOTH),
        elsewhere=(f"{_CONTROLLER}::test_no_burst_of_cycles_after_a_pause",),
    ),
    Fault(
        number=50, what="-25 °C with sun", must="no charging", within_s=5,
        inject=_sunny_frost, shows=Must(no_charge=True),
    ),
)  # fmt: skip
