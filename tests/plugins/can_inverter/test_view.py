"""The rules of a well-behaved BMS, whatever the bank looks like."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from cellwarden.model import Alarm, AlarmKind, BankPhase, BankState, PackPhase, Severity
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.view import BatteryView, Manners, is_urgent, view_of
from support.states import bank_state, limits, pack_state

MANNERS = Manners()
MakeBank = Callable[..., BankState]


def seen(state: BankState, age_s: float = 0.5, manners: Manners = MANNERS) -> BatteryView:
    view = view_of(state, age_s, manners)
    assert view is not None
    return view


def alarm(kind: AlarmKind, severity: Severity = Severity.PROTECTION) -> Alarm:
    return Alarm(kind=kind, severity=severity, pack="left", since_s=1.0)


def test_a_healthy_bank_is_told_as_it_is(make_bank: MakeBank) -> None:
    bank = make_bank()
    assert seen(bank) == BatteryView(
        cvl_v=55.2,
        ccl_a=100.0,
        dcl_a=200.0,
        dvl_v=48.0,
        charge_enabled=True,
        discharge_enabled=True,
        voltage_v=52.92,
        current_a=12.0,
        temperature_c=22.0,
        soc_percent=64.0,
        soh_percent=98.0,
        protections=frozenset(),
        warnings=frozenset(),
        modules=2,
        manufacturer="PYLON",
        online=2,
        offline=0,
        cell_min=bank.cell_min,
        cell_max=bank.cell_max,
        temperature_min=bank.temperature_min,
        temperature_max=bank.temperature_max,
        installed_ah=200.0,
        capacity_ah=200.0,
        remaining_ah=128.0,
        cycles=12,
        cell_count=16,
    )


def test_before_the_first_decision_nothing_is_said(make_bank: MakeBank) -> None:
    assert view_of(None, 0.0, MANNERS) is None
    assert view_of(make_bank(phase=BankPhase.STARTING, limits=None), 0.0, MANNERS) is None


def test_a_limit_that_nobody_decided_is_not_announced(make_bank: MakeBank) -> None:
    assert view_of(make_bank(limits=None), 0.0, MANNERS) is None


def test_no_charging_means_no_current_and_no_enable(make_bank: MakeBank) -> None:
    view = seen(make_bank(charge_allowed=False))
    assert (view.ccl_a, view.charge_enabled) == (0.0, False)
    assert (view.dcl_a, view.discharge_enabled) == (200.0, True)
    assert view.cvl_v == 55.2


def test_a_limit_of_nothing_takes_the_enable_away(make_bank: MakeBank) -> None:
    view = seen(make_bank(limits=limits(55.2, 0.04, 200.0, 48.0)))
    assert (view.ccl_a, view.charge_enabled) == (0.0, False)


def test_the_smallest_limit_keeps_the_enable(make_bank: MakeBank) -> None:
    view = seen(make_bank(limits=limits(55.2, 0.05, 200.0, 48.0)))
    assert (view.ccl_a, view.charge_enabled) == (0.1, True)


@pytest.mark.parametrize("value", [math.nan, math.inf, -5.0])
def test_a_charge_limit_that_is_no_number_allows_nothing(make_bank: MakeBank, value: float) -> None:
    view = seen(make_bank(limits=limits(55.2, value, 200.0, 48.0)))
    assert (view.ccl_a, view.charge_enabled) == (0.0, False)


def test_a_negative_discharge_limit_is_told_as_its_magnitude(make_bank: MakeBank) -> None:
    assert seen(make_bank(limits=limits(55.2, 100.0, -80.0, 48.0))).dcl_a == 80.0


@pytest.mark.parametrize("cvl_v", [0.0, 0.1, -1.0, math.nan, math.inf])
def test_a_charge_voltage_that_is_none_is_replaced_by_the_last_one(
    make_bank: MakeBank, cvl_v: float
) -> None:
    before = seen(make_bank(limits=limits(56.0, 100.0, 200.0, 48.0)))
    bad = make_bank(limits=limits(cvl_v, 0.0, 200.0, 48.0))
    now = view_of(bad, 0.0, MANNERS, before)
    assert now is not None
    assert now.cvl_v == 56.0


def test_without_a_last_charge_voltage_the_pack_voltage_stands_in(make_bank: MakeBank) -> None:
    assert seen(make_bank(limits=limits(0.0, 0.0, 200.0, 48.0))).cvl_v == 52.9


def test_without_any_charge_voltage_nothing_is_said(make_bank: MakeBank) -> None:
    state = make_bank(limits=limits(0.0, 0.0, 200.0, 48.0), voltage_v=None)
    assert view_of(state, 0.0, MANNERS) is None


@pytest.mark.parametrize("kind", [AlarmKind.CELL_OVERVOLTAGE, AlarmKind.PACK_OVERVOLTAGE])
def test_while_over_voltage_no_charger_is_asked_to_go_higher(
    make_bank: MakeBank, kind: AlarmKind
) -> None:
    view = seen(make_bank(charge_allowed=False, alarms=(alarm(kind),), voltage_v=54.97))
    assert view.cvl_v == 54.9


def test_over_voltage_never_raises_the_charge_voltage(make_bank: MakeBank) -> None:
    over = (alarm(AlarmKind.CELL_OVERVOLTAGE),)
    assert seen(make_bank(charge_allowed=False, alarms=over, voltage_v=57.0)).cvl_v == 55.2


def test_an_unknown_health_is_told_as_full(make_bank: MakeBank) -> None:
    assert seen(make_bank(soh_percent=None)).soh_percent == 100.0


def test_an_empty_bank_still_counts_one_module(make_bank: MakeBank) -> None:
    lost = (pack_state("left", phase=PackPhase.LOST), pack_state("right", phase=PackPhase.LOST))
    assert seen(make_bank(packs=lost)).modules == 1
    assert seen(make_bank(packs=(pack_state("left"), lost[1]))).modules == 1


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ("soc_percent", {0x355}),
        ("voltage_v", {0x356}),
        ("current_a", {0x356}),
        ("temperature_c", {0x356}),
    ],
)
@pytest.mark.parametrize("unknown", [None, math.nan])
def test_a_frame_with_an_unknown_number_is_not_sent(
    make_bank: MakeBank, field: str, missing: set[int], unknown: float | None
) -> None:
    every = {0x351, 0x355, 0x356, 0x359, 0x35C, 0x35E}
    frames = DIALECTS["pylontech_lv"].encode(seen(make_bank(**{field: unknown})))
    assert {frame.can_id for frame in frames} == every - missing


# -- silence ---------------------------------------------------------------------------------


def test_all_packs_silent_allows_nothing_and_says_why(make_bank: MakeBank) -> None:
    view = seen(make_bank(phase=BankPhase.SILENT, limits=limits(55.2, 10.0, 10.0, 48.0)))
    assert (view.cvl_v, view.ccl_a, view.dcl_a) == (55.2, 0.0, 0.0)
    assert (view.charge_enabled, view.discharge_enabled) == (False, False)
    assert AlarmKind.BMS_LOST in view.warnings
    assert AlarmKind.BMS_LOST in view.protections


def test_silence_repeats_no_measured_value(make_bank: MakeBank) -> None:
    view = seen(make_bank(phase=BankPhase.SILENT))
    assert view.soc_percent is view.voltage_v is view.current_a is view.temperature_c is None


def test_a_controller_that_hangs_is_told_like_silence(make_bank: MakeBank) -> None:
    assert seen(make_bank(), 10.0) == seen(make_bank())
    assert seen(make_bank(), 10.1) == seen(make_bank(phase=BankPhase.SILENT))
    assert seen(make_bank(), 60.0) == seen(make_bank(phase=BankPhase.SILENT))
    assert view_of(make_bank(), 60.1, MANNERS) is None


def test_gone_means_silence(make_bank: MakeBank) -> None:
    assert view_of(make_bank(phase=BankPhase.GONE), 0.0, MANNERS) is None


def test_the_goodbye_allows_nothing(make_bank: MakeBank) -> None:
    view = seen(make_bank(phase=BankPhase.STOPPING))
    assert (view.cvl_v, view.ccl_a, view.dcl_a) == (55.2, 0.0, 0.0)
    assert (view.charge_enabled, view.discharge_enabled) == (False, False)


# -- requests --------------------------------------------------------------------------------


def test_a_forced_charge_has_hysteresis() -> None:
    manners = Manners(force_charge_below_percent=10.0)
    view: BatteryView | None = None
    asked = []
    for soc in (12.0, 10.0, 9.9, 12.0, 14.9, 15.0, 12.0):
        view = view_of(bank_state(soc_percent=soc), 0.0, manners, view)
        assert view is not None
        asked.append(view.force_charge)
    assert asked == [False, False, True, True, True, False, False]


def test_nothing_is_asked_while_charging_is_not_allowed(make_bank: MakeBank) -> None:
    manners = Manners(force_charge_below_percent=10.0, force_charge_urgent_below_percent=10.0)
    view = seen(make_bank(soc_percent=3.0, charge_allowed=False), manners=manners)
    assert (view.force_charge, view.force_charge_urgent) == (False, False)


def test_an_unknown_soc_asks_for_nothing(make_bank: MakeBank) -> None:
    manners = Manners(force_charge_below_percent=10.0)
    assert not seen(make_bank(soc_percent=None), manners=manners).force_charge


def test_the_two_requests_have_thresholds_of_their_own(make_bank: MakeBank) -> None:
    manners = Manners(force_charge_below_percent=12.0, force_charge_urgent_below_percent=6.0)
    view = seen(make_bank(soc_percent=9.0), manners=manners)
    assert (view.force_charge, view.force_charge_urgent) == (True, False)


# -- quirks of single inverters ---------------------------------------------------------------


def test_a_held_soc_is_told_as_full_only_when_charging_has_ended(make_bank: MakeBank) -> None:
    manners = Manners(hold_soc=True)
    assert seen(make_bank(soc_percent=99.8), manners=manners).soc_percent == 99.0
    assert seen(make_bank(soc_percent=98.2), manners=manners).soc_percent == 98.2
    full = make_bank(soc_percent=100.0, charge_allowed=False)
    assert seen(full, manners=manners).soc_percent == 100.0


def test_a_ceiling_of_the_soc_holds_also_when_charging_has_ended(make_bank: MakeBank) -> None:
    manners = Manners(soc_ceiling_percent=99.0)
    full = make_bank(soc_percent=100.0, charge_allowed=False)
    assert seen(full, manners=manners).soc_percent == 99.0


def test_a_stop_limit_stands_in_for_0_and_the_enable_says_the_truth(make_bank: MakeBank) -> None:
    manners = Manners(stop_limit_a=0.1)
    view = seen(make_bank(charge_allowed=False), manners=manners)
    assert (view.ccl_a, view.charge_enabled) == (0.1, False)
    assert (view.dcl_a, view.discharge_enabled) == (200.0, True)
    silent = seen(make_bank(phase=BankPhase.SILENT), manners=manners)
    assert (silent.ccl_a, silent.dcl_a) == (0.1, 0.1)
    assert (silent.charge_enabled, silent.discharge_enabled) == (False, False)


def test_a_charge_voltage_below_what_an_inverter_takes_is_none(make_bank: MakeBank) -> None:
    manners = Manners(lowest_cvl_v=41.0)
    low = make_bank(limits=limits(40.9, 10.0, 10.0, 38.0), voltage_v=39.0)
    assert view_of(low, 0.0, manners) is None
    assert seen(low).cvl_v == 40.9


def test_packs_are_counted_by_what_they_do(make_bank: MakeBank) -> None:
    packs = (
        pack_state("left", charge_allowed=False),
        pack_state("middle", discharge_allowed=False),
        pack_state("right", phase=PackPhase.LOST),
    )
    view = seen(make_bank(packs=packs))
    assert (view.online, view.offline) == (2, 1)
    assert (view.blocking_charge, view.blocking_discharge) == (1, 1)
    stopped = seen(make_bank(packs=packs, phase=BankPhase.STOPPING))
    assert (stopped.blocking_charge, stopped.blocking_discharge) == (2, 2)


# -- urgency ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"ccl_a": 99.9},
        {"dcl_a": 0.0, "discharge_enabled": False},
        {"cvl_v": 55.1},
        {"dvl_v": 48.1},
        {"protections": frozenset({AlarmKind.SHORT_CIRCUIT})},
        {"warnings": frozenset({AlarmKind.LOW_SOC})},
    ],
)
def test_less_or_a_new_alarm_is_urgent_and_its_opposite_is_not(
    make_bank: MakeBank, change: dict[str, object]
) -> None:
    before = seen(make_bank())
    after = replace(before, **change)  # type: ignore[arg-type]
    assert is_urgent(after, before)
    assert not is_urgent(before, after)
    assert not is_urgent(after, after)
