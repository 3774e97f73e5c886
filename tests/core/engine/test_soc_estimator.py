"""The estimator on packs whose truth is known: written here, or from the reference traces."""

import csv
import gzip
import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.cli.replay import states
from cellwarden.engine import Engine, EngineSettings, PackMemory
from cellwarden.engine.kalman import corrected, diagonal, faded, loosened, moved
from cellwarden.engine.soc_cells import CellFilter, mean_soc, pack
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_kinds import KINDS
from cellwarden.engine.soc_mean import PER_AH, ZERO, MeanFilter, middle_of, widening
from cellwarden.model import CHEMISTRIES, BmsSoc, PackState, Reading, preset
from cellwarden.model.catalog import interpolate

TRACES = Path(__file__).resolve().parents[4] / "shared" / "traces"
SHEETS = {"LiFePO4": CHEMISTRIES["LiFePO4"].ocv_v, "Li-ion": CHEMISTRIES["Li-ion"].ocv_v}


class SimplePack:
    """Sixteen cells that are an OCV and a resistor, read through imperfect sensors."""

    def __init__(self, chemistry: str, *, soc: float, capacity_ah: float, told: float) -> None:
        noise = random.Random(7)
        self.capacities_ah = [capacity_ah * (1 + noise.gauss(0, 0.01)) for _ in range(16)]
        self.socs = [soc + noise.gauss(0, 0.005) for _ in range(16)]
        self.zero_a = 0.15
        self.ohm = 0.0014
        self._curve = SHEETS[chemistry]
        self._noise = noise
        top_v = self._curve[-1][1]
        self.engine = Engine(
            EngineSettings(
                pack="p",
                chemistry=chemistry,
                parameters=preset(
                    chemistry,
                    cell_count=16,
                    design_capacity_ah=100,
                    overrides={"charge_voltage_v": top_v, "cell_overvoltage_v": top_v + 0.1},
                ),
                max_age_s=30.0,
                ocv_v=self._curve,
            )
        )
        self.memory: PackMemory = self.engine.start(0.0)
        self.now_s = 0.0
        self._told: float | None = told
        self.told_always: float | None = None
        """What the BMS goes on to say, whatever is true."""
        self.state: PackState | None = None

    @property
    def soc(self) -> float:
        """The truth in %: what the weakest can give over that and what the fullest can take."""
        pairs = list(zip(self.socs, self.capacities_ah, strict=True))
        give = min(s * c for s, c in pairs)
        return 100 * give / (give + min((1 - s) * c for s, c in pairs))

    @property
    def usable_ah(self) -> float:
        pairs = list(zip(self.socs, self.capacities_ah, strict=True))
        return min(s * c for s, c in pairs) + min((1 - s) * c for s, c in pairs)

    def run(self, current_a: float, for_s: float, *, off: bool = False) -> PackState:
        """Let a current flow, heard every 5 s."""
        for _ in range(round(for_s / 5)):
            self.now_s += 5
            self.socs = [
                s + current_a * 5 / 3600 / c
                for s, c in zip(self.socs, self.capacities_ah, strict=True)
            ]
            cells = tuple(
                round(
                    interpolate(self._curve, 100 * s)
                    + current_a * self.ohm
                    + self._noise.gauss(0, 0.0007),
                    3,
                )
                for s in self.socs
            )
            reading = Reading(
                pack="p",
                heard_s=self.now_s,
                cell_voltages_v=cells,
                current_a=current_a + self.zero_a + self._noise.gauss(0, 0.05),
                temperatures_c=(25.0, 25.0),
                soc_percent=self.told_always if self._told is None else self._told,
                charge_fet_on=not off,
                discharge_fet_on=not off,
            )
            self._told = None
            self.memory, self.state = self.engine.step(self.memory, reading, self.now_s)
        assert self.state is not None
        return self.state

    def x(self, n: int) -> float:
        estimate = self.memory.gauge.estimate
        assert estimate is not None
        return estimate.mean.x[n]


def test_a_start_20_points_wrong_is_right_within_an_hour_on_a_steep_curve() -> None:
    simple = SimplePack("Li-ion", soc=0.55, capacity_ah=101, told=35.0)
    state = simple.run(-10.0, 3600)
    assert state.soc_percent == pytest.approx(simple.soc, abs=3.0)
    assert abs(state.soc_percent - simple.soc) <= 2 * state.soc_sigma_percent
    assert state.soc_basis == "counting and cell voltages"


