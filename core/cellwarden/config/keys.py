"""What a table of the file may hold: the fields of a settings dataclass, described.

The reader, `config init`, `config schema` and the tables of the documentation all work from these
descriptions, so they cannot tell different stories.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cellwarden.config.options import Option
from cellwarden.config.pack_options import CellOptions, PackOptions
from cellwarden.config.settings import (
    BankOptions,
    ControllerOptions,
    OutputOptions,
    RelayOptions,
)
from cellwarden.model import PARAMETERS

SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a table."""

    name: str
    type: type
    """str, int, float, bool or an Enum of strings; of each item where `many`."""
    option: Option
    many: bool = False
    """A list, `tuple[..., ...]` in the dataclass."""
    required: bool = False
    default: Any = None
    """None where there is none, or where leaving the key out means something of its own."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it may take, empty if there is no such list."""
        if issubclass(self.type, Enum):
            return tuple(member.value for member in self.type)
        return self.option.choices


def keys_of(options: type) -> tuple[Key, ...]:
    """Return the keys of an options dataclass, in its order.

    TypeError for a field of a type that no key can have: a mistake of the plugin's author.
    """
    hints = typing.get_type_hints(options)
    return tuple(_key(field, hints[field.name]) for field in dataclasses.fields(options))


def _key(field: "dataclasses.Field[Any]", hint: Any) -> Key:
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    required = default is dataclasses.MISSING
    kind, many = _plain(hint)
    if not (kind in SCALARS or (isinstance(kind, type) and issubclass(kind, Enum))):
        raise TypeError(f"{field.name}: an option cannot be of type {hint}")
    return Key(
        name=field.name,
        type=kind,
        many=many,
        required=required,
        default=None if required else default,
        option=field.metadata.get("option", Option(help="")),
    )


def _plain(hint: Any) -> tuple[Any, bool]:
    """Return the type without `| None` and `tuple[..., ...]`, and whether it was such a tuple."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        others = [arm for arm in typing.get_args(hint) if arm is not types.NoneType]
        hint = others[0] if len(others) == 1 else hint
    match typing.get_args(hint):
        case (item, last) if typing.get_origin(hint) is tuple and last is Ellipsis:
            return item, True
    return hint, False


CONTROLLER_KEYS = keys_of(ControllerOptions)
BANK_KEYS = keys_of(BankOptions)
PACK_KEYS = keys_of(PackOptions)
CELL_KEYS = keys_of(CellOptions)
OUTPUT_KEYS = keys_of(OutputOptions)
RELAY_KEYS = keys_of(RelayOptions)

CONTROLLER_HINTS = {key.name: "it belongs in [controller]" for key in CONTROLLER_KEYS} | {
    key.name: "it belongs in [bank]" for key in BANK_KEYS
}
"""For keys of `[controller]` and `[bank]` that stand in another table."""

SAID_BY_PACK: Mapping[str, str] = {"cell_count": "cells", "design_capacity_ah": "capacity_ah"}
"""Parameters that are not in `[pack.parameters]`, and the key of `[[pack]]` that says them."""

PARAMETER_KEYS = tuple(
    Key(
        name=spec.name,
        type=float,
        option=Option(help=spec.text, unit=spec.unit, minimum=spec.minimum, maximum=spec.maximum),
    )
    for spec in PARAMETERS
    if spec.name not in SAID_BY_PACK
)
