"""The control socket and the office behind it: one request, one answer, for its own user only."""

import asyncio
import json
import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import LinkError
from cellwarden.runtime import control
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.control import ControlServer
from cellwarden.runtime.folders import private
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.office import Office
from cellwarden.runtime.rights import Rights
from cellwarden.runtime.writing import Desk
from support.writable import LFP, WritablePack


async def echo(message: Mapping[str, object], who: str) -> dict[str, object]:
    return {"heard": dict(message), "who": who}


def raw(folder: Path, data: bytes) -> dict[str, object]:
    """Send bytes as no client of ours would."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(folder / control.SOCKET_NAME))
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    return dict(json.loads(answer))


def served(folder: Path, ask: Any, answer: Any = echo) -> Any:
    async def scenario() -> Any:
        server = ControlServer(private(folder), answer)
        await server.start()
        try:
            return await asyncio.to_thread(ask)
        finally:
            await server.stop()

    return asyncio.run(scenario())


def test_a_request_is_answered_and_says_which_user_asked(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    answer = served(folder, lambda: control.ask(folder, {"do": "x", "n": 1}))
    assert answer["heard"] == {"do": "x", "n": 1}
    assert answer["who"] == control.user_name(os.getuid())


def test_a_user_without_a_name_is_called_by_its_number() -> None:
    assert control.user_name(0) == "root"
    assert control.user_name(4_000_000_007) == "uid 4000000007"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'"text"'])
def test_what_is_no_request_gets_an_error_and_no_traceback(tmp_path: Path, data: bytes) -> None:
    folder = tmp_path / "run"
    answer = served(folder, lambda: raw(folder, data))
    assert "the request is no JSON" in str(answer["error"])


def test_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_user_of", lambda peer: 54321)
    folder = tmp_path / "run"
    answer = served(folder, lambda: raw(folder, b"{}"))
    assert answer == {"error": "only the user that the controller runs as may ask"}


def test_only_its_user_can_open_the_socket(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    mode = served(folder, lambda: (folder / control.SOCKET_NAME).stat().st_mode)
    assert stat.S_IMODE(mode) == 0o600


def test_an_error_of_the_answer_is_an_error_of_the_call(tmp_path: Path) -> None:
    async def no(message: Mapping[str, object], who: str) -> dict[str, object]:
        return {"error": "there is no pack 'x'"}

    folder = tmp_path / "run"
    with pytest.raises(LinkError, match="there is no pack 'x'"):
        served(folder, lambda: control.ask(folder, {}), no)


def test_where_no_controller_runs_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="cellwarden run"):
        control.ask(tmp_path, {})


# -- the office -------------------------------------------------------------------------------


def office(folder: Path, message: dict[str, object], mode: str = "control") -> Any:
    """Ask an office with one pack."""
    pack = WritablePack()

    async def scenario() -> dict[str, object]:
        audit = Audit(folder)
        guarded = Guarded(pack, "left")
        gate = ControlGate(
            mode=mode, rights=Rights({}), desks=[Desk(guarded, LFP, audit)], audit=audit,
            clock=Clock(),
        )  # fmt: skip
        await guarded.open()
        await guarded.poll()
        gate.start()
        answer = await Office(gate).answer(message, "somebody")
        await gate.stop()
        return answer

    answer = asyncio.run(scenario())
    assert json.loads(json.dumps(answer)) == answer
    return answer


def test_the_list_says_what_can_be_done_and_why_not(tmp_path: Path) -> None:
    answer = office(tmp_path, {"do": "list"}, mode="monitor")
    (pack,) = answer["packs"]
    assert answer["mode"] == "monitor"
    assert pack["can"] == []
    assert "nothing is ever written" in pack["cannot"]["parameters"]
    assert office(tmp_path, {"do": "list"})["packs"][0]["cannot"] == {}


def test_the_settings_stand_with_range_register_and_the_engines_value(tmp_path: Path) -> None:
    answer = office(tmp_path, {"do": "show"})  # the only pack needs no name
    rows = {row["name"]: row for row in answer["settings"]}
    assert rows["cell_overvoltage_v"] == {
        "name": "cell_overvoltage_v", "text": "cell over-voltage", "value": 3.6, "unit": "V",
        "register": "0x04", "minimum": 1.2, "maximum": 4.35, "writable": True, "engine": 3.6,
    }  # fmt: skip
    assert rows["charge_switch"]["value"] is True


def test_a_request_is_asked_in_the_persons_name(tmp_path: Path) -> None:
    message = {"do": "ask", "pack": "left", "kind": "charge switch", "value": False}
    assert office(tmp_path, message)["verdict"] == "applied"
    (entry,) = office(tmp_path, {"do": "audit"})["entries"]
    assert (entry["who"], entry["kind"]) == ("params somebody", "charge switch")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({}, "nothing is known of doing None"),
        ({"do": ["list"]}, "nothing is known of doing"),
        ({"do": "show", "pack": "right"}, "there is no pack 'right': this bank has left"),
        ({"do": "ask", "kind": "dance"}, "there is no kind of request 'dance'"),
        ({"do": "ask", "kind": "parameters", "changes": [1]}, "not in the right form"),
        ({"do": "ask", "kind": "parameters", "lasts_s": "long"}, "not in the right form"),
        ({"do": "ask", "kind": "name", "value": {"a": 1}}, "not in the right form"),
    ],
)
def test_a_message_that_makes_no_sense_is_told_why(
    tmp_path: Path, message: dict[str, object], words: str
) -> None:
    assert words in office(tmp_path, message)["error"]
