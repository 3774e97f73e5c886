"""The status socket: one document a connection, for its own user only."""

import asyncio
import json
import stat
from pathlib import Path

import pytest

from cellwarden.errors import ConfigError, LinkError
from cellwarden.runtime.folders import private
from cellwarden.runtime.process import only_one
from cellwarden.runtime.status import StatusServer, ask, document
from support.states import bank_state


def serve(folder: Path, answer: dict[str, object]) -> dict[str, object]:
    async def scenario() -> dict[str, object]:
        server = StatusServer(private(folder), lambda: answer)
        await server.start()
        try:
            return await asyncio.to_thread(ask, folder)
        finally:
            await server.stop()

    return asyncio.run(scenario())


def test_who_asks_gets_the_whole_document(tmp_path: Path) -> None:
    answer = document(bank_state(), 1001.0, {"can": {"frames": 6}}, "monitor")
    got = serve(tmp_path / "run", answer)
    assert got == json.loads(json.dumps(answer))
    bank = got["bank"]
    assert isinstance(bank, dict)
    assert bank["soc_percent"] == 64.0
    assert bank["phase"] == "live"
    assert bank["limits"]["charge_current"] == {
        "value": 100.0,
        "reasons": ["charge current setting"],
    }
    assert got["age_s"] == 0.5


def test_before_the_first_decision_there_is_no_bank() -> None:
    assert document(None, 5.0, {}, "monitor")["bank"] is None


def test_only_its_user_can_open_the_socket(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, int]:
        server = StatusServer(private(tmp_path / "run"), dict)
        await server.start()
        modes = server.path.stat().st_mode, server.path.parent.stat().st_mode
        await server.stop()
        return modes

    socket_mode, folder_mode = asyncio.run(scenario())
    assert stat.S_IMODE(socket_mode) == 0o600
    assert stat.S_IMODE(folder_mode) == 0o700


def test_nobody_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="no controller is running here: cellwarden run"):
        ask(tmp_path)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [(b"", "ends too early"), (b'{"a', "too early"), (b"[1]", "no document")],
)
def test_an_answer_that_is_no_document_is_said_so(
    tmp_path: Path, answer: bytes, complaint: str
) -> None:
    async def scenario() -> None:
        async def reply(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            writer.close()

        server = await asyncio.start_unix_server(reply, tmp_path / "status.sock")
        try:
            with pytest.raises(LinkError, match=complaint):
                await asyncio.to_thread(ask, tmp_path)
        finally:
            server.close()

    asyncio.run(scenario())


def test_a_socket_left_by_a_killed_process_is_named_and_replaced(tmp_path: Path) -> None:
    async def leave_behind() -> None:
        server = StatusServer(private(tmp_path / "run"), dict)
        await server.start()
        assert server._server is not None
        server._server.close()  # closed, not unlinked: what a kill leaves

    asyncio.run(leave_behind())
    path = tmp_path / "run" / "status.sock"
    if path.exists():  # newer Pythons unlink when the server closes
        with pytest.raises(LinkError, match="has gone"):
            ask(tmp_path / "run")
    assert serve(tmp_path / "run", {"x": 1}) == {"x": 1}


def test_a_second_controller_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigError, match="another controller")
    with only_one(tmp_path), refused, only_one(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_an_error_that_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"set controller\.state_dir"):
        private(tmp_path / "file" / "run")
