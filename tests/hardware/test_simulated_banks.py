"""Banks with the physics of parallel packs, under the real engine and bank, with an inverter that
obeys: unequal sizes, ages, warmth and cables, through the sun of days.
"""

from collections import deque
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cellwarden.model import BankPhase, BankState, ChargePhase, PackPhase, Standing
from support.banks import Plant, Seen, unequal

MINUTE_V = 0.05
"""The charge voltage moves by less in a minute while nothing is wrong."""
MEASURED_PART = 0.01
"""No pack carries more than its own limit by more than this: as well as a BMS measures current."""


class Watch:
    """Looks at every cycle of a plant and collects what must not be."""

    def __init__(self, plant: Plant, *, faults: bool = False) -> None:
        self.plant = plant
        self.faults = faults
        self.tripped: set[str] = set()
        self.overloaded = 0
        """Cycles in which a pack carried more than its own setting since the first limits."""
        self.full: set[int] = set()
        self.phases: list[ChargePhase] = []
        self._obeys = False
        self._told: deque[tuple[float, float]] = deque()
        self.moved_v = 0.0
        """Largest change of the charge voltage within a minute."""

    def __call__(self, seen: Seen) -> None:
        state = seen.state
        self.tripped |= self.plant.tripped()
        if state.charge_phase is not None and (
            not self.phases or self.phases[-1] is not state.charge_phase
        ):
            self.phases.append(state.charge_phase)
        self._shares(state)
        self._loads(seen)
        self._moves(seen)
        for n, pack in enumerate(state.packs):
            if pack.charge_phase is ChargePhase.FLOAT:
                self.full.add(n)

    def _shares(self, state: BankState) -> None:
        limits = state.limits
        if limits is None:
            return
        if limits.ccl_a > 0:
            assert sum(m.charge_share_a for m in state.members) == pytest.approx(limits.ccl_a)
        if limits.dcl_a > 0:
            assert sum(m.discharge_share_a for m in state.members) == pytest.approx(limits.dcl_a)

    def _loads(self, seen: Seen) -> None:
        """Look at what flowed in this cycle under the limits of the one before."""
        obeyed, self._obeys = self._obeys, seen.state.limits is not None
        if not obeyed:
            return
        for pack, current_a in zip(self.plant.house.packs, seen.currents_a, strict=True):
            own = pack.bms.parameters
            most_a = own.charge_current_max_a if current_a > 0 else own.discharge_current_max_a
            self.overloaded += abs(current_a) > (1.0 + MEASURED_PART) * most_a

    def _moves(self, seen: Seen) -> None:
        if seen.state.limits is None:
            return
        self._told.append((seen.now_s, seen.state.limits.cvl_v))
        # What was told before the minute held until the first change within it.
        while len(self._told) > 1 and self._told[1][0] <= seen.now_s - 60.0:
            self._told.popleft()
        told = [v for _, v in self._told]
        self.moved_v = max(self.moved_v, max(told) - min(told))


# (packs, cells, hours, s a cycle and while calm, hour of the day at the start, SoC at the start)
@pytest.mark.timeout(600)  # half a minute of CPU for 64 packs
@pytest.mark.parametrize(
    ("count", "cells", "hours", "cycle_s", "calm_s", "start_h", "soc_percent"),
    [
        (2, 4, 54.0, 60.0, 600.0, 7.0, 50.0),
        (4, 8, 8.0, 20.0, None, 9.0, 55.0),
        (16, 4, 31.0, 120.0, 600.0, 7.0, 50.0),
        (64, 4, 31.0, 120.0, 600.0, 7.0, 60.0),
    ],
)
def test_unequal_packs_are_filled_together_and_none_is_overloaded(
    count: int,
    cells: int,
    hours: float,
    cycle_s: float,
    calm_s: float | None,
    start_h: float,
    soc_percent: float,
) -> None:
    designs = unequal(count, 1, cells=cells, start_soc_percent=soc_percent)
    plant = Plant(designs, cycle_s=cycle_s, calm_s=calm_s, start_h=start_h)
    watch = Watch(plant)
    seen = plant.run(hours, watch)
    assert watch.tripped == set()
    assert watch.overloaded == 0
    assert watch.moved_v < MINUTE_V
    assert watch.full == set(range(count))
    assert ChargePhase.FLOAT in watch.phases
    assert {m.standing for m in seen.state.members} == {Standing.IN}
    assert [f.code for f in seen.state.findings if f.code == "idle-pack"] == []


