"""docs/hooks.md says what hooks.py says: every hook with its arguments, every field of a kind."""

import asyncio
import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable
from types import ModuleType

import pytest

from cellwarden import hooks
from cellwarden.clock import Clock
from cellwarden.host import Host
from cellwarden.model import BankPhase, BankState
from cellwarden.runtime.mailbox import Mailbox
from cellwarden.runtime.monitor_gate import MonitorGate
from support.hosts import point
from support.tools import REPOSITORY

PAGE = (REPOSITORY / "docs" / "hooks.md").read_text(encoding="utf-8")
KINDS = [
    hooks.DriverKind,
    hooks.DriverContext,
    hooks.OutputKind,
    hooks.OutputContext,
    hooks.RelayKind,
    hooks.RelayContext,
    hooks.ProtocolKind,
    hooks.CommandKind,
]
MODULE_PREFIX = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")


def signature(hook: Callable[..., object]) -> str:
    return MODULE_PREFIX.sub("", f"{hook.__name__}{inspect.signature(hook)}")


def type_text(hint: object) -> str:
    text = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return MODULE_PREFIX.sub("", text).replace("|", "\\|")


def test_every_hook_is_documented_with_its_arguments_and_no_other() -> None:
    specified = [
        signature(hook)
        for name, hook in inspect.getmembers(hooks, inspect.isfunction)
        if name.startswith("cellwarden_")
    ]
    assert len(specified) == 5
    assert sorted(re.findall(r"^### `(cellwarden_.*)`$", PAGE, re.MULTILINE)) == sorted(specified)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_documented_with_its_type(kind: type) -> None:
    section = re.search(rf"^### `{kind.__name__}`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None
    documented = re.findall(r"^\| `(\w+)` \| `(.+?)` \|", section[1], re.MULTILINE)
    hints = typing.get_type_hints(kind)
    assert documented == [
        (field.name, type_text(hints[field.name])) for field in dataclasses.fields(kind)
    ]


def test_every_argument_of_option_is_documented() -> None:
    from cellwarden.config.options import option

    (documented,) = re.findall(r"`option\((default, .*?)\)`", PAGE)
    names = [argument.partition("=")[0] for argument in documented.split(", ")]
    assert names == list(inspect.signature(option).parameters)


def test_the_example_is_a_plugin_that_works(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make_bank: Callable[..., BankState],
) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module = ModuleType("cellwarden_paper_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, "docs/hooks.md", "exec"), module.__dict__)
    host = Host([point("paper", module.__name__)])
    assert host.problems() == ()
    paper = host.outputs()["paper"]
    context = hooks.OutputContext(name="paper", bank="Battery", state_dir="/nowhere")
    output = paper.build(paper.options(), context)

    async def live_then_stop() -> None:
        feed = Mailbox(Clock())
        feed.put(make_bank(phase=BankPhase.LIVE, soc_percent=64.0))
        running = asyncio.create_task(output.run(feed, MonitorGate("monitor")))
        await asyncio.sleep(0)  # it runs until it waits for the next one
        feed.put(make_bank(phase=BankPhase.STOPPING, soc_percent=None))
        await running

    asyncio.run(live_then_stop())
    assert capsys.readouterr().out == "Battery: SoC 64 %\n"
    assert output.status() == {"lines": 1}
