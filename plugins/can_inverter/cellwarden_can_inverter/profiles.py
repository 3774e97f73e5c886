"""Inverters by name: which dialect, which options, which quirks. Pure.

Sources as in the dialects' files; a quirk without a vendor's sheet is a field report. What stands
in the configuration wins over the profile, the profile over the dialect.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.frames import Dialect
from cellwarden_can_inverter.view import Manners

if TYPE_CHECKING:  # config.py asks here which profiles there are
    from cellwarden_can_inverter.config import CanInverterOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one make of inverter wants."""

    name: str
    makes: str
    """For a person: `Deye`."""
    dialect: str
    battery_setting: str
    """What to choose on the inverter."""
    note: str
    """What is worth knowing, for a person."""
    manufacturer: str | None = None
    """None: the dialect's own."""
    whole_frames: bool = False
    """Every frame has 8 bytes."""
    voltage_step_v: float | None = None
    """Of the pack voltage in 0x356; None: the dialect's own."""
    hold_soc: bool = True
    """Tell at most 99 % until charging has ended."""
    soc_ceiling_percent: float = 100.0
    stop_limit_a: float = 0.0
    """Told for "no current" instead of 0 A."""


_EARLY_FULL = "stops charging by itself at 100 %"

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="deye",
            makes="Deye",
            dialect="pylontech_lv",
            battery_setting="Lithium, mode 00",
            note="W31 or F58 for a charge voltage of 0, a pack voltage off by ten, missing frames;"
            " the name must start with a maker that it knows",
        ),
        Profile(
            name="sunsynk",
            makes="Sunsynk",
            dialect="pylontech_lv",
            battery_setting="Lithium, mode 00",
            note="a Deye inside",
        ),
        Profile(
            name="solark",
            makes="Sol-Ark",
            dialect="solark",
            battery_setting="BMS Lithium, mode 00",
            note="8 bytes a frame; the pack voltage in 0.1 V by its sheet, in 0.01 V by some"
            " users: voltage_step_v",
        ),
        Profile(
            name="solis",
            makes="Solis",
            dialect="pylontech_plus",
            battery_setting="Pylon LV",
            note="stops wholly without discharge, starts again only with charge enabled; wants a"
            " 3.3 V transceiver",
        ),
        Profile(
            name="goodwe",
            makes="GoodWe",
            dialect="pylontech_plus",
            battery_setting="a Pylontech or GoodWe battery, low voltage",
            note=_EARLY_FULL,
            manufacturer="GOODWE",
        ),
        Profile(
            name="growatt",
            makes="Growatt",
            dialect="growatt_lv",
            battery_setting="Lithium, CAN",
            note="asks each second; SPF models with setting L52 also take dialect pylontech_lv",
        ),
        Profile(
            name="luxpower",
            makes="LuxPower",
            dialect="luxpower",
            battery_setting="Lithium 6",
            note="its request to switch the battery off (0x300) is reported, not obeyed",
        ),
        Profile(
            name="eg4",
            makes="EG4",
            dialect="luxpower",
            battery_setting="Lithium 6 (6000XP); Lithium 2 takes dialect pylontech_lv",
            note="a LuxPower inside",
        ),
        Profile(
            name="sma",
            makes="SMA Sunny Island",
            dialect="sma_si",
            battery_setting="Li-Ion, external BMS",
            note="ignores values out of its ranges; an alarm stops it within 10 s, 60 s without"
            " 0x355 too",
            hold_soc=False,
        ),
        Profile(
            name="studer",
            makes="Studer Xtender, Vario (Xcom-CAN)",
            dialect="pylontech_plus",
            battery_setting="Pylontech, DIP switches 1-8 = 1 1 0 0 0 1 1 0",
            note="the Xcom-CAN translates",
            hold_soc=False,
        ),
        Profile(
            name="schneider",
            makes="Schneider XW Pro",
            dialect="pylontech_plus",
            battery_setting="Pylontech",
            note="its heartbeat has a 29-bit identifier",
        ),
        Profile(
            name="sofar",
            makes="Sofar ME3000SP, HYD-ES",
            dialect="pylontech_lv",
            battery_setting="Pylontech",
            note="takes 0 A for no limit, so 0.1 A says stop; never told more than 99 %; charges"
            " by itself with 8 A below 20 %; wants 120 ohm",
            soc_ceiling_percent=99.0,
            stop_limit_a=0.1,
        ),
        Profile(
            name="victron",
            makes="Victron GX",
            dialect="victron",
            battery_setting="CAN-bus BMS LV (500 kbit/s)",
            note="a name PYLON or BYD brings caps of the charge voltage",
            hold_soc=False,
        ),
    )
}
"""By the name used in the configuration."""

_PLAIN = Profile(
    name="", makes="", dialect="pylontech_lv", battery_setting="", note="", hold_soc=False
)
"""Without a profile everything is told as it is."""


def dialect_and_manners(options: "CanInverterOptions") -> tuple[Dialect, Manners]:
    """Return how the inverter of these options is told: options, then profile, then dialect."""
    profile = PROFILES[options.profile] if options.profile is not None else _PLAIN
    dialect = DIALECTS[options.dialect or profile.dialect]
    if options.dialect is not None and options.dialect != profile.dialect:
        # The name belongs to the profile's own dialect: another one is looked up with its own.
        profile = replace(profile, manufacturer=None)
    step_v = _first(options.voltage_step_v, profile.voltage_step_v)
    varied = dialect.varied(
        whole_frames=bool(_first(options.whole_frames, profile.whole_frames)),
        voltage_per=None if step_v is None else round(1 / step_v),
        address=options.battery_address,
    )
    manners = Manners(
        manufacturer=options.manufacturer or profile.manufacturer or dialect.manufacturer,
        stale_after_s=options.stale_after_s,
        gone_after_s=options.gone_after_s,
        force_charge_below_percent=options.force_charge_below_percent,
        force_charge_urgent_below_percent=options.force_charge_urgent_below_percent,
        lowest_cvl_v=dialect.lowest_cvl_v,
        hold_soc=bool(_first(options.hold_soc, profile.hold_soc)),
        soc_ceiling_percent=_first(options.soc_ceiling_percent, profile.soc_ceiling_percent)
        or 100.0,
        stop_limit_a=_first(options.stop_limit_a, profile.stop_limit_a) or 0.0,
    )
    return varied, manners


T = TypeVar("T")


def _first(chosen: T | None, otherwise: T) -> T:
    return otherwise if chosen is None else chosen
