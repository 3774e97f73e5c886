"""What the rows of `model.PARAMETERS` are called and how fine they are set, by their names."""

from cellwarden.model import ParameterSpec

STEPS = {"A": 0.1, "°C": 1.0, "s": 1.0, "%": 1.0, "Ah": 1.0, "": 1.0}
FINEST = 0.001
"""Ours: what the device protocols resolve. Home Assistant takes no finer one."""
UNITS = {"ohm": "Ω"}
"""As Home Assistant writes them."""
DEVICE_CLASSES = {"V": "voltage", "A": "current", "°C": "temperature", "s": "duration"}
EVERYDAY = frozenset(
    {
        "charge_voltage_v",
        "charge_current_max_a",
        "discharge_current_max_a",
        "balance_start_v",
        "balance_trigger_v",
    }
)
"""Settings that owners change now and then; a protection's threshold is for those who look for it,
so that its entity is off until they do."""


def title(spec: ParameterSpec) -> str:
    """Return a name that stands by itself: `Cell overvoltage recovery`."""
    words = spec.name.split("_")
    if words[-1] in ("v", "a", "s", "c", "ah", "percent", "ohm", "h", "w", "wh"):
        words = words[:-1]
    text = " ".join(words).replace("mos ", "MOSFET ").replace("soc", "SoC")
    return text[0].upper() + text[1:]


def step(spec: ParameterSpec) -> float:
    """Return how fine a row can be set, in its unit."""
    if spec.maximum - spec.minimum <= 1:
        return FINEST
    return STEPS.get(spec.unit, FINEST)
