"""Decides when what is worth writing: little, but no decision late."""

import time
from collections.abc import Callable, Mapping, Sequence

from cellwarden.model import BankState
from cellwarden.runtime.store import Note, Save, Store

VOLATILE_EVERY_S = 5.0
"""Real s between saves to memory: what a kill may cost."""
DURABLE_EVERY_S = 300.0
"""Real s between routine saves to flash (F35)."""
DURABLE_ORDERS_EVERY_S = 60.0
"""Real s between saves to flash for decisions such as a block of charging."""
LASTING_EVERY_S = 3600.0
"""Real s between saves of what was learned over days; it is large, and an hour of it is little."""
DURABLE_STEP_PERCENT = 1.0
"""A pack's SoC moved by this much: save to flash (F35)."""


class Keeper:
    """Watches the decisions and hands the store what must survive."""

    def __init__(
        self,
        store: Store,
        records: Callable[[], Mapping[str, Mapping[str, object]]],
        *,
        every_s: float = VOLATILE_EVERY_S,
    ) -> None:
        """`records` gives every pack's record as it is at the moment of the call."""
        self._store = store
        self._records = records
        self._every_s = every_s
        self._volatile_s = float("-inf")
        self._durable_s = float("-inf")
        self._durable_soc: dict[str, float] = {}
        self.lasting: Callable[[], Mapping[str, Mapping[str, object]]] = dict
        """Gives records that change slowly: they are saved rarely, and on stop."""
        self._lasting_s = time.monotonic()

    def consider(self, state: BankState) -> None:
        """Save if this decision is worth it."""
        now_s = time.monotonic()
        notes = tuple(
            Note(at_s=time.time(), pack=event.pack, text=event.text)
            for pack in state.packs
            for event in pack.events
        ) + tuple(
            Note(at_s=time.time(), pack=event.pack, text=event.text) for event in state.events
        )
        durable = (
            bool(notes) or now_s - self._durable_s >= DURABLE_EVERY_S or self._soc_moved(state)
        )
        if durable or now_s - self._volatile_s >= self._every_s:
            self.save(state, notes, durable=durable)

    def orders_changed(self, state: BankState | None, *, decision: bool) -> None:
        """Save a new order: to memory at once, to flash if it is a decision and not the next one.

        What an automation sets every few seconds goes there with the routine saves.
        """
        since_s = time.monotonic() - self._durable_s
        self.save(state, durable=decision and since_s >= DURABLE_ORDERS_EVERY_S)

    def save(
        self,
        state: BankState | None,
        notes: Sequence[Note] = (),
        *,
        durable: bool,
        final: bool = False,
    ) -> None:
        """Save now; `final` for the last time."""
        self._volatile_s = time.monotonic()
        if durable:
            self._durable_s = self._volatile_s
            if state is not None:
                for pack in state.packs:
                    if pack.soc_percent is not None:
                        self._durable_soc[pack.pack] = pack.soc_percent
        records = self._records()
        if final or (durable and self._volatile_s - self._lasting_s >= LASTING_EVERY_S):
            self._lasting_s = self._volatile_s
            records = {**records, **self.lasting()}
        self._store.save(
            Save(at_s=time.time(), records=records, notes=tuple(notes), durable=durable)
        )

    def _soc_moved(self, state: BankState) -> bool:
        return any(
            pack.soc_percent is not None
            and abs(pack.soc_percent - self._durable_soc.get(pack.pack, -100.0))
            >= DURABLE_STEP_PERCENT
            for pack in state.packs
        )
