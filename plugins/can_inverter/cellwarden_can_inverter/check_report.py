"""What an installer's check found, and what it means. Pure.

Each finding is good, bad or not to be told: a check that calls an unknown good is worth nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from cellwarden.links.can_frame import CanFrame
from cellwarden_can_inverter.frames import Dialect

ACKNOWLEDGED = 30
"""Frames that no adapter keeps unsent in its queue: if they left, somebody acknowledged them."""
STOPPED_S = 5.0
"""Real s without a heartbeat that repeats about once a second."""
AIM_TOLERANCE_V = 0.15
FLOWING_A = 1.0
"""A, in either direction, that counts as current: meters do not show exactly 0."""
RS485 = "pylontech_rs485"


class Verdict(Enum):
    """What a finding comes to."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report."""

    what: str
    verdict: Verdict
    text: str


@dataclass(slots=True, kw_only=True)
class Voice:
    """One identifier heard on a bus, times in real, monotonic s."""

    who: str
    """`inverter`, `battery` or `unknown`."""
    meaning: str
    first_s: float
    last_s: float
    count: int = 1
    gap_s: float = 0.0
    """The longest time between two frames."""

    @property
    def period_s(self) -> float | None:
        """Return the mean time between two frames, None for a single one."""
        return (self.last_s - self.first_s) / (self.count - 1) if self.count > 1 else None


@dataclass(slots=True, kw_only=True)
class Ear:
    """Keeps count of every frame of other nodes."""

    dialect: Dialect
    voices: dict[tuple[int, bool], Voice] = field(default_factory=dict)
    """By identifier and whether it has 29 bits."""

    def heard(self, frame: CanFrame, now_s: float) -> None:
        """Take a frame."""
        key = (frame.can_id, frame.extended)
        voice = self.voices.get(key)
        if voice is None:
            who, meaning = who_sends(self.dialect, frame)
            self.voices[key] = Voice(who=who, meaning=meaning, first_s=now_s, last_s=now_s)
            return
        voice.gap_s = max(voice.gap_s, now_s - voice.last_s)
        voice.last_s = now_s
        voice.count += 1

    def count(self, who: str | None = None) -> int:
        """Return how many frames were heard, of everybody or of one sort of node."""
        return sum(v.count for v in self.voices.values() if who in (None, v.who))

    def ids(self, who: str) -> list[str]:
        """Return the identifiers of one sort of node."""
        return [id_text(*key) for key, voice in self.voices.items() if voice.who == who]

    def rows(self) -> list[dict[str, Any]]:
        """Return one object for each identifier, as JSON types."""
        return [
            {
                "can_id": id_text(can_id, extended),
                "extended": extended,
                "from": voice.who,
                "meaning": voice.meaning,
                "count": voice.count,
                "period_s": None if voice.period_s is None else round(voice.period_s, 3),
                "longest_gap_s": round(voice.gap_s, 3),
            }
            for (can_id, extended), voice in sorted(self.voices.items())
        ]


def id_text(can_id: int, extended: bool) -> str:
    """Return an identifier as the vectors write it."""
    return f"0x{can_id:08X}" if extended else f"0x{can_id:03X}"


def who_sends(dialect: Dialect, frame: CanFrame) -> tuple[str, str]:
    """Return who sends such a frame in a dialect, and what it means."""
    known = dialect.find(frame.can_id, extended=frame.extended)
    if known is None:
        return "unknown", ""
    return ("inverter" if known in dialect.heard else "battery"), known.meaning


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing the inverter was told, and what it did meanwhile."""

    name: str
    expected: str
    seconds: float
    silent: bool = False
    """Nothing was sent for a part of it."""
    heartbeats: int = 0
    current_a: float | None = None
    """What the inverter measured at the end, positive while charging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """All that a check saw."""

    bus: str
    dialect: str
    profile: str | None
    bitrate: int
    listened_s: float
    heard: int
    """Whole frames of others."""
    error_frames: int = 0
    heartbeats_before: int = 0
    """While only listening."""
    other_batteries: Sequence[str] = ()
    """Heard while only listening."""
    gap_s: float | None = None
    """The longest time between two heartbeats; None where it is not known."""
    period_s: float | None = None
    sent_s: float = 0.0
    told_cvl_v: float | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    """Of the output that spoke, at the end; empty if nothing was sent."""
    steps: Sequence[Step] = ()
    frames: Sequence[Mapping[str, Any]] = ()


def findings(seen: Observed) -> list[Finding]:
    """Return what was found, in the order in which an installer looks for a fault."""
    found = [_bit_rate(seen), _inverter(seen), _others(seen)]
    if seen.status:
        found.append(_limits(seen))
    return [*found, *map(_what_if, seen.steps)]


def document(seen: Observed, found: Sequence[Finding]) -> dict[str, Any]:
    """Return the report as JSON types."""
    status = seen.status
    return {
        "bus": seen.bus,
        "dialect": seen.dialect,
        "profile": seen.profile,
        "listened_s": seen.listened_s,
        "sent_s": seen.sent_s,
        "passed": passed(found),
        "findings": [asdict(f) | {"verdict": f.verdict.value} for f in found],
        "frames_heard": seen.heard,
        "error_frames": seen.error_frames,
        "heartbeat": {
            "count": seen.heartbeats_before + status.get("heartbeats", 0),
            "before_sending": seen.heartbeats_before,
            "period_s": None if seen.period_s is None else round(seen.period_s, 3),
            "longest_gap_s": None if seen.gap_s is None else round(seen.gap_s, 3),
        },
        "inverter_says": status.get("inverter_says", {}),
        "polled": status.get("polled", {}),
        "frames": list(seen.frames),
        "what_ifs": [asdict(step) for step in seen.steps],
    }


