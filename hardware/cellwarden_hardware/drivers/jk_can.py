"""JK BMS by its own CAN broadcast: CAN protocol 0 (JK 250K) or 6 (JK 500K), any python-can bus.

Nothing is ever sent. V2 (newer boards, with frames of 29 bits) tells every cell; V1 tells only the
highest and the lowest, which is too little to decide on: its cells stay unknown. Written from the
vendor's documents and captures of a PB board; not yet tried on a live one.
"""

import asyncio

from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame
from cellwarden.model import Identity, Reading
from cellwarden_hardware.codecs import jk_can
from cellwarden_hardware.codecs.jk_can_alarms import alarms_of, notices_of
from cellwarden_hardware.kinds.jk_can import JkCanOptions

_FETCH_EVERY_S = 0.1
"""The status comes every 20 ms: fetched together, frames cost ten wake-ups a second, not fifty."""
_CELLS_COMPLETE_S = 1.5
"""All frames with cells come within 1 s; until then a short list is not a short pack."""
_WRAP_AH = 6553.6  # where the cycle capacity starts anew

_NEVER_IGNORED = frozenset({"alarms", "faults"})

# Longest time in s for which a frame is believed: three of its periods, at least 1 s.
_KEEP_S = {
    "battery_status": 1.0,
    "cell_voltage": 1.0,
    "cell_temperature": 2.0,
    "alarms": 2.0,  # not sent when no alarm stands
    "battery_status_2": 1.0,
    "all_temperatures": 2.0,
    "faults": 1.0,
    "bms_info": 2.0,
    "switches": 2.0,
    **{f"cells_{block}": 3.0 for block in range(7)},
}


