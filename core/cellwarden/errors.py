"""Every error that Cellwarden raises on purpose.

CellwardenError
    ConfigError         the person must act: lists every mistake found
    LinkError           a port, bus or socket failed: try again
        LinkTimeout     nobody answered in time (also a TimeoutError)
    FrameError          the peer sent nonsense (also a ValueError)
    CommandRefused      a request was understood and refused
        WrongPassword       for want of the right password
"""

from collections.abc import Sequence


class CellwardenError(Exception):
    """The root: whatever is below it has a message written for people."""


class ConfigError(CellwardenError):
    """The configuration cannot be used; `problems` has one line for each mistake."""

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class LinkError(CellwardenError):
    """A link failed; `device` names it as the person configured it."""

    def __init__(self, device: str, message: str) -> None:
        self.device = device
        super().__init__(f"{device}: {message}")


class LinkTimeout(LinkError, TimeoutError):
    """Nobody answered in time."""


class FrameError(CellwardenError, ValueError):
    """Bytes that are no valid frame.

    `kind` is one of the stable words that `cellwarden decode` prints: header, incomplete,
    checksum, crc, tail, length, unknown_frame_type, wrong_address, wrong_frame_type,
    device_error, modbus_exception. `facts` are what else such a frame says, by name.
    """

    def __init__(self, kind: str, message: str, **facts: object) -> None:
        self.kind = kind
        self.facts = facts
        super().__init__(message)


class CommandRefused(CellwardenError):
    """A request was understood and refused; the message says why."""


class WrongPassword(CommandRefused):
    """A device wants another password; the message never contains one."""
