"""Named inverters, and what wins over them."""

from typing import Any

import pytest

from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.profiles import PROFILES, dialect_and_manners
from cellwarden_can_inverter.view import Manners, view_of
from support.states import bank_state, limits


def sent(state: Any = None, **options: Any) -> dict[int, bytes]:
    dialect, manners = dialect_and_manners(CanInverterOptions(**options))
    view = view_of(state or bank_state(), 0.0, manners)
    assert view is not None
    return {frame.can_id: frame.data for frame in dialect.encode(view)}


def test_there_is_a_profile_for_each_inverter_that_is_named() -> None:
    assert set(PROFILES) == {
        "deye",
        "sunsynk",
        "solark",
        "solis",
        "goodwe",
        "growatt",
        "luxpower",
        "eg4",
        "sma",
        "studer",
        "schneider",
        "sofar",
        "victron",
    }


@pytest.mark.parametrize(
    ("profile", "dialect", "name"),
    [
        ("deye", "pylontech_lv", "PYLON"),
        ("sunsynk", "pylontech_lv", "PYLON"),
        ("solark", "solark", "PYLON"),
        ("solis", "pylontech_plus", "PYLON"),
        ("goodwe", "pylontech_plus", "GOODWE"),
        ("growatt", "growatt_lv", "CW"),
        ("luxpower", "luxpower", "CELLWRDN"),
        ("eg4", "luxpower", "CELLWRDN"),
        ("sma", "sma_si", "SMA"),
        ("studer", "pylontech_plus", "PYLON"),
        ("schneider", "pylontech_plus", "PYLON"),
        ("sofar", "pylontech_lv", "PYLON"),
        ("victron", "victron", "CELLWRDN"),
    ],
)
def test_a_profile_chooses_dialect_and_name(profile: str, dialect: str, name: str) -> None:
    chosen, manners = dialect_and_manners(CanInverterOptions(profile=profile))
    assert (chosen.name, manners.manufacturer) == (dialect, name)
    assert manners.lowest_cvl_v == (41.0 if profile == "sma" else 10.0)


def test_without_a_profile_everything_is_told_as_it_is() -> None:
    dialect, manners = dialect_and_manners(CanInverterOptions())
    assert dialect.name == "pylontech_lv"
    assert manners == Manners()


@pytest.mark.parametrize(
    ("profile", "told"),
    [("deye", 99), ("sofar", 99), ("victron", 100), ("sma", 100), ("studer", 100)],
)
def test_a_full_battery_that_still_takes_current_is_told_by_profile(
    profile: str, told: int
) -> None:
    assert sent(bank_state(soc_percent=100.0), profile=profile)[0x355][0] == told


def test_a_full_battery_that_takes_none_is_full_for_all_but_sofar() -> None:
    full = bank_state(soc_percent=100.0, charge_allowed=False)
    assert sent(full, profile="deye")[0x355][0] == 100
    assert sent(full, profile="sofar")[0x355][0] == 99


def test_sofar_is_told_a_tenth_of_an_ampere_for_none() -> None:
    frames = sent(bank_state(limits=limits(55.2, 0.0, 0.0, 48.0)), profile="sofar")
    assert frames[0x351].hex().upper() == "280201000100E001"
    assert frames[0x35C].hex().upper() == "0000"


def test_the_charge_voltage_stays_sane_while_every_profile_is_blocked() -> None:
    blocked = bank_state(limits=limits(55.2, 0.0, 0.0, 48.0))
    for profile in PROFILES:
        frames = sent(blocked, profile=profile)
        first = next(iter(frames.values()))
        order = "big" if profile == "growatt" else "little"
        assert int.from_bytes(first[:2], order) == 552, profile  # type: ignore[arg-type]


def test_what_is_given_wins_over_the_profile() -> None:
    chosen = {
        "profile": "sofar",
        "manufacturer": "ACME",
        "hold_soc": False,
        "soc_ceiling_percent": 100.0,
        "stop_limit_a": 0.0,
    }
    full = bank_state(soc_percent=100.0, limits=limits(55.2, 5.0, 0.0, 48.0))
    frames = sent(full, **chosen)
    assert frames[0x351].hex().upper() == "280232000000E001"
    assert frames[0x355][0] == 100
    assert frames[0x35E] == b"ACME    "


def test_another_dialect_than_the_profiles_brings_its_own_name() -> None:
    dialect, manners = dialect_and_manners(CanInverterOptions(profile="goodwe", dialect="sma_si"))
    assert (dialect.name, manners.manufacturer) == ("sma_si", "SMA")
    assert manners.hold_soc


def test_frame_length_and_voltage_step_are_options_of_any_dialect() -> None:
    plain, varied = sent(), sent(whole_frames=True, voltage_step_v=0.1)
    assert {n: len(d) for n, d in plain.items()} == {
        0x351: 8,
        0x359: 7,
        0x35C: 2,
        0x355: 4,
        0x356: 6,
        0x35E: 8,
    }
    assert {len(data) for data in varied.values()} == {8}
    assert int.from_bytes(plain[0x356][:2], "little") == 5292
    assert int.from_bytes(varied[0x356][:2], "little") == 529
    fine = sent(profile="solark", voltage_step_v=0.01)
    assert int.from_bytes(fine[0x356][:2], "little") == 5292


def test_a_voltage_step_is_one_of_two() -> None:
    (check,) = (
        field.metadata["option"].check
        for field in CanInverterOptions.__dataclass_fields__.values()
        if field.name == "voltage_step_v"
    )
    assert check(None) is check(0.01) is check(0.1) is None
    assert check(0.05) == "must be 0.01 or 0.1 V"
