"""The recorder's format: everything that went into the decisions, as JSON lines.

A line is an object with one of the keys `head`, `memory`, `bank_memory`, `step`, `decide`. What a
device tells again and again is written only when it changes. A decision carries a fingerprint, so
that a replay can say whether it came out the same.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from operator import attrgetter
from typing import Any

from cellwarden.engine import Bank, BankMemory, BankSettings, Engine, EngineSettings, PackMemory
from cellwarden.errors import ConfigError
from cellwarden.model import BankState, Inputs, LinkQuality, Orders, PackState, Reading
from cellwarden.replay.exact import decode, encode

FORMAT = 1

_READING = {
    f.name: None if f.default is MISSING else f.default
    for f in fields(Reading)
    if f.name not in ("pack", "heard_s")
}
_UNTOLD = tuple(_READING.values())
_values_of: Callable[[Reading], tuple[object, ...]] = attrgetter(*_READING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What was built."""

    engines: tuple[EngineSettings, ...]
    bank: BankSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of one pack's engine, as it was called."""

    pack: str
    now_s: float
    reading: Reading | None
    link: LinkQuality | None
    inputs: Inputs
    before: PackMemory
    after: PackMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One step of the bank, as it was called and what came of it."""

    now_s: float
    orders: Orders
    state: BankState
    before: BankMemory
    after: BankMemory


def fingerprint(state: BankState) -> str:
    """Return a short text that differs where limits, alarms, SoC or switches differ."""
    limits = state.limits
    decided: list[object] = [
        state.phase.value,
        None if limits is None else (limits.cvl_v, limits.ccl_a, limits.dcl_a),
        [(a.kind.value, a.severity, a.pack, a.where, a.since_s) for a in state.alarms],
    ]
    for pack in state.packs:
        own = pack.limits
        decided.append(
            (
                pack.phase.value,
                (own.cvl_v, own.ccl_a, own.dcl_a),
                (pack.charge_allowed, pack.discharge_allowed),
                (pack.soc_percent, pack.soc_sigma_percent, pack.capacity_ah),
                pack.switches,
            )
        )
    return f"{zlib.crc32(repr(decided).encode()):08x}"


class Writer:
    """Makes lines; remembers what was written, so that only changes are."""

    def __init__(self, setup: Setup, wall_s: float) -> None:
        self._setup = setup
        self._wall_s = wall_s
        self._memories: dict[str, PackMemory] = {}
        self._bank: BankMemory | None = None
        self._told: dict[str, tuple[object, ...]] = {}
        self._inputs: dict[str, Inputs] = {}
        self._links: dict[str, LinkQuality | None] = {}
        """Without what changes with every answer."""
        self._orders: Orders | None = None

    def head(self) -> dict[str, Any]:
        """Return the first line of a recording or of a part of it."""
        setup = self._setup
        return {
            "head": {
                "format": FORMAT,
                "wall_s": self._wall_s,
                "engines": [encode(engine) for engine in setup.engines],
                "bank": encode(setup.bank),
            }
        }

    def step(self, step: Step) -> Iterator[dict[str, Any]]:
        """Yield the lines of an engine's step."""
        if step.before is not self._memories.get(step.pack):  # the first, or changed from outside
            yield {"memory": step.pack, "is": encode(step.before)}
        self._memories[step.pack] = step.after
        line: dict[str, Any] = {"step": step.pack, "t": step.now_s}
        if step.reading is not None:
            line["heard"] = step.reading.heard_s
            line["r"] = self._changes(step.reading)
        if self._inputs.get(step.pack) != step.inputs:
            self._inputs[step.pack] = step.inputs
            line["i"] = encode(step.inputs)
        told = step.link
        link = None if told is None else LinkQuality(connected=told.connected, bad=told.bad)
        if step.pack not in self._links or self._links[step.pack] != link:
            self._links[step.pack] = link
            line["l"] = encode(link)
        yield line

    def decision(self, decision: Decision) -> Iterator[dict[str, Any]]:
        """Yield the lines of a decision of the bank."""
        if len(self._memories) == len(self._setup.engines):
            if decision.before is not self._bank:
                yield {"bank_memory": encode(decision.before)}
            self._bank = decision.after
        line: dict[str, Any] = {"decide": decision.now_s, "f": fingerprint(decision.state)}
        if decision.orders != self._orders:
            self._orders = decision.orders
            line["o"] = encode(decision.orders)
        yield line

    def _changes(self, reading: Reading) -> dict[str, Any]:
        before = self._told.get(reading.pack, _UNTOLD)
        now = self._told[reading.pack] = _values_of(reading)
        return {
            name: encode(value)
            for name, value, last in zip(_READING, now, before, strict=True)
            if value is not last and value != last
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came out of one line of a recording."""

    pack: PackState | None = None
    bank: BankState | None = None
    same: bool | None = None
    """Of the bank: as it was recorded."""


class Replayer:
    """Runs recorded steps through the engine again."""

    def __init__(self) -> None:
        self.wall_s: float | None = None
        self.setup: Setup | None = None
        self._engines: dict[str, Engine] = {}
        self._bank: Bank | None = None
        self._forget()

    def _forget(self) -> None:
        self._memories: dict[str, PackMemory] = {}
        self._bank_memory: BankMemory | None = None
        self._states: dict[str, PackState] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self._inputs: dict[str, Inputs] = {}
        self._links: dict[str, LinkQuality | None] = {}
        self._orders: Orders | None = None

    def run(self, lines: Iterable[Mapping[str, Any]]) -> Iterator[Replayed]:
        """Yield what comes out; ConfigError that says which line is no good."""
        for number, line in enumerate(lines, 1):
            try:
                found = self._take(line)
            except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
                raise ConfigError(f"line {number} of the recording is no good: {error}") from error
            if found is not None:
                yield found

    def _take(self, line: Mapping[str, Any]) -> Replayed | None:
        if "head" in line:
            self._begin(line["head"])
        elif "memory" in line:
            self._memories[line["memory"]] = decode(line["is"])
        elif "bank_memory" in line:
            self._bank_memory = decode(line["bank_memory"])
        elif "step" in line:
            return self._step(line)
        elif "decide" in line:
            return self._decide(line)
        return None

    def _begin(self, head: Mapping[str, Any]) -> None:
        if head.get("format") != FORMAT:
            raise ValueError(f"its format is {head.get('format')!r}, this version reads {FORMAT}")
        engines = tuple(decode(engine) for engine in head["engines"])
        self.setup = Setup(engines=engines, bank=decode(head["bank"]))
        self.wall_s = head.get("wall_s")
        self._engines = {e.pack: Engine(e) for e in engines}
        self._bank = Bank(self.setup.bank)
        self._forget()

    def _step(self, line: Mapping[str, Any]) -> Replayed | None:
        pack = line["step"]
        memory = self._memories.get(pack)
        if "i" in line:
            self._inputs[pack] = decode(line["i"])
        if "l" in line:
            self._links[pack] = decode(line["l"])
        reading = None
        told = self._told.setdefault(pack, dict(_READING))
        if "r" in line:
            told.update((name, decode(value)) for name, value in line["r"].items())
            reading = Reading(pack=pack, heard_s=line["heard"], **told)
        if memory is None:
            return None
        memory, state = self._engines[pack].step(
            memory, reading, line["t"], self._links.get(pack), self._inputs[pack]
        )
        self._memories[pack], self._states[pack] = memory, state
        return Replayed(pack=state)

    def _decide(self, line: Mapping[str, Any]) -> Replayed | None:
        if "o" in line:
            self._orders = decode(line["o"])
        assert self._bank is not None
        assert self.setup is not None
        found = None
        if self._bank_memory is not None and self._orders is not None:
            states = [self._states[engine.pack] for engine in self.setup.engines]
            self._bank_memory, bank = self._bank.step(
                self._bank_memory, states, line["decide"], self._orders
            )
            found = Replayed(bank=bank, same=fingerprint(bank) == line["f"])
        for name, state in self._states.items():
            if state.events:  # they belong to the decision they came with
                self._states[name] = replace(state, events=())
        return found


def readings(lines: Iterable[Mapping[str, Any]]) -> Iterator[Reading]:
    """Yield what was heard, without running anything; lines that are no good are left out."""
    told: dict[str, dict[str, Any]] = {}
    for line in lines:
        if "head" in line:
            told = {}
        if "step" not in line or "r" not in line:
            continue
        known = told.setdefault(line["step"], dict(_READING))
        known.update((name, decode(value)) for name, value in line["r"].items())
        yield Reading(pack=line["step"], heard_s=line["heard"], **known)


_as_text = json.JSONEncoder(separators=(",", ":")).encode  # `dumps` makes one for each line


def text(line: Mapping[str, Any]) -> str:
    """Return a line as it is written."""
    return _as_text(line) + "\n"
