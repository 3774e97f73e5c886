"""A simulated day of a house as a D-Bus service sees it: decisions once a second, and a count.

Readings are those of a JK: cells to 1 mV, current to 1 mA, temperatures to 0.1 °C, with the noise
that such a board has. Between windows of seconds the day passes in minutes.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import BankState, Reading, preset
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_victron.items import Items, changes
from cellwarden_victron.own import Memory
from cellwarden_victron.pace import Pace
from cellwarden_victron.paths import FIXED, moving_rows, own_rows, shape_of
from cellwarden_victron.rows import Own
from cellwarden_victron.views import as_bank
from support.simulated_day import NAMES, STEP_S, heard

DAY_S = 24 * 3600
CELL_NOISE_V, CURRENT_NOISE_A, TEMPERATURE_NOISE_C = 0.0007, 0.05, 0.05


def as_a_jk_reads(reading: Reading, chance: random.Random) -> Reading:
    cells = tuple(
        None if v is None else round(v + chance.gauss(0, CELL_NOISE_V), 3)
        for v in reading.cell_voltages_v
    )
    assert reading.current_a is not None
    return replace(
        reading,
        cell_voltages_v=cells,
        voltage_v=round(sum(v for v in cells if v is not None), 3),
        current_a=round(reading.current_a + chance.gauss(0, CURRENT_NOISE_A), 3),
        temperatures_c=tuple(
            None if t is None else round(t + chance.gauss(0, TEMPERATURE_NOISE_C), 1)
            for t in reading.temperatures_c
        ),
    )


def day(*, window_s: int, every_s: int, seed: int = 5) -> Iterator[BankState]:
    """Give the decisions of 24 hours: `window_s` of seconds in every `every_s`."""
    house = SimulatedBank.home(packs=2, seed=3)
    chance = random.Random(seed)
    parameters = preset("LiFePO4", cell_count=16, design_capacity_ah=280)
    engines = [
        Engine(
            EngineSettings(
                pack=name, chemistry="LiFePO4", parameters=parameters, max_age_s=3 * STEP_S
            )
        )
        for name in NAMES
    ]
    members = tuple(BankMember(name=n, design_capacity_ah=280) for n in NAMES)
    bank = Bank(BankSettings(name="house", members=members))
    memories, remembered = [engine.start(0.0) for engine in engines], bank.start(0.0)
    now_s = 0.0
    while now_s < DAY_S:
        in_window = now_s % every_s >= every_s - window_s
        step_s = 1.0 if in_window else min(STEP_S, every_s - window_s - now_s % every_s)
        house.advance(step_s)
        now_s += step_s
        packs = []
        for n, engine in enumerate(engines):
            reading = as_a_jk_reads(heard(NAMES[n], house.packs[n], now_s), chance)
            memories[n], pack = engine.step(memories[n], reading, now_s)
            packs.append(pack)
        remembered, state = bank.step(remembered, packs, now_s)
        if state.limits is not None:
            house.set_limits(state.limits.cvl_v, state.limits.ccl_a, state.limits.dcl_a)
            if in_window:
                yield state


class Told:
    """One service without its bus: what it tells, beside what a naive one would."""

    def __init__(self, state: BankState, *, bms: bool) -> None:
        shape = shape_of(state, bms=bms)
        self._items = Items(shape)
        self._raw_rows = moving_rows(shape)
        self._pace = Pace(self._items.rows.values())
        self._memory = Memory()
        self._published: dict[str, object] = {}
        self._raw: dict[str, object] = {}
        self.size = len(FIXED) + len(moving_rows(shape)) + len(own_rows(shape))
        self.seconds = 0
        self.signals = 0
        self.items = 0
        self.naive_items = 0
        """Of one that tells every value that is not the same as before."""

    def hear(self, state: BankState) -> None:
        self._memory.hear(state, 0.0)
        own = Own(current_avg_a=self._memory.current_avg_a)
        values = self._items.moving(state, own, self._published)
        raw = {row.path: row.read(state) for row in self._raw_rows}
        if self._published:
            changed = changes(self._published, values)
            due = self._pace.due(changed, self._published, state.at_s)
            self._published |= due
            self.seconds += 1
            self.signals += bool(due)
            self.items += len(due)
            self.naive_items += sum(self._raw[path] != value for path, value in raw.items())
        else:
            self._published = values
        self._raw = raw


def replay(states: Iterator[BankState]) -> tuple[Told, Told]:
    """Replay decisions to the bank's service and to that of its first pack."""
    first = next(states)
    bank = Told(first, bms=True)
    pack = Told(as_bank(first.packs[0], first), bms=False)
    for state in (first, *states):
        bank.hear(state)
        pack.hear(as_bank(state.packs[0], state))
    return bank, pack
