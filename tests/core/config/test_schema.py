"""`config schema`: editors and `config check` agree about what they both can judge."""

import tomllib
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from cellwarden.config.schema import schema
from cellwarden.config.template import template
from cellwarden.host import Host
from support.hosts import fake_host

PACK = {
    "name": "left",
    "driver": "fake-bms",
    "chemistry": "LiFePO4",
    "cells": 16,
    "capacity_ah": 280,
    "port": "/dev/ttyUSB0",
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(schema(fake_host()))


def test_it_is_a_schema_of_the_2020_draft() -> None:
    written = schema(Host())
    assert written["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(written)


def test_a_key_says_all_that_the_dataclass_says() -> None:
    keys = schema(fake_host())["properties"]["controller"]["properties"]
    assert keys["poll_interval_s"] == {
        "type": "number",
        "minimum": 0.1,
        "maximum": 60,
        "description": "time from one poll of a pack to the next [s]",
        "default": 1.0,
    }
    assert keys["on_pack_lost"]["enum"] == ["exclude", "hold", "trip"]


def test_it_knows_the_keys_of_every_driver_and_output() -> None:
    written = schema(fake_host())["properties"]
    for table, chooser, names in (
        ("pack", "driver", ["bare", "fake-bms"]),
        ("output", "plugin", ["fake_can", "fake_mqtt"]),
    ):
        items = written[table]["items"]
        assert items["properties"][chooser]["enum"] == names
        assert [case["then"]["properties"][chooser]["const"] for case in items["allOf"]] == names


def test_without_plugins_no_driver_is_right() -> None:
    written = Draft202012Validator(schema(Host([])))
    error = best_match(written.iter_errors({"pack": [PACK]}))
    assert error is not None
    assert error.message == "'fake-bms' is not one of []"


@pytest.mark.parametrize(
    "data",
    [
        {"pack": [PACK]},
        {"pack": [PACK | {"parity": "even", "parameters": {"charge_voltage_v": 3.5}}]},
        {"pack": [PACK], "output": [{"plugin": "fake_mqtt", "topics": ["a"], "levels": [9]}]},
        tomllib.loads(template(fake_host(), drivers=["bare", "fake-bms"])),
    ],
)
def test_good_files_are_good(validator: Draft202012Validator, data: dict[str, Any]) -> None:
    assert best_match(validator.iter_errors(data)) is None


@pytest.mark.parametrize(
    ("data", "path", "message"),
    [
        ({}, "$", "'pack' is a required property"),
        ({"pack": []}, "$.pack", "[] should be non-empty"),
        ({"pack": [{}]}, "$.pack[0]", "'driver' is a required property"),
        (
            {"pack": [PACK | {"driver": "x"}]},
            "$.pack[0].driver",
            "'x' is not one of ['bare', 'fake-bms']",
        ),
        (
            {"pack": [PACK | {"cells": 40}]},
            "$.pack[0].cells",
            "40 is greater than the maximum of 32",
        ),
        (
            {"pack": [PACK | {"parity": "odd"}]},
            "$.pack[0].parity",
            "'odd' is not one of ['none', 'even']",
        ),
        (
            {"pack": [PACK | {"parameters": {"x": 1}}]},
            "$.pack[0].parameters",
            "Additional properties are not allowed ('x' was unexpected)",
        ),
        (
            {"pack": [PACK], "output": [{"plugin": "fake_can", "topics": []}]},
            "$.output[0]",
            "Additional properties are not allowed ('topics' was unexpected)",
        ),
    ],
)
def test_bad_files_are_bad(
    validator: Draft202012Validator, data: dict[str, Any], path: str, message: str
) -> None:
    error = best_match(validator.iter_errors(data))
    assert error is not None
    assert (error.json_path, error.message) == (path, message)
