"""Emulated JK packs of the PB series on one RS485 bus: a pseudo terminal with many addresses.

They answer trigger writes and reads of registers from simulated packs. A wrong address or CRC is
met with silence, as on the real bus.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping

from cellwarden.model import Parameters
from cellwarden_hardware.codecs import jk_modbus
from cellwarden_hardware.codecs.jk_ble_fields import FRAME_SIZE, Block
from cellwarden_hardware.codecs.jk_modbus_registers import MAPS
from cellwarden_hardware.simulator.device import EmulatedDevice
from cellwarden_hardware.simulator.jk_frame_values import (
    cell_frame,
    cell_values,
    device_frame,
    device_values,
    serial_number_of,
    settings_frame,
)
from cellwarden_hardware.simulator.jk_settings import JkSettings
from cellwarden_hardware.simulator.snapshot import SnapshotSource

Request = jk_modbus.ReadRequest | jk_modbus.WriteRequest

_BODY_AT = 6
_SPAN = 0x200
_NO_REGISTER = 2  # exception
_ABSENT = 99  # an address that nobody has


class EmulatedJkModbus(EmulatedDevice[Request]):
    """Several packs on one bus."""

    def __init__(
        self,
        packs: Mapping[int, SnapshotSource],
        *,
        play: Iterable[bytes] = (),
        parameters: Parameters | None = None,
        answer_after_s: float = 0.0,
        name: str = "",
    ) -> None:
        """Answer for these packs by address, after the status answers to `play`.

        `name` is what the owner calls a pack that is alone; its serial number follows from it.
        A real pack takes 0.035..0.05 s, and 0.027 s more for its 308 bytes.
        """
        super().__init__(play=play, answer_after_s=answer_after_s)
        self.mute: set[int] = set()
        """Addresses that do not answer."""
        self._packs = dict(packs)
        self.settings = {
            address: JkSettings(source, parameters, address) for address, source in packs.items()
        }
        """What each pack holds, by address."""
        self.refusal_code: int | None = None
        """The exception that refuses a value, 3 as documents say; None refuses in silence."""
        serial_number = serial_number_of(name) if name else ""
        self._devices = {
            address: device_values(name or f"pack {address}", address, serial_number)
            for address in packs
        }
        self._decoder = jk_modbus.Decoder()

    def answer(self, request: Request) -> bytes | None:
        """Return what the bus answers, None where it stays silent."""
        address = request.address
        if address not in self._packs or address in self.mute:
            return None
        if isinstance(request, jk_modbus.ReadRequest):
            answer = self._registers(request)
        elif request.register not in jk_modbus.TRIGGERS:
            return self._write(request)
        elif request.register == jk_modbus.STATUS and self._play:
            answer = self._play.pop(0)
        else:
            answer = self.frame(address, request.register)
        self.requests += request.register == jk_modbus.STATUS
        return answer

    def frame(self, address: int, register: int) -> bytes:
        """Return what a pack answers to a trigger."""
        snapshot = self._packs[address].snapshot()
        if register == jk_modbus.STATUS:
            frame = cell_frame(snapshot)
        elif register == jk_modbus.SETTINGS:
            frame = settings_frame(self.settings[address].values())
        else:
            uptime = {"uptime": int(snapshot.runtime_s)}
            frame = device_frame(self._devices[address] | uptime)
        return jk_modbus.answer(address, frame)

    def master_cycle(self) -> None:
        """Do as a pack at address 0 does: poll all others, then tell of itself without request."""
        for address in sorted(self._packs, key=lambda address: address == 0):
            for register in (jk_modbus.STATUS, jk_modbus.SETTINGS):
                if address:
                    self._send(jk_modbus.trigger_request(address, register))
                if address not in self.mute:
                    self._send(self.frame(address, register))

    def _of_another(self, answer: bytes) -> bytes:
        if len(answer) < FRAME_SIZE:
            return answer
        return jk_modbus.answer(_ABSENT, answer[:FRAME_SIZE])

    def _other_talk(self) -> bytes:
        request = jk_modbus.trigger_request(_ABSENT)
        address = next(iter(self._packs))
        return request + self._of_another(self.frame(address, jk_modbus.STATUS))

    def _registers(self, request: jk_modbus.ReadRequest) -> bytes:
        base = request.register - request.register % _SPAN
        values = {
            0x1000: self.settings[request.address].values(),
            0x1200: cell_values(self._packs[request.address].snapshot()),
            0x1400: self._devices[request.address],
        }.get(base)
        begin = request.register - base + _BODY_AT
        if values is None or begin + 2 * request.count > FRAME_SIZE:
            return jk_modbus.refusal(request.address, jk_modbus.READ, _NO_REGISTER)
        image = Block(MAPS[base], order=">").pack(values)
        words = tuple(
            int.from_bytes(image[at : at + 2]) for at in range(begin, begin + 2 * request.count, 2)
        )
        return jk_modbus.registers(request.address, words)

    def _write(self, request: jk_modbus.WriteRequest) -> bytes:
        """Take a write, or do not; most boards acknowledge it all the same."""
        place = request.register - 0x1000 + _BODY_AT
        for field in MAPS[0x1000]:
            if field.at == place and field.size == len(request.data):
                value = field.value(struct.unpack(f">{field.code}", request.data))
                taken = self.settings[request.address].write(field, value)
                if not taken and self.refusal_code is not None:
                    return jk_modbus.refusal(request.address, jk_modbus.WRITE, self.refusal_code)
                return jk_modbus.acknowledge(request.address, request.register, request.count)
        return jk_modbus.refusal(request.address, jk_modbus.WRITE, _NO_REGISTER)

    def _requests(self, data: bytes) -> Iterator[tuple[Request, bytes]]:
        for event in self._decoder.feed(data):
            if isinstance(event, jk_modbus.WriteRequest):
                yield (
                    event,
                    jk_modbus.write_request(event.address, event.register, event.data),
                )
            elif isinstance(event, jk_modbus.ReadRequest):
                yield (
                    event,
                    jk_modbus.read_request(event.address, event.register, event.count),
                )

    def _forget(self) -> None:
        self._decoder.reset()
