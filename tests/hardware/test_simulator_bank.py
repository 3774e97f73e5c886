"""Simulated packs in parallel, and a household that lives on them."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import AlarmKind
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack
from cellwarden_hardware.simulator.profile import HomeProfile

HOUR_S = 3600.0


def pack(
    soc_percent: float = 50.0, resistance_scale: float = 1.0, **options: object
) -> SimulatedPack:
    even: dict[str, object] = {
        "capacity_ah": 100.0,
        "capacity_spread": 0.0,
        "resistance_spread": 0.0,
        "soc_spread_percent": 0.0,
        "supply_current_a": 0.0,
        "start_soc_percent": soc_percent,
        "resistance_scale": resistance_scale,
    }
    return SimulatedPack(PackDesign(**(even | options)))  # type: ignore[arg-type]


def test_parallel_packs_share_a_load_by_their_resistance() -> None:
    bank = SimulatedBank([pack(), pack(resistance_scale=2.0)])
    bank.step(1.0, -60.0)
    light, heavy = bank.packs
    # 12.47 mΩ beside 23.67 mΩ
    assert light.current_a == pytest.approx(-60.0 * 23.67 / (12.47 + 23.67))
    assert heavy.current_a == pytest.approx(-60.0 * 12.47 / (12.47 + 23.67))
    assert bank.current_a == pytest.approx(-60.0)


def test_both_packs_end_at_the_voltage_of_the_node() -> None:
    bank = SimulatedBank([pack(40.0), pack(60.0, 1.3)])
    bank.step(1e-6, 25.0)
    assert [p.terminal_voltage_v for p in bank.packs] == pytest.approx([bank.node_voltage_v] * 2)


def test_a_full_pack_charges_an_empty_one_with_no_load_at_all() -> None:
    bank = SimulatedBank([pack(90.0), pack(20.0)])
    bank.advance(60.0)
    full, empty = bank.packs
    assert full.current_a < -1.0
    assert empty.current_a == pytest.approx(-full.current_a)
    bank.advance(24 * HOUR_S)
    assert full.true_soc_percent < 85.0
    assert empty.true_soc_percent > 25.0


def test_the_charge_of_all_packs_is_the_charge_of_the_bank() -> None:
    bank = SimulatedBank([pack(70.0), pack(65.0, 1.5), pack(60.0, 0.8)])
    before_ah = sum(p.cells.charge_ah[0] for p in bank.packs)
    for _ in range(720):
        bank.step(5.0, -45.0)
    # 45 Ah left; what circulated lost no more than its coulombic efficiency of 99.9 %.
    assert sum(p.cells.charge_ah[0] for p in bank.packs) == pytest.approx(
        before_ah - 45.0, abs=0.02
    )


def test_a_pack_that_may_not_charge_leaves_the_charge_to_the_others() -> None:
    bank = SimulatedBank([pack(), pack()])
    bank.packs[0].set_switch("charge", False)
    bank.step(1.0, 30.0)
    assert [p.current_a for p in bank.packs] == pytest.approx([0.0, 30.0])


def test_when_no_pack_may_discharge_nothing_flows() -> None:
    bank = SimulatedBank([pack(), pack()])
    for one in bank.packs:
        one.set_switch("discharge", False)
    bank.step(1.0, -30.0)
    assert bank.current_a == 0.0
    assert [p.current_a for p in bank.packs] == [0.0, 0.0]


def test_a_pack_that_trips_hands_its_current_to_the_other_in_the_same_step() -> None:
    high, other = pack(), pack()
    high.cells.charge_ah[6] = 100.9  # 3.59 V at rest: 0.7 mΩ and 30 A lift it over 3.6 V
    bank = SimulatedBank([high, other])
    for _ in range(2):
        bank.step(1.0, 60.0)
    assert high.snapshot().protections == {AlarmKind.CELL_OVERVOLTAGE}
    assert (high.current_a, other.current_a) == pytest.approx((0.0, 60.0))
    assert high.snapshot().cell_voltages_v[6] < 3.6


def test_a_bank_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a pack"):
        SimulatedBank([])


def test_the_clock_starts_at_7_in_the_morning() -> None:
    bank = SimulatedBank.home()
    assert (bank.time_s, bank.time_of_day_s) == (0.0, 7 * HOUR_S)
    bank.advance(20 * HOUR_S)
    assert bank.time_s == pytest.approx(20 * HOUR_S)
    assert bank.time_of_day_s == pytest.approx(3 * HOUR_S)


def test_a_day_at_home_fills_the_bank_and_a_night_draws_it_down() -> None:
    bank = SimulatedBank.home(seed=2)
    socs = []
    for _ in range(24):
        bank.advance(HOUR_S)
        socs.append(bank.packs[0].true_soc_percent)
    assert max(socs[:12]) > 95.0
    assert 20.0 < socs[-1] < 60.0
    assert bank.packs[0].bms.cycles == bank.packs[0].design.cycles + 1


def test_nobody_needs_to_steer_it_and_no_protection_ever_trips() -> None:
    bank = SimulatedBank.home(seed=3)
    seen: set[AlarmKind] = set()
    emptiest = 100.0
    for _ in range(5 * 48):
        bank.advance(HOUR_S / 2)
        seen.update(*(p.snapshot().protections for p in bank.packs))
        emptiest = min(emptiest, *(p.true_soc_percent for p in bank.packs))
    assert seen == set()
    assert 10.0 < emptiest < 50.0


def test_the_balancers_bring_a_home_bank_together_within_days() -> None:
    bank = SimulatedBank.home(seed=5)

    def worst_spread_of_a_day_v() -> float:
        worst = 0.0
        for _ in range(288):
            bank.advance(300.0)
            for one in bank.packs:
                cells = one.snapshot().cell_voltages_v
                worst = max(worst, max(cells) - min(cells))
        return worst

    assert worst_spread_of_a_day_v() > 0.05
    bank.advance(86_400.0)
    assert worst_spread_of_a_day_v() < 0.02


def test_packs_of_a_home_differ_a_little() -> None:
    one, other = SimulatedBank.home().packs
    assert one.true_capacity_ah != other.true_capacity_ah
    assert one.true_capacity_ah == pytest.approx(280.0, rel=0.05)
    assert other.resistance_ohm == pytest.approx(one.resistance_ohm, rel=0.25)
    assert one.design.ambient_offset_c != other.design.ambient_offset_c


def test_two_runs_of_one_seed_are_equal_and_two_seeds_are_not() -> None:
    banks = [SimulatedBank.home(seed=s) for s in (7, 7, 8)]
    for bank in banks:
        for _ in range(10):
            bank.advance(1234.5)
    one, same, other = (tuple(p.snapshot() for p in bank.packs) for bank in banks)
    assert one == same
    assert one != other


def at_noon(**options: float) -> SimulatedBank:
    """A home bank at one in the afternoon of a bright day."""
    bank = SimulatedBank.home(seed=2, **options)  # type: ignore[arg-type]
    bank.start_of_day_s = 13 * HOUR_S
    bank.advance(60.0)
    assert bank.pv_power_w > bank.load_power_w + 3000.0
    return bank


def at_night(**options: float) -> SimulatedBank:
    bank = SimulatedBank.home(seed=2, **options)  # type: ignore[arg-type]
    bank.start_of_day_s = 20 * HOUR_S
    bank.advance(60.0)
    assert bank.load_power_w > bank.pv_power_w + 1000.0
    return bank


def test_the_surplus_of_the_sun_charges_and_a_charge_limit_is_obeyed() -> None:
    bank = at_noon()
    surplus_a = (bank.pv_power_w - bank.load_power_w) * 0.97 / bank.node_voltage_v
    assert bank.current_a == pytest.approx(surplus_a, rel=1e-3)
    bank.set_limits(55.2, 20.0, 100.0)
    bank.advance(10.0)
    assert bank.current_a == pytest.approx(20.0)
    bank.set_limits(55.2, 0.0, 100.0)
    bank.advance(10.0)
    assert bank.current_a == 0.0
    assert bank.grid_power_w == pytest.approx(bank.load_power_w - bank.pv_power_w)


def test_the_night_discharges_and_a_discharge_limit_is_obeyed() -> None:
    bank = at_night()
    need_a = (bank.load_power_w - bank.pv_power_w) / 0.94 / bank.node_voltage_v
    assert bank.current_a == pytest.approx(-need_a, rel=1e-3)
    bank.set_limits(55.2, 100.0, 5.0)
    bank.advance(10.0)
    assert bank.current_a == pytest.approx(-5.0)
    bank.set_limits(55.2, 100.0, 0.0)
    bank.advance(10.0)
    assert bank.current_a == 0.0


def test_at_the_charge_voltage_the_current_tapers_and_the_voltage_holds() -> None:
    bank = at_noon(start_soc_percent=97.0)
    bank.set_limits(55.2, 200.0, 200.0)
    currents = []
    for _ in range(18):
        bank.advance(600.0)
        if bank.node_voltage_v > 55.1:
            currents.append(bank.current_a)
            assert bank.node_voltage_v < 55.25
    assert len(currents) > 6
    assert all(later <= earlier + 0.5 for earlier, later in pairwise(currents))
    assert currents[-1] < 3.0


def test_limits_that_are_not_renewed_lapse_and_the_inverter_idles() -> None:
    bank = at_night()
    bank.set_limits(55.2, 100.0, 100.0, valid_s=30.0)
    bank.advance(25.0)
    assert bank.current_a < -10.0
    bank.advance(15.0)
    assert bank.current_a == 0.0
    bank.set_limits(55.2, 100.0, 100.0, valid_s=30.0)
    bank.advance(5.0)
    assert bank.current_a < -10.0


def test_at_its_own_cut_off_the_inverter_stops_before_the_bms_must() -> None:
    bank = at_night(start_soc_percent=6.0)
    bank.advance(6 * HOUR_S)
    assert all(p.bms.discharge_fet_on for p in bank.packs)
    assert bank.current_a > -2.0
    assert min(min(p.snapshot().cell_voltages_v) for p in bank.packs) > 2.8


def test_the_sun_wakes_a_bank_that_had_shut_down() -> None:
    packs = [pack(1.0, supply_current_a=2.0), pack(1.0, supply_current_a=2.0)]
    for one in packs:
        one.step(HOUR_S, 0.0)
        assert one.snapshot().protections == {AlarmKind.SHUTDOWN}
    bank = SimulatedBank(packs, HomeProfile(seed=2, bank_energy_wh=10_240.0))
    bank.start_of_day_s = 3 * HOUR_S
    bank.advance(60.0)
    assert bank.current_a == 0.0
    assert bank.node_voltage_v == 0.0
    bank.start_of_day_s = 10 * HOUR_S
    bank.advance(2 * HOUR_S)
    assert all(p.bms.charge_fet_on and p.bms.discharge_fet_on for p in packs)
    assert all(p.true_soc_percent > 10.0 for p in packs)


def test_it_runs_two_thousand_times_as_fast_as_real_time() -> None:
    bank = SimulatedBank.home()
    before_s = time.process_time()
    bank.advance(6 * HOUR_S)
    assert time.process_time() - before_s < 6 * HOUR_S / 2000


def test_the_weather_differs_from_day_to_day_and_the_moment_asked_does_not_matter() -> None:
    profile = HomeProfile(seed=1, bank_energy_wh=28_672.0)

    def sun_of_day_wh(day: int) -> float:
        return sum(profile.pv_power_w(day * 86_400.0 + n * 300.0) for n in range(288)) / 12.0

    days = [sun_of_day_wh(day) for day in range(10)]
    assert max(days) > 50_000.0
    assert min(days) < 40_000.0
    assert sun_of_day_wh(0) == days[0]
    assert profile.pv_power_w(2 * HOUR_S) == 0.0


def test_consumption_peaks_in_the_evening() -> None:
    profile = HomeProfile(seed=1, bank_energy_wh=28_672.0)
    evening = [profile.load_power_w(d * 86_400.0 + 19.8 * HOUR_S) for d in range(20)]
    night = [profile.load_power_w(d * 86_400.0 + 3 * HOUR_S) for d in range(20)]
    assert sum(evening) > 3 * sum(night)
    assert max(profile.load_power_w(60.0 * n) for n in range(1440)) < 10_000.0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=4),
    st.lists(
        st.tuples(st.floats(min_value=0.1, max_value=5), st.floats(min_value=-400, max_value=400)),
        max_size=30,
    ),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["charge", "discharge"])), max_size=4),
)
def test_the_currents_of_the_packs_always_add_up(
    socs: list[float], demands: list[tuple[float, float]], switched_off: list[tuple[int, str]]
) -> None:
    bank = SimulatedBank([pack(soc, seed=n) for n, soc in enumerate(socs)])
    for n, which in switched_off:
        bank.packs[n % len(bank.packs)].set_switch(which, False)
    for seconds, demand_a in demands:
        bank.step(seconds, demand_a)
        total_a = sum(p.current_a for p in bank.packs)
        assert total_a == pytest.approx(bank.current_a, abs=1e-6)
        assert bank.current_a in (demand_a, 0.0)
        for one in bank.packs:
            assert one.current_a == one.allowed_a(one.current_a)
