"""The engine: pure functions of what was known, what was heard and what time it is.

`Engine` decides for one pack, `Bank` for all of them together. Both are given the time and their
own memory, and return the next memory with what follows from it.
"""

from cellwarden.engine.bank import Bank
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_settings import (
    BankMember,
    BankSettings,
    FullWhen,
    LossPolicy,
    Shape,
)
from cellwarden.engine.engine import Engine
from cellwarden.engine.engine_settings import EngineSettings
from cellwarden.engine.heater_rules import HeaterSettings
from cellwarden.engine.memory import PackMemory

__all__ = [
    "Bank",
    "BankMember",
    "BankMemory",
    "BankSettings",
    "Engine",
    "EngineSettings",
    "FullWhen",
    "HeaterSettings",
    "LossPolicy",
    "PackMemory",
    "Shape",
]
