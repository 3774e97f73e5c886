"""The status socket: a running controller tells what it sees, to its own user only.

One request a connection: the client connects and reads one JSON document to the end.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

from cellwarden import __version__
from cellwarden.errors import LinkError
from cellwarden.model import Alarm, BankState, Limit

SOCKET_NAME = "status.sock"


def plain(value: object) -> object:
    """Return any state as JSON types: enums by their value, limits with their reasons as text."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str) else value.name.lower()
    if isinstance(value, Limit):
        return {"value": value.value, "reasons": [reason.text for reason in value.reasons]}
    if is_dataclass(value) and not isinstance(value, type):
        text = {"text": value.text} if isinstance(value, Alarm) else {}
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)} | text
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [plain(item) for item in value]
    return value


def document(
    state: BankState | None,
    now_s: float,
    outputs: Mapping[str, Mapping[str, object]],
    mode: str,
    diagnosis: Mapping[str, object] | None = None,
    relays: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return what `cellwarden status --json` prints; `bank` is null before the first decision."""
    return {
        "version": __version__,
        "mode": mode,
        "age_s": None if state is None else round(now_s - state.at_s, 3),
        "bank": plain(state),
        "outputs": plain(outputs),
        "relays": plain(relays or {}),
        "diagnosis": diagnosis,
    }


class OwnSocket:
    """Listens on a socket that only its user can open."""

    def __init__(self, path: Path) -> None:
        """`path` is in a folder that nobody else can enter."""
        self.path = path
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind; a socket left behind by a killed process is replaced."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self.met, self.path)
        self.path.chmod(0o600)  # and the folder is 0700 since before the socket was there

    async def stop(self) -> None:
        """Unbind."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)

    async def met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client, and close."""
        raise NotImplementedError


class StatusServer(OwnSocket):
    """Tells whoever connects what the controller sees."""

    def __init__(self, folder: Path, describe: Callable[[], dict[str, object]]) -> None:
        super().__init__(folder / SOCKET_NAME)
        self._describe = describe

    async def met(
        self,
        reader: asyncio.StreamReader,  # noqa: ARG002  # the client need not say anything
        writer: asyncio.StreamWriter,
    ) -> None:
        """Tell, whatever the client says."""
        with contextlib.suppress(OSError, TimeoutError):  # a client that left or does not read
            try:
                writer.write(json.dumps(self._describe()).encode())
                async with asyncio.timeout(2.0):
                    await writer.drain()
            finally:
                writer.close()


def ask(folder: Path, timeout_s: float = 3.0) -> dict[str, object]:
    """Return the status document of the process that runs in a folder; LinkError if none does."""
    return exchange(folder / SOCKET_NAME, timeout_s)


def exchange(path: Path, timeout_s: float, request: bytes = b"") -> dict[str, object]:
    """Send a request, if there is one, and return the document that comes back.

    LinkError, with what to do, if nobody answers.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout_s)
            client.connect(str(path))
            if request:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
            chunks = []
            while chunk := client.recv(65536):
                chunks.append(chunk)
    except FileNotFoundError as error:
        raise LinkError(str(path), "no controller is running here: cellwarden run") from error
    except ConnectionRefusedError as error:
        raise LinkError(
            str(path), "the controller that was here has gone: cellwarden run"
        ) from error
    except PermissionError as error:
        raise LinkError(str(path), "the controller runs as another user: use that one") from error
    except TimeoutError as error:
        raise LinkError(str(path), f"no answer within {timeout_s:g} s") from error
    except OSError as error:
        raise LinkError(str(path), f"cannot be asked ({error})") from error
    try:
        answer = json.loads(b"".join(chunks))
    except ValueError as error:
        raise LinkError(str(path), "the answer ends too early: ask again") from error
    if not isinstance(answer, dict):
        raise LinkError(str(path), "the answer is no document")
    return answer
