"""Orders: kept until they end or are withdrawn, over restarts too."""

import math

import pytest

from cellwarden.model import NO_ORDERS, ChargeMode, Order, Request, RequestKind, Verdict
from cellwarden.runtime.orders import OrderBook

K = RequestKind


def book() -> OrderBook:
    return OrderBook(frozenset({"left", "right"}))


def order(kind: RequestKind, value: float | bool | str | None = None, **more) -> Request:
    return Request(kind=kind, value=value, who="output victron", **more)


def test_nothing_is_ordered_at_first() -> None:
    assert book().at(0.0) == NO_ORDERS


def test_a_limit_is_kept_with_who_asked() -> None:
    orders = book()
    outcome = orders.take(order(K.CHARGE_CURRENT_LIMIT, 20.0), 5.0)
    assert outcome.verdict is Verdict.APPLIED
    assert orders.at(6.0).charge_current_a == Order(value=20.0, who="output victron")


def test_an_order_ends_by_itself() -> None:
    orders = book()
    orders.take(order(K.CHARGE_BLOCK, value=True, lasts_s=60.0), 5.0)
    assert orders.at(64.9).charge_block == Order(value=1.0, who="output victron", until_s=65.0)
    assert orders.at(65.0) == NO_ORDERS


@pytest.mark.parametrize("value", [None, False])
def test_a_block_is_withdrawn(value: bool | None) -> None:
    orders = book()
    orders.take(order(K.DISCHARGE_BLOCK, value=True), 0.0)
    orders.take(order(K.DISCHARGE_BLOCK, value=value), 1.0)
    assert orders.at(1.0) == NO_ORDERS


def test_the_last_order_of_a_kind_counts_and_says_what_it_replaced() -> None:
    orders = book()
    orders.take(order(K.TARGET_SOC, 80.0), 0.0)
    outcome = orders.take(order(K.TARGET_SOC, 90.0), 1.0)
    assert "was 80.0 by output victron" in outcome.reason
    target = orders.at(1.0).target_soc_percent
    assert target is not None
    assert target.value == 90.0


def test_a_mode_is_kept_and_automatic_ends_it() -> None:
    orders = book()
    orders.take(order(K.CHARGE_MODE, "float"), 0.0)
    assert orders.at(0.0).mode is ChargeMode.FLOAT
    orders.take(order(K.CHARGE_MODE, "automatic"), 0.0)
    assert orders.at(0.0) == NO_ORDERS


