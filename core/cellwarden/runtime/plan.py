"""Plans a transaction: what is to be written in which order, or every rule that speaks against it.

Pure. A plan is made against what the device holds now, with the values as its registers will hold
them, and ordered so that no state on the way breaks a rule that the device kept before.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from cellwarden.errors import CommandRefused
from cellwarden.model import (
    Chemistry,
    HardwareModel,
    Parameters,
    Setting,
    SettingValue,
    Step,
    broken_rules,
)
from cellwarden.model.parameter_table import PARAMETERS

_NAMES = frozenset(field.name for field in fields(Parameters))
_SPECS = {spec.name: spec for spec in PARAMETERS}
_ROUNDING = 1e-9
"""Relative error of a decoded float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write: what the register holds and what it shall hold."""

    setting: Setting
    before: SettingValue
    wanted: SettingValue
    note: str = ""

    def step(self, now: SettingValue | None = None, note: str = "") -> Step:
        """Return it as an outcome shows it."""
        return Step(
            what=self.setting.name,
            register=self.setting.register,
            before=self.before,
            wanted=self.wanted,
            now=now,
            unit=self.setting.unit,
            note="; ".join(text for text in (self.note, note) if text),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """How far a setting may go, whatever a register can hold, and who says so."""

    low: float | None = None
    high: float | None = None
    why: str


class RulesBroken(CommandRefused):
    """Changes that cannot be planned; `problems` has one sentence for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def same(setting: Setting, one: SettingValue, other: SettingValue | None) -> bool:
    """Return whether a register that holds one value holds the other too."""
    if other is None or isinstance(one, str) or isinstance(other, str):
        return one == other
    if setting.step is None:
        return bool(one) is bool(other)
    return abs(one - other) <= 0.5 * setting.step * (1 - 1e-6)


def plan(
    changes: Mapping[str, float | None],
    held: Mapping[str, SettingValue],
    table: Mapping[str, Setting],
    base: Parameters,
    bounds: Mapping[str, Bound] | None = None,
) -> tuple[Change, ...]:
    """Return the writes that make these changes, in order; none for what is so already.

    `held` is what the device holds now, `table` what can be written on it. `base` only fills in
    what the device does not hold: no rule is judged by it. RulesBroken with all that is wrong.
    """
    problems: list[str] = []
    wanted: list[Change] = []
    for name, value in changes.items():
        try:
            change = _change(name, value, held, table)
        except CommandRefused as error:
            problems.append(str(error))
            continue
        wanted.append(change)  # also where it goes too far: every broken rule is told
        problems += _too_far(change, value, (bounds or {}).get(name))
    needed = [c for c in wanted if not same(c.setting, c.wanted, c.before)]
    result = {**held, **{change.setting.name: change.wanted for change in needed}}
    problems += _broken(base, result, {change.setting.name for change in needed})
    if problems:
        raise RulesBroken(problems)
    return _in_order(needed, held, base)


def preset_changes(
    preset: Parameters, held: Mapping[str, SettingValue], table: Mapping[str, Setting]
) -> dict[str, float | None]:
    """Return the changes that make a device's settings those of a preset (R6).

    What is wired stays: cell count and capacity. A value beyond what a register holds becomes the
    nearest that it can.
    """
    found: dict[str, float | None] = {}
    for name, setting in table.items():
        if name in ("cell_count", "design_capacity_ah") or name not in _NAMES or name not in held:
            continue
        value = getattr(preset, name)
        if value is not None:
            low = -math.inf if setting.minimum is None else setting.minimum
            high = math.inf if setting.maximum is None else setting.maximum
            found[name] = min(max(value, low), high)
    return found


def _change(
    name: str,
    value: object,
    held: Mapping[str, SettingValue],
    table: Mapping[str, Setting],
) -> Change:
    """Return one change; CommandRefused with what is wrong with it."""
    setting = table.get(name)
    if setting is None:
        raise CommandRefused(_not_writable(name, table))
    if value is None:
        raise CommandRefused(f"{name}: this device cannot be told to do without it")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CommandRefused(f"{name} must be a number, not {value!r}")
    if name not in held:
        raise CommandRefused(f"{name}: the device does not tell it now, so it could not be undone")
    assert setting.step is not None  # parameters are numbers
    wanted = rounded(value, setting.step)
    off = abs(wanted - value) > _ROUNDING * max(1.0, abs(value))
    return Change(
        setting=setting,
        before=held[name],
        wanted=wanted,
        note=f"{value:g} as the register can hold it" if off else "",
    )


