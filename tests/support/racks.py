"""Several packs on the engine's bench and their bank: scripts with the time passed in."""

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import NO_ORDERS, BankState, PackState
from support.packs import parameters, reading

MAX_AGE_S = 3.0


class Rack:
    """Several engines and their bank, with a clock that is moved by hand."""

    def __init__(self, sizes: dict[str, float] | None = None, **settings: object) -> None:
        """`settings` are the bank's; its packs are known to be alike unless they say otherwise."""
        settings = {"strange_factor": 1.0, "familiar_factor": 1.0, **settings}
        sizes = sizes or {"left": 100.0, "right": 100.0}
        self.engines = {
            name: Engine(
                EngineSettings(
                    name, "LiFePO4", parameters(design_capacity_ah=ah, charge_current_max_a=ah / 2,
                                                discharge_current_max_a=ah), MAX_AGE_S
                )
            )
            for name, ah in sizes.items()
        }  # fmt: skip
        members = tuple(BankMember(name, ah) for name, ah in sizes.items())
        self.bank = Bank(BankSettings("Battery", members, **settings))  # type: ignore[arg-type]
        self.now_s = 100.0
        self.memory = self.bank.start(self.now_s)
        self.memories = {name: engine.start(self.now_s) for name, engine in self.engines.items()}
        self.packs: tuple[PackState, ...] = ()
        self.orders = NO_ORDERS

    def cycle(self, silent: tuple[str, ...] = (), **changes: dict[str, object]) -> BankState:
        """One second: every pack but the silent ones answers; then the bank decides."""
        self.now_s += 1.0
        packs = []
        for name, engine in self.engines.items():
            heard = None
            if name not in silent:
                size = engine.settings.parameters.design_capacity_ah
                plain = {"pack": name, "capacity_ah": size, **changes.get(name, {})}
                heard = reading(self.now_s, **plain)
            self.memories[name], state = engine.step(self.memories[name], heard, self.now_s)
            packs.append(state)
        self.packs = tuple(packs)
        self.memory, self.state = self.bank.step(self.memory, packs, self.now_s, self.orders)
        return self.state

    def cycles(self, count: int, silent: tuple[str, ...] = (), **changes: dict[str, object]):
        for _ in range(count):
            state = self.cycle(silent, **changes)
        return state


def currents(state: BankState) -> tuple[float, float]:
    assert state.limits is not None
    return state.limits.ccl_a, state.limits.dcl_a
