"""The control socket: the user that the controller runs as may ask the gate, and nobody else.

One request a connection: a JSON document and the end of writing; then one JSON document back.
"""

import asyncio
import contextlib
import json
import os
import pwd
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from cellwarden.errors import LinkError
from cellwarden.runtime.status import OwnSocket, exchange

SOCKET_NAME = "control.sock"
_MOST_BYTES = 1 << 20
_READ_S = 5.0
PATIENCE_S = 180.0
"""Real s that a client waits: a transaction goes back for as long as a lost link needs."""

Document = dict[str, object]
Answer = Callable[[Mapping[str, object], str], Awaitable[Document]]
"""Answers a request of somebody, who is known to be the user of this process or root."""


class ControlServer(OwnSocket):
    """Answers requests."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        super().__init__(folder / SOCKET_NAME)
        self._answer = answer
        self._busy: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Unbind, and let whoever is being answered have the answer."""
        await super().stop()
        if self._busy:
            await asyncio.wait(self._busy, timeout=_READ_S)

    async def met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError):  # a client that left or is stuck
                document = await self._reply(reader, writer)
                writer.write(json.dumps(document).encode())
                async with asyncio.timeout(_READ_S):
                    await writer.drain()
        finally:
            writer.close()
            self._busy.discard(task)

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Document:
        user = _user_of(writer.get_extra_info("socket"))
        async with asyncio.timeout(_READ_S):
            data = await reader.read(_MOST_BYTES)
            while data and not reader.at_eof() and len(data) < _MOST_BYTES:
                data += await reader.read(_MOST_BYTES)
        if user not in (os.geteuid(), 0):
            return {"error": "only the user that the controller runs as may ask"}
        try:
            message = json.loads(data)
        except ValueError:
            return {"error": "the request is no JSON document"}
        if not isinstance(message, dict):
            return {"error": "the request is no JSON object"}
        return await self._answer(message, user_name(user))


def user_name(user: int) -> str:
    """Return what the audit log calls a user of this computer."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # a container that runs as a bare number
        return f"uid {user}"


def _user_of(peer: socket.socket) -> int:
    """Return the user at the other end, as the kernel knows it."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(user)


def ask(folder: Path, message: Mapping[str, object]) -> Document:
    """Ask the controller that runs in a folder; LinkError if none does."""
    answer = exchange(folder / SOCKET_NAME, PATIENCE_S, json.dumps(message).encode())
    if "error" in answer:
        raise LinkError("the controller", str(answer["error"]))
    return answer
