"""The add-on: what the Supervisor takes, and options that become the configuration one to one.

No image is built here: that needs a container engine. The rules of its parts are checked.
"""

import json
import os
import stat
import struct
import threading
import tomllib
import zlib
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from cellwarden import __version__
from cellwarden.cli import main
from cellwarden.config.heating import HEATING_KEYS
from cellwarden.config.keys import OUTPUT_KEYS, PACK_KEYS, PARAMETER_KEYS, RELAY_KEYS, keys_of
from cellwarden.config.reader import _TABLES as TABLES
from cellwarden.config.reader import parse
from cellwarden.errors import ConfigError
from cellwarden.host import Host
from cellwarden_homeassistant import addon
from cellwarden_homeassistant.addon_schema import OWN_FOLDERS, all_keys
from support.addon_rules import (
    build_faults,
    config_faults,
    dockerfile_faults,
    options_faults,
    translation_faults,
)
from support.tools import REPOSITORY

FOLDER = REPOSITORY / "plugins" / "homeassistant" / "addon"
OPTIONS = {
    "controller": {"name": "Shed", "mode": "monitor"},
    "bank": {},
    "packs": [
        {
            "name": "left",
            "driver": "jk-rs485",
            "port": "/dev/ttyUSB0",
            "chemistry": "LiFePO4",
            "cells": 16,
            "capacity_ah": 280.0,
            "charge_current_max_a": 100.0,
            "serial_number": "",
        }
    ],
    "cell_profiles": [],
    "outputs": [{"plugin": "homeassistant"}],
}
BROKER = {"host": "core-mosquitto", "port": 1883, "ssl": False, "username": "u", "password": "s3"}


@pytest.fixture(scope="module")
def host():
    return Host()


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))


# -- what the Supervisor takes ---------------------------------------------------------------------


def test_the_supervisor_takes_its_description(config):
    assert config_faults(config) == []
    assert config["version"] == __version__


def test_the_rules_refuse_what_the_supervisor_refuses(config):
    assert "type" in config_faults(config | {"schema": {"a": "number"}})[0]
    assert config_faults(config | {"arch": ["z80"]}) == ["arch z80"]
    wrong = {**OPTIONS, "packs": [{"name": "left"}]}
    assert "options.packs.driver: missing" in options_faults(config["schema"], wrong)
    assert config_faults(config | {"schema": {"a": [{"b": {"c": {"d": "str"}}}]}, "options": {}})


def test_its_repository_is_found_by_home_assistant():
    repository = yaml.safe_load((REPOSITORY / "repository.yaml").read_text(encoding="utf-8"))
    assert isinstance(repository["name"], str)
    assert repository.keys() <= {"name", "url", "maintainer"}
    # Every config.yaml, config.yml or config.json below the root would be taken for an add-on.
    found = {
        path.relative_to(REPOSITORY).as_posix()
        for suffix in ("yaml", "yml", "json")
        for path in REPOSITORY.glob(f"**/config.{suffix}")
        if not {".venv", "build", "node_modules"} & set(path.parts)
    }
    assert found == {"plugins/homeassistant/addon/config.yaml"}


def test_every_option_has_a_name_and_an_explanation(config):
    texts = yaml.safe_load((FOLDER / "translations" / "en.yaml").read_text(encoding="utf-8"))
    assert translation_faults(texts, config["schema"]) == []


def test_there_is_a_base_image_for_each_architecture(config):
    build = yaml.safe_load((FOLDER / "build.yaml").read_text(encoding="utf-8"))
    assert build_faults(build, config["arch"]) == []


def test_the_dockerfile_follows_the_rules():
    files = {path.name for path in FOLDER.iterdir()}
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert dockerfile_faults(lines, files) == []
    assert "cellwarden[all]==${BUILD_VERSION}" in "\n".join(lines)


def test_the_script_runs_the_command_that_there_is():
    script = FOLDER / "run.sh"
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/with-contenv sh"
    assert script.stat().st_mode & stat.S_IXUSR
    assert lines[-1] == "exec cellwarden homeassistant addon"
    assert addon.FOLDERS["state_dir"] in lines[-2]
    assert addon.FOLDERS["runtime_dir"] in lines[-2]


