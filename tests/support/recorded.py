"""A simulated house under the real engine and bank, every step told to a recorder."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import BankState, Identity, Inputs, LinkQuality, PackState
from cellwarden.model.orders import NO_ORDERS
from cellwarden.replay.record import Decision, Setup, Step, Writer, text
from cellwarden.runtime.recorder import Recorder
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.measure import Meter

NAMES = ("left", "right")
SECRET = "SN-4711-0815"


class Watched:
    """A simulated house under the real engine and bank, every step told to a recorder."""

    def __init__(
        self, *, start_percent: float = 97.0, change: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """`change` replaces fields of a pack's readings."""
        self.house = SimulatedBank.home(packs=2, seed=4, start_soc_percent=start_percent)
        parameters = [pack.bms.parameters for pack in self.house.packs]
        self.setup = Setup(
            engines=tuple(
                EngineSettings(pack=n, chemistry="LiFePO4", parameters=p, max_age_s=30.0)
                for n, p in zip(NAMES, parameters, strict=True)
            ),
            bank=BankSettings(
                name="house",
                members=tuple(BankMember(name=n, design_capacity_ah=280) for n in NAMES),
            ),
        )
        self.recorder: Recorder | None = None
        self.events: list[Step | Decision] = []
        self.change = change or {}
        self.engines = [Engine(e) for e in self.setup.engines]
        self.bank = Bank(self.setup.bank)
        self.memories = [e.start(0.0) for e in self.engines]
        self.bank_memory = self.bank.start(0.0)
        self.meters = [Meter(name=n, seed=n) for n in NAMES]
        self.packs: list[PackState] = []
        self.banks: list[BankState] = []

    def run(self, steps: int, *, silent: bool = False) -> None:
        for _ in range(steps):
            self.house.advance(5.0)
            states = []
            for n, engine in enumerate(self.engines):
                now_s = self.house.time_s + 0.01 * n
                reading = replace(
                    self.meters[n].read(self.house.packs[n], now_s),
                    identity=Identity(manufacturer="JK", serial_number=SECRET),
                    **self.change.get(NAMES[n], {}),
                )
                before = self.memories[n]
                heard = None if silent and n else reading
                link = LinkQuality(connected=True, last_error=SECRET)
                self.memories[n], state = engine.step(before, heard, now_s, link, Inputs())
                self.tell(
                    Step(
                        pack=NAMES[n],
                        now_s=now_s,
                        reading=heard,
                        link=link,
                        inputs=Inputs(),
                        before=before,
                        after=self.memories[n],
                    )
                )
                states.append(state)
            self.packs.extend(states)
            now_s, memory = self.house.time_s + 0.1, self.bank_memory
            self.bank_memory, bank = self.bank.step(memory, states, now_s)
            self.banks.append(bank)
            self.tell(
                Decision(
                    now_s=now_s, orders=NO_ORDERS, state=bank, before=memory, after=self.bank_memory
                )
            )
            if bank.limits is not None:
                self.house.set_limits(bank.limits.cvl_v, bank.limits.ccl_a, bank.limits.dcl_a)

    def tell(self, event: Step | Decision) -> None:
        self.events.append(event)
        if self.recorder is not None:
            self.recorder.take(event)
            if isinstance(event, Decision):
                self.recorder.pass_on()

    def lines(self) -> Iterator[str]:
        """Yield the recording as the recorder would write it."""
        writer = Writer(self.setup, 0.0)
        made = (writer.step(e) if isinstance(e, Step) else writer.decision(e) for e in self.events)
        return map(text, itertools.chain([writer.head()], itertools.chain.from_iterable(made)))
