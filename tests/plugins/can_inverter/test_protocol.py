"""`decode pylontech_lv` and `encode pylontech_lv`."""

import json
from collections import Counter
from typing import Any

import pytest

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden_can_inverter.dialects import DIALECTS, PYLONTECH_LV
from cellwarden_can_inverter.frames import decode
from cellwarden_can_inverter.protocol import CanDialectProtocol
from support.tools import require_shared

PROTOCOL = CanDialectProtocol(PYLONTECH_LV)

NORMAL: dict[str, Any] = {
    "pack_voltage_V": 52.8,
    "pack_current_A": 12.3,
    "temperature_C": 24.5,
    "soc_pct": 64.0,
    "soh_pct": 98.0,
    "cvl_V": 56.4,
    "ccl_A": 100.0,
    "dcl_A": 120.0,
    "dvl_V": 46.0,
    "charge_allowed": True,
    "discharge_allowed": True,
    "protections": [],
    "alarms": [],
    "modules_online": 2,
    "data_age_s": 0.5,
}


def sent(**changes: Any) -> dict[str, str]:
    """The frames for the normal state with changes: identifier to payload."""
    frames = PROTOCOL.encode(NORMAL | changes)
    return {str(frame["can_id"]): str(frame["data_hex"]) for frame in frames}


def test_a_normal_state_gives_the_six_frames() -> None:
    assert PROTOCOL.encode(NORMAL) == [
        {"can_id": "0x351", "extended": False, "data_hex": "3402E803B004CC01"},
        {"can_id": "0x359", "extended": False, "data_hex": "0000000002504E"},
        {"can_id": "0x35C", "extended": False, "data_hex": "C000"},
        {"can_id": "0x355", "extended": False, "data_hex": "40006200"},
        {"can_id": "0x356", "extended": False, "data_hex": "A0147B00F500"},
        {"can_id": "0x35E", "extended": False, "data_hex": "50594C4F4E202020"},
    ]


def test_full_takes_current_and_enable_away_and_keeps_the_voltage() -> None:
    frames = sent(ccl_A=0.0, charge_allowed=False)
    assert (frames["0x351"], frames["0x35C"]) == ("34020000B004CC01", "4000")


def test_data_older_than_10_s_allow_nothing_and_are_not_repeated() -> None:
    frames = sent(data_age_s=30.0)
    assert frames == {
        "0x351": "340200000000CC01",
        "0x359": "0000000802504E",
        "0x35C": "0000",
        "0x35E": "50594C4F4E202020",
    }


def test_data_older_than_60_s_are_silence() -> None:
    assert PROTOCOL.encode(NORMAL | {"data_age_s": 600.0}) == []


@pytest.mark.parametrize("how", ["null", "absent"])
def test_an_unknown_soc_leaves_its_frame_out(how: str) -> None:
    state = NORMAL | {"soc_pct": None}
    if how == "absent":
        del state["soc_pct"]
    assert "0x355" not in {frame["can_id"] for frame in PROTOCOL.encode(state)}


def test_a_charge_voltage_of_0_is_never_sent() -> None:
    assert sent(cvl_V=0.0, charge_allowed=False)["0x351"] == "10020000B004CC01"


def test_no_charge_voltage_at_all_is_refused() -> None:
    with pytest.raises(CommandRefused, match="no charge voltage"):
        PROTOCOL.encode(NORMAL | {"cvl_V": None, "pack_voltage_V": None})


def test_every_mistake_is_listed_at_once() -> None:
    state = NORMAL | {
        "soc_pct": "64",
        "soc_percent": 64,
        "charge_allowed": 1,
        "alarms": ["low_temperatur", 7],
        "protections": "over_temperature",
        "modules_online": 2.5,
        "data_age_s": -1,
    }
    del state["cvl_V"]
    with pytest.raises(ConfigError) as caught:
        PROTOCOL.encode(state)
    problems = caught.value.problems
    assert [problem.split(";")[0] for problem in problems] == [
        "cvl_V is missing",
        "soc_pct = '64' must be a number, or null for unknown",
        "charge_allowed = 1 must be true or false",
        "protections = 'over_temperature' must be a list of names",
        "alarms: 'low_temperatur' is not known, did you mean low_temperature?",
        "alarms: 7 is not known",
        "modules_online = 2.5 must be a whole number from 0 to 255",
        "data_age_s = -1 must be 0 or more",
        "soc_percent is not known, did you mean soc_pct?",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, [1]])
