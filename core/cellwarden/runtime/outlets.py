"""The outputs at work: what they are told, what their peers told them, their life and their end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cellwarden.clock import Clock
from cellwarden.interfaces import Gate, Output
from cellwarden.model import BankState, ExternalMeasurement, Surplus
from cellwarden.runtime.mailbox import Mailbox
from cellwarden.runtime.supervisor import TelemetryThread, attempt, keep_running

LOG = logging.getLogger(__name__)

EXTERNAL_MAX_AGE_S = 5.0
"""Real s that an inverter's own measurement counts; an SMA sends one each second."""
GOODBYE_S = 5.0
"""Real s that outputs have to say goodbye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOutput:
    """An output as built, and where it belongs."""

    name: str
    output: Output
    control: bool


class Outlets:
    """Every output with its mailbox. Lives on the control loop."""

    def __init__(self, outputs: Sequence[NamedOutput], gate: Gate, clock: Clock) -> None:
        self._clock = clock
        self._gate = gate
        self._outputs: list[tuple[NamedOutput, Mailbox]] = []
        self._control: list[asyncio.Task[None]] = []
        self._threads: list[TelemetryThread] = []
        self._ending = False
        self._told = False
        for output in outputs:
            self.add(output)

    def add(self, named: NamedOutput) -> Mailbox:
        """Add an output before the start; returns its mailbox."""
        mailbox = Mailbox(self._clock)
        self._outputs.append((named, mailbox))
        return mailbox

    def start(self) -> None:
        """Start every output: control on this loop, telemetry in threads of their own."""
        for named, mailbox in self._outputs:
            name, run = f"output {named.name}", self._runner(named, mailbox)
            if named.control:
                running = keep_running(name, run, finished=self._finished)
                self._control.append(asyncio.create_task(running, name=name))
            else:
                self._threads.append(TelemetryThread(name, run, finished=self._finished))
        for thread in self._threads:
            thread.start()

    def tell(self, state: BankState) -> None:
        """Put a decision into every mailbox."""
        self._told = True
        for _, mailbox in self._outputs:
            mailbox.put(state)

    def reported(self, now_s: float) -> tuple[ExternalMeasurement, ...]:
        """Return what the outputs' peers measured and is not too old."""
        since_s = now_s - EXTERNAL_MAX_AGE_S * self._clock.speed
        return tuple(
            measured for _, mailbox in self._outputs for measured in mailbox.reported(since_s)
        )

    def surplus(self) -> Iterator[Surplus | None]:
        """Yield the newest surplus that the peers of each output measured, however old."""
        return (mailbox.surplus for _, mailbox in self._outputs)

    def status(self) -> dict[str, Mapping[str, object]]:
        """Return what each output says of its own peer."""
        return {
            named.name: attempt(
                f"status of {named.name}", named.output.status, lambda reason: {"error": reason}
            )
            for named, _ in self._outputs
        }

    def ending(self) -> None:
        """From now on an output that returns has come to its end, and is not started again."""
        self._ending = True

    async def goodbye(self) -> None:
        """Wait until every output has said goodbye; who takes too long is ended or left behind."""
        if not self._told:
            await cancelled(self._control)  # never announced anything: nothing to take back
        elif self._control:
            _, late = await asyncio.wait(self._control, timeout=GOODBYE_S)
            for task in late:
                LOG.warning("%s did not say goodbye in %.0f s", task.get_name(), GOODBYE_S)
            await cancelled(tuple(late))
        for thread in self._threads:
            if not await asyncio.to_thread(thread.join, GOODBYE_S if self._told else 1.0):
                LOG.warning("%s did not end in time and is left behind", thread.name)

    def _runner(self, named: NamedOutput, mailbox: Mailbox) -> Callable[[], Awaitable[None]]:
        return lambda: named.output.run(mailbox, self._gate)

    def _finished(self) -> bool:
        return self._ending


async def cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
