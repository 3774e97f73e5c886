"""The keys that a settings dataclass describes."""

from dataclasses import dataclass, field
from enum import Enum

import pytest

from cellwarden.config.keys import PARAMETER_KEYS, keys_of
from cellwarden.config.options import option
from cellwarden.model import PARAMETERS


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


@dataclass(frozen=True, kw_only=True)
class Every:
    text: str = option(help="a text", choices=("a", "b"))
    count: int = option(1, help="a count")
    share: float | None = option(None, help="a share")
    speed: Speed = option(Speed.SLOW, help="a speed")  # noqa: RUF009  # a field
    names: tuple[str, ...] = option((), help="names")
    plain: bool = False
    made: tuple[int, ...] = field(default_factory=lambda: (1,))


def test_every_kind_of_field_becomes_a_key() -> None:
    assert [(k.name, k.type, k.many, k.required, k.default) for k in keys_of(Every)] == [
        ("text", str, False, True, None),
        ("count", int, False, False, 1),
        ("share", float, False, False, None),
        ("speed", Speed, False, False, Speed.SLOW),
        ("names", str, True, False, ()),
        ("plain", bool, False, False, False),
        ("made", int, True, False, (1,)),
    ]


def test_choices_come_from_the_option_or_the_enum() -> None:
    by_name = {key.name: key.choices for key in keys_of(Every)}
    assert by_name["text"] == ("a", "b")
    assert by_name["speed"] == ("slow", "fast")
    assert by_name["count"] == ()


@dataclass(frozen=True, kw_only=True)
class Wrong:
    place: dict[str, int] = option(help="no key can be this")  # noqa: RUF009  # a field


@dataclass(frozen=True, kw_only=True)
class Either:
    place: int | str = option(help="nor this")


@pytest.mark.parametrize("options", [Wrong, Either])
def test_a_type_that_no_key_can_have_is_the_author_s_mistake(options: type) -> None:
    with pytest.raises(TypeError, match="place: an option cannot be of type"):
        keys_of(options)


def test_the_parameters_are_those_of_the_model_but_for_what_the_pack_says() -> None:
    assert [key.name for key in PARAMETER_KEYS] == [
        spec.name for spec in PARAMETERS if spec.name not in ("cell_count", "design_capacity_ah")
    ]
