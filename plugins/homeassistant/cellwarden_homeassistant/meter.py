"""The bank's energy meter: the sum over all packs that ever were, which must never run backwards.

Home Assistant takes a smaller number for a new meter and adds it whole. The packs' own counters are
kept by the engine; here is kept what a pack had counted when it was last seen, so that a pack that
is lost, taken out or replaced takes nothing away from the bank's sum.
"""

import json
import logging
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellwarden.model import BankState

LOG = logging.getLogger(__name__)

SAVE_EVERY_S = 900.0
"""Ours: flash wears. What a crash loses is caught up with, for the packs' counters go on."""
FILE_NAME = "homeassistant-meter.json"


@dataclass(slots=True)
class BankMeter:
    """Charged and discharged energy of a bank in Wh."""

    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    seen: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Each pack's own counters when it was last seen: charged, discharged in Wh."""

    def take(self, state: BankState) -> tuple[float | None, float | None]:
        """Count what the packs have counted since; both None before any pack ever told."""
        for pack in state.packs:
            counters = pack.counters
            if counters is None:
                continue
            now = (counters.charged_wh, counters.discharged_wh)
            if not all(math.isfinite(value) and value >= 0 for value in now):
                continue
            last = self.seen.get(pack.pack, (0.0, 0.0))
            # A counter that fell was reset: what it shows now came since.
            self.charged_wh += now[0] - last[0] if now[0] >= last[0] else now[0]
            self.discharged_wh += now[1] - last[1] if now[1] >= last[1] else now[1]
            self.seen[pack.pack] = now
        if not self.seen:
            return None, None
        return self.charged_wh, self.discharged_wh

    def dump(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "charged_wh": self.charged_wh,
            "discharged_wh": self.discharged_wh,
            "seen": {name: list(pair) for name, pair in self.seen.items()},
        }


def restored(document: Any) -> BankMeter:
    """Return a meter from what `dump` gave. ValueError for anything else."""
    try:
        charged, discharged = float(document["charged_wh"]), float(document["discharged_wh"])
        seen = {str(n): (float(a), float(b)) for n, (a, b) in document["seen"].items()}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    numbers = (charged, discharged, *(value for pair in seen.values() for value in pair))
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise ValueError("a meter is never negative")
    return BankMeter(charged, discharged, seen)


class MeterFile:
    """Keeps a meter in a file that a power cut leaves whole."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / (f"{name}-{FILE_NAME}" if name != "homeassistant" else FILE_NAME)
        self._saved: dict[str, Any] | None = None
        self._saved_s = 0.0
        self._failed = False

    def load(self) -> BankMeter:
        """Return the meter as it was saved; a new one, with a line in the log, if it cannot be."""
        try:
            return restored(json.loads(self.path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            LOG.error("%s cannot be used (%s): the bank's energy is counted anew", self.path, error)
        return BankMeter()

    def save(self, meter: BankMeter, now_s: float, *, at_once: bool = False) -> None:
        """Write it if it changed and the last time is long ago; `now_s` is real time."""
        if not meter.seen or (not at_once and now_s - self._saved_s < SAVE_EVERY_S):
            return
        self._saved_s = now_s
        document = meter.dump()
        if document == self._saved:
            return
        temporary = self.path.with_suffix(".new")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            if not self._failed:
                LOG.warning("%s cannot be written: %s", self.path, error.strerror)
            self._failed = True
            return
        self._saved, self._failed = document, False
