"""What Home Assistant 2026.11 accepts of an MQTT device payload, apart from the plugin itself.

Every function returns a list of faults in words, empty when all is well.
"""

import json
import math
import re
from datetime import datetime
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
    "platform", "unique_id", "default_entity_id", "name", "device_class", "entity_category", "icon",
    "enabled_by_default", "qos", "json_attributes_topic", "json_attributes_template",
} | AVAILABILITY  # fmt: skip
READS = {"value_template", "state_topic"}
COMMANDS = {"command_topic", "command_template", "optimistic", "retain", "message_expiry_interval"}
ONLY = {
    "sensor": READS | {
        "unit_of_measurement", "state_class", "suggested_display_precision", "options",
        "expire_after",
    },
    "binary_sensor": READS | {"payload_on", "payload_off", "expire_after"},
    "switch": READS | COMMANDS | {"payload_on", "payload_off", "state_on", "state_off"},
    "number": READS | COMMANDS | {"unit_of_measurement", "min", "max", "step", "mode"},
    "select": READS | COMMANDS | {"options"},
    "button": (COMMANDS - {"optimistic"}) | {"payload_press"},
    "event": READS | {"event_types"},
}  # fmt: skip
CONTROLS = {"switch", "number", "select", "button"}
WITH_STATE = {"sensor", "binary_sensor", "switch", "number", "select"}

LONG = {
    "dev": "device", "o": "origin", "cmps": "components", "cdevs": "child_devices",
    "stat_t": "state_topic", "avty": "availability", "avty_t": "availability_topic",
    "avty_mode": "availability_mode", "ids": "identifiers", "mf": "manufacturer", "mdl": "model",
    "sn": "serial_number", "hw": "hw_version", "sw": "sw_version", "p": "platform",
    "uniq_id": "unique_id", "def_ent_id": "default_entity_id", "val_tpl": "value_template",
    "exp_aft": "expire_after", "dev_cla": "device_class", "ent_cat": "entity_category",
    "ic": "icon", "en": "enabled_by_default", "unit_of_meas": "unit_of_measurement",
    "stat_cla": "state_class", "sug_dsp_prc": "suggested_display_precision", "ops": "options",
    "t": "topic", "cmd_t": "command_topic", "json_attr_t": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template", "msg_exp_int": "message_expiry_interval",
    "evt_typ": "event_types",
}  # fmt: skip

SENSOR_CLASSES: dict[str, tuple[set[str | None], set[str | None]]] = {
    # device class: units, state classes that go with it
    "battery": ({"%"}, {"measurement", None}),
    "voltage": ({"V", "mV"}, {"measurement", None}),
    "current": ({"A", "mA"}, {"measurement", None}),
    "power": ({"W", "kW"}, {"measurement", None}),
    "temperature": ({"°C"}, {"measurement", None}),
    "duration": ({"d", "h", "min", "s", "ms"}, {"measurement", "total_increasing", None}),
    "energy": ({"Wh", "kWh"}, {"total", "total_increasing"}),
    "energy_storage": ({"Wh", "kWh"}, {"measurement", None}),
    "enum": ({None}, {None}),
    "timestamp": ({None}, {None}),
}
BINARY_CLASSES = {"problem", "battery_charging", "power", "running", "connectivity"}
NUMBER_CLASSES = {"voltage", "current", "power", "temperature", "duration"}
BUTTON_CLASSES = {"identify", "restart", "update"}
SPANS: dict[str | None, tuple[float, float]] = {
    "%": (0, 100), "V": (0, 2000), "mV": (0, 10_000), "A": (-10_000, 10_000), "W": (-1e7, 1e7),
    "Ah": (0, 1e8), "kWh": (0, 1e7), "°C": (-100, 300), "mΩ": (0, 1e6), "Ω": (0, 1e6),
    "mA": (-10_000, 10_000),
        "s": (0, 1e9), "min": (0, 1e6), "h": (0, 1e6), "d": (0, 1e5), None: (-1e9, 1e9),
}  # fmt: skip
"""What a number of a unit can be at a battery; anything else is a fault that must not be shown."""
FREE_UNITS = {None, "%", "Ah", "mΩ", "Ω", "kWh"}
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
    if component.keys() == {"platform"}:  # Home Assistant is told to forget it
        return []
    faults = [f"key {key}" for key in component.keys() - COMPONENT - ONLY[platform]]
    faults += [f"{key} is null" for key, value in component.items() if value is None]
    faults += _naming_faults(component, root)
    if platform in WITH_STATE:
        faults += _reading_faults(component, root)
    if platform in CONTROLS:
        faults += _control_faults(component)
    faults += _availability_faults("own", component)
    check = CHECKS.get(platform)
    return faults + (check(component) if check else [])


