"""The bank: sums, limits by share, who counts, loss of packs, phases."""

import itertools
from dataclasses import replace

import pytest

from cellwarden.engine import Bank, BankMember, BankSettings
from cellwarden.model import (
    AlarmKind,
    BankPhase,
    ChargeMode,
    ChargePhase,
    Orders,
    PackPhase,
    Severity,
)
from support.packs import all_cells, with_cell
from support.racks import Rack, currents

# Sums


def test_currents_charges_and_powers_add_up_and_shares_are_by_size() -> None:
    rack = Rack({"left": 100.0, "right": 300.0})
    state = rack.cycle(
        left={"current_a": 10.0, "soc_percent": 80.0, **all_cells(3.35), "cycles": 7},
        right={"current_a": 30.0, "soc_percent": 40.0, "temperatures_c": (19.0, 15.0)},
    )
    assert state.current_a == 40.0
    assert state.voltage_v == pytest.approx((53.6 + 52.8) / 2)
    assert state.power_w == pytest.approx(536.0 + 1584.0)
    assert state.soc_percent == pytest.approx(50.0)
    assert state.soc_sigma_percent == pytest.approx(11.85854)  # 15 % each, independent
    assert state.soh_percent == 100.0
    assert (state.capacity_ah, state.installed_ah) == (400.0, 400.0)
    assert state.remaining_ah == pytest.approx(200.0)
    assert state.temperature_c == pytest.approx(21.0)
    assert (state.cell_max.pack, state.cell_max.cell) == ("left", 1)
    assert state.cell_min.pack == "right"
    assert (state.temperature_min.pack, state.temperature_min.sensor) == ("right", "T2")
    assert state.temperature_max.pack == "left"
    assert state.cycles == 7
    assert state.data_age_s == 0.0


def test_what_one_online_pack_does_not_know_is_no_partial_sum() -> None:
    rack = Rack()
    state = rack.cycle(right={"current_a": None, "capacity_ah": None, "temperatures_c": ()})
    assert (state.current_a, state.power_w, state.soh_percent) == (None, None, None)
    assert state.temperature_c == 25.0
    assert state.capacity_ah == 200.0
    state = rack.cycle(left={"cell_voltages_v": (), "voltage_v": None})
    assert state.voltage_v == pytest.approx(52.8)
    rack = Rack()
    state = rack.cycle(right={"soc_percent": None, "cell_voltages_v": (), "temperatures_c": ()})
    assert (state.soc_percent, state.soc_sigma_percent, state.remaining_ah) == (None, None, None)
    assert state.cell_max.pack == "left"


def test_the_sum_of_the_cells_stands_in_for_an_unknown_pack_voltage() -> None:
    state = Rack().cycle(left={"voltage_v": None}, right={"voltage_v": None})
    assert state.voltage_v == pytest.approx(52.8)


def test_the_age_is_that_of_the_oldest_reading_in_use() -> None:
    rack = Rack()
    rack.cycles(3)
    assert rack.cycles(2, silent=("right",)).data_age_s == 2.0
    assert rack.cycles(2, silent=("right",)).data_age_s == 0.0
    assert rack.cycles(5, silent=("left", "right")).data_age_s == 5.0


# Limits


def test_two_equal_packs_give_twice_the_current() -> None:
    state = Rack().cycles(60)
    assert currents(state) == (100.0, 200.0)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert state.limits.dvl_v == pytest.approx(48.0)
    assert (state.charge_allowed, state.discharge_allowed) == (True, True)
    assert {r.pack for r in state.limits.charge_current.reasons} == {"left", "right"}


def test_no_pack_is_overloaded_by_its_share() -> None:
    rack = Rack({"left": 100.0, "right": 300.0})
    assert currents(rack.cycles(60)) == pytest.approx((200.0, 400.0))
    # The small one may take 10 A of its 50; a quarter of the bank's current is its share.
    state = rack.cycle(left={"mos_temperature_c": 74.0})
    assert currents(state) == pytest.approx((40.0, 80.0))
    reason = state.limits.charge_current.binding
    assert (reason.pack, reason.rule) == ("left", "MOSFET temperature")


