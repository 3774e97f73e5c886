"""RFC 2217 without I/O: a serial port behind Telnet, whose speed the client sets.

Bytes of the line that are 255 travel twice, commands between them. Ours is the client's side: it
asks for a binary line at a speed, 8N1 without flow control, and refuses every other option.
"""

import re

_IAC, _DONT, _DO, _WONT, _WILL, _SB, _SE = 255, 254, 253, 252, 251, 250, 240
_BINARY, _NO_GO_AHEAD, _COM_PORT = 0, 3, 44
_OPTIONS = (_BINARY, _NO_GO_AHEAD, _COM_PORT)
_ANSWER = {_WILL: (_DO, _DONT), _DO: (_WILL, _WONT)}
"""What agrees to a demand, and what refuses it."""

_SET_BAUDRATE, _SET_DATASIZE, _SET_PARITY, _SET_STOPSIZE, _SET_CONTROL = 1, 2, 3, 4, 5
_BY_SERVER = 100  # added to a command's number in the server's answer
_EIGHT, _NO_PARITY, _ONE_STOP, _NO_FLOW_CONTROL = 8, 1, 1, 1

_TOLERANCE = 0.02
"""Share of the speed by which a port may miss it: receivers stand 2 to 3 % (ours)."""

_SUBNEGOTIATION = re.compile(rb"\xff\xfa((?:[^\xff]|\xff\xff)*)\xff\xf0", re.DOTALL)
_LONGEST = 512
"""Bytes of a subnegotiation; ours have six. What is longer has lost its end."""


class Rfc2217Client:
    """One connection's state."""

    def __init__(self, baudrate: int) -> None:
        """Ask for this speed."""
        self.ready = False
        """Whether the gateway has set the speed."""
        self.refusal = ""
        """Why it will never be ready; empty while it may be."""
        self._baudrate = baudrate
        self._said: set[tuple[int, int]] = set()
        self._rest = b""

    def begin(self) -> bytes:
        """Return what to send first."""
        return b"".join(self._say(verb, option) for option in _OPTIONS for verb in (_WILL, _DO))

    def escape(self, data: bytes) -> bytes:
        """Return bytes for the line as they travel."""
        return data.replace(b"\xff", b"\xff\xff")

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the line's bytes, and what to answer; an unfinished command is kept."""
        if not self._rest and b"\xff" not in data:
            return data, b""
        data = self._rest + data
        line, answers = bytearray(), bytearray()
        at = 0
        while (command_at := data.find(_IAC, at)) >= 0:
            line += data[at:command_at]
            at = command_at
            size = self._command_size(data, at)
            if not size:
                break
            if size == 2 and data[at + 1] == _IAC:
                line.append(_IAC)
            else:
                answers += self._obey(data[at : at + size])
            at += size
        else:
            line += data[at:]
            at = len(data)
        self._rest = data[at:]
        return bytes(line), bytes(answers)

    def _command_size(self, data: bytes, at: int) -> int:
        """Return the bytes of the command there, 0 while its end has not come."""
        left = len(data) - at
        if left < 2:
            return 0
        kind = data[at + 1]
        if kind == _SB:
            whole = _SUBNEGOTIATION.match(data, at)
            if whole is not None:
                return len(whole[0])
            return 2 if left > _LONGEST else 0
        if kind in (_WILL, _WONT, _DO, _DONT):
            return 3 if left >= 3 else 0
        return 2

    def _obey(self, command: bytes) -> bytes:
        kind = command[1]
        if kind == _SB:
            return self._told(command[2:-2].replace(b"\xff\xff", b"\xff"))
        if kind in _ANSWER:
            return self._demanded(kind, command[2])
        if kind in (_WONT, _DONT) and command[2] == _COM_PORT:
            self.refusal = self.refusal or "it does not speak RFC 2217 on this port"
        return b""

    def _demanded(self, verb: int, option: int) -> bytes:
        agree, refuse = _ANSWER[verb]
        if option not in _OPTIONS:
            return self._say(refuse, option)
        answer = self._say(agree, option)
        return answer + self._settings() if option == _COM_PORT else answer

    def _settings(self) -> bytes:
        if (_SB, _COM_PORT) in self._said:
            return b""
        self._said.add((_SB, _COM_PORT))
        settings = (
            (_SET_BAUDRATE, self._baudrate.to_bytes(4)),
            (_SET_DATASIZE, bytes((_EIGHT,))),
            (_SET_PARITY, bytes((_NO_PARITY,))),
            (_SET_STOPSIZE, bytes((_ONE_STOP,))),
            (_SET_CONTROL, bytes((_NO_FLOW_CONTROL,))),
        )
        return b"".join(
            bytes((_IAC, _SB, _COM_PORT, number)) + self.escape(value) + bytes((_IAC, _SE))
            for number, value in settings
        )

    def _told(self, body: bytes) -> bytes:
        if body[:2] == bytes((_COM_PORT, _BY_SERVER + _SET_BAUDRATE)) and len(body) == 6:
            set_to = int.from_bytes(body[2:])
            self.ready = abs(set_to - self._baudrate) <= _TOLERANCE * self._baudrate
            if not self.ready:
                self.refusal = f"its port runs at {set_to} baud and cannot do {self._baudrate}"
        return b""

    def _say(self, verb: int, option: int) -> bytes:
        """Return a demand or an answer, once: an answer to an answer would never end."""
        if (verb, option) in self._said:
            return b""
        self._said.add((verb, option))
        return bytes((_IAC, verb, option))
