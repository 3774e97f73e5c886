"""A house with simulated packs, watched by the real engine, bank and diagnosis in no time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from cellwarden.diagnosis import Diagnosis, PackFacts, attach
from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import BankState, ExternalMeasurement, Finding, LinkQuality, Reading
from cellwarden_hardware.simulator.ailments import AILMENTS
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.measure import Meter
from cellwarden_hardware.simulator.pack import SimulatedPack

LOOK_S = 10.0
CELL_OFFSET_V = 0.0015
"""Each cell is read wrong by something fixed within this, as in the reference traces."""

Story = Callable[[Reading, SimulatedPack, float], Reading | None]
"""(reading, pack, time in s) → what the BMS tells instead; None: it does not answer."""

Outside = Callable[[SimulatedBank], ExternalMeasurement]
"""What somebody else measures of the house."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Illness:
    """What is wrong with which pack, and how bad."""

    ailment: str
    severity: float = 1.0
    pack: int = 0
    from_s: float = 0.0


@dataclass
class Clinic:
    """One house under observation. `first` holds when each finding was first made."""

    house: SimulatedBank
    illnesses: Sequence[Illness] = ()
    story: Story | None = None
    step_s: float = LOOK_S
    obeys: bool = True
    """The inverter keeps the limits it is told."""
    outside: Outside | None = None
    link: LinkQuality | None = None
    """How the first pack answers."""
    first: dict[tuple[str, str], float] = field(default_factory=dict)
    """(code, where) → simulated s."""
    worst: dict[tuple[str, str], Finding] = field(default_factory=dict)
    """(code, where) → its most urgent form, then the surest."""
    state: BankState | None = None

    def __post_init__(self) -> None:
        """Build the real engine, bank and diagnosis around the house."""
        names = [f"pack-{n + 1}" for n in range(len(self.house.packs))]
        self._meters = [
            Meter(name=name, seed=f"{pack.design.seed}", cell_offset_v=CELL_OFFSET_V)
            for name, pack in zip(names, self.house.packs, strict=True)
        ]
        settings = [pack.bms.parameters for pack in self.house.packs]
        chemistry = self.house.packs[0].design.chemistry
        self._engines = [
            Engine(
                EngineSettings(
                    pack=name, chemistry=chemistry, parameters=p, max_age_s=3.5 * self.step_s
                )
            )
            for name, p in zip(names, settings, strict=True)
        ]
        self._bank = Bank(
            BankSettings(
                name="house",
                members=tuple(
                    BankMember(name=name, design_capacity_ah=p.design_capacity_ah)
                    for name, p in zip(names, settings, strict=True)
                ),
            )
        )
        self.diagnosis = Diagnosis(
            [
                PackFacts(name=name, chemistry=chemistry, parameters=p)
                for name, p in zip(names, settings, strict=True)
            ]
        )
        self._memories = [engine.start(0.0) for engine in self._engines]
        self._remembered = self._bank.start(0.0)
        self.memory = self.diagnosis.start(0.0)
        self._begun: set[int] = set()

    def watch(self, seconds: float, until: str | None = None) -> bool:
        """Let time pass; True as soon as a finding of this code is there."""
        for _ in range(round(seconds / self.step_s)):
            self.look()
            if until is not None and any(code == until for code, _ in self.first):
                return True
        return False

    def look(self) -> tuple[Finding, ...]:
        """Let one step pass and return what is found then."""
        house = self.house
        self._fall_ill()
        house.advance(self.step_s)
        now_s = house.time_s
        packs = []
        for n, (engine, pack) in enumerate(zip(self._engines, house.packs, strict=True)):
            self._memories[n], decided = engine.step(
                self._memories[n],
                self._read(n, pack, now_s),
                now_s,
                None if n else self.link,
            )
            packs.append(decided)
        self._remembered, state = self._bank.step(self._remembered, packs, now_s)
        limits = state.limits
        if limits is not None and self.obeys:
            house.set_limits(limits.cvl_v, limits.ccl_a, limits.dcl_a)
        if self.outside is not None:
            state = replace(state, external=(self.outside(house),))
        self.memory, findings = self.diagnosis.step(self.memory, state, now_s)
        self.state = attach(state, findings)
        for finding in findings:
            self._note(finding, now_s)
        return findings

    def _fall_ill(self) -> None:
        for n, illness in enumerate(self.illnesses):
            if n in self._begun or self.house.time_s < illness.from_s:
                continue
            self._begun.add(n)
            change = AILMENTS[illness.ailment].change
            if change is not None:
                change(self.house.packs[illness.pack], illness.severity)

    def _read(self, n: int, pack: SimulatedPack, now_s: float) -> Reading | None:
        reading: Reading | None = self._meters[n].read(pack, now_s)
        for k, illness in enumerate(self.illnesses):
            distort = AILMENTS[illness.ailment].distort
            if k in self._begun and illness.pack == n and distort is not None:
                assert reading is not None
                reading = distort(reading, pack, illness.severity)
        if self.story is not None and n == 0:
            assert reading is not None
            reading = self.story(reading, pack, now_s)
        return reading

    def _note(self, finding: Finding, now_s: float) -> None:
        key = finding.code, finding.where
        self.first.setdefault(key, now_s)
        before = self.worst.get(key)
        rank = finding.urgency, finding.confidence
        if before is None or rank > (before.urgency, before.confidence):
            self.worst[key] = replace(finding)
