"""Limits: a number that an inverter obeys, and why it is what it is."""

from dataclasses import dataclass, fields

from cellwarden.model.alarm import quantity_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule that wanted a limit, what it looked at, and what would clear it."""

    rule: str
    """The rule's stable name, such as `cell voltage taper`."""
    value: float
    """The limit that this rule alone would give, in the limit's unit."""
    source: str = ""
    """What was looked at: `cell 7`, `T1`, `link`; empty for a setting."""
    measured: float | None = None
    threshold: float | None = None
    unit: str = ""
    """Unit of `measured` and `threshold`."""
    clears: str = ""
    """What would take this rule away, for a person."""
    pack: str | None = None
    """The pack it comes from; None while the pack itself is speaking, or for the whole bank."""

    def of(self, pack: str | None, value: float) -> "Reason":
        """Return this reason as a pack's, with what it comes to for the bank."""
        # A bank of 64 packs does this some hundred times a second: slots filled by hand cost a
        # third of what `__init__` of a frozen class does.
        made = _new(Reason)
        _set_rule(made, self.rule)
        _set_value(made, value)
        _set_source(made, self.source)
        _set_measured(made, self.measured)
        _set_threshold(made, self.threshold)
        _set_unit(made, self.unit)
        _set_clears(made, self.clears)
        _set_pack(made, pack)
        return made

    @property
    def text(self) -> str:
        """One line for a person: `left: cell voltage taper, cell 7 at 3.472 V`."""
        parts = [f"{self.pack}: {self.rule}" if self.pack else self.rule]
        if self.measured is not None:
            at = f"{self.source} at " if self.source else ""
            parts.append(f", {at}{quantity_text(self.measured, self.unit)}")
        elif self.source:
            parts.append(f", {self.source}")
        if self.threshold is not None:
            parts.append(f" (threshold {quantity_text(self.threshold, self.unit)})")
        if self.clears:
            parts.append(f"; clears when {self.clears}")
        return "".join(parts)


_new = object.__new__
(
    _set_rule,
    _set_value,
    _set_source,
    _set_measured,
    _set_threshold,
    _set_unit,
    _set_clears,
    _set_pack,
) = (vars(Reason)[field.name].__set__ for field in fields(Reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A value with the chain of rules behind it, the binding one first.

    The chain is never empty: a limit without a reason is the complaint this type exists for.
    """

    value: float
    reasons: tuple[Reason, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a limit needs at least one reason")

    @property
    def binding(self) -> Reason:
        """The rule that set the value."""
        return self.reasons[0]

    def of_pack(self, pack: str) -> "Limit":
        """Return this limit with the pack's name written into every reason that lacks one."""
        return Limit(
            value=self.value,
            reasons=tuple([r if r.pack else r.of(pack, r.value) for r in self.reasons]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The four numbers an inverter is told.

    CVL is the highest charge voltage in V and never 0; CCL and DCL are currents in A, both
    positive, 0 meaning "stop"; DVL is the lowest discharge voltage in V.
    """

    charge_voltage: Limit
    charge_current: Limit
    discharge_current: Limit
    discharge_voltage: Limit

    @property
    def cvl_v(self) -> float:
        """Charge voltage limit in V."""
        return self.charge_voltage.value

    @property
    def ccl_a(self) -> float:
        """Charge current limit in A, 0 or more."""
        return self.charge_current.value

    @property
    def dcl_a(self) -> float:
        """Discharge current limit in A, 0 or more."""
        return self.discharge_current.value

    @property
    def dvl_v(self) -> float:
        """Discharge voltage limit in V."""
        return self.discharge_voltage.value