def test_what_is_no_number_is_a_mistake(value: object) -> None:
    with pytest.raises(ConfigError, match="ccl_A"):
        PROTOCOL.encode(NORMAL | {"ccl_A": value})


@pytest.mark.parametrize("flag", [f.name for f in PYLONTECH_LV.frames[1].flags])
def test_every_flag_can_be_named_without_its_prefix(flag: str) -> None:
    severity, _, name = flag.partition("_")
    where = "protections" if severity == "prot" else "alarms"
    data = bytes.fromhex(sent(**{where: [name]})["0x359"])
    assert decode(PYLONTECH_LV.frames[1], data)["flags_set"] == [flag]


# -- decode ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "351#1402740E740ECC01",
        "can0 351#1402740E740ECC01",
        "(1700000000.123456) can0 351#1402740E740ECC01",
        "  can0  351   [8]  14 02 74 0E 74 0E CC 01",
    ],
)
def test_a_frame_is_decoded_however_it_was_written(line: str) -> None:
    assert PROTOCOL.decode([line]) == [
        {
            "can_id": "0x351",
            "extended": False,
            "charge_voltage_limit_V": 53.2,
            "charge_current_limit_A": 370.0,
            "discharge_current_limit_A": 370.0,
            "discharge_voltage_limit_V": 46.0,
        }
    ]


def test_frames_come_out_in_the_order_they_went_in_and_empty_lines_do_not() -> None:
    said = PROTOCOL.decode(["35C#C000", "", "355#1A006400"])
    assert [frame["can_id"] for frame in said] == ["0x35C", "0x355"]


def test_a_heartbeat_is_understood_with_either_width_of_identifier() -> None:
    short, long = PROTOCOL.decode(["305#0000000000000000", "00000305#2100000000000000"])
    assert short == {"can_id": "0x305", "extended": False, "heartbeat_payload": 0}
    assert long == {"can_id": "0x00000305", "extended": True, "heartbeat_payload": 33}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("123#00", "unknown_frame_type"),
        ("00000351#1402740E740ECC01", "unknown_frame_type"),
        ("351#1402740E74", "length"),
        ("351#1402740E740ECC0100", "length"),
        ("351#1402740E740ECC0", "incomplete"),
        ("hello", "header"),
    ],
)
def test_a_bad_frame_is_refused_with_its_kind(line: str, kind: str) -> None:
    with pytest.raises(FrameError) as caught:
        PROTOCOL.decode([line])
    assert caught.value.kind == kind


def test_limits_sent_with_29_bits_are_explained() -> None:
    with pytest.raises(FrameError, match="inverters ignore it with a 29-bit identifier"):
        PROTOCOL.decode(["00000351#1402740E740ECC01"])


# -- the shared scenarios, when they are at hand ------------------------------------------------

COMPARE = {
    "==": lambda ours, theirs, half: abs(ours - theirs) <= half,
    ">": lambda ours, theirs, half: ours > theirs,
    "<": lambda ours, theirs, half: ours < theirs,
    ">=": lambda ours, theirs, half: ours >= theirs,
    "<=": lambda ours, theirs, half: ours <= theirs,
}


