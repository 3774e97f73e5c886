"""Runs in the Home Assistant add-on: its options become the configuration file, one to one."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellwarden.config.keys import PARAMETER_KEYS, Key
from cellwarden.config.values import toml
from cellwarden.errors import ConfigError
from cellwarden.host import Host
from cellwarden_homeassistant.addon_schema import HEATER_KEYS, HEATER_PREFIX, all_keys

OPTIONS = Path("/data/options.json")
FILE = Path("/data/cellwarden.toml")
FOLDERS = {"state_dir": "/data/state", "runtime_dir": "/run/cellwarden"}
SUPERVISOR = "http://supervisor"
TOKEN = "SUPERVISOR_TOKEN"  # noqa: S105  # the variable's name
USERNAME, PASSWORD = "CELLWARDEN_MQTT_USERNAME", "CELLWARDEN_MQTT_PASSWORD"  # names
TIMEOUT_S = 10.0

Table = dict[str, Any]


def configuration(options: Mapping[str, Any], host: Host, mqtt: Mapping[str, Any] | None) -> str:
    """Return the configuration file for the add-on's options.

    `mqtt` is what the Supervisor tells of its broker: it fills in for a homeassistant output, and
    for a relay at a broker, that names no host. ConfigError for options of the wrong shape; what
    they say is checked by `config check` like any file.
    """
    known = all_keys(host)
    unknown = sorted(options.keys() - known.keys())
    if unknown:
        raise ConfigError([f"options: there is no {name!r}" for name in unknown])
    lines = _lines("[controller]", FOLDERS | _table(options, "controller", known))
    lines += _lines("[bank]", _table(options, "bank", known))
    for pack in _tables(options, "packs", known):
        parameters = {key.name: pack.pop(key.name) for key in PARAMETER_KEYS if key.name in pack}
        heating = {
            key.name.removeprefix(HEATER_PREFIX): pack.pop(key.name)
            for key in HEATER_KEYS
            if key.name in pack
        }
        lines += _lines("[[pack]]", pack)
        for name, table in (("parameters", parameters), ("heating", heating)):
            if table:
                lines += _lines(f"[pack.{name}]", table)
    for profile in _tables(options, "cell_profiles", known):
        name = profile.pop("name", "")
        lines += _lines(f"[cell_profile.{toml(str(name))}]", profile)
    for relay in _tables(options, "relays", known):
        lines += _lines("[[relay]]", _with_broker(relay, mqtt))
    for output in _tables(options, "outputs", known):
        lines += _lines("[[output]]", _with_broker(output, mqtt))
    return "\n".join(lines) + "\n"


def _table(options: Mapping[str, Any], name: str, known: Mapping[str, Any]) -> Table:
    return _clean(options.get(name) or {}, name, known[name])


def _tables(options: Mapping[str, Any], name: str, known: Mapping[str, Any]) -> list[Table]:
    items = options.get(name) or []
    if not isinstance(items, list):
        raise ConfigError(f"options: {name} must be a list")
    return [_clean(item, f"{name}[{n}]", known[name]) for n, item in enumerate(items, start=1)]


def _clean(table: Any, where: str, known: Mapping[str, list[Key]]) -> Table:
    """Return what was entered; an option that was emptied counts as left out."""
    if not isinstance(table, dict):
        raise ConfigError(f"options: {where} must be a table")
    return {
        str(name): _typed(value, known.get(name, ()))
        for name, value in table.items()
        if value not in (None, "", [])
    }


def _typed(value: Any, keys: "list[Key] | tuple[()]") -> Any:
    """Return a value as its key wants it, where the Supervisor only had a wider type for it."""
    if isinstance(value, list):
        return [_typed(item, keys) for item in value]
    types = {key.type for key in keys}
    if isinstance(value, str) and str not in types:
        value = _number(value)
    if isinstance(value, str) and types & {int, float} and value.lstrip("-").isdigit():
        return int(value)  # a key that is a text for one plugin and a number for another
    if isinstance(value, float) and value.is_integer() and float not in types:
        return int(value)
    return value


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _lines(head: str, table: Mapping[str, Any]) -> list[str]:
    return [head, *(f"{name} = {toml(value)}" for name, value in table.items()), ""]


def _with_broker(table: Table, mqtt: Mapping[str, Any] | None) -> Table:
    """Return an output or a relay with the Supervisor's broker where it needs one."""
    if not needs_broker(table) or mqtt is None:
        return table
    broker: Table = {"host": str(mqtt["host"]), "port": int(mqtt["port"])}
    if mqtt.get("ssl"):
        broker["tls"] = True
    if mqtt.get("username"):
        broker |= {"username_env": USERNAME, "password_env": PASSWORD}
    return table | broker


def needs_broker(table: Mapping[str, Any]) -> bool:
    """Return whether an output or a relay is to use the broker that Home Assistant uses."""
    speaks_mqtt = table.get("plugin") == "homeassistant" or table.get("kind") == "mqtt"
    return speaks_mqtt and not table.get("host")


def broker_of_the_supervisor(url: str = SUPERVISOR) -> Mapping[str, Any]:
    """Ask the Supervisor for its broker. ConfigError, saying what to do, if it has none."""
    request = urllib.request.Request(  # noqa: S310  # a fixed http address inside the machine
        f"{url}/services/mqtt", headers={"Authorization": f"Bearer {os.environ.get(TOKEN, '')}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  # as above
            data = json.load(answer)["data"]
            return {**data, "host": str(data["host"]), "port": int(data["port"])}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ConfigError(
            f"the Supervisor names no MQTT broker ({error}): install the Mosquitto add-on, or give"
            " the homeassistant output its host, username and password_file"
        ) from error


def write(options_file: Path, file: Path, host: Host, supervisor: str = SUPERVISOR) -> None:
    """Write the configuration file for the options; put the broker's login into the environment."""
    try:
        options = json.loads(options_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{options_file} cannot be read: {error}") from error
    if not isinstance(options, dict):
        raise ConfigError(f"{options_file}: the options must be a table")
    found = [options.get("relays"), options.get("outputs")]
    tables = [table for tables in found if isinstance(tables, list) for table in tables]
    asks = any(isinstance(table, dict) and needs_broker(table) for table in tables)
    mqtt = broker_of_the_supervisor(supervisor) if asks else None
    text = configuration(options, host, mqtt)
    if mqtt is not None and mqtt.get("username"):
        os.environ[USERNAME] = str(mqtt["username"])
        os.environ[PASSWORD] = str(mqtt.get("password") or "")
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from error
