"""Keys that mean the same to an inverter on CAN and to one on RS485: each is written once here.

Functions, because a dataclass keeps the field object that it is given.
"""

from typing import Any

from cellwarden.config.options import option


def gone_after() -> Any:
    """Return the key for how long a controller may decide nothing before silence."""
    return option(
        60.0,
        help="the controller decided nothing for this long: silence",
        unit="s",
        minimum=5,
        maximum=3600,
    )


def force_charge_below() -> Any:
    """Return the key for the SoC below which the battery asks to be charged."""
    return option(
        None,
        help="ask to be charged, from the grid too, below this SoC until 5 % above; default never",
        unit="%",
        minimum=1,
        maximum=50,
    )


def force_charge_urgent_below() -> Any:
    """Return the key for the SoC below which that request is urgent."""
    return option(
        None,
        help="the same with the request for a pack that is nearly off; default never",
        unit="%",
        minimum=1,
        maximum=50,
    )