def test_until_packs_were_seen_sharing_each_may_take_twice_what_its_size_says() -> None:
    rack = Rack(strange_factor=2.0)
    state = rack.cycles(60)
    assert currents(state) == pytest.approx((75.0, 150.0))  # two thirds of it is 50 A
    assert state.limits.charge_current.binding.rule == "how the packs share is not seen yet"
    # Once they carry 10 A each, only the other 40 A are in doubt; a load step ends it.
    for tenth in range(0, 101, 5):
        one = {"current_a": tenth / 10}
        state = rack.cycle(left=one, right=one)
    assert state.limits.ccl_a == pytest.approx(20.0 + 1.5 * 40.0, abs=2.0)
    state = rack.cycles(60, left={"current_a": 30.0}, right={"current_a": 30.0})
    assert currents(state) == (100.0, 200.0)


def test_a_small_pack_that_is_joining_is_not_overloaded_by_what_the_others_may_take() -> None:
    rack = Rack({"left": 100.0, "right": 300.0}, strange_factor=2.0)
    rack.cycles(60, silent=("left",))
    assert currents(rack.state) == (150, 300)
    state = rack.cycle()  # its first reading: a quarter, or half of it, is the left one's
    assert currents(state) == pytest.approx((100.0, 200.0))
    binding = state.limits.charge_current.binding
    assert (binding.pack, binding.rule) == ("left", "charge current setting, while it is joining")


def test_the_bank_falls_at_once_and_rises_slowly() -> None:
    rack = Rack()
    rack.cycles(60)
    assert currents(rack.cycle(left={"mos_temperature_c": 74.0})) == pytest.approx((20, 40))
    rack.cycle()
    given = [currents(rack.cycle())[0] for _ in range(10)]
    assert given[0] == pytest.approx(30.0)
    assert all(b - a <= 10.0 + 1e-9 for a, b in itertools.pairwise(given))
    assert rack.state.limits.charge_current.value == 100.0


def test_the_lowest_charge_voltage_rules_and_names_its_pack() -> None:
    rack = Rack()
    rack.cycles(60)
    state = rack.cycle(right=with_cell(5, 3.55))
    assert state.limits.cvl_v == pytest.approx(54.88)
    assert state.limits.charge_voltage.binding.pack == "right"
    rack.cycle()
    rack.cycle()
    assert 54.88 < rack.state.limits.cvl_v < 54.885


@pytest.mark.parametrize(("floats", "expected"), [((54.0, 53.6), 53.6), ((54.0, None), 54.0)])
def test_the_full_bank_floats_where_the_most_demanding_pack_wants_it(floats, expected) -> None:
    rack = Rack()
    members = [BankMember(n, 100.0, v) for n, v in zip(("left", "right"), floats, strict=True)]
    rack.bank = Bank(BankSettings("Battery", tuple(members)))
    rack.cycles(60)
    rack.orders = Orders(mode=ChargeMode.FLOAT)
    assert rack.cycles(3600).limits.cvl_v == pytest.approx(expected)


def test_a_pack_that_must_not_charge_while_its_fet_conducts_stops_the_bank() -> None:
    rack = Rack()
    rack.cycles(60)
    state = rack.cycles(2, right={"temperatures_c": (6.0, 6.0)})
    state = rack.cycles(2, right={"temperatures_c": (-1.0, -1.0)})
    assert state.limits.ccl_a == 0
    assert not state.charge_allowed
    assert state.limits.charge_current.binding.pack == "right"
    assert state.limits.dcl_a > 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"charge_fet_on": False}, (50, 200)), ({"discharge_fet_on": False}, (100, 100))],
)
def test_a_pack_with_an_open_fet_carries_nothing_and_is_left_out(changes, expected) -> None:
    rack = Rack()
    rack.cycles(60)
    assert currents(rack.cycle(right=changes)) == expected


