"""What Home Assistant 2026.11 accepts of an MQTT device payload, apart from the plugin itself.

Every function returns a list of faults in words, empty when all is well.
"""

import json
import re
from typing import Any

SHARED = {"state_topic", "command_topic", "qos", "encoding", "message_expiry_interval"}
AVAILABILITY = {
    "availability", "availability_topic", "availability_mode", "availability_template",
    "payload_available", "payload_not_available",
}  # fmt: skip
ROOT = {"device", "origin", "components", "child_devices"} | SHARED | AVAILABILITY
DEVICE = {
    "identifiers", "connections", "name", "manufacturer", "model", "model_id", "hw_version",
    "sw_version", "serial_number", "suggested_area", "configuration_url", "via_device",
}  # fmt: skip
ORIGIN = {"name", "sw_version", "support_url"}
COMPONENT = {
    "platform", "unique_id", "default_entity_id", "name", "value_template", "expire_after",
    "device_class", "entity_category", "icon", "enabled_by_default", "state_topic", "qos",
} | AVAILABILITY  # fmt: skip
ONLY = {
    "sensor": {
        "unit_of_measurement", "state_class", "suggested_display_precision", "options",
    },
    "binary_sensor": {"payload_on", "payload_off"},
}  # fmt: skip

LONG = {
    "dev": "device", "o": "origin", "cmps": "components", "cdevs": "child_devices",
    "stat_t": "state_topic", "avty": "availability", "avty_t": "availability_topic",
    "avty_mode": "availability_mode", "ids": "identifiers", "mf": "manufacturer", "mdl": "model",
    "sn": "serial_number", "hw": "hw_version", "sw": "sw_version", "p": "platform",
    "uniq_id": "unique_id", "def_ent_id": "default_entity_id", "val_tpl": "value_template",
    "exp_aft": "expire_after", "dev_cla": "device_class", "ent_cat": "entity_category",
    "ic": "icon", "en": "enabled_by_default", "unit_of_meas": "unit_of_measurement",
    "stat_cla": "state_class", "sug_dsp_prc": "suggested_display_precision", "ops": "options",
    "t": "topic",
}  # fmt: skip

SENSOR_CLASSES: dict[str, tuple[set[str | None], set[str | None]]] = {
    # device class: units, state classes that go with it
    "battery": ({"%"}, {"measurement", None}),
    "voltage": ({"V", "mV"}, {"measurement", None}),
    "current": ({"A", "mA"}, {"measurement", None}),
    "power": ({"W", "kW"}, {"measurement", None}),
    "temperature": ({"°C"}, {"measurement", None}),
    "duration": ({"d", "h", "min", "s", "ms"}, {"measurement", "total_increasing", None}),
    "enum": ({None}, {None}),
}
BINARY_CLASSES = {"problem", "battery_charging", "power", "running", "connectivity"}
FREE_UNITS = {None, "%", "Ah", "mΩ"}
"""Units that need no device class, and where there is none to name."""


