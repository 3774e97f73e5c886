"""The tables of everything that can be asked for, and which of it is shown. Pure.

A control shows what was read back: the switch or setting that the device holds, the order that is
in effect. Nothing is optimistic. Whether it is shown at all the gate says.
"""

from functools import lru_cache, partial
from typing import Any, Protocol

from cellwarden.model import (
    CHEMISTRIES,
    PARAMETERS,
    BankState,
    ChargeMode,
    PackState,
    ParameterSpec,
    RequestKind,
    preset,
)
from cellwarden_homeassistant import getters as g
from cellwarden_homeassistant import insight_getters as i
from cellwarden_homeassistant import parameter_names
from cellwarden_homeassistant.common_entities import said
from cellwarden_homeassistant.entity import CONFIG, DIAGNOSTIC, Command, Entity, Value, field

IDENTIFY = "identify"
"""Key of the button that asks nobody for anything: the answer says which pack it was."""
MOST_AMPERES = 2000.0
"""Ours: twice what the largest bank of a house carries."""
EXPECTED_LASTS_S = 4 * 3600.0
"""Ours: so long a charge is possible once it is, where nobody says."""
SURPLUS_LASTS_S = 300.0
"""Ours: clouds come within minutes."""
SAME_SETTING = 0.0005
"""Two settings closer than this are the same: half of the finest step of a device."""
OUTCOMES = ("applied", "refused", "rolled back", "half done", "identified")
"""Every type that the request event can have."""


class Rights(Protocol):
    """The part of the gate that says what would be tried."""

    def refusal(self, kind: RequestKind, pack: str, who: str) -> str | None:
        """Return why a request would be refused, None if it would be tried."""

    def writable_parameters(self, pack: str) -> frozenset[str]:
        """Return what the pack's device can write."""


def _asks(kind: RequestKind, **more: Any) -> Command:
    return Command(kinds=(kind,), **more)


def _control(platform: str, key: str, name: str, get: Any, command: Command, **more: Any) -> Entity:
    return Entity(key=key, name=name, get=get, platform=platform, command=command, **more)


_switch: Any = partial(_control, "switch")
_number: Any = partial(_control, "number")
_select: Any = partial(_control, "select")


def _button(key: str, name: str, command: Command, **more: Any) -> Entity:
    return _control("button", key, name, _nothing, command, **more)


def _nothing(state: object) -> Value:
    del state
    return None  # a getter's answer: there is no value


def _setting(name: str) -> Any:
    def get(pack: PackState) -> Value:
        settings = None if pack.reading is None else pack.reading.settings
        return None if settings is None else settings.get(name)

    return get


def device_chemistry(pack: PackState) -> Value:
    """Return the chemistry whose preset the device holds; None where it holds another set."""
    settings = None if pack.reading is None else pack.reading.settings
    if not settings or pack.parameters is None:
        return None
    presets = _presets(pack.parameters.cell_count, pack.parameters.design_capacity_ah)
    for chemistry, wanted in presets.items():
        held = wanted.keys() & settings.keys()
        if held and all(abs(settings[name] - wanted[name]) < SAME_SETTING for name in held):
            return chemistry
    return None


@lru_cache(maxsize=64)
def _presets(cells: int, capacity_ah: float) -> dict[str, dict[str, float]]:
    """Return each chemistry's preset, as far as it tells the chemistries apart."""
    presets = {
        chemistry: preset(chemistry, cell_count=cells, design_capacity_ah=capacity_ah)
        for chemistry in CHEMISTRIES
    }
    names = [
        spec.name
        for spec in PARAMETERS
        if len({getattr(values, spec.name) for values in presets.values()}) > 1
    ]
    return {
        chemistry: {name: getattr(values, name) for name in names}
        for chemistry, values in presets.items()
    }


