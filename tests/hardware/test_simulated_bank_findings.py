"""What is wrong between simulated packs is found and named, by physics alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from cellwarden.model import BankState, Standing
from support.banks import Plant, unequal

CYCLE_S = 2.0


def plant(count: int, seed: int = 2, **options: object) -> Plant:
    """Packs of four cells and 100 Ah, alike as far as nothing is changed."""
    alike = {"capacity_ah": 100.0, "resistance_scale": 1.0, "lead_resistance_ohm": 0.0008}
    return Plant(unequal(count, seed, cells=4, **(alike | options)), cycle_s=CYCLE_S)


def kettle(second: float) -> float:
    """Charging that changes every twenty seconds, as appliances come and go, in A."""
    return 60.0 if (second // 20) % 2 else 20.0


def lived(made: Plant, seconds: float, load_a: Callable[[float], float]) -> BankState:
    for n in range(int(seconds / CYCLE_S)):
        made.house.step(CYCLE_S, load_a(n * CYCLE_S))
        made.now_s += CYCLE_S
        made.decide()
    return made.state


def found(state: BankState) -> set[tuple[str, str]]:
    return {(f.code, f.pack) for f in state.findings}


def test_a_contact_that_gets_worse_is_found_and_its_pack_named() -> None:
    made = plant(3)
    state = lived(made, 1000.0, kettle)
    assert found(state) == set()
    truth = [pack.resistance_ohm for pack in made.house.packs]
    # Within the leads that no BMS sees: 0.8 mΩ of cable and the board.
    assert [m.resistance_ohm for m in state.members] == pytest.approx(truth, abs=0.0015)
    made.house.packs[1]._series_ohm += 0.003
    state = lived(made, 1400.0, kettle)
    assert ("worsening-contact", "p1") in found(state)
    assert ("higher-resistance", "p1") in found(state)
    assert {pack for _, pack in found(state)} == {"p1"}


def test_the_worse_contact_leaves_more_to_the_others_and_the_limit_knows() -> None:
    made = plant(2)
    lived(made, 600.0, kettle)
    made.house.packs[1]._series_ohm += 0.006
    state = lived(made, 900.0, kettle)
    shares = [m.charge_share_a for m in state.members]
    assert shares[0] == pytest.approx(50.0, rel=0.02)
    assert shares[1] < 30.0
    assert state.limits.ccl_a == pytest.approx(sum(shares))
    assert state.limits.charge_current.binding.pack == "p0"


def test_packs_of_very_different_charge_circulate_and_are_named() -> None:
    made = plant(2)
    designs = [
        replace(design, start_soc_percent=soc)
        for design, soc in zip(made.designs, (95.0, 20.0), strict=True)
    ]
    made = Plant(designs, cycle_s=CYCLE_S)
    state = lived(made, 500.0, lambda _: 0.0)
    assert found(state) == {("circulating-current", "p0")}
    assert {m.standing for m in state.members} == {Standing.IN}


def test_a_pack_whose_fuse_blew_is_idle_its_capacity_gone_and_its_finding_urgent() -> None:
    made = plant(3)
    lived(made, 600.0, kettle)
    made.house.packs[2]._series_ohm = 1e6
    state = lived(made, 900.0, kettle)
    third = state.members[2]
    # First load steps left it out; then the others' voltage went away from its own.
    assert third.standing is Standing.JOINING
    assert state.capacity_ah == pytest.approx(2 * 97.0, rel=0.1)
    assert state.limits.ccl_a <= 100.0 + 1e-6
    assert third.charge_share_a == 0.0
    assert ("idle-pack", "p2") in found(state)
