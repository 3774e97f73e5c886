"""Trip and release of every protection: below, at, above, how long, release, again, two at once."""

import pytest

from cellwarden.engine.protection import IDLE, Protection
from cellwarden.engine.protection_rules import RULES
from cellwarden.engine.view import Quantity
from cellwarden.model import Alarm, AlarmKind, AlarmSource, DeviceAlarm, PackState, Severity
from support.packs import Bench, all_cells, parameters, with_cell

# Discharge under-temperature is off unless set.
# The pack's limits are set where no cell trips yet, to be seen alone.
PARAMS = parameters(
    discharge_undertemperature_c=-20.0,
    discharge_undertemperature_recovery_c=-15.0,
    pack_overvoltage_v=56.8,
    pack_overvoltage_recovery_v=54.4,
    pack_undervoltage_v=46.4,
    pack_undervoltage_recovery_v=48.0,
)


SHOWN = {
    "highest cell": lambda v: with_cell(7, v, other_v=3.40 if v > 3.40 else 3.30),
    "lowest cell": lambda v: with_cell(3, v),
    "current": lambda v: {"current_a": v},
    "warmest": lambda v: {"temperatures_c": (25.0, v)},
    "coldest": lambda v: {"temperatures_c": (v, 25.0)},
    "mos": lambda v: {"mos_temperature_c": v},
    "pack voltage": lambda v: {"voltage_v": v},
    "pack": lambda v: all_cells(v / 16),
}


def one(quantity: str, value: float) -> dict[str, object]:
    """The changes that show a value of a quantity."""
    return SHOWN[quantity](value)


# kind, quantity, harmless, at, beyond, delay s, (still held, releases), blocks charge, discharge
ROWS = [
    (AlarmKind.CELL_OVERVOLTAGE, "highest cell", 3.59, 3.60, 3.61, 1, (3.40, 3.39), True, False),
    (AlarmKind.CELL_UNDERVOLTAGE, "lowest cell", 2.71, 2.70, 2.69, 1, (3.00, 3.01), False, True),
    (AlarmKind.CHARGE_OVERTEMPERATURE, "warmest", 54, 55, 55.1, 5, (50.0, 49.9), True, False),
    (AlarmKind.CHARGE_UNDERTEMPERATURE, "coldest", 0.1, 0, -0.1, 5, (5.0, 5.1), True, False),
    (AlarmKind.DISCHARGE_OVERTEMPERATURE, "warmest", 54, 55, 55.1, 5, (50.0, 49.9), False, True),
    (
        AlarmKind.DISCHARGE_UNDERTEMPERATURE,
        "coldest",
        -19,
        -20,
        -20.1,
        5,
        (-15, -14.9),
        False,
        True,
    ),
    (AlarmKind.MOS_OVERTEMPERATURE, "mos", 74, 75, 75.1, 5, (65.0, 64.9), True, True),
    (AlarmKind.PACK_OVERVOLTAGE, "pack", 56.0, 56.8, 56.9, 1, (54.4, 54.3), True, False),
    (AlarmKind.PACK_UNDERVOLTAGE, "pack", 47.0, 46.4, 46.3, 1, (48.0, 48.1), False, True),
]
IDS = [row[0].name for row in ROWS]


def near(quantity: str, value: float) -> Bench:
    """A bench that already knows a value close by, so that no jump is doubted."""
    bench = Bench(params=PARAMS)
    bench.settle(3, **one(quantity, value))
    return bench


def tripped(state: PackState, kind: AlarmKind) -> Alarm | None:
    found = [a for a in state.alarms if a.kind is kind and a.severity is Severity.PROTECTION]
    return found[0] if found else None


@pytest.mark.requirement("R10")
@pytest.mark.requirement("R11")
@pytest.mark.requirement("R20")
@pytest.mark.requirement("R21")
@pytest.mark.requirement("R22")
@pytest.mark.requirement("R23")
@pytest.mark.requirement("R24")
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_at_the_threshold_and_before_it_nothing_trips(row) -> None:
    kind, quantity, harmless, at, *_ = row
    bench = near(quantity, harmless)
    for _ in range(20):
        assert tripped(bench.hear(**one(quantity, harmless)), kind) is None
    for _ in range(20):
        assert tripped(bench.hear(**one(quantity, at)), kind) is None


