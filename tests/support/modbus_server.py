"""The Modbus output at work in a thread of its own, fed by hand."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

from cellwarden.clock import Clock
from cellwarden.hooks import OutputContext
from cellwarden.model import BankPhase, BankState, Outcome, Request, Verdict
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_modbus.config import ModbusOptions
from cellwarden_modbus.output import ModbusOutput
from support.processes import until


class OwnGate:
    """A gate that decides as a test says, and remembers what it was asked."""

    def __init__(self, verdict: Verdict = Verdict.APPLIED) -> None:
        self.verdict = verdict
        self.asked: list[Request] = []
        self.delay_s = 0.0

    async def ask(self, request: Request) -> Outcome:
        self.asked.append(request)
        await asyncio.sleep(self.delay_s)
        return Outcome(verdict=self.verdict, reason="as the test says")


class Served:
    """The output at work; `show` gives it a new decision."""

    def __init__(self, options: ModbusOptions, gate: OwnGate) -> None:
        self.options = options
        self.port = options.port
        self.gate = gate
        self.clock = Clock()
        self.mailbox = Mailbox(self.clock)
        self.output = ModbusOutput(
            options, OutputContext(name="modbus", bank="Battery", state_dir="/nowhere")
        )
        self._thread = threading.Thread(target=self._main, daemon=True)
        self.problem: BaseException | None = None

    def _main(self) -> None:
        try:
            asyncio.run(self.output.run(self.mailbox, self.gate))
        except BaseException as error:
            self.problem = error
            raise

    def start(self, state: BankState) -> None:
        self.put(state)
        self._thread.start()
        if self.options.tcp:
            until(lambda: self.output.status()["listening"], 10, "the server")
        else:
            until(lambda: self.output.status()["serial_open"], 10, "the serial port")

    def put(self, state: BankState, age_s: float = 0.0) -> None:
        """Hand a decision over as the control loop does, made `age_s` ago."""
        self.mailbox.put(replace(state, at_s=self.clock.now_s() - age_s))

    def stop(self) -> None:
        state = self.mailbox.latest()
        if self._thread.is_alive() and state is not None:
            self.put(replace(state, phase=BankPhase.STOPPING))
            self._thread.join(10)
        assert not self._thread.is_alive()


Serve = Callable[..., Served]
