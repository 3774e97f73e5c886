"""A polled battery: scripts with the time passed in."""

import pytest

from cellwarden.links.can_frame import CanFrame, parse_frame
from cellwarden.model import BankPhase, BankState
from cellwarden_can_inverter.dialects import GROWATT_LV, PYLONTECH_HV
from cellwarden_can_inverter.frames import Dialect
from cellwarden_can_inverter.polled import PolledTransmission
from cellwarden_can_inverter.view import Manners
from support.states import bank_state, limits

POLL = parse_frame("301#1122334455667788")
VALUES = parse_frame("00004200#00000000000000E8")
IDENTITY = parse_frame("00004200#02000000000000E8")


class Script:
    """Runs an answerer on a clock that jumps from wish to wish."""

    def __init__(self, dialect: Dialect = GROWATT_LV, spacing_s: float = 0.02) -> None:
        self.battery = PolledTransmission(dialect, Manners(), period_s=1.0, spacing_s=spacing_s)
        self.now_s = 100.0
        self.state: BankState | None = bank_state()
        self.age_s = 0.5

    def ask(self, question: CanFrame = POLL, for_s: float = 0.9) -> list[tuple[float, int]]:
        """Hear a question; return what is sent until `for_s` later: when, and which identifier."""
        assert self.battery.ask(question)
        return self.run(for_s)

    def run(self, for_s: float) -> list[tuple[float, int]]:
        began_s, end_s = self.now_s, self.now_s + for_s
        sent = []
        while not self.battery.finished:
            frame = self.battery.poll(self.state, self.age_s, self.now_s)
            if frame is not None:
                sent.append((round(self.now_s - began_s, 6), frame.can_id))
            if self.battery.wake_s > end_s:
                break
            self.now_s = self.battery.wake_s
        self.now_s = end_s
        return sent


def test_unasked_it_says_nothing() -> None:
    assert Script().run(10.0) == []


def test_a_question_is_answered_at_once_whole_and_within_a_quarter_second() -> None:
    sent = Script().ask()
    assert [can_id for _, can_id in sent] == [0x311, 0x312, 0x319, 0x313, 0x314, 0x320, 0x321]
    assert sent[0][0] == 0.0
    assert sent[-1][0] < 0.25


def test_the_budget_holds_however_wide_the_spacing_was_chosen() -> None:
    left, _ = bank_state().packs
    script = Script(spacing_s=0.1)
    script.state = bank_state(packs=(left,))
    sent = script.ask()
    assert len(sent) == 11
    assert sent[-1][0] < 0.25


def test_each_question_gets_one_answer() -> None:
    script = Script()
    assert len(script.ask()) == 7
    assert script.run(5.0) == []
    assert len(script.ask()) == 7
    assert script.battery.sets == 2


def test_an_answer_holds_the_newest_decision() -> None:
    script = Script()
    script.ask()
    script.state = bank_state(limits=limits(55.2, 0.0, 200.0, 48.0))
    script.battery.ask(POLL)
    frame = script.battery.poll(script.state, 0.0, script.now_s)
    assert frame is not None
    assert frame.data.hex().upper() == "0228000007D00922"


def test_a_question_that_comes_again_before_the_answer_is_out_starts_it_anew() -> None:
    script = Script()
    first = script.ask(for_s=0.05)
    again = script.ask()
    assert len(first) == 3
    assert [can_id for _, can_id in again] == [0x311, 0x312, 0x319, 0x313, 0x314, 0x320, 0x321]


def test_two_different_questions_at_once_get_both_answers() -> None:
    script = Script(PYLONTECH_HV)
    script.ask(VALUES, for_s=0.01)
    sent = {can_id for _, can_id in script.ask(IDENTITY)}
    assert {0x4210, 0x4280, 0x7310, 0x7340} <= sent


@pytest.mark.parametrize("text", ["302#1122334455667788", "311#0230", "00004200#05"])
def test_what_is_no_question_is_not_answered(text: str) -> None:
    script = Script(PYLONTECH_HV if text.index("#") == 8 else GROWATT_LV)
    assert not script.battery.ask(parse_frame(text))
    assert script.run(1.0) == []


def test_before_the_first_decision_and_when_it_is_too_old_it_is_silent() -> None:
    script = Script()
    script.state = None
    assert script.ask() == []
    script.state = bank_state()
    script.age_s = 61.0
    assert script.ask() == []
    assert not script.battery.on_air


def test_stopping_answers_two_periods_long_with_nothing_allowed_and_ends() -> None:
    script = Script()
    script.ask()
    script.state = bank_state(phase=BankPhase.STOPPING)
    script.run(0.1)
    assert not script.battery.finished
    assert len(script.ask(for_s=0.5)) == 7
    assert script.battery.told is not None
    assert (script.battery.told.ccl_a, script.battery.told.dcl_a) == (0.0, 0.0)
    script.run(3.0)
    assert script.battery.finished


def test_stopping_ends_at_once_where_nobody_ever_asked() -> None:
    script = Script()
    script.state = bank_state(phase=BankPhase.STOPPING)
    script.run(0.1)
    assert script.battery.finished


def test_a_bus_that_was_away_forgets_the_question() -> None:
    script = Script()
    script.battery.ask(POLL)
    script.battery.restart(script.now_s)
    assert script.run(1.0) == []
    assert script.battery.goodbye() == []


def test_values_beyond_their_field_are_noted() -> None:
    script = Script()
    script.state = bank_state(capacity_ah=900.0, remaining_ah=10.0)
    script.ask()
    assert script.battery.clamped == {"full_capacity_Ah"}
