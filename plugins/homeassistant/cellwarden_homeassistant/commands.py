"""From a command topic to the gate and back.

One command is at work at a time. A newer one for the same control takes the place of one that still
waits, so that no more wait than there are controls.
"""

import asyncio
import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from cellwarden.errors import CommandRefused
from cellwarden.interfaces import Gate
from cellwarden.model import BankState, ChargeMode, PackPhase, PackState, Request, Verdict
from cellwarden_homeassistant.answers import Answer, steps_of
from cellwarden_homeassistant.controls import IDENTIFY
from cellwarden_homeassistant.entity import Command, Entity

LOG = logging.getLogger(__name__)

LONGEST = 200
"""Characters of a command; a longer one is none."""
LASTS_AT_MOST_S = 86400.0
"""Ours: whoever steers a battery looks at it once a day."""
IDENTIFIED = "identified"
REFUSED = Verdict.REFUSED.value


def requests(
    control: Entity, payload: bytes, *, pack: str, who: str, lasts_s: float
) -> tuple[Request, ...]:
    """Return what a command asks the gate for. CommandRefused, with the reason, for nonsense.

    A number may also come as `{"value": 20, "lasts_s": 600}`: an order that ends after that time
    instead of `lasts_s`.
    """
    command = control.command
    if command is None:
        raise CommandRefused("this is no control")
    text = _text(payload)
    value, lasts_s = _value(control, command, text, command.lasts_s or lasts_s)
    ends = command.ends and value is not None and value != ChargeMode.AUTOMATIC.value
    return tuple(
        Request(
            kind=kind,
            pack=pack,
            value=None if command.parameter else value,
            who=who,
            changes={command.parameter: float(value)}
            if command.parameter and isinstance(value, int | float)
            else {},
            lasts_s=lasts_s if ends else None,
        )
        for kind in command.kinds
    )


def _text(payload: bytes) -> str:
    try:
        text = payload.decode().strip()
    except UnicodeDecodeError:
        raise CommandRefused("the command is no text") from None
    if len(text) > LONGEST or not text.isprintable():
        raise CommandRefused(f"a command is one line of at most {LONGEST} characters")
    return text


def _value(
    control: Entity, command: Command, text: str, lasts_s: float
) -> tuple[float | bool | str | None, float]:
    match control.platform:
        case "switch":
            if text not in ("ON", "OFF"):
                raise CommandRefused(f"{text!r} is neither ON nor OFF")
            return (True if text == "ON" else command.off), lasts_s
        case "select":
            if text not in control.options:
                raise CommandRefused(f"{text!r} is none of {', '.join(control.options)}")
            return text, lasts_s
        case "number":
            return _number(control, text, lasts_s)
    if text != "PRESS":
        raise CommandRefused(f"{text!r} is not PRESS")
    return command.press, lasts_s


def _number(control: Entity, text: str, lasts_s: float) -> tuple[float, float]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    value, lasts = parsed, lasts_s
    if isinstance(parsed, dict):
        value, lasts = parsed.get("value"), parsed.get("lasts_s", lasts_s)
        if parsed.keys() - {"value", "lasts_s"}:
            raise CommandRefused('only "value" and "lasts_s" can be given')
    if not _is_number(value):
        raise CommandRefused(f"{text!r} is no number")
    if not _is_number(lasts) or not 1 <= lasts <= LASTS_AT_MOST_S:
        raise CommandRefused(f"lasts_s must be 1 to {LASTS_AT_MOST_S:g} s")
    low, high = control.span
    if not low <= value <= high:
        unit = f" {control.unit}" if control.unit else ""
        raise CommandRefused(f"{value:g} is outside {low:g} to {high:g}{unit}")
    return float(value), float(lasts)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class _Job:
    control: Entity
    wanted: str
    requests: tuple[Request, ...]


class Desk:
    """Takes commands, asks the gate for them one after the other, and keeps the answers."""

    def __init__(self, gate: Gate, *, who: str, lasts_s: float, wake: Callable[[], None]) -> None:
        self._gate = gate
        self._who = who
        self._lasts_s = lasts_s
        self._wake = wake
        self._waiting: dict[tuple[str, str], _Job] = {}
        self._news = asyncio.Event()
        self._answers: list[Answer] = []

    def take(self, pack: str, control: Entity, payload: bytes, state: BankState | None) -> None:
        """Take a command for a pack, or for the bank if the name is empty."""
        wanted = payload[:LONGEST].decode(errors="replace")
        try:
            asked = requests(control, payload, pack=pack, who=self._who, lasts_s=self._lasts_s)
            self._refuse_the_lost(pack, control, state)
        except CommandRefused as refusal:  # what the gate answers, the gate logs
            LOG.warning("%s: %s %s is refused: %s", pack or "bank", control.name, wanted, refusal)
            self._answer(pack, control, wanted, REFUSED, str(refusal))
            return
        if control.key == IDENTIFY:
            LOG.info("identify: %s", _who_is(pack, state))
            self._answer(pack, control, wanted, IDENTIFIED, _who_is(pack, state))
            return
        self._waiting[pack, control.key] = _Job(control, wanted, asked)
        self._news.set()

    def answers(self) -> list[Answer]:
        """Return what became of commands since the last call."""
        answers, self._answers = self._answers, []
        return answers

    async def run(self) -> None:
        """Ask the gate, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                pack, key = next(iter(self._waiting))
                await self._do(pack, self._waiting.pop((pack, key)))
                self._wake()

    async def _do(self, pack: str, job: _Job) -> None:
        """Ask for everything that a command means; the first that is not applied is the answer."""
        outcome = None
        for request in job.requests:
            outcome = await self._gate.ask(request)
            if not outcome.good:
                break
        if outcome is not None:
            verdict, steps = outcome.verdict.value, steps_of(outcome)
            self._answer(pack, job.control, job.wanted, verdict, outcome.reason, steps)

    def _refuse_the_lost(self, pack: str, control: Entity, state: BankState | None) -> None:
        if not pack or not control.needs_data or control.key == IDENTIFY:
            return
        found = _pack(pack, state)
        if found is None or found.phase is not PackPhase.ONLINE:
            raise CommandRefused("its BMS does not answer")

    def _answer(
        self,
        pack: str,
        control: Entity,
        wanted: str,
        kind: str,
        reason: str,
        steps: tuple[str, ...] = (),
    ) -> None:
        answer = Answer(
            pack=pack,
            request=control.name,
            wanted=wanted,
            kind=kind,
            reason=reason,
            steps=steps,
        )
        self._answers.append(answer)
        self._wake()


def _pack(name: str, state: BankState | None) -> PackState | None:
    packs = () if state is None else state.packs
    return next((pack for pack in packs if pack.pack == name), None)


def _who_is(name: str, state: BankState | None) -> str:
    """Return what tells a pack from its neighbours."""
    pack = _pack(name, state)
    if state is None or pack is None:
        return f"pack {name}"
    parts = [f"pack {name}, number {state.packs.index(pack) + 1} of {len(state.packs)}"]
    who = pack.identity
    if who is not None:
        parts += [f"{word} {value}" for word, value in (
            ("serial number", who.serial_number), ("model", who.model), ("called", who.name)
        ) if value]  # fmt: skip
    if pack.reading is not None and pack.reading.voltage_v is not None:
        parts.append(f"{pack.reading.voltage_v:.2f} V")
    return ", ".join(parts)
