"""Mode `control` as a whole: the engine opens a switch of the BMS, and orders outlive a kill."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cellwarden.runtime import control
from support.processes import cellwarden, started, status, until

pytestmark = pytest.mark.system

CAREFUL = """
[pack.parameters]
cell_overvoltage_v = 3.25
cell_overvoltage_recovery_v = 3.15
charge_voltage_v = 3.2
balance_start_v = 3.2
"""
"""Below what the emulated cells have: the engine sees an over-voltage that the BMS does not."""


class House:
    """One emulated BMS, and a configuration of mode `control` that reads it."""

    def __init__(self, folder: Path, block: list[str], more: str = "") -> None:
        self.run_folder = folder / "run"
        self.config = folder / "cellwarden.toml"
        head = (
            '[controller]\nmode = "control"\n'
            f'state_dir = "{folder / "state"}"\nruntime_dir = "{self.run_folder}"\n'
        )
        self.config.write_text(head + "\n".join(block) + more)

    def command(self) -> list[str]:
        return cellwarden("run", "--config", str(self.config))

    def pack(self) -> dict[str, Any]:
        bank = (status(self.run_folder) or {}).get("bank") or {}
        return next((p for p in bank.get("packs", []) if p["phase"] == "online"), {})

    def orders(self) -> dict[str, Any]:
        bank = (status(self.run_folder) or {}).get("bank") or {}
        return dict(bank.get("orders") or {})

    def ask(self, **message: object) -> dict[str, object]:
        return control.ask(self.run_folder, message)


@pytest.fixture
def block(tmp_path: Path) -> Iterator[list[str]]:
    with ExitStack() as stack:
        emulate = cellwarden("emulate", "jk-rs485", "--link", str(tmp_path / "jk"))
        process = stack.enter_context(started(emulate))
        lines: list[str] = []
        while not lines or "capacity_ah" not in lines[-1]:
            lines.append(process.next_line())
        yield lines


@pytest.mark.requirement("R11")
def test_the_engine_opens_the_charge_switch_and_nobody_closes_it(
    tmp_path: Path, block: list[str]
) -> None:
    house = House(tmp_path, block, CAREFUL)
    with started(house.command()):
        reading = until(
            lambda: (r := house.pack().get("reading")) and r["charge_switch_on"] is False and r,
            30.0,
            "the charge switch off",
        )
        assert reading["charge_fet_on"] is False
        assert reading["discharge_fet_on"] is True
        closed = house.ask(do="ask", pack="pack-1", kind="charge switch", value=True)
        assert closed["verdict"] == "refused"
        assert "the engine keeps the charge switch off" in str(closed["reason"])
        (entry, *_) = [e for e in house.ask(do="audit")["entries"] if e["verdict"] == "applied"]  # type: ignore[attr-defined]
        assert (entry["who"], entry["kind"], entry["asked"]) == (
            "engine", "charge switch", "False",
        )  # fmt: skip


def test_orders_and_a_stated_soc_are_taken_and_orders_outlive_a_kill(
    tmp_path: Path, block: list[str]
) -> None:
    house = House(tmp_path, block)
    with started(house.command(), log=tmp_path / "log") as process:
        until(lambda: house.pack() or None, 30.0, "the pack online")
        order = {"do": "ask", "kind": "charge current limit", "value": 7.0}
        assert house.ask(**order)["verdict"] == "applied"
        until(lambda: house.orders().get("charge_current_a"), 5.0, "the order in effect")
        soc = house.ask(do="ask", pack="pack-1", kind="SoC reset", value=33.0)
        assert soc["verdict"] == "applied"
        until(lambda: abs(house.pack()["soc_percent"] - 33.0) < 0.5, 10.0, "the stated SoC")
        nothing = house.ask(do="ask", kind="release of latched trips")
        assert "nothing is latched" in str(nothing["reason"])
        process.end(signal.SIGKILL)
    with started(house.command()):
        until(lambda: house.pack() or None, 30.0, "the pack online again")
        kept = house.orders()["charge_current_a"]
        assert (kept["value"], kept["who"][:6]) == (7.0, "params")
