"""The `[pack.heating]` table: a pack's heater, checked against what its output bears (R36)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from cellwarden.config.keys import keys_of
from cellwarden.config.options import option
from cellwarden.config.tables import Place, build, read_table, table_at
from cellwarden.config.values import number_text
from cellwarden.engine.heater_rules import (
    MOST_W,
    MOST_W_BY_BOARD,
    HeaterSettings,
    least_ohm,
)
from cellwarden.model import HardwareModel, Parameters

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _clock(text: str) -> str | None:
    return None if _CLOCK.fullmatch(text) else 'write a time of day in quotes, such as "09:30"'


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatingOptions:
    """The table `[pack.heating]`."""

    film_ohm: float = option(
        help="resistance of the heating film, measured between its leads; refused where it breaks"
        " 3 A or 200 W (100 W on B2A8S20P) at the highest pack voltage",
        unit="ohm",
        minimum=0.1,
        maximum=1000,
        example=20.0,
    )
    soc_floor_percent: float = option(
        30.0, help="the pack does not heat itself below this SoC", unit="%", minimum=5, maximum=95
    )
    only_surplus: bool = option(
        False, help="heat only with energy that would be fed in or lost, as an inverter tells"
    )
    charge_from: str | None = option(
        None,
        help='local time from which charging is expected, such as "09:30": warm by then, and not'
        " before; without it the pack is warmed whenever it is too cold to be charged",
        check=_clock,
    )
    charge_until: str | None = option(None, help="and until when", check=_clock)

    def __post_init__(self) -> None:
        """Refuse half a day."""
        if (self.charge_from is None) is not (self.charge_until is None):
            raise ValueError("charge_from and charge_until belong together")
        if self.charge_from is not None and self.charge_from == self.charge_until:
            raise ValueError("charge_from and charge_until are the same")


HEATING_KEYS = keys_of(HeatingOptions)


def read_heater(
    table: Mapping[str, Any],
    parameters: Parameters | None,
    board: HardwareModel | None,
    place: Place,
) -> HeaterSettings | None:
    """Return a pack's heater, None if its table has none or it is not good; mistakes are noted."""
    if "heating" not in table:
        return None
    below = place.below("heating")
    given = table_at(table, "heating", below)
    values = read_table(given, HEATING_KEYS, below)
    options = build(HeatingOptions, HEATING_KEYS, values, given, below)
    if options is None or parameters is None:
        return None
    most_w = MOST_W if board is None else MOST_W_BY_BOARD.get(board.name, MOST_W)
    highest_v = parameters.cell_count * parameters.cell_overvoltage_v
    least = least_ohm(highest_v, most_w)
    if options.film_ohm < least:
        below.wrong(
            f"{options.film_ohm:g} ohm is too little at {highest_v:.1f} V, the highest voltage of"
            f" this pack: the output bears 3 A and {number_text(most_w)} W, so at least"
            f" {least:.1f} ohm",
            "film_ohm",
        )
        return None
    return HeaterSettings(
        film_ohm=options.film_ohm,
        most_w=most_w,
        soc_floor_percent=options.soc_floor_percent,
        only_surplus=options.only_surplus,
        charge_from=_time(options.charge_from),
        charge_until=_time(options.charge_until),
    )


def _time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)