def _parameter(spec: ParameterSpec) -> Entity:
    step = parameter_names.step(spec)
    digits = {1.0: 0, 0.1: 1, 0.01: 2}.get(step, 3)
    return _number(  # type: ignore[no-any-return]  # a partial of a typed function
        f"set_{spec.name}",
        f"{parameter_names.title(spec)} setting",
        _setting(spec.name),
        _asks(RequestKind.PARAMETERS, parameter=spec.name),
        unit=parameter_names.UNITS.get(spec.unit, spec.unit) or None,
        device_class=parameter_names.DEVICE_CLASSES.get(spec.unit),
        icon=None if spec.unit in parameter_names.DEVICE_CLASSES else "mdi:tune",
        category=CONFIG,
        precision=digits,
        minimum=spec.minimum,
        maximum=spec.maximum,
        step=step,
        enabled=spec.name in parameter_names.EVERYDAY,
    )


# fmt: off
PACK_CONTROLS: tuple[Entity, ...] = (
    _switch("charge_switch", "Charge switch", g.read("charge_switch_on"),
            _asks(RequestKind.CHARGE_SWITCH), icon="mdi:battery-plus"),
    _switch("discharge_switch", "Discharge switch", g.read("discharge_switch_on"),
            _asks(RequestKind.DISCHARGE_SWITCH), icon="mdi:battery-minus"),
    _switch("balance_switch", "Balance switch", g.read("balance_switch_on"),
            _asks(RequestKind.BALANCE_SWITCH), icon="mdi:scale-balance", category=CONFIG),
    _switch("heating_switch", "Heating switch", g.read("heating_switch_on"),
            _asks(RequestKind.HEATING_SWITCH), icon="mdi:radiator", category=CONFIG),
    _switch("in_bank", "Part of the bank", i.taken_in, _asks(RequestKind.MEMBERSHIP), whole=True,
            icon="mdi:battery-sync-outline", category=CONFIG, needs_data=False),
    _select("preset", "Chemistry preset", device_chemistry, _asks(RequestKind.PRESET),
            options=tuple(CHEMISTRIES), icon="mdi:flask", category=CONFIG, enabled=False),
    *(_parameter(spec) for spec in PARAMETERS if spec.writable),
    _number("set_soc", "State of charge correction", field("soc_percent"),
            _asks(RequestKind.RESET_SOC), unit="%", precision=0, minimum=0, maximum=100, step=1,
            icon="mdi:battery-sync", category=CONFIG, enabled=False),
    _button("reset_soc", "Set state of charge to 100 %", _asks(RequestKind.RESET_SOC, press=100.0),
            icon="mdi:battery-check", category=CONFIG),
    _button("restart", "Restart BMS", _asks(RequestKind.RESTART), device_class="restart",
            category=CONFIG, enabled=False),
)

