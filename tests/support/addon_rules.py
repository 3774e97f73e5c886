"""What Home Assistant's Supervisor takes of an add-on, written down apart from the add-on.

From its own checks of `config.yaml`, `build.yaml` and translations, and of options that a person
enters (2025-10). Every function returns a list of faults in words, empty when all is well.
"""

import re
from typing import Any

ELEMENT = re.compile(
    r"^(?:|bool|email|url|port"
    r"|device(?:\(subsystem=[a-z]+\))?"
    r"|(?:str|password|int)(?:\((?P<least>\d+)?,(?P<most>\d+)?\))?"
    r"|float(?:\((?P<low>[\d.]+)?,(?P<high>[\d.]+)?\))?"
    r"|match\(.*\)|list\((?P<list>.+)\))\??$"
)
REQUIRED = {"name": str, "version": str, "slug": str, "description": str, "arch": list}
KNOWN = {
    *REQUIRED, "url", "startup", "boot", "stage", "init", "services", "uart", "usb", "host_dbus",
    "host_network", "map", "options", "schema", "homeassistant", "privileged", "devices", "udev",
}  # fmt: skip
ARCHITECTURES = {"aarch64", "amd64"}
"""Those that Home Assistant still builds for: 32-bit ended with 2025.12."""
STARTUPS = {"initialize", "system", "services", "application", "once"}
STAGES = {"stable", "experimental", "deprecated"}
FOLDERS = re.compile(
    r"^(data|ssl|addons|backup|share|media|homeassistant_config|all_addon_configs|addon_config)"
    r"(:(rw|ro))?$"
)
SERVICE = re.compile(r"^(mqtt|mysql):(provide|want|need)$")
IMAGE = re.compile(r"^([a-zA-Z\-.:\d{}]+/)*?([\-\w{}]+)/([\-\w{}]+)(:[.\-\w{}]+)?$")


def config_faults(config: dict[str, Any]) -> list[str]:
    """Return what is wrong with `config.yaml`."""
    faults = [
        f"{key} is missing"
        for key, kind in REQUIRED.items()
        if not isinstance(config.get(key), kind)
    ]
    faults += [f"{key} is not known" for key in config.keys() - KNOWN]
    if not re.fullmatch(r"[-_.A-Za-z0-9]+", config.get("slug", "")):
        faults.append("slug")
    faults += [f"arch {arch}" for arch in set(config.get("arch", [])) - ARCHITECTURES]
    if config.get("startup", "application") not in STARTUPS:
        faults.append("startup")
    if config.get("stage", "stable") not in STAGES:
        faults.append("stage")
    if config.get("boot", "auto") not in ("auto", "manual", "manual_only"):
        faults.append("boot")
    faults += [f"map {entry}" for entry in config.get("map", []) if not FOLDERS.match(entry)]
    faults += [f"service {s}" for s in config.get("services", []) if not SERVICE.match(s)]
    faults += _schema_faults(config.get("schema", {}), "schema", depth=0)
    return faults + options_faults(config.get("schema", {}), config.get("options", {}))


def _schema_faults(schema: Any, where: str, depth: int) -> list[str]:
    if isinstance(schema, str):
        return [] if ELEMENT.match(schema) else [f"{where}: type {schema}"]
    if isinstance(schema, list):
        if len(schema) != 1 or isinstance(schema[0], list):
            return [f"{where}: a list has one type, which is no list"]
        return _schema_faults(schema[0], where, depth)
    if depth > 1:  # what Supervisors before 2025 take as well
        return [f"{where}: too deep"]
    return [
        fault
        for key, item in schema.items()
        for fault in _schema_faults(item, f"{where}.{key}", depth + 1)
    ]


def options_faults(schema: Any, value: Any, where: str = "options") -> list[str]:
    """Return what the Supervisor would refuse of the options that a person entered."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return [f for item in value for f in options_faults(schema[0], item, where)]
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return [f"{where}: no dictionary"]
        faults = [f"{where}.{key}: would be dropped" for key in value.keys() - schema.keys()]
        for key in schema.keys() - value.keys():
            kind = schema[key][0] if isinstance(schema[key], list) else schema[key]
            if not (isinstance(kind, str) and kind.endswith("?")):
                faults.append(f"{where}.{key}: missing")
        for key in schema.keys() & value.keys():
            faults += options_faults(schema[key], value[key], f"{where}.{key}")
        return faults
    return [] if _fits(schema, value) else [f"{where}: {value!r} is no {schema}"]


def _fits(element: str, value: Any) -> bool:
    found = ELEMENT.match(element)
    assert found is not None
    if value is None:
        return False
    if found["list"]:
        return str(value) in found["list"].split("|")
    if element.startswith("bool"):
        return isinstance(value, bool)
    if element.startswith(("int", "float")):
        low, high = found["least"] or found["low"], found["most"] or found["high"]
        return float(low or "-inf") <= float(value) <= float(high or "inf")
    return True


def translation_faults(translations: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return which options have no name, and which names belong to no option."""
    return _named(translations.get("configuration", {}), schema, "configuration")


def _named(texts: dict[str, Any], schema: Any, where: str) -> list[str]:
    options = schema[0] if isinstance(schema, list) else schema
    if not isinstance(options, dict):
        return []
    faults = [f"{where}: {key} has no name" for key in options.keys() - texts.keys()]
    faults += [f"{where}: {key} is no option" for key in texts.keys() - options.keys()]
    for key in options.keys() & texts.keys():
        entry = texts[key]
        if not (isinstance(entry.get("name"), str) and entry.keys() <= NAMING):
            faults.append(f"{where}: {key}")
        if not isinstance(entry.get("description", ""), str):
            faults.append(f"{where}: description of {key}")
        faults += _named(entry.get("fields", {}), options[key], f"{where}.{key}")
    return faults


NAMING = {"name", "description", "fields"}


def build_faults(build: dict[str, Any], architectures: list[str]) -> list[str]:
    """Return what is wrong with `build.yaml`."""
    images = build.get("build_from", {})
    faults = [f"no image for {arch}" for arch in set(architectures) - images.keys()]
    faults += [f"image for {arch}" for arch in images.keys() - set(architectures)]
    return faults + [f"image {image}" for image in images.values() if not IMAGE.match(image)]


def dockerfile_faults(lines: list[str], files: set[str]) -> list[str]:
    """Return what is wrong with the Dockerfile beside these files; it is not built here."""
    steps = [line.split(maxsplit=1) for line in lines if line.strip() and line[0] not in "# "]
    words = [step[0] for step in steps]
    faults = [f"step {word}" for word in words if word not in DOCKER_STEPS]
    if steps[:2] != [["ARG", "BUILD_FROM"], ["FROM", "${BUILD_FROM}"]]:
        faults.append("the base image is the Supervisor's to choose: ARG BUILD_FROM, FROM it")
    after = steps[2:]
    if ["ARG", "BUILD_VERSION"] not in after:
        faults.append("ARG BUILD_VERSION must stand after FROM: before, it is not known there")
    copied = [rest.split()[0] for word, rest in steps if word == "COPY"]
    faults += [f"{name} is not there" for name in copied if name not in files]
    if words.count("CMD") != 1 or words[-1] != "CMD":
        faults.append("one CMD, at the end")
    return faults


DOCKER_STEPS = {"ARG", "FROM", "RUN", "COPY", "CMD", "LABEL", "ENV", "SHELL", "WORKDIR"}