@pytest.mark.parametrize("lie", [100.0, 0.0, 5.0])
def test_a_bms_that_lies_of_its_soc_all_the_time_does_not_mislead(lie: float) -> None:
    simple = SimplePack("Li-ion", soc=0.55, capacity_ah=101, told=55.0)
    simple.run(-10.0, 1800)
    for amps in (-15.0, 15.0, -5.0):
        simple.told_always = lie
        state = simple.run(amps, 3600)
        assert state.soc_percent == pytest.approx(simple.soc, abs=3.0)
        assert abs(state.soc_percent - simple.soc) <= 2 * state.soc_sigma_percent


def test_even_a_trusted_bms_that_lies_loses_to_the_voltages_of_a_steep_curve() -> None:
    simple = SimplePack("Li-ion", soc=0.55, capacity_ah=101, told=55.0)
    simple.engine = Engine(replace(simple.engine.settings, bms_soc=BmsSoc.TRUST))
    simple.run(-10.0, 3600)
    simple.told_always = 99.0
    state = simple.run(-10.0, 3600)
    assert state.soc_percent == pytest.approx(simple.soc, abs=3.0)


def test_the_zero_of_the_current_sensor_is_learned_while_the_switches_are_open() -> None:
    simple = SimplePack("LiFePO4", soc=0.55, capacity_ah=101, told=55.0)
    simple.run(0.0, 1800, off=True)
    assert 100 * simple.x(ZERO) == pytest.approx(simple.zero_a, abs=0.01)
    state = simple.run(0.0, 86_400, off=True)  # counted as it reads, that would be 3.6 %
    assert abs(state.soc_percent - simple.soc) <= 2 * state.soc_sigma_percent


def test_a_current_with_open_switches_is_a_current() -> None:
    simple = SimplePack("LiFePO4", soc=0.55, capacity_ah=101, told=55.0)
    simple.run(-20.0, 1800, off=True)
    assert simple.state.soc_percent == pytest.approx(45.0, abs=1.0)


def test_an_under_voltage_trip_under_load_is_not_empty_where_the_curve_is_known() -> None:
    simple = SimplePack("LiFePO4", soc=0.3, capacity_ah=100, told=28.0)
    simple.ohm = 0.004
    simple.run(-20.0, 3600)
    while not any(alarm.blocks_discharge for alarm in simple.run(-90.0, 5).alarms):
        assert simple.soc > 1.0
    assert simple.soc > 3.0
    assert simple.state.soc_percent > 1.0
    assert abs(simple.state.soc_percent - simple.soc) <= 2 * simple.state.soc_sigma_percent


@pytest.mark.parametrize("true_ah", [82.0, 101.0])
@pytest.mark.parametrize("chemistry", ["LiFePO4", "Li-ion"])
def test_one_complete_cycle_teaches_the_capacity(chemistry: str, true_ah: float) -> None:
    simple = SimplePack(chemistry, soc=0.6, capacity_ah=true_ah, told=45.0)
    simple.run(25.0, 3600 * 0.38 * true_ah / 25)
    simple.run(1.0, 300)
    simple.run(-25.0, 3600 * 0.93 * true_ah / 25)
    simple.run(0.0, 1800)
    simple.run(25.0, 3600 * 0.90 * true_ah / 25)
    state = simple.run(1.0, 300)
    assert state.capacity_ah == pytest.approx(simple.usable_ah, rel=0.02)
    assert state.soh_percent == pytest.approx(min(simple.usable_ah, 100), rel=0.02)
    assert state.soc_percent == pytest.approx(simple.soc, abs=2.0)


def test_what_is_shown_never_moves_faster_than_the_charge_and_1_percent_a_minute() -> None:
    simple = SimplePack("Li-ion", soc=0.7, capacity_ah=100, told=40.0)
    shown = [simple.run(-10.0, 60).soc_percent]
    for _ in range(60):
        shown.append(simple.run(-10.0, 60).soc_percent)
        assert abs(shown[-1] - shown[-2]) < 1.0 + 0.2
    assert shown[-1] == pytest.approx(simple.soc, abs=3.0)


def test_a_restart_forgets_nothing_but_seconds() -> None:
    simple = SimplePack("Li-ion", soc=0.55, capacity_ah=90, told=35.0)
    simple.run(-20.0, 7200)
    before, capacity = simple.state.soc_percent, simple.x(PER_AH)
    record = json.loads(json.dumps(simple.engine.record(simple.memory, simple.now_s)))
    simple.memory = simple.engine.restore(record, simple.now_s, 5.0)
    assert simple.x(PER_AH) == pytest.approx(capacity)
    record["estimate"]["capacity_known"] = True
    again = simple.engine.restore(record, simple.now_s, 5.0)
    assert again.gauge.estimate.capacity_known
    state = simple.run(0.0, 5)
    assert state.soc_percent == pytest.approx(before, abs=0.05)
    assert state.soc_sigma_percent < 2.0


