"""The command line, called in this process, with plugins that exist only for tests."""

import io
from importlib.metadata import EntryPoint

import pytest

from cellwarden.cli import main
from support.command import Call, Called
from support.hosts import FAKE


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The plugins that are installed; a test may add some."""
    installed = [FAKE]
    monkeypatch.setattr("cellwarden.host.entry_points", lambda *, group: installed)
    return installed


class Terminal(io.StringIO):
    """Standard input at which a person sits."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def call(
    points: list[EntryPoint],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Call the command line; `stdin` None is a terminal."""

    def run(*words: str, stdin: str | bytes | None = None) -> Called:
        if stdin is None:
            monkeypatch.setattr("sys.stdin", Terminal())
        else:
            content = stdin if isinstance(stdin, bytes) else stdin.encode()
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
        status = main(words)
        printed = capsys.readouterr()
        return Called(status, printed.out, printed.err)

    return run
