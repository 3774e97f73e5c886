"""The dialects, one table file each."""

from cellwarden_can_inverter.dialects.pylontech_lv import PYLONTECH_LV
from cellwarden_can_inverter.frames import Dialect

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (PYLONTECH_LV,)}
"""By the name used in the configuration."""

__all__ = ["DIALECTS", "PYLONTECH_LV"]