@pytest.mark.parametrize(("name", "size"), [("icon.png", 128), ("logo.png", 250)])
def test_its_pictures_are_pictures(name, size):
    data = (FOLDER / name).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert (width, height, depth, colour) == (size, size, 8, 6)
    pixels = zlib.decompress(data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8])
    assert len(pixels) == size * (1 + 4 * size)


def test_it_has_a_page_for_the_store_and_one_of_documentation():
    for name in ("README.md", "DOCS.md", "CHANGELOG.md"):
        assert (FOLDER / name).read_text(encoding="utf-8").startswith("# ")


# -- options are the configuration -----------------------------------------------------------------


def test_every_key_of_the_configuration_is_an_option_and_no_other(config, host):
    schema = config["schema"]
    pack = {key.name for key in (*PACK_KEYS, *PARAMETER_KEYS)}
    pack |= {key.name for kind in host.drivers().values() for key in keys_of(kind.options)}
    pack |= {f"heating_{key.name}" for key in HEATING_KEYS}
    relay = {key.name for key in RELAY_KEYS}
    relay |= {key.name for kind in host.relays().values() for key in keys_of(kind.options)}
    output = {key.name for key in OUTPUT_KEYS}
    output |= {key.name for kind in host.outputs().values() for key in keys_of(kind.options)}
    assert schema["packs"][0].keys() == pack
    assert schema["relays"][0].keys() == relay
    assert schema["outputs"][0].keys() == output
    assert not set(OWN_FOLDERS) & schema["controller"].keys()


def test_every_table_of_the_file_is_an_option(config):
    # Lists are called by their plural; a cell profile's name stands in its entry.
    names = {name: f"{name}s" for name in ("pack", "cell_profile", "relay", "output")}
    assert config["schema"].keys() == {names.get(table, table) for table in TABLES}


def test_no_parameter_is_called_like_a_key_of_a_pack(host):
    parameters = {key.name for key in PARAMETER_KEYS}
    others = {key.name for key in PACK_KEYS}
    others |= {key.name for kind in host.drivers().values() for key in keys_of(kind.options)}
    assert not parameters & others


def test_the_options_become_the_file(host):
    text = addon.configuration(OPTIONS, host, BROKER)
    assert tomllib.loads(text) == {
        "controller": {
            "name": "Shed",
            "mode": "monitor",
            "state_dir": "/data/state",
            "runtime_dir": "/run/cellwarden",
        },
        "bank": {},
        "pack": [
            {
                "name": "left",
                "driver": "jk-rs485",
                "port": "/dev/ttyUSB0",
                "chemistry": "LiFePO4",
                "cells": 16,
                "capacity_ah": 280.0,
                "parameters": {"charge_current_max_a": 100.0},
            }
        ],
        "output": [
            {
                "plugin": "homeassistant",
                "host": "core-mosquitto",
                "port": 1883,
                "username_env": "CELLWARDEN_MQTT_USERNAME",
                "password_env": "CELLWARDEN_MQTT_PASSWORD",
            }
        ],
    }
    assert "s3" not in text


def test_the_default_options_are_a_good_configuration(config, host):
    settings = parse(addon.configuration(config["options"], host, BROKER), host)
    assert settings.controller.name == "Home"
    assert [pack.name for pack in settings.packs] == ["left"]
    assert settings.outputs[0].options.host == "core-mosquitto"


def test_a_broker_of_ones_own_is_left_alone(host):
    options = OPTIONS | {"outputs": [{"plugin": "homeassistant", "host": "192.0.2.7"}]}
    file = tomllib.loads(addon.configuration(options, host, BROKER))
    assert file["output"] == [{"plugin": "homeassistant", "host": "192.0.2.7"}]


def test_what_the_form_gave_as_text_becomes_what_its_key_wants(host):
    outputs = [{"plugin": "modbus", "port": "1502"}, {"plugin": "homeassistant", "protocol": "5"}]
    file = tomllib.loads(addon.configuration(OPTIONS | {"outputs": outputs}, host, BROKER))
    assert file["output"][0]["port"] == 1502
    assert file["output"][1]["protocol"] == "5"


def test_cells_by_their_data_sheets_have_their_names(host):
    profiles = [{"name": "my cell", "chemistry": "LiFePO4", "nominal_v": 3.2}]
    file = tomllib.loads(addon.configuration(OPTIONS | {"cell_profiles": profiles}, host, BROKER))
    assert file["cell_profile"] == {"my cell": {"chemistry": "LiFePO4", "nominal_v": 3.2}}


