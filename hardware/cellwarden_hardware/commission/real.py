"""The real BMS made to show that it protects, without a cell ever leaving its comfort.

The threshold is brought to the cells instead of the cells to the threshold: over-voltage and its
recovery are set just under the highest cell for some seconds, the charge MOSFET must open, then
the old values go back and it must close. Every write goes through the gate of the running
controller, as one transaction each.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from cellwarden.errors import CellwardenError, LinkError
from cellwarden.repair.checklist import Judged, Result
from cellwarden.repair.seen import Seen

PATIENCE_S = 30.0
"""How long the MOSFET may take to follow: the BMS's own delay and two polls."""
NEAR_V, RECOVERY_V = 0.020, 0.050
"""How far the thresholds are set past the cell (ours: beyond the 3 mV of R3)."""

Ask = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Asks the running controller; LinkError if it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTrial:
    """One protection and the two settings that provoke it."""

    name: str
    title: str
    threshold: str
    recovery: str
    highest: bool
    """Provoked by the highest cell, with thresholds under it; else by the lowest."""
    fet: Callable[[Seen], bool | None]
    along: tuple[str, ...] = ()
    """Settings that the ordering rules keep below the threshold: they go along with it."""


CHARGE = RealTrial(
    name="real-ovp",
    title="cell over-voltage (real)",
    threshold="cell_overvoltage_v",
    recovery="cell_overvoltage_recovery_v",
    highest=True,
    fet=lambda seen: seen.charge_fet_on,
    along=("charge_voltage_v", "balance_start_v"),
)
DISCHARGE = RealTrial(
    name="real-uvp",
    title="cell under-voltage (real)",
    threshold="cell_undervoltage_v",
    recovery="cell_undervoltage_recovery_v",
    highest=False,
    fet=lambda seen: seen.discharge_fet_on,
)


class Real:
    """The real pack under trial."""

    def __init__(
        self,
        pack: str,
        look: Callable[[], Seen],
        ask: Ask,
        wait: Callable[[float], None],
    ) -> None:
        """`wait` waits so many s between two looks."""
        self._pack = pack
        self._look = look
        self._ask = ask
        self._wait = wait

    def show(self, trial: RealTrial) -> Judged:
        """Provoke one protection and put everything back."""
        before = self._look()
        wanted = _thresholds(trial, before)
        if not wanted:
            return _judged(trial, Result.UNKNOWN, "the BMS does not tell its cells or settings")
        if trial.fet(before) is not True:
            return _judged(trial, Result.UNKNOWN, "its MOSFET is not on to begin with")
        told = self._set(wanted)
        if told != "applied":
            return _judged(trial, Result.UNKNOWN, f"the controller would not write: {told}")
        return self._provoked(trial, {name: before.settings[name] for name in wanted})

    def _provoked(self, trial: RealTrial, kept: Mapping[str, float]) -> Judged:
        """Wait for the MOSFET to open, put the settings back whatever it did, and judge."""
        opened, back = False, ""
        try:
            opened = self._until(trial, on=False)
        finally:  # also after Ctrl-C: no trial may leave its thresholds behind
            back = self._set(kept)
        if back != "applied":
            return _judged(
                trial,
                Result.BAD,
                f"THE OLD SETTINGS DID NOT GO BACK ({back}): set"
                f" {', '.join(f'{n} = {v:g}' for n, v in kept.items())} now, see"
                f" `cellwarden params show {self._pack}`",
            )
        closed = self._until(trial, on=True)
        if not opened:
            return _judged(trial, Result.BAD, "its MOSFET did not open; the settings are back")
        if not closed:
            return _judged(trial, Result.BAD, "it opened, the settings are back, it stays open")
        return _judged(trial, Result.GOOD, "its MOSFET opened, the settings are back, it closed")

    def _set(self, changes: Mapping[str, object]) -> str:
        """Write and return `applied`, or why not."""
        message = {"do": "ask", "pack": self._pack, "kind": "parameters", "changes": changes}
        try:
            outcome = self._ask(message)
        except LinkError as error:
            return str(error)
        if outcome.get("verdict") == "applied":
            return "applied"
        return str(outcome.get("reason") or outcome.get("verdict"))

    def _until(self, trial: RealTrial, *, on: bool) -> bool:
        """Look until the MOSFET is as wanted; False if it never is."""
        for _ in range(int(PATIENCE_S)):
            with suppress(CellwardenError):  # a pack that is silent for a moment: look again
                if trial.fet(self._look()) is on:
                    return True
            self._wait(1.0)
        return False


def _thresholds(trial: RealTrial, seen: Seen) -> dict[str, float]:
    """Return the settings that provoke it at the present cell voltages, in mV as devices have.

    Empty where cells or settings are not all known: then nothing could be put back.
    """
    known = [v for v in seen.cells_v if v is not None]
    names = {trial.threshold, trial.recovery}
    if not known or len(known) < len(seen.cells_v) or not names <= seen.settings.keys():
        return {}
    if trial.highest:
        threshold, recovery = max(known) - NEAR_V, max(known) - RECOVERY_V
    else:
        threshold, recovery = min(known) + NEAR_V, min(known) + RECOVERY_V
    wanted = {trial.threshold: round(threshold, 3), trial.recovery: round(recovery, 3)}
    along = {n: round(recovery, 3) for n in trial.along if seen.settings.get(n, 0.0) > recovery}
    return wanted | along


def _judged(trial: RealTrial, result: Result, text: str) -> Judged:
    return Judged(check=trial.name, title=trial.title, result=result, text=text, source="R41")
