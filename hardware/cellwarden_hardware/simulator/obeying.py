"""How an emulated device takes a new setting: as real ones do, in silence where it does not."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Protocol, runtime_checkable

_ORDER: tuple[tuple[str, ...], ...] = (
    # As the maker's manual has it: each greater than the next. Kept apart from the controller's own
    # rules on purpose: the device is what those are tried on.
    (
        "cell_overvoltage_v",
        "cell_overvoltage_recovery_v",
        "cell_undervoltage_recovery_v",
        "cell_undervoltage_v",
        "shutdown_v",
    ),
    (
        "charge_overtemperature_c",
        "charge_overtemperature_recovery_c",
        "charge_undertemperature_recovery_c",
        "charge_undertemperature_c",
    ),
    ("discharge_overtemperature_c", "discharge_overtemperature_recovery_c"),
)
_SPAN = dict.fromkeys(_ORDER[0], (1.2, 4.35))


@runtime_checkable
class Settable(Protocol):
    """A pack whose BMS can be set."""

    def set_parameter(self, name: str, value: float, /) -> None:
        """Change a setting, by the name of a field of `Parameters`."""


def takes(held: Mapping[str, float], name: str, value: float) -> bool:
    """Return whether a device with these settings takes another value for one of them."""
    low, high = _SPAN.get(name, (value, value))
    if not low <= value <= high:
        return False
    after = {**held, name: value}
    return all(
        after[higher] > after[lower]
        for chain in _ORDER
        for higher, lower in pairwise([each for each in chain if each in after])
        if name in (higher, lower)
    )


def tell(source: object, name: str, value: float) -> None:
    """Let a simulated BMS obey a setting, if it can and the setting is one of its own."""
    if name and isinstance(source, Settable):
        source.set_parameter(name, value)