@pytest.mark.requirement("R12")
@pytest.mark.requirement("R10")
@pytest.mark.requirement("R11")
@pytest.mark.requirement("R20")
@pytest.mark.requirement("R21")
@pytest.mark.requirement("R22")
@pytest.mark.requirement("R23")
@pytest.mark.requirement("R24")
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_beyond_the_threshold_it_trips_after_the_delay_and_not_before(row) -> None:
    kind, quantity, harmless, _, beyond, delay_s, *_ = row
    bench = near(quantity, harmless)
    bench.hear(**one(quantity, beyond))  # the delay starts with this reading
    for _ in range(delay_s - 1):
        assert tripped(bench.hear(**one(quantity, beyond)), kind) is None
    alarm = tripped(bench.hear(**one(quantity, beyond)), kind)
    assert alarm is not None
    assert alarm.value == pytest.approx(beyond)
    assert alarm.since_s == bench.now_s
    assert alarm.source is AlarmSource.ENGINE
    assert alarm.releases != ""


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_dip_starts_the_delay_anew(row) -> None:
    kind, quantity, harmless, _, beyond, delay_s, *_ = row
    bench = near(quantity, harmless)
    for _ in range(4):
        for _ in range(delay_s):
            assert tripped(bench.hear(**one(quantity, beyond)), kind) is None
        assert tripped(bench.hear(**one(quantity, harmless)), kind) is None


@pytest.mark.requirement("R10")
@pytest.mark.requirement("R11")
@pytest.mark.requirement("R20")
@pytest.mark.requirement("R21")
@pytest.mark.requirement("R22")
@pytest.mark.requirement("R23")
@pytest.mark.requirement("R24")
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_tripped_blocks_its_direction_with_the_reason(row) -> None:
    kind, quantity, harmless, _, beyond, delay_s, _, blocks_charge, blocks_discharge = row
    bench = near(quantity, harmless)
    for _ in range(delay_s + 1):
        state = bench.hear(**one(quantity, beyond))
    if blocks_charge:
        assert state.limits.ccl_a == 0
        assert not state.charge_allowed
        assert kind.value in {r.rule for r in state.limits.charge_current.reasons}
    if blocks_discharge:
        assert state.limits.dcl_a == 0
        assert not state.discharge_allowed
        assert kind.value in {r.rule for r in state.limits.discharge_current.reasons}


@pytest.mark.requirement("R10")
@pytest.mark.requirement("R11")
@pytest.mark.requirement("R20")
@pytest.mark.requirement("R21")
@pytest.mark.requirement("R22")
@pytest.mark.requirement("R23")
@pytest.mark.requirement("R24")
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_it_is_held_at_the_release_value_and_released_beyond_it_by_two_readings(row) -> None:
    kind, quantity, harmless, _, beyond, delay_s, (held, free), *_ = row
    bench = near(quantity, harmless)
    for _ in range(delay_s + 1):
        bench.hear(**one(quantity, beyond))
    for _ in range(10):
        assert tripped(bench.hear(**one(quantity, held)), kind) is not None
    assert tripped(bench.hear(**one(quantity, free)), kind) is not None
    assert tripped(bench.hear(**one(quantity, held)), kind) is not None  # one was not enough
    assert tripped(bench.hear(**one(quantity, free)), kind) is not None
    assert tripped(bench.hear(**one(quantity, free)), kind) is None


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_it_trips_again_after_its_release(row) -> None:
    kind, quantity, harmless, _, beyond, delay_s, (_, free), *_ = row
    bench = near(quantity, harmless)
    for _ in range(3):
        for _ in range(delay_s + 1):
            state = bench.hear(**one(quantity, beyond))
        assert tripped(state, kind) is not None
        for _ in range(2):
            state = bench.hear(**one(quantity, free))
        assert tripped(state, kind) is None


def test_the_alarm_names_the_cell_the_value_and_what_ends_it() -> None:
    bench = near("highest cell", 3.55)
    bench.hear(**one("highest cell", 3.652))
    alarm = tripped(bench.hear(**one("highest cell", 3.652)), AlarmKind.CELL_OVERVOLTAGE)
    assert alarm is not None
    assert alarm.text == "left: cell over-voltage, cell 7 at 3.652 V (limit 3.600 V)"
    assert alarm.releases == "all cells are below 3.400 V"


def test_trip_and_release_are_events() -> None:
    bench = near("highest cell", 3.51)
    bench.hear(**one("highest cell", 3.61))
    assert "cell over-voltage, cell 7 at 3.610 V (limit 3.600 V)" in {
        e.text for e in bench.hear(**one("highest cell", 3.61)).events
    }
    assert bench.hear(**one("highest cell", 3.61)).events == ()
    bench.hear(**one("highest cell", 3.30))
    assert "cell over-voltage is over: all cells are below 3.400 V" in {
        e.text for e in bench.hear(**one("highest cell", 3.30)).events
    }


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("kind", "cell_v", "trips"),
    [
        (AlarmKind.CELL_OVERVOLTAGE, 3.69, False),
        (AlarmKind.CELL_OVERVOLTAGE, 3.71, True),
        (AlarmKind.CELL_UNDERVOLTAGE, 2.51, False),
        (AlarmKind.CELL_UNDERVOLTAGE, 2.49, True),
    ],
)
def test_far_beyond_a_voltage_limit_one_reading_is_enough(kind, cell_v: float, trips: bool) -> None:
    bench = near("highest cell", 3.30)
    state = bench.hear(**all_cells(cell_v))
    assert (tripped(state, kind) is not None) is trips


