"""The RS485 protocol by hand, its settings, and how the plugin offers it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from cellwarden.config.options import Option
from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden.hooks import OutputContext
from cellwarden_can_inverter import plugin
from cellwarden_can_inverter.rs485_config import Rs485InverterOptions
from cellwarden_can_inverter.rs485_output import Rs485InverterOutput
from cellwarden_can_inverter.rs485_protocol import PylontechAsciiProtocol
from support.tools import REPOSITORY, require_shared

PROTOCOL = PylontechAsciiProtocol()
ROWS = json.loads(Path(__file__).with_name("pylontech_rs485_frames.json").read_text())
STATE: dict[str, object] = {
    "pack_voltage_V": 52.8,
    "pack_current_A": -12.3,
    "temperature_C": 24.5,
    "soc_pct": 64.0,
    "soh_pct": 98.0,
    "cvl_V": 56.4,
    "ccl_A": 100.0,
    "dcl_A": 120.0,
    "dvl_V": 46.0,
    "charge_allowed": True,
    "discharge_allowed": True,
    "modules_online": 2,
    "data_age_s": 0.5,
}


def decoded(*chunks: str, **how: Any) -> dict[str, Any]:
    return PROTOCOL.decode(chunks, **how)[-1]


def answers(**changes: object) -> dict[str, dict[str, Any]]:
    """Return what is said to each command for a state, read back by this protocol's decoder."""
    return {
        str(frame["answers_cid2"]): decoded(
            str(frame["frame_ascii"]), variant=str(frame["answers_cid2"])
        )
        for frame in PROTOCOL.encode(STATE | changes)
    }


@pytest.mark.parametrize(
    "row", [row for row in ROWS if "says" in row], ids=lambda row: row["frame"][:20]
)
def test_a_captured_answer_explains_itself_without_its_request(row: dict[str, Any]) -> None:
    assert decoded(row["frame"])["answers_cid2"] == row["answers"]


@pytest.mark.parametrize("row", [r for r in ROWS if r["error"]], ids=lambda row: row["frame"][:20])
def test_a_bad_frame_is_refused_by_its_kind(row: dict[str, Any]) -> None:
    with pytest.raises(FrameError) as refused:
        decoded(row["frame"])
    assert refused.value.kind == row["error"]


@pytest.mark.shared
def test_every_reference_vector_is_explained_as_it_says() -> None:
    path = require_shared("vectors", "pylontech-rs485.json")
    for vector in json.loads(path.read_text())["vectors"]:
        expected = vector["expected"]
        if not (expected["checksum_ok"] and expected["length_ok"]):
            continue
        said = decoded(vector["frame_ascii"])
        for name in expected.keys() - {"decoded"}:
            assert said[name] == expected[name], (vector["id"], name)
        for name, value in expected.get("decoded", {}).items():
            if name != "modules":
                assert said["decoded"][name] == value, (vector["id"], name)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("~2002460", "incomplete"),
        ("~20024600D012DC50B3B00000", "incomplete"),
        ("20024600", "header"),
        ("hello", "header"),
        ("~2002G6000000FDB2", "header"),
        ("~20024600D012DC50B3B0000004B040F9CE0", "length"),
    ],
)
def test_what_is_no_frame_is_refused(text: str, kind: str) -> None:
    with pytest.raises(FrameError) as refused:
        decoded(text)
    assert refused.value.kind == kind


def test_a_frame_may_come_as_hex_of_its_characters_or_several_on_a_line() -> None:
    text = "~20024692E00202FD2E"
    assert decoded((text + "\r").encode().hex())["cid2_or_rtn"] == "92"
    both = PROTOCOL.decode([f"{text}\\r{text}"])
    assert [frame["direction"] for frame in both] == ["request", "request"]


def test_the_request_before_it_tells_what_an_answer_answers() -> None:
    serial = "~20024600C02202303132333435363738394142434445460000"
    body = serial[1:-4]
    serial = f"~{body}{-sum(body.encode()) & 0xFFFF:04X}"
    said = decoded("~20024693E00202FD2D", serial)
    assert said["decoded"] == {"command_value": 2, "serial_number": "0123456789ABCDEF"}
    for request in (b"~20024693E00202FD2D\r", bytes.fromhex("20024693E00202FD2D"), b"\x93"):
        assert decoded(serial, request=request)["answers_cid2"] == "93"
    assert decoded(serial, variant="93")["answers_cid2"] == "93"


def test_a_refusal_and_an_acknowledgement_hold_nothing_to_explain() -> None:
    assert "decoded" not in decoded("~200046040000FDB0")
    assert decoded("~201246000000FDB1")["info_hex"] == ""


def test_an_answer_to_something_else_than_was_asked_is_refused() -> None:
    with pytest.raises(FrameError):
        decoded("~20024600B01402D002AFC80000FCE040F93F", variant="61")


