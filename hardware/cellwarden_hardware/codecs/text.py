"""Text fields of devices."""

_PRINTABLE = bytes(0x20 if n == 0 else n if 0x20 <= n <= 0x7E else ord("?") for n in range(256))


def ascii_text(raw: bytes) -> str:
    """Return a text field: NUL is a blank, blanks around are cut, what is not ASCII becomes `?`.

    What a person typed must never make a frame unusable, nor reach a terminal as control codes.
    """
    return raw.translate(_PRINTABLE).decode("ascii").strip()
