"""What a driver, an output and the runtime promise each other. Types only.

Plugins are given these objects; none of them reaches into the runtime.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from cellwarden.clock import Clock
from cellwarden.model import (
    BankState,
    ExternalMeasurement,
    Outcome,
    Reading,
    Request,
    RequestKind,
    Setting,
    SettingValue,
    Surplus,
)


class Driver(Protocol):
    """Reads one pack. Used by one poller at a time, on the control loop; never blocks it."""

    async def open(self) -> None:
        """Open the link. LinkError if that fails; it is tried again later."""

    async def poll(self) -> Reading:
        """Ask once and return what was heard.

        LinkTimeout when nobody answered, LinkError when the link broke, FrameError when the
        answer was nonsense.
        """

    async def close(self) -> None:
        """Close the link and forget half-heard bytes; may be called at any time, also twice."""


@runtime_checkable
class Writer(Protocol):
    """A driver's writing side: what its attribute `writer` is, if it can also write.

    A driver that cannot may say why in an attribute `why_read_only`.

    Only the gate calls it, with the pack's turn: never while the driver opens, polls or closes.
    Every coroutine here ends in bounded time, and raises LinkTimeout when nobody answered,
    LinkError when the link broke, FrameError when the answer was nonsense, CommandRefused when the
    device said no, WrongPassword when it wants another password.
    """

    settings_behind_write: bool
    """Whether its settings can be read only after a write, such as entering a service mode."""

    def writable(self) -> Mapping[str, Setting]:
        """Return what can be written now, by name; empty until the layout is known."""

    def refusal(self, kind: RequestKind) -> str | None:
        """Return why this kind of request cannot be done over this protocol now, None if it can."""

    async def log_in(self) -> None:
        """Prove the right to change settings; called before the first write of a request."""

    async def read_settings(
        self, names: Collection[str] | None = None
    ) -> Mapping[str, SettingValue]:
        """Ask the device for its settings, fresh: at least these names, None for all.

        A setting that this device does not have is left out.
        """

    async def write_setting(self, name: str, value: SettingValue) -> None:
        """Write one setting of `writable()`.

        That it came back without an error proves nothing: read it back.
        """

    async def act(self, kind: RequestKind, value: SettingValue | None) -> str:
        """Do what is no setting: calibrate, set the clock, restart ...

        Returns what is known of the effect, for a person: "acknowledged", "the clock shows ...".
        """


class CellBalancer(Protocol):
    """What bare hardware offers whose balancer does not think for itself."""

    def balance_cells(self, giving: int | None, taking: int | None) -> None:
        """Take charge from one cell and give it to another, numbers from 1; None: rest.

        Never blocks. It holds until it is told otherwise.
        """


class Relay(Protocol):
    """Switches a heater. Used by one caller at a time, in a thread of the relays' own.

    Every coroutine here ends in bounded time, and raises LinkError when the relay cannot be
    reached. What is on is told so again and again: a relay that can should open by itself when it
    is not (a dead man's switch), also when this process is no more.
    """

    async def open(self) -> None:
        """Get hold of it and see to it that it is off; what stood before counts for nothing."""

    async def switch(self, on: bool, /) -> None:
        """Order it on or off. That this came back without an error proves nothing: read it."""

    async def read(self) -> bool | None:
        """Return whether it is on, as it says itself; None where it has not said so lately."""

    async def close(self) -> None:
        """Leave it off and let go of it; may be called at any time, also twice. Never raises."""


class Feed(Protocol):
    """An output's mailbox with one slot: the newest decision, never a queue."""

    clock: Clock

    def latest(self) -> BankState | None:
        """Return the newest decision, None before the first."""

    def age_s(self) -> float | None:
        """Return how long ago (controller time, s) the newest decision was made, None if never.

        More than a few cycles means that the controller itself hangs: act as if the BMS were gone.
        """

    async def next(self, timeout_s: float | None = None) -> BankState | None:
        """Wait for a decision newer than the last one returned here; None after the timeout.

        `timeout_s` is real time. Decisions that came in between are skipped: latest value only.
        """

    def report(self, measurement: ExternalMeasurement) -> None:
        """Hand in what a peer of this output measured; the newest one of each source counts."""

    def report_surplus(self, surplus: Surplus) -> None:
        """Hand in how much surplus a peer of this output measures; the newest one counts."""


class Gate(Protocol):
    """The only way to ask for something to be written to a BMS, or to give an order.

    Safe to use from any thread and loop.
    """

    async def ask(self, request: Request) -> Outcome:
        """Return what became of the request; a refusal is an outcome, not an exception."""

    def refusal(self, kind: RequestKind, pack: str, who: str) -> str | None:
        """Return why a request of this kind would be refused now, None if it would be tried.

        For an output that shows a control only where mode, rights and device allow it.
        """

    def writable_parameters(self, pack: str) -> frozenset[str]:
        """Return the names of `model.PARAMETERS` that this pack's device can write."""


class Output(Protocol):
    """Something that shows the bank to an ecosystem.

    Control outputs run on the control loop and must never block it. Telemetry outputs run in a
    thread with a loop of their own and may.
    """

    async def run(self, feed: Feed, gate: Gate) -> None:
        """Serve until a state with phase STOPPING comes, then say goodbye and return.

        May raise whatever it likes: it is logged by name and started again with back-off. When
        cancelled it leaves the ecosystem in its own "BMS gone" state as well as it can.
        """

    def status(self) -> Mapping[str, object]:
        """Return what is worth showing of this output's own peer; JSON types, from any thread."""


class WireProtocol(Protocol):
    """A protocol that can be tried by hand: `cellwarden decode` and `cellwarden encode`."""

    def decode(
        self, chunks: Sequence[str], *, request: bytes | None = None, variant: str | None = None
    ) -> list[dict[str, object]]:
        """Return one object for each frame in the chunks (hex text, in the order received).

        FrameError, with its `kind`, for the first frame that is wrong.
        """

    def encode(self, state: Mapping[str, object]) -> list[dict[str, object]]:
        """Return the frames an inverter would be sent for this state.

        CommandRefused where the protocol has nothing to send; ConfigError for a bad state.
        """