def long_names(value: Any) -> Any:
    """Return a payload with every abbreviation written out; component ids are left alone."""
    if isinstance(value, list):
        return [long_names(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {LONG.get(key, key): item for key, item in value.items()}
    assert len(out) == len(value), "a key is there twice, long and short"
    return {
        key: {name: long_names(part) for name, part in item.items()}
        if key == "components"
        else long_names(item)
        for key, item in out.items()
    }


def parse(payload: bytes) -> Any:
    """Return strict JSON: no NaN, no Infinity, no key twice."""

    def refuse(word: str) -> Any:
        raise AssertionError(f"{word} is not JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), "a key is there twice"
        return dict(pairs)

    return json.loads(payload, parse_constant=refuse, object_pairs_hook=once)


def device_faults(topic: str, payload: bytes, prefix: str = "homeassistant") -> list[str]:
    """Return what Home Assistant would refuse or complain about in one device payload."""
    faults = []
    if not re.fullmatch(rf"{re.escape(prefix)}/device/[A-Za-z0-9_-]+/config", topic):
        faults.append(f"topic {topic}")
    config = long_names(parse(payload))
    faults += [f"root key {key}" for key in config.keys() - ROOT]
    if not config.get("origin", {}).get("name"):
        faults.append("origin without a name")
    faults += [f"origin key {key}" for key in config.get("origin", {}).keys() - ORIGIN]
    device = config.get("device", {})
    faults += [f"device key {key}" for key in device.keys() - DEVICE]
    if not (device.get("identifiers") or device.get("connections")):
        faults.append("device without identifiers")
    faults += _availability_faults("root", config)
    components = config.get("components", {})
    if not components:
        faults.append("no components")
    for key, component in components.items():
        faults += [f"{key}: {fault}" for fault in _component_faults(component, config)]
    classes = [c.get("device_class") for c in components.values() if c["platform"] == "sensor"]
    if classes.count("battery") > 1:
        faults.append("more than one battery")
    names = [component.get("name") for component in components.values()]
    faults += [f"name {name!r} twice" for name in set(names) if names.count(name) > 1]
    return faults


def _availability_faults(where: str, config: dict[str, Any]) -> list[str]:
    faults = []
    if "availability" in config and "availability_topic" in config:
        faults.append(f"{where}: both ways of availability")
    if not all("topic" in entry for entry in config.get("availability", [])):
        faults.append(f"{where}: availability without a topic")
    if config.get("availability_mode", "latest") not in ("all", "any", "latest"):
        faults.append(f"{where}: availability mode")
    if len(config.get("availability", [])) > 1 and config.get("availability_mode") != "all":
        faults.append(f"{where}: several availability topics need the mode all")
    return faults


def _component_faults(component: dict[str, Any], root: dict[str, Any]) -> list[str]:
    platform = component.get("platform")
    if platform not in ONLY:
        return [f"platform {platform}"]
    faults = [f"key {key}" for key in component.keys() - COMPONENT - ONLY[platform]]
    faults += [f"{key} is null" for key, value in component.items() if value is None]
    if not component.get("unique_id"):
        faults.append("no unique_id")
    if "state_topic" not in component and "state_topic" not in root:
        faults.append("no state topic")
    if not re.fullmatch(r"\{\{ value_json\.\w+ \}\}", component.get("value_template", "")):
        faults.append("no value template")
    if not re.fullmatch(rf"{platform}\.[a-z0-9_]+", component.get("default_entity_id", "")):
        faults.append(f"default_entity_id {component.get('default_entity_id')}")
    name = component.get("name") or ""
    if not name or name != name.strip() or root["device"].get("name", "?") in name:
        faults.append(f"name {name!r}")
    if component.get("entity_category") not in (None, "diagnostic"):
        faults.append("entity_category")
    if "icon" in component and "device_class" in component:
        faults.append("an icon beside a device class")
    if not component.get("icon", "mdi:x").startswith("mdi:"):
        faults.append("icon")
    faults += _availability_faults("own", component)
    check = _sensor_faults if platform == "sensor" else _binary_faults
    return faults + check(component)


def _sensor_faults(component: dict[str, Any]) -> list[str]:
    device_class = component.get("device_class")
    unit, state_class = component.get("unit_of_measurement"), component.get("state_class")
    if device_class is None:
        faults = [] if unit in FREE_UNITS else [f"unit {unit} without its device class"]
        if state_class not in (None, "measurement", "total", "total_increasing"):
            faults.append(f"state class {state_class}")
    elif device_class not in SENSOR_CLASSES:
        faults = [f"device class {device_class}"]
    else:
        units, states = SENSOR_CLASSES[device_class]
        faults = [] if unit in units else [f"unit {unit} for {device_class}"]
        if state_class not in states:
            faults.append(f"state class {state_class} for {device_class}")
    if (device_class == "enum") != bool(component.get("options")):
        faults.append("enum and options belong together")
    precision = component.get("suggested_display_precision")
    if (unit is not None or state_class is not None) and precision is None:
        faults.append("a number without precision")
    return faults


def _binary_faults(component: dict[str, Any]) -> list[str]:
    device_class = component.get("device_class")
    if device_class is not None and device_class not in BINARY_CLASSES:
        return [f"device class {device_class}"]
    return []


def state_faults(discovery: bytes, state: bytes) -> list[str]:
    """Return what an entity of this device could not read from this state."""
    components = long_names(parse(discovery))["components"]
    document = parse(state)
    faults = []
    for component in components.values():
        key = component["value_template"].removeprefix("{{ value_json.").removesuffix(" }}")
        if key not in document:
            faults.append(f"{key} is missing")
        elif not _readable(component, document[key]):
            faults.append(f"{key} is {document[key]!r}")
    return faults


def _readable(component: dict[str, Any], value: Any) -> bool:
    if value is None:
        return True
    if component["platform"] == "binary_sensor":
        return value in ("ON", "OFF")
    if "options" in component:
        return value in component["options"]
    if "suggested_display_precision" in component:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()
