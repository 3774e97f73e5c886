"""Scripts of a bank's days give the decisions that they gave, and all that happened on the way.

What each rule is for is told by the tests of the bank; this holds every number and every word of
them in place. `make decisions` keeps a change that is wanted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cellwarden.model import (
    AlarmKind,
    BankState,
    ChargeMode,
    DeviceAlarm,
    Order,
    Orders,
    Severity,
)
from cellwarden.runtime.status import plain
from support import kept
from support.packs import all_cells, with_cell
from support.racks import Rack

FILE = Path(__file__).with_name("bank_decisions.json")
SIZES = {"one": 100.0, "two": 200.0, "three": 100.0}
LEFT_OUT = frozenset({"packs", "events"})


@dataclass(frozen=True)
class Leg:
    """So many seconds of this; the changes of a pack go over those of all."""

    seconds: int
    every: dict[str, object] = field(default_factory=dict)
    packs: dict[str, dict[str, object]] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    orders: Orders | None = None
    """None: as before."""


def order(value: float, who: str = "the house") -> Order:
    return Order(value=value, who=who)


def shared(total_a: float, parts: tuple[float, float, float], volts: float = 3.30) -> dict:
    """The changes of three packs that carry these parts of a current, by 1 mΩ at 100 Ah."""
    names = dict(zip(SIZES, parts, strict=True))
    return {
        name: {
            "current_a": total_a * part,
            **all_cells(round(volts + 0.0005 * total_a * part * 100 / SIZES[name], 4)),
        }
        for name, part in names.items()
    }


EVEN = (0.25, 0.5, 0.25)
WEAK = (0.32, 0.58, 0.10)
TRIP = DeviceAlarm(
    kind=AlarmKind.DISCHARGE_OVERCURRENT, severity=Severity.PROTECTION, blocks_discharge=True
)


def steps(count: int, parts: tuple[float, float, float], size_a: float = 40.0) -> tuple[Leg, ...]:
    """Load steps, each five seconds long."""
    return tuple(
        Leg(5, packs=shared(size_a * (1.0 if n % 2 else -0.5) + n, parts)) for n in range(count)
    )


SCRIPTS: dict[str, tuple[dict[str, object], tuple[Leg, ...]]] = {
    "shares are learned, one is weak": (
        {},
        (
            Leg(3),
            Leg(40, packs=shared(60.0, EVEN)),
            *steps(8, EVEN),
            *steps(24, WEAK),
            Leg(330, packs=shared(60.0, WEAK)),
            Leg(40, packs=shared(-80.0, WEAK)),
        ),
    ),
    "one is lost, held, back": (
        {"on_pack_lost": "hold", "hold_s": 8.0},
        (
            Leg(30, packs=shared(40.0, EVEN)),
            Leg(3, packs=shared(40.0, EVEN), silent=("two",)),
            Leg(9, packs=shared(40.0, EVEN), silent=("two",)),
            Leg(30, packs=shared(40.0, EVEN), silent=("two",)),
            Leg(1, packs=shared(40.0, EVEN)),
            Leg(30, packs=shared(40.0, EVEN)),
        ),
    ),
    "one is lost and the rest carries on": (
        {},
        (
            Leg(30, packs=shared(40.0, EVEN)),
            Leg(20, packs=shared(40.0, EVEN), silent=("two",)),
            Leg(20, packs=shared(-40.0, EVEN, 3.15), silent=("two",)),
            Leg(30, packs=shared(40.0, EVEN)),
        ),
    ),
    "one is lost and all stop": (
        {"on_pack_lost": "trip"},
        (
            Leg(30, packs=shared(40.0, EVEN)),
            Leg(8, packs=shared(40.0, EVEN), silent=("two",)),
            Leg(30, packs=shared(40.0, EVEN)),
        ),
    ),
    "all are silent, then gone, then back": (
        {"gone_after_s": 20.0},
        (
            Leg(30),
            Leg(8, silent=("one", "two", "three")),
            Leg(30, silent=("one", "two", "three")),
            Leg(20),
        ),
    ),
    "all are silent, one was taken out": (
        {},
        (
            Leg(20, orders=Orders(out=frozenset({"two"}))),
            Leg(8, silent=("one", "two", "three")),
            Leg(8, silent=("one", "two", "three"), orders=Orders(out=frozenset(SIZES))),
        ),
    ),
    "one hangs apart, one is open, one is blocked": (
        {},
        (
            Leg(20, every={"current_a": 5.0}),
            Leg(30, packs={"three": {"current_a": 0.0, **all_cells(3.38)}}),
            Leg(15, every={"current_a": 5.0}),
            Leg(15, packs={"three": {"current_a": 0.0, **all_cells(3.22)}}),
            Leg(20, packs={"one": {"charge_fet_on": False}}),
            Leg(20, packs={"one": {"charge_fet_on": False, "discharge_fet_on": False}}),
            Leg(
                20,
                packs={
                    "one": {
                        "charge_fet_on": False,
                        "discharge_fet_on": False,
                        **all_cells(3.38),
                    }
                },
            ),
            Leg(30, packs={"two": {"alarms": (TRIP,), "discharge_fet_on": False}}),
            Leg(30, packs={"two": with_cell(7, 3.66, 3.3)}),
            Leg(30),
        ),
    ),
    "full, held, used": (
        {"full_every_s": 200.0, "absorption_max_s": 120.0, "cable_resistance_ohm": 0.004},
        (
            Leg(20, every={"current_a": 20.0, **all_cells(3.38)}),
            Leg(40, every={"current_a": 20.0, **all_cells(3.45)}),
            Leg(70, every={"current_a": 2.0, **all_cells(3.45)}),
            Leg(3, {"current_a": 2.0, **all_cells(3.45)}, orders=Orders(full_charge=order(1.0))),
            Leg(60, every={"current_a": 1.0, **all_cells(3.44)}, orders=Orders()),
            Leg(60, every={"current_a": -20.0, **all_cells(3.36)}),
            Leg(60, every={"current_a": -20.0, **all_cells(3.25)}),
            Leg(40, every={"current_a": 20.0, **all_cells(3.38)}),
            Leg(130, every={"current_a": 20.0, **all_cells(3.45)}),
            Leg(
                130,
                every={"current_a": 20.0, **all_cells(3.45)},
                orders=Orders(full_charge=order(1.0)),
            ),
        ),
    ),
    "the first full pack is enough": (
        {"full_when": "any"},
        (
            Leg(20, every={"current_a": 20.0, **all_cells(3.40)}),
            Leg(
                70,
                every={"current_a": 20.0, **all_cells(3.40)},
                packs={"two": {"current_a": 1.0, **all_cells(3.45)}},
            ),
            Leg(20, every=all_cells(3.40), orders=Orders(mode=ChargeMode.FLOAT)),
        ),
    ),
    "what people want": (
        {"full_sigma_percent": 12.0},
        (
            Leg(30, every={"soc_percent": 50.0}),
            Leg(10, orders=Orders(charge_current_a=order(30.0), discharge_current_a=order(40.0))),
            Leg(10, orders=Orders(charge_block=order(1.0, "a person"))),
            Leg(10, orders=Orders(discharge_block=order(1.0, "a person"))),
            Leg(10, orders=Orders(target_soc_percent=order(45.0))),
            Leg(10, orders=Orders(target_soc_percent=order(45.0), full_charge=order(1.0))),
            Leg(10, orders=Orders(reserve_soc_percent=order(55.0))),
            Leg(10, orders=Orders(reserve_soc_percent=order(49.0))),
            Leg(10, orders=Orders(mode=ChargeMode.HOLD, reserve_soc_percent=order(55.0))),
            Leg(10, orders=Orders(mode=ChargeMode.HOLD)),
            Leg(10, orders=Orders(mode=ChargeMode.FLOAT)),
            Leg(20, orders=Orders(out=frozenset({"two"}))),
            Leg(20, silent=("one",), orders=Orders(out=frozenset({"two"}))),
            Leg(20, orders=Orders()),
        ),
    ),
    "packs charge each other, one is idle": (
        {},
        (
            Leg(20),
            Leg(
                330,
                packs={
                    "one": {"current_a": 6.0},
                    "two": {"current_a": 1.0},
                    "three": {"current_a": -6.0},
                },
            ),
            *steps(20, (0.33, 0.67, 0.0), 60.0),
            Leg(80, packs=shared(60.0, (0.33, 0.67, 0.0))),
            Leg(320, packs=shared(60.0, (0.33, 0.67, 0.0))),
            Leg(30, packs=shared(60.0, EVEN)),
        ),
    ),
    "in series": (
        {"shape": "series"},
        (
            Leg(30, every={"current_a": 10.0}),
            Leg(20, every={"current_a": 10.0}, packs={"two": {"temperatures_c": (4.0, 6.0)}}),
            Leg(20, every={"current_a": 10.0}, packs={"one": with_cell(4, 3.5, 3.4)}),
            Leg(70, every={"current_a": 1.0, **all_cells(3.45)}),
            Leg(10, every={"current_a": 10.0}, silent=("three",)),
            Leg(20, every={"current_a": -10.0}),
        ),
    ),
}  # fmt: skip


def told(state: BankState) -> dict[str, object]:
    document = plain(replace(state, packs=()))
    assert isinstance(document, dict)
    document["orders"]["out"].sort()  # a set
    return {k: v for k, v in document.items() if k not in LEFT_OUT}


def lived(settings: dict[str, object], legs: tuple[Leg, ...]) -> Iterator[tuple[str, object]]:
    """Yield the state after each leg, and what was logged in it."""
    rack = Rack(dict(SIZES), **settings)
    for n, leg in enumerate(legs):
        if leg.orders is not None:
            rack.orders = leg.orders
        events = []
        for _ in range(leg.seconds):
            changes = {name: {**leg.every, **leg.packs.get(name, {})} for name in SIZES}
            state = rack.cycle(leg.silent, **changes)
            events += [f"{e.at_s:g} {e.pack} {e.severity}: {e.text}" for e in state.events]
        yield f"{n:02}", {"state": told(state), "log": events}
    yield "record", rack.bank.record(rack.memory)
    yield "stopping", told(rack.bank.stopping(rack.state, rack.now_s + 1))
    yield "failed", told(rack.bank.failed(rack.memory, rack.packs, rack.now_s + 1, "Oops: x"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_bank_decides_as_it_did(name: str) -> None:
    settings, legs = SCRIPTS[name]
    kept.check(FILE, name, dict(lived(settings, legs)))


def test_a_bank_that_stops_or_fails_before_it_heard_anything() -> None:
    rack = Rack(dict(SIZES))
    first = rack.cycle(tuple(SIZES))
    found = {
        "first": told(first),
        "stopping": told(rack.bank.stopping(first, 200.0)),
        "failed": told(rack.bank.failed(rack.memory, rack.packs, 200.0, "Oops: x")),
    }
    kept.check(FILE, "nothing heard", found)
