"""A pack with faults, decided by the real engine at 1 Hz, its load and charger obeying or not."""

from dataclasses import dataclass, replace

from cellwarden.engine import Engine, EngineSettings
from cellwarden.model import ExternalMeasurement, Inputs, PackState, preset
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack
from cellwarden_hardware.simulator.pack_faults import FaultyPack, PackFaults

CAPACITY_AH = 100.0
CCL_A, DCL_A = 50.0, 100.0
"""What a healthy warm pack may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a pack is doing when a fault comes."""

    soc_percent: float
    temperature_c: float
    current_a: float
    """For 12 s; then 8 s of less than half of it, as a house is never still."""
    warm_up_s: int = 60
    """How long the pack was well before; 0: the fault was there before the controller."""
    soc_spread_percent: float = 0.3


OPERATIONS = {
    "charging": Operation(soc_percent=55, temperature_c=25, current_a=30),
    "discharging": Operation(soc_percent=55, temperature_c=25, current_a=-40),
    "idle": Operation(soc_percent=55, temperature_c=25, current_a=0),
    "full": Operation(soc_percent=99, temperature_c=25, current_a=12),
    "empty": Operation(soc_percent=4, temperature_c=25, current_a=-12),
    "cold": Operation(soc_percent=50, temperature_c=-8, current_a=-20),
    "balancing": Operation(soc_percent=95, temperature_c=25, current_a=12, soc_spread_percent=1.5),
    "starting": Operation(soc_percent=55, temperature_c=25, current_a=-40, warm_up_s=0),
}


class FaultHouse:
    """One pack and its engine, from second to second."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.pack = FaultyPack(
            SimulatedPack(
                PackDesign(
                    capacity_ah=CAPACITY_AH,
                    start_soc_percent=operation.soc_percent,
                    start_temperature_c=operation.temperature_c,
                    soc_spread_percent=operation.soc_spread_percent,
                    seed=7,
                )
            ),
            "left",
        )
        parameters = preset("LiFePO4", cell_count=16, design_capacity_ah=CAPACITY_AH)
        self.engine = Engine(EngineSettings("left", "LiFePO4", parameters, 3.0))
        self.now_s = 1000.0
        self.memory = self.engine.start(self.now_s)
        self.states: list[PackState] = []
        self.obeys = True
        """Whether load and charger keep to the limits."""
        self.demand_a: float | None = None
        """In place of what the operation asks for."""
        self.every_s = 1.0
        """Between polls."""
        self.doubtful: tuple[tuple[str, float], ...] = ()
        """Parameters whose write went wrong, as the gate tells them."""
        self.seen_v: float | None = None
        """What an inverter measures; None: there is none."""
        self.run(operation.warm_up_s)
        self.states.clear()

    @property
    def faults(self) -> PackFaults:
        return self.pack.faults

    @property
    def state(self) -> PackState:
        return self.states[-1]

    def run(self, seconds: int) -> list[PackState]:
        """Let seconds pass and return every state of them."""
        before = len(self.states)
        for _ in range(round(seconds / self.every_s)):
            self.poll()
        return self.states[before:]

    def ask_every(self, seconds: float) -> None:
        """Start a controller that asks so seldom."""
        self.every_s = seconds
        slow = replace(self.engine.settings, max_age_s=3 * seconds)
        self.engine = Engine(slow)
        self.memory = self.engine.start(self.now_s)

    def poll(self) -> None:
        self.now_s += self.every_s
        self.pack.step(self.every_s, self._demand_a())
        reading = self.pack.read(self.now_s)
        inputs = Inputs(doubtful=self.doubtful)
        if self.seen_v is not None:
            told = ExternalMeasurement(
                source="inverter", voltage_v=self.seen_v, current_a=None, heard_s=self.now_s
            )
            inputs = replace(inputs, external=(told,))
        self.memory, state = self.engine.step(self.memory, reading, self.now_s, inputs=inputs)
        self.states.append(state)

    def _demand_a(self) -> float:
        wanted_a = self.operation.current_a
        if self.demand_a is not None:
            wanted_a = self.demand_a
        elif self.now_s % 20 >= 12:
            wanted_a *= 0.4
        if self.obeys and self.states:
            limits = self.states[-1].limits
            wanted_a = min(max(wanted_a, -limits.dcl_a), limits.ccl_a)
        return wanted_a
