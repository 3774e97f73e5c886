"""When what is sent: scripts with the time passed in."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from cellwarden.links.can_frame import CanFrame
from cellwarden.model import Alarm, AlarmKind, BankPhase, BankState, PackPhase, Severity
from cellwarden_can_inverter.dialects import PYLONTECH_LV, SMA_SI
from cellwarden_can_inverter.transmission import Transmission
from cellwarden_can_inverter.view import Manners
from support.states import bank_state, limits, pack_state

SET = [0x351, 0x359, 0x35C, 0x355, 0x356, 0x35E]
MakeBank = Callable[..., BankState]


class Script:
    """Runs a transmission as the output does, on a clock that jumps from wish to wish."""

    def __init__(self, period_s: float = 1.0, spacing_s: float = 0.02, late_s: float = 0.0) -> None:
        self.late_s = late_s
        self.sender = Transmission(PYLONTECH_LV, Manners(), period_s=period_s, spacing_s=spacing_s)
        self.now_s = 100.0
        self.decided_s = 100.0
        self.state: BankState | None = None
        self.sent: list[tuple[float, CanFrame]] = []

    def decide(self, state: BankState) -> None:
        self.state, self.decided_s = state, self.now_s

    def run(self, duration_s: float) -> list[tuple[float, CanFrame]]:
        """Let time pass; return what was sent meanwhile."""
        end_s, before = self.now_s + duration_s, len(self.sent)
        while not self.sender.finished:
            frame = self.sender.poll(self.state, self.now_s - self.decided_s, self.now_s)
            if frame is not None:
                self.sent.append((self.now_s, frame))
            if self.sender.wake_s > end_s:
                break
            self.now_s = self.sender.wake_s + self.late_s
        self.now_s = end_s
        return self.sent[before:]


def ids(sent: list[tuple[float, CanFrame]]) -> list[int]:
    return [frame.can_id for _, frame in sent]


def last(sent: list[tuple[float, CanFrame]], can_id: int) -> str:
    return next(f.data.hex().upper() for _, f in reversed(sent) if f.can_id == can_id)


def test_the_whole_set_goes_out_each_second_spaced_and_without_drift() -> None:
    script = Script()
    script.decide(bank_state())
    sent = script.run(9.5)
    script.decide(bank_state())
    sent += script.run(5.0)
    assert ids(sent) == SET * 15
    expected = [100.0 + n + 0.02 * i for n in range(15) for i in range(6)]
    assert [at_s for at_s, _ in sent] == pytest.approx(expected, abs=1e-6)


def test_a_loop_that_wakes_late_each_time_adds_up_to_no_drift() -> None:
    script = Script(late_s=0.003)
    script.decide(bank_state())
    starts = [at_s for at_s, frame in script.run(9.5) if frame.can_id == 0x351]
    assert starts == pytest.approx([100.0 + n for n in range(10)], abs=0.0031)


def test_every_frame_has_an_11_bit_identifier() -> None:
    script = Script()
    script.decide(bank_state())
    assert {frame.extended for _, frame in script.run(1.0)} == {False}


def test_before_the_first_usable_state_nothing_is_sent() -> None:
    script = Script()
    assert script.run(3.0) == []
    script.decide(bank_state(phase=BankPhase.STARTING, limits=None))
    assert script.run(3.0) == []


def test_the_first_usable_state_is_sent_at_once() -> None:
    script = Script()
    script.decide(bank_state(phase=BankPhase.STARTING, limits=None))
    script.run(0.4)
    script.decide(bank_state())
    sent = script.run(0.5)
    assert ids(sent) == SET
    assert sent[0][0] == pytest.approx(100.4)


def test_a_reduction_does_not_wait_for_its_period() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.5)
    script.decide(bank_state(limits=limits(55.2, 20.0, 200.0, 48.0)))
    sent = script.run(0.4)
    assert ids(sent) == [0x351, 0x359, 0x35C]
    assert sent[0][0] == pytest.approx(100.5)
    assert last(sent, 0x351) == "2802C800D007E001"


def test_a_new_alarm_does_not_wait_for_its_period() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.5)
    alarm = Alarm(kind=AlarmKind.LOW_SOC, severity=Severity.WARNING, pack="left", since_s=1.0)
    script.decide(bank_state(alarms=(alarm,)))
    sent = script.run(0.4)
    assert ids(sent) == [0x351, 0x359, 0x35C]
    assert last(sent, 0x359) == "0000040002504E"


def test_an_increase_waits_for_its_period() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.5)
    script.decide(bank_state(limits=limits(55.2, 140.0, 200.0, 48.0)))
    assert script.run(0.4) == []
    assert last(script.run(0.2), 0x351) == "28027805D007E001"


def test_a_reduction_in_the_middle_of_a_set_comes_first_and_the_rest_follows() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.07)  # four frames are out, 0x356 and 0x35E are to come
    blocked = bank_state(charge_allowed=False)
    script.decide(blocked)
    sent = script.run(0.5)
    assert ids(sent) == [0x351, 0x359, 0x35C, 0x356, 0x35E]
    assert last(sent, 0x35C) == "4000"
    assert all(b - a >= 0.0199 for (a, _), (b, _) in pairwise(sent))


def test_old_limits_are_not_sent_any_more_once_less_is_allowed() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.01)  # only 0x351 is out
    script.decide(bank_state(charge_allowed=False, discharge_allowed=False))
    sent = script.run(0.5)
    assert ids(sent) == SET
    assert last(sent, 0x351) == "280200000000E001"
    assert last(sent, 0x35C) == "0000"


def test_all_packs_silent_is_told_at_once_with_a_sane_charge_voltage() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.5)
    lost = tuple(pack_state(n, phase=PackPhase.LOST, reading=None) for n in ("left", "right"))
    script.decide(
        bank_state(
            phase=BankPhase.SILENT,
            packs=lost,
            limits=limits(55.2, 0.0, 0.0, 48.0),
            charge_allowed=False,
            discharge_allowed=False,
            voltage_v=None,
            current_a=None,
            soc_percent=None,
            temperature_c=None,
        )
    )
    assert ids(script.run(0.4)) == [0x351, 0x359, 0x35C]
    sent = script.run(1.0)
    assert ids(sent) == [0x351, 0x359, 0x35C, 0x35E]
    assert last(sent, 0x351) == "280200000000E001"
    assert last(sent, 0x359) == "0000000801504E"
    assert last(sent, 0x35C) == "0000"


def test_gone_stops_in_the_middle_of_a_set() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.03)
    script.decide(bank_state(phase=BankPhase.GONE))
    assert script.run(5.0) == []
    assert not script.sender.on_air


def test_after_gone_a_living_bank_is_told_at_once() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(1.0)
    script.decide(bank_state(phase=BankPhase.GONE))
    script.run(5.3)
    script.decide(bank_state())
    assert ids(script.run(0.2)) == SET


def test_a_controller_that_hangs_is_silence_after_10_s_and_gone_after_60_s() -> None:
    script = Script()
    script.decide(bank_state())
    sent = script.run(90.0)
    allowed = [at_s - 100 for at_s, f in sent if f.can_id == 0x35C and f.data == b"\xc0\x00"]
    blocked = [at_s - 100 for at_s, f in sent if f.can_id == 0x35C and f.data == b"\x00\x00"]
    measured = [at_s - 100 for at_s, f in sent if f.can_id == 0x356]
    assert max(allowed) == pytest.approx(10.04)
    assert max(measured) == pytest.approx(10.08)
    assert (min(blocked), max(blocked)) == (pytest.approx(11.04), pytest.approx(60.04))


def test_the_goodbye_is_repeated_for_two_periods_and_then_there_is_silence() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(1.5)
    script.decide(bank_state(phase=BankPhase.STOPPING))
    sent = script.run(10.0)
    assert ids(sent) == SET * 3
    assert [at_s for at_s, f in sent if f.can_id == 0x351] == pytest.approx([101.5, 102.5, 103.5])
    assert {f.data.hex() for _, f in sent if f.can_id == 0x35C} == {"0000"}
    assert {f.data.hex() for _, f in sent if f.can_id == 0x351} == {"280200000000e001"}
    assert script.sender.finished


@pytest.mark.parametrize("phase", [BankPhase.STARTING, BankPhase.GONE])
def test_whoever_was_told_nothing_needs_no_goodbye(phase: BankPhase) -> None:
    script = Script()
    script.decide(bank_state(phase=phase))
    script.run(1.0)
    script.decide(bank_state(phase=BankPhase.STOPPING))
    assert script.run(5.0) == []
    assert script.sender.finished


def test_stopping_before_any_limit_was_decided_ends_at_once() -> None:
    script = Script()
    script.decide(bank_state(phase=BankPhase.STOPPING, limits=None))
    assert script.run(5.0) == []
    assert script.sender.finished


def test_a_loop_that_was_held_up_sends_one_set_and_no_burst() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.5)
    script.now_s += 7.3
    script.decide(bank_state())
    assert ids(script.run(0.5)) == SET


def test_a_bus_that_comes_back_gets_a_whole_set_at_once() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.05)
    script.now_s += 3.0
    script.sender.restart(script.now_s)
    assert ids(script.run(0.5)) == SET


def test_a_set_fits_into_its_period_whatever_the_spacing() -> None:
    script = Script(period_s=0.2, spacing_s=0.1)
    script.decide(bank_state())
    assert ids(script.run(1.19)) == SET * 6


def test_the_last_word_allows_nothing() -> None:
    script = Script()
    script.decide(bank_state())
    script.run(0.5)
    assert [frame.text for frame in script.sender.goodbye()] == [
        "351#280200000000E001",
        "359#0000000002504E",
        "35C#0000",
    ]


def test_there_is_no_last_word_where_nothing_was_said() -> None:
    script = Script()
    assert script.sender.goodbye() == []
    script.decide(bank_state())
    script.run(0.5)
    script.decide(bank_state(phase=BankPhase.GONE))
    script.run(0.1)
    assert script.sender.goodbye() == []


def test_a_taper_faster_than_a_set_starves_no_frame() -> None:
    script = Script()
    state = bank_state()
    script.decide(state)
    sent = []
    for step in range(30):  # a reduction every 0.1 s, for 3 s
        sent += script.run(0.1)
        script.decide(replace(state, limits=limits(55.2, 90.0 - step, 200.0, 48.0)))
    assert [ids(sent).count(can_id) for can_id in (0x355, 0x356, 0x35E)] == [3, 3, 3]


def test_an_inverter_that_takes_a_frame_each_200_ms_is_not_told_sooner() -> None:
    script = Script()
    script.sender = Transmission(SMA_SI, Manners(), period_s=1.0, spacing_s=0.02)
    script.decide(bank_state())
    script.run(0.15)
    script.decide(bank_state(limits=limits(55.2, 100.0, 0.0, 48.0)))
    sent = script.run(0.5)
    assert [(round(at_s - 100.0, 3), frame.can_id) for at_s, frame in sent] == [
        (0.2, 0x351),
        (0.22, 0x35A),
    ]


def test_values_that_were_clamped_are_noted_by_name() -> None:
    script = Script()
    script.decide(bank_state(limits=limits(55.2, 9000.0, 200.0, 48.0)))
    script.run(0.5)
    assert script.sender.clamped == {"charge_current_limit_A"}
