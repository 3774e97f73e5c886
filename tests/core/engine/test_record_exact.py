"""What of a pack is kept over a restart, key by key: a whole record in literals.

A record that was read and is written again says the same; one damaged number anywhere is refused
by its name.
"""

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from cellwarden.engine import PackMemory
from cellwarden.engine.record import silent_s
from cellwarden.model import Extreme
from support.packs import Bench


def numbers(*values: float) -> list[float]:
    return list(values)


def diagonal(*values: float) -> list[list[float]]:
    return [[v if n == m else 0.0 for m in range(len(values))] for n, v in enumerate(values)]


KEPT: dict[str, Any] = {
    "version": 2,
    "pack": "left",
    "cells": 16,
    "design_capacity_ah": 100,
    "soc_percent": 61.5,
    "soc_sigma_percent": 2.5,
    "soc_basis": "counting since a full charge",
    "full": False,
    "charged_ah": 1234.5,
    "discharged_ah": 1200.25,
    "empty": True,
    "estimate": {
        "x": numbers(0.615, -0.0002, 0.97, 0.125, 1.1, 0.008, 0.01),
        "p": diagonal(0.0004, 1e-06, 0.0009, 0.01, 0.02, 3e-05, 4e-05),
        "lags": numbers(0.001, 0.002, -0.003),
        "loop": -0.25,
        "capacity_known": True,
        "cells": [
            [
                numbers(round(0.001 * n, 3), round(-0.002 * n, 3), 0.0005, 0.01),
                *diagonal(0.0001, 0.0004, 0.0002, 1e-06),
            ]
            for n in range(16)
        ],
    },
    "trips": [
        {
            "rule": "cell under-voltage",
            "held_s": 12.5,
            "remaining_s": None,
            "value": 2.65,
            "where": "cell 3",
            "threshold": 2.7,
            "latched": False,
        },
        {
            "rule": "charge over-current",
            "held_s": 20.0,
            "remaining_s": 40.0,
            "value": 60.0,
            "where": "",
            "threshold": 50.0,
            "latched": True,
        },
    ],
    "tripped_before_s": {"charge over-current": [20.0, 500.0], "short circuit": [7.0]},
    "opened": [True, False],
    "insight": {
        "counters": {
            "runtime_s": 86_400.0,
            "charged_wh": 64_000.0,
            "discharged_wh": 62_000.0,
            "full_charges": 12,
            "armed": True,
            "since_full_s": 3_600.0,
            "told_ah": 990.0,
            "extremes": {
                "cell_voltage_max_v": [3.58, "cell 7", 100.0],
                "cell_voltage_min_v": [2.65, "cell 3", 86_000.0],
                "current_max_a": [48.0, "", 200.0],
                "current_min_a": [-95.0, "", 300.0],
                "temperature_max_c": [41.0, "T2", 400.0],
                "temperature_min_c": [-3.0, "T1", 500.0],
                "mos_temperature_max_c": [66.0, "", 600.0],
                "soc_min_percent": [4.5, "", 86_300.0],
            },
            "alarms": {"cell under-voltage": 2, "charge over-current": 3},
            "bands": [
                {
                    "0..20 %": 1.0, "20..40 %": 2.0, "40..60 %": 3.0, "60..80 %": 4.0,
                    "80..100 %": 5.0,
                },
                {
                    "below 0 °C": 1.0, "0..10 °C": 2.0, "10..20 °C": 3.0, "20..30 °C": 4.0,
                    "30..40 °C": 5.0, "40..50 °C": 6.0, "above 50 °C": 7.0,
                },
                {
                    "below 2.7 V": 1.0, "2.7..2.81 V": 2.0, "2.81..2.93 V": 3.0,
                    "2.93..3.04 V": 4.0, "3.04..3.15 V": 5.0, "3.15..3.26 V": 6.0,
                    "3.26..3.38 V": 7.0, "3.38..3.49 V": 8.0, "3.49..3.6 V": 9.0,
                    "above 3.6 V": 10.0,
                },
            ],
        },
        "heater_energy_wh": 123.0,
        "leaks": {
            "moved_ah": [0.1 * n for n in range(16)],
            "age_s": 3_000.0,
            "ah": [60.0 + n for n in range(16)],
            "look_sigma_ah": [0.5 + n for n in range(16)],
            "watched_s": 9_000.0,
            "rate_a": [0.001 * n for n in range(16)],
            "sigma_a": [0.01 + n for n in range(16)],
        },
        "ledger": {
            "ah": [0.1 * n - 0.8 for n in range(16)],
            "sigma_ah": [0.1 + 0.01 * n for n in range(16)],
            "weights": [4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0],
            "ratios": [0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1],
        },
    },
}  # fmt: skip