def test_a_record_of_the_first_version_starts_from_its_soc() -> None:
    simple = SimplePack("LiFePO4", soc=0.55, capacity_ah=100, told=55.0)
    record = {**simple.engine.record(simple.memory, 0.0), "version": 1, "soc_percent": 70.0}
    del record["estimate"]
    record["soc_sigma_percent"] = 5.0
    simple.memory = simple.engine.restore(record, 0.0, 0.0)
    simple._told = None
    state = simple.run(0.0, 5)
    assert (state.soc_percent, state.soc_sigma_percent) == (70.0, pytest.approx(5.0, abs=0.1))


@pytest.mark.parametrize(
    "damage",
    [
        {"x": [0.5]},
        {"x": [0.5, 0.0, 1.0, 0.1, 1.0, 0.0, "0"]},
        {"x": [9.0, 0.0, 1.0, 0.1, 1.0, 0.0, 0.0]},
        {"p": []},
        {"p": [[-1.0] * 7] * 7},
        {"lags": [math.nan, 0.0, 0.0]},
        {"loop": None},
        {"cells": []},
        {"cells": [[]] * 16},
        {"cells": [[[2.0, 0.0, 0.0, 0.0], *[[0.0] * 4] * 4]] * 16},
    ],
)
def test_a_damaged_estimate_is_refused(damage: dict[str, object]) -> None:
    simple = SimplePack("LiFePO4", soc=0.55, capacity_ah=100, told=55.0)
    simple.run(0.0, 60)
    record = simple.engine.record(simple.memory, simple.now_s)
    estimate = record["estimate"]
    assert isinstance(estimate, dict)
    simple.engine.restore(record, 0.0, 0.0)
    with pytest.raises(ValueError, match="estimate"):
        simple.engine.restore({**record, "estimate": {**estimate, **damage}}, 0.0, 0.0)


def test_a_typical_curve_teaches_nothing_on_the_flat_part_and_little_elsewhere() -> None:
    simple = SimplePack("LiFePO4", soc=0.5, capacity_ah=100, told=70.0)
    simple.engine = Engine(
        EngineSettings("p", "LiFePO4", simple.engine.settings.parameters, max_age_s=30.0)
    )
    state = simple.run(0.0, 3600, off=True)
    assert state.soc_percent == pytest.approx(70.0, abs=0.1)
    assert state.soc_sigma_percent == pytest.approx(15.0, abs=0.1)
    simple.socs = [0.03] * 16
    state = simple.run(0.0, 7200, off=True)
    assert state.soc_percent < 25.0
    assert state.soc_sigma_percent > 4.0


finite = st.floats(-1.0, 1.0)


@settings(max_examples=50)
@given(
    soc=st.floats(0.0, 1.0),
    steps=st.lists(st.tuples(st.floats(2.4, 3.7), st.floats(-1.5, 1.5)), max_size=30),
)
def test_whatever_is_heard_the_filter_stays_finite_and_its_variances_positive(
    soc: float, steps: list[tuple[float, float]]
) -> None:
    curve = OcvCurve(SHEETS["LiFePO4"])
    kind = KINDS["LiFePO4"]
    filters = MeanFilter(kind, curve, 0.003, 0.0012)
    mean = filters.start(soc, 0.15, 1.0, 0.1)
    climate = filters.climate(268.0)
    cells = (CellFilter(curve, kind.ohmic_v, trusted=True).start(),) * 16
    for volts, rate_c in steps:
        mean = filters.count(mean, rate_c, 10 / 3600, climate)
        mean = filters.hear_volts(mean, (volts,) * 16, (0.0,) * 16, (rate_c, 10 / 3600), climate)
        assert all(math.isfinite(v) for v in (*mean.x, *mean.lags, mean.loop))
        assert all(mean.p[n][n] >= 0 for n in range(7))
        now = pack(mean, cells)
        assert 0.0 <= now.soc <= 1.0
        assert now.sigma >= 0
        assert now.usable > 0


