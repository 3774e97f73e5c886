"""The bank inside the controller: orders of the file, orders that end, what is logged and saved."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.config.settings import BankOptions
from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import ChargePhase, Reading, Request, RequestKind, preset
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.controller import BANK_RECORD, Controller
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.rights import Right, Rights
from cellwarden.runtime.standing import with_standing
from support.packs import reading

SPEED = 100.0


class FullPack:
    """A driver of a pack at its charge voltage that takes next to nothing."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def open(self) -> None:
        pass

    async def poll(self) -> Reading:
        now_s = self.clock.now_s()
        plain = reading(now_s, cell_voltages_v=(3.45,) * 16, voltage_v=55.2, current_a=1.0)
        return replace(plain, soc_percent=99.0)

    async def close(self) -> None:
        pass


def controller(folder: Path, options: BankOptions | None = None) -> Controller:
    clock = Clock(SPEED)
    engine = Engine(
        EngineSettings(
            pack="left",
            chemistry="LiFePO4",
            parameters=preset("LiFePO4", cell_count=16, design_capacity_ah=100),
            max_age_s=30,
        )
    )
    gate = ControlGate(
        mode="monitor",
        rights=Rights({"panel": Right.ORDERS}),
        desks=(),
        audit=Audit(folder),
        clock=clock,
    )
    bank = Bank(BankSettings("bank", (BankMember("left", 100.0, 54.0),)))
    return Controller(
        bank=bank,
        engines=[(engine, FullPack(clock), engine.start(clock.now_s()))],
        outputs=[],
        gate=gate,
        clock=clock,
        poll_interval_s=5,
        standing=lambda orders: with_standing(options or BankOptions(), orders, 1),
    )


async def run_until(
    made: Controller, done: Callable[[], bool], before: Callable[[], object] = lambda: None
) -> None:
    """Run until something is true, at most 15 s."""
    stop = asyncio.Event()
    running = asyncio.create_task(made.run(stop))
    try:
        await asyncio.sleep(0.1)
        before()
        end_s = asyncio.get_running_loop().time() + 15.0
        while not done():
            assert asyncio.get_running_loop().time() < end_s
            await asyncio.sleep(0.02)
    finally:
        stop.set()
        await running


def test_an_order_for_a_full_charge_ends_when_the_bank_is_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = controller(tmp_path)
    seen: list[bool] = []

    def ask() -> None:
        request = Request(kind=RequestKind.FULL_CHARGE, value=True, who="panel")
        asked.append(asyncio.create_task(made.control_gate.ask(request)))

    def done() -> bool:
        seen.append(made.orders.full_charge is not None)
        return any(seen) and not seen[-1]

    asked: list[asyncio.Task[object]] = []
    asyncio.run(run_until(made, done, ask))
    assert made.state is not None
    assert made.state.charge_phase is ChargePhase.FLOAT
    assert "bank: charge phase: float" in caplog.text
    assert "bank: the full charge that panel asked for is done" in caplog.text


def test_the_target_of_the_file_is_obeyed_and_named(tmp_path: Path) -> None:
    made = controller(tmp_path, BankOptions(target_soc_percent=80.0))

    def stopped() -> bool:
        state = made.state
        return (
            state is not None
            and state.limits is not None
            and (state.limits.charge_current.binding.rule == "target SoC")
        )

    asyncio.run(run_until(made, stopped))
    assert made.state is not None
    assert made.state.orders.target_soc_percent.who == "the configuration"


def test_the_bank_is_among_the_records(tmp_path: Path) -> None:
    made = controller(tmp_path)
    asyncio.run(run_until(made, lambda: made.state is not None and made.state.phase is not None))
    record = made.records()[BANK_RECORD]
    assert record["version"] == 1
    assert set(record["packs"]) == {"left"}