def test_with_every_fet_open_nothing_is_allowed() -> None:
    off = {"charge_fet_on": False, "discharge_fet_on": False}
    rack = Rack()
    rack.cycles(60)
    state = rack.cycle(left=off, right=off)
    assert currents(state) == (0, 0)
    assert [r.pack for r in state.limits.charge_current.reasons] == ["left", "right"]


def test_a_full_pack_does_not_end_the_charge_of_the_other() -> None:
    rack = Rack()
    full = {"current_a": 1.0, **all_cells(3.45)}
    almost = {"current_a": 9.0, **all_cells(3.43)}
    rack.cycles(70, left=full, right=almost)
    assert rack.packs[0].limits.charge_current.binding.rule == "full"
    # The full one takes 8 A less, so at 92 A the other has its 50 A.
    assert rack.state.limits.ccl_a == pytest.approx(92)
    state = rack.cycles(70, left=full, right=full)
    assert state.limits.ccl_a == 0
    assert state.charge_phase is ChargePhase.FLOAT
    assert {(r.pack, r.rule) for r in state.limits.charge_current.reasons} >= {
        ("left", "full"),
        ("right", "full"),
    }


def test_packs_that_leave_full_one_after_another_let_the_charge_start_once() -> None:
    rack = Rack()
    full = {"current_a": 1.0, **all_cells(3.45)}
    rack.cycles(70, left=full, right=full)
    used = {"current_a": -90.0, **all_cells(3.34)}
    given = []
    for n in range(200):
        right = used if n > 2 else {"current_a": -89.0, **all_cells(3.34)}
        given.append(rack.cycle(left=used, right=right).limits.ccl_a)
    started = given.index(next(a for a in given if a > 0))
    assert all(a > 0 for a in given[started:])
    assert given[-1] > 98


def test_a_full_pack_whose_cell_runs_away_still_lowers_the_charge_of_all() -> None:
    rack = Rack()
    almost = {"current_a": 9.0, **all_cells(3.43)}
    rack.cycles(70, left={"current_a": 1.0, **all_cells(3.45)}, right=almost)
    assert rack.state.limits.ccl_a == pytest.approx(92)
    state = rack.cycle(left={"current_a": 1.0, **with_cell(3, 3.59, 3.45)}, right=almost)
    reason = state.limits.charge_current.binding
    assert (reason.pack, reason.rule) == ("left", "cell voltage taper")
    assert state.limits.ccl_a < 20


# Start


def test_before_the_first_reading_nothing_is_announced() -> None:
    state = Rack().cycle(silent=("left", "right"))
    assert state.phase is BankPhase.STARTING
    assert state.limits is None
    assert (state.charge_allowed, state.discharge_allowed) == (False, False)
    assert (state.voltage_v, state.current_a, state.soc_percent) == (None, None, None)
    assert (state.data_age_s, state.installed_ah) == (None, 200.0)


def test_the_bank_works_from_the_first_good_pack_and_counts_on_no_other() -> None:
    rack = Rack()
    state = rack.cycles(60, silent=("right",))
    assert state.phase is BankPhase.LIVE
    assert currents(state) == (50, 100)
    assert state.capacity_ah == 100.0
    assert [(r.pack, r.rule) for r in state.limits.charge_current.reasons] == [
        ("left", "charge current setting"),
        ("right", "the pack is waited for"),
    ]


def test_packs_that_are_waited_for_do_not_speed_up_the_rise() -> None:
    rack = Rack({"left": 100.0, "right": 100.0, "third": 100.0})
    rack.cycles(3, silent=("right", "third"))
    before = rack.state.limits.ccl_a
    assert rack.cycle(silent=("right", "third")).limits.ccl_a == before + 5.0


