"""What the packs' currents and voltages tell of how they share, step by step."""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.bank_contacts import Contact, Idle, factor, idle, learn
from cellwarden.engine.bank_members import Part
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_settings import BankSettings
from cellwarden.engine.bank_share import Shares, begin, conductances, hear
from cellwarden.engine.bank_sums import pack_voltage_v
from cellwarden.model import PackState


class Heard(NamedTuple):
    """What is known of the sharing now."""

    shares: Shares | None
    """None in series: one current flows through all."""
    conductances: tuple[float, ...]
    contacts: tuple[Contact, ...]
    idle: Idle


def listen(
    memory: BankMemory,
    packs: Sequence[PackState],
    parts: tuple[Part, ...],
    settings: BankSettings,
    sizes_ah: tuple[float, ...],
    now_s: float,
) -> Heard:
    """Return what is known after this step's currents and voltages."""
    known, weights, contacts = memory.shares, memory.conductances, memory.contacts
    places = None if known is None else known.places
    if parts is not memory.parts or known is None:
        places = tuple(n for n, part in enumerate(parts) if part.counts)
        if known is None or places != known.places:
            factors = [factor(settings, contacts[n]) for n in places]
            known = begin(places, sizes_ah, weights, known, factors)
    assert places is not None
    heard = _moment(packs, places)
    if heard is not None:
        before = known
        known = hear(known, *heard, now_s)
        if known.shares is not before.shares and known.step is not None:
            weights = conductances(known, weights)
            contacts = learn(contacts, known, known.step)
    left_out = idle(memory.idle, known, packs, sizes_ah, now_s)
    if left_out.places - memory.idle.places:
        # Once it carries again it shares as its size says, until it shows otherwise.
        weights = tuple(1.0 if n in left_out.places else weight for n, weight in enumerate(weights))
    return Heard(known, weights, contacts, left_out)


def _moment(
    packs: Sequence[PackState], places: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return currents and voltages of the packs in these places; None if one is unknown."""
    currents, volts = [], []
    for n in places:
        pack = packs[n]
        reading = pack.reading
        if reading is None or reading.current_a is None:
            return None
        voltage_v = pack_voltage_v(pack)
        if voltage_v is None:
            return None
        currents.append(reading.current_a)
        volts.append(voltage_v)
    return tuple(currents), tuple(volts)