def _reading_faults(component: dict[str, Any], root: dict[str, Any]) -> list[str]:
    faults = []
    if "state_topic" not in component and "state_topic" not in root:
        faults.append("no state topic")
    if not re.fullmatch(r"\{\{ value_json\.\w+ \}\}", component.get("value_template", "")):
        faults.append("no value template")
    if ("json_attributes_template" in component) != ("json_attributes_topic" in component):
        faults.append("attributes need topic and template")
    return faults


def _naming_faults(component: dict[str, Any], root: dict[str, Any]) -> list[str]:
    platform = component["platform"]
    faults = [] if component.get("unique_id") else ["no unique_id"]
    if not re.fullmatch(rf"{platform}\.[a-z0-9_]+", component.get("default_entity_id", "")):
        faults.append(f"default_entity_id {component.get('default_entity_id')}")
    name = component.get("name") or ""
    if not name or name != name.strip() or root["device"].get("name", "?") in name:
        faults.append(f"name {name!r}")
    allowed = (None, "diagnostic", "config") if platform in CONTROLS else (None, "diagnostic")
    if component.get("entity_category") not in allowed:
        faults.append("entity_category")
    if "icon" in component and "device_class" in component:
        faults.append("an icon beside a device class")
    if not component.get("icon", "mdi:x").startswith("mdi:"):
        faults.append("icon")
    return faults


def _control_faults(component: dict[str, Any]) -> list[str]:
    faults = []
    topic = component.get("command_topic", "")
    if not topic or "+" in topic or "#" in topic:
        faults.append(f"command topic {topic!r}")
    if component.get("retain"):
        faults.append("a retained command runs again on every connection")
    if component.get("optimistic"):
        faults.append("shows what was wished")
    if component.get("qos") != 1:
        faults.append("a command may be lost")
    if not 1 <= component.get("message_expiry_interval", 0) <= 30:
        faults.append("an old command would be carried out")
    return faults


def _number_faults(component: dict[str, Any]) -> list[str]:
    faults = []
    if not component.get("min", 0) < component.get("max", 100):
        faults.append("min and max")
    if not component.get("step", 1) >= 0.001:
        faults.append("step")
    if component.get("mode") not in ("auto", "box", "slider", None):
        faults.append("mode")
    device_class = component.get("device_class")
    unit = component.get("unit_of_measurement")
    if device_class is None:
        faults += [] if unit in FREE_UNITS else [f"unit {unit} without its device class"]
    elif device_class not in NUMBER_CLASSES or unit not in SENSOR_CLASSES[device_class][0]:
        faults.append(f"unit {unit} for {device_class}")
    return faults


def _select_faults(component: dict[str, Any]) -> list[str]:
    options = component.get("options", [])
    return [] if options and len(set(options)) == len(options) else ["options"]


def _button_faults(component: dict[str, Any]) -> list[str]:
    device_class = component.get("device_class")
    return [] if device_class in (None, *BUTTON_CLASSES) else [f"device class {device_class}"]


def _event_faults(component: dict[str, Any]) -> list[str]:
    faults = [] if component.get("event_types") else ["no event types"]
    if "state_topic" not in component:
        faults.append("an event must not read the shared state")
    return faults


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
    number = unit is not None or state_class is not None
    if number and precision is None:
        faults.append("a number without precision")
    return faults


def _binary_faults(component: dict[str, Any]) -> list[str]:
    device_class = component.get("device_class")
    if device_class is not None and device_class not in BINARY_CLASSES:
        return [f"device class {device_class}"]
    return []


CHECKS = {
    "sensor": _sensor_faults,
    "binary_sensor": _binary_faults,
    "number": _number_faults,
    "select": _select_faults,
    "button": _button_faults,
    "event": _event_faults,
}


def state_faults(discovery: bytes, state: bytes) -> list[str]:
    """Return what an entity of this device could not read from this state."""
    components = long_names(parse(discovery))["components"]
    document = parse(state)
    faults = []
    for component in components.values():
        if component["platform"] not in WITH_STATE or component.keys() == {"platform"}:
            continue
        key = component["value_template"].removeprefix("{{ value_json.").removesuffix(" }}")
        if key not in document:
            faults.append(f"{key} is missing")
        elif not _readable(component, document[key]):
            faults.append(f"{key} is {document[key]!r}")
        attribute = re.search(r"value_json\.(\w+)\}", component.get("json_attributes_template", ""))
        if attribute and attribute[1] not in document:
            faults.append(f"{attribute[1]} is missing for an attribute of {key}")
    return faults


def _readable(component: dict[str, Any], value: Any) -> bool:
    if value is None:
        return True
    if component["platform"] in ("binary_sensor", "switch"):
        return value in ("ON", "OFF")
    if "options" in component:
        return value in component["options"]
    if component["platform"] == "number" or "suggested_display_precision" in component:
        low, high = SPANS[component.get("unit_of_measurement")]
        span = (component.get("min", low), component.get("max", high))
        return _is_number(value) and span[0] <= value <= span[1]
    if component.get("device_class") == "timestamp":
        return datetime.fromisoformat(value).tzinfo is not None
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