def test_a_pack_that_joins_neither_stops_the_bank_nor_lets_it_leap() -> None:
    rack = Rack()
    rack.cycles(60, silent=("right",))
    given = [currents(rack.cycle())[0] for _ in range(8)]
    assert given == [50, 60, 70, 80, 90, 100, 100, 100]


def test_a_pack_that_joins_with_a_fault_stops_the_bank_at_once() -> None:
    rack = Rack()
    rack.cycles(60, silent=("right",))
    assert rack.cycle(right=with_cell(3, 3.62)).limits.ccl_a == 0


# Loss


def test_a_lost_pack_is_excluded_with_the_reason_and_a_warning() -> None:
    rack = Rack()
    rack.cycles(60, left={"current_a": 5.0}, right={"current_a": 5.0})
    rack.cycles(3, silent=("right",), left={"current_a": 5.0})
    assert currents(rack.state) == (100, 200)
    state = rack.cycle(silent=("right",), left={"current_a": 5.0})
    assert state.phase is BankPhase.LIVE
    assert currents(state) == (50, 100)
    assert state.limits.charge_current.binding.text == (
        "right: the pack is lost; clears when it answers again"
    )
    assert (state.current_a, state.capacity_ah, state.installed_ah) == (5.0, 100.0, 200.0)
    (alarm,) = state.alarms
    assert (alarm.kind, alarm.severity, alarm.pack) == (
        AlarmKind.BMS_LOST, Severity.WARNING, "right",
    )  # fmt: skip
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (False, False)
    assert rack.packs[1].alarms[0].severity is Severity.PROTECTION
    state = rack.cycles(60)
    assert currents(state) == (100, 200)
    assert state.alarms == ()


def test_a_tighter_rule_stands_before_the_loss() -> None:
    rack = Rack()
    rack.cycles(60)
    state = rack.cycles(4, silent=("right",), left={"mos_temperature_c": 74.0})
    assert [(r.pack, r.rule) for r in state.limits.charge_current.reasons] == [
        ("left", "MOSFET temperature"),
        ("left", "charge current setting"),
        ("right", "the pack is lost"),
    ]


def test_holding_keeps_the_last_limits_for_a_while_then_excludes() -> None:
    rack = Rack(on_pack_lost="hold", hold_s=10.0)
    rack.cycles(60)
    rack.cycles(4, silent=("right",))
    for _ in range(10):
        assert currents(rack.state) == (100, 200)
        rules = {r.rule for r in rack.state.limits.charge_current.reasons}
        assert "holding the limits of a lost pack" in rules
        rack.cycle(silent=("right",))
    assert currents(rack.cycle(silent=("right",))) == (50, 100)


def test_while_holding_limits_fall_but_do_not_rise() -> None:
    rack = Rack(on_pack_lost="hold", hold_s=30.0)
    rack.cycles(60)
    rack.cycles(4, silent=("right",), left={"mos_temperature_c": 74.0})
    assert currents(rack.state) == pytest.approx((20, 40))
    rack.cycles(10, silent=("right",))
    assert currents(rack.state) == pytest.approx((20, 40))


def test_a_pack_that_was_never_there_is_not_held() -> None:
    rack = Rack(on_pack_lost="hold")
    assert currents(rack.cycles(60, silent=("right",))) == (50, 100)


def test_tripping_stops_the_whole_bank() -> None:
    rack = Rack(on_pack_lost="trip")
    rack.cycles(60)
    state = rack.cycles(4, silent=("right",))
    assert state.phase is BankPhase.LIVE
    assert currents(state) == (0, 0)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert [r.rule for r in state.limits.charge_current.reasons] == [
        "a pack is lost and the whole bank stops",
        "no data from the BMS",
    ]
    assert state.alarms[0].severity is Severity.PROTECTION
    assert currents(rack.cycle())[0] == 10


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="shrug"):
        Rack(on_pack_lost="shrug")


