"""How parameters, balancer, heater, and the cells of an only pack are found. Pure."""

from cellwarden.model import BankState
from cellwarden_victron.sources import Read, Value, readings


def parameter(name: str) -> Read:
    """Return a parameter that all packs share, invalid where they differ or know none."""

    def read(state: BankState) -> Value:
        values = {getattr(p.parameters, name) for p in state.packs if p.parameters is not None}
        return values.pop() if len(values) == 1 else None

    return read


def balancing(state: BankState) -> Value:
    """1 if any pack balances, 0 if none does, invalid if none knows."""
    known = [p.balancing.active for p in state.online if p.balancing is not None]
    active = [k for k in (*known, *readings(state, "balancing")) if k is not None]
    return int(any(active)) if active else None


def heating(state: BankState) -> Value:
    """1 if any pack heats, likewise."""
    known = [p.heating.active for p in state.online if p.heating is not None]
    active = [k for k in (*known, *readings(state, "heating")) if k is not None]
    return int(any(active)) if active else None


def heating_power_w(state: BankState) -> Value:
    """Return what all heaters draw; invalid while no pack knows."""
    known = [p.heating.power_w for p in state.online if p.heating is not None]
    return sum(w for w in known if w is not None) if any(w is not None for w in known) else None


def heating_current_a(state: BankState) -> Value:
    """Return the current of that."""
    power_w = heating_power_w(state)
    if not isinstance(power_w, (float, int)) or not state.voltage_v:
        return None
    return power_w / state.voltage_v


def cell_v(index: int) -> Read:
    """Return the voltage of one cell."""

    def read(state: BankState) -> Value:
        reading = state.packs[0].reading if state.packs else None
        if reading is None or index >= len(reading.cell_voltages_v):
            return None
        return reading.cell_voltages_v[index]

    return read


def cell_balances(index: int) -> Read:
    """1 while the balancer works on this cell; invalid where it does not tell which."""

    def read(state: BankState) -> Value:
        balancing = state.packs[0].balancing if state.packs else None
        if balancing is None or balancing.active is None:
            return None
        return int(balancing.active and index + 1 in (balancing.giving, balancing.taking))

    return read


def sensor_c(index: int) -> Read:
    """Return the temperature of one sensor."""

    def read(state: BankState) -> Value:
        reading = state.packs[0].reading if state.packs else None
        if reading is None or index >= len(reading.temperatures_c):
            return None
        return reading.temperatures_c[index]

    return read
