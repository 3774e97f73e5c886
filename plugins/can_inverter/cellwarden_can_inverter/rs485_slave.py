"""The battery's side of the RS485 line: who is asked, and what is answered. Pure, no clock.

The line is shared: whoever answers what was not meant for it destroys another's answer. So silence
is the rule, and only a whole request to one of our addresses breaks it. Once the data are gone for
good there is silence too: the inverter's own "battery lost" is the safe state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cellwarden.model import BankPhase, BankState
from cellwarden_can_inverter import pylontech_ascii_commands as commands
from cellwarden_can_inverter import rs485_values as values
from cellwarden_can_inverter.pylontech_ascii import (
    BATTERY,
    DamagedFrame,
    Frame,
    Return,
    encode_frame,
)
from cellwarden_can_inverter.rs485_persona import Persona
from cellwarden_can_inverter.view import BatteryView, Manners, view_of

Tell = Callable[[values.Told, int, int], Mapping[str, Any] | None]
"""(bank, command byte, address) -> what the answer says; None where data are missing."""

ANY_MODULE: Mapping[int, Tell] = {
    commands.ANALOG: values.analog,
    commands.ALARMS: values.alarms,
    commands.PARAMETERS: values.parameters,
    commands.VERSION: values.version,
    commands.MAKER: values.maker,
    commands.LIMITS: values.management,
    commands.SERIAL: values.serial,
    commands.SOFTWARE: values.software,
}
MASTER_ONLY: Mapping[int, Tell] = {
    commands.BASICS: values.basics,
    commands.SYSTEM_ANALOG: values.system_analog,
    commands.SYSTEM_ALARMS: values.system_alarms,
    commands.SYSTEM_LIMITS: values.system_limits,
}
MEASURED = frozenset({commands.ANALOG, commands.ALARMS, commands.SYSTEM_ANALOG})
"""Answered with "internal communication error" once measured values are too old."""
FOR_A_GROUP = frozenset({commands.ANALOG, commands.ALARMS})
LIMITS = frozenset({commands.LIMITS, commands.SYSTEM_LIMITS})
"""The commands by which an inverter learns what it may do."""

GOODBYE_S = 2.5
"""Real s of "0 A, both enables off" before the silence; inverters poll about once a second."""
POLLED_S = 10.0
"""Real s after the last poll from which nobody needs a goodbye."""
ECHO_S = 1.0
"""Real s within which our own words may come back from an adapter that hears itself."""


@dataclass(slots=True, kw_only=True)
class Line:
    """What was heard on the line; times are real, monotonic s."""

    characters: int = 0
    """All that came, frames or not."""
    polls: int = 0
    polled_s: float | None = None
    interval_s: float | None = None
    """Between the last two polls for the limits."""
    limits_s: float | None = None
    commands: dict[int, int] = field(default_factory=dict)
    """Requests to us by CID2."""
    damaged: int = 0
    refused: int = 0
    """Requests that asked for something this battery does not do."""
    foreign: dict[int, int] = field(default_factory=dict)
    """Answers that somebody else gave at one of our addresses."""
    elsewhere: int = 0
    """Whole frames that were not for us."""


class Slave:
    """Answers for one bank; `told` is what the inverter heard last."""

    def __init__(self, persona: Persona, manners: Manners) -> None:
        self.line = Line()
        self.told: BatteryView | None = None
        self.trouble = ""
        """Why there is no answer although there are data; empty if there is one."""
        self._persona = persona
        self._manners = manners
        self._said = b""
        self._said_s = 0.0
        self._stopped_s: float | None = None

    def view(self, state: BankState | None, age_s: float) -> BatteryView | None:
        """Return what may be told now, None for silence."""
        view = view_of(state, age_s, self._manners, self.told)
        self.trouble = ""
        if view is not None and view.cvl_v > values.HIGHEST_V:
            self.trouble = (
                f"the charge voltage of {view.cvl_v:g} V is beyond the {values.HIGHEST_V:g} V that"
                " this protocol can tell: nothing is answered"
            )
            return None
        self.told = view or self.told
        return view

    def finished(self, state: BankState | None, now_s: float) -> bool:
        """Return whether the goodbye is said; look again every second."""
        if state is None or state.phase is not BankPhase.STOPPING:
            self._stopped_s = None
            return False
        polled_s = self.line.polled_s
        if self.told is None or polled_s is None or now_s - polled_s > POLLED_S:
            return True
        if self._stopped_s is None:
            self._stopped_s = now_s
        return now_s - self._stopped_s > GOODBYE_S

    def answer(
        self, heard: Frame | DamagedFrame, state: BankState | None, age_s: float, now_s: float
    ) -> bytes | None:
        """Return what to say to something heard, None for silence.

        `age_s` is the age of the decision `state` in real s.
        """
        if isinstance(heard, DamagedFrame):
            reply = self._damaged(heard)
        elif heard.address not in self._persona.addresses or heard.device != BATTERY:
            self.line.elsewhere += 1
            return None
        elif heard.is_answer:
            self._overheard(heard, now_s)
            return None
        else:
            self._polled(heard, now_s)
            reply = None
        view = self.view(state, age_s)
        if view is None or state is None:
            return None
        if isinstance(heard, Frame):
            reply = reply_to(heard, values.told(state, view, self._persona))
            self.line.refused += reply is not None and reply.code == Return.COMMAND
        if reply is None:
            return None
        self._said, self._said_s = encode_frame(reply), now_s
        return self._said

    def _damaged(self, damaged: DamagedFrame) -> Frame | None:
        self.line.damaged += 1
        if damaged.address not in self._persona.addresses or damaged.answer is None:
            return None
        return _reply(self._persona, damaged.address, damaged.answer)

    def _polled(self, request: Frame, now_s: float) -> None:
        line = self.line
        line.polls += 1
        line.polled_s = now_s
        line.commands[request.code] = line.commands.get(request.code, 0) + 1
        if request.code in LIMITS:
            if line.limits_s is not None:
                line.interval_s = now_s - line.limits_s
            line.limits_s = now_s

    def _overheard(self, answer: Frame, now_s: float) -> None:
        if encode_frame(answer) == self._said and now_s - self._said_s < ECHO_S:
            return
        self.line.foreign[answer.address] = self.line.foreign.get(answer.address, 0) + 1


def reply_to(request: Frame, bank: values.Told) -> Frame | None:
    """Return the answer to a whole request to one of our addresses, None for silence."""
    persona, address = bank.persona, request.address
    if bank.at(address) is None:  # no pack stands behind this address now
        return None
    master = address == persona.addresses[0]
    tell = ANY_MODULE.get(request.code) or (MASTER_ONLY.get(request.code) if master else None)
    if tell is None:  # shutting down and setting limits included: the battery decides that itself
        return _reply(persona, address, Return.COMMAND)
    wrong = _wrong_argument(request, master=master)
    if wrong is not None:
        return _reply(persona, address, wrong)
    command = commands.COMMANDS[request.code]
    asked = request.info[0] if command.request and request.info else address
    missing = request.code in MEASURED and not bank.fresh
    said = None if missing else tell(bank, asked, address)
    if said is None:
        return _reply(persona, address, Return.INTERNAL)
    return _reply(persona, address, Return.NORMAL, command.encode(said, persona.scaling))


def _wrong_argument(request: Frame, *, master: bool) -> Return | None:
    """Return what is wrong with the command byte; without one, the address itself is meant."""
    if not commands.COMMANDS[request.code].request or not request.info:
        return None
    if len(request.info) != 1:
        return Return.FORMAT
    if request.info[0] == request.address:
        return None
    group = master and request.info[0] == commands.WHOLE_GROUP and request.code in FOR_A_GROUP
    return None if group else Return.DATA


def _reply(persona: Persona, address: int, code: Return, info: bytes = b"") -> Frame:
    return Frame(address=address, code=code, info=info, version=persona.protocol_version)
