"""An emulated JK BMS that broadcasts on a CAN bus as the real one does, V1 or V2."""

import asyncio
import struct
from collections.abc import Callable
from typing import Protocol

from cellwarden.links.can_frame import CanFrame
from cellwarden.model import AlarmKind
from cellwarden_hardware.codecs import jk_can
from cellwarden_hardware.simulator.faults import Faults
from cellwarden_hardware.simulator.snapshot import PackSnapshot, SnapshotSource

_TICK_S = 0.02
_NO_SENSOR = 0xFF

# Periods in ticks.
_PERIODS_V1 = {"battery_status": 1, "cell_voltage": 5, "cell_temperature": 5, "alarms": 5}
_PERIODS_V2 = {
    "battery_status": 1, "cell_voltage": 5, "cell_temperature": 25, "alarms": 5,
    "battery_status_2": 5, "all_temperatures": 25, "faults": 5, "bms_info": 25, "switches": 25,
    "charge_request": 25, **{f"cells_{block}": 50 for block in range(7)},
}  # fmt: skip

_ALARM = {
    AlarmKind.CELL_OVERVOLTAGE: "cell_overvoltage",
    AlarmKind.CELL_UNDERVOLTAGE: "cell_undervoltage",
    AlarmKind.DISCHARGE_OVERCURRENT: "discharge_overcurrent",
    AlarmKind.CHARGE_OVERCURRENT: "charge_overcurrent",
    AlarmKind.CHARGE_OVERTEMPERATURE: "temperature_high",
    AlarmKind.CHARGE_UNDERTEMPERATURE: "temperature_low",
    AlarmKind.LOW_SOC: "soc_low",
}
_FAULT = {
    AlarmKind.MOS_OVERTEMPERATURE: 1,
    AlarmKind.CELL_OVERVOLTAGE: 4,
    AlarmKind.CHARGE_OVERCURRENT: 6,
    AlarmKind.CHARGE_OVERTEMPERATURE: 8,
    AlarmKind.CHARGE_UNDERTEMPERATURE: 9,
    AlarmKind.CELL_UNDERVOLTAGE: 11,
    AlarmKind.DISCHARGE_OVERCURRENT: 13,
    AlarmKind.SHORT_CIRCUIT: 14,
    AlarmKind.DISCHARGE_OVERTEMPERATURE: 15,
}


class Sender(Protocol):
    """What puts frames on a bus; see `CanLink`."""

    async def open(self) -> None:
        """Open the bus."""

    def send(self, frame: CanFrame) -> None:
        """Send a frame."""

    async def close(self) -> None:
        """Close the bus."""