def test_a_pack_is_taken_out_and_let_in_again() -> None:
    orders = book()
    orders.take(order(K.MEMBERSHIP, value=False, pack="right"), 0.0)
    assert orders.at(0.0).out == {"right"}
    orders.take(order(K.MEMBERSHIP, value=True, pack="right"), 0.0)
    assert orders.at(0.0).out == frozenset()


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (order(K.CHARGE_CURRENT_LIMIT, -1.0), "outside 0..10000 A"),
        (order(K.CHARGE_CURRENT_LIMIT, math.nan), "outside 0..10000 A"),
        (order(K.CHARGE_CURRENT_LIMIT, value=True), "a number in A"),
        (order(K.CHARGE_CURRENT_LIMIT, "20"), "a number in A"),
        (order(K.TARGET_SOC, 101.0), "outside 0..100 %"),
        (order(K.CHARGE_BLOCK, 1.0), "true or false"),
        (order(K.CHARGE_MODE, "turbo"), "one of automatic, float, hold"),
        (order(K.MEMBERSHIP, value=False), "there is no pack ''"),
        (order(K.MEMBERSHIP, value=False, pack="middle"), "this bank has left, right"),
        (order(K.TARGET_SOC, 80.0, pack="left"), "for the whole bank"),
        (order(K.TARGET_SOC, 80.0, lasts_s=0.0), "greater than 0"),
        (order(K.TARGET_SOC, 80.0, lasts_s=math.inf), "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(request_: Request, words: str) -> None:
    orders = book()
    outcome = orders.take(request_, 0.0)
    assert outcome.verdict is Verdict.REFUSED
    assert words in outcome.reason
    assert orders.at(0.0) == NO_ORDERS


def test_target_and_reserve_must_leave_room_between_them() -> None:
    orders = book()
    orders.take(order(K.RESERVE_SOC, 30.0), 0.0)
    assert orders.take(order(K.TARGET_SOC, 30.0), 0.0).verdict is Verdict.REFUSED
    assert orders.take(order(K.TARGET_SOC, 31.0), 0.0).verdict is Verdict.APPLIED
    assert orders.take(order(K.RESERVE_SOC, 31.0), 0.0).verdict is Verdict.REFUSED


def test_a_dry_run_changes_nothing() -> None:
    orders = book()
    outcome = orders.take(order(K.TARGET_SOC, 80.0, dry_run=True), 0.0)
    assert outcome.verdict is Verdict.PLANNED
    assert orders.at(0.0) == NO_ORDERS


def test_orders_survive_a_restart_with_the_time_that_is_left() -> None:
    before = book()
    before.take(order(K.CHARGE_CURRENT_LIMIT, 20.0), 0.0)
    before.take(order(K.CHARGE_BLOCK, value=True, lasts_s=100.0), 0.0)
    before.take(order(K.DISCHARGE_BLOCK, value=True, lasts_s=20.0), 0.0)
    before.take(order(K.CHARGE_MODE, "hold"), 0.0)
    before.take(order(K.MEMBERSHIP, value=False, pack="left"), 0.0)
    after = book()
    assert after.restore(before.record(10.0), 1000.0, off_s=30.0) == []
    orders = after.at(1000.0)
    assert orders.charge_current_a == Order(value=20.0, who="output victron")
    assert orders.charge_block == Order(value=1.0, who="output victron", until_s=1060.0)
    assert orders.discharge_block is None  # it ended while nobody ran
    assert orders.mode is ChargeMode.HOLD
    assert orders.out == {"left"}


@pytest.mark.parametrize(
    "record",
    [
        {"charge_current_a": None},
        {"charge_current_a": {"value": "much", "who": "x", "left_s": None}},
        {"charge_current_a": {"value": math.nan, "who": "x", "left_s": None}},
        {"mode": {"value": "turbo", "who": "x", "left_s": None}},
        {"out:gone": {"value": 1.0, "who": "x", "left_s": None}},
        {"from_the_future": {"value": 1.0, "who": "x", "left_s": None}},
    ],
)
def test_a_damaged_order_is_named_and_left_out(record: dict[str, object]) -> None:
    orders = book()
    assert orders.restore(record, 0.0, None) == list(record)
    assert orders.at(0.0) == NO_ORDERS


# -- news for heaters --------------------------------------------------------------------------


def test_an_expected_charge_is_kept_with_when_it_ends_and_how_long_it_lasts() -> None:
    orders = book()
    assert orders.take(order(K.CHARGE_EXPECTED, 90.0, lasts_s=7200.0), 1000.0).good
    told = orders.at(1000.0).charge_expected
    assert told == Order(value=7200.0, who="output victron", until_s=1000.0 + 90 * 60 + 7200.0)
    assert orders.at(13_599.9).charge_expected == told
    assert orders.at(13_600.0) == NO_ORDERS


@pytest.mark.parametrize(
    ("kind", "value", "until_s"),
    [(K.CHARGE_EXPECTED, 0.0, 4 * 3600.0), (K.SURPLUS, 500.0, 300.0)],
)
def test_news_end_by_themselves_even_where_nobody_says_when(
    kind: RequestKind, value: float, until_s: float
) -> None:
    orders = book()
    orders.take(order(kind, value), 0.0)
    assert orders.at(until_s - 0.1) != NO_ORDERS
    assert orders.at(until_s) == NO_ORDERS


@pytest.mark.parametrize(
    ("kind", "value", "lasts_s", "words"),
    [
        (K.SURPLUS, 500.0, 901.0, "surplus power: lasts_s is at most 900 s"),
        (K.SURPLUS, -1.0, None, "surplus_w = -1 is outside 0..100000 W"),
        (K.CHARGE_EXPECTED, 60.0, 86_401.0, "expected charge: lasts_s is at most 86400 s"),
        (K.CHARGE_EXPECTED, 4321.0, None, "charge_expected = 4321 is outside 0..4320 min"),
        (K.CHARGE_EXPECTED, True, None, "charge_expected is a number in min, not True"),
    ],
)
def test_news_that_cannot_be_true_are_refused(
    kind: RequestKind, value: float, lasts_s: float | None, words: str
) -> None:
    outcome = book().take(order(kind, value, lasts_s=lasts_s), 0.0)
    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, words)


def test_news_outlive_a_restart_only_where_it_is_known_how_long_it_took() -> None:
    orders = book()
    orders.take(order(K.CHARGE_EXPECTED, 90.0, lasts_s=7200.0), 0.0)
    orders.take(order(K.SURPLUS, 500.0), 0.0)
    record = orders.record(0.0)
    again = book()
    assert again.restore(record, 5000.0, 60.0) == []
    told = again.at(5000.0)
    assert told.charge_expected is not None
    assert told.charge_expected.until_s == 5000.0 + 90 * 60 + 7200.0 - 60.0
    assert told.surplus_w is not None
    unknown = book()
    assert unknown.restore(record, 5000.0, None) == []
    assert unknown.at(5000.0) == NO_ORDERS