class JkCan:
    """The driver of one pack."""

    why_read_only = (
        "this driver only listens: JK's CAN carries switches but neither parameters nor an answer"
        " to a command; use Bluetooth or RS485 to write"
    )

    def __init__(self, options: JkCanOptions, context: DriverContext) -> None:
        self._pack = context.pack
        self._clock = context.clock
        self._timeout_s = context.timeout_s
        self._address = options.address
        self._sign = 1 if options.positive_current == "charging" else -1
        self._where = f"{options.interface}:{options.channel}"
        extra: dict[str, object] = {
            key: int(value) if value.isdecimal() else value
            for key, _, value in (entry.partition("=") for entry in options.bus_options)
        }
        self._link = CanLink(
            interface=options.interface,
            channel=options.channel,
            bitrate=options.bitrate,
            options=extra,
            listen_to=[jk_can.BY_NAME[name].id + options.address for name in _KEEP_S],
        )
        self._heard: dict[str, tuple[float, bytes]] = {}
        """The newest frame of each kind and when it came, loop time in s."""
        self._status_s = 0.0
        """Controller time of the newest status."""
        self._first_cell_s: float | None = None
        self._status = asyncio.Event()
        self._fetching: asyncio.TimerHandle | None = None

    @property
    def layout(self) -> str:
        """Which version of the broadcast it is; V2 tells every cell."""
        return "V1" if self._first_cell_s is None else "V2"

    async def open(self) -> None:
        """Open the bus and listen."""
        await self.close()
        await self._link.open(self._take, eager=False)
        self._fetch()

    async def close(self) -> None:
        """Close the bus and forget what was heard."""
        if self._fetching is not None:
            self._fetching.cancel()
            self._fetching = None
        self._heard.clear()
        self._first_cell_s = None
        self._status.clear()
        await self._link.close()

    async def poll(self) -> Reading:
        """Return the newest status with what else is fresh; waits for a status that is new."""
        self._link.check()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._status.wait()
        except TimeoutError as error:
            self._link.check()
            raise LinkTimeout(
                self._pack,
                f"nothing from address {self._address} on {self._where}: is the BMS set to JK's own"
                " CAN protocol, and the bit rate right?",
            ) from error
        self._link.check()
        self._status.clear()
        return self._reading()

    def _fetch(self) -> None:
        self._link.read()
        try:
            self._link.check()
        except LinkError:
            self._status.set()  # a poll that waits ends at once
            return
        loop = asyncio.get_running_loop()
        self._fetching = loop.call_later(_FETCH_EVERY_S, self._fetch)

    def _take(self, frame: CanFrame) -> None:
        known = jk_can.message_of(frame)
        if known is None or known[1] != self._address:
            return
        name = known[0].name
        now_s = asyncio.get_running_loop().time()
        self._heard[name] = now_s, frame.data
        if name == "battery_status":
            self._status_s = self._clock.now_s()
            self._status.set()
        elif name == "cells_0" and self._first_cell_s is None:
            self._first_cell_s = now_s

    def _fresh(self, name: str, now_s: float) -> jk_can.Values:
        """Return the values of a frame, none if it is too old.

        Boards differ in how many bytes they send: what is too short is not there, but for alarms.
        """
        heard_s, data = self._heard.get(name, (float("-inf"), b""))
        if now_s - heard_s > _KEEP_S[name]:
            return {}
        try:
            return jk_can.BY_NAME[name].read(data)
        except FrameError:
            if name in _NEVER_IGNORED:
                raise
            return {}

    def _reading(self) -> Reading:
        now_s, data = self._heard["battery_status"]
        status = jk_can.BY_NAME["battery_status"].read(data)
        if status["soc"] > 100:
            raise FrameError("wrong_frame_type", f"a SoC of {status['soc']} % is not possible")
        more = self._fresh("battery_status_2", now_s)
        info = self._fresh("bms_info", now_s)
        switches = self._fresh("switches", now_s)
        alarm_bits = self._fresh("alarms", now_s).get("alarm_bits", 0)
        fault_bits = self._fresh("faults", now_s).get("fault_bits_raw", 0)
        temperatures, mos_c = self._temperatures(now_s)
        return Reading(
            pack=self._pack,
            heard_s=self._status_s,
            cell_voltages_v=self._cells(now_s),
            voltage_v=status["voltage"],
            current_a=status["current_document_sign"] * self._sign + 0.0,  # no negative nought
            temperatures_c=temperatures,
            mos_temperature_c=mos_c,
            soc_percent=status["soc"],
            soh_percent=info.get("soh"),
            capacity_ah=more.get("full_capacity") or None,
            remaining_ah=more.get("remaining_capacity"),
            cycles=more.get("cycle_count"),
            cycle_charge_ah=_unwrapped(more),
            runtime_s=info.get("runtime"),
            charge_fet_on=switches.get("charge_mos"),
            discharge_fet_on=switches.get("discharge_mos"),
            balancing=switches.get("balancing"),
            heating=switches.get("heating"),
            heating_current_a=info.get("heating_current"),
            alarms=alarms_of(alarm_bits, fault_bits),
            alarm_bits=alarm_bits | fault_bits << 32,
            notices=notices_of(alarm_bits, fault_bits),
            identity=_IDENTITY,
        )

    def _cells(self, now_s: float) -> tuple[float, ...]:
        """Return every cell, none while one of their frames is missing."""
        first_s = self._first_cell_s
        if first_s is None or now_s - first_s < _CELLS_COMPLETE_S:
            return ()
        cells: list[float] = []
        ended = False
        for block in range(7):
            name = f"cells_{block}"
            values = self._fresh(name, now_s)
            if not values:
                if name in self._heard:  # it used to be there
                    return ()
                ended = True
            elif ended:
                return ()
            else:
                cells += values["cell_voltages"]
        while cells and not cells[-1]:
            cells.pop()
        return tuple(cells)

    def _temperatures(self, now_s: float) -> tuple[tuple[float | None, ...], float | None]:
        """Return battery sensors and MOSFETs, by the order of PB boards; else the extremes."""
        every = self._fresh("all_temperatures", now_s)
        if every:
            t1, t2, mos_c, *others = (*every["temperatures"], *(None,) * 5)[:5]
            mask = every["sensor_mask"]
            sensors = zip((0, 1, 3, 4), (t1, t2, *others), strict=True)
            return tuple(c for bit, c in sensors if mask >> bit & 1), mos_c
        extremes = self._fresh("cell_temperature", now_s)
        if not extremes:
            return (), None
        return (extremes["temperature_max"], extremes["temperature_min"]), None


_IDENTITY = Identity(manufacturer="JK")


def _unwrapped(more: jk_can.Values) -> float | None:
    """Return the cycle charge; the field starts anew at 6553.6 Ah, the cycles say how often."""
    charge_ah: float | None = more.get("cycle_capacity")
    if charge_ah is None:
        return None
    expected_ah: float = more["cycle_count"] * more["full_capacity"]
    return charge_ah + max(0, round((expected_ah - charge_ah) / _WRAP_AH)) * _WRAP_AH
