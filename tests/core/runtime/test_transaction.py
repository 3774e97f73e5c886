"""A transaction ends in the old or the new settings, or says exactly what is between."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused, FrameError, LinkError, LinkTimeout
from cellwarden.model import Outcome, SettingValue, Verdict
from cellwarden.runtime.plan import Change, plan, same
from cellwarden.runtime.transaction import Transaction
from support.writable import LFP, WritablePack

WANTED: dict[str, float | None] = {
    "cell_overvoltage_v": 3.65,
    "cell_overvoltage_recovery_v": 3.5,
    "charge_voltage_v": 3.5,
    "cell_undervoltage_v": 2.8,
    "shutdown_v": 2.7,
}


class Troubles:
    """Makes one exchange after the other go wrong, as told."""

    def __init__(self, *troubles: Callable[[], None] | None) -> None:
        self.left = list(troubles)

    def __call__(self, what: str, name: str) -> None:
        trouble = self.left.pop(0) if self.left else None
        if trouble is not None:
            trouble()


def lose() -> None:
    raise LinkError("left", "the cable was pulled")


def miss() -> None:
    raise LinkTimeout("left", "no answer")


def garble() -> None:
    raise FrameError("checksum", "the sum is wrong")


def refuse() -> None:
    raise CommandRefused("the device says no")


def fail() -> None:
    raise RuntimeError("a defect of the driver")


def run(pack: WritablePack, wanted: dict[str, float | None] = WANTED) -> Outcome:
    pauses: list[float] = []

    @asynccontextmanager
    async def turn():
        yield pack

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    changes = plan(wanted, pack.held, pack.table, LFP)
    outcome = asyncio.run(Transaction(changes, turn, pause).run())
    assert sum(pauses) < 60 * len(changes)
    check(pack, changes, outcome)
    return outcome


def check(pack: WritablePack, changes: tuple[Change, ...], outcome: Outcome) -> None:
    """Hold an outcome against what the device really holds."""

    def all_hold(value: Callable[[Change], SettingValue]) -> bool:
        return all(same(c.setting, value(c), pack.held[c.setting.name]) for c in changes)

    assert outcome.verdict in (Verdict.APPLIED, Verdict.ROLLED_BACK, Verdict.HALF_DONE)
    if outcome.verdict is Verdict.APPLIED:
        assert all_hold(lambda c: c.wanted)
    if outcome.verdict is Verdict.ROLLED_BACK:
        assert all_hold(lambda c: c.before)
    assert [step.what for step in outcome.steps] == [c.setting.name for c in changes]
    for step in outcome.steps:
        assert step.now is None or step.now == pack.held[step.what]


def test_everything_is_written_in_order_and_read_back() -> None:
    pack = WritablePack()
    outcome = run(pack)
    assert outcome.verdict is Verdict.APPLIED
    assert [name for name, _ in pack.written] == [
        "cell_overvoltage_v", "cell_overvoltage_recovery_v", "charge_voltage_v",
        "cell_undervoltage_v", "shutdown_v",
    ]  # fmt: skip
    assert {step.what: step.now for step in outcome.steps} == WANTED


@pytest.mark.requirement("R9")
def test_a_silent_refusal_rolls_back_what_was_written_before_it() -> None:
    pack = WritablePack()
    pack.ignores = {"shutdown_v"}
    outcome = run(pack)
    assert outcome.verdict is Verdict.ROLLED_BACK
    assert "shutdown_v: the device did not take 2.7: it holds 2.5" in outcome.reason
    assert [name for name, _ in pack.written].count("shutdown_v") == 1  # no use to insist


def test_one_lost_answer_is_no_reason_to_go_back() -> None:
    pack = WritablePack()
    pack.trouble = Troubles(miss)
    assert run(pack).verdict is Verdict.APPLIED


def test_a_device_that_shows_a_new_value_late_is_asked_once_more() -> None:
    pack = WritablePack()
    late: list[tuple[str, SettingValue]] = []
    held = pack.held
    reads = 0

    async def write(name: str, value: SettingValue) -> None:
        pack.written.append((name, value))
        late.append((name, value))

    async def read(names=None):
        nonlocal reads
        reads += 1
        shown = dict(held)
        while late and reads % 2:
            held.update([late.pop()])
        return shown

    pack.write_setting = write  # type: ignore[method-assign]
    pack.read_settings = read  # type: ignore[method-assign, assignment]
    assert run(pack, {"cell_overvoltage_v": 3.65}).verdict is Verdict.APPLIED
    assert len(pack.written) == 1


EXCHANGES = 2 * len(WANTED)


@pytest.mark.parametrize("trouble", [lose, miss, garble, refuse, fail])
@pytest.mark.parametrize("at", range(EXCHANGES))
def test_a_trouble_that_stays_at_any_step_is_told_as_it_is(
    trouble: Callable[[], None], at: int
) -> None:
    pack = WritablePack()
    pack.trouble = Troubles(*[None] * at, *[trouble] * 500)
    outcome = run(pack)
    assert outcome.verdict is Verdict.HALF_DONE  # nobody can say what it holds
    assert any(step.now is None for step in outcome.steps)


@pytest.mark.parametrize("trouble", [lose, miss, garble, refuse, fail])
@pytest.mark.parametrize("at", range(EXCHANGES))
def test_a_trouble_that_passes_at_any_step_leaves_old_or_new_settings(
    trouble: Callable[[], None], at: int
) -> None:
    pack = WritablePack()
    pack.trouble = Troubles(*[None] * at, *[trouble] * 4)
    outcome = run(pack)
    assert outcome.verdict in (Verdict.APPLIED, Verdict.ROLLED_BACK)


@pytest.mark.parametrize("at", range(len(WANTED)))
def test_a_link_that_is_lost_after_any_write_and_comes_back_is_rolled_back(at: int) -> None:
    pack = WritablePack()
    count = 0

    def after(name: str) -> None:
        nonlocal count
        count += 1
        if count == at + 1:
            pack.trouble = Troubles(*[lose] * 6)

    pack.after = after
    assert run(pack).verdict in (Verdict.ROLLED_BACK, Verdict.APPLIED)


def test_another_hand_on_the_device_in_the_middle_is_seen() -> None:
    pack = WritablePack()

    def after(name: str) -> None:
        if name == "cell_undervoltage_v":
            pack.held[name] = 2.6  # the vendor's app, at the same moment

    pack.after = after
    outcome = run(pack)
    assert outcome.verdict is Verdict.HALF_DONE
    assert {step.what: step.now for step in outcome.steps}["cell_undervoltage_v"] == 2.6


@given(
    troubles=st.lists(
        st.sampled_from([None, None, None, lose, miss, garble, refuse, fail]), max_size=60
    ),
    ignores=st.sets(st.sampled_from(sorted(WANTED)), max_size=2),
    meddles=st.dictionaries(
        st.sampled_from(sorted(WANTED)), st.sampled_from([2.0, 2.75, 3.3]), max_size=1
    ),
)
@settings(max_examples=300, deadline=None)
def test_whatever_goes_wrong_the_outcome_tells_what_the_device_holds(
    troubles: list[Callable[[], None] | None], ignores: set[str], meddles: dict[str, float]
) -> None:
    pack = WritablePack()
    pack.trouble = Troubles(*troubles)
    pack.ignores = ignores
    pack.after = lambda name: pack.held.update({name: meddles[name]} if name in meddles else {})
    run(pack)


def test_a_write_whose_answer_never_came_is_applied_if_it_is_found_there_at_the_end() -> None:
    pack = WritablePack()
    # Taken; then not a word until every way back has been tried; then the link is there again.
    pack.trouble = Troubles(None, *[lose] * 14)
    outcome = run(pack, {"cell_overvoltage_v": 3.65})
    assert outcome.verdict is Verdict.APPLIED
    assert "the device holds the new settings all the same" in outcome.reason
