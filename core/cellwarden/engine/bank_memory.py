"""What the bank remembers from step to step."""

from typing import NamedTuple

from cellwarden.engine.bank_charge import BEGINNING, Plan
from cellwarden.engine.bank_contacts import NO_IDLE, Contact, Idle
from cellwarden.engine.bank_findings import NOTHING, Watch
from cellwarden.engine.bank_members import Part
from cellwarden.engine.bank_orders import NOWHERE, Reached
from cellwarden.engine.bank_outlook import NO_OUTLOOK, Outlook
from cellwarden.engine.bank_ramp import STILL, Moves
from cellwarden.engine.bank_share import Shares
from cellwarden.engine.bank_wish import Basis, Wish
from cellwarden.model import Alarm, Limits, Membership, PackState


class BankMemory(NamedTuple):
    """Everything the bank knows from step to step; made by `Bank.start` or `Bank.restore`."""

    at_s: float
    parts: tuple[Part, ...]
    """Of each pack, in the settings' order."""
    conductances: tuple[float, ...]
    """Of each pack, per Ah; 1 is usual."""
    contacts: tuple[Contact, ...]
    packs: tuple[PackState, ...] = ()
    """Of the step before."""
    seen: bool = False
    """A pack has been online since the start."""
    silent_since_s: float | None = None
    shares: Shares | None = None
    idle: Idle = NO_IDLE
    plan: Plan = BEGINNING
    reached: Reached = NOWHERE
    limits: Limits | None = None
    basis: Basis | None = None
    wish: Wish | None = None
    """Made from `basis`; made again only when that changes."""
    moves: Moves = STILL
    outlook: Outlook = NO_OUTLOOK
    members: tuple[Membership, ...] = ()
    watch: Watch = NOTHING
    pack_alarms: tuple[tuple[Alarm, ...], ...] = ()
    alarms: tuple[Alarm, ...] = ()
    """Made of `pack_alarms`."""
    eased: bool = False
    """A lost pack is a warning only."""
