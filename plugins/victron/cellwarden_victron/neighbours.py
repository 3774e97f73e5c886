"""What others on the same bus say: chargers, inverters and shunts measure, the system tells.

Their values are asked for, not listened to: some of them send dozens of signals a second, and each
would wake this process. What they measure goes to the engine as external measurements; what is fed
into the grid is the surplus that heaters may use, and is asked for where there are any.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from cellwarden.errors import LinkError
from cellwarden.interfaces import Feed
from cellwarden.model import BankState, ExternalMeasurement, Surplus
from cellwarden_victron.busitem import plain
from cellwarden_victron.dbus_library import DBusLibrary
from cellwarden_victron.line import Line
from cellwarden_victron.settings import SERVICE as SETTINGS
from cellwarden_victron.tree import BUS_ITEM

LOG = logging.getLogger(__name__)

PREFIX = "com.victronenergy."
SYSTEM = "com.victronenergy.system"
FEED_IN = "/Settings/CGwacs/OvervoltageFeedIn"
ALL_NAMES = "type='signal',member='NameOwnerChanged',arg0namespace='com.victronenergy'"

EVERY_S = 2.0
"""Real s between two rounds of questions; the engine takes what is at most 5 s old."""
SYSTEM_EVERY_S = 10.0
GRID = ("/Ac/Grid/L1/Power", "/Ac/Grid/L2/Power", "/Ac/Grid/L3/Power")
"""In W, negative while power is fed in."""
PHASES = "/Ac/Grid/NumberOfPhases"
BATTERY_POWER = "/Dc/Battery/Power"
"""In W, positive while charging."""
ANSWER_S = 1.0
"""How long somebody may take to answer; one that hangs must not hold up the others."""
HUNG_S = 60.0
"""How long somebody who did not answer is left in peace: every question without an answer stays in
the library's memory until the daemon gives it up."""
RETRY_S = 10.0
NEAR = 0.2
"""A voltage further than this part from the bank's own is of another battery."""

TELLS_CURRENT = {"solarcharger": True, "vebus": True, "battery": True, "inverter": False,
                 "multi": False}  # fmt: skip
"""Who measures at the bank's terminals, and whether the sign of the current is known: positive
while charging."""


@dataclass(slots=True)
class Neighbour:
    """Somebody on the bus."""

    name: str
    kind: str
    instance: int | None = None
    is_bms: bool = False


@dataclass(frozen=True, slots=True)
class VenusSystem:
    """What Venus' system calculator makes of this battery."""

    dvcc_on: bool | None = None
    active_bms: str | None = None
    """Bus name of the BMS whose limits are obeyed."""
    several_bms: bool = False
    feeds_in_dc: bool = False
    """ESS feeds in excess solar of the DC side: solar chargers do not obey a current limit."""


def kind_of(name: str) -> str | None:
    """Return the kind of a measuring service by its bus name, None for everybody else."""
    kind, _, rest = name.removeprefix(PREFIX).partition(".")
    return kind if name.startswith(PREFIX) and rest and kind in TELLS_CURRENT else None


