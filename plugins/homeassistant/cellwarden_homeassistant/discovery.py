"""The discovery document of one device. Pure, and the same bytes each time for the same device.

One retained message describes a device with all its entities. Home Assistant refuses the whole of
it for an unknown key at the root, a missing origin or a component without `unique_id`.
"""

import json
from collections.abc import Collection, Iterable
from typing import Any

from cellwarden import __version__
from cellwarden_homeassistant.entities import Entity
from cellwarden_homeassistant.naming import Device
from cellwarden_homeassistant.state_payload import clean_text


def encode(
    device: Device, entities: Iterable[Entity], known: Collection[str], *, expire_after_s: int
) -> bytes:
    """Return the discovery payload.

    `known` holds the keys of optional entities that have shown a value: the others are left out.
    `expire_after_s` is the second net for a program that hangs with its connection open.
    """
    document: dict[str, Any] = {
        "dev": _device(device),
        "o": {"name": "Cellwarden", "sw": __version__},
        "stat_t": device.state_topic,
        "avty": [{"t": topic} for topic in device.availability_topics],
        "avty_mode": "all",
        "cmps": {
            entity.key: _component(device, entity, expire_after_s)
            for entity in entities
            if not entity.optional or entity.key in known
        },
    }
    return json.dumps(
        document, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()


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
        "def_ent_id": f"{entity.platform}.{device.entity_prefix}_{entity.key}",
        "name": entity.name,
        "val_tpl": f"{{{{ value_json.{entity.key} }}}}",
        "exp_aft": expire_after_s,
        "dev_cla": entity.device_class,
        "unit_of_meas": entity.unit,
        "stat_cla": entity.state_class,
        "sug_dsp_prc": entity.precision,
        "ent_cat": entity.category,
        "ic": entity.icon,
    }
    if entity.options:
        fields["ops"] = list(entity.options)
    if not entity.enabled:
        fields["en"] = False
    if not entity.needs_data and len(device.availability_topics) > 1:
        # Replaces the shared list: what the controller says does not depend on a BMS.
        fields["avty"] = [{"t": device.availability_topics[0]}]
    return {key: value for key, value in fields.items() if value is not None}