def passed(found: Sequence[Finding]) -> bool:
    """Whether nothing bad was found."""
    return all(finding.verdict is not Verdict.BAD for finding in found)


def _bit_rate(seen: Observed) -> Finding:
    def finding(verdict: Verdict, text: str) -> Finding:
        return Finding(what="bit rate", verdict=verdict, text=text)

    rate, status = f"{seen.bitrate} bit/s", seen.status
    damaged = seen.error_frames + status.get("damaged", 0)
    whole = seen.heard
    if damaged > whole:
        return finding(
            Verdict.BAD,
            f"{damaged} damaged frames against {whole} whole ones at {rate}: wrong bit rate,"
            " swapped wires, or termination missing",
        )
    if whole:
        return finding(Verdict.GOOD, f"plausible: {whole} whole frames heard at {rate}")
    if status.get("characters"):
        return finding(
            Verdict.BAD,
            f"{status['characters']} characters and no frame among them at {rate}: wrong speed, or"
            " A and B swapped",
        )
    if status.get("link_losses"):
        return finding(Verdict.BAD, f"the bus failed at {rate}: {status['last_error']}")
    if seen.bus.startswith("socketcan:") and status.get("frames_sent", 0) >= ACKNOWLEDGED:
        return finding(Verdict.GOOD, f"plausible: frames were acknowledged at {rate}")
    return finding(Verdict.UNKNOWN, f"nobody else spoke at {rate}")


def _inverter(seen: Observed) -> Finding:
    def finding(verdict: Verdict, text: str) -> Finding:
        return Finding(what="inverter", verdict=verdict, text=text)

    status = seen.status
    count = seen.heartbeats_before + status.get("heartbeats", 0)
    word = "poll" if seen.dialect == RS485 else "heartbeat"
    if not count:
        if seen.heard:
            text = f"no {word}, though others speak: is the battery type set on the inverter?"
            return finding(Verdict.UNKNOWN if seen.dialect != RS485 else Verdict.BAD, text)
        return finding(Verdict.BAD, "no word from it: check that it is on, its battery type, wires")
    period = "" if seen.period_s is None else f", one each {seen.period_s:.2f} s"
    text = f"{count} {word}s{period}"
    if seen.gap_s is not None:
        text += f", longest gap {seen.gap_s:.1f} s"
    named = status.get("inverter_name")
    if named:
        text += f"; it is a {named}"
    age_s = status.get("heartbeat_age_s")
    limit_s = max(STOPPED_S, 3 * (seen.period_s or 0.0))
    if any(step.silent for step in seen.steps):
        limit_s += STOPPED_S  # some only answer: they were silent because we were
    if status and (age_s is None or age_s > limit_s or (seen.gap_s or 0) > limit_s):
        return finding(Verdict.BAD, f"{text}: it fell silent in between")
    return finding(Verdict.GOOD, text)


def _others(seen: Observed) -> Finding:
    second = sorted({*seen.other_batteries, *seen.status.get("second_sender", {})})
    if second:
        return Finding(
            what="other batteries",
            verdict=Verdict.BAD,
            text=f"another battery or controller speaks as {', '.join(second)}: leave one"
            + ("" if seen.status else "; nothing was sent beside it"),
        )
    return Finding(what="other batteries", verdict=Verdict.GOOD, text="none")


def _limits(seen: Observed) -> Finding:
    def finding(verdict: Verdict, text: str) -> Finding:
        return Finding(what="limits", verdict=verdict, text=text)

    status = seen.status
    aim_v = status.get("inverter_says", {}).get("charge_voltage_setpoint_V")
    if aim_v is not None and seen.told_cvl_v is not None:
        if aim_v <= seen.told_cvl_v + AIM_TOLERANCE_V:
            return finding(Verdict.GOOD, f"it aims at {aim_v:g} V, told {seen.told_cvl_v:g} V")
        return finding(Verdict.BAD, f"it aims at {aim_v:g} V although told {seen.told_cvl_v:g} V")
    polled = status.get("polled", {})
    if seen.dialect == RS485:
        asked = [code for code in ("63", "92") if polled.get(code)]
        if asked:
            each = status.get("limits_interval_s")
            often = "" if each is None else f" each {each:g} s"
            text = (
                f"it asks for them ({', '.join(asked)}H){often}; this protocol has no answer back"
            )
            return finding(Verdict.UNKNOWN, text)
        return finding(Verdict.UNKNOWN, "it never asked for them (63H or 92H)")
    if status.get("heartbeats") and not seen.heartbeats_before:
        return finding(
            Verdict.UNKNOWN,
            "it answers since frames are sent; this dialect has no answer to limits",
        )
    return finding(Verdict.UNKNOWN, "this dialect has no answer to limits")


def _what_if(step: Step) -> Finding:
    what = f"what if: {step.name}"
    heard = f"{step.heartbeats} heartbeats in {step.seconds:g} s"
    current_a = step.current_a
    if current_a is None or step.name not in FORBIDS:
        text = f"look: {step.expected} ({heard})"
        return Finding(what=what, verdict=Verdict.UNKNOWN, text=text)
    sign = FORBIDS[step.name]
    obeyed = sign * current_a <= FLOWING_A
    return Finding(
        what=what,
        verdict=Verdict.GOOD if obeyed else Verdict.BAD,
        text=f"it measures {current_a:+.1f} A ({heard})",
    )


FORBIDS = {"CCL 0": 1, "DCL 0": -1}
"""Steps after which current of that sign must not flow."""
