"""How a limit moves, number by number: a current of 100 A by 5 A/s, a voltage of 55 V."""

import pytest

from cellwarden.engine.limit_rules import FULL
from cellwarden.engine.ramp import Moment, Ramp, Slope
from cellwarden.model import Reason

SETTING = Reason(rule="setting", value=100.0)


def current() -> Slope:
    return Slope(setting=SETTING, per_s=5.0, current=True)


def voltage() -> Slope:
    return Slope(setting=Reason(rule="setting", value=55.0), per_s=0.01, current=False)


def at(value: float, newest: float | None = None, before: float | None = None) -> Ramp:
    newest = value if newest is None else newest
    return Ramp(value=value, newest=newest, before=newest if before is None else before)


def moment(
    passed_s: float = 1.0, *, fresh: bool = True, started: bool = True, held: bool = False
) -> Moment:
    return Moment(fresh=fresh, started=started, held=held, passed_s=passed_s)


def to(value: float, rule: str = "cold") -> Reason:
    return Reason(rule=rule, value=value)


def told(ramp: Ramp) -> tuple[float, list[str]]:
    """Return value and rules of the limit; the first rule's value is the limit's."""
    assert ramp.limit is not None
    assert ramp.limit.value == ramp.value == ramp.limit.reasons[0].value
    return ramp.value, [reason.rule for reason in ramp.limit.reasons]


def test_it_falls_at_once_to_the_tightest_rule_and_tells_the_others_behind_it() -> None:
    ramp = current().move(at(100.0), [to(40.0), to(20.0, "hot"), to(40.0, "user")], moment(0.1))
    assert told(ramp) == (20.0, ["hot", "cold", "user", "setting"])


def test_at_its_setting_the_very_same_is_given_again() -> None:
    slope = current()
    first = slope.move(at(100.0), [], moment())
    assert told(first) == (100.0, ["setting"])
    assert slope.move(first, [], moment()) is first


def test_under_the_same_rule_the_very_same_limit_is_given_again() -> None:
    slope = current()
    first = slope.move(at(20.0), [to(20.0)], moment())
    again = slope.move(first, [to(20.0)], moment())
    assert again.limit is first.limit
    other = slope.move(first, [to(20.0, "hot")], moment())
    assert told(other) == (20.0, ["hot", "setting"])


def test_it_rises_by_its_rate_once_two_readings_agree() -> None:
    ramp = current().move(at(20.0, newest=20.0), [], moment())
    assert told(ramp) == (20.0, ["waiting for a second reading that agrees", "setting"])
    assert (ramp.newest, ramp.before) == (100.0, 20.0)
    ramp = current().move(ramp, [], moment(2.0))
    assert told(ramp) == (30.0, ["rising slowly", "setting"])
    assert ramp.limit is not None
    assert ramp.limit.reasons[0].source == "5 a second"
    assert (ramp.newest, ramp.before) == (100.0, 100.0)


def test_between_readings_it_rises_on_but_nothing_new_counts_as_heard() -> None:
    ramp = current().move(at(20.0, newest=100.0, before=20.0), [], moment(fresh=False))
    assert told(ramp)[0] == 20.0
    assert (ramp.newest, ramp.before) == (100.0, 20.0)
    ramp = current().move(at(20.0, newest=100.0), [], moment(fresh=False))
    assert told(ramp)[0] == 25.0


def test_the_lower_of_two_readings_is_what_it_rises_to() -> None:
    ramp = current().move(at(20.0, newest=60.0), [to(22.0)], moment())
    assert told(ramp) == (22.0, ["cold", "setting"])
    ramp = current().move(at(20.0, newest=22.0), [], moment())
    assert told(ramp) == (22.0, ["waiting for a second reading that agrees", "setting"])


def test_it_reaches_what_is_allowed_exactly() -> None:
    assert told(current().move(at(95.0, newest=100.0), [], moment())) == (100.0, ["setting"])
    ramp = current().move(at(95.0, newest=100.0), [], moment(0.99))
    assert told(ramp) == (pytest.approx(99.95), ["rising slowly", "setting"])


def test_before_two_readings_the_reason_is_the_start() -> None:
    ramp = current().move(at(0.0), [], moment(started=False))
    assert told(ramp) == (0.0, ["start-up", "setting"])


def test_what_a_full_battery_concludes_needs_no_second_reading_to_end() -> None:
    ramp = current().move(at(100.0), [to(30.0, FULL)], moment())
    assert told(ramp) == (30.0, [FULL, "setting"])
    assert (ramp.newest, ramp.before) == (100.0, 100.0)
    ramp = current().move(ramp, [], moment())
    assert told(ramp) == (35.0, ["rising slowly", "setting"])


def test_while_an_input_is_held_it_falls_but_does_not_rise() -> None:
    ramp = current().move(at(20.0, newest=100.0), [], moment(held=True))
    assert told(ramp) == (20.0, ["not raised while an input is unknown", "setting"])
    ramp = current().move(at(20.0, newest=20.0), [], moment(held=True))
    assert told(ramp) == (20.0, ["waiting for a second reading that agrees", "setting"])
    ramp = current().move(at(20.0), [to(15.0)], moment(held=True))
    assert told(ramp) == (15.0, ["cold", "setting"])
    ramp = current().move(at(20.0), [to(20.0)], moment(held=True))
    assert told(ramp) == (20.0, ["cold", "setting"])


def test_from_0_the_first_step_of_a_current_is_1_a_or_more() -> None:
    ramp = current().move(at(0.0, newest=100.0), [], moment(0.1))
    assert told(ramp) == (1.0, ["rising slowly", "setting"])
    ramp = current().move(at(0.0, newest=100.0), [], moment(0.5))
    assert told(ramp)[0] == 2.5
    ramp = current().move(at(2.0, newest=100.0), [], moment(0.1))
    assert told(ramp)[0] == 2.5


def test_a_voltage_has_no_first_step_and_nothing_is_too_little_for_it() -> None:
    ramp = voltage().move(at(0.0, newest=55.0), [], moment())
    assert told(ramp) == (0.01, ["rising slowly", "setting"])
    ramp = voltage().move(at(54.0, newest=55.0), [], moment(2.0))
    assert told(ramp)[0] == pytest.approx(54.02)


@pytest.mark.parametrize(("left_a", "given_a"), [(0.49, 0.0), (0.5, 0.5), (0.51, 0.51)])
def test_less_than_half_an_ampere_is_0(left_a: float, given_a: float) -> None:
    ramp = current().move(at(20.0), [to(left_a)], moment())
    assert ramp.value == given_a
    assert told(ramp)[1][0] == ("cold" if given_a else "too little to be of use")


def test_what_is_too_little_names_no_rate_as_its_source() -> None:
    slope = Slope(setting=SETTING, per_s=0.1, current=True)
    ramp = slope.move(at(0.2, newest=100.0), [], moment())
    assert told(ramp) == (0.0, ["too little to be of use", "setting"])
    assert ramp.limit is not None
    assert ramp.limit.reasons[0].source == ""


@pytest.mark.parametrize(("left_a", "given_a"), [(1.99, 0.0), (2.0, 2.0), (8.0, 5.0)])
def test_from_0_it_starts_again_once_2_percent_of_the_setting_are_free(
    left_a: float, given_a: float
) -> None:
    ramp = current().move(at(0.0, newest=100.0), [to(left_a)], moment())
    assert ramp.value == given_a
    ramp = current().move(at(0.0, newest=left_a), [], moment())
    assert ramp.value == given_a
    # A current that flows already may stay below that.
    ramp = current().move(at(50.0), [to(1.5)], moment())
    assert ramp.value == 1.5