def test_a_clone_counts_otherwise() -> None:
    text = "~20024600D012DC50B3B003200320D0F9CA"
    assert decoded(text)["charge_current_limit_A"] == 80.0
    assert decoded(text, variant="limits_10mA")["charge_current_limit_A"] == 8.0
    with pytest.raises(ConfigError, match="has no variant 'seplos'"):
        decoded(text, variant="seplos")


def test_a_state_is_answered_to_every_command_that_it_can_answer() -> None:
    said = answers()
    assert sorted(said) == ["42", "44", "4F", "51", "60", "61", "62", "63", "92", "93", "96"]
    assert said["63"]["decoded"].items() >= {
        "charge_voltage_limit_V": 56.4, "discharge_voltage_limit_V": 46.0,
        "charge_current_raw": 1000, "discharge_current_raw": 1200, "status_hex": "C0",
    }.items()  # fmt: skip
    assert said["92"]["decoded"]["discharge_current_limit_A"] == -120.0
    assert said["61"]["decoded"].items() >= {
        "voltage_V": 52.8, "current_A": -12.3, "soc_pct": 64, "cell_temp_avg_C": 24.5,
        "cell_temp_max_C": None,
    }.items()  # fmt: skip


def test_encoded_is_what_an_inverter_would_get_once_the_data_are_old() -> None:
    said = answers(data_age_s=11.0)
    assert sorted(said) == ["4F", "51", "60", "62", "63", "92", "93", "96"]
    assert said["63"]["decoded"]["status_hex"] == "00"
    assert PROTOCOL.encode(STATE | {"data_age_s": 61.0}) == []


def test_nothing_is_encoded_without_a_charge_voltage_or_with_a_mistake() -> None:
    unknown = STATE | {"cvl_V": None, "pack_voltage_V": None}
    with pytest.raises(CommandRefused, match="no charge voltage is known"):
        PROTOCOL.encode(unknown)
    with pytest.raises(CommandRefused, match=r"65\.5 V"):
        PROTOCOL.encode(STATE | {"cvl_V": 400.0})
    with pytest.raises(ConfigError, match="did you mean cvl_V"):
        PROTOCOL.encode(STATE | {"cvl_v": 1.0})


# -- plugin and settings ---------------------------------------------------------------------


def test_the_plugin_offers_the_output_and_the_protocol() -> None:
    (output,) = (o for o in plugin.cellwarden_outputs() if o.name == "rs485_inverter")
    (protocol,) = (p for p in plugin.cellwarden_protocols() if p.name == "pylontech_rs485")
    assert (output.control, output.extra, protocol.encodes) == (True, None, True)
    context = OutputContext(name="axpert", bank="Battery", state_dir="/nowhere")
    built = output.build(Rs485InverterOptions(port="/dev/ttyUSB0"), context)
    assert isinstance(built, Rs485InverterOutput)
    assert isinstance(protocol.load(), PylontechAsciiProtocol)


def test_the_vectors_name_the_protocol_as_the_plugin_does() -> None:
    path = require_shared("vectors", "pylontech-rs485.json")
    assert json.loads(path.read_text())["dialect"] == "pylontech_rs485"


def meaning(name: str) -> Option:
    (field,) = (f for f in dataclasses.fields(Rs485InverterOptions) if f.name == name)
    found = field.metadata["option"]
    assert isinstance(found, Option)
    return found


@pytest.mark.parametrize(
    ("addresses", "problem"),
    [
        ((2,), None),
        ((2, 3, 15), None),
        ((0x12, 0x13), None),
        ((), "at least one"),
        ((2, 2), "once"),
        ((0,), "2 to 15"),
        ((0x82,), "2 to 15"),
        ((3, 4), "the master"),
        ((2, 0x12), "one group"),
    ],
)
def test_addresses_are_a_master_and_packs_of_its_group(
    addresses: tuple[int, ...], problem: str | None
) -> None:
    check = meaning("addresses").check
    assert check is not None
    said = check(addresses)
    assert said == problem or (problem is not None and said is not None and problem in said)


def test_names_and_versions_are_checked() -> None:
    for key, good, bad in (
        ("device_name", "US5000", "US5000-12345"),
        ("manufacturer", "Pylon", "Größe"),
        ("protocol_version", "2.8", "28"),
    ):
        check = meaning(key).check
        assert check is not None
        assert check(good) is None
        assert check(bad) is not None
    options = Rs485InverterOptions(port="x", protocol_version="2.8", scaling="limits_10mA")
    assert options.persona().protocol_version == 0x28
    assert options.persona().scaling.system_limit == 100


def test_the_goodbye_fits_into_the_time_that_the_controller_gives() -> None:
    from cellwarden_can_inverter.rs485_output import LOOK_S
    from cellwarden_can_inverter.rs485_slave import GOODBYE_S

    assert GOODBYE_S + 2 * LOOK_S < 6.0


def test_the_readme_lists_every_key() -> None:
    readme = (REPOSITORY / "plugins" / "can_inverter" / "README.md").read_text()
    section = readme.partition("## RS485 and installer commands")[2]
    for field in dataclasses.fields(Rs485InverterOptions):
        assert f"`{field.name}`" in section
