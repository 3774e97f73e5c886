"""The Victron output: the bank as the one BMS, and on request every pack beside it.

Venus' system calculator has no age check: whatever stands on the bus stays in force for ever. So
what is there must end by itself. While the bank is live its values are published; when it falls
silent, or the controller stops deciding, both currents go to 0 with the cable alarm; later the
service leaves the bus, which is what Venus takes for a lost BMS. It comes back with the values.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cellwarden.hooks import OutputContext
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import BankPhase, BankState, blocked
from cellwarden.runtime.folders import VENUS_MARK
from cellwarden.runtime.supervisor import keep_running
from cellwarden_victron import views
from cellwarden_victron.config import VictronOptions
from cellwarden_victron.dbus_library import load
from cellwarden_victron.hold import VoltageHold
from cellwarden_victron.neighbours import Neighbours
from cellwarden_victron.presence import Place, Presence
from cellwarden_victron.rows import About

LOG = logging.getLogger(__name__)

SETTINGS_PATIENCE_S = 60.0
"""How long to wait for the settings of a GX, which start about when we do, real s."""


def unique_name(what: str) -> str:
    """Return a name for the settings: letters, digits and `_`, ours at the beginning."""
    return re.sub(r"[^A-Za-z0-9]+", "_", f"cellwarden_{what}")


def _of_bank(service: str) -> str:
    """Return the bank's name in the settings: it outlives every BMS in it."""
    return unique_name(service.removeprefix("cellwarden").strip("_-") or "bank")


class VictronOutput:
    """Publishes the bank as one managed battery of Venus OS."""

    def __init__(self, options: VictronOptions, context: OutputContext) -> None:
        self._options = options
        self._context = context
        self._library = load()
        self._patience = views.Patience(options.stale_after_s, options.leave_after_s)
        self._sane: views.Sane | None = None
        self._gate: Gate | None = None
        self._bank = self._presence(
            options.service,
            bms=True,
            name=context.bank,
            instance=options.device_instance,
            unique=lambda _: _of_bank(options.service),
        )
        self._packs: dict[str, Presence] = {}
        self._hold = VoltageHold()
        self._neighbours = Neighbours(
            library=self._library,
            where=options.bus,
            service=self._bank.service.name,
            output=context.name,
            shunt=options.shunt_instance,
        )

    def _presence(
        self,
        suffix: str,
        *,
        bms: bool,
        name: str,
        instance: int,
        unique: Callable[[BankState], str | None],
    ) -> Presence:
        options = self._options
        place = Place(
            bus=options.bus,
            suffix=suffix,
            bms=bms,
            about=About(
                product_name=options.product_name,
                custom_name=name,
                connection=options.connection,
                device_instance=instance,
                bluetooth=options.bluetooth,
            ),
            unique=unique,
            otherwise=unique_name(name),
            kept=Path(self._context.state_dir) / f"victron-{suffix}-errors.json",
            settings_patience_s=SETTINGS_PATIENCE_S if VENUS_MARK.is_dir() else 0.0,
        )
        presence = Presence(self._library, place, f"output {self._context.name}")
        presence.gate = self._gate
        return presence

    async def run(self, feed: Feed, gate: Gate) -> None:
        """Serve until the controller stops; on any other end, too, leave the bus in good order."""
        self._gate = self._bank.gate = gate
        reading_others = asyncio.create_task(
            keep_running(
                f"{self._context.name}: reading others",
                lambda: self._neighbours.run(feed),
                finished=lambda: False,
            )
        )
        try:
            while True:
                state = await feed.next(self._patience_s(feed)) or feed.latest()
                self._sane = views.sane(state, self._sane)
                if state is not None and state.phase is BankPhase.STOPPING:
                    await self._say_goodbye(state)
                    return
                await self._show(state, feed.age_s())
        finally:
            reading_others.cancel()
            await asyncio.gather(
                reading_others,
                *(presence.leave() for presence in self._presences),
                return_exceptions=True,
            )

    def status(self) -> Mapping[str, object]:
        """Return how the service stands."""
        service = self._bank.service
        return {
            "service": service.name,
            "bus": self._options.bus,
            "connected": service.connected,
            "library": self._library.name,
            "device_instance": service.values.get("/DeviceInstance"),
            "settings_found": service.settings_found,
            "packs_connected": sum(p.service.connected for p in self._packs.values()),
            "signals_sent": sum(p.service.signals for p in self._presences),
            "items_sent": sum(p.service.sent_items for p in self._presences),
            "last_error": self._bank.last_error,
            **self._neighbours.status(),
        }

    @property
    def _presences(self) -> tuple[Presence, ...]:
        return (self._bank, *self._packs.values())

    def _patience_s(self, feed: Feed) -> float | None:
        """Return how long, in real s, nothing needs doing without a new decision."""
        deadlines = []
        age_s = feed.age_s()
        if age_s is not None:
            # A moment longer than the limit, so that the age is over it when we wake.
            deadlines += [
                feed.clock.real_s(after_s - age_s) + 0.001
                for after_s in (self._options.stale_after_s, self._options.leave_after_s)
                if age_s <= after_s
            ]
        now_s = asyncio.get_running_loop().time()
        deadlines += [
            max(0.0, presence.retry_at - now_s)
            for presence in self._presences
            if presence.retry_at is not None
        ]
        return min(deadlines, default=None)

    async def _show(self, state: BankState | None, age_s: float | None) -> None:
        """Bring every service to where it should be: those that are on the bus first."""
        bank = views.of_bank(state, age_s, self._patience, self._sane)
        if bank is not None:
            bank = self._hold.apply(bank, feeds_in=self._neighbours.system.feeds_in_dc)
        wanted = {self._bank: bank}
        if self._options.packs and state is not None:
            wanted |= {
                presence: views.of_pack(state, age_s, self._patience, name)
                for name, presence in self._of_packs(state).items()
            }
        away = [p for p, view in wanted.items() if view is None or not p.show(view)]
        if away:
            await asyncio.gather(*(_move(p, wanted[p]) for p in away))

    def _of_packs(self, state: BankState) -> Mapping[str, Presence]:
        if not self._packs:
            self._packs = {
                pack.pack: self._presence(
                    f"{self._options.service}_{pack.pack}",
                    bms=False,
                    name=pack.pack,
                    instance=self._options.device_instance + number,
                    unique=_by_serial_number,
                )
                for number, pack in enumerate(state.packs, start=1)
            }
        return self._packs

    async def _say_goodbye(self, state: BankState) -> None:
        """Let the zero limits stand until Venus has handed them on, then leave."""
        shown = views.of_bank(state, 0.0, self._patience, self._sane)
        if self._bank.service.connected and shown is not None:
            self._bank.show(blocked(shown, "the controller is stopping"))
            await asyncio.sleep(self._options.stop_hold_s)


async def _move(presence: Presence, wanted: BankState | None) -> None:
    if wanted is None:
        await presence.stay_away()
    else:
        await presence.appear(wanted)


def _by_serial_number(state: BankState) -> str | None:
    """Return a pack's name in the settings, by its BMS; None until the BMS has said who it is."""
    (pack,) = state.packs
    if pack.identity is None:
        return None
    return unique_name(pack.identity.serial_number or pack.pack)
