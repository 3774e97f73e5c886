"""Trip and release: the table of `protection_rules` at work.

A row trips when its quantity was beyond the threshold in every reading for the delay, at least in
two. Times are those of the readings, so the poll rate decides nothing. A row that tripped stays
so until its release, whatever else happens: silence and unknown values release nothing. Some rows
are latched, at once or after too many trips: those wait for a person.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cellwarden.engine.overload import Heat, heated
from cellwarden.engine.protection_rules import RULES
from cellwarden.engine.rule import LATCH_WINDOW_S, Level, Rule, Scene, Signal
from cellwarden.engine.view import Quantity
from cellwarden.model import Alarm, Parameters, quantity_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one row remembers."""

    beyond_since_s: float | None = None
    """First of an unbroken run of readings beyond the threshold; beside an alarm: the only one."""
    alarm: Alarm | None = None
    """Present while tripped."""
    clear_since_s: float | None = None
    """First of an unbroken run of readings that satisfy the release."""
    trips_s: tuple[float, ...] = ()
    """When it tripped lately, of a row that latches after some."""
    latched: bool = False
    """Tripped, and only a person releases it."""
    heat: Heat | None = None
    """Of a row with inverse time, while there is any."""

    @property
    def confirmed(self) -> bool:
        """Whether it tripped, and by more than one reading: estimates may rest on it."""
        return self.alarm is not None and self.beyond_since_s is None


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
        measured, signalled = [], []
        for n, row in enumerate(self.rows):
            if row.rule.quantity is not None:
                measured.append((n, row.rule.quantity, row.sign, row.threshold))
            elif row.rule.signal is not None:
                signalled.append((n, row.rule.signal, row.threshold))
        self._measured, self._signalled = tuple(measured), tuple(signalled)
        self._calm = _calm(measured)

    def hear(
        self,
        watches: tuple[Watch, ...],
        scene: Scene,
        soc_percent: float | None,
        heard_s: float,
    ) -> tuple[Watch, ...]:
        """Return the watches after a new reading; the same tuple if none changed."""
        quantities = (*scene.view.quantities, soc_percent)
        changed: dict[int, Watch] = {}
        calm = watches is self.idle and self._nothing_beyond(quantities)
        for n, quantity, sign, threshold in () if calm else self._measured:
            value = quantities[quantity]
            if value is None:
                continue
            watch = watches[n]
            beyond = value * sign
            if watch is IDLE and beyond <= threshold:
                continue
            changed[n] = self._next(self.rows[n], watch, beyond, scene, None, heard_s)
        for n, signal_of, threshold in self._signalled:
            signal = signal_of(scene)
            if signal is None:
                continue
            watch, beyond = watches[n], signal.value
            if watch is IDLE and beyond <= threshold:
                continue
            changed[n] = self._next(self.rows[n], watch, beyond, scene, signal, heard_s)
        if not changed:
            return watches
        after = tuple(changed.get(n, watch) for n, watch in enumerate(watches))
        return self._same(watches, after)

    def _nothing_beyond(self, quantities: Sequence[float | None]) -> bool:
        for quantity, low, high in self._calm:
            value = quantities[quantity]
            if value is not None and not low <= value <= high:
                return False
        return True

    def wait(self, watches: tuple[Watch, ...], now_s: float) -> tuple[Watch, ...]:
        """Return the watches after the releases that only time brings (R15, R16)."""
        if watches is self.idle:
            return watches
        after = tuple(
            _released(watch) if _served(row, watch, now_s) else watch
            for row, watch in zip(self.rows, watches, strict=True)
        )
        return self._same(watches, after)

    def forget(self, watches: tuple[Watch, ...]) -> tuple[Watch, ...]:
        """Return the watches after a gap: what had not tripped starts again, trips stay."""
        after = tuple(
            w
            if w is IDLE
            else Watch(alarm=w.alarm, trips_s=w.trips_s, latched=w.latched)
            if w.alarm is not None or w.trips_s
            else IDLE
            for w in watches
        )
        return self.idle if after == self.idle else after

    def release(self, watches: tuple[Watch, ...]) -> tuple[Watch, ...]:
        """Return the watches after a person released what was latched."""
        after = tuple(IDLE if watch.latched else watch for watch in watches)
        return self._same(watches, after)

    def _same(self, before: tuple[Watch, ...], after: tuple[Watch, ...]) -> tuple[Watch, ...]:
        """Return the watches as the very tuple they were, where nothing changed."""
        if after == before:
            return before
        return self.idle if after == self.idle else after

    def _next(
        self,
        row: Row,
        watch: Watch,
        beyond: float,
        scene: Scene,
        signal: Signal | None,
        heard_s: float,
    ) -> Watch:
        if watch.alarm is not None:
            return _release(row, watch, beyond, heard_s)
        heat, hot = None, False
        if row.rule.inverse:
            heat, hot = heated(watch.heat, beyond / row.threshold, row.delay_s, heard_s)
        if not beyond > row.threshold:  # a dip starts the delay anew (R16)
            trips_s = _recent(watch.trips_s, heard_s)
            return Watch(trips_s=trips_s, heat=heat) if heat or trips_s else IDLE
        since_s = watch.beyond_since_s
        if (
            hot
            or beyond > row.immediate
            or (since_s is not None and heard_s - since_s >= row.delay_s)
        ):
            return self._trip(row, watch, beyond, scene, signal, heard_s)
        if since_s is not None and heat is None:
            return watch
        return replace(watch, beyond_since_s=heard_s if since_s is None else since_s, heat=heat)

    def _trip(
        self,
        row: Row,
        watch: Watch,
        beyond: float,
        scene: Scene,
        signal: Signal | None,
        heard_s: float,
    ) -> Watch:
        rule = row.rule
        trips_s: tuple[float, ...] = ()
        latched = rule.latched
        if rule.latches_after is not None:
            trips_s = (*_recent(watch.trips_s, heard_s), heard_s)
            latched = len(trips_s) > rule.latches_after
        value, where, limit = row.sign * beyond, "", None
        if signal is not None:
            where, limit = signal.where, signal.limit
            value = beyond if signal.shown is None else signal.shown
        elif rule.quantity is not None:
            where = scene.view.where(rule.quantity)
        alarm = self.alarm(row, value, where, heard_s, limit=limit, latched=latched)
        alone_s = heard_s if watch.beyond_since_s is None else None
        return Watch(alarm=alarm, trips_s=trips_s, latched=latched, beyond_since_s=alone_s)

    def alarm(
        self,
        row: Row,
        value: float,
        where: str,
        since_s: float,
        *,
        limit: float | None = None,
        latched: bool = False,
    ) -> Alarm:
        """Return the alarm of a row that tripped."""
        rule = row.rule
        releases = row.releases
        if latched and not rule.latched:
            releases = f"somebody releases it: it tripped {(rule.latches_after or 0) + 1} times"
        return Alarm(
            kind=rule.kind,
            severity=rule.severity,
            pack=self._pack,
            since_s=since_s,
            blocks_charge=rule.blocks_charge,
            blocks_discharge=rule.blocks_discharge,
            blocks_balance=rule.blocks_balance,
            where=where,
            value=value,
            threshold=row.shown_threshold if limit is None else limit,
            unit=rule.unit,
            releases=releases,
        )


