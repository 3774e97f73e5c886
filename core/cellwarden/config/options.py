"""How a settings dataclass says what a key means, so that check, schema and docs cannot drift.

```python
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    port: str = option(help="serial port or socket:// address")
    timeout_s: float = option(1.0, help="wait for an answer", unit="s", minimum=0.1, maximum=5)
```

A field without a default is required. Types that can be read: str, int, float, bool, an Enum of
strings, `tuple[str, ...]` (also of the others), and any of them `| None`.

A rule between keys stands in the dataclass's `__post_init__`, which raises ValueError, or
ConfigError for several at once: `config check` reports it with everything else. A secret never
stands in the file: give it two keys, `..._file` and `..._env`, that say where it is.
"""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What a key of the configuration means."""

    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    """Returns what is wrong with a value, or None; for rules that a range cannot say."""
    example: object = None
    """Shown by `config init` where there is no default."""


def option(
    default: Any = dataclasses.MISSING,
    *,
    help: str,  # noqa: A002  # the word that argparse and every reader use for it
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    check: Callable[[Any], str | None] | None = None,
    example: object = None,
) -> Any:
    """Return a dataclass field that carries its meaning."""
    meaning = Option(
        help=help,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        check=check,
        example=example,
    )
    return dataclasses.field(default=default, metadata={"option": meaning})


SHORT_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
"""A name that also serves as a part of topics, paths and file names."""


def short_name(name: str) -> str | None:
    """Return what is wrong with such a name, None if it is good; for `check`."""
    if SHORT_NAME.fullmatch(name):
        return None
    return "a name has 1 to 32 of the characters A-Z a-z 0-9 _ -"
