"""What a person reads off a meter, as a number: `4.9`, `4,9 V`, `10 mOhm`, `2k`, `OL`."""

import math
import re

_NUMBER = re.compile(r"\s*([-+]?\d+(?:[.,]\d*)?|[-+]?[.,]\d+)\s*([mkM]?)\s*([A-Za-zΩ°%]*)\s*")
_FACTOR = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6}
_OPEN = frozenset({"ol", "o.l", "0l", "inf", "open", "over", "over-range", "overload", "1."})
"""What meters show above their range. Old ones show a lone `1` or `1.`; a lone 1 stays a one."""
_UNITS = {
    "ohm": {"ohm", "ohms", "Ω", "Ohm", "R"},
    "V": {"V", "v", "volt", "volts", "Volt"},
    "A": {"A", "a", "amp", "amps"},
    "°C": {"C", "°C", "c", "deg"},
    "%": {"%"},
    "K": {"K"},
    "Ah": {"Ah", "ah"},
    "W": {"W", "w"},
}


def read_number(text: str, unit: str) -> float:
    """Return a reading in `unit`; infinity for a meter that shows over-range.

    Prefixes m, k and M count; a unit may be left out. ValueError, with a sentence that says how
    to write it, for what is no number or has another unit.
    """
    if text.strip().lower() in _OPEN:
        return math.inf
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text.strip()!r} is no reading: write a number in {unit}, such as 4.9, 10m or 2k,"
            " or OL where the meter shows over-range"
        )
    digits, prefix, told = found.groups()
    if told and told not in _UNITS.get(unit, {unit}):
        raise ValueError(f"this is asked in {unit}, and {text.strip()!r} is not: measure again")
    return float(digits.replace(",", ".")) * _FACTOR[prefix]