@pytest.mark.shared
def test_every_shared_scenario_holds() -> None:
    path = require_shared("vectors", "inverter-scenarios.json")
    scenarios = next(v for v in json.loads(path.read_text()).values() if isinstance(v, list))
    checked: Counter[str] = Counter()
    for scenario in scenarios:
        wanted = scenario.get("frames", {})
        named = {claim["dialect"] for claim in scenario["require"]} or set(DIALECTS)
        for dialect in named & set(DIALECTS):
            said, frames = read_back(dialect, scenario["state"])
            assert wanted.get("dlc_all") in (None, *{len(f["data_hex"]) // 2 for f in frames})
            assert set(wanted.get("must_send", ())) <= set(said), scenario["id"]
            if "must_not_send_after_s" in wanted:
                assert frames == [], scenario["id"]
            for claim in scenario["require"]:
                if claim["dialect"] != dialect:
                    continue
                ours = signal(said[claim["can_id"]], claim["signal"])
                assert COMPARE[claim["op"]](ours, claim["value"], 0.0501), (scenario["id"], claim)
                checked[dialect] += 1
    assert checked["pylontech_lv"] >= 30
    assert {"victron", "sma_si", "growatt_lv", "solark"} <= set(checked)


def read_back(
    dialect: str, state: dict[str, Any]
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    protocol = CanDialectProtocol(DIALECTS[dialect])
    frames: list[dict[str, Any]] = protocol.encode(state)
    said = {}
    for frame in frames:
        (one,) = protocol.decode([f"{frame['can_id'][2:]}#{frame['data_hex']}"])
        said[frame["can_id"]] = one
    return said, frames


def signal(said: dict[str, Any], name: str) -> float:
    """A number, a flag or a pair (1 active, 2 fine, 0 not told)."""
    pairs = said.get("two_bit")
    if pairs is not None:
        return 1 if name in pairs["active"] else 2 if name in pairs["inactive_ok"] else 0
    return said.get(name, int(name in said.get("flags_set", ())))  # type: ignore[no-any-return]


# -- the other dialects ------------------------------------------------------------------------


def test_the_facts_of_a_state_reach_the_dialect_that_has_a_place_for_them() -> None:
    state = NORMAL | {
        "cell_voltage_min_V": 3.301,
        "cell_voltage_max_V": 3.334,
        "cell_temperature_min_C": -3.0,
        "cell_temperature_max_C": 21.0,
        "installed_capacity_Ah": 560.0,
        "full_capacity_Ah": 540.0,
        "remaining_capacity_Ah": 345.6,
        "cycle_count": 120,
    }
    said, _ = read_back("victron", state)
    assert said["0x373"] | {"can_id": "0x373", "extended": False} == {
        "can_id": "0x373",
        "extended": False,
        "cell_voltage_min_V": 3.301,
        "cell_voltage_max_V": 3.334,
        "cell_temperature_min_K": 270,
        "cell_temperature_max_K": 294,
    }
    assert said["0x35F"]["capacity_available_Ah"] == 346
    assert said["0x379"]["installed_capacity_Ah"] == 560
    growatt, _ = read_back("growatt_lv", state)
    assert growatt["0x314"]["cycle_count"] == 120
    assert growatt["0x314"]["full_capacity_Ah"] == 540.0


def test_a_general_temperature_alarm_stands_for_both_directions() -> None:
    said, _ = read_back("victron", NORMAL | {"alarms": ["low_temperature"]})
    assert said["0x35A"]["two_bit"]["active"] == [
        "warn_general",
        "warn_low_temp",
        "warn_low_temp_charge",
    ]


def test_high_voltage_identifiers_are_written_with_eight_digits() -> None:
    frames = CanDialectProtocol(DIALECTS["pylontech_hv"]).encode(NORMAL)
    assert (frames[0]["can_id"], frames[0]["extended"]) == ("0x00004220", True)
    with pytest.raises(FrameError, match="29 bits, written with eight digits"):
        CanDialectProtocol(DIALECTS["pylontech_hv"]).decode(["421#00"])


def test_a_charge_voltage_that_sma_does_not_take_is_refused() -> None:
    with pytest.raises(CommandRefused, match="less than 41 V"):
        CanDialectProtocol(DIALECTS["sma_si"]).encode(
            NORMAL | {"cvl_V": 28.0, "pack_voltage_V": 26.0}
        )