# (seed, s a cycle, hours, further settings of the bank)
@pytest.mark.parametrize(
    ("seed", "cycle_s", "hours", "settings_of"),
    [
        (2, 7.0, 4.0, {"full_when": "any"}),
        (5, 40.0, 28.0, {}),
        (7, 60.0, 28.0, {"cable_resistance_ohm": 0.004}),
        (9, 90.0, 28.0, {"absorption_max_s": 900.0}),
    ],
)
def test_at_any_cycle_the_charge_voltage_moves_slowly_through_all_phases(
    seed: int, cycle_s: float, hours: float, settings_of: dict[str, object]
) -> None:
    designs = unequal(2, seed, cells=4, start_soc_percent=88.0 if hours < 10 else 60.0)
    start_h = 11.0 if hours < 10 else 7.0
    plant = Plant(designs, cycle_s, start_h, settings_of, calm_s=600.0)
    watch = Watch(plant)
    plant.run(hours, watch)
    assert 0.0 < watch.moved_v < MINUTE_V
    assert ChargePhase.FLOAT in watch.phases
    assert watch.tripped == set()
    assert watch.overloaded == 0


@pytest.mark.parametrize("seed", [1, 3, 6])
def test_with_more_sun_than_the_packs_may_take_the_limit_is_used_but_not_passed(seed: int) -> None:
    """Sharing differs by a factor of two from the sizes; the inverter takes all it is allowed."""
    plant = Plant(unequal(3, seed, cells=4), cycle_s=1.0, start_h=9.0, sun=3.0)
    plant.house.inverter.rated_w *= 6
    loads: list[float] = []

    def each(seen: Seen) -> None:
        for pack, current_a in zip(plant.house.packs, seen.currents_a, strict=True):
            loads.append(current_a / pack.bms.parameters.charge_current_max_a)

    plant.run(0.4, each)
    assert max(loads) < 1.0 + MEASURED_PART
    assert max(loads[-600:]) > 0.85
    assert plant.tripped() == set()


scripts = st.lists(
    st.tuples(st.integers(0, 2), st.integers(5, 200), st.integers(5, 60)), max_size=3
)
"""(pack, cycle from which it is silent, for how many cycles)"""


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes here
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.integers(2, 3),
    st.integers(0, 10_000),
    st.sampled_from(["exclude", "hold", "trip"]),
    scripts,
)
def test_random_banks_with_packs_that_fall_silent(
    count: int, seed: int, policy: str, script: list[tuple[int, int, int]]
) -> None:
    """Small packs, fast: each bank is filled in a quarter of an hour while packs come and go."""
    designs = [
        replace(d, capacity_ah=d.capacity_ah / 10, current_offset_a=0.0)
        for d in unequal(count, seed, cells=4, start_soc_percent=88.0, start_temperature_c=25.0)
    ]
    plant = Plant(
        designs,
        cycle_s=3.0,
        start_h=11.0,
        sun=4.0,
        settings={"on_pack_lost": policy, "hold_s": 20.0},
    )
    watch = Watch(plant, faults=True)
    before = None
    for cycle in range(420):
        plant.silent = {
            pack % count for pack, start, length in script if start <= cycle < start + length
        }
        seen = plant.cycle()
        watch(seen)
        state = seen.state
        lost = [p for p in state.packs if p.phase is PackPhase.LOST]
        newly = before is not None and len(lost) > before[1]
        if newly and state.limits is not None and before[0] is not None:
            # A lost pack never raises a limit.
            assert state.limits.ccl_a <= before[0].ccl_a + 1e-6
            assert state.limits.dcl_a <= before[0].dcl_a + 1e-6
            assert state.limits.cvl_v <= before[0].cvl_v + 1e-6
        if policy == "trip" and lost and len(lost) < count:
            assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
        if len(lost) == count:
            assert state.phase in {BankPhase.SILENT, BankPhase.GONE}
        before = (state.limits, len(lost))
    plant.silent = set()
    for _ in range(600):  # once nobody is silent any more, every pack reaches full
        if watch.full == set(range(count)):
            break
        watch(plant.cycle())
    assert watch.full == set(range(count))
    assert watch.tripped == set()
    assert watch.overloaded == 0
    assert watch.moved_v < MINUTE_V


@settings(
    max_examples=6,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes here
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.integers(2, 3), st.integers(0, 10_000), scripts)
def test_a_pack_that_drops_out_or_comes_back_overloads_the_others_for_no_second_cycle(
    count: int, seed: int, script: list[tuple[int, int, int]]
) -> None:
    """In the cycle in which its MOSFETs switch nobody can know; the next one is within limits."""
    designs = [
        replace(d, capacity_ah=d.capacity_ah / 10, current_offset_a=0.0)
        for d in unequal(count, seed, cells=4, start_soc_percent=88.0, start_temperature_c=25.0)
    ]
    plant = Plant(designs, cycle_s=3.0, start_h=11.0, sun=4.0)
    watch = Watch(plant)
    off: set[int] = set()
    for cycle in range(280):
        before, overloaded = off, watch.overloaded
        off = {pack % count for pack, start, length in script if start <= cycle < start + length}
        for n in off ^ before:
            for switch in ("charge", "discharge"):
                plant.house.packs[n].set_switch(switch, n not in off)
        watch(plant.cycle())
        assert off != before or watch.overloaded == overloaded