BANK_CONTROLS: tuple[Entity, ...] = (
    _number("charge_limit", "Charge current order", i.order("charge_current_a"),
            _asks(RequestKind.CHARGE_CURRENT_LIMIT, ends=True), unit="A", device_class="current",
            precision=1, minimum=0, maximum=MOST_AMPERES, step=0.1, needs_data=False),
    _number("discharge_limit", "Discharge current order", i.order("discharge_current_a"),
            _asks(RequestKind.DISCHARGE_CURRENT_LIMIT, ends=True), unit="A",
            device_class="current", precision=1, minimum=0, maximum=MOST_AMPERES, step=0.1,
            needs_data=False),
    _number("target_soc", "Target state of charge", i.order("target_soc_percent"),
            _asks(RequestKind.TARGET_SOC, ends=True), unit="%", precision=0, minimum=0,
            maximum=100, step=1, icon="mdi:battery-arrow-up", needs_data=False),
    _number("reserve_soc", "Reserve state of charge", i.order("reserve_soc_percent"),
            _asks(RequestKind.RESERVE_SOC, ends=True), unit="%", precision=0, minimum=0,
            maximum=100, step=1, icon="mdi:battery-lock", needs_data=False),
    _switch("charge_block", "Charging off", i.ordered("charge_block"),
            _asks(RequestKind.CHARGE_BLOCK, off=None, ends=True), icon="mdi:battery-off",
            needs_data=False),
    _switch("discharge_block", "Discharging off", i.ordered("discharge_block"),
            _asks(RequestKind.DISCHARGE_BLOCK, off=None, ends=True), icon="mdi:battery-off-outline",
            needs_data=False),
    _select("charge_mode", "Charge mode", i.charge_mode, _asks(RequestKind.CHARGE_MODE, ends=True),
            options=tuple(mode.value for mode in ChargeMode), icon="mdi:battery-charging",
            needs_data=False),
    _button("full_charge", "Start a full charge", _asks(RequestKind.FULL_CHARGE, press=True),
            icon="mdi:battery-charging-100", needs_data=False),
    _button("full_charge_end", "End the full charge", _asks(RequestKind.FULL_CHARGE, press=False),
            icon="mdi:battery-charging-80", needs_data=False),
    _number("charge_expected", "Charging expected in", i.charge_expected_min,
            _asks(RequestKind.CHARGE_EXPECTED, ends=True, lasts_s=EXPECTED_LASTS_S), unit="min",
            device_class="duration", precision=0, minimum=0, maximum=4320, step=1,
            needs_data=False, enabled=False),
    _number("surplus", "Surplus power for heaters", i.order("surplus_w"),
            _asks(RequestKind.SURPLUS, ends=True, lasts_s=SURPLUS_LASTS_S), unit="W",
            device_class="power", precision=0, minimum=0, maximum=100_000, step=1,
            needs_data=False, enabled=False),
    _button("reset_soc", "Set state of charge to 100 %", _asks(RequestKind.RESET_SOC, press=100.0),
            icon="mdi:battery-check", category=CONFIG),
    _button("withdraw_orders", "Withdraw all orders", Command(kinds=(
        RequestKind.CHARGE_CURRENT_LIMIT, RequestKind.DISCHARGE_CURRENT_LIMIT,
        RequestKind.TARGET_SOC, RequestKind.RESERVE_SOC, RequestKind.CHARGE_BLOCK,
        RequestKind.DISCHARGE_BLOCK, RequestKind.CHARGE_EXPECTED, RequestKind.SURPLUS,
    )), icon="mdi:clipboard-remove-outline", needs_data=False),
)

ALWAYS: tuple[Entity, ...] = (
    Entity(key="request", name="Request", platform="event", get=_nothing, options=OUTCOMES,
           category=DIAGNOSTIC, icon="mdi:message-alert-outline", needs_data=False),
    said("last_request", "Last request", lambda view: view.last_request or "none", whole=True,
         icon="mdi:message-text-clock-outline"),
)
"""What tells of requests, beside any control."""

IDENTIFIES = _button(IDENTIFY, "Identify", Command(kinds=()), device_class="identify",
                     category=DIAGNOSTIC)
# fmt: on


def offered(rights: Rights, pack: str, who: str) -> tuple[Entity, ...]:
    """Return the controls of a pack, or of the bank for an empty name, that would be tried."""
    table = PACK_CONTROLS if pack else BANK_CONTROLS
    wanted = {kind for entity in table for kind in _kinds(entity)}
    tried = {kind for kind in wanted if rights.refusal(kind, pack, who) is None}
    writable = rights.writable_parameters(pack) if RequestKind.PARAMETERS in tried else frozenset()
    shown = [entity for entity in table if _possible(entity, tried, writable)]
    if pack:
        shown.append(IDENTIFIES)
    return (*shown, *ALWAYS) if shown else ()


def _kinds(entity: Entity) -> tuple[RequestKind, ...]:
    return () if entity.command is None else entity.command.kinds


def _possible(entity: Entity, tried: set[RequestKind], writable: frozenset[str]) -> bool:
    command = entity.command
    if command is None or not set(command.kinds) <= tried:
        return False
    return not command.parameter or command.parameter in writable


def settled(bank: BankState) -> object:
    """Return what controls show: it must not wait for an interval when it changes."""
    readings = tuple(
        None
        if (reading := pack.reading) is None
        else (
            reading.charge_switch_on,
            reading.discharge_switch_on,
            reading.balance_switch_on,
            reading.heating_switch_on,
            reading.settings,
        )
        for pack in bank.packs
    )
    return (readings, bank.orders)