def measurement(
    who: Neighbour, voltage: object, current: object, bank_v: float | None, *,
    output: str, shunt: int | None, now_s: float,
) -> ExternalMeasurement | None:  # fmt: skip
    """Return what a neighbour measured, None for nonsense or for another battery's.

    A battery monitor counts only if its owner said that it is the bank's shunt: which battery
    another one hangs on nobody here knows.
    """
    voltage_v, current_a = _number(voltage), _number(current)
    if voltage_v is None or bank_v is None or abs(voltage_v - bank_v) > NEAR * bank_v:
        return None
    by_shunt = who.kind == "battery"
    if by_shunt and (who.is_bms or current_a is None or who.instance != shunt or shunt is None):
        return None
    return ExternalMeasurement(
        source=f"{output}: {who.name.removeprefix(PREFIX)}",
        voltage_v=voltage_v,
        current_a=current_a if TELLS_CURRENT[who.kind] else None,
        whole_bank=by_shunt,
        by_shunt=by_shunt,
        heard_s=now_s,
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        return None
    return float(value)


def surplus_w(grid: Iterable[object], phases: object, battery: object) -> float | None:
    """Return what is fed into the grid beyond what the battery gives, None if that is not known.

    A phase more or less, or a battery that nobody measures, and nothing is known. Without a grid
    there is no such thing: how much a charger that is throttled holds back nobody measures.
    """
    powers = [power for power in map(_number, grid) if power is not None]
    battery_w = _number(battery)
    if not powers or len(powers) != phases or battery_w is None:
        return None
    return max(0.0, -sum(powers) - max(0.0, -battery_w))


def advice(system: VenusSystem, service: str) -> str | None:
    """Return what keeps Venus from obeying this battery, and what to do; None if nothing does."""
    if system.dvcc_on is False:
        return "DVCC is off, so Venus ignores every limit: switch it on under Settings, DVCC"
    if system.several_bms:
        return "Venus sees several BMSes: choose the controlling one under Settings, DVCC"
    if system.active_bms is not None and system.active_bms != service:
        return (
            f"Venus obeys {system.active_bms}: choose this battery as the controlling BMS under"
            " Settings, DVCC"
        )
    return None


@dataclass(slots=True)
class Neighbours:
    """Asks everybody around, again and again."""

    library: DBusLibrary
    where: str
    service: str
    """Our own bus name; others that begin with it are ours too."""
    output: str
    shunt: int | None
    found: dict[str, Neighbour] = field(default_factory=dict)
    system: VenusSystem = VenusSystem()
    _line: Line = field(init=False)
    _new: set[str] = field(default_factory=set)
    _hung_until_s: dict[str, float] = field(default_factory=dict)
    _advised: str | None = None

    def __post_init__(self) -> None:
        """Make the line; nothing is opened yet."""
        self._line = Line(self.library, self.where, f"{self.service} (reading others)")
        self._line.on_signal = self._on_signal

    async def run(self, feed: Feed) -> None:
        """Ask until cancelled; a bus that is lost is tried again."""
        try:
            while True:
                try:
                    await self._connected(feed)
                except LinkError as error:
                    LOG.debug("%s", error)
                self.found.clear()
                self._line.close()
                await asyncio.sleep(RETRY_S)
        finally:
            self._line.close()

    def status(self) -> Mapping[str, object]:
        """Return who was found and what the system says."""
        return {
            "neighbours": sorted(who.name for who in tuple(self.found.values())),
            "dvcc_on": self.system.dvcc_on,
            "active_bms": self.system.active_bms,
            "feeds_in_dc": self.system.feeds_in_dc,
            "advice": advice(self.system, self.service),
        }

    async def _connected(self, feed: Feed) -> None:
        await self._line.open(ANSWER_S)
        await self._line.listen(ALL_NAMES)
        (names,) = await self._line.ask("ListNames")
        self._new = {name for name in names if self._is_neighbour(name)}
        system_due_s = 0.0
        while self._line.connected:
            await self._get_to_know_the_new()
            state = feed.latest()
            if state is not None:
                await self._ask_all(feed, state)
            now_s = asyncio.get_running_loop().time()
            if now_s >= system_due_s:
                system_due_s = now_s + SYSTEM_EVERY_S
                await self._ask_the_system()
                if state is not None and any(pack.heating is not None for pack in state.packs):
                    await self._ask_for_surplus(feed)
            await asyncio.sleep(EVERY_S)

    def _is_neighbour(self, name: str) -> bool:
        ours = name == self.service or name.startswith(f"{self.service}_")
        return kind_of(name) is not None and not ours

    def _on_signal(self, message: Any) -> None:
        if message.member != "NameOwnerChanged":
            return
        name, _, owner = message.body
        self.found.pop(name, None)
        self._hung_until_s.pop(name, None)
        if owner and self._is_neighbour(name):
            self._new.add(name)

    async def _get_to_know_the_new(self) -> None:
        for name in tuple(self._new):
            self._new.discard(name)
            kind = kind_of(name)
            assert kind is not None
            instance = await self._get(name, "/DeviceInstance")
            is_bms = kind == "battery" and await self._get(name, "/Info/MaxChargeVoltage")
            self.found[name] = Neighbour(
                name, kind, instance if isinstance(instance, int) else None, bool(is_bms)
            )

    async def _ask_all(self, feed: Feed, state: BankState) -> None:
        for who in tuple(self.found.values()):
            if who.kind == "battery" and (who.is_bms or who.instance != self.shunt):
                continue
            measured = measurement(
                who,
                await self._get(who.name, "/Dc/0/Voltage"),
                await self._get(who.name, "/Dc/0/Current"),
                state.voltage_v,
                output=self.output,
                shunt=self.shunt,
                now_s=feed.clock.now_s(),
            )
            if measured is not None:
                feed.report(measured)

    async def _ask_the_system(self) -> None:
        if not await self._line.is_there(SYSTEM):
            self.system = VenusSystem()
            return
        dvcc = await self._get(SYSTEM, "/Control/Dvcc")
        active = await self._get(SYSTEM, "/ActiveBmsService")
        self.system = VenusSystem(
            dvcc_on=bool(dvcc) if isinstance(dvcc, int) else None,
            active_bms=active if isinstance(active, str) and active else None,
            several_bms=await self._get(SYSTEM, "/Dvcc/Alarms/MultipleBatteries") == 1,
            feeds_in_dc=await self._get(SETTINGS, FEED_IN) == 1,
        )
        said = advice(self.system, self.service)
        if said is not None and said != self._advised:
            LOG.warning("%s: %s", self.service, said)
        self._advised = said

    async def _ask_for_surplus(self, feed: Feed) -> None:
        """Report what is fed in; nothing while it is not known, so that what is old grows old."""
        told = [await self._get(SYSTEM, path) for path in (*GRID, PHASES, BATTERY_POWER)]
        found_w = surplus_w(told[:3], told[3], told[4])
        if found_w is not None:
            feed.report_surplus(
                Surplus(source=self.output, surplus_w=found_w, heard_s=feed.clock.now_s())
            )

    async def _get(self, name: str, path: str) -> object:
        """Return a value, None for an invalid one, an error, or no answer in time."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._hung_until_s.get(name, 0.0):
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                (value,) = await self._line.ask("GetValue", to=name, path=path, interface=BUS_ITEM)
        except LinkError:
            return None
        except TimeoutError:
            self._hung_until_s[name] = now_s + HUNG_S
            return None
        return plain(value)
