"""Orders of the configuration: they stand where nobody ordered otherwise."""

import pytest

from cellwarden.config.settings import BankOptions
from cellwarden.model import NO_ORDERS, Order, Orders
from cellwarden.runtime.standing import with_standing

JANUARY, JULY = 1, 7


def test_a_file_that_orders_nothing_changes_nothing() -> None:
    assert with_standing(BankOptions(), NO_ORDERS, JULY) is NO_ORDERS


def test_the_target_of_the_file_stands_until_somebody_orders_another() -> None:
    options = BankOptions(target_soc_percent=80.0)
    assert with_standing(options, NO_ORDERS, JULY).target_soc_percent == Order(
        value=80.0, who="the configuration"
    )
    given = Orders(target_soc_percent=Order(value=95.0, who="the page"))
    assert with_standing(options, given, JULY) is given


def test_one_reserve_stands_all_the_year() -> None:
    options = BankOptions(reserve_soc_percent=(20.0,))
    for month in range(1, 13):
        assert with_standing(options, NO_ORDERS, month).reserve_soc_percent.value == 20.0


def test_twelve_reserves_follow_the_season() -> None:
    options = BankOptions(reserve_soc_percent=(50, 40, 30, 20, 10, 0, 0, 10, 20, 30, 40, 50))
    assert with_standing(options, NO_ORDERS, JANUARY).reserve_soc_percent.value == 50
    assert with_standing(options, NO_ORDERS, JULY).reserve_soc_percent is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reserve_soc_percent": (20.0, 30.0)}, "one number, or twelve"),
        ({"reserve_soc_percent": (80.0,), "target_soc_percent": 80.0}, "below target_soc_percent"),
    ],
)
def test_what_contradicts_itself_is_refused(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        BankOptions(**changes)
