"""Settings: what a device stores and can be told, as its protocol carries it."""

from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden.model.request import RequestKind

SettingValue = float | bool | str
"""Numbers for parameters, bool for switches, text for names."""

SWITCHES: Mapping[RequestKind, str] = {
    RequestKind.CHARGE_SWITCH: "charge_switch",
    RequestKind.DISCHARGE_SWITCH: "discharge_switch",
    RequestKind.BALANCE_SWITCH: "balance_switch",
    RequestKind.HEATING_SWITCH: "heating_switch",
}
"""The name that a switch has among a device's settings, by the request that sets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a device: where it stands and what it can hold."""

    name: str
    """A name of `model.PARAMETERS` or of `SWITCHES`."""
    register: str
    """As the protocol's description writes it: `0x97`."""
    unit: str = ""
    step: float | None = None
    """The smallest difference that the register can hold, in `unit`; None for a switch."""
    minimum: float | None = None
    """What the protocol's description allows, in `unit`; None where it gives no bound."""
    maximum: float | None = None
