"""The SunSpec device: a bank as models 1, 802, 803, 713, and 804 and 805 for each pack. Pure.

A pack is a string of one module. The layout (how many strings and cells, which scale factors) is
decided once, when the first pack has answered, because a client discovers it once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from cellwarden import __version__
from cellwarden.model import AlarmKind, BankState, PackState, Severity
from cellwarden_modbus.moment import Moment, Status
from cellwarden_modbus.sunspec_events import event_word
from cellwarden_modbus.sunspec_model import END, MARK, Model, Values
from cellwarden_modbus.sunspec_pack import (
    CONNECT,
    balancing,
    cells_of,
    connected,
    depth,
    mean,
    module,
    module_summary,
    string,
    string_alone,
    times,
    voltages,
)
from cellwarden_modbus.sunspec_tables import (
    BATTERY_BASE,
    COMMON,
    LITHIUM_BANK,
    LITHIUM_MODULE,
    LITHIUM_STRING,
    STORAGE,
)

BASE = 40_000
"""Where a client looks first for the mark."""

IDLE_A = 0.1
"""Below this current either way a battery neither charges nor discharges."""
FULL_PERCENT, EMPTY_PERCENT = 99.5, 0.5

LITHIUM_ION = 4
REMOTE = 0
INVERTER_STARTED = 3
NO_REQUEST, STOP = 0, 2


class ChaSt(IntEnum):
    """`ChaSt`: what the battery does."""

    EMPTY = 2
    DISCHARGING = 3
    CHARGING = 4
    FULL = 5
    HOLDING = 6


class State(IntEnum):
    """`State` of model 802."""

    DISCONNECTED = 1
    CONNECTED = 3
    STANDBY = 4
    SOC_PROTECTION = 5
    SUSPENDING = 6
    FAULT = 99


_TOO_EMPTY = frozenset(
    {
        AlarmKind.CELL_UNDERVOLTAGE,
        AlarmKind.PACK_UNDERVOLTAGE,
        AlarmKind.LOW_SOC,
        AlarmKind.SHUTDOWN,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What stays the same once a client has discovered the device."""

    cells: tuple[int, ...]
    """Of each pack, in the bank's order."""
    nominal_v: float
    """For ratings in Wh."""
    discharge_positive: bool = False
    """The sign of `A` and `W`, which the standard does not define."""

    @property
    def sign(self) -> float:
        """What a current or power, positive while charging, is multiplied by."""
        return -1.0 if self.discharge_positive else 1.0

    @property
    def words(self) -> int:
        """How many registers the device has, from the mark to the end marker."""
        models = [COMMON.length(), BATTERY_BASE.length(), STORAGE.length()]
        models.append(LITHIUM_BANK.length(len(self.cells)))
        for cells in self.cells:
            models += [LITHIUM_STRING.length(1), LITHIUM_MODULE.length(cells)]
        return len(MARK) + sum(length + 2 for length in models) + len(END)


def layout_of(
    state: BankState,
    *,
    discharge_positive: bool = False,
    nominal_v: float | None = None,
    before: Layout | None = None,
) -> Layout:
    """Return the layout for a state; what an earlier one knew stays, a pack only gains cells.

    A pack that never answered is taken to have as many cells as the others. Without a nominal
    voltage it is the middle of the first charge and discharge voltage limit.
    """
    heard = [len(p.reading.cell_voltages_v) if p.reading else 0 for p in state.packs]
    known = before.cells if before is not None else (0,) * len(heard)
    guess = max((*heard, *known), default=0)
    if nominal_v is None:
        nominal_v = before.nominal_v if before is not None else 0.0
    if not nominal_v and state.limits is not None:
        nominal_v = round((state.limits.cvl_v + state.limits.dvl_v) / 2, 1)
    return Layout(
        cells=tuple(max(now, then) or guess for now, then in zip(heard, known, strict=True)),
        nominal_v=nominal_v,
        discharge_positive=discharge_positive,
    )


Part = tuple[int, Callable[[Moment], list[int]]]
"""How many registers, and what makes them."""


def parts(layout: Layout, unit: int) -> list[Part]:
    """Return the device model by model, the mark first: who reads one pays for one."""
    found: list[Part] = [
        (len(MARK), lambda _: [*MARK]),
        (COMMON.length() + 2, lambda moment: COMMON.encode(_common(moment.state, unit))),
        (
            BATTERY_BASE.length() + 2,
            lambda moment: BATTERY_BASE.encode(
                _base(moment, layout) | _factors(moment.state, layout)[BATTERY_BASE.number]
            ),
        ),
        (
            LITHIUM_BANK.length(len(layout.cells)) + 2,
            lambda moment: LITHIUM_BANK.encode(
                _bank(moment.state, layout) | _factors(moment.state, layout)[LITHIUM_BANK.number],
                tuple(string(pack, layout.sign) for pack in moment.state.packs),
            ),
        ),
        (
            STORAGE.length() + 2,
            lambda moment: STORAGE.encode(
                _storage(moment, layout) | _factors(moment.state, layout)[STORAGE.number]
            ),
        ),
    ]
    for number, cells in enumerate(layout.cells, start=1):
        found += _pack_parts(layout, number, cells)
    return [*found, (len(END), lambda _: [*END])]


