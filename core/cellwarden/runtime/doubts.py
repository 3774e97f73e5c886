"""What a BMS may or should hold, after a write that went wrong: told to the engine (F37)."""

from collections.abc import Iterable, Sequence

from cellwarden.model import PARAMETERS, Outcome, Step, Verdict

_NAMES = frozenset(spec.name for spec in PARAMETERS)
_WRONG = frozenset({Verdict.ROLLED_BACK, Verdict.HALF_DONE})


class Doubts:
    """By pack: parameters, and the values that were wished and are held."""

    def __init__(self) -> None:
        self._by_pack: dict[str, tuple[tuple[str, float], ...]] = {}

    def of(self, pack: str) -> tuple[tuple[str, float], ...]:
        """Return what is in doubt on a pack; the same object while that does not change."""
        return self._by_pack.get(pack, ())

    def note(self, pack: str, outcome: Outcome) -> None:
        """Take what became of a write: doubts begin when it went wrong, and end when it is there.

        A value that was taken back is in doubt too: it was wished, and the device does not have it.
        """
        if outcome.verdict in _WRONG:
            self.left(pack, outcome.steps)
        elif outcome.verdict is Verdict.APPLIED:
            self._keep(pack, _without(self.of(pack), {step.what for step in outcome.steps}))

    def left(self, pack: str, steps: Sequence[Step]) -> None:
        """Take the steps of a write that went wrong, in this run or before it."""
        found = [
            (step.what, float(value))
            for step in steps
            if step.what in _NAMES and step.now != step.wanted
            for value in (step.wanted, step.before, step.now)
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        others = _without(self.of(pack), {name for name, _ in found})
        self._keep(pack, (*others, *dict.fromkeys(found)))

    def forget(self, pack: str) -> bool:
        """End all doubts of a pack: somebody has looked; returns whether there were any."""
        return self._by_pack.pop(pack, None) is not None

    def _keep(self, pack: str, doubts: Iterable[tuple[str, float]]) -> None:
        kept = tuple(sorted(doubts))
        if kept:
            self._by_pack[pack] = kept
        else:
            self._by_pack.pop(pack, None)


def _without(doubts: Sequence[tuple[str, float]], names: set[str]) -> tuple[tuple[str, float], ...]:
    return tuple(doubt for doubt in doubts if doubt[0] not in names)
