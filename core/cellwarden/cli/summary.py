"""What `config check` says about a good file: what was understood, defaults included."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import time
from typing import Any

from cellwarden.config.settings import OutputSettings, PackSettings, Settings
from cellwarden.engine import HeaterSettings

Row = tuple[str, str]

MODES = {
    "monitor": "monitor: nothing is written to a BMS",
    "control": "control: the engine may switch and set",
}


def rows(settings: Settings) -> list[Row]:
    """Return the summary for people, label and text."""
    controller = settings.controller
    return [
        ("file", f"{settings.source}: good"),
        ("bank", controller.name),
        ("mode", MODES[controller.mode]),
        ("poll", f"every {controller.poll_interval_s:g} s"),
        ("pack lost", f"after {controller.effective_max_age_s:g} s, {controller.on_pack_lost}"),
        ("bank gone", f"after {controller.gone_after_s:g} s"),
        *(row for pack in settings.packs for row in _pack_rows(pack)),
        *(_output_row(output) for output in settings.outputs),
        *((f"output {name}", "not enabled") for name in _disabled(settings)),
        *(("warning", line) for line in settings.warnings),
    ]


def document(settings: Settings) -> dict[str, Any]:
    """Return the summary for programs."""
    return {
        "ok": True,
        "file": settings.source,
        "problems": [],
        "warnings": list(settings.warnings),
        "controller": asdict(settings.controller)
        | {"max_age_s": settings.controller.effective_max_age_s},
        "packs": [_pack_document(pack) for pack in settings.packs],
        "outputs": [
            {
                "name": output.name,
                "plugin": output.output.name,
                "control": output.output.control,
                "options": asdict(output.options),
            }
            for output in settings.outputs
        ],
        "disabled_outputs": list(_disabled(settings)),
    }


def _pack_document(pack: PackSettings) -> dict[str, Any]:
    p = pack.parameters
    return {
        "name": pack.name,
        "driver": pack.driver.name,
        "options": asdict(pack.driver_options),
        "chemistry": pack.chemistry,
        "model": None if pack.board is None else pack.board.name,
        "cells": p.cell_count,
        "capacity_ah": p.design_capacity_ah,
        "cvl_v": _pack_volts(pack, p.charge_voltage_v),
        "dvl_v": _pack_volts(pack, p.discharge_voltage_v),
        "parameters": asdict(p),
        "heater": None if pack.heater is None else _heater_document(pack.heater),
        "relay": None
        if pack.relay is None
        else {
            "name": pack.relay.name,
            "kind": pack.relay.kind.name,
            "options": asdict(pack.relay.options),
        },
    }


def _pack_rows(pack: PackSettings) -> Iterator[Row]:
    p = pack.parameters
    port = getattr(pack.driver_options, "port", None)
    charge_v = _pack_volts(pack, p.charge_voltage_v)
    discharge_v = _pack_volts(pack, p.discharge_voltage_v)
    over, under = p.cell_overvoltage_v, p.cell_undervoltage_v
    over_back, under_back = p.cell_overvoltage_recovery_v, p.cell_undervoltage_recovery_v
    yield f"pack {pack.name}", f"{pack.driver.name}{f' on {port}' if port else ''}"
    yield "  cells", f"{p.cell_count} {pack.chemistry} in series, {p.design_capacity_ah:g} Ah"
    yield "  charge", f"to {charge_v:g} V (CVL), at most {p.charge_current_max_a:g} A"
    yield "  discharge", f"to {discharge_v:g} V (DVL), at most {p.discharge_current_max_a:g} A"
    yield "  cell too high", f"above {over:g} V, good again at {over_back:g} V"
    yield "  cell too low", f"below {under:g} V, good again at {under_back:g} V"
    yield (
        "  may charge",
        f"from {p.charge_undertemperature_c:g} to {p.charge_overtemperature_c:g} °C",
    )
    yield "  may discharge", _discharge_temperatures(pack)
    if pack.heater is not None:
        yield "  heater", _heater_text(pack, pack.heater)


def _heater_document(heater: HeaterSettings) -> dict[str, Any]:
    return {
        name: value.isoformat("minutes") if isinstance(value, time) else value
        for name, value in asdict(heater).items()
    }


def _heater_text(pack: PackSettings, heater: HeaterSettings) -> str:
    by = "the BMS" if pack.relay is None else f"relay {pack.relay.name} ({pack.relay.kind.name})"
    if heater.film_ohm is None:
        return f"{heater.mains_w:g} W from the mains, by {by}"
    most_v = pack.parameters.cell_count * pack.parameters.cell_overvoltage_v
    return f"film of {heater.film_ohm:g} ohm, up to {heater.power_w(most_v):.0f} W, by {by}"


def _discharge_temperatures(pack: PackSettings) -> str:
    low_c = pack.parameters.discharge_undertemperature_c
    high_c = pack.parameters.discharge_overtemperature_c
    return f"up to {high_c:g} °C" if low_c is None else f"from {low_c:g} to {high_c:g} °C"


def _output_row(output: OutputSettings) -> Row:
    return f"output {output.name}", f"{output.output.name}: {output.output.summary}"


def _disabled(settings: Settings) -> Iterator[str]:
    for table in settings.raw.get("output", ()):
        if table.get("enabled") is False:
            yield table.get("name", table["plugin"])


def _pack_volts(pack: PackSettings, cell_v: float) -> float:
    return round(cell_v * pack.parameters.cell_count, 2)
