"""What the engine must know of one pack before it can decide for it."""

from dataclasses import dataclass

from cellwarden.engine.heater_rules import HeaterSettings
from cellwarden.model import CHEMISTRIES, BmsSoc, Chemistry, Parameters
from cellwarden.model.catalog import Curve


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One pack, as the engine must know it."""

    pack: str
    chemistry: str
    """A name of `model.CHEMISTRIES`."""
    parameters: Parameters
    max_age_s: float
    """A reading older than this is no reading."""
    ocv_v: Curve | None = None
    """(SoC in %, relaxed V) of this very cell, from its data sheet; None: the chemistry's."""
    tail_current_a: float | None = None
    """Charging current below which a pack at its charge voltage is full; None: the chemistry's."""
    sheet: Chemistry | None = None
    """The cell by its data sheet; None: typical for the chemistry."""

    bms_soc: BmsSoc = BmsSoc.START
    balances_cells: bool = False
    """The balancer takes orders of single cells; else it has a switch only."""
    heater: HeaterSettings | None = None
    """None: the pack has none, or the engine is not to think of it."""

    @property
    def cell(self) -> Chemistry:
        """What is known of the cells."""
        return self.sheet or CHEMISTRIES[self.chemistry]
