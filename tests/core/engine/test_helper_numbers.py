"""Planner, gauge, heater and counters give the numbers that they gave, for inputs in literals.

What they are for is told by their own tests; this holds every term and every bound of them in
place. `make decisions` keeps a change that is wanted.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cellwarden.engine import kalman
from cellwarden.engine.alarms import Alarms, gather
from cellwarden.engine.balance_plan import Plan, Planner
from cellwarden.engine.counters import Bookkeeper, Tally
from cellwarden.engine.heater_rules import HeaterSettings
from cellwarden.engine.heating import Heat, Heater
from cellwarden.engine.protection import Watch
from cellwarden.engine.soc import Gauge, SocCounter
from cellwarden.engine.soc_cells import Cell, pack
from cellwarden.engine.soc_estimator import Estimate
from cellwarden.model import (
    CHEMISTRIES,
    Alarm,
    AlarmKind,
    BmsSoc,
    Inputs,
    Severity,
)
from support import kept
from support.estimates import (
    CELLS,
    NO_ALARMS,
    estimate,
    mean,
    parameters,
    vars_of,
    view,
)

FILE = Path(__file__).with_name("helper_numbers.json")
NO_GAUGE = Gauge()


# The planner


def owing(doubt: float, soc: float = 60.0, spread: float = 1.0) -> Gauge:
    """A gauge of eight cells whose debts differ, known to a part of the capacity."""
    apart = [spread * d for d in (0.004, -0.003, 0.001, 0.009, -0.006, 0.0, 0.002, -0.001)]
    p = kalman.diagonal(((doubt) ** 2, 1e-9, 1e-6, 1e-9))
    cells = tuple(Cell((d, 0.0, 0.002 * n - 0.007, 0.0), p) for n, d in enumerate(apart))
    of_mean = mean(soc / 100)
    return Gauge(soc_percent=soc, estimate=Estimate(of_mean, cells, pack(of_mean, cells)))


def raised(kind: AlarmKind, severity: Severity, **changes: bool) -> Alarms:
    alarm = Alarm(kind=kind, severity=severity, pack="left", since_s=0.0, where="here", **changes)
    return gather((Watch(alarm=alarm),))


def plans(by_cell: bool, *moments: dict[str, object]) -> list[Plan]:
    """What is remembered after each moment."""
    planner = Planner(CHEMISTRIES["LiFePO4"], parameters(), by_cell=by_cell)
    plan, seen = Plan(), []
    for moment in moments:
        values: dict[str, Any] = {"after_s": 10.0, "alarms": NO_ALARMS, "known": Gauge(), **moment}
        at, above = values.pop("at"), (0.0, 0.004, 0.02, 0.0, -0.003, 0.0, 0.001, 0.0)
        after_s, alarms, known = (values.pop(key) for key in ("after_s", "alarms", "known"))
        heard = view(1.0, *[at + d for d in above], **values)
        moved = planner.moved(plan, heard, 2.0)
        plan = planner.hear(plan, heard, known, after_s, alarms=alarms)
        shown = plan.shown
        seen.append(
            (plan._replace(shown=None), None if shown is None else vars_of(shown), moved,
             planner.switch(plan), [f.where for f in planner.faults(plan)])
        )  # fmt: skip
    return seen  # type: ignore[return-value]


def the_planner() -> object:
    overvoltage = raised(AlarmKind.CELL_OVERVOLTAGE, Severity.PROTECTION, blocks_charge=True)
    locked = raised(AlarmKind.WIRING, Severity.PROTECTION)
    warned = raised(AlarmKind.WIRING, Severity.WARNING)
    blocked = raised(AlarmKind.IMPLAUSIBLE_DATA, Severity.WARNING, blocks_balance=True)
    works = {"balancing": True, "balance_current_a": -1.5}
    sure, fair, poor = owing(0.0005), owing(0.0032), owing(0.009)
    moments: tuple[dict[str, object], ...] = (
        {"at": 3.33},
        {"at": 3.39},
        {"at": 3.41},
        {"at": 3.41, "current_a": 11.9},
        {"at": 3.41, "current_a": 12.1},
        {"at": 3.41, "current_a": None},
        {"at": 3.41, "alarms": overvoltage, "after_s": 1.0},
        {"at": 3.41, "alarms": locked},
        {"at": 3.41, "alarms": warned},
        {"at": 3.41, "alarms": blocked},
        {"at": 3.41, **works},
        {"at": 3.41, "after_s": 3.0, **works},
        {"at": 3.41, "after_s": 480.0, **works},
        {"at": 3.41, "after_s": 79.0},
        {"at": 3.41, "after_s": 10.0},
        {"at": 3.33, "known": sure, **works},
        {"at": 3.33, "known": sure, "after_s": 3600.0},
        {"at": 3.33, "known": sure, "after_s": 90.0},
        {"at": 3.33, "known": fair},
        {"at": 3.37, "known": fair},
        {"at": 3.37, "known": fair, "current_a": 40.0},
        {"at": 3.41, "known": poor},
        {"at": 3.41, "known": owing(0.0005, spread=-1.0)},
        {"at": 3.33, "known": owing(0.0005, spread=0.45)},
        {"at": 3.33, "known": owing(0.0005, spread=0.3)},
        {"at": 3.33, "known": owing(0.0005, spread=0.45)},
        {"at": 3.33, "known": owing(0.0005, soc=9.9)},
        {"at": 3.33, "known": owing(0.0005, soc=10.0)},
        {"at": 3.33, "cell_voltages_v": (3.41,) * 8},
        {"at": 3.33, "cell_voltages_v": (3.41,) * 7 + (3.404,)},
        {"at": 3.33, "cell_voltages_v": (3.3, None)},
        {"at": 3.33, "cell_voltages_v": ()},
    )
    harmful: tuple[dict[str, object], ...] = (
        *({"at": 3.41, "alarms": locked, "balance_switch_on": True, **works},) * 7,
        *({"at": 3.41, "alarms": locked, "balance_switch_on": False, **works},) * 7,
        *({"at": 3.41, "balance_switch_on": False, "after_s": 100.0},) * 7,
        {"at": 3.41, "balance_switch_on": False},
        {"at": 3.41, "balance_switch_on": True},
        {"at": 3.41, "balance_switch_on": False, "balance_current_a": 0.1},
        {"at": 3.41, "balance_switch_on": False, "balance_current_a": 0.11, "after_s": 59.0},
        {"at": 3.41, "balance_switch_on": False, "balance_current_a": 0.11, "after_s": 1.0},
        {"at": 3.41, "balance_switch_on": True, "balance_current_a": 0.11},
    )
    return {
        "by cell": plans(True, *moments),
        "by switch": plans(False, *moments),
        "harmful": plans(False, *harmful),
        "by cell, harmful": plans(True, *harmful),
    }


# The gauge


def gauges(
    counter: SocCounter, *moments: dict[str, object], start: Gauge = NO_GAUGE
) -> list[object]:
    """What is shown after each moment; `gap_s` is that since the one before."""
    gauge, at_s, seen = start, 1000.0, []
    for moment in moments:
        values: dict[str, Any] = {
            "gap_s": 10.0,
            "volts": 3.31,
            "current_a": 0.0,
            "every": 1,
            **moment,
        }
        act = values.pop("act", None)
        gap_s, volts, every = (values.pop(key) for key in ("gap_s", "volts", "every"))
        for _ in range(every):
            at_s += gap_s or 0.0
            cells = [volts + 0.001 * n for n in range(8)] if volts else []
            gauge = counter.hear(gauge, view(at_s, *cells, **values), gap_s)
        if act is not None:
            gauge = act(gauge)
        estimate = gauge.estimate
        seen.append(
            (gauge.soc_percent, gauge.sigma_percent, gauge.basis, gauge.full, gauge.full_since_s,
             gauge.charged_ah, gauge.discharged_ah, gauge.empty, gauge.estimated_percent,
             None if estimate is None else (estimate.pack, estimate.mean.x))
        )  # fmt: skip
    return seen


def the_gauge() -> object:
    lfp = CHEMISTRIES["LiFePO4"]

    def counter(**options: Any) -> SocCounter:
        return SocCounter(lfp, parameters(), 30.0, **options)

    plain, sure = counter(), counter(ocv_v=lfp.ocv_v)
    trust, ignore = counter(bms_soc=BmsSoc.TRUST), counter(bms_soc=BmsSoc.IGNORE)
    told = {"soc_percent": 60.0, "capacity_ah": 110.0}
    day: tuple[dict[str, object], ...] = (
        {"gap_s": None, **told},
        {"current_a": 30.0, "every": 6, **told},
        {"current_a": -50.0, "every": 6, **told},
        {"current_a": None, "every": 2, **told},
        {"gap_s": 31.0, "current_a": 10.0, **told},
        {"gap_s": 4000.0, "current_a": 10.0, **told},
        {"every": 6, "charge_fet_on": False, "discharge_fet_on": False, "current_a": 0.2, **told},
    )
    end: tuple[dict[str, object], ...] = (
        {"gap_s": None, **told},
        {"volts": 3.427, "current_a": 5.9, "every": 3, **told},
        {"volts": 3.429, "current_a": 5.4, "every": 6, **told},
        {"volts": 3.429, "current_a": 5.4, **told},
        {"volts": 3.40, "current_a": 3.0, "every": 3, **told},
        {"volts": 3.40, "current_a": -0.5, "every": 3, **told},
        {"volts": 3.33, "current_a": -60.0, "every": 30, **told},
        {"volts": 3.29, "current_a": 0.0, "every": 3, **told},
    )
    acts: tuple[dict[str, object], ...] = (
        {"gap_s": None, **told},
        {"every": 3, **told, "act": lambda g: plain.reset(g, 75.0, "a word")},
        {"every": 3, **told, "act": lambda g: plain.after_silence(g, 3600.0)},
        {"every": 3, **told, "act": lambda g: plain.tripped(g, 1000.0, high=True)},
        {"every": 3, **told, "current_a": 0.7},
        {
            "every": 3,
            **told,
            "current_a": -30.0,
            "act": lambda g: plain.tripped(g, 1000.0, high=False),
        },
        {"every": 9, **told, "current_a": -30.0, "volts": 2.65},
        {"every": 3, **told, "current_a": 0.5},
        {"every": 3, **told, "current_a": 0.7},
    )
    known = Gauge(soc_percent=62.0, sigma_percent=3.0, basis="x", estimate=estimate())
    learned = estimate()._replace(pack=pack(mean(), CELLS)._replace(usable_sigma=0.001))
    restarted = Gauge(soc_percent=40.0, sigma_percent=7.0, basis="counting since x")
    heard = view(1.0, 3.3, capacity_ah=110.0, soh_percent=91.0)
    bare = view(1.0, 3.3, capacity_ah=None, soh_percent=91.0)
    capacities = [
        (plain.capacity_ah(gauge, told_by), plain.soh_percent(gauge, told_by))
        for gauge in (known, replace(known, estimate=learned), Gauge())
        for told_by in (heard, bare)
    ]
    return {
        "a day": {
            name: gauges(each, *day)
            for name, each in (
                ("start", plain),
                ("trust", trust),
                ("ignore", ignore),
                ("sure", sure),
            )
        },
        "no SoC told": gauges(plain, {"gap_s": None, "soc_percent": None}, {"soc_percent": None}),
        "no cells either": gauges(ignore, {"gap_s": None, "volts": 0.0}, {"volts": 3.2}),
        "trusted, far off": gauges(trust, *({"soc_percent": 90.0, "every": 3},) * 3, start=known),
        "to the end": gauges(plain, *end),
        "to the end, by its own tail": gauges(counter(tail_current_a=5.2), *end),
        "acts": gauges(plain, *acts),
        "acts, sure": gauges(
            sure,
            {"act": lambda g: sure.tripped(g, 1000.0, high=False), **told},
            {**told},
            start=known,
        ),
        "acts before anything is known": [
            plain.reset(Gauge(), 75.0, "a word"),
            plain.tripped(Gauge(), 1000.0, high=True),
            plain.tripped(Gauge(current_a=-12.0), 1000.0, high=False),
            plain.after_silence(Gauge(), 100.0),
        ],
        "restarted": gauges(plain, {"gap_s": None, **told}, {**told}, start=restarted),
        "hardly known": gauges(
            plain,
            {"gap_s": 10.0, **told},
            {"gap_s": 29.0, "current_a": None, "every": 60, **told},
            start=known,
        ),
        "capacities": capacities,
    }


# The heater


def heats(settings: HeaterSettings, *moments: dict[str, object]) -> list[object]:
    """What is remembered and told after each moment, 30 s apart."""
    heater, heat, seen = Heater(settings, parameters()), Heat(), []
    for moment in moments:
        values: dict[str, Any] = {
            "at": (-3.0, -2.0),
            "gap_s": 30.0,
            "every": 1,
            "soc": 60.0,
            **moment,
        }
        inputs = Inputs(**values.pop("inputs", {}))
        at, gap_s, every, soc = (values.pop(key) for key in ("at", "gap_s", "every", "soc"))
        for _ in range(every):
            heard = view(1.0, *(3.3,) * 8, temperatures_c=at, **values)
            heat = heater.hear(heat, heard, Gauge(soc_percent=soc), inputs, gap_s)
        shown = heat.shown
        seen.append(
            (
                heat._replace(shown=None),
                None if shown is None else vars_of(shown),
                heater.faults(heat),
            )
        )
    return seen


def the_heater() -> object:
    film = HeaterSettings(film_ohm=20.0)
    on = {"heating": True}
    found: dict[str, object] = {
        "warms": heats(
            film,
            {"gap_s": None},
            {},
            {**on, "every": 10},
            {**on, "at": (-2.1, -2.0), "every": 3},
            {**on, "at": (-2.0, -1.0), "every": 3},
            {**on, "at": (0.0, 1.0)},
            {**on, "at": (4.9, 6.0)},
            {**on, "at": (5.0, 6.0)},
            {**on, "at": (5.1, 6.0)},
            {"at": (4.0, 6.0)},
            {"at": (-0.1, 6.0)},
        ),
        "does not warm": heats(
            film,
            {**on, "every": 59},
            {**on},
            {**on, "every": 2},
            {"every": 600},
            {"every": 118},
            {"every": 2},
            {**on, "every": 61},
        ),
        "does not stop": heats(
            film,
            {"at": (10.0, 11.0), **on, "every": 19},
            {"at": (10.1, 11.0), **on, "every": 19},
            {"at": (10.1, 11.0), **on},
            {"at": (10.1, 11.0), **on},
            {"at": (10.1, 11.0), "heating": False},
        ),
        "rises while it is off": heats(
            film,
            {"at": (8.0, 8.0), "heating": False, "every": 30},
            {"at": (8.0, 8.0), "heating": False, "every": 119},
            {"at": (11.0, 12.0), "heating": False, "every": 2},
            {"at": (11.0, 12.0), "heating": False, "current_a": 3.0, "every": 40},
            {"at": (12.0, 12.0), "heating": False, "every": 121},
            {"at": (14.9, 15.0), "heating": False, "every": 121},
        ),
        "cannot be judged": heats(
            film,
            {"at": (None, -2.0)},
            {"at": (None, None)},
            {"at": (-2.0, 35.0)},
            {"at": (-2.0, 34.9)},
            {"cell_voltages_v": ()},
            {"soc": None},
            {"soc": 29.9},
            {"soc": 34.9},
            {"soc": 35.0},
            {"soc": 20.0, "inputs": {"surplus": True}},
            {},
        ),
        "the output": heats(
            HeaterSettings(film_ohm=8.0),
            {},
            {"heating_current_a": 3.3},
        )
        + heats(
            film,
            {},
            {**on, "heating_current_a": 3.1},
            {**on, "heating_current_a": 3.1},
            {**on, "heating_current_a": 2.0},
            {"every": 720},
            {**on, "heating_current_a": 1.0},
        ),
        "surplus only": heats(
            replace(film, only_surplus=True),
            {},
            {"inputs": {"surplus": True}},
            {"inputs": {"surplus": False}},
        ),
        "in time": heats(
            film,
            *(
                {"at": (1.0, 1.0), "inputs": {"charge_expected_in_s": s}}
                for s in (9000.0, 7801.0, 7799.0)
            ),
            {"at": (1.0, 1.0), "inputs": {"charge_expected_in_s": 9000.0}},
            {"at": (1.0, 1.0)},
        ),
        "only ahead of a charge": heats(
            replace(film, only_expected=True), {}, {"inputs": {"charge_expected_in_s": 0.0}}
        ),
    }
    relay = HeaterSettings(film_ohm=None, mains_w=150.0, relay=True)
    found["by a relay"] = heats(
        relay,
        {"soc": None},
        {"inputs": {"heater_relay_on": False}},
        {"inputs": {"heater_relay_on": False}},
        {"inputs": {"heater_relay_on": False}},
        {"inputs": {"heater_relay_on": True}},
        {},
        {},
        {},
        {"at": (9.0, 9.0), "inputs": {"heater_relay_on": True}, "every": 3},
        {"at": (9.0, 9.0), "inputs": {"heater_relay_on": False}},
        {"inputs": {"acts": False}},
    )
    rules = []
    for settings in (film, relay, replace(film, most_a=2.0), replace(film, most_w=130.0)):
        rules += [
            (settings.power_w(v), settings.too_much(v)) for v in (None, 40.0, 52.8, 60.1, 64.0)
        ]
    found["rules"] = rules
    return found


# The counters


def the_counters() -> object:
    books = Bookkeeper(2.7, 3.6, 120.0)
    tally, seen = Tally(), []
    for soc, mean_v, current_a, warm_c, gap_s, full in (
        (19.9, 2.69, -10.0, -1.0, None, False), (20.0, 2.7, -20.0, 0.0, 5.0, False),
        (59.0, 3.2, 30.0, 24.0, 5.0, False), (59.0, 3.2, 30.0, 24.0, 3.0, False),
        (80.0, 3.59, 10.0, 50.0, 4.0, False), (100.0, 3.61, 1.0, 51.0, 5.0, True),
        (100.0, 3.4, 0.0, 30.0, 5.0, True), (95.0, 3.3, -5.0, 30.0, 5.0, False),
        (100.0, 3.5, 5.0, 30.0, 5.0, True), (89.9, 3.3, -5.0, 30.0, 5.0, False),
        (100.0, 3.5, 5.0, 30.0, 5.0, True), (None, 3.3, None, 30.0, 7.0, False),
        (50.0, 3.3, 0.0, None, 6.0, False), (50.0, None, 0.0, 20.0, 6.0, False),
    ):  # fmt: skip
        cells = () if mean_v is None else (mean_v, mean_v + 0.01, mean_v - 0.01)
        sensors = () if warm_c is None else (warm_c - 2.0, warm_c)
        heard = view(1.0, *cells, current_a=current_a, temperatures_c=sensors)
        gauge = Gauge(soc_percent=soc, full=full, charged_ah=500.0, discharged_ah=480.0)
        tally = books.shown(books.count(tally, heard, gauge, gap_s), gauge, 110.0)
        seen.append(
            [tally._replace(shown=None), None if tally.shown is None else vars_of(tally.shown)]
        )
    trip = Alarm(kind=AlarmKind.WIRING, severity=Severity.PROTECTION, pack="left", since_s=0.0)
    warning = replace(trip, severity=Severity.WARNING)
    other = replace(trip, kind=AlarmKind.SETTINGS)
    trips = [
        books.trips(tally, before, after).alarms
        for before, after in (
            ((), (trip,)), ((trip,), (trip,)), ((warning,), (trip, other)), ((), (warning,)),
            ((trip,), ()), ((), (trip, trip)),
        )
    ]  # fmt: skip
    again = books.trips(books.trips(tally, (), (trip,)), (), (trip,))
    return {
        "seen": seen,
        "names": books.names,
        "trips": [trips, again.alarms, again.shown],
        "nothing new": books.trips(tally, (trip,), (trip,)) is tally,
        "learned": [
            books.learned(tally._replace(told_ah=told_ah), 100.0)[1]
            for told_ah in (None, 98.9, 98.81, 98.8, 101.19, 101.2)
        ],
        "settled": books.settle(tally).bands,
        "no capacity": vars_of(books.shown(tally._replace(shown=None), gauge, 0.0).shown),
    }


CASES: tuple[Callable[[], object], ...] = (
    the_planner,
    the_gauge,
    the_heater,
    the_counters,
)


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_they_were(case: Callable[[], object]) -> None:
    kept.check(FILE, case.__name__, case(), digits=10)
