"""Orders that stand in the configuration: the target and the reserve of the season."""

from dataclasses import replace

from cellwarden.config.settings import BankOptions
from cellwarden.model import Order, Orders

WHO = "the configuration"


def with_standing(options: BankOptions, orders: Orders, month: int) -> Orders:
    """Return the orders in effect with those of the file where nobody ordered otherwise.

    `month` is 1..12. The same object comes back where the file orders nothing.
    """
    target, reserve = options.target_soc_percent, options.reserve_soc_percent
    if target is not None and orders.target_soc_percent is None:
        orders = replace(orders, target_soc_percent=Order(value=target, who=WHO))
    if reserve and orders.reserve_soc_percent is None:
        value = reserve[(month - 1) % len(reserve)]
        if value > 0:
            orders = replace(orders, reserve_soc_percent=Order(value=value, who=WHO))
    return orders
