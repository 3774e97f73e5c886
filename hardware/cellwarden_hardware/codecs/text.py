"""Text fields of devices."""

import re

_PRINTABLE = bytes(0x20 if n == 0 else n if 0x20 <= n <= 0x7E else ord("?") for n in range(256))


def ascii_text(raw: bytes) -> str:
    """Return a text field: NUL is a blank, blanks around are cut, what is not ASCII becomes `?`.

    What a person typed must never make a frame unusable, nor reach a terminal as control codes.
    """
    return raw.translate(_PRINTABLE).decode("ascii").strip()


def made_on(text: str) -> str | None:
    """Return the date in `240516` or `2405` as `2024-05-16` or `2024-05`, None if it is none."""
    found = re.fullmatch(r"(\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?", text.strip())
    if found is None:
        return None
    return "-".join((f"20{found[1]}", *filter(None, found.groups()[1:])))