class EmulatedJkCan(Faults):
    """One BMS on a bus. Its faults may be changed at any time; corrupt frames lack their end."""

    def __init__(
        self,
        source: SnapshotSource,
        link: Sender,
        *,
        address: int = 0,
        version: int = 2,
        tick_s: float = _TICK_S,
    ) -> None:
        """Send what `source` is, on a bus that is opened here; `tick_s` is the shortest period."""
        super().__init__()
        self.missing: set[str] = set()
        """Names of messages that are not sent."""
        self._source = source
        self._link = link
        self._address = address
        self._periods = _PERIODS_V1 if version == 1 else _PERIODS_V2
        self._tick_s = tick_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the bus and begin to send."""
        await self._link.open()
        self._task = asyncio.create_task(self._broadcast())

    async def stop(self) -> None:
        """Fall silent for good. May be called twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._link.close()

    async def _broadcast(self) -> None:
        tick = 0
        while True:
            if not self.says_nothing:
                for frame in self.frames(tick) * (1 + self.repeated):
                    self._link.send(frame)
            tick += 1
            await asyncio.sleep(self._tick_s)

    def frames(self, tick: int = 0) -> list[CanFrame]:
        """Return what is sent at a tick of 20 ms; all there is at tick 0."""
        snapshot = self._source.snapshot()
        address = (self._address + self.wrong_address) % (jk_can.MAX_ADDRESS + 1)
        frames = []
        for name, period in self._periods.items():
            if tick % period or name in self.missing:
                continue
            data = _data(name, snapshot)
            if data:
                message = jk_can.BY_NAME[name]
                if self.corrupt:
                    data = data[: len(data) // 2]
                frames.append(CanFrame(message.id + address, data, message.extended))
        return frames


def _data(name: str, snapshot: PackSnapshot) -> bytes:
    """Return the bytes of a message, none where it is not sent."""
    if name.startswith("cells_"):
        first = jk_can.CELLS_PER_FRAME * int(name.removeprefix("cells_"))
        volts = snapshot.cell_voltages_v[first : first + jk_can.CELLS_PER_FRAME]
        counts = [round(1000 * volt) for volt in volts]
        return struct.pack("<4H", *counts, *(0,) * (4 - len(counts))) if counts else b""
    return _WRITERS[name](snapshot)


def _status(s: PackSnapshot) -> bytes:
    amperes = round(10 * s.current_a) + 4000
    return struct.pack("<HHBBH", round(10 * s.voltage_v), amperes, round(s.soc_percent), 0, 0)


def _extremes(s: PackSnapshot) -> bytes:
    volts = s.cell_voltages_v
    high, low = max(volts), min(volts)
    return struct.pack(
        "<HBHBxx", round(1000 * high), volts.index(high) + 1, round(1000 * low),
        volts.index(low) + 1,
    )  # fmt: skip


def _celsius(value: float) -> int:
    return round(value) + 50


def _temperature(s: PackSnapshot) -> bytes:
    sensors = s.temperatures_c
    high, low = max(sensors), min(sensors)
    mean = sum(sensors) / len(sensors)
    return bytes(
        (_celsius(high), sensors.index(high), _celsius(low), sensors.index(low), _celsius(mean))
    )


def _alarms(s: PackSnapshot) -> bytes:
    bits = 0
    for kind in s.protections:
        if kind in _ALARM:
            level = 3 if kind is AlarmKind.LOW_SOC else 1
            bits |= level << 2 * jk_can.ALARMS.index(_ALARM[kind])
    return struct.pack("<I4x", bits) if bits else b""


def _status_2(s: PackSnapshot) -> bytes:
    remaining_ah = s.capacity_ah * s.soc_percent / 100
    return struct.pack(
        "<HHHH", round(10 * remaining_ah), round(10 * s.capacity_ah),
        round(10 * s.cycle_charge_ah) & 0xFFFF, s.cycles,
    )  # fmt: skip


def _all_temperatures(s: PackSnapshot) -> bytes:
    t1, t2 = ([_celsius(c) for c in s.temperatures_c] + [_NO_SENSOR] * 2)[:2]
    mask = (1 << min(2, len(s.temperatures_c))) - 1 | 1 << 2
    return bytes((mask, t1, t2, _celsius(s.mos_temperature_c), _NO_SENSOR, _NO_SENSOR))


def _faults(s: PackSnapshot) -> bytes:
    bits = sum(1 << _FAULT[kind] for kind in s.protections if kind in _FAULT)
    return bits.to_bytes(3, "little")


def _info(s: PackSnapshot) -> bytes:
    soh = min(100, round(100 * s.capacity_ah / s.design_capacity_ah))
    return struct.pack("<IHB", int(s.runtime_s), 0, soh)


def _switches(s: PackSnapshot) -> bytes:
    return bytes((s.charge_fet_on | s.discharge_fet_on << 1 | s.balancing << 2 | 1 << 5,))


def _charge_request(s: PackSnapshot) -> bytes:
    volts = 3.45 * len(s.cell_voltages_v)
    return struct.pack(">HHBB2x", round(10 * volts), 500, not s.charge_fet_on, 0)


_WRITERS: dict[str, Callable[[PackSnapshot], bytes]] = {
    "battery_status": _status,
    "cell_voltage": _extremes,
    "cell_temperature": _temperature,
    "alarms": _alarms,
    "battery_status_2": _status_2,
    "all_temperatures": _all_temperatures,
    "faults": _faults,
    "bms_info": _info,
    "switches": _switches,
    "charge_request": _charge_request,
}