def _too_far(change: Change, asked: float | None, bound: Bound | None) -> Iterator[str]:
    """Yield what register, cells or board do not stand; what is so already may stay."""
    setting, value = change.setting, change.wanted
    if isinstance(value, str) or same(setting, value, change.before):
        return
    low, high = setting.minimum, setting.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        span = f"{_text(low, 'any')}..{_text(high, 'any')} {setting.unit}".rstrip()
        yield f"{setting.name} = {asked:g} is outside {span}, which this device can hold"
    elif bound is not None and bound.high is not None and value > bound.high:
        yield f"{setting.name} = {asked:g} is above {bound.high:g} {setting.unit}: {bound.why}"
    elif bound is not None and bound.low is not None and value < bound.low:
        yield f"{setting.name} = {asked:g} is below {bound.low:g} {setting.unit}: {bound.why}"


def bounds_of(
    base: Parameters, cell: Chemistry | None, board: HardwareModel | None
) -> dict[str, Bound]:
    """Return how far settings may go for these cells and this board (R18); None: not known.

    Where the configuration itself goes beyond what the chemistry stands, its owner has allowed it.
    """
    found: dict[str, Bound] = {}
    if cell is not None:
        why = f"{cell.name} by the configuration does not stand more"
        for name in ("cell_overvoltage_v", "charge_voltage_v"):
            found[name] = Bound(high=max(cell.absolute_max_v, getattr(base, name)), why=why)
        why = f"{cell.name} by the configuration does not stand less"
        for name in ("cell_undervoltage_v", "shutdown_v"):
            found[name] = Bound(low=min(cell.absolute_min_v, getattr(base, name)), why=why)
    if board is not None:
        why = f"the board {board.name} does not carry more"
        for name in ("charge_current_max_a", "discharge_current_max_a"):
            found[name] = Bound(high=board.continuous_current_a, why=why)
        found["balance_current_max_a"] = Bound(high=board.balance_current_a, why=why)
        found["cell_count"] = Bound(
            high=board.max_cells, why=f"the board {board.name} has no leads for more"
        )
    return found


def _not_writable(name: str, table: Mapping[str, Setting]) -> str:
    spec = _SPECS.get(name)
    if spec is None:
        from difflib import get_close_matches  # noqa: PLC0415  # for mistakes

        near = get_close_matches(name, table, n=1)
        return f"there is no parameter {name!r}" + (f"; did you mean {near[0]}?" if near else "")
    if not table:
        return f"{name}: the device has not said yet which layout its registers have"
    return f"{name} cannot be written on this device"


def rounded(value: float, step: float) -> float:
    """Return the nearest value that a register with this step can hold."""
    return round(round(value / step) * step, 9) + 0.0


def _text(value: float | None, none: str) -> str:
    return none if value is None else f"{value:g}"


def _broken(
    base: Parameters, values: Mapping[str, SettingValue], touched: set[str]
) -> tuple[str, ...]:
    """Return the rules that a device's settings break and that one of `touched` has a part in.

    What it breaks elsewhere, it broke before: that is no reason to refuse a change.
    """
    known = {name: value for name, value in values.items() if name in _NAMES}
    parameters = replace(base, **known)  # type: ignore[arg-type]  # names of its fields, numbers
    return tuple(
        line
        for line in broken_rules(parameters)
        if (names := _NAMES.intersection(line.replace(",", " ").split())) <= known.keys()
        and names & touched
    )


def _in_order(
    changes: Iterable[Change], held: Mapping[str, SettingValue], base: Parameters
) -> tuple[Change, ...]:
    """Return the changes in an order in which no state between breaks a rule.

    Such an order always exists where the rules only say which value is greater: what rises goes
    from the top down, what falls from the bottom up. RulesBroken if there is none.
    """
    left = list(changes)
    touched = {change.setting.name for change in left}
    state = dict(held)
    ordered: list[Change] = []
    broken = set(_broken(base, state, touched))
    while left:
        for change in left:
            after = {**state, change.setting.name: change.wanted}
            breaks = set(_rules(_broken(base, after, touched)))
            if breaks <= set(_rules(broken)):
                break
        else:
            names = ", ".join(change.setting.name for change in left)
            problem = f"{names}: one after the other they break a rule: change them in two requests"
            raise RulesBroken([problem])
        left.remove(change)
        ordered.append(change)
        state = after
        broken = set(_broken(base, state, touched))
    return tuple(ordered)


def _rules(lines: Iterable[str]) -> Iterable[frozenset[str]]:
    """Return which parameters each broken rule is about: its values change on the way."""
    return (frozenset(_NAMES.intersection(line.replace(",", " ").split())) for line in lines)