def restored(record: dict[str, Any], off_for_s: float | None = 0.0) -> PackMemory:
    return Bench().engine.restore(json.loads(json.dumps(record)), 5.0, off_for_s)


def changed(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    record = copy.deepcopy(KEPT)
    inside: Any = record
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return record


def without(path: tuple[Any, ...]) -> dict[str, Any]:
    record = copy.deepcopy(KEPT)
    inside: Any = record
    for key in path[:-1]:
        inside = inside[key]
    del inside[path[-1]]
    return record


def test_a_record_that_was_read_is_written_again_as_it_was() -> None:
    bench = Bench(now_s=5.0)
    assert bench.engine.record(restored(KEPT), 5.0) == KEPT


def test_what_was_read_is_in_the_memory_where_it_belongs() -> None:
    memory = restored(KEPT)
    gauge = memory.gauge
    assert (gauge.soc_percent, gauge.sigma_percent) == (61.5, 2.5)
    assert (gauge.basis, gauge.full, gauge.empty) == ("counting since a full charge", False, True)
    assert (gauge.charged_ah, gauge.discharged_ah) == (1234.5, 1200.25)
    assert memory.opened == (True, False)
    trips = {w.alarm.where: w for w in memory.alarms.watches if w.alarm is not None}
    assert trips["cell 3"].alarm.since_s == -7.5
    assert trips["cell 3"].alarm.threshold == 2.7
    assert trips[""].alarm.since_s == -15.0
    assert trips[""].latched
    assert trips[""].trips_s == (-15.0, -495.0)
    tally = memory.insight.tally
    assert tally.extremes[0] == Extreme(value=3.58, where="cell 7", runtime_s=100.0)
    assert tally.bands[0] == (1.0, 2.0, 3.0, 4.0, 5.0)
    leaks = memory.insight.leaks
    assert leaks.look is not None
    assert (leaks.look.age_s, leaks.look.ah[2], leaks.look.sigma_ah[2]) == (3_000.0, 62.0, 2.5)
    assert (leaks.moved_ah[1], leaks.rate_a[2], leaks.sigma_a[3]) == (0.1, 0.002, 3.01)
    assert memory.insight.heat.energy_wh == 123.0


def test_time_off_goes_on_for_what_is_counted_from_a_moment() -> None:
    memory = restored(KEPT, 600.0)
    assert memory.insight.tally.since_full_s == 4_200.0
    assert memory.insight.leaks.look is not None
    assert memory.insight.leaks.look.age_s == 3_600.0
    assert memory.gauge.sigma_percent > 2.5
    backwards = restored(KEPT, -600.0)
    assert backwards.insight.tally.since_full_s == 3_600.0
    assert backwards.gauge.sigma_percent == 2.5
    unknown = restored(KEPT, None)
    assert unknown.insight.tally.since_full_s == 3_600.0
    assert unknown.insight.leaks.look is None


# What may be unknown, and what then is


@pytest.mark.parametrize(
    "path",
    [
        ("soc_percent",),
        ("estimate",),
        ("insight", "counters", "since_full_s"),
        ("insight", "counters", "told_ah"),
        ("insight", "leaks"),
        ("insight", "ledger"),
    ],
)
def test_what_is_not_known_stays_unknown(path: tuple[Any, ...]) -> None:
    record = changed(path, None)
    again: Any = Bench().engine.record(restored(record), 5.0)
    for key in path:
        again = again[key]
    assert again is None


def test_a_trip_without_its_threshold_has_the_one_of_its_row() -> None:
    memory = restored(changed(("trips", 0, "threshold"), None))
    trips = {w.alarm.where: w.alarm for w in memory.alarms.watches if w.alarm is not None}
    assert trips["cell 3"].threshold == 2.7


@pytest.mark.parametrize(
    ("path", "now"),
    [
        (("empty",), False),
        (("trips", 1, "latched"), False),
        (("tripped_before_s",), {}),
        (("opened",), [False, False]),
        (("insight", "heater_energy_wh"), 0.0),
        (("insight", "ledger"), None),
        (("insight", "counters", "armed"), False),
        (("insight", "counters", "bands", 0, "20..40 %"), 0.0),
    ],
)
def test_what_an_older_record_lacks_begins_anew(path: tuple[Any, ...], now: object) -> None:
    again: Any = Bench().engine.record(restored(without(path)), 5.0)
    for key in path:
        again = again[key]
    assert again == now


def test_a_record_without_counters_that_is_full_does_not_count_that_charge_again() -> None:
    record = changed(("full",), True)
    del record["insight"]
    assert restored(record).insight.tally.armed is False
    assert restored(record | {"full": False}).insight.tally.armed is True


# Damage


def places(inside: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every number; of a list of alike ones the first and the last."""
    if isinstance(inside, dict):
        for key, value in inside.items():
            yield from places(value, (*path, key))
    elif isinstance(inside, list):
        for n in {0, len(inside) - 1}:
            yield from places(inside[n], (*path, n))
    elif isinstance(inside, float) or path[-1] == "full_charges":
        yield path


NUMBERS = tuple(places(KEPT))
SIGNED = frozenset({"x", "p", "lags", "loop", "cells", "value", "threshold", "extremes", "moved_ah",
                    "ah", "look_sigma_ah", "rate_a", "sigma_a"})  # fmt: skip
"""Where a number below 0 may stand."""


@pytest.mark.parametrize("bad", ["3", True, [1.0], math.nan, math.inf, -math.inf])
def test_one_bad_number_anywhere_is_refused_by_its_name(bad: object) -> None:
    for path in NUMBERS:
        with pytest.raises(ValueError) as refused:  # noqa: PT011  # by name, below
            Bench().engine.restore(changed(path, bad), 5.0, 0.0)
        says = str(refused.value)
        names = {"value", "runtime_s"} if "extremes" in path else set(map(str, path))
        assert any(name in says for name in names), f"{path}: {says}"


def test_a_number_below_0_is_refused_where_none_can_be() -> None:
    for path in NUMBERS:
        if not SIGNED.intersection(path):
            with pytest.raises(ValueError, match=f"{path[-1]}|{path[-2:]}|tripped|short|ledger"):
                Bench().engine.restore(changed(path, -0.001), 5.0, 0.0)


def test_0_is_a_number_like_any_other() -> None:
    for path in NUMBERS:
        if "x" not in path:
            restored(changed(path, 0 if path[-1] == "full_charges" else 0.0))


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("soc_percent",), 100.1, "soc_percent = 100.1 is outside 0..100"),
        (("soc_sigma_percent",), 100.1, "soc_sigma_percent = 100.1 is outside 0..100"),
        (("soc_basis",), None, "soc_basis or full is damaged"),
        (("full",), 1, "soc_basis or full is damaged"),
        (("trips",), {}, "trips is damaged"),
        (("trips", 0, "where"), 3, "the trip of cell under-voltage is damaged"),
        (("trips", 0, "value"), 1.1e9, "value = 1100000000.0 is outside"),
        (("trips", 1, "remaining_s"), 60.1, "remaining_s = 60.1 is outside 0..60"),
        (("tripped_before_s",), [], "tripped_before_s is damaged"),
        (("tripped_before_s", "short circuit"), 7.0, "when short circuit tripped is damaged"),
        (("tripped_before_s", "nonsense"), [7.0], "when nonsense tripped is damaged"),
        (("opened",), [True], "opened is damaged"),
        (("opened",), [True, 1], "opened is damaged"),
        (("opened",), None, "opened is damaged"),
        (("estimate", "cells"), [], "estimate.cells is damaged"),
        (("estimate", "cells", 3), [], "estimate.cells is damaged"),
        (("estimate", "cells", 3, 0), [0.0] * 3, "estimate.cells is damaged"),
        (("estimate", "cells", 3, 0, 0), 0.9, "estimate.cells is out of range"),
        (("estimate", "cells", 3, 0, 0), -0.9, "estimate.cells is out of range"),
        (("estimate", "cells", 3, 0, 2), 4.0, "estimate.cells is out of range"),
        (("estimate", "cells", 3, 0, 3), 0.9, "estimate.cells is out of range"),
        (("estimate", "cells", 3, 1, 0), -1e-9, "estimate.cells has a negative variance"),
        (("estimate", "x"), [0.5] * 6, "estimate.x is damaged"),
        (("estimate", "x", 0), 1.21, "estimate.x is out of range"),
        (("estimate", "x", 0), -0.21, "estimate.x is out of range"),
        (("estimate", "x", 2), 0.1, "estimate.x is out of range"),
        (("estimate", "x", 3), -0.001, "estimate.x is out of range"),
        (("estimate", "p"), [], "estimate.p is damaged"),
        (("estimate", "p", 6, 6), -1e-9, "estimate.p has a negative variance"),
        (("estimate", "loop"), None, "estimate.loop holds None"),
        (("estimate", "lags"), [0.0, 0.0], "estimate.lags is damaged"),
        (("insight",), [], "insight is damaged"),
        (("insight", "counters"), None, "counters is damaged"),
        (("insight", "counters", "full_charges"), -1, "counters.full_charges is damaged"),
        (("insight", "counters", "full_charges"), 1.0, "counters.full_charges is damaged"),
        (("insight", "counters", "extremes"), None, "counters.extremes is damaged"),
        (("insight", "counters", "extremes", "current_max_a"), [1.0, ""],
         "counters.extremes.current_max_a is damaged"),
        (("insight", "counters", "extremes", "current_max_a"), [1.0, None, 0.0],
         "counters.extremes.current_max_a is damaged"),
        (("insight", "counters", "alarms"), [], "counters.alarms is damaged"),
        (("insight", "counters", "bands"), [], "counters.bands is damaged"),
        (("insight", "counters", "bands", 1), [], "counters.bands is damaged"),
        (("insight", "leaks"), [], "leaks is damaged"),
        (("insight", "leaks", "ah"), None, "leaks.ah is damaged"),
        (("insight", "leaks", "rate_a"), [0.0] * 15, "leaks is damaged"),
        (("insight", "leaks", "moved_ah"), [0.0] * 15, "leaks is damaged"),
        (("insight", "ledger"), [], "ledger is damaged"),
        (("insight", "ledger", "ah"), 1.0, "ledger.ah is damaged"),
        (("insight", "ledger", "ah"), [0.0] * 15, "ledger is damaged"),
        (("insight", "ledger", "ratios"), [1.0], "ledger is damaged"),
        (("insight", "ledger", "sigma_ah"), [-0.1] * 16,
         "ledger.sigma_ah = -0.1 is out of range"),
        (("insight", "ledger", "weights"), [1.0] * 6 + [-1.0],
         "ledger.weights = -1.0 is out of range"),
    ],
)  # fmt: skip
def test_what_else_is_damaged_is_refused_by_its_name(
    path: tuple[Any, ...], value: object, says: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # whole text, below
        Bench().engine.restore(changed(path, value), 5.0, 0.0)
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("soc_percent",), 100.0),
        (("soc_sigma_percent",), 0.0),
        (("trips", 0, "value"), -1e9),
        (("trips", 1, "remaining_s"), 60.0),
        (("estimate", "x", 0), 1.2),
        (("estimate", "x", 0), -0.2),
        (("estimate", "x", 2), 0.1001),
        (("estimate", "cells", 3, 0, 0), 0.8999),
        (("estimate", "cells", 3, 0, 0), -0.8999),
        (("insight", "leaks", "moved_ah"), []),
    ],
)
def test_what_is_just_possible_is_read(path: tuple[Any, ...], value: object) -> None:
    again: Any = Bench().engine.record(restored(changed(path, value)), 5.0)
    for key in path:
        again = again[key]
    assert again == value


def test_a_loop_beyond_its_ends_is_put_back_to_them() -> None:
    for told, kept in ((1.5, 1.0), (-1.5, -1.0)):
        estimate = restored(changed(("estimate", "loop"), told)).gauge.estimate
        assert estimate is not None
        assert estimate.mean.loop == kept


def test_nobody_knows_how_long_it_was_off_counts_as_a_day() -> None:
    assert silent_s(None) == 86_400.0
    assert (silent_s(5.0), silent_s(-5.0)) == (5.0, 0.0)


def test_a_trip_of_a_rule_that_is_switched_off_now_leaves_the_others() -> None:
    trip = KEPT["trips"][0] | {"rule": "discharge under-temperature", "value": -21.0, "where": "T1"}
    memory = restored(KEPT | {"trips": [trip, *KEPT["trips"]]})
    found = [w.alarm.where for w in memory.alarms.watches if w.alarm is not None]
    assert sorted(found) == ["", "cell 3"]


def test_leaks_of_another_number_of_cells_begin_anew() -> None:
    for key in ("ah", "look_sigma_ah"):
        assert restored(changed(("insight", "leaks", key), [1.0] * 15)).insight.leaks.look is None


def test_how_far_cells_are_apart_is_doubted_by_an_ampere_while_nobody_listened() -> None:
    ledger = restored(KEPT, off_for_s=1800.0).insight.plan.measured.ledger
    assert ledger.ah == tuple(KEPT["insight"]["ledger"]["ah"])
    assert ledger.sigma_ah[:2] == pytest.approx((0.6, 0.61))


def test_the_knee_is_kept_when_how_far_cells_are_apart_is_not() -> None:
    path = ("insight", "ledger")
    other = changed((*path, "ah"), [0.0] * 15)
    other["insight"]["ledger"]["sigma_ah"] = [1.0] * 15
    for memory in (restored(KEPT, off_for_s=None), restored(other)):
        ledger = memory.insight.plan.measured.ledger
        assert (ledger.ah, ledger.sigma_ah) == ((), ())
        assert ledger.widths[0] == (4.0, 0.5)