@given(part=st.floats(0.0, 1.0))
def test_the_mean_that_belongs_to_a_pack_soc_gives_that_pack_soc(part: float) -> None:
    curve = OcvCurve(SHEETS["LiFePO4"])
    mean = MeanFilter(KINDS["LiFePO4"], curve, 0.003, 0.0012).start(0.5, 0.1, 1.0, 0.1)
    one = CellFilter(curve, 0.125, trusted=True).start()
    cells = tuple(one._replace(x=(0.01 * n - 0.02, 0.0, 0.0, 0.0)) for n in range(5))
    at = mean._replace(x=(mean_soc(part, mean, cells), *mean.x[1:]))
    assert pack(at, cells).soc == pytest.approx(part, abs=1e-6)


def test_two_looks_at_one_number_are_their_weighted_mean() -> None:
    x, p = corrected((1.0, 0.0), diagonal((4.0, 1.0)), (1.0, 0.0), 3.0 - 1.0, 4.0)
    assert x == pytest.approx((2.0, 0.0))
    assert p[0] == pytest.approx((2.0, 0.0))


def test_what_moves_with_another_state_becomes_as_uncertain_as_that() -> None:
    p = moved(diagonal((1.0, 4.0)), 0, (0.0, 0.5), (0.25, 0.0))
    assert p == ((2.25, 2.0), (2.0, 4.0))
    assert faded(p, 1, 0.5) == ((2.25, 1.0), (1.0, 1.0))


def test_the_curve_goes_on_with_its_last_slope_beyond_full_and_empty() -> None:
    curve = OcvCurve(((0.0, 2.5), (10.0, 3.2), (90.0, 3.4), (100.0, 3.6)))
    assert curve.volts(0.5) == pytest.approx(3.3)
    assert curve.volts(1.05) == pytest.approx(3.7)
    assert curve.volts(-0.05) == pytest.approx(2.15)
    assert curve.soc(3.3) == pytest.approx(0.5)
    mean, slope, bent = curve.spread(0.5, 0.05)
    assert (mean, slope, bent) == (pytest.approx(3.3), pytest.approx(0.25), pytest.approx(0.0))


def test_a_place_on_the_curve_is_as_unsure_as_its_flatter_side() -> None:
    curve = OcvCurve(((0.0, 3.0), (50.0, 3.3), (100.0, 3.4)))
    assert curve.place(3.3, 0.01) == (pytest.approx(0.5), pytest.approx(0.05))
    assert curve.place(3.15, 0.003) == (pytest.approx(0.25), pytest.approx(0.005))
    assert curve.place(3.5, 0.01)[0] == 1.0


def test_one_cell_far_off_does_not_move_the_middle_of_the_others() -> None:
    assert middle_of([3.30, 3.31, 3.32]) == pytest.approx(3.31)
    assert middle_of([2.60, 3.30, 3.31, 3.32]) == pytest.approx(3.31)
    assert middle_of([3.30, 3.31, 3.32, 3.60]) == pytest.approx(3.31)


def test_a_contradiction_widens_only_what_had_a_part_in_it() -> None:
    p = ((0.01, 0.009, 0.0), (0.009, 0.0081, 0.0), (0.0, 0.0, 0.04))  # 0 and 1 move together
    assert widening(p, 0, 0.04, ((1, 10.0), (2, 10.0))) == pytest.approx([2.0, 2.0, 1.0])
    assert widening(p, 0, 0.04, ((1, 0.135),)) == pytest.approx([2.0, 1.5, 1.0])  # its own most
    assert widening(p, 0, 0.002, ((1, 10.0),)) == [1.0, 1.0, 1.0]
    assert loosened(((1.0, 0.5), (0.5, 4.0)), (2.0, 3.0)) == ((4.0, 3.0), (3.0, 36.0))


def truth(name: str) -> Iterator[float]:
    with gzip.open(TRACES / f"{name}.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            yield 100 * float(row["true_soc"])


@pytest.mark.shared
@pytest.mark.skipif(
    not TRACES.is_dir(), reason="the reference traces are not beside the repository"
)
@pytest.mark.parametrize(
    ("name", "rmse", "largest"), [("lfp_udds_ev", 1.0, 3.0), ("nmc_udds_ev", 0.8, 2.0)]
)
def test_the_goals_hold_on_the_short_reference_traces(
    name: str, rmse: float, largest: float
) -> None:
    """All nine are measured by `make bench`; these two are the quickest."""
    errors, inside = [], 0
    for true, state in zip(truth(name), states(TRACES / f"{name}.csv.gz"), strict=True):
        errors.append(state.soc_percent - true)
        inside += abs(errors[-1]) <= 2 * state.soc_sigma_percent
    settled = errors[len(errors) // 10 :]
    assert math.sqrt(sum(e * e for e in settled) / len(settled)) <= rmse
    assert max(map(abs, settled)) <= largest
    assert inside >= 0.95 * len(errors)
