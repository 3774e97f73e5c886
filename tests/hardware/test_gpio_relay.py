"""A relay on a pin: off before anything else, off at the end, and read back as it is."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cellwarden.config.reader import parse
from cellwarden.errors import ConfigError, LinkError
from cellwarden.hooks import RelayContext
from cellwarden.host import Host
from cellwarden_hardware.gpio_relay import RELAY, GpioOptions, GpioRelay
from support.gpio_chip import FakeChip, gpio_chip

__all__ = ["gpio_chip"]


def relay(fake: FakeChip, /, **options: object) -> GpioRelay:
    facts: dict[str, object] = {"line": "GPIO17", "chip": str(fake.path)}
    return GpioRelay(
        GpioOptions(**(facts | options)),  # type: ignore[arg-type]
        RelayContext(name="heater", pack="left"),
    )


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["GPIO17", "17"])
@pytest.mark.parametrize("active_low", [False, True])
def test_its_line_is_never_active_but_between_on_and_off(
    gpio_chip: FakeChip, line: str, active_low: bool
) -> None:
    on, off = not active_low, active_low

    async def work() -> None:
        heater = relay(gpio_chip, line=line, active_low=active_low)
        await heater.open()
        assert await heater.read() is False
        await heater.switch(True)
        assert await heater.read() is True
        await heater.switch(False)
        await heater.switch(True)
        await heater.close()
        await heater.close()

    run(work)
    assert gpio_chip.seen == [(17, off), (17, on), (17, off), (17, on), (17, off)]


@pytest.mark.parametrize("active_low", [False, True])
def test_an_auxiliary_contact_tells_where_the_relay_really_is(
    gpio_chip: FakeChip, active_low: bool
) -> None:
    async def work() -> None:
        heater = relay(gpio_chip, feedback_line="GPIO22", feedback_active_low=active_low)
        gpio_chip.high[22] = active_low  # open
        await heater.open()
        await heater.switch(True)
        assert await heater.read() is False  # it does not close
        gpio_chip.high[22] = not active_low
        assert await heater.read() is True
        await heater.switch(False)
        assert await heater.read() is True  # welded
        await heater.close()

    run(work)


def test_the_kernel_shows_whose_line_it_is(gpio_chip: FakeChip) -> None:
    async def work() -> None:
        heater = relay(gpio_chip)
        await heater.open()
        await heater.close()

    run(work)
    assert gpio_chip.consumers == {17: "cellwarden left"}


def test_it_is_opened_anew_after_trouble(gpio_chip: FakeChip) -> None:
    async def work() -> None:
        heater = relay(gpio_chip)
        await heater.open()
        await heater.switch(True)
        gpio_chip.broken = errno.ENODEV
        with pytest.raises(LinkError):
            await heater.read()
        await heater.close()
        gpio_chip.broken = 0
        with pytest.raises(LinkError, match="its line is not open"):
            await heater.switch(True)
        await heater.open()
        assert await heater.read() is False
        await heater.close()

    run(work)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chip": "/dev/no_such_chip"}, "/dev/no_such_chip, line GPIO17: there is no such chip"),
        ({"line": "GPIO99"}, "line GPIO99: the chip has no line of this name"),
        ({"line": "99"}, "line 99: the chip has no such line"),
        ({"line": "GPIO4"}, "line GPIO4: somebody else holds this line"),
        ({"feedback_line": "GPIO4"}, "line GPIO4: somebody else holds this line"),
    ],
)
def test_trouble_says_what_to_do(
    gpio_chip: FakeChip, options: dict[str, object], words: str
) -> None:
    gpio_chip.busy.add(4)

    async def work() -> None:
        heater = relay(gpio_chip, **options)
        with pytest.raises(LinkError) as caught:
            await heater.open()
        await heater.close()
        assert str(caught.value).startswith("relay heater: ")
        assert words in str(caught.value)

    run(work)


def test_a_chip_that_may_not_be_opened_names_the_group(gpio_chip: FakeChip, tmp_path: Path) -> None:
    def denied(number: int, code: int, data: object) -> int:
        raise OSError(errno.EACCES, "Permission denied")

    gpio_chip.ioctl = denied  # type: ignore[method-assign]

    async def work() -> None:
        with pytest.raises(LinkError, match="add it to the group that owns the chip"):
            await relay(gpio_chip).open()

    run(work)


FILE = """
[[pack]]
name = "left"
driver = "jk-rs485"
port = "/dev/ttyUSB0"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
[pack.heating]
film_ohm = 20.0
relay = "heater"
[[relay]]
name = "heater"
kind = "gpio"
{more}
"""


def test_the_file_names_it() -> None:
    (pack,) = parse(FILE.format(more='line = "GPIO17"\nactive_low = true'), Host()).packs
    assert pack.relay is not None
    assert pack.relay.kind is RELAY
    assert pack.relay.options == GpioOptions(line="GPIO17", active_low=True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("line = 17", 'relay[1].line ("heater"): 17 is a number; a text in quotes is wanted'),
        ('line = "17"\nfeedback_line = "17"', "line and feedback_line are the same"),
        ('line = "17"\nchip = "gpiochip0"', "write the device, such as /dev/gpiochip0"),
        ('line = ""', "write the name or the number of a line in quotes"),
    ],
)
def test_a_mistake_in_the_file_is_said(more: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(FILE.format(more=more), Host())
    assert words in str(caught.value)
