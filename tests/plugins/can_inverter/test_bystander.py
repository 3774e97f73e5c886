"""What the other nodes say, dialect by dialect."""

from typing import Any

import pytest

from cellwarden.links.can_frame import parse_frame
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.inverter import Bystander, Measured


def bystander(dialect: str) -> Bystander:
    return Bystander(dialect=DIALECTS[dialect], timeout_s=60.0)


@pytest.mark.parametrize(
    ("dialect", "frame"),
    [
        ("pylontech_lv", "305#0000000000000000"),
        ("pylontech_lv", "305#2100000000000000"),
        ("pylontech_plus", "00000305#0000000000000000"),
        ("victron", "305#0000000000000000"),
        ("victron", "306#0000000000000000"),
        ("victron", "307#1234567856494300"),
        ("sma_si", "305#1302CFFEE600DE03"),
        ("sma_si", "306#64000A0100003002"),
        ("growatt_lv", "301#1122334455667788"),
        ("pylontech_hv", "00004200#00000000000000E8"),
    ],
)
def test_a_sign_of_life_in_its_dialect(dialect: str, frame: str) -> None:
    others = bystander(dialect)
    assert others.heard(parse_frame(frame), 10.0) is None
    assert (others.heartbeats, others.inverter(11.0)) == (1, "seen")
    assert others.inverter(70.1) == "not seen"
    assert others.foreign == {}


def test_luxpowers_0x300_is_no_heartbeat_and_its_request_is_told_once() -> None:
    others = bystander("luxpower")
    assert others.heard(parse_frame("300#0000000000000000"), 1.0) is None
    first = others.heard(parse_frame("300#0100000000000000"), 2.0)
    again = others.heard(parse_frame("300#0100000000000000"), 3.0)
    assert others.inverter(3.0) == "never seen"
    assert first == (
        "the inverter asks with 0x300 to switch the battery off; that is left to a person"
    )
    assert again is None
    assert others.words() == {"flags_set": ["remote_shutdown"]}


def test_0x300_means_nothing_to_any_other_dialect() -> None:
    for name in set(DIALECTS) - {"luxpower"}:
        others = bystander(name)
        assert others.heard(parse_frame("300#0100000000000000"), 1.0) is None
        assert (others.heartbeats, others.foreign) == (0, {})


def test_a_victron_says_who_it_is() -> None:
    others = bystander("victron")
    assert others.name() is None
    others.heard(parse_frame("307#1234567856494300"), 5.0)
    assert others.name() == "Victron GX"
    assert others.ages_s(7.5) == {"0x307": 2.5}


def test_what_an_sma_says_is_kept_by_name() -> None:
    others = bystander("sma_si")
    others.heard(parse_frame("305#1302CFFEE600DE03"), 5.0)
    others.heard(parse_frame("306#64000A0100003002"), 5.1)
    assert others.words() == {
        "inv_voltage_V": 53.1,
        "inv_current_A": -30.5,
        "inv_temperature_C": 23.0,
        "inv_soc_pct": 99.0,
        "inv_soh_pct": 100,
        "charging_procedure": 10,
        "operating_state": 1,
        "error_number": 0,
        "charge_voltage_setpoint_V": 56.0,
    }


@pytest.mark.parametrize(
    ("frame", "measured"),
    [
        ("305#1302CFFEE600DE03", Measured(53.1, 30.5)),  # negative while it charges
        ("305#13023101E600DE03", Measured(53.1, -30.5)),
        ("305#0000000000000000", None),  # off, or no SMA at all
        ("305#FFFF0080E600DE03", None),  # not told
        ("305#13020080E600DE03", None),
        ("305#1302", None),
        ("306#64000A0100003002", None),
    ],
)
def test_the_measurement_of_an_sma(frame: str, measured: Measured | None) -> None:
    assert bystander("sma_si").measured(parse_frame(frame)) == measured


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"sma_si"}))
def test_nobody_elses_0x305_is_a_measurement(dialect: str) -> None:
    assert bystander(dialect).measured(parse_frame("305#1302CFFEE600DE03")) is None


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_second_battery_is_found_in_every_dialect(name: str) -> None:
    others, dialect = bystander(name), DIALECTS[name]
    frame: Any = dialect.frames[0]
    digits = 8 if dialect.extended else 3
    said = parse_frame(f"{frame.can_id:0{digits}X}#{'00' * frame.length}")
    warning = others.heard(said, 1.0)
    assert warning is not None
    assert "another battery or controller" in warning
    assert others.heard(said, 2.0) is None
    assert others.foreign == {frame.can_id: 2}
    assert others.inverter(2.0) == "never seen"


def test_a_frame_cut_short_tells_nothing_and_raises_nothing() -> None:
    others = bystander("sma_si")
    assert others.heard(parse_frame("305#13"), 1.0) is None
    assert others.words() == {}
