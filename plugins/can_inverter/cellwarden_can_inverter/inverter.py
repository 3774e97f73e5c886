"""What the other nodes of the bus say: the inverter's heartbeat, a second battery. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cellwarden.errors import FrameError
from cellwarden.links.can_frame import CanFrame
from cellwarden_can_inverter.frames import Dialect, decode

LEAST_MEASURED_V = 10.0
MOST_MEASURED_V = 1000.0
"""An inverter that is off tells 0 V; beyond this range nothing is a battery's voltage."""
NO_CURRENT_A = -3276.8
"""0x8000 in tenths: not measured."""
NAMES = {"VIC": "Victron GX"}
"""Who says what in `ident_text`."""


class Measured(NamedTuple):
    """What the inverter measured at the battery's terminals."""

    voltage_v: float
    current_a: float
    """Positive while charging."""


class Said(NamedTuple):
    """The newest frame of an identifier."""

    at_s: float
    frame: CanFrame


@dataclass(slots=True, kw_only=True)
class Bystander:
    """Keeps count of what others send; times are real, monotonic s.

    It only ever informs: an inverter that speaks after it has heard a battery would otherwise
    wait for a battery that waits for it.
    """

    dialect: Dialect
    timeout_s: float
    heartbeats: int = 0
    heartbeat_s: float | None = None
    payload: bytes = b""
    said: dict[int, Said] = field(default_factory=dict)
    """The newest frame of each identifier that only an inverter sends."""
    foreign: dict[int, int] = field(default_factory=dict)
    """Frames that only a battery sends, heard from another node: identifier and how many."""
    _warned: set[str] = field(default_factory=set)

    def heard(self, frame: CanFrame, now_s: float) -> str | None:
        """Take a frame of another node; return what a person should be warned of, once."""
        known = self.dialect.find(frame.can_id, extended=frame.extended)
        if known is None:
            return None
        if known in self.dialect.heard:
            self.said[frame.can_id] = Said(now_s, frame)
            if known.alive:
                self.heartbeats += 1
                self.heartbeat_s = now_s
                self.payload = frame.data
            elif "remote_shutdown" in self._decoded(frame).get("flags_set", ()):
                return self._once(
                    f"the inverter asks with 0x{frame.can_id:03X} to switch the battery off; that"
                    " is left to a person"
                )
            return None
        self.foreign[frame.can_id] = self.foreign.get(frame.can_id, 0) + 1
        if len(self.foreign) == 1:
            return self._once(
                f"another battery or controller sends 0x{frame.can_id:03X} on this bus: the"
                " inverter obeys both in turn; leave one"
            )
        return None

    def inverter(self, now_s: float) -> str:
        """Return `seen`, `not seen` (for too long) or `never seen`."""
        if self.heartbeat_s is None:
            return "never seen"
        return "seen" if now_s - self.heartbeat_s <= self.timeout_s else "not seen"

    def measured(self, frame: CanFrame) -> Measured | None:
        """Return what a frame tells of the battery's terminals, None if it tells nothing."""
        meter = self.dialect.meter
        if meter is None or frame.can_id != meter.can_id:
            return None
        values = self._decoded(frame)
        voltage_v, current_a = values.get(meter.voltage), values.get(meter.current)
        if voltage_v is None or current_a is None:
            return None
        if not LEAST_MEASURED_V <= voltage_v <= MOST_MEASURED_V or current_a <= NO_CURRENT_A:
            return None
        return Measured(voltage_v, meter.charging_sign * current_a)

    def words(self) -> dict[str, Any]:
        """Return all that the inverter said last, by signal name."""
        words: dict[str, Any] = {}
        for said in list(self.said.values()):
            words.update(self._decoded(said.frame))
        return words

    def name(self) -> str | None:
        """Return who the inverter says it is, None if it does not."""
        told = self.words().get("ident_text")
        return None if not told else NAMES.get(str(told), str(told))

    def ages_s(self, now_s: float) -> dict[str, float]:
        """Return how long ago each identifier of the inverter was heard, in s."""
        return {f"0x{i:03X}": round(now_s - s.at_s, 1) for i, s in list(self.said.items())}

    def _decoded(self, frame: CanFrame) -> Mapping[str, Any]:
        known = self.dialect.find(frame.can_id, extended=frame.extended)
        assert known is not None
        try:
            return decode(known, frame.data)
        except FrameError:
            return {}

    def _once(self, warning: str) -> str | None:
        if warning in self._warned:
            return None
        self._warned.add(warning)
        return warning
