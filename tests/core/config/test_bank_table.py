"""The table `[bank]`: what it says, what is refused, and what the engine is given."""

import pytest

from cellwarden.config.reader import parse
from cellwarden.config.settings import Settings
from cellwarden.errors import ConfigError
from cellwarden.runtime.build import bank_settings
from support.hosts import fake_host


def pack(name: str, cells: int = 16, more: str = "") -> str:
    return f"""
[[pack]]
name = "{name}"
driver = "fake-bms"
chemistry = "LiFePO4"
cells = {cells}
capacity_ah = 280
port = "/dev/tty-{name}"
{more}"""


def read(bank: str = "", packs: str = pack("left") + pack("right")) -> Settings:
    return parse(f"[bank]\n{bank}\n{packs}", fake_host())


def mistakes(bank: str, packs: str = pack("left")) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(bank, packs)
    return caught.value.problems


def test_without_the_table_packs_are_in_parallel_with_sane_defaults() -> None:
    made = bank_settings(parse(pack("left") + pack("right"), fake_host()))
    assert made.shape == "parallel"
    assert made.join_window_v == pytest.approx(0.512)
    assert [m.float_voltage_v for m in made.members] == [54.0, 54.0]
    assert made.full_when == "all"
    assert made.full_every_s == 14 * 86_400
    assert made.absorption_max_s == 7200
    assert made.installed_ah == 560


def test_what_the_table_says_is_what_the_engine_is_given() -> None:
    made = bank_settings(
        read(
            "join_window_v = 0.3\nfull_when = 'any'\nfull_charge_days = 0\n"
            "absorption_max_h = 1\nfloat_voltage_v = 53.6\ncable_resistance_ohm = 0.002\n"
            "full_charge_sigma_percent = 5"
        )
    )
    assert made.join_window_v == 0.3
    assert made.full_when == "any"
    assert made.full_every_s is None
    assert made.absorption_max_s == 3600
    assert [m.float_voltage_v for m in made.members] == [53.6, 53.6]
    assert made.cable_resistance_ohm == 0.002
    assert made.full_sigma_percent == 5


def test_in_series_packs_may_differ_and_the_float_voltage_is_of_all_together() -> None:
    made = bank_settings(
        read("shape = 'series'\nfloat_voltage_v = 81.0", pack("low", 16) + pack("high", 8))
    )
    assert made.shape == "series"
    assert sum(m.float_voltage_v or 0.0 for m in made.members) == 81.0
    assert made.installed_ah == 280


def test_in_parallel_packs_of_other_voltages_are_still_refused() -> None:
    (line,) = mistakes("", pack("low", 16) + pack("high", 8))
    assert line.startswith("pack: the packs of a bank are in parallel, but high has 25.6 V")


def test_a_float_voltage_is_never_above_the_charge_voltage() -> None:
    low = pack("left", more="[pack.parameters]\ncharge_voltage_v = 3.35\n")
    made = bank_settings(read("", low))
    assert made.members[0].float_voltage_v == pytest.approx(16 * 3.35)


@pytest.mark.parametrize(
    ("bank", "message"),
    [
        ("shape = 'ring'", "bank.shape"),
        ("full_when = 'most'", "bank.full_when"),
        ("join_window_v = 0", "bank.join_window_v"),
        ("reserve_soc_percent = [10, 20]", "one number, or twelve"),
        ("target_soc_percent = 30\nreserve_soc_percent = [40]", "below target_soc_percent"),
        ("targett_soc_percent = 80", "did you mean target_soc_percent?"),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_place(bank: str, message: str) -> None:
    (line,) = mistakes(bank)
    assert line.startswith("bank")
    assert message in line


def test_a_key_of_the_bank_in_another_table_is_shown_its_place() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("[controller]\nfull_when = 'all'\n" + pack("left"), fake_host())
    assert caught.value.problems == ("controller.full_when: unknown key; it belongs in [bank]",)
