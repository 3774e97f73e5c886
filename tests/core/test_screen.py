"""What a person sees of a bank in a terminal."""

from dataclasses import replace

from cellwarden.cli.screen import RED, fit, picture
from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    ChargePhase,
    Finding,
    Heating,
    Limit,
    Membership,
    PackPhase,
    Reason,
    Severity,
    Standing,
)
from cellwarden.runtime.status import document
from support.states import bank_state, limits, pack_state


def shown(state: BankState | None, *, colour: bool = False) -> str:
    return "\n".join(picture(document(state, 1001.0, {}, "monitor"), colour=colour))


def test_before_the_first_answer_it_says_what_it_waits_for() -> None:
    assert "Waiting for the first answer of a BMS" in shown(None)


def test_the_bank_its_packs_and_cells_are_shown() -> None:
    text = shown(bank_state())
    assert "Battery  live  mode monitor" in text
    assert "SoC 64.0 % ±1.4   52.92 V   +12.0 A   +635 W   22.0 °C   128.0 of 200.0 Ah" in text
    assert "CVL   55.20 V  charge voltage" in text
    assert "left" in text
    assert " 3.315▲" in text
    assert " 3.300▼" in text
    assert "no alarms" in text


def test_the_charge_phase_stands_in_the_first_line() -> None:
    text = shown(bank_state(charge_phase=ChargePhase.ABSORPTION))
    assert text.startswith("Battery  live  mode monitor  charging: absorption")


def test_a_pack_that_is_not_simply_in_is_named_with_the_reason() -> None:
    members = (
        Membership(pack="left", standing=Standing.IN),
        Membership(pack="right", standing=Standing.JOINING, why="two readings must agree first"),
    )
    text = shown(bank_state(members=members))
    assert "right: joining: two readings must agree first" in text
    assert "left: in" not in text


def test_what_was_found_between_the_packs_is_told_with_its_evidence() -> None:
    finding = Finding(
        code="idle-pack", what="right takes no part", evidence="0.0 A of 40.0 A", confidence=0.9
    )
    assert "found: right takes no part (0.0 A of 40.0 A)" in shown(bank_state(findings=(finding,)))


def test_what_was_found_in_a_pack_is_told_with_where_to_read_on() -> None:
    finding = Finding(
        code="a", what="cell 6 discharges by itself", evidence="e", confidence=0.9, pack="left"
    )
    state = bank_state(packs=(pack_state("left", findings=(finding,)), pack_state("right")))
    assert "left: found: cell 6 discharges by itself; see `cellwarden diagnose`" in shown(state)


def test_a_heater_shows_where_it_stands_and_why() -> None:
    heating = Heating(wanted=True, active=True, why="to 5 °C", power_w=139.4)
    asked = Heating(wanted=True, active=False, why="to 5 °C")
    unknown = Heating(wanted=False, active=None, why="its relay is not heard")
    packs = tuple(
        pack_state(name, heating=heating)
        for name, heating in (("one", heating), ("two", asked), ("three", unknown), ("four", None))
    )
    relays = {"mat": {"pack": "three", "on": None, "trouble": "mat: the broker is not there"}}
    lines = picture(document(bank_state(packs=packs), 1001.0, {}, "control", relays=relays))
    assert [line for line in lines if "heater" in line or "relay mat" in line] == [
        "one: heater on, 139 W: to 5 °C",
        "two: heater off, wanted on: to 5 °C",
        "three: heater not known, wanted off: its relay is not heard",
        "three: relay mat cannot be reached: mat: the broker is not there",
    ]


def test_a_limit_shows_why_and_what_clears_it() -> None:
    why = Reason(
        rule="cell over-voltage", value=0.0, source="cell 7", measured=3.652, threshold=3.6,
        unit="V", clears="all cells are below 3.400 V", pack="left",
    )  # fmt: skip
    state = bank_state(
        limits=replace(
            limits(55.2, 0.0, 200.0, 48.0), charge_current=Limit(value=0.0, reasons=(why,))
        )
    )
    assert (
        "CCL     0.0 A  left: cell over-voltage, cell 7 at 3.652 V (threshold 3.600 V);"
        " clears when all cells are below 3.400 V"
    ) in shown(state)
    assert RED in shown(state, colour=True)


def test_a_lost_pack_shows_no_old_value() -> None:
    lost = pack_state(
        "right", phase=PackPhase.LOST, reading=None, soc_percent=None, soc_sigma_percent=None,
        cell_min=None, cell_max=None,
    )  # fmt: skip
    text = shown(bank_state(packs=(pack_state("left"), lost)))
    row = next(line for line in text.splitlines() if line.startswith("right"))
    assert row.split() == ["right", "lost", "-", "-", "-", "-", "-", "---", "99/100"]


def test_an_alarm_says_what_ends_it() -> None:
    alarm = Alarm(
        kind=AlarmKind.BMS_LOST, severity=Severity.PROTECTION, pack="left", since_s=1.0,
        releases="it answers again",
    )  # fmt: skip
    text = shown(bank_state(phase=BankPhase.SILENT, alarms=(alarm,)))
    assert "ALARM  left: no data from the BMS; ends when it answers again" in text


def test_what_a_bms_says_that_is_no_alarm_is_shown_below() -> None:
    pack = pack_state("left")
    assert pack.reading is not None
    heard = replace(pack.reading, notices=("alarm bit 29 is set; its meaning is not known",))
    text = shown(bank_state(packs=(replace(pack, reading=heard),)))
    assert "left: the BMS says: alarm bit 29 is set; its meaning is not known" in text


def test_lines_are_cut_to_the_terminal_without_breaking_colours() -> None:
    assert fit(["\x1b[31mabcdef\x1b[0m", "abc"], 4) == ["\x1b[31mabcd\x1b[0m", "abc"]
