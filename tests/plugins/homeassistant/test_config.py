"""Settings: contradictions are named, secrets are read by reference and never shown."""

import dataclasses

import pytest

from cellwarden.errors import ConfigError
from cellwarden.hooks import OutputContext
from cellwarden.host import build
from cellwarden_homeassistant.config import HomeAssistantOptions, read_password, read_username
from cellwarden_homeassistant.plugin import cellwarden_outputs


def check_of(name):
    field = next(f for f in dataclasses.fields(HomeAssistantOptions) if f.name == name)
    return field.metadata["option"].check


def test_the_output_is_telemetry_and_names_its_extra():
    (kind,) = cellwarden_outputs()
    assert kind.name == "homeassistant"
    assert kind.control is False
    assert kind.extra == "homeassistant"


def test_the_host_builds_it_from_its_options():
    (kind,) = cellwarden_outputs()
    where = OutputContext(name="homeassistant", bank="Shed", state_dir="")
    output = build(kind, HomeAssistantOptions(host="192.0.2.7"), where)
    assert output.status()["broker"] == "192.0.2.7:1883"


def test_every_contradiction_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        HomeAssistantOptions(
            password_file="a", password_env="B", ca_file="ca.pem", cert_file="mine.pem"
        )
    assert caught.value.problems == (
        "password_file and password_env: give one of them, not both",
        "a password without username: add the username key",
        "ca_file is given but tls is false: set tls = true",
        "cert_file is given but tls is false: set tls = true",
        "cert_file and key_file belong together: give both",
    )


def test_a_username_stands_in_one_place():
    with pytest.raises(ConfigError, match="username, username_file and username_env: give one"):
        HomeAssistantOptions(username="me", username_env="ME")


def test_the_username_comes_from_where_the_settings_say(tmp_path, monkeypatch):
    file = tmp_path / "user"
    file.write_text("from the file\n")
    monkeypatch.setenv("MQTT_USER", "from the environment")
    assert read_username(HomeAssistantOptions()) is None
    assert read_username(HomeAssistantOptions(username="plain")) == "plain"
    assert read_username(HomeAssistantOptions(username_file=str(file))) == "from the file"
    assert read_username(HomeAssistantOptions(username_env="MQTT_USER")) == "from the environment"


def test_the_defaults_agree_with_each_other_and_need_no_password():
    assert read_password(HomeAssistantOptions()) is None


@pytest.mark.parametrize("topic", ["", "/a", "a/", "a//b", "a/+", "a/#", "a b", "a\x00"])
def test_a_topic_that_cannot_be_published_to_is_refused(topic):
    for key in ("base_topic", "discovery_prefix", "birth_topic"):
        assert check_of(key)(topic) is not None


def test_topics_of_any_depth_are_taken():
    assert check_of("base_topic")("home/battery/shed") is None


@pytest.mark.parametrize("host", ["", "a..b", ".a", "x" * 64, "a b", "bröker", "a\n"])
def test_a_host_that_no_resolver_takes_is_refused(host):
    assert check_of("host")(host) is not None


@pytest.mark.parametrize("host", ["localhost", "192.0.2.7", "fe80::1", "mqtt.example.org"])
def test_names_and_addresses_are_hosts(host):
    assert check_of("host")(host) is None


def test_the_password_is_the_first_line_of_its_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret pässword\r\nsecond line\n", encoding="utf-8")
    assert (
        read_password(HomeAssistantOptions(username="me", password_file=str(file)))
        == "s3cret pässword"
    )


def test_the_password_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("BATTERY_MQTT", "from the environment")
    options = HomeAssistantOptions(username="me", password_env="BATTERY_MQTT")
    assert read_password(options) == "from the environment"


def test_a_password_that_cannot_be_read_says_which_and_why(tmp_path, monkeypatch):
    monkeypatch.delenv("NOT_SET", raising=False)
    empty = tmp_path / "empty"
    empty.write_text("\n")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    cases = {
        "No such file": HomeAssistantOptions(username="me", password_file=str(tmp_path / "none")),
        "is empty": HomeAssistantOptions(username="me", password_file=str(empty)),
        "not UTF-8": HomeAssistantOptions(username="me", password_file=str(binary)),
        "NOT_SET": HomeAssistantOptions(username="me", password_env="NOT_SET"),
    }
    for words, options in cases.items():
        with pytest.raises(ConfigError, match=words):
            read_password(options)