def _pack_parts(layout: Layout, number: int, cells: int) -> list[Part]:
    """Return models 804 and 805 of one pack."""

    def alone(moment: Moment) -> list[int]:
        pack = moment.state.packs[number - 1]
        return LITHIUM_STRING.encode(
            string_alone(number, pack, layout.sign)
            | _factors(moment.state, layout)[LITHIUM_STRING.number],
            (module_summary(pack, cells),),
        )

    def inside(moment: Moment) -> list[int]:
        pack = moment.state.packs[number - 1]
        return LITHIUM_MODULE.encode(
            module(number, pack, cells) | _factors(moment.state, layout)[LITHIUM_MODULE.number],
            cells_of(pack, cells),
        )

    return [(LITHIUM_STRING.length(1) + 2, alone), (LITHIUM_MODULE.length(cells) + 2, inside)]


def image(moment: Moment, layout: Layout, unit: int) -> list[int]:
    """Return every register of the device."""
    return [word for _, make in parts(layout, unit) for word in make(moment)]


def _factors(state: BankState, layout: Layout) -> dict[int, Values]:
    """Return the scale factors of each model, from what never changes while it runs."""
    energy_wh = (state.installed_ah or 0.0) * layout.nominal_v
    watts = 0 if energy_wh <= 30_000 else 1 if energy_wh <= 300_000 else 2  # 1 C must fit
    amps: Values = {"A_SF": -1 if (state.installed_ah or 0.0) <= 3000 else 0}
    cells: Values = {"CellV_SF": -3, "ModTmp_SF": -1}
    percent: Values = {"SoC_SF": -1, "SoH_SF": -1}
    return {
        BATTERY_BASE.number: {
            "AHRtg_SF": 0,
            "WHRtg_SF": watts,
            "WChaDisChaMax_SF": watts,
            "DoD_SF": -1,
            "V_SF": -2,
            "CellV_SF": -3,
            "AMax_SF": -1 if amps["A_SF"] == -1 else 0,
            "W_SF": watts,
        }
        | amps
        | percent,
        LITHIUM_BANK.number: {"V_SF": -2} | amps | cells | percent,
        STORAGE.number: {"WH_SF": watts, "Pct_SF": -1},
        LITHIUM_STRING.number: {"DoD_SF": -1, "V_SF": -2} | amps | cells | percent,
        LITHIUM_MODULE.number: {"DoD_SF": -1, "V_SF": -2, "CellV_SF": -3, "Tmp_SF": -1} | percent,
    }


def _common(state: BankState, unit: int) -> Values:
    identities = [pack.identity for pack in state.packs if pack.identity is not None]
    serials = {i.serial_number for i in identities if i.serial_number}
    return {
        "Mn": "Cellwarden",
        "Md": "Battery bank",
        "Opt": f"{len(state.packs)} packs",
        "Vr": __version__,
        # One serial number for ever: a bank's packs change, its name does not.
        "SN": serials.pop() if len(serials) == 1 and len(state.packs) == 1 else state.name,
        "DA": unit,
    }


def _base(moment: Moment, layout: Layout) -> Values:
    state = moment.state
    voltage_v, limits = state.voltage_v, state.limits
    sign = layout.sign
    ccl_a = limits.ccl_a if limits and state.charge_allowed else 0.0
    dcl_a = limits.dcl_a if limits and state.discharge_allowed else 0.0
    return {
        "AHRtg": state.installed_ah,
        "WHRtg": times(state.installed_ah, layout.nominal_v),
        "WChaRteMax": ccl_a * (voltage_v or 0.0),
        "WDisChaRteMax": dcl_a * (voltage_v or 0.0),
        "SoC": state.soc_percent,
        "DoD": depth(state.soc_percent),
        "SoH": state.soh_percent,
        "NCyc": state.cycles,
        "ChaSt": _charge_status(state.current_a, state.soc_percent),
        "LocRemCtl": REMOTE,
        "Hb": moment.heartbeat % 0xFFFF,
        "AlmRst": 0,
        "Typ": LITHIUM_ION,
        "State": _state(moment),
        "Evt1": event_word(state.alarms, lost=bool(state.lost) or voltage_v is None),
        "Evt2": 0,
        "EvtVnd1": 0,
        "EvtVnd2": 0,
        "V": voltage_v,
        "VMax": limits.cvl_v if limits else None,
        "VMin": limits.dvl_v if limits else None,
        "CellVMax": state.cell_max.voltage_v if state.cell_max else None,
        "CellVMaxStr": _number(state, state.cell_max.pack if state.cell_max else None),
        "CellVMaxMod": 1 if state.cell_max else None,
        "CellVMin": state.cell_min.voltage_v if state.cell_min else None,
        "CellVMinStr": _number(state, state.cell_min.pack if state.cell_min else None),
        "CellVMinMod": 1 if state.cell_min else None,
        "CellVAvg": mean(v for pack in state.packs for v in voltages(pack)),
        "A": times(state.current_a, sign),
        "AChaMax": ccl_a,
        "ADisChaMax": dcl_a,
        "W": times(state.power_w, sign),
        "ReqInvState": NO_REQUEST if state.charge_allowed or state.discharge_allowed else STOP,
        "SetOp": CONNECT,
        "SetInvState": INVERTER_STARTED,
    }


