"""An emulated JK BMS that speaks "4E 57" on a pseudo terminal, for demo and tests.

Same frames and same rounding as the real device, and the faults of real lines by switch.
"""

import struct
from collections.abc import Iterable, Iterator

from cellwarden.model import Parameters
from cellwarden_hardware.codecs import jk_4e57
from cellwarden_hardware.codecs.jk_4e57_table import IDENTIFIERS, SETTINGS
from cellwarden_hardware.simulator.device import EmulatedDevice, Switchable
from cellwarden_hardware.simulator.jk_values import settings_values, snapshot_values
from cellwarden_hardware.simulator.obeying import takes, tell
from cellwarden_hardware.simulator.snapshot import SnapshotSource

__all__ = ["EmulatedJk", "Switchable"]

_VOLTAGE = 0x83
_SWITCHES = {0x9D: "balance", 0xAB: "charge", 0xAC: "discharge"}


class EmulatedJk(EmulatedDevice[jk_4e57.Request]):
    """One BMS on one pseudo terminal."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        play: Iterable[bytes] = (),
        parameters: Parameters | None = None,
        name: str = "emulated",
        answer_after_s: float = 0.0,
    ) -> None:
        """Answer from `source`, after the frames to `play`, one for each request for everything.

        `parameters` are the BMS's settings, None for the chemistry's preset; `name` is the
        owner's name for it. `answer_after_s` is real time; the device takes 0.02..0.1 s.
        """
        super().__init__(play=play, answer_after_s=answer_after_s)
        self.refuses: set[str] = set()
        """Identifiers that are never taken, in silence, by their names: v11 boards refuse
        `balance_switch`."""
        self.restarts = 0
        self._source = source
        self._settings = settings_values(source.snapshot(), parameters, name)
        self._decoder = jk_4e57.Decoder()

    def push(self) -> None:
        """Send everything without being asked."""
        self._send(self._full(jk_4e57.Command.READ_ALL, jk_4e57.Kind.PUSHED))

    def _requests(self, data: bytes) -> Iterator[tuple[jk_4e57.Request, bytes]]:
        for event in self._decoder.feed(data):
            if isinstance(event, jk_4e57.Request) and event.source != jk_4e57.Source.BMS:
                body = bytes((event.register or 0,)) + event.data
                yield (
                    event,
                    jk_4e57.build_frame(event.command, event.source, jk_4e57.Kind.REQUEST, body),
                )

    def _forget(self) -> None:
        self._decoder.reset()

    def _other_talk(self) -> bytes:
        values = {**self._settings, **snapshot_values(self._source.snapshot())}
        command = jk_4e57.Command.READ_ONE
        return jk_4e57.read_request(_VOLTAGE) + jk_4e57.build_reply(
            values, only=(_VOLTAGE,), command=command
        )

    def answer(self, request: jk_4e57.Request) -> bytes | None:
        """Return what the device answers to a request, None where it stays silent."""
        command, register = request.command, request.register or 0
        if command == jk_4e57.Command.READ_ALL or (
            command == jk_4e57.Command.READ_ONE and register == 0
        ):
            self.requests += 1
            if self._play:
                return self._play.pop(0)
            return self._full(command, jk_4e57.Kind.REPLY)
        if command == jk_4e57.Command.READ_ONE:
            row = IDENTIFIERS.get(register)
            if row is None or not row.readable:
                return None
            return jk_4e57.build_reply(self._values(), only=(register,), command=command)
        if command == jk_4e57.Command.WRITE:
            self._write(register, request.data)
        return jk_4e57.acknowledge(command, register)

    def _write(self, register: int, data: bytes) -> None:
        """Take a write, or do not: either way the answer is the same.

        Passwords are not asked for: nobody knows how they would be carried.
        """
        row = IDENTIFIERS.get(register)
        if row is None or not row.writable or len(data) != row.size or row.name in self.refuses:
            return
        (count,) = struct.unpack(f">{row.code}", data)
        if row.span and not row.span[0] <= count <= row.span[1]:
            return
        value = row.value(count)
        if register in _SWITCHES:
            if isinstance(self._source, Switchable):
                self._source.set_switch(_SWITCHES[register], value is True)
        elif not row.readable:
            self.restarts += row.name == "restart"
        elif not row.parameter:
            self._settings[row.name] = value
        elif takes(self._parameters(), row.parameter, float(value)):
            self._settings[row.name] = value
            tell(self._source, row.parameter, float(value))

    def _parameters(self) -> dict[str, float]:
        return {
            row.parameter: float(self._settings[row.name])
            for row in SETTINGS
            if row.parameter and row.name in self._settings
        }

    def _values(self) -> dict[str, int | float | bool | str | tuple[float, ...]]:
        return {**self._settings, **snapshot_values(self._source.snapshot())}

    def _full(self, command: int, kind: int) -> bytes:
        return jk_4e57.build_reply(self._values(), command=command, kind=kind)