def _calm(
    measured: Sequence[tuple[int, Quantity, float, float]],
) -> tuple[tuple[Quantity, float, float], ...]:
    """Return for each quantity the lowest and highest value at which no row is beyond."""
    calm = {quantity: (-math.inf, math.inf) for _, quantity, _, _ in measured}
    for _, quantity, sign, threshold in measured:
        low, high = calm[quantity]
        if sign > 0:
            calm[quantity] = low, min(high, threshold)
        else:
            calm[quantity] = max(low, -threshold), high
    return tuple((quantity, low, high) for quantity, (low, high) in calm.items())


def _recent(trips_s: tuple[float, ...], now_s: float) -> tuple[float, ...]:
    """Return the trips that still count together."""
    if not trips_s or now_s - trips_s[0] <= LATCH_WINDOW_S:
        return trips_s
    return tuple(t for t in trips_s if now_s - t <= LATCH_WINDOW_S)


def _released(watch: Watch) -> Watch:
    """Return a watch after its release; how often it tripped lately is kept."""
    return Watch(trips_s=watch.trips_s) if watch.trips_s else IDLE


def _served(row: Row, watch: Watch, now_s: float) -> bool:
    """Return whether a trip has lasted for its release time, and nothing else is waited for."""
    if watch.alarm is None or row.release_s is None or watch.latched or row.rule.waits:
        return False
    return now_s - watch.alarm.since_s >= row.release_s


def _release(row: Row, watch: Watch, beyond: float, heard_s: float) -> Watch:
    if watch.beyond_since_s is not None and beyond > row.threshold:
        watch = replace(watch, beyond_since_s=None)
    level = row.threshold if row.rule.waits else row.release
    if level is None or watch.latched:
        return watch
    good = beyond <= level if row.rule.waits else beyond < level
    if not good:
        return watch if watch.clear_since_s is None else replace(watch, clear_since_s=None)
    if watch.clear_since_s is None:
        return replace(watch, clear_since_s=heard_s)
    alarm, release_s = watch.alarm, row.release_s
    if release_s is not None and alarm is not None and heard_s - alarm.since_s < release_s:
        return watch
    return _released(watch)  # the second reading that agrees (F45)


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