@pytest.mark.requirement("R13")
def test_the_shutdown_voltage_itself_trips_and_stays_until_charged() -> None:
    bench = near("lowest cell", 2.60)
    bench.settle(3, **one("lowest cell", 2.51))
    assert tripped(bench.state, AlarmKind.SHUTDOWN) is None
    bench.settle(2, **one("lowest cell", 2.50))
    assert tripped(bench.state, AlarmKind.SHUTDOWN) is not None
    bench.settle(5, **one("lowest cell", 3.00))
    assert tripped(bench.state, AlarmKind.SHUTDOWN) is not None
    bench.settle(2, **one("lowest cell", 3.01))
    assert tripped(bench.state, AlarmKind.SHUTDOWN) is None


OVERCURRENT = [
    (AlarmKind.CHARGE_OVERCURRENT, 50.0, 51.0, "charge_current"),
    (AlarmKind.DISCHARGE_OVERCURRENT, -100.0, -101.0, "discharge_current"),
]


@pytest.mark.requirement("R15")
@pytest.mark.requirement("R16")
@pytest.mark.parametrize(("kind", "limit_a", "over_a", "field"), OVERCURRENT)
def test_overcurrent_trips_after_30_s_and_is_over_60_s_later(kind, limit_a, over_a, field) -> None:
    bench = Bench()
    bench.settle(60)
    for _ in range(40):
        assert tripped(bench.hear(current_a=limit_a), kind) is None  # at the limit
    for _ in range(30):
        assert tripped(bench.hear(current_a=over_a), kind) is None
    alarm = tripped(bench.hear(current_a=over_a), kind)
    assert alarm is not None
    assert alarm.releases == "60 s have passed since the alarm"
    assert getattr(bench.state.limits, field).value == 0
    for _ in range(59):
        assert tripped(bench.hear(current_a=0.0), kind) is not None
    assert tripped(bench.hear(current_a=0.0), kind) is None


@pytest.mark.requirement("R16")
@pytest.mark.parametrize(("kind", "limit_a", "over_a", "field"), OVERCURRENT)
def test_an_overcurrent_that_dips_below_the_limit_starts_anew(kind, limit_a, over_a, field) -> None:
    bench = Bench()
    for _ in range(5):
        for _ in range(30):
            assert tripped(bench.hear(current_a=over_a), kind) is None
        assert tripped(bench.hear(current_a=limit_a), kind) is None


def test_an_overcurrent_that_stays_trips_again_after_its_release() -> None:
    bench = Bench()
    bench.settle(31, current_a=60.0)
    assert tripped(bench.state, AlarmKind.CHARGE_OVERCURRENT) is not None
    bench.settle(60, current_a=60.0)
    assert tripped(bench.state, AlarmKind.CHARGE_OVERCURRENT) is None
    bench.settle(31, current_a=60.0)
    assert tripped(bench.state, AlarmKind.CHARGE_OVERCURRENT) is not None


def test_a_spike_of_one_sample_trips_nothing() -> None:
    bench = Bench()
    bench.settle(60)
    assert bench.hear(current_a=190.0).alarms == ()


@pytest.mark.parametrize("poll_s", [0.1, 0.5, 1.0, 5.0, 15.0, 30.0])
def test_the_poll_rate_does_not_change_when_an_overcurrent_trips(poll_s: float) -> None:
    bench = Bench(max_age_s=60.0)
    bench.hear(poll_s)
    start_s = bench.now_s
    bench.hear(poll_s, current_a=60.0)
    over_s = bench.now_s
    while tripped(bench.hear(poll_s, current_a=60.0), AlarmKind.CHARGE_OVERCURRENT) is None:
        assert bench.now_s - start_s < 100
    assert bench.now_s - over_s == pytest.approx(30.0, abs=0.11)


