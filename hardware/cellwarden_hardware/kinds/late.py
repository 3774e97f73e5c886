"""Building what is imported only when it is built."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from cellwarden.hooks import DriverContext
from cellwarden.interfaces import Driver


def late(module: str, build: str) -> Callable[[Any, DriverContext], Driver]:
    """Return a builder that finds the real one, by name, in a module of `drivers`."""

    def built(options: Any, context: DriverContext) -> Driver:
        found = import_module(f"cellwarden_hardware.drivers.{module}")
        driver: Driver = getattr(found, build)(options, context)
        return driver

    return built