def _bank(state: BankState, layout: Layout) -> Values:
    warm, cold = state.temperature_max, state.temperature_min
    volts, amps = _told(state, "voltage_v"), _told(state, "current_a")
    sign = layout.sign
    most, least = (max(amps), min(amps)) if amps else ((None, None), (None, None))
    if layout.discharge_positive:
        most, least = least, most
    highest, lowest = (max(volts), min(volts)) if volts else ((None, None), (None, None))
    return {
        "NStr": len(state.packs),
        "NStrCon": sum(connected(pack) for pack in state.packs),
        "ModTmpMax": warm.temperature_c if warm else None,
        "ModTmpMaxStr": _number(state, warm.pack if warm else None),
        "ModTmpMaxMod": 1 if warm else None,
        "ModTmpMin": cold.temperature_c if cold else None,
        "ModTmpMinStr": _number(state, cold.pack if cold else None),
        "ModTmpMinMod": 1 if cold else None,
        "ModTmpAvg": state.temperature_c,
        "StrVMax": highest[0],
        "StrVMaxStr": highest[1],
        "StrVMin": lowest[0],
        "StrVMinStr": lowest[1],
        "StrVAvg": mean(v for v, _ in volts),
        "StrAMax": times(most[0], sign),
        "StrAMaxStr": most[1],
        "StrAMin": times(least[0], sign),
        "StrAMinStr": least[1],
        "StrAAvg": times(mean(a for a, _ in amps), sign),
        "NCellBal": _sum_balancing(state.packs),
    }


def _storage(moment: Moment, layout: Layout) -> Values:
    state = moment.state
    worst = max((alarm.severity for alarm in state.alarms), default=0)
    healthy = moment.status is Status.LIVE
    return {
        "WHRtg": times(state.installed_ah, layout.nominal_v),
        "WHAvail": times(state.remaining_ah, layout.nominal_v),
        "SoC": state.soc_percent,
        "SoH": state.soh_percent,
        "Sta": min(int(worst), 2) if healthy else 2,
    }


# -- single values ---------------------------------------------------------------------------


def _charge_status(current_a: float | None, soc_percent: float | None) -> ChaSt | None:
    if current_a is None:
        return None
    if current_a < -IDLE_A:
        return ChaSt.DISCHARGING
    if current_a > IDLE_A:
        return ChaSt.CHARGING
    if soc_percent is not None and soc_percent >= FULL_PERCENT:
        return ChaSt.FULL
    if soc_percent is not None and soc_percent <= EMPTY_PERCENT:
        return ChaSt.EMPTY
    return ChaSt.HOLDING


def _state(moment: Moment) -> State:
    state = moment.state
    if moment.status is Status.STOPPING:
        return State.SUSPENDING
    if moment.status is not Status.LIVE:
        return State.FAULT
    trips = {alarm.kind for alarm in state.alarms if alarm.severity is Severity.PROTECTION}
    if not state.charge_allowed and not state.discharge_allowed:
        return State.FAULT if trips else State.STANDBY
    if not state.discharge_allowed and trips & _TOO_EMPTY:
        return State.SOC_PROTECTION
    return State.CONNECTED


def _number(state: BankState, name: str | None) -> int | None:
    """Return a pack's number from 1."""
    for number, pack in enumerate(state.packs, start=1):
        if pack.pack == name:
            return number
    return None


def _told(state: BankState, field: str) -> list[tuple[float, int]]:
    """Return (value, number from 1) of the packs whose reading has it."""
    found = []
    for number, pack in enumerate(state.packs, start=1):
        value = getattr(pack.reading, field) if pack.reading else None
        if value is not None:
            found.append((value, number))
    return found


def _sum_balancing(packs: Sequence[PackState]) -> int | None:
    return 0 if packs and all(balancing(pack) == 0 for pack in packs) else None


MODELS: tuple[Model, ...] = (COMMON, BATTERY_BASE, LITHIUM_BANK, STORAGE)
"""Those that stand once, in order; 804 and 805 follow for each pack."""
