"""Who may ask for what, and what happens to those who ask too often (F47)."""

from collections import deque
from collections.abc import Mapping
from enum import IntEnum

from cellwarden.model import SWITCHES, RequestKind

ENGINE = "engine"
"""Who asks when the engine wants a switch."""
OWNER = "params"
"""The person at this computer, as the user that the controller runs as."""


ENGINES_NAME: Mapping[RequestKind, str] = {
    RequestKind.CHARGE_SWITCH: "charge",
    RequestKind.DISCHARGE_SWITCH: "discharge",
    RequestKind.BALANCE_SWITCH: "balance",
    RequestKind.HEATING_SWITCH: "heat",
}
"""Fields of `model.Switches`."""


class Right(IntEnum):
    """Each right includes those below it."""

    NOTHING = 0
    ORDERS = 1
    SWITCHES = 2
    SETTINGS = 3


RIGHTS: Mapping[str, Right] = {right.name.lower(): right for right in Right}
"""By the words of the configuration."""


def needed(kind: RequestKind) -> Right:
    """Return the right that a kind of request needs."""
    if kind is RequestKind.RELEASE:
        return Right.SWITCHES  # it may close a switch again
    if not kind.reaches_bms:
        return Right.ORDERS
    return Right.SWITCHES if kind in SWITCHES else Right.SETTINGS


class Rights:
    """What each asker may do, by the configuration."""

    def __init__(self, outputs: Mapping[str, Right]) -> None:
        """`outputs` by their names in the configuration."""
        self._outputs = dict(outputs)

    def is_output(self, who: str) -> bool:
        """Return whether an asker is an output, neither a person here nor the engine."""
        return who.removeprefix("output ") in self._outputs

    def of(self, who: str) -> Right:
        """Return the right of an asker; whoever is not known may give orders and no more."""
        if who == ENGINE:
            return Right.SWITCHES
        if who == OWNER or who.startswith(f"{OWNER} "):
            return Right.SETTINGS
        return self._outputs.get(who.removeprefix("output "), Right.ORDERS)

    def refusal(self, kind: RequestKind, who: str) -> str | None:
        """Return why an asker may not ask for this kind, None if it may."""
        wanted, has = needed(kind), self.of(who)
        if has >= wanted:
            return None
        name = who.removeprefix("output ")
        where = f'set may_ask = "{wanted.name.lower()}" in its [[output]]'
        what = "nothing" if has is Right.NOTHING else f"for {has.name.lower()}"
        why = where if name in self._outputs else "it is no output of the configuration"
        return f"{name or 'somebody without a name'} may ask {what} only: {why}"


class Patience:
    """Counts what goes wrong by key, and says when enough is enough."""

    def __init__(self, most: int, within_s: float, then_s: float) -> None:
        """Let `most` pass `within_s`, then nothing for `then_s`, both in s."""
        self._most, self._within_s, self._then_s = most, within_s, then_s
        self._times: dict[str, deque[float]] = {}
        self._until_s: dict[str, float] = {}
        self.count: dict[str, int] = {}
        """How often altogether, by key."""

    def note(self, key: str, now_s: float) -> None:
        """Count one."""
        self.count[key] = self.count.get(key, 0) + 1
        times = self._times.setdefault(key, deque())
        times.append(now_s)
        while times and now_s - times[0] > self._within_s:
            times.popleft()
        if len(times) >= self._most:
            self._until_s[key] = now_s + self._then_s
            times.clear()

    def wait_s(self, key: str, now_s: float) -> float:
        """Return for how long nothing more is taken, 0 if something is."""
        return max(0.0, self._until_s.get(key, float("-inf")) - now_s)

    def forget(self, key: str) -> None:
        """Start afresh, after something that went well."""
        self._times.pop(key, None)
