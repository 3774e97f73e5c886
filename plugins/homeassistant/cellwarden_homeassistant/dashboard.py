"""A dashboard for one bank, of the cards that Home Assistant brings along. Pure.

What not every BMS has, and controls that mode or rights may withhold, are in rows and cards that
Home Assistant hides while there is no such entity.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwarden_homeassistant.controls import BANK_CONTROLS, PACK_CONTROLS
from cellwarden_homeassistant.discovery import entity_id
from cellwarden_homeassistant.entities import BANK, BRIDGE
from cellwarden_homeassistant.entity import Entity
from cellwarden_homeassistant.naming import Device, Names
from cellwarden_homeassistant.pack_entities import pack_entities

Card = dict[str, Any]

DAY_H = 24
WITNESSES = ("charge_mode", "in_bank")
"""Controls of the bank and of a pack that are there with every order, and never unknown."""


@dataclass(frozen=True, slots=True)
class _Ids:
    """The entity ids of one device, by key."""

    device: Device
    entities: Mapping[str, Entity]

    def __getitem__(self, key: str) -> str:
        return entity_id(self.device, self.entities[key])

    def row(self, key: str) -> Any:
        """Return a row of an entities card, hidden while there is no such entity.

        Home Assistant takes an entity that is not there for unknown. What may be unknown and yet
        be wanted, an order that nobody has given or a button that nobody has pressed, hangs on
        another control, which has a state whenever both are there.
        """
        entity = self.entities[key]
        row = {"entity": self[key], "name": entity.name}
        if not (entity.optional or entity.command):
            return row
        # A setting of the device that was not read yet is not worth a row: it is its own witness.
        often_unknown = entity.platform in ("number", "button") and not (
            entity.command and entity.command.parameter
        )
        others = (witness for witness in WITNESSES if witness in self.entities)
        witness = next(others, key) if often_unknown else key
        return {
            "type": "conditional",
            "conditions": [
                {"entity": self[witness], "state_not": state}
                for state in ("unknown", "unavailable")
            ],
            "row": row,
        }


def dashboard(names: Names, packs: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Return a dashboard for packs given as (name, cells)."""
    bank = _ids(names.whole_bank(), (*BANK, *BANK_CONTROLS))
    bridge = _ids(names.bridge(""), BRIDGE)
    devices = [
        (name, _ids(names.pack("pack", name, None), (*pack_entities(n, 0, 0), *PACK_CONTROLS)), n)
        for name, n in packs
    ]
    return {
        "title": names.bank,
        "views": [
            _overview(names.bank, bank, bridge, [(name, ids) for name, ids, _ in devices]),
            *(_pack(name, ids, cells) for name, ids, cells in devices),
        ],
    }


def _ids(device: Device, entities: Iterable[Entity]) -> _Ids:
    return _Ids(device, {entity.key: entity for entity in entities})


def _overview(title: str, bank: _Ids, bridge: _Ids, packs: Sequence[tuple[str, _Ids]]) -> Card:
    now = [
        {"type": "gauge", "entity": bank["soc"], "name": "State of charge", "min": 0, "max": 100},
        *_tiles(bank, "power", "voltage", "current", "charging", "problem"),
        _entities("Now", bank, "charge_phase", "time_to_full", "time_to_empty", "energy_left",
                  "remaining_capacity", "temperature_min", "temperature_max"),
    ]  # fmt: skip
    why = [
        _entities("Limits", bank, "cvl", "cvl_reason", "ccl", "ccl_reason", "dcl", "dcl_reason"),
        _entities("What is wrong", bank, "alarms", "findings", "repair"),
        _entities("Controller", bridge, "phase", "packs_online", "lost_packs", "inverter_link",
                  "online_since"),
    ]  # fmt: skip
    orders = [
        _entities("Orders", bank, "charge_mode", "charge_limit", "discharge_limit", "target_soc",
                  "reserve_soc", "charge_block", "discharge_block", "full_charge",
                  "withdraw_orders", "orders", "orders_end"),
    ]  # fmt: skip
    past = [
        _history("Power", DAY_H, bank["power"]),
        _history("State of charge", 7 * DAY_H, bank["soc"]),
        {
            "type": "statistics-graph",
            "title": "Energy a day",
            "chart_type": "bar",
            "period": "day",
            "days_to_show": 14,
            "stat_types": ["change"],
            "entities": [bank["energy_charged"], bank["energy_discharged"]],
        },
    ]
    compared = [
        {
            "type": "glance",
            "title": name,
            "columns": 4,
            "entities": [
                {"entity": ids[key], "name": word}
                for key, word in (
                    ("soc", "SoC"),
                    ("current", "Current"),
                    ("cell_difference", "Difference"),
                    ("problem", "Problem"),
                )
            ],
        }
        for name, ids in packs
    ]
    sections = (now, why, orders, compared, past)
    return _view(title, "battery", "mdi:home-battery", sections)


def _pack(name: str, ids: _Ids, cells: int) -> Card:
    now = [
        *_tiles(ids, "soc", "power", "voltage", "current", "reachable", "problem"),
        _entities("Limits", ids, "ccl", "ccl_reason", "dcl", "dcl_reason", "standing",
                  "standing_reason"),
        _entities("What is wrong", ids, "alarms", "findings", "not_believed", "error_codes"),
    ]  # fmt: skip
    voltages = [
        {
            "type": "glance",
            "title": "Cells",
            "columns": 4,
            "show_icon": False,
            "entities": [
                {"entity": ids[f"cell_{n:02}_voltage"], "name": f"{n:02}"}
                for n in range(1, cells + 1)
            ],
        },
        _history("Lowest and highest cell", DAY_H, ids["cell_min_voltage"],
                 ids["cell_max_voltage"]),
        _history("Cell difference", DAY_H, ids["cell_difference"]),
    ]  # fmt: skip
    health = [
        _entities("Balancing and heating", ids, "balancing", "balance_cells", "balance_current",
                  "balance_reason", "balance_time", "heating", "heating_reason"),
        _entities("Health", ids, "soh", "full_capacity", "cycles", "full_charges", "since_full",
                  "trips", "energy_charged", "energy_discharged"),
        _history("Temperature", DAY_H, ids["temperature_min"], ids["temperature_max"]),
    ]  # fmt: skip
    controls = [
        _entities("Switches", ids, "charge_switch", "discharge_switch", "balance_switch",
                  "heating_switch", "in_bank", "reset_soc"),
        _entities("Settings", ids, "set_charge_voltage_v", "set_charge_current_max_a",
                  "set_discharge_current_max_a", "set_balance_start_v", "set_balance_trigger_v"),
    ]  # fmt: skip
    sections = (now, voltages, health, controls)
    return _view(name, ids.device.entity_prefix, "mdi:battery", sections)


def _view(title: str, path: str, icon: str, sections: Iterable[Sequence[Card]]) -> Card:
    return {
        "title": title,
        "path": path,
        "icon": icon,
        "type": "sections",
        "max_columns": 3,
        "sections": [{"type": "grid", "cards": list(cards)} for cards in sections if cards],
    }


def _tiles(ids: _Ids, *keys: str) -> list[Card]:
    return [{"type": "tile", "entity": ids[key], "name": ids.entities[key].name} for key in keys]


def _entities(title: str, ids: _Ids, *keys: str) -> Card:
    return {
        "type": "entities",
        "title": title,
        "show_header_toggle": False,
        "entities": [ids.row(key) for key in keys],
    }


def _history(title: str, hours: int, *entities: str) -> Card:
    shown = [{"entity": entity} for entity in entities]
    return {"type": "history-graph", "title": title, "hours_to_show": hours, "entities": shown}
