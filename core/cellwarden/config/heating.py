"""The `[pack.heating]` table: a pack's heater, checked against what its output bears (R36).

The limits of R36 are those of a JK's heating output, and of the films made for it. Where a relay
switches the film, its owner may say what relay and wiring bear instead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from cellwarden.config.keys import keys_of
from cellwarden.config.options import option
from cellwarden.config.settings import RelaySettings
from cellwarden.config.tables import Place, build, read_table, table_at
from cellwarden.config.values import did_you_mean, number_text, show
from cellwarden.engine.heater_rules import HeaterSettings
from cellwarden.model import HardwareModel, Parameters
from cellwarden.model.catalog import HEATER_CURRENT_MAX_A, HEATER_POWER_MAX_W, least_film_ohm

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _clock(text: str) -> str | None:
    return None if _CLOCK.fullmatch(text) else 'write a time of day in quotes, such as "09:30"'


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatingOptions:
    """The table `[pack.heating]`."""

    film_ohm: float | None = option(
        None,
        help="resistance of the heating film that the pack feeds, measured between its leads;"
        " refused where it breaks 3 A or 200 W (100 W on B2A8S20P) at the highest pack voltage",
        unit="ohm",
        minimum=0.1,
        maximum=1000,
        example=20.0,
    )
    mains_w: float | None = option(
        None,
        help="instead of film_ohm: what a heater takes that the mains feed, by a relay",
        unit="W",
        minimum=1,
        maximum=3000,
    )
    relay: str | None = option(
        None,
        help="name of the [[relay]] that switches the heater; default: the BMS's heating output",
    )
    most_a: float | None = option(
        None,
        help="with relay: what relay, wiring and film bear instead of 3 A",
        unit="A",
        minimum=0.1,
        maximum=30,
    )
    most_w: float | None = option(
        None,
        help="with relay: what they bear instead of 200 W",
        unit="W",
        minimum=1,
        maximum=2000,
    )
    soc_floor_percent: float = option(
        30.0, help="the pack does not heat itself below this SoC", unit="%", minimum=5, maximum=95
    )
    only_surplus: bool = option(
        False,
        help="heat only with energy that would be fed in or lost, as an output or an order tells",
    )
    only_expected: bool = option(
        False,
        help="heat only ahead of charging that is expected, by the hours below or by an order, and"
        " while it is possible",
    )
    charge_from: str | None = option(
        None,
        help='local time from which charging is expected, such as "09:30": warm by then, and not'
        " before; without it the pack is warmed whenever it is too cold to be charged",
        check=_clock,
    )
    charge_until: str | None = option(None, help="and until when", check=_clock)

    def __post_init__(self) -> None:
        """Refuse a heater that is fed by nothing or twice, and half a day."""
        if (self.film_ohm is None) is (self.mains_w is None):
            raise ValueError(
                "give film_ohm, the resistance of a film that the pack feeds, or mains_w, what"
                " another heater takes: one of them"
            )
        if self.relay is None:
            for name in ("mains_w", "most_a", "most_w"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is for a heater on a relay: add relay")
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
    most_a = options.most_a or HEATER_CURRENT_MAX_A
    most_w = options.most_w or HEATER_POWER_MAX_W
    if board is not None and options.relay is None:
        if board.heater_power_max_w is None:
            below.wrong(f"{board.name} has no heating output: name the relay that switches it")
            return None
        most_w = board.heater_power_max_w
    highest_v = parameters.cell_count * parameters.cell_overvoltage_v
    least = least_film_ohm(highest_v, most_w, most_a)
    if options.film_ohm is not None and options.film_ohm < least:
        below.wrong(
            f"{options.film_ohm:g} ohm is too little at {highest_v:.1f} V, the highest voltage of"
            f" this pack: the output bears {number_text(most_a)} A and {number_text(most_w)} W, so"
            f" at least {least:.1f} ohm",
            "film_ohm",
        )
        return None
    return HeaterSettings(
        film_ohm=options.film_ohm,
        mains_w=options.mains_w,
        relay=options.relay is not None,
        most_w=most_w,
        most_a=most_a,
        soc_floor_percent=options.soc_floor_percent,
        only_surplus=options.only_surplus,
        only_expected=options.only_expected,
        charge_from=_time(options.charge_from),
        charge_until=_time(options.charge_until),
    )


def relay_of(
    table: Mapping[str, Any], relays: Mapping[str, RelaySettings | None], place: Place
) -> RelaySettings | None:
    """Return the relay that a pack's heater hangs on, None if it names none or it is not good."""
    heating = table.get("heating")
    name = heating.get("relay") if isinstance(heating, dict) else None
    if not isinstance(name, str):
        return None
    if name not in relays:
        there = ", ".join(relays) if relays else "there is none in this file"
        place.below("heating").wrong(
            f"no [[relay]] with name {show(name)}: {there}{did_you_mean(name, relays)}", "relay"
        )
    return relays.get(name)


def _time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)
