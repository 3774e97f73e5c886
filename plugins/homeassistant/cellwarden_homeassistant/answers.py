"""What is told of a command: the event, the line for people. Pure."""

import json
from dataclasses import dataclass

from cellwarden.model import Outcome, Verdict
from cellwarden_homeassistant.state_payload import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one command."""

    pack: str
    """The pack's name; empty for the bank."""
    request: str
    """The control's name."""
    wanted: str
    """The command as it came."""
    kind: str
    """One of `controls.OUTCOMES`."""
    reason: str
    steps: tuple[str, ...] = ()
    """Each write with what was read back."""

    @property
    def applied(self) -> bool:
        """Whether what was asked for is so now."""
        return self.kind == Verdict.APPLIED.value

    @property
    def text(self) -> str:
        """One line for a person."""
        return f"{self.request} {self.wanted}: {self.kind}, {self.reason}"

    def payload(self) -> bytes:
        """Return the event as JSON; Home Assistant takes `event_type` and shows the rest."""
        document = {
            "event_type": self.kind,
            "pack": self.pack or None,
            "request": self.request,
            "wanted": self.wanted,
            "reason": clean_text(self.reason),
            "steps": [clean_text(step) for step in self.steps],
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def steps_of(outcome: Outcome) -> tuple[str, ...]:
    """Return each step as a line: `cell_overvoltage_v: 3.65 V, wanted 3.6, now 3.6`."""
    return tuple(
        f"{step.what}: {step.before} {step.unit}, wanted {step.wanted}, now {step.now}"
        + (f" ({step.note})" if step.note else "")
        for step in outcome.steps
    )
