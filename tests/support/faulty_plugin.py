"""A plugin whose outputs misbehave, installed for one test by its metadata alone."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellwarden.config.options import option
from cellwarden.hooks import OutputContext, OutputKind, hookimpl
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import BankPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultyOptions:
    """How it misbehaves."""

    fault: str = option(help="what it does", choices=("raises", "blocks", "burns", "hangs"))


class FaultyOutput:
    """Raises in a loop, blocks for 10 s at a time, burns a core, or hangs for ever."""

    def __init__(self, options: FaultyOptions, _: OutputContext) -> None:
        self._fault = options.fault

    async def run(self, feed: Feed, gate: Gate) -> None:
        while True:
            state = await feed.next()
            if state is not None and state.phase is BankPhase.STOPPING:
                return
            if self._fault == "raises":
                raise RuntimeError("this output is broken")
            if self._fault == "blocks":
                time.sleep(10.0)  # noqa: ASYNC251  # the very fault it is for
            if self._fault == "hangs" and _may_hang():
                time.sleep(1e6)  # noqa: ASYNC251  # likewise
            while self._fault == "burns":
                sum(range(10_000))
                latest = feed.latest()
                if latest is not None and latest.phase is BankPhase.STOPPING:
                    return
            await asyncio.sleep(0)

    def status(self) -> Mapping[str, object]:
        raise RuntimeError("and its status is broken too")


def _may_hang() -> bool:
    """Whether the file that the environment names is there; true if it names none."""
    return Path(os.environ.get("FAULTY_HANG", "/")).exists()


@hookimpl
def cellwarden_outputs() -> Sequence[OutputKind]:
    return (
        OutputKind(
            name="faulty", summary="misbehaves", options=FaultyOptions, build=FaultyOutput
        ),
        OutputKind(
            name="faulty-control", summary="misbehaves on the control loop",
            options=FaultyOptions, build=FaultyOutput, control=True,
        ),
    )  # fmt: skip


def install(folder: Path) -> dict[str, str]:
    """Make it an installed plugin below a folder; returns the environment that shows it."""
    info = folder / "faulty-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cellwarden]\nfaulty = support.faulty_plugin\n")
    tests = Path(__file__).resolve().parents[1]
    return {"PYTHONPATH": f"{folder}:{tests}"}