def test_two_protections_at_once_both_show_and_both_block() -> None:
    bench = Bench()
    cells = [3.30] * 16
    cells[0], cells[8] = 3.65, 2.65
    changes = {"cell_voltages_v": tuple(cells), "voltage_v": sum(cells)}
    bench.settle(5, **changes)
    assert {a.kind for a in bench.state.alarms if a.severity is Severity.PROTECTION} == {
        AlarmKind.CELL_OVERVOLTAGE,
        AlarmKind.CELL_UNDERVOLTAGE,
        AlarmKind.CELL_FAILURE,
    }
    assert (bench.state.limits.ccl_a, bench.state.limits.dcl_a) == (0, 0)


def test_noise_around_a_threshold_for_an_hour_trips_once() -> None:
    bench = near("highest cell", 3.55)
    trips = 0
    for n in range(3600):
        before = tripped(bench.state, AlarmKind.CELL_OVERVOLTAGE)
        bench.hear(**one("highest cell", 3.600 + (0.004 if n % 5 else -0.004)))
        after = tripped(bench.state, AlarmKind.CELL_OVERVOLTAGE)
        trips += before is None and after is not None
    assert trips == 1


def test_an_unknown_value_releases_nothing() -> None:
    bench = near("warmest", 54.0)
    bench.settle(7, **one("warmest", 56.0))
    assert tripped(bench.state, AlarmKind.CHARGE_OVERTEMPERATURE) is not None
    bench.settle(30, temperatures_c=(None, None))
    assert tripped(bench.state, AlarmKind.CHARGE_OVERTEMPERATURE) is not None


def test_a_gap_in_the_data_starts_the_delay_anew_but_releases_nothing() -> None:
    bench = Bench()
    bench.settle(29, current_a=60.0)
    bench.wait(5.0)
    bench.settle(25, current_a=60.0)
    assert tripped(bench.state, AlarmKind.CHARGE_OVERCURRENT) is None
    bench.settle(6, current_a=60.0)
    assert tripped(bench.state, AlarmKind.CHARGE_OVERCURRENT) is not None
    assert tripped(bench.wait(10.0), AlarmKind.CHARGE_OVERCURRENT) is not None
    bench.hear()
    assert tripped(bench.state, AlarmKind.CHARGE_OVERCURRENT) is not None


def test_the_release_time_of_an_overcurrent_runs_on_without_data() -> None:
    bench = Bench()
    bench.settle(31, current_a=60.0)
    assert tripped(bench.wait(59.0), AlarmKind.CHARGE_OVERCURRENT) is not None
    assert tripped(bench.wait(2.0), AlarmKind.CHARGE_OVERCURRENT) is None


WARNINGS = [
    # kind, quantity, a value that does not warn, that warns, that keeps it, that ends it
    (AlarmKind.CELL_OVERVOLTAGE, "highest cell", 3.52, 3.53, 3.49, 3.48),
    (AlarmKind.CELL_UNDERVOLTAGE, "lowest cell", 2.86, 2.84, 2.92, 2.93),
    (AlarmKind.CHARGE_OVERCURRENT, "current", 50.0, 50.5, 49.5, 48.0),
    (AlarmKind.DISCHARGE_OVERCURRENT, "current", -100.0, -101.0, -99.0, -97.0),
    (AlarmKind.CHARGE_OVERTEMPERATURE, "warmest", 52.4, 52.6, 50.5, 49.9),
    (AlarmKind.CHARGE_UNDERTEMPERATURE, "coldest", 2.6, 2.4, 4.9, 5.1),
    (AlarmKind.DISCHARGE_OVERTEMPERATURE, "warmest", 52.4, 52.6, 50.5, 49.9),
    (AlarmKind.DISCHARGE_UNDERTEMPERATURE, "coldest", -17.4, -17.6, -15.1, -14.9),
    (AlarmKind.MOS_OVERTEMPERATURE, "mos", 69.9, 70.1, 65.1, 64.9),
    (AlarmKind.CELL_DIFFERENCE, "lowest cell", 3.0, 2.99, 3.05, 3.07),
    (AlarmKind.IMPLAUSIBLE_DATA, "pack voltage", 53.3, 53.5, 53.3, 53.2),
    (AlarmKind.PACK_OVERVOLTAGE, "pack", 55.9, 56.1, 55.3, 55.1),
    (AlarmKind.PACK_UNDERVOLTAGE, "pack", 47.3, 47.1, 47.9, 48.1),
    (AlarmKind.TEMPERATURE_SENSOR, "warmest", 39.9, 40.1, 37.1, 36.9),
]


