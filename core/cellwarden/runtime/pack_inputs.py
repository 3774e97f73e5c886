"""What is known for a pack besides its reading, from outputs, relays, orders and the gate."""

from collections.abc import Sequence

from cellwarden.engine import Engine
from cellwarden.model import ExternalMeasurement, Inputs, Orders
from cellwarden.runtime.actor import Actor
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.heater_world import HeaterWorld
from cellwarden.runtime.outlets import Outlets
from cellwarden.runtime.relays import Relays


class PackInputs:
    """Gathers the inputs of each step."""

    def __init__(
        self,
        outlets: Outlets,
        world: HeaterWorld,
        relays: Relays | None,
        actor: Actor | None,
        gate: ControlGate | None,
        *,
        packs: int,
    ) -> None:
        """`packs` is how many there are in the bank."""
        self._outlets = outlets
        self._world = world
        self._relays = relays
        self._actor = actor
        self._gate = gate
        self._packs = packs

    def of(self, engine: Engine, orders: Orders, now_s: float) -> Inputs:
        """Return what is known for a pack now."""
        external, heater = self._outlets.reported(now_s), engine.settings.heater
        shunt_a = self._by_shunt(external)
        if heater is None:
            return Inputs(
                external=external,
                shunt_current_a=shunt_a,
                doubtful=self._doubtful(engine.pack),
                orders=orders,
            )
        world, relays = self._world, self._relays
        surplus = world.surplus(orders, self._outlets.surplus(), now_s)
        return Inputs(
            external=external,
            shunt_current_a=shunt_a,
            charge_expected_in_s=world.charge_expected_in_s(heater, orders, now_s),
            surplus=surplus,
            heater_relay_on=None if relays is None else relays.is_on(engine.pack),
            acts=self._actor is not None and self._actor.can_heat(engine.pack),
            doubtful=self._doubtful(engine.pack),
            orders=orders,
        )

    def _doubtful(self, pack: str) -> tuple[tuple[str, float], ...]:
        """Return what a BMS may or should hold after a write that went wrong (F37)."""
        return () if self._gate is None else self._gate.doubts.of(pack)

    def _by_shunt(self, external: Sequence[ExternalMeasurement]) -> float | None:
        """Return the current by which the only pack's charge is counted, None for its own."""
        if self._packs > 1:
            return None  # it measures them all: which part is whose nobody knows
        return next((m.current_a for m in external if m.by_shunt and m.whole_bank), None)
