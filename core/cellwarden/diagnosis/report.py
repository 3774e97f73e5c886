"""What a diagnosis knows, as one document of JSON types: for the status socket and for reports."""

from collections.abc import Sequence
from typing import Any

from cellwarden.diagnosis.calibration import calibration, text_of
from cellwarden.diagnosis.facts import PackFacts
from cellwarden.diagnosis.memory import HIGH, LOW, DiagnosisMemory, PackStats
from cellwarden.diagnosis.statistics import Line
from cellwarden.model import BankState, Finding, PackState

Document = dict[str, Any]


def report(facts: Sequence[PackFacts], memory: DiagnosisMemory, state: BankState) -> Document:
    """Return everything that is worth showing; nothing in it tells whose battery it is."""
    by_name = {pack.pack: pack for pack in state.packs}
    findings = [*state.findings, *(f for pack in state.packs for f in pack.findings)]
    seen = {(f.code, f.pack, f.where) for f in findings}
    findings += [f for f in memory.findings if (f.code, f.pack, f.where) not in seen]
    return {
        "bank": {
            "name": state.name,
            "phase": state.phase.value,
            "voltage_v": _rounded(state.voltage_v, 3),
            "current_a": _rounded(state.current_a, 2),
            "soc_percent": _rounded(state.soc_percent, 1),
        },
        "findings": [finding(f, state.at_s) for f in sorted(findings, key=_rank)],
        "packs": [
            _pack(own, stats, by_name[own.name], state.at_s)
            for own, stats in zip(facts, memory.packs, strict=True)
            if own.name in by_name
        ],
        "calibration": [
            one._asdict() | {"text": text_of(one)} for one in calibration(memory.runs, state)
        ],
    }


def _rank(found: Finding) -> tuple[int, float]:
    return -found.urgency, -found.confidence


def finding(found: Finding, now_s: float) -> Document:
    """Return one finding."""
    return {
        "code": found.code,
        "pack": found.pack,
        "where": found.where,
        "what": found.what,
        "evidence": found.evidence,
        "confidence": found.confidence,
        "urgency": found.urgency.name.lower(),
        "procedure": found.procedure,
        "manual_code": found.manual_code,
        "for_s": None if found.since_s is None else round(max(now_s - found.since_s, 0.0), 1),
    }


def _pack(facts: PackFacts, stats: PackStats, state: PackState, now_s: float) -> Document:
    reading, identity = state.reading, state.identity
    loads = stats.recent
    middle = loads.share(loads.middle)
    shares = [loads.share(answer) for answer in loads.cells]
    count = facts.parameters.cell_count
    volts = reading.cell_voltages_v if reading is not None else ()
    leads = reading.wire_resistances_ohm if reading is not None else ()
    low, high = stats.regions[LOW], stats.regions[HIGH]
    known = max(stats.regions, key=lambda region: region.middle_percent.n)
    cells = []
    for n in range(count):
        share = shares[n] if n < len(shares) else None
        cells.append(
            {
                "cell": n + 1,
                "voltage_v": _at(volts, n),
                "lead_ohm": _at(leads, n),
                "more_ohm": None if share is None else round(share.ohm, 7),
                "more_sigma_ohm": None if share is None else round(share.sigma, 7),
                "nearly_empty_percent": _mean(low.cells, n),
                "nearly_full_percent": _mean(high.cells, n),
                "loses_percent_a_day": _loss(known.cells, n),
            }
        )
    return {
        "pack": facts.name,
        "phase": state.phase.value,
        "chemistry": facts.chemistry,
        "capacity_ah": facts.capacity_ah,
        "board": None if identity is None else identity.model,
        "firmware": None if identity is None else identity.firmware_version,
        "soc_percent": _rounded(state.soc_percent, 1),
        "soh_percent": _rounded(state.soh_percent, 1),
        "voltage_v": None if reading is None else _rounded(reading.voltage_v, 3),
        "current_a": None if reading is None else _rounded(reading.current_a, 2),
        "temperatures_c": [] if reading is None else list(reading.temperatures_c),
        "middle_cell_ohm": None if middle is None else round(middle.ohm, 7),
        "load_steps": round(loads.n),
        "counted_ah": round(stats.capacity.mean, 1) if stats.capacity.n >= 2.0 else None,
        "days": round((now_s - stats.origin_s) / 86_400.0, 2),
        "alarms": [alarm.text for alarm in state.alarms],
        "cells": cells,
        "rank": _rank_cells(cells),
    }


RANKED = (
    ("resistance", "more_ohm", True),
    ("charge nearly empty", "nearly_empty_percent", False),
    ("charge nearly full", "nearly_full_percent", False),
    ("loss a day", "loses_percent_a_day", True),
)
"""What cells are ranked by, and whether the highest value is the weakest."""


def _rank_cells(cells: Sequence[Document]) -> Document:
    """Return the cells' numbers by each quantity that is known, the weakest first."""
    ranks = {}
    for name, key, highest_first in RANKED:
        known = [(cell[key], cell["cell"]) for cell in cells if cell[key] is not None]
        if known:
            ranks[name] = [cell for _, cell in sorted(known, reverse=highest_first)]
    return ranks


def _loss(lines: Sequence[Line], n: int) -> float | None:
    """Return what a cell loses against the middle one in % a day; None before three days."""
    if n >= len(lines) or lines[n].spread_x < 0.8:
        return None
    fit = lines[n].fit()
    return None if fit is None else round(-fit.slope, 3)


def _mean(lines: Sequence[Line], n: int) -> float | None:
    return round(lines[n].mean, 2) if n < len(lines) and lines[n].n else None


def _at(values: Sequence[float | None], n: int) -> float | None:
    return values[n] if n < len(values) else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
