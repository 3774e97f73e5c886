"""What outputs may still show of a decision that has grown too old."""

from dataclasses import replace

from cellwarden.model import (
    PackPhase,
    blocked,
    without_measurements,
)
from support.states import told_bank

STATE = told_bank()


def test_nothing_measured_is_left_and_every_pack_is_lost() -> None:
    left = without_measurements(STATE)
    assert (left.voltage_v, left.current_a, left.soc_percent, left.cell_max) == (None,) * 4
    assert (left.prediction, left.cycles, left.remaining_ah) == (None,) * 3
    for pack in left.packs:
        assert (pack.phase, pack.reading, pack.soc_percent) == (PackPhase.LOST, None, None)
        assert (pack.charge_allowed, pack.discharge_allowed) == (False, False)
        assert (pack.cells, pack.counters, pack.balancing, pack.heating) == ((), None, None, None)


def test_who_the_packs_are_what_is_wrong_and_the_limits_stay() -> None:
    left = without_measurements(STATE)
    assert (left.name, left.at_s, left.alarms) == (STATE.name, STATE.at_s, STATE.alarms)
    assert (left.limits, left.installed_ah) == (STATE.limits, STATE.installed_ah)
    for pack, before in zip(left.packs, STATE.packs, strict=True):
        assert (pack.pack, pack.identity, pack.alarms) == (
            before.pack, before.identity, before.alarms,
        )  # fmt: skip


def test_a_pack_that_never_answered_is_still_waited_for() -> None:
    waiting = replace(STATE.packs[0], phase=PackPhase.WAITING, reading=None)
    (pack,) = without_measurements(replace(STATE, packs=(waiting,))).packs
    assert pack.phase is PackPhase.WAITING


def test_blocked_allows_no_current_under_the_same_voltage() -> None:
    assert STATE.limits is not None
    stopped = blocked(STATE, "the controller stops")
    assert stopped.limits is not None
    for limits in (stopped.limits, *(pack.limits for pack in stopped.packs)):
        assert limits.charge_current.value == 0.0
        assert limits.discharge_current.value == 0.0
        assert limits.charge_current.reasons[0].rule == "the controller stops"
    assert stopped.limits.charge_voltage == STATE.limits.charge_voltage
    assert not stopped.charge_allowed
    assert not any(pack.discharge_allowed for pack in stopped.packs)


def test_without_a_reason_of_its_own_the_limits_keep_theirs() -> None:
    stopped = blocked(STATE)
    assert STATE.limits is not None
    assert stopped.limits is not None
    assert stopped.limits.charge_current.value == 0.0
    assert stopped.limits.charge_current.reasons == STATE.limits.charge_current.reasons


def test_before_the_first_decision_there_is_nothing_to_block() -> None:
    assert blocked(replace(STATE, limits=None)).limits is None
