"""One pack as SunSpec shows it: a string of one module, in models 803, 804 and 805. Pure."""

from collections.abc import Iterable
from statistics import fmean

from cellwarden.model import PackState
from cellwarden_modbus.sunspec_events import event_word
from cellwarden_modbus.sunspec_model import Values

CONNECT = 1
BALANCING = 1
"""Bit of `CellSt`."""
ENABLED, CONTACTOR = 1, 2
"""Bits of `StrSt` and `St`."""


def string(pack: PackState, sign: float) -> Values:
    """Return a pack as model 803 repeats it."""
    values = _of_pack(pack, sign)
    return {f"Str{name}": value for name, value in values.items() if name not in ("St", "NMod")} | {
        "StrNMod": 1,
        "StrSt": values["St"],
        "StrSetEna": CONNECT,
        "StrSetCon": CONNECT,
        "StrEvtVnd1": 0,
        "StrEvtVnd2": 0,
        "StrEvt2": 0,
    }


def string_alone(number: int, pack: PackState, sign: float) -> Values:
    """Return a pack as model 804 shows it."""
    reading = pack.reading
    return _of_pack(pack, sign) | {
        "Idx": number,
        "NMod": 1,
        "NCellBal": balancing(pack),
        "DoD": depth(pack.soc_percent),
        "NCyc": reading.cycles if reading else None,
        "V": reading.voltage_v if reading else None,
        "Evt2": 0,
        "EvtVnd1": 0,
        "EvtVnd2": 0,
        "SetEna": CONNECT,
        "SetCon": CONNECT,
    }


def _of_pack(pack: PackState, sign: float) -> Values:
    """Return what models 803 and 804 both have of a pack, by the names of 804."""
    high, low = pack.cell_max, pack.cell_min
    warm, cold = pack.temperature_max, pack.temperature_min
    return {
        "St": ENABLED | (CONTACTOR if connected(pack) else 0),
        "SoC": pack.soc_percent,
        "SoH": pack.soh_percent,
        "A": times(pack.reading.current_a if pack.reading else None, sign),
        "CellVMax": high.voltage_v if high else None,
        "CellVMaxMod": 1 if high else None,
        "CellVMin": low.voltage_v if low else None,
        "CellVMinMod": 1 if low else None,
        "CellVAvg": mean(voltages(pack)),
        "ModTmpMax": warm.temperature_c if warm else None,
        "ModTmpMaxMod": 1 if warm else None,
        "ModTmpMin": cold.temperature_c if cold else None,
        "ModTmpMinMod": 1 if cold else None,
        "ModTmpAvg": mean(temperatures(pack)),
        "Evt1": event_word(pack.alarms, lost=pack.reading is None),
    }


def module_summary(pack: PackState, cells: int) -> Values:
    """Return the module of a pack as model 804 repeats it."""
    high, low = pack.cell_max, pack.cell_min
    warm, cold = pack.temperature_max, pack.temperature_min
    return {
        "ModNCell": cells,
        "ModSoC": pack.soc_percent,
        "ModSoH": pack.soh_percent,
        "ModCellVMax": high.voltage_v if high else None,
        "ModCellVMaxCell": high.cell if high else None,
        "ModCellVMin": low.voltage_v if low else None,
        "ModCellVMinCell": low.cell if low else None,
        "ModCellVAvg": mean(voltages(pack)),
        "ModCellTmpMax": warm.temperature_c if warm else None,
        "ModCellTmpMin": cold.temperature_c if cold else None,
        "ModCellTmpAvg": mean(temperatures(pack)),
    }


def module(number: int, pack: PackState, cells: int) -> Values:
    """Return a pack as model 805 shows it."""
    reading, identity = pack.reading, pack.identity
    high, low = pack.cell_max, pack.cell_min
    warm, cold = pack.temperature_max, pack.temperature_min
    return {
        "StrIdx": number,
        "ModIdx": 1,
        "NCell": cells,
        "SoC": pack.soc_percent,
        "DoD": depth(pack.soc_percent),
        "SoH": pack.soh_percent,
        "NCyc": reading.cycles if reading else None,
        "V": reading.voltage_v if reading else None,
        "CellVMax": high.voltage_v if high else None,
        "CellVMaxCell": high.cell if high else None,
        "CellVMin": low.voltage_v if low else None,
        "CellVMinCell": low.cell if low else None,
        "CellVAvg": mean(voltages(pack)),
        "CellTmpMax": warm.temperature_c if warm else None,
        "CellTmpMin": cold.temperature_c if cold else None,
        "CellTmpAvg": mean(temperatures(pack)),
        "NCellBal": balancing(pack),
        "SN": identity.serial_number if identity else None,
    }


def cells_of(pack: PackState, cells: int) -> tuple[Values, ...]:
    """Return each cell; one for each that the layout has, whatever the pack tells today."""
    told = pack.reading.cell_voltages_v if pack.reading else ()
    resting = pack.reading is not None and pack.reading.balancing is False
    return tuple(
        {"CellV": told[n] if n < len(told) else None, "CellSt": 0 if resting else None}
        for n in range(cells)
    )


# -- single values ---------------------------------------------------------------------------


def connected(pack: PackState) -> bool:
    """Whether current can flow, as far as is known; a pack that does not answer is out."""
    reading = pack.reading
    return reading is not None and (
        reading.charge_fet_on is not False or reading.discharge_fet_on is not False
    )


def voltages(pack: PackState) -> list[float]:
    """Return the cell voltages that are known."""
    told = pack.reading.cell_voltages_v if pack.reading else ()
    return [voltage_v for voltage_v in told if voltage_v is not None]


def temperatures(pack: PackState) -> list[float]:
    """Return the battery temperatures that are known."""
    told = pack.reading.temperatures_c if pack.reading else ()
    return [temperature_c for temperature_c in told if temperature_c is not None]


def balancing(pack: PackState) -> int | None:
    """Return 0 while the pack says that it does not balance; it never says how many cells it is."""
    return 0 if pack.reading is not None and pack.reading.balancing is False else None


def depth(soc_percent: float | None) -> float | None:
    """Return the depth of discharge."""
    return None if soc_percent is None else 100.0 - soc_percent


def times(value: float | None, by: float) -> float | None:
    """Return a product, None of None."""
    return None if value is None else value * by


def mean(values: Iterable[float]) -> float | None:
    """Return the mean, None of nothing."""
    known = list(values)
    return fmean(known) if known else None
