"""The parts of the bank give the numbers that they gave, for inputs in literals.

What the parts are for is told by their own tests; this holds every term and every bound of them in
place. `make decisions` keeps a change that is wanted.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.engine import bank_contacts, bank_findings, bank_series, bank_share
from cellwarden.engine.bank_charge import ChargeControl, Moment, Plan
from cellwarden.engine.bank_contacts import NO_IDLE, UNKNOWN, Contact
from cellwarden.engine.bank_findings import NOTHING, Scene
from cellwarden.engine.bank_limits import (
    CHARGE,
    DISCHARGE,
    Member,
    Shared,
    current_wish,
    stopped,
)
from cellwarden.engine.bank_members import UNSEEN, Part
from cellwarden.engine.bank_orders import Reached, charge_reasons, discharge_reasons, lowered
from cellwarden.engine.bank_ramp import STILL, Moves, Wanted, moved, urgent_v
from cellwarden.engine.bank_settings import BankMember, BankSettings
from cellwarden.engine.bank_share import LoadStep, begin, conductances, hear
from cellwarden.engine.bank_voltages import Voltage, charge_voltage_wish, discharge_voltage, extreme
from cellwarden.model import (
    ChargeMode,
    ChargePhase,
    Limit,
    Limits,
    Order,
    Orders,
    PackPhase,
    PackState,
    Reading,
    Reason,
    Standing,
)
from support import kept
from support.states import pack_state

FILE = Path(__file__).with_name("bank_numbers.json")
SIZES = (100.0, 200.0, 100.0)
SETTINGS = BankSettings("Battery", tuple(BankMember(f"p{n}", ah) for n, ah in enumerate(SIZES)))


def order(value: float, until_s: float | None = None) -> Order:
    return Order(value=value, who="somebody", until_s=until_s)


# Limits of packs that differ in all that counts


def chain(value: float, *rules: tuple[str, float]) -> Limit:
    """A limit with its rules, tightest first, and the setting behind them."""
    reasons = [Reason(rule=rule, value=at, source="cell 3") for rule, at in rules]
    reasons.append(Reason(rule="setting", value=max(value, 50.0)))
    return Limit(value=value, reasons=tuple(reasons))


def pack(n: int, charge: Limit, discharge: Limit | None = None, **told: object) -> PackState:
    values: dict[str, object] = {
        "pack": f"p{n}", "heard_s": 100.0, "voltage_v": 52.0 + 0.1 * n, "current_a": 2.0,
        "charge_fet_on": True, "discharge_fet_on": True,
    }  # fmt: skip
    changes = {key: told.pop(key) for key in ("phase", "prediction") if key in told}
    limits = Limits(
        charge_voltage=chain(55.2 - 0.3 * n, ("over-voltage", 55.2 - 0.3 * n))
        if n
        else chain(55.5),
        charge_current=charge,
        discharge_current=discharge or chain(80.0 + 10 * n),
        discharge_voltage=chain(48.0 + 0.2 * n),
    )
    reading = Reading(**(values | told))  # type: ignore[arg-type]
    return pack_state(f"p{n}", reading=reading, limits=limits, **changes)


def member(n: int, standing: Standing, state: PackState, **more: object) -> Member:
    part_of = {
        key: more.pop(key) for key in ("last", "apart_since_s", "sunk", "risen") if key in more
    }
    reading = state.reading
    part = Part(
        standing, "so", 50.0, state.limits,
        None if reading is None else reading.charge_fet_on,
        None if reading is None else reading.discharge_fet_on, **part_of,
    )  # type: ignore[arg-type]  # fmt: skip
    plain = Member(state, part, (1.0, 2.4, 0.7)[n], (3.0, -1.0, -2.0)[n], SIZES[n])
    return plain._replace(**more)


FULL_UP = chain(5.0, ("full", 5.0), ("temperature", 40.0))
RISING = chain(20.0, ("rising slowly", 20.0))
COLD = chain(12.0, ("temperature", 12.0))
TAPER = chain(8.0, ("cell voltage taper", 8.0), ("temperature", 30.0))
BLOCKED = chain(0.0, ("cell over-voltage", 0.0))
IN, LOST, HELD = Standing.IN, Standing.LOST, Standing.HELD


def teams() -> dict[str, list[Member]]:
    gone = replace(pack(1, chain(50.0)), phase=PackPhase.LOST, reading=None)
    was = pack(1, TAPER, chain(0.0, ("cell under-voltage", 0.0)))
    plain = [member(0, IN, pack(0, chain(50.0))), member(2, IN, pack(2, COLD))]
    return {
        "all in": [*plain, member(1, IN, pack(1, RISING))],
        "alone": [member(1, IN, pack(1, TAPER))],
        "alone, rising": [member(1, IN, pack(1, RISING))],
        "alone, full": [member(1, IN, pack(1, FULL_UP))],
        "alone, open": [member(1, IN, pack(1, TAPER, charge_fet_on=False))],
        "one is full": [*plain, member(1, IN, pack(1, FULL_UP))],
        "all are full": [member(n, IN, pack(n, FULL_UP)) for n in range(3)],
        "one blocks while it conducts": [*plain, member(1, Standing.NO_CHARGE, pack(1, BLOCKED))],
        "one blocks, open": [
            *plain, member(1, Standing.BLOCKED, pack(1, BLOCKED, BLOCKED, charge_fet_on=False)),
        ],
        "one is lost": [*plain, member(1, LOST, gone, last=was)],
        "one is lost, the bank sank": [*plain, member(1, LOST, gone, last=was, sunk=True)],
        "one is lost, the bank rose": [*plain, member(1, LOST, gone, last=was, risen=True)],
        "one is lost and was never heard": [*plain, member(1, LOST, gone)],
        "one is held": [*plain, member(1, HELD, gone, last=was)],
        "one is waited for": [*plain, member(1, Standing.WAITING, gone)],
        "one joins": [*plain, member(1, Standing.JOINING, pack(1, TAPER))],
        "one joins and blocks": [*plain, member(1, Standing.JOINING, pack(1, BLOCKED))],
        "one joins and starts": [
            *plain, member(1, Standing.JOINING, pack(1, chain(0.0, ("start-up", 0.0)))),
        ],
        "one hangs apart": [
            *plain, member(1, Standing.JOINING, pack(1, BLOCKED), apart_since_s=40.0),
        ],
        "one is idle": [*plain, member(1, Standing.IDLE, pack(1, BLOCKED))],
        "one is out": [*plain, member(1, Standing.OUT, pack(1, BLOCKED, current_a=1.9))],
        "one is out, but carries": [
            *plain, member(1, Standing.OUT, pack(1, BLOCKED, current_a=2.1)),
        ],
        "in doubt": [
            member(0, IN, pack(0, chain(50.0)), most=1.5, lead_a=1.0),
            member(1, IN, pack(1, chain(60.0)), most=1.2, lead_a=-2.0),
            member(2, IN, pack(2, COLD), most=2.0),
        ],
        "in doubt, and too much already": [
            member(0, IN, pack(0, chain(3.0, ("temperature", 3.0))), most=1.5, lead_a=4.0),
            member(1, IN, pack(1, chain(60.0)), most=1.2),
        ],
        "in doubt, nearly": [
            member(0, IN, pack(0, chain(50.0)), most=1.0005),
            member(1, IN, pack(1, chain(100.0)), most=1.0005),
        ],
        "nobody": [member(0, Standing.OUT, pack(0, chain(50.0)))],
        "nobody has a share": [
            member(0, IN, pack(0, chain(50.0)), weight=0.0),
            member(1, IN, pack(1, chain(40.0)), weight=0.0),
        ],
    }  # fmt: skip


def shared(found: Shared) -> object:
    return [found, found.carried_a(10.0), found.carried_a(0.0)]


def the_currents() -> object:
    return {
        name: [
            shared(current_wish(direction, team, floating=floating, pivot_a=pivot_a))
            for direction in (CHARGE, DISCHARGE)
            for floating in (False, True)
            for pivot_a in (0.0, 30.0, -30.0)
        ]
        for name, team in teams().items()
    }


def the_voltages() -> object:
    rows = [(f"p{n}", chain(50.0 + (n * 7) % 11)) for n in range(12)]
    found: dict[str, object] = {
        name: [charge_voltage_wish(team), discharge_voltage(team)] for name, team in teams().items()
    }
    found["extreme"] = [extreme(rows, 1.0), extreme(rows, -1.0)]
    packs = [pack(0, BLOCKED), pack(1, COLD)]
    found["stopped"] = [stopped(packs), stopped(packs, "a policy"), stopped([])]
    return found


def the_string() -> object:
    return {
        name: [
            *[
                shared(bank_series.current_wish(direction, team, floating=floating))
                for direction in (CHARGE, DISCHARGE)
                for floating in (False, True)
            ],
            bank_series.charge_voltage_wish(team),
            bank_series.discharge_voltage(team),
        ]
        for name, team in teams().items()
    }


# How limits move


def the_moves() -> object:
    voltage = chain(55.2)
    lowest = chain(48.0)
    before = Limits(
        charge_voltage=voltage, charge_current=chain(20.0), discharge_current=chain(0.0),
        discharge_voltage=lowest,
    )  # fmt: skip
    plan = chain(54.0, ("float", 54.0), ("temperature", 55.0))
    seen: list[object] = []
    full = Moves(((60.0, 0.02), (95.0, 0.02), (200.0, 0.01)))
    for wanted_v, urgent in (
        (plan, 54.0),
        (plan, 55.1),
        (plan, 55.2),
        (chain(56.0), 56.0),
        (voltage, 55.2),
    ):
        for charge, discharge in ((chain(400.0), chain(60.0)), (chain(10.0), chain(0.4))):
            for passed_s, held, moves in (
                (1.0, False, STILL), (1.0, True, STILL), (60.0, False, full), (0.0, False, STILL),
            ):  # fmt: skip
                wanted = Wanted(charge, discharge, wanted_v, urgent, lowest, 2)
                seen.append(moved(before, wanted, moves, 100.0, passed_s, held=held))
                if held:
                    seen.append(moved(None, wanted, moves, 100.0, 1.0, held=False))
    same = Wanted(before.charge_current, before.discharge_current, voltage, 55.2, lowest, 2)
    kept_on = moved(before, same, STILL, 100.0, 1.0, held=False)[0] is before
    return {
        "seen": seen,
        "same": kept_on,
        "left": [full.left_v(s) for s in (95.0, 100.0, 119.9, 120.1, 155.1, 196.0)],
        "slots": [full.and_now(0.003, s) for s in (95.0, 95.1, 130.0, 199.0)],
        "urgent": [urgent_v(limit.reasons) for limit in (voltage, plan, TAPER, RISING)],
    }  # fmt: skip


# Orders


def the_orders() -> object:
    every = Orders(
        charge_current_a=order(30.0), discharge_current_a=order(-5.0, 200.0),
        target_soc_percent=order(80.0), reserve_soc_percent=order(20.0),
        charge_block=order(1.0), discharge_block=order(1.0), mode=ChargeMode.HOLD,
    )  # fmt: skip
    found: list[object] = []
    for orders in (every, Orders(), replace(every, mode=ChargeMode.AUTOMATIC)):
        for at in (Reached(), Reached(target=True), Reached(reserve=True)):
            found += [charge_reasons(orders, at, to_the_end=end) for end in (False, True)]
            found.append(discharge_reasons(orders, at))
    reasons = [Reason(rule=f"r{v}", value=v) for v in (60.0, 30.0, 50.0, 10.0)]
    found += [lowered(chain(50.0), reasons), lowered(chain(50.0), reasons[:1]), lowered(COLD, ())]
    return found


# Charging


def charging(phase: ChargePhase, n: int = 0) -> PackState:
    return pack_state(f"p{n}", charge_phase=phase)


def the_charge() -> object:
    settings = replace(
        SETTINGS, full_every_s=5000.0, full_sigma_percent=12.0, absorption_max_s=600.0
    )
    bulk, top, full = (
        charging(p) for p in (ChargePhase.BULK, ChargePhase.ABSORPTION, ChargePhase.FLOAT)
    )
    asked = Orders(full_charge=order(1.0))
    found: dict[str, object] = {}
    for name, control in (
        ("all", ChargeControl(settings)),
        ("any", ChargeControl(replace(settings, full_when="any", full_every_s=None))),
    ):
        seen = []
        for plan in (
            Plan(), Plan(phase=ChargePhase.ABSORPTION, absorbed_s=590.0, away_s=110.0),
            Plan(phase=ChargePhase.ABSORPTION, absorbed_s=1190.0, due=True),
            Plan(phase=ChargePhase.FLOAT, without_full_s=4991.0),
            Plan(phase=ChargePhase.FLOAT, cut_percent=80.0, done=asked.full_charge),
        ):  # fmt: skip
            for members in ((bulk, bulk), (top, bulk), (full, bulk), (full, full), ()):
                for soc, sigma, passed_s, orders in (
                    (94.9, 3.0, 9.0, Orders()), (95.0, 12.0, 10.0, asked),
                    (77.0, 12.1, 11.0, asked), (76.9, None, 10.0, Orders()),
                    (None, 3.0, 10.0, Orders()),
                ):  # fmt: skip
                    for charges in (True, False):
                        moment = Moment(members, soc, sigma, charges, orders, passed_s)
                        seen.append(
                            (control.follow(plan, moment), control.to_the_end(plan, orders))
                        )
        found[name] = seen
    return found


def the_voltage_of_the_charge() -> object:
    control = ChargeControl(replace(SETTINGS, cable_resistance_ohm=0.004))
    ordered = Orders(mode=ChargeMode.FLOAT)
    found: list[object] = []
    for voltage in (
        Voltage(chain(55.2), 55.2, trouble=False),
        Voltage(chain(54.0, ("over-voltage", 54.0)), 54.0, trouble=True),
        Voltage(chain(54.0, ("rising slowly", 54.0)), 55.2, trouble=False),
    ):
        found += [control.raised(voltage, a) for a in (None, -5.0, 0.0, 0.5, 100.0, 137.9, 138.1)]
    found.append(ChargeControl(SETTINGS).raised(voltage, 50.0))
    for phase in (ChargePhase.BULK, ChargePhase.FLOAT):
        for orders in (Orders(), ordered):
            found += [
                control.cap(Plan(phase=phase), float_v, 55.2, orders)
                for float_v in (None, 54.0, 55.2, 55.3)
            ]
    return found


# Sharing and contacts


def the_sharing() -> object:
    places = (0, 1, 2)
    found: dict[str, object] = {
        "begin": [
            begin(places, SIZES, (1.0, 0.8, 1.2)),
            begin(places, SIZES, (1.0, 1.0, 1.0), None, (4.0, 2.0, 1.0)),
            begin((0, 2), SIZES, (0.0, 1.0, 0.0)),
            begin((1,), SIZES, (1.0, 1.0, 1.0)),
        ]
    }
    known = begin(places, SIZES, (1.0, 1.0, 1.0), None, (4.0, 2.0, 1.0))
    seen = []
    rows = (
        (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (10.0, 25.0, 8.0), (10.5, 25.0, 8.0), (10.5, 25.0, 8.0),
        (11.0, 24.5, 8.0), (-20.0, -45.0, -12.0), (-20.0, -45.0, -12.0), (-21.0, -44.0, -12.0),
        (0.0, -45.0, -12.0), (-21.0, -44.0, -12.0), (3.0, 3.5, 1.5), (3.0, 3.5, 1.5),
        (3.1, 6.9, 1.5),
    )  # fmt: skip
    for n, row in enumerate(rows):
        volts = tuple(52.0 + 0.001 * a for a in row)
        known = hear(known, row, volts, 100.0 + (4.0 * n if n < 11 else 4.0 * n + 40.0))
        seen.append(known)
    found["heard"] = seen
    at_rest = known._replace(anchor=(100.0, (0.0, 0.0, 0.0), (52.0,) * 3), total_a=40.0)
    found["after"] = [
        hear(at_rest, (12.0, 20.0, 8.0), (52.1, 52.2, 52.1), at_s) for at_s in (130.0, 130.1)
    ]
    edge = at_rest._replace(total_a=8.0)
    found["edge"] = [hear(edge, (4.0 + d, 3.0, 1.0), (52.1,) * 3, 104.0) for d in (0.0, -0.1)]
    found["again"] = begin((0, 2), SIZES, (1.0, 0.8, 1.2), known, (2.0, 2.0))
    found["conductances"] = conductances(known, (1.0, 0.9, 1.1))
    return found


def the_contacts() -> object:
    known = bank_share.begin((0, 1, 2), SIZES, (1.0, 1.0, 1.0))
    step = LoadStep(100.0, 80.0, (25.0, 40.0, 15.0), (0.030, 0.034, 0.032))
    old = Contact(resistance_ohm=0.002, extra_ohm=0.0001, usual_ohm=0.0003, steps=7)
    older = old._replace(steps=8)
    steps = (
        step,
        step._replace(total_a=-80.0),
        step._replace(voltages_v=(0.0, 0.0, 0.0)),
        step._replace(currents_a=(2.0, 3.9, -15.0)),
        LoadStep(100.0, -80.0, (-25.0, -40.0, -15.0), (-0.030, -0.034, -0.032)),
    )
    found: dict[str, object] = {
        "learned": [bank_contacts.learn((UNKNOWN, old, older), known, each) for each in steps],
        "factor": [bank_contacts.factor(SETTINGS, old._replace(steps=n)) for n in (0, 3, 4)],
    }
    seen = []
    proven = known._replace(proven=True, total_a=30.0, shares=(0.40, 0.56, 0.0374))
    idle = NO_IDLE
    for at_s, current_a, shares in (
        (0.0, 0.39, proven), (30.0, 0.39, proven), (59.9, 0.39, proven),
        (59.95, 0.39, proven._replace(total_a=10.0)), (60.0, 0.39, proven),
        (61.0, 0.79, proven), (62.0, 0.81, proven), (63.0, 0.39, proven._replace(proven=False)),
        (64.0, 0.39, proven._replace(total_a=20.0)), (65.0, 0.39, proven._replace(total_a=20.1)),
        (66.0, 0.41, proven), (67.0, 0.39, proven._replace(shares=(0.4, 0.56, 0.0376))),
        (68.0, 0.39, None),
    ):  # fmt: skip
        packs = [pack(n, COLD, current_a=(20.0, 30.0, current_a)[n]) for n in range(3)]
        idle = bank_contacts.idle(idle, shares, packs, SIZES, at_s)
        seen.append([sorted(idle.places), idle.since])
    found["idle"] = seen
    return found


# Findings


def scene(**changes: object) -> Scene:
    plain = Scene(
        packs=[pack(n, COLD, current_a=0.0) for n in range(3)],
        parts=[Part(IN, "", 0.0, charge_fet_on=True, discharge_fet_on=True)] * 3,
        sizes_ah=SIZES,
        conductances=(1.0, 1.0, 1.0),
        contacts=(UNKNOWN,) * 3,
        proven=True,
        total_a=0.0,
    )
    return plain._replace(**changes)


def flowing(*currents_a: float | None) -> list[PackState]:
    return [pack(n, COLD, current_a=a) for n, a in enumerate(currents_a)]


def the_findings() -> object:
    joining = Part(Standing.JOINING, "it is 1.3 V above", 0.0, None, True, True, None, 1.0)
    opened = joining._replace(charge_fet_on=False, discharge_fet_on=False)
    usual = Part(IN, "", 0.0)
    worse = Contact(resistance_ohm=0.004, extra_ohm=0.0016, usual_ohm=0.001, steps=9)
    scenes = (
        scene(packs=flowing(2.1, 0.0, -2.1)),
        scene(packs=flowing(2.0, 0.0, -2.1)),
        scene(packs=flowing(2.1, 0.0, -2.0)),
        scene(packs=flowing(2.1, 0.0, -2.1), total_a=2.0),
        scene(packs=flowing(2.1, 0.0, -2.1), total_a=2.1),
        scene(packs=flowing(2.1, None, None), total_a=-2.0),
        scene(packs=flowing(2.1, None, -2.1), total_a=None),
        scene(parts=[usual, usual._replace(standing=Standing.IDLE), joining]),
        scene(parts=[usual, usual, opened], total_a=None),
        scene(conductances=(1.0, 0.69, 1.1), contacts=(UNKNOWN, worse, UNKNOWN)),
        scene(conductances=(1.0, 0.7, 1.0)),
        scene(conductances=(1.0, 0.69, 1.1), proven=False),
        scene(conductances=(1.0, 0.5, 1.0), parts=[usual._replace(standing=LOST)] * 3),
        scene(conductances=(1.0, 0.5, 0.9), parts=[usual, usual, usual._replace(standing=LOST)]),
        scene(conductances=(0.0, 0.0, 0.0)),
        scene(contacts=(worse, worse._replace(steps=8), worse._replace(extra_ohm=0.0015))),
        scene(contacts=(worse._replace(usual_ohm=0.0012), worse._replace(usual_ohm=None), UNKNOWN)),
        scene(contacts=(worse._replace(extra_ohm=None), UNKNOWN, UNKNOWN)),
        scene(contacts=(worse._replace(extra_ohm=0.003, usual_ohm=0.002),) * 3),
    )
    found: dict[str, object] = {}
    for n, each in enumerate(scenes):
        first = bank_findings.look(NOTHING, each, 100.0)
        found[f"{n:02}"] = [first, bank_findings.look(first, each, 400.0).findings]
    watch, seen = NOTHING, []
    for at_s, each in (
        (0.0, 9), (9.9, 9), (10.0, 9), (299.0, 9), (309.0, 9), (320.0, 10), (600.0, 10), (605.0, 9),
        (616.0, 10), (916.0, 10), (926.0, 10), (940.0, 9),
    ):  # fmt: skip
        after = bank_findings.look(watch, scenes[each], at_s)
        seen.append([after, after is watch, after.findings is watch.findings])
        watch = after
    found["over time"] = seen
    return found


def the_unseen() -> object:
    return [UNSEEN, UNSEEN.counts, UNSEEN.apart]


CASES: tuple[Callable[[], object], ...] = (
    the_currents,
    the_voltages,
    the_string,
    the_moves,
    the_orders,
    the_charge,
    the_voltage_of_the_charge,
    the_sharing,
    the_contacts,
    the_findings,
    the_unseen,
)


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_they_were(case: Callable[[], object]) -> None:
    kept.check(FILE, case.__name__, case(), digits=10)