def test_a_heater_and_its_relay_have_their_tables_and_the_broker_of_home_assistant(host):
    heated = OPTIONS["packs"][0] | {"heating_film_ohm": 20, "heating_relay": "mat"}
    relay = {"name": "mat", "kind": "mqtt", "command_topic": "mat/set", "state_topic": "mat/state"}
    options = OPTIONS | {"packs": [heated], "relays": [relay]}
    text = addon.configuration(options, host, BROKER)
    assert tomllib.loads(text)["pack"][0]["heating"] == {"film_ohm": 20, "relay": "mat"}
    (pack,) = parse(text, host).packs
    assert pack.relay.options.host == "core-mosquitto"
    assert pack.relay.options.username_env == "CELLWARDEN_MQTT_USERNAME"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pack": []}, "there is no 'pack'"),
        ({"packs": {}}, None),
        ({"packs": "left"}, "packs must be a list"),
        ({"packs": ["left"]}, r"packs\[1\] must be a table"),
        ({"controller": [1]}, "controller must be a table"),
    ],
)
def test_options_of_the_wrong_shape_are_told(host, change, words):
    if words is None:
        assert "pack" not in tomllib.loads(addon.configuration(OPTIONS | change, host, None))
        return
    with pytest.raises(ConfigError, match=words):
        addon.configuration(OPTIONS | change, host, None)


def test_every_option_is_known_by_its_key(host):
    for table, keys in all_keys(host).items():
        assert all(keys.values()), table


# -- at work ---------------------------------------------------------------------------------------


class Supervisor:
    """The Supervisor's door, on loopback."""

    def __init__(self, answer, status=200):
        self.tokens = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.tokens.append((self.path, self.headers["Authorization"]))
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def supervise(monkeypatch):
    made = []
    monkeypatch.setenv("SUPERVISOR_TOKEN", "secret-token")
    for name in (addon.USERNAME, addon.PASSWORD):
        monkeypatch.setenv(name, "before")  # and put back afterwards

    def start(answer, status=200):
        made.append(Supervisor(answer, status))
        return made[-1]

    yield start
    for supervisor in made:
        supervisor.close()


def run(tmp_path, supervisor, options=OPTIONS):
    (tmp_path / "options.json").write_text(json.dumps(options))
    file = tmp_path / "cellwarden.toml"
    arguments = ("--options", str(tmp_path / "options.json"), "--write", str(file), "--dry-run")
    url = "http://127.0.0.1:9" if supervisor is None else supervisor.url
    return main(["homeassistant", "addon", *arguments, "--supervisor", url]), file


def test_the_login_comes_from_the_supervisor_and_stands_in_no_file(tmp_path, supervise, capsys):
    supervisor = supervise({"result": "ok", "data": BROKER})
    status, file = run(tmp_path, supervisor)
    assert status == 0
    assert supervisor.tokens == [("/services/mqtt", "Bearer secret-token")]
    assert os.environ[addon.USERNAME] == "u"
    assert os.environ[addon.PASSWORD] == "s3"
    assert "s3" not in file.read_text() + capsys.readouterr().out


@pytest.mark.parametrize("answer", [{"result": "error"}, {"data": {}}, [], {"data": {"host": 1}}])
def test_a_supervisor_without_a_broker_says_what_to_do(tmp_path, supervise, capsys, answer):
    status, _ = run(tmp_path, supervise(answer, 400 if answer == [] else 200))
    assert status == 1
    assert "install the Mosquitto add-on" in capsys.readouterr().err


def test_without_a_supervisor_it_says_what_to_do(tmp_path, supervise, capsys):
    status, _ = run(tmp_path, None)
    assert status == 1
    assert "install the Mosquitto add-on" in capsys.readouterr().err


def test_a_mistake_in_the_options_is_told_like_one_in_the_file(tmp_path, supervise, capsys):
    supervisor = supervise({"data": BROKER})
    packs = [OPTIONS["packs"][0] | {"cells": 99}]
    status, _ = run(tmp_path, supervisor, OPTIONS | {"packs": packs})
    assert status == 1
    assert "cells" in capsys.readouterr().err


def test_options_that_cannot_be_read_are_told(tmp_path, capsys):
    arguments = ["homeassistant", "addon", "--options", str(tmp_path / "none"), "--dry-run"]
    assert main(arguments) == 1
    assert "cannot be read" in capsys.readouterr().err
