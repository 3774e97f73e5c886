"""What is published, apart from how."""

from dataclasses import dataclass

ONLINE, OFFLINE = b"online", b"offline"


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    topic: str
    payload: bytes
    """Empty and retained: what the broker keeps there is deleted."""
    qos: int
    """0 for states, which the next one replaces; 1 for what is sent once."""
    retain: bool = True
    """Whether a subscriber is to find it at any time; false for what happens at one moment."""
