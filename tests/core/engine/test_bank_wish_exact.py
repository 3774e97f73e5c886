"""A wish of which something is kept is the one that would be made afresh."""

from collections.abc import Callable

import pytest

from cellwarden.engine.bank_contacts import UNKNOWN
from cellwarden.engine.bank_members import Part
from cellwarden.engine.bank_settings import BankMember, BankSettings
from cellwarden.engine.bank_share import begin
from cellwarden.engine.bank_wish import Basis, Wishes, same
from cellwarden.model import Limit, Limits, PackState, Reading, Reason, Standing
from support.states import pack_state

SETTINGS = BankSettings("Battery", (BankMember("p0", 100.0), BankMember("p1", 200.0)))
WISHES = Wishes(SETTINGS)
SHARES = begin((0, 1), (100.0, 200.0), (1.0, 1.0))
CONTACTS = (UNKNOWN, UNKNOWN)
Changed = tuple[PackState, Part]


def limit(value: float) -> Limit:
    return Limit(value=value, reasons=(Reason(rule="setting", value=value),))


PLAIN = {"cvl": limit(55.2), "ccl": limit(50.0), "dcl": limit(80.0), "dvl": limit(48.0)}


def pack(
    n: int, *, charge_on: bool = True, discharge_on: bool = True, **changed: Limit
) -> PackState:
    of = PLAIN | changed
    limits = Limits(
        charge_voltage=of["cvl"], charge_current=of["ccl"], discharge_current=of["dcl"],
        discharge_voltage=of["dvl"],
    )  # fmt: skip
    reading = Reading(
        pack=f"p{n}", heard_s=100.0, voltage_v=52.0, current_a=2.0, charge_fet_on=charge_on,
        discharge_fet_on=discharge_on,
    )  # fmt: skip
    return pack_state(f"p{n}", limits=limits, reading=reading)


def part(
    state: PackState, standing: Standing = Standing.IN, apart_since_s: float | None = None
) -> Part:
    reading = state.reading
    assert reading is not None
    return Part(
        standing, "", 50.0, state.limits, reading.charge_fet_on, reading.discharge_fet_on, None,
        apart_since_s,
    )  # fmt: skip


def put(**changes: object) -> Changed:
    """The second pack with another limit or another MOSFET."""
    state = pack(1, **changes)  # type: ignore[arg-type]
    return state, part(state)


CHANGES: dict[str, Callable[[], Changed]] = {
    "nothing but another object": put,
    "less charge": lambda: put(ccl=limit(10.0)),
    "less discharge": lambda: put(dcl=limit(10.0)),
    "a lower highest voltage": lambda: put(cvl=limit(54.0)),
    "a higher lowest voltage": lambda: put(dvl=limit(49.0)),
    "the charge MOSFET is off": lambda: put(charge_on=False),
    "the discharge MOSFET is off": lambda: put(discharge_on=False),
    "it blocks": lambda: (pack(1), part(pack(1), Standing.BLOCKED)),
    "it is taken out": lambda: (pack(1), part(pack(1), Standing.OUT)),
    "it hangs apart": lambda: (pack(1), part(pack(1), Standing.JOINING, 90.0)),
    "it is lost": lambda: (pack(1), Part(Standing.LOST, "", 50.0, None, last=pack(1))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_kept_of_a_wish_is_what_would_be_made_afresh(name: str) -> None:
    first, second = pack(0), pack(1)
    parts = (part(first), part(second))
    basis = WISHES.basis(parts, (1.0, 1.0), SHARES, floating=False)
    before = basis, WISHES.made(basis, (first, second), SHARES, CONTACTS)
    state, changed = CHANGES[name]()
    now = basis._replace(parts=(parts[0], changed))
    kept = WISHES.made(now, (first, state), SHARES, CONTACTS, before)
    afresh = WISHES.made(now, (first, state), SHARES, CONTACTS)
    assert kept == afresh


@pytest.mark.parametrize(
    "changes",
    [
        {"conductances": (1.0, 0.5)},
        {"offsets_a": (2.0, -2.0)},
        {"floating": True},
        {"pivot_a": 9.0},
    ],
)
def test_another_way_of_sharing_makes_both_currents_anew(changes: dict[str, object]) -> None:
    first, second = pack(0), pack(1)
    basis = WISHES.basis((part(first), part(second)), (1.0, 1.0), SHARES, floating=False)
    before = basis, WISHES.made(basis, (first, second), SHARES, CONTACTS)
    now = basis._replace(**changes)  # type: ignore[arg-type]
    assert not same(now, basis)
    assert WISHES.made(now, (first, second), SHARES, CONTACTS, before) == WISHES.made(
        now, (first, second), SHARES, CONTACTS
    )


def test_while_nothing_changes_the_very_same_wish_is_given() -> None:
    first, second = pack(0), pack(1)
    basis = WISHES.basis((part(first), part(second)), (1.0, 1.0), SHARES, floating=False)
    wish = WISHES.made(basis, (first, second), SHARES, CONTACTS)
    assert WISHES.made(basis, (first, second), SHARES, CONTACTS, (basis, wish)) is wish
    assert same(basis, basis)
    assert not same(basis, None)


def test_what_a_wish_rests_on_depends_on_how_sure_the_sharing_is() -> None:
    parts = (part(pack(0)), part(pack(1)))
    doubtful = begin((0, 1), (100.0, 200.0), (1.0, 1.0), None, (2.0, 2.0))._replace(
        pivot_a=20.0, offsets_a=(1.0, -1.0), leads_a=(0.5, -0.5)
    )
    assert WISHES.basis(parts, (1.0, 1.0), doubtful, floating=True) == Basis(
        parts, (1.0, 1.0), (1.0, -1.0), (0.5, -0.5), doubtful.doubts, 20.0, True
    )
    sure = doubtful._replace(sure=True)
    assert WISHES.basis(parts, (1.0, 1.0), sure, floating=False) == Basis(
        parts, (1.0, 1.0), (1.0, -1.0), (0.5, -0.5), (), 0.0, False
    )
    assert WISHES.basis(parts, (1.0, 1.0), None, floating=False) == Basis(
        parts, (1.0, 1.0), (), (), (), 0.0, False
    )
