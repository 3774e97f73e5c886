"""One file a driver: its table in the configuration, and how it is built; the folder is walked.

Cheap to import, for every command sees all of them: codec and driver come with the first pack that
has one.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from cellwarden.hooks import DriverKind


def all_drivers() -> Iterator[DriverKind]:
    """Yield the `DRIVER` of every module in this folder."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        kind = getattr(import_module(module.name), "DRIVER", None)
        if isinstance(kind, DriverKind):
            yield kind
