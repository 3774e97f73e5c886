"""docs/protections.md: its tables are made of the rows that protect.

`UPDATE_DOCS=1 pytest tests/core/engine/test_protections_documented.py` writes the page anew.
"""

import os

from cellwarden.engine.essentials import ESSENTIALS, Essential
from cellwarden.engine.protection import Protection, Row
from cellwarden.model import quantity_text
from support.packs import parameters
from support.tools import REPOSITORY

PAGE = REPOSITORY / "docs" / "protections.md"
HEAD = """\
# Protections

What the engine judges each reading by, beside what the BMS does by itself. Made from the tables of
`core/cellwarden/engine`; the numbers are those of a pack of 16 LiFePO4 cells with 100 Ah, with
discharge under-temperature set to -20 °C. What the parameters mean stands in
[configuration.md](configuration.md).

A row trips when its value was beyond the limit in every reading for the delay, at least in two;
far beyond a voltage limit one is enough. It is released by two readings, or by time, as it says;
silence releases nothing, and a restart forgets nothing. Over-current trips the sooner the more it
is: the delay holds up to 1.2 times the limit, above it a budget of the current's square. What trips
a fourth time within ten minutes (over-current, short circuit, a charger that ignores 0 A) stays
until somebody releases it. Every trip and release is in the log with what was measured.

While a row blocks a direction, that limit is 0 and the engine wants the MOSFET of that direction
off (mode `control` sees to it); it closes only what it opened itself.

"""
SECOND = """\
## What must be known

Decisions rest on these. An input that does not come may be unknown for as long as a reading may be
old, during which no limit rises; one that comes and cannot be, twice, is a fault at once.

No limit rises because a sensor died: one of several is taken to be as far from the others as it
last was, the last one of the battery and that of the MOSFETs to stand where it was, until it is
known again. None of that is shown, and no protection trips by it. One wrong number, whatever it
is, raises no limit and hides nothing for longer than its own reading; a voltage far beyond its
limit stops the pack at once, and tells of the state of charge only if it stays.

"""
PARAMS = parameters(discharge_undertemperature_c=-20.0, discharge_undertemperature_recovery_c=-15.0)


def table(*rows: tuple[str, ...]) -> str:
    head, *body = rows
    lines = [head, ("---",) * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def limit_text(row: Row) -> str:
    if row.rule.unit == "" or row.rule.signal is not None:
        return ""
    sign = "above" if row.rule.above else "below"
    return f"{sign} {quantity_text(row.shown_threshold, row.rule.unit)}"


def stops(*, charge: bool, discharge: bool, balance: bool = False) -> str:
    words = [
        word
        for word, said in (("charging", charge), ("discharging", discharge), ("balancing", balance))
        if said
    ]
    return ", ".join(words) or "nothing"


def of_row(row: Row) -> tuple[str, ...]:
    rule = row.rule
    return (
        rule.name,
        rule.kind.value,
        limit_text(row),
        f"{row.delay_s:g} s" if row.delay_s else "",
        row.releases,
        stops(
            charge=rule.blocks_charge,
            discharge=rule.blocks_discharge,
            balance=rule.blocks_balance,
        ),
        "" if rule.kind.manual_code is None else str(rule.kind.manual_code),
    )


def left(part: float) -> str:
    return {0.0: "nothing", 0.5: "half", 1.0: "all"}[part]


def of_essential(essential: Essential) -> tuple[str, ...]:
    return (
        essential.name,
        essential.kind.value,
        left(essential.charge),
        left(essential.discharge),
        essential.returns,
    )


def page() -> str:
    rows = Protection("left", PARAMS).rows
    return (
        HEAD
        + table(
            ("row", "alarm", "limit", "delay", "released when", "stops", "code"),
            *(of_row(row) for row in rows),
        )
        + "\n"
        + SECOND
        + table(
            ("what", "alarm", "left to charge", "left to discharge", "over when"),
            *(of_essential(essential) for essential in ESSENTIALS),
        )
    )


def test_the_page_is_made_of_the_tables() -> None:
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "run it again with UPDATE_DOCS=1"
