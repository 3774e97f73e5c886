"""What a polled battery sends and when: nothing, unless the inverter asks. Pure.

The same face as `transmission.Transmission`, with the time passed in. A question is answered with
its whole set from the newest decision, spaced, within the dialect's time budget; a reduction
reaches the inverter with the next answer, for an unasked frame is not of these protocols. The
goodbye is two periods of answers that allow nothing, then silence.
"""

from collections import deque

from cellwarden.links.can_frame import CanFrame
from cellwarden.model import BankPhase, BankState
from cellwarden_can_inverter.frames import Answer, Dialect
from cellwarden_can_inverter.view import BatteryView, Manners, view_of

IDLE_S = 0.5
"""Real s until it is looked whether the controller stops, where nobody asks."""
BUDGET_SHARE = 0.8
"""Of the time budget that the spacing may use up."""


class PolledTransmission:
    """The answerer of one bus. Times are real, monotonic s."""

    def __init__(
        self, dialect: Dialect, manners: Manners, *, period_s: float, spacing_s: float
    ) -> None:
        self.wake_s = 0.0
        self.finished = False
        self.told: BatteryView | None = None
        self.on_air = False
        """The last question was answered."""
        self.sets = 0
        self.clamped: set[str] = set()
        self._dialect = dialect
        self._manners = manners
        self._goodbye_s = 2 * period_s
        longest = max(len(answer.frames) for answer in dialect.answers)
        self._spacing_s = min(spacing_s, BUDGET_SHARE * dialect.answer_within_s / longest)
        self._asked: list[Answer] = []
        self._pending: deque[CanFrame] = deque()
        self._slot_s = 0.0
        self._end_s: float | None = None

    @property
    def in_set(self) -> bool:
        """Whether more frames of an answer wait for their slot."""
        return bool(self._pending)

    def ask(self, question: CanFrame) -> bool:
        """Take a frame of the inverter; return whether it is a question, to be answered now."""
        answer = self._dialect.answer(question)
        if answer is not None and answer not in self._asked:
            self._asked.append(answer)
        return answer is not None

    def poll(self, state: BankState | None, age_s: float, now_s: float) -> CanFrame | None:
        """Return the frame to send now, or None; then look at `wake_s` and `finished`."""
        if state is not None and state.phase is BankPhase.STOPPING and self._end_s is None:
            self._end_s = now_s + (self._goodbye_s if self.on_air else 0.0)
        if self._asked and not self.finished:
            self._answer(state, age_s)
        frame = None
        if self._pending and now_s >= self._slot_s:
            frame = self._pending.popleft()
            self._slot_s = now_s + self._spacing_s
        if self._pending:
            self.wake_s = self._slot_s
        else:
            self.finished = self._end_s is not None and now_s >= self._end_s
            self.wake_s = now_s + IDLE_S if self._end_s is None else self._end_s
        return frame

    def restart(self, now_s: float) -> None:  # noqa: ARG002  # as Transmission, which has a clock
        """Forget what was asked: the bus was away."""
        self._asked.clear()
        self._pending.clear()

    def goodbye(self) -> list[CanFrame]:
        """Return nothing: an inverter that does not ask is not told."""
        return []

    def _answer(self, state: BankState | None, age_s: float) -> None:
        asked, self._asked = self._asked, []
        view = view_of(state, age_s, self._manners, self.told)
        self.on_air = view is not None
        if view is None:
            self._pending.clear()
            return
        self.told = view
        self.sets += 1
        frames: list[CanFrame] = []
        for answer in asked:
            frames += self._dialect.encode_frames(answer.frames, view, self.clamped)
        # Asked again before the answer was out: what is still to come is said once, and newly.
        again = {frame.can_id for frame in frames}
        waiting = [frame for frame in self._pending if frame.can_id not in again]
        self._pending = deque((*waiting, *frames))