@pytest.mark.parametrize("row", WARNINGS, ids=[row[0].name for row in WARNINGS])
def test_warnings_come_before_the_protection_and_block_nothing(row) -> None:
    kind, quantity, *values = row
    quiet, loud, kept, over = (one(quantity, value) for value in values)
    bench = Bench(params=PARAMS)

    def kinds() -> set[tuple[AlarmKind, Severity]]:
        return {(a.kind, a.severity) for a in bench.state.alarms}

    bench.settle(20, **quiet)
    assert (kind, Severity.WARNING) not in kinds()
    bench.settle(15, **loud)
    assert (kind, Severity.WARNING) in kinds()
    assert (kind, Severity.PROTECTION) not in kinds()
    warnings = [a for a in bench.state.alarms if a.kind is kind]
    assert all(not a.blocks_charge and not a.blocks_discharge for a in warnings)
    bench.settle(15, **kept)
    assert (kind, Severity.WARNING) in kinds()
    bench.settle(3, **over)
    assert (kind, Severity.WARNING) not in kinds()


def test_low_soc_warns_below_10_percent_until_15() -> None:
    bench = Bench()
    bench.settle(5, soc_percent=9.0)
    assert [a.kind for a in bench.state.alarms] == [AlarmKind.LOW_SOC]
    bench.settle(340, soc_percent=9.0, current_a=50.0)  # +4.7 %
    assert [a.kind for a in bench.state.alarms] == [AlarmKind.LOW_SOC]
    bench.settle(100, soc_percent=9.0, current_a=50.0)
    assert bench.state.alarms == ()


def test_a_warning_gives_way_to_the_protection_of_its_kind() -> None:
    bench = near("highest cell", 3.55)
    bench.settle(5, **one("highest cell", 3.61))
    of_kind = [a for a in bench.state.alarms if a.kind is AlarmKind.CELL_OVERVOLTAGE]
    assert [a.severity for a in of_kind] == [Severity.PROTECTION]


def test_protections_come_before_warnings() -> None:
    bench = near("highest cell", 3.55)
    bench.settle(5, **{**with_cell(7, 3.61), "soc_percent": 5.0})
    severities = [a.severity for a in bench.state.alarms]
    assert severities == sorted(severities, reverse=True)
    assert len(severities) >= 2


def test_an_alarm_of_the_bms_is_passed_on_and_blocks_as_told() -> None:
    bench = Bench()
    bench.settle(30)
    told = DeviceAlarm(
        kind=AlarmKind.BMS_INTERNAL,
        severity=Severity.PROTECTION,
        blocks_discharge=True,
        text="AFE",
    )
    bench.hear(alarms=(told,))
    since_s = bench.now_s
    state = bench.hear(alarms=(told,))
    (alarm,) = state.alarms
    assert alarm.source is AlarmSource.DEVICE
    assert alarm.since_s == since_s
    assert alarm.where == "AFE"
    assert state.limits.dcl_a == 0
    assert state.limits.discharge_current.binding.rule == "BMS: BMS internal fault"
    assert state.limits.ccl_a == 50
    assert bench.hear().alarms == ()


def test_a_warning_of_the_bms_that_blocks_still_blocks_under_a_protection_of_its_kind() -> None:
    bench = Bench()
    bench.settle(10)
    told = DeviceAlarm(
        kind=AlarmKind.CELL_UNDERVOLTAGE, severity=Severity.WARNING, blocks_charge=True
    )
    bench.settle(5, alarms=(told,), **with_cell(3, 2.65))
    assert [a.kind for a in bench.state.alarms].count(AlarmKind.CELL_UNDERVOLTAGE) == 1
    assert bench.state.limits.ccl_a == 0


@pytest.mark.requirement("R24")
def test_a_protection_that_is_switched_off_has_no_row() -> None:
    names = {row.rule.name for row in Protection("left", parameters()).rows}
    assert "discharge under-temperature" not in names
    assert "discharge under-temperature warning" not in names
    assert "discharge over-temperature" in names


def test_the_table_watches_every_quantity_and_names_every_row_once() -> None:
    assert {rule.quantity for rule in RULES if rule.quantity is not None} == set(Quantity)
    assert all((rule.quantity is None) is (rule.signal is not None) for rule in RULES)
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_row_has_exactly_one_release_and_blocks_only_as_a_protection(rule) -> None:
    releases = [rule.release is not None, rule.release_s is not None, rule.latched]
    assert sum(releases) == 1
    blocks = rule.blocks_charge or rule.blocks_discharge or rule.blocks_balance
    assert blocks is (rule.severity is Severity.PROTECTION)


def test_after_a_release_nothing_is_left_to_watch() -> None:
    bench = near("highest cell", 3.51)
    bench.settle(3, **one("highest cell", 3.61))
    assert any(w is not IDLE for w in bench.memory.alarms.watches)
    bench.settle(3)
    assert all(w is IDLE for w in bench.memory.alarms.watches)
