"""The dialects, one table file each."""

from cellwarden_can_inverter.dialects.byd_lv import BYD_LV
from cellwarden_can_inverter.dialects.deye_pcs import DEYE_PCS
from cellwarden_can_inverter.dialects.growatt_lv import GROWATT_LV
from cellwarden_can_inverter.dialects.luxpower import LUXPOWER
from cellwarden_can_inverter.dialects.pylontech_hv import PYLONTECH_HV
from cellwarden_can_inverter.dialects.pylontech_lv import PYLONTECH_LV
from cellwarden_can_inverter.dialects.pylontech_plus import PYLONTECH_PLUS
from cellwarden_can_inverter.dialects.sma_si import SMA_SI
from cellwarden_can_inverter.dialects.solark import SOLARK
from cellwarden_can_inverter.dialects.victron import VICTRON
from cellwarden_can_inverter.frames import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        PYLONTECH_LV,
        PYLONTECH_PLUS,
        VICTRON,
        BYD_LV,
        SMA_SI,
        LUXPOWER,
        SOLARK,
        DEYE_PCS,
        GROWATT_LV,
        PYLONTECH_HV,
    )
}
"""By the name used in the configuration."""

__all__ = [
    "BYD_LV",
    "DEYE_PCS",
    "DIALECTS",
    "GROWATT_LV",
    "LUXPOWER",
    "PYLONTECH_HV",
    "PYLONTECH_LV",
    "PYLONTECH_PLUS",
    "SMA_SI",
    "SOLARK",
    "VICTRON",
]