def test_all_silent_is_0_with_a_sane_charge_voltage_then_gone() -> None:
    rack = Rack(gone_after_s=60.0)
    rack.cycles(60)
    both = ("left", "right")
    state = rack.cycles(4, silent=both)
    assert state.phase is BankPhase.SILENT
    assert currents(state) == (0, 0)
    assert (state.charge_allowed, state.discharge_allowed) == (False, False)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert [a.severity for a in state.alarms] == [Severity.PROTECTION, Severity.PROTECTION]
    assert [r.pack for r in state.limits.charge_current.reasons] == ["left", "right"]
    assert "no data from the BMS" in state.limits.charge_current.binding.text
    assert state.voltage_v is None
    assert rack.cycles(59, silent=both).phase is BankPhase.SILENT
    assert rack.cycle(silent=both).phase is BankPhase.GONE
    state = rack.cycle()
    assert state.phase is BankPhase.LIVE
    assert currents(state) == (0, 0)
    assert currents(rack.cycles(60)) == (100, 200)


def test_one_pack_coming_back_eases_the_alarm_of_the_other_again() -> None:
    rack = Rack()
    rack.cycles(10)
    rack.cycles(10, silent=("left", "right"))
    state = rack.cycles(3, silent=("right",))
    assert [(a.pack, a.severity) for a in state.alarms] == [("right", Severity.WARNING)]


def test_a_waiting_pack_coming_on_eases_the_alarm_of_a_lost_one() -> None:
    rack = Rack()
    rack.cycles(2, silent=("right",))
    rack.cycles(5, silent=("left", "right"))
    state = rack.cycle(silent=("left",))
    assert [(a.pack, a.severity) for a in state.alarms] == [("left", Severity.WARNING)]


# The end


def test_the_last_state_allows_nothing_and_says_that_the_controller_stops() -> None:
    rack = Rack()
    live = rack.cycles(60)
    state = rack.bank.stopping(live, 500.0)
    assert (state.phase, state.at_s) == (BankPhase.STOPPING, 500.0)
    assert currents(state) == (0, 0)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert state.limits.charge_current.binding.rule == "the controller stops"
    assert (state.charge_allowed, state.discharge_allowed) == (False, False)


def test_stopping_while_starting_still_has_a_sane_charge_voltage() -> None:
    rack = Rack()
    state = rack.bank.stopping(rack.cycle(silent=("left", "right")), 500.0)
    assert currents(state) == (0, 0)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert state.limits.dvl_v == pytest.approx(48.0)
    nobody = replace(rack.state, packs=())
    assert rack.bank.stopping(nobody, 500.0).limits is None


def test_a_bank_that_failed_gives_a_safe_state() -> None:
    rack = Rack()
    rack.cycles(60)
    state = rack.bank.failed(rack.memory, rack.packs, 500.0, "KeyError: x")
    assert state.phase is BankPhase.LIVE
    assert currents(state) == (0, 0)
    assert state.limits.cvl_v == pytest.approx(55.2)
    assert state.limits.charge_current.binding.text == "the bank failed, KeyError: x"
    assert (state.alarms[0].kind, state.alarms[0].severity) == (
        AlarmKind.BMS_INTERNAL, Severity.PROTECTION,
    )  # fmt: skip
    fresh = Rack()
    state = fresh.bank.failed(fresh.memory, fresh.packs, 500.0, "KeyError: x")
    assert (state.phase, state.limits) == (BankPhase.STARTING, None)


def test_packs_keep_their_order_lost_ones_included() -> None:
    rack = Rack()
    rack.cycles(5)
    state = rack.cycles(5, silent=("left",))
    assert [(p.pack, p.phase) for p in state.packs] == [
        ("left", PackPhase.LOST),
        ("right", PackPhase.ONLINE),
    ]
    assert [p.pack for p in state.online] == ["right"]
