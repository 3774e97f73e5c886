"""A heater's relay on a pin of a single-board computer, by Linux' GPIO character device.

A pin drives no relay coil: between them stands a relay board or a transistor. Many boards are on
while their input is low: `active_low`. While this process holds the line, nobody else can; when it
ends, however it ends, the kernel takes the line back, and what level it then has is up to the
hardware: choose a board that is off while its input is open.

Without a feedback line, what is read back is the level of the pin. With one, on an auxiliary
contact or on the load's side, it is where the relay really stands.
"""

import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cellwarden.config.options import option
from cellwarden.errors import LinkError
from cellwarden.hooks import RelayContext, RelayKind
from cellwarden.interfaces import Relay

if TYPE_CHECKING:
    from periphery import GPIO

T = TypeVar("T")

LABEL_LENGTH = 31
"""Bytes of a line's consumer, as `gpioinfo` shows it (linux/gpio.h: 32 with the nought)."""

_WHAT_TO_DO = {
    errno.ENOENT: "there is no such chip: `ls /dev/gpiochip*` shows those there are",
    errno.EACCES: "this user may not: add it to the group that owns the chip, mostly `gpio`",
    errno.EPERM: "this user may not: add it to the group that owns the chip, mostly `gpio`",
    errno.EBUSY: "somebody else holds this line: end that program, or choose another line",
    errno.EINVAL: "the chip has no such line: `gpioinfo` shows those it has",
}


def _device(path: str) -> str | None:
    return None if path.startswith("/dev/") else "write the device, such as /dev/gpiochip0"


def _line(text: str) -> str | None:
    if text.isdecimal() or (0 < len(text) < 32 and text.isprintable()):
        return None
    return 'write the name or the number of a line in quotes, such as "GPIO17" or "17"'


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioOptions:
    """The keys of a `[[relay]]` table with `kind = "gpio"`."""

    line: str = option(
        help='name or number of the line, such as "GPIO17" or "17": not the number of the pin on'
        " the connector",
        check=_line,
        example="GPIO17",
    )
    chip: str = option(
        "/dev/gpiochip0",
        help="the chip that the line belongs to; on a Raspberry Pi 5 with an older kernel"
        " /dev/gpiochip4",
        check=_device,
    )
    active_low: bool = option(False, help="true: the relay is on while the line is low")
    feedback_line: str | None = option(
        None,
        help="line of the same chip that is high while the relay is really closed, by an auxiliary"
        " contact; without it the level of the line itself is read back",
        check=_line,
    )
    feedback_active_low: bool = option(
        False, help="true: the feedback line is low while the relay is closed"
    )

    def __post_init__(self) -> None:
        """Refuse a line that reads itself."""
        if self.line == self.feedback_line:
            raise ValueError("line and feedback_line are the same")


class GpioRelay:
    """One line as an output, and perhaps another as an input."""

    def __init__(self, options: GpioOptions, context: RelayContext) -> None:
        from periphery import GPIO  # noqa: PLC0415  # needs the extra

        self._gpio = GPIO
        self._options = options
        self._name = f"relay {context.name}"
        self._label = f"cellwarden {context.pack}"[:LABEL_LENGTH]
        self._out: GPIO | None = None
        self._feedback: GPIO | None = None

    async def open(self) -> None:
        """Take the lines; the output comes up with the relay off."""
        await self.close()
        options = self._options
        off = "high" if options.active_low else "low"  # levels of the line, not of the relay
        self._out = self._try(
            options.line, lambda: self._line(options.line, off, inverted=options.active_low)
        )
        if (feedback := options.feedback_line) is not None:
            self._feedback = self._try(
                feedback,
                lambda: self._line(feedback, "in", inverted=options.feedback_active_low),
            )

    def _line(self, line: str, direction: str, *, inverted: bool) -> "GPIO":
        return self._gpio(
            self._options.chip,
            int(line) if line.isdecimal() else line,
            direction,
            inverted=inverted,
            label=self._label,
        )

    async def switch(self, on: bool, /) -> None:
        """Set the line."""
        out = self._held()
        self._try(self._options.line, lambda: out.write(on))

    async def read(self) -> bool | None:
        """Return the feedback, or the level of the line itself."""
        line, source = self._options.line, self._held()
        if self._feedback is not None and self._options.feedback_line is not None:
            line, source = self._options.feedback_line, self._feedback
        on: bool = self._try(line, source.read)
        return on

    async def close(self) -> None:
        """Switch off and give the lines back."""
        out, self._out = self._out, None
        feedback, self._feedback = self._feedback, None
        if out is not None:
            with contextlib.suppress(OSError):
                out.write(False)
        for line in (out, feedback):
            if line is not None:
                with contextlib.suppress(OSError):  # unplugged; the next open says so
                    line.close()

    def _held(self) -> "GPIO":
        if self._out is None:
            raise LinkError(self._name, "its line is not open")
        return self._out

    def _try(self, line: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except LookupError as error:
            raise LinkError(
                self._where(line),
                "the chip has no line of this name: `gpioinfo` shows those it has",
            ) from error
        except OSError as error:  # also periphery's GPIOError
            hint = _WHAT_TO_DO.get(error.errno or 0, str(error.strerror or error))
            raise LinkError(self._where(line), hint) from error

    def _where(self, line: str) -> str:
        return f"{self._name}: {self._options.chip}, line {line}"


def _build(options: GpioOptions, context: RelayContext) -> Relay:
    return GpioRelay(options, context)


RELAY = RelayKind(
    name="gpio",
    summary="a relay on a pin of a Raspberry Pi or another board with Linux",
    options=GpioOptions,
    build=_build,
    extra="gpio",
)
