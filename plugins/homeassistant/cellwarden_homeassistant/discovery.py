"""The discovery document of one device. Pure, and the same bytes each time for the same device.

One retained message describes a device with all its entities. Home Assistant refuses the whole of
it for an unknown key at the root, a missing origin or a component without `unique_id`.
"""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from cellwarden import __version__
from cellwarden_homeassistant.entity import Entity
from cellwarden_homeassistant.naming import Device
from cellwarden_homeassistant.state_payload import clean_text

NOTHING: Mapping[str, str] = MappingProxyType({})
EXPIRING = ("sensor", "binary_sensor")
"""The platforms that know `expire_after`."""
COMMAND_EXPIRES_S = 10
"""A command that waited longer in the broker is dropped there (MQTT 5): its moment has passed."""


def encode(
    device: Device,
    entities: Iterable[Entity],
    *,
    removed: Mapping[str, str] = NOTHING,
    expire_after_s: int,
) -> bytes:
    """Return the discovery payload.

    `removed` names components that Home Assistant knows and is to forget, with their platforms:
    leaving them out would not remove them. `expire_after_s` is the second net for a program that
    hangs with its connection open.
    """
    components: dict[str, Any] = {
        entity.key: _component(device, entity, expire_after_s) for entity in entities
    }
    components |= {key: {"p": platform} for key, platform in removed.items()}
    document: dict[str, Any] = {
        "dev": _device(device),
        "o": {"name": "Cellwarden", "sw": __version__},
        "stat_t": device.state_topic,
        "avty": [{"t": topic} for topic in device.availability_topics],
        "avty_mode": "all",
        "cmps": components,
    }
    return json.dumps(
        document, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


def entity_id(device: Device, entity: Entity) -> str:
    """Return the id that Home Assistant is asked to give an entity; its user may change it."""
    return f"{entity.platform}.{device.entity_prefix}_{entity.key}"


def _device(device: Device) -> dict[str, Any]:
    fields = {
        "name": device.name,
        "mf": device.manufacturer,
        "mdl": device.model,
        "sn": device.serial_number,
        "hw": device.hardware_version,
        "sw": device.firmware_version,
        "via_device": device.via,
    }
    cleaned = {key: clean_text(value) for key, value in fields.items() if value is not None}
    return {"ids": [device.id], **{key: value for key, value in cleaned.items() if value}}


def _component(device: Device, entity: Entity, expire_after_s: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "p": entity.platform,
        "uniq_id": f"{device.id}_{entity.key}",
        "def_ent_id": entity_id(device, entity),
        "name": entity.name,
        "dev_cla": entity.device_class,
        "ent_cat": entity.category,
        "ic": entity.icon,
    }
    if entity.has_state:
        fields["val_tpl"] = f"{{{{ value_json.{entity.key} }}}}"
    if entity.platform in EXPIRING:
        fields["exp_aft"] = expire_after_s
    if entity.attribute is not None:
        name, key = entity.attribute
        fields["json_attr_t"] = device.state_topic
        fields["json_attr_tpl"] = f"{{{{ {{'{name}': value_json.{key}}} | tojson }}}}"
    fields |= _by_platform(device, entity)
    if entity.command is not None:
        fields["cmd_t"] = f"{device.command_topic}/{entity.key}"
        fields["qos"] = 1
        fields["msg_exp_int"] = COMMAND_EXPIRES_S
    if not entity.enabled:
        fields["en"] = False
    if not entity.needs_data and len(device.availability_topics) > 1:
        # Replaces the shared list: what the controller says does not depend on a BMS.
        fields["avty"] = [{"t": device.availability_topics[0]}]
    return {key: value for key, value in fields.items() if value is not None}


def _by_platform(device: Device, entity: Entity) -> dict[str, Any]:
    match entity.platform:
        case "sensor":
            return {
                "unit_of_meas": entity.unit,
                "stat_cla": entity.state_class,
                "sug_dsp_prc": entity.precision,
                "ops": list(entity.options) or None,
            }
        case "number":
            return {
                "unit_of_meas": entity.unit,
                "min": entity.minimum,
                "max": entity.maximum,
                "step": entity.step,
                "mode": "box",
            }
        case "select":
            return {"ops": list(entity.options)}
        case "event":
            return {"stat_t": device.event_topic, "evt_typ": list(entity.options)}
    return {}
