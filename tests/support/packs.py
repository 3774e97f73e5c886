"""A pack on the engine's bench: scripts of (wait, hear, expect) with the time passed in."""

from dataclasses import replace

from cellwarden.engine import Engine, EngineSettings, PackMemory
from cellwarden.model import NO_INPUTS, Inputs, PackState, Parameters, Reading, preset

CELLS = (3.300,) * 16


def parameters(**changes: float) -> Parameters:
    """A 16-cell LiFePO4 pack of 100 Ah: 50 A charge, 100 A discharge."""
    return preset("LiFePO4", cell_count=16, design_capacity_ah=100, overrides=changes)


def reading(heard_s: float, **changes: object) -> Reading:
    """A healthy pack at rest: sixteen cells at 3.300 V, 25 °C, SoC 60 %, its clock running."""
    plain = Reading(
        pack="left",
        heard_s=heard_s,
        cell_voltages_v=CELLS,
        voltage_v=52.8,
        current_a=0.0,
        temperatures_c=(25.0, 25.0),
        mos_temperature_c=30.0,
        soc_percent=60.0,
        capacity_ah=100.0,
        charge_fet_on=True,
        discharge_fet_on=True,
        charge_switch_on=True,
        discharge_switch_on=True,
        runtime_s=heard_s if heard_s >= 0 else None,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def with_cell(number: int, voltage_v: float, other_v: float = 3.300) -> dict[str, object]:
    """The changes for one cell that differs, the pack voltage agreeing."""
    cells = [other_v] * 16
    cells[number - 1] = voltage_v
    return {"cell_voltages_v": tuple(cells), "voltage_v": sum(cells)}


def all_cells(voltage_v: float) -> dict[str, object]:
    """The changes for cells that are all alike, the pack voltage agreeing."""
    return {"cell_voltages_v": (voltage_v,) * 16, "voltage_v": 16 * voltage_v}


def under(current_a: float, rest_v: float = 3.300) -> dict[str, object]:
    """The changes for a current that the cells answer with 0.5 mΩ each."""
    return {"current_a": current_a, **all_cells(rest_v + 0.0005 * current_a)}


class Bench:
    """One engine with its memory and a clock that is moved by hand."""

    def __init__(
        self,
        chemistry: str = "LiFePO4",
        params: Parameters | None = None,
        max_age_s: float = 3.0,
        memory: PackMemory | None = None,
        now_s: float = 1000.0,
        *,
        balances_cells: bool = False,
    ) -> None:
        self.engine = Engine(
            EngineSettings(
                "left",
                chemistry,
                params or parameters(),
                max_age_s,
                balances_cells=balances_cells,
            )
        )
        self.now_s = now_s
        self.memory = memory if memory is not None else self.engine.start(now_s)
        self.state: PackState | None = None
        self.inputs: Inputs = NO_INPUTS

    def hear(self, after_s: float = 1.0, **changes: object) -> PackState:
        """Let time pass, then hear a reading stamped now (unless `heard_s` is given)."""
        self.now_s += after_s
        return self.step(reading(**{"heard_s": self.now_s, **changes}))  # type: ignore[arg-type]

    def wait(self, for_s: float = 1.0) -> PackState:
        """Let time pass and hear nothing."""
        self.now_s += for_s
        return self.step(None)

    def step(self, heard: Reading | None) -> PackState:
        self.memory, self.state = self.engine.step(
            self.memory, heard, self.now_s, None, self.inputs
        )
        return self.state

    def settle(self, for_s: int = 60, **changes: object) -> PackState:
        """Hear the same once a second until every limit has risen as far as it will."""
        for _ in range(for_s):
            state = self.hear(**changes)
        return state
