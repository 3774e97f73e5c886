"""What the other nodes of the bus say: the inverter's heartbeat, a second battery. Pure."""

from dataclasses import dataclass, field

from cellwarden.links.can_frame import CanFrame
from cellwarden_can_inverter.frames import Dialect


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
    foreign: dict[int, int] = field(default_factory=dict)
    """Frames that only a battery sends, heard from another node: identifier and how many."""

    def heard(self, frame: CanFrame, now_s: float) -> str | None:
        """Take a frame of another node; return what a person should be warned of, once."""
        if any(frame.can_id == known.can_id for known in self.dialect.heard):
            self.heartbeats += 1
            self.heartbeat_s = now_s
            self.payload = frame.data
        elif not frame.extended and any(frame.can_id == f.can_id for f in self.dialect.frames):
            count = self.foreign.get(frame.can_id, 0) + 1
            self.foreign[frame.can_id] = count
            if len(self.foreign) == 1 and count == 1:
                return (
                    f"another battery or controller sends 0x{frame.can_id:03X} on this bus: the"
                    " inverter obeys both in turn; leave one"
                )
        return None

    def inverter(self, now_s: float) -> str:
        """Return `seen`, `not seen` (for too long) or `never seen`."""
        if self.heartbeat_s is None:
            return "never seen"
        return "seen" if now_s - self.heartbeat_s <= self.timeout_s else "not seen"
