"""The signed-off report of a commissioning."""

from collections.abc import Sequence

from cellwarden.repair.checklist import Judged
from cellwarden.repair.pins import pin_table
from cellwarden.repair.seen import Seen
from cellwarden_hardware.commission.guide import Person, as_data


def report_data(
    pack: Seen, done: Sequence[Judged], verdict: str, signed: str, date: str
) -> dict[str, object]:
    """Return the report in JSON types. Nothing secret is in it."""
    return {
        "pack": pack.pack,
        "model": pack.model,
        "serial_number": pack.serial_number,
        "firmware": pack.firmware,
        "chemistry": pack.chemistry,
        "cells": pack.cell_count,
        "capacity_ah": pack.design_capacity_ah,
        "date": date,
        "checks": [as_data(judged) for judged in done],
        "verdict": verdict,
        "signed_by": signed,
    }


def report_text(pack: Seen, done: Sequence[Judged], verdict: str, signed: str, date: str) -> str:
    """Return the report as a page of text."""
    head = f"Commissioning of {pack.pack}"
    rows = [
        ("date", date),
        ("BMS", " ".join(w for w in (pack.model, pack.firmware) if w) or "unknown"),
        ("serial number", pack.serial_number or "unknown"),
        ("battery", f"{pack.cell_count} cells {pack.chemistry}, {pack.design_capacity_ah:g} Ah"
         if pack.design_capacity_ah is not None else "unknown"),
    ]  # fmt: skip
    lines = [head, "=" * len(head), *(f"{name:14} {text}" for name, text in rows), ""]
    lines += [
        f"{Person.MARKS[j.result]}  {j.title}: {j.text}" + (f"  ({j.source})" if j.source else "")
        for j in done
    ]
    lines += ["", verdict, "", f"signed off by: {signed or 'nobody'}", ""]
    return "\n".join(lines)


def pins_text(cells: int) -> str:
    """Return the pin table of the sense plugs as text."""
    rows = [f"{p.plug} pin {p.number:2}  {p.lead:4} {p.goes_to}" for p in pin_table(cells)]
    return "\n".join(
        [f"Sense plugs for {cells} cells (check with a meter before plugging in):", *rows]
    )
