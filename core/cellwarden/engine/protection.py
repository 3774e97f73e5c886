"""Trip and release: the table of `protection_rules` at work.

A row trips when its quantity was beyond the threshold in every reading for the delay, at least in
two. Times are those of the readings, so the poll rate decides nothing. A row that tripped stays
so until its release, whatever else happens: silence and unknown values release nothing.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from cellwarden.engine.protection_rules import RULES, Level, Rule
from cellwarden.engine.view import View
from cellwarden.model import Alarm, Parameters, quantity_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one row remembers."""

    beyond_since_s: float | None = None
    """First of an unbroken run of readings beyond the threshold."""
    alarm: Alarm | None = None
    """Present while tripped."""
    clear_since_s: float | None = None
    """First of an unbroken run of readings that satisfy the release."""


IDLE = Watch()


class Row(NamedTuple):
    """A rule with the numbers of one pack; signs turned so that beyond is always greater."""

    rule: Rule
    sign: float
    threshold: float
    immediate: float
    release: float | None
    release_s: float | None
    delay_s: float
    shown_threshold: float
    releases: str


class Protection:
    """The rows of one pack."""

    def __init__(self, pack: str, parameters: Parameters) -> None:
        self._pack = pack
        rows = (_row(rule, parameters) for rule in RULES)
        self.rows: tuple[Row, ...] = tuple(row for row in rows if row is not None)
        self.idle: tuple[Watch, ...] = (IDLE,) * len(self.rows)

    def hear(
        self, watches: tuple[Watch, ...], view: View, soc_percent: float | None, heard_s: float
    ) -> tuple[Watch, ...]:
        """Return the watches after a new reading; the same tuple if none changed."""
        quantities = (*view.quantities, soc_percent)
        changed: list[Watch] | None = None
        for n, row in enumerate(self.rows):
            value = quantities[row.rule.quantity]
            if value is None:
                continue
            watch = watches[n]
            beyond = value * row.sign
            if watch is IDLE and beyond <= row.threshold:
                continue
            after = self._next(row, watch, beyond, view, heard_s)
            if after is not watch:
                if changed is None:
                    changed = list(watches)
                changed[n] = after
        if changed is None:
            return watches
        watched = tuple(changed)
        return self.idle if watched == self.idle else watched

    def wait(self, watches: tuple[Watch, ...], now_s: float) -> tuple[Watch, ...]:
        """Return the watches after the releases that only time brings (R15, R16)."""
        if watches is self.idle:
            return watches
        after = tuple(
            IDLE
            if watch.alarm is not None
            and row.release_s is not None
            and now_s - watch.alarm.since_s >= row.release_s
            else watch
            for row, watch in zip(self.rows, watches, strict=True)
        )
        if after == watches:
            return watches
        return self.idle if after == self.idle else after

    def forget(self, watches: tuple[Watch, ...]) -> tuple[Watch, ...]:
        """Return the watches after a gap: what had not tripped starts again, trips stay."""
        after = tuple(Watch(alarm=w.alarm) if w.alarm is not None else IDLE for w in watches)
        return self.idle if after == self.idle else after

    def _next(self, row: Row, watch: Watch, beyond: float, view: View, heard_s: float) -> Watch:
        if watch.alarm is not None:
            return _release(row, watch, beyond, heard_s)
        if not beyond > row.threshold:
            return IDLE  # a dip starts the delay anew (R16)
        since_s = watch.beyond_since_s
        if beyond > row.immediate or (since_s is not None and heard_s - since_s >= row.delay_s):
            value = row.sign * beyond
            return Watch(alarm=self.alarm(row, value, view.where(row.rule.quantity), heard_s))
        return Watch(beyond_since_s=heard_s) if since_s is None else watch

    def alarm(self, row: Row, value: float, where: str, since_s: float) -> Alarm:
        """Return the alarm of a row that tripped."""
        rule = row.rule
        return Alarm(
            kind=rule.kind,
            severity=rule.severity,
            pack=self._pack,
            since_s=since_s,
            blocks_charge=rule.blocks_charge,
            blocks_discharge=rule.blocks_discharge,
            where=where,
            value=value,
            threshold=row.shown_threshold,
            unit=rule.unit,
            releases=row.releases,
        )


def _release(row: Row, watch: Watch, beyond: float, heard_s: float) -> Watch:
    if row.release is None:
        return watch
    if not beyond < row.release:
        return watch if watch.clear_since_s is None else replace(watch, clear_since_s=None)
    if watch.clear_since_s is None:
        return replace(watch, clear_since_s=heard_s)
    return IDLE  # the second reading that agrees (F45)


def _row(rule: Rule, parameters: Parameters) -> Row | None:
    at = _level(rule.at, parameters)
    if at is None:
        return None
    sign = 1.0 if rule.above else -1.0
    release = _level(rule.release, parameters)
    release_s = _level(rule.release_s, parameters)
    threshold = sign * at
    if rule.reaches:
        threshold = math.nextafter(threshold, -math.inf)
    immediate = math.inf if rule.immediate is None else sign * at + rule.immediate
    shown = f"{release_s:g} s" if release_s is not None else _shown(release, rule.unit)
    return Row(
        rule=rule,
        sign=sign,
        threshold=threshold,
        immediate=immediate,
        release=None if release is None else sign * release,
        release_s=release_s,
        delay_s=_level(rule.delay, parameters) or 0.0,
        shown_threshold=at,
        releases=rule.releases.format(shown),
    )


def _shown(value: float | None, unit: str) -> str:
    return "" if value is None else quantity_text(value, unit)


def _level(level: Level | None, parameters: Parameters) -> float | None:
    if isinstance(level, str):
        value: float | None = getattr(parameters, level)
        return value
    if callable(level):
        return level(parameters)
    return level
