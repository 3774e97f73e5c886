"""A pack that must be the one with a certain serial number."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.config.reader import check
from cellwarden.errors import ConfigError, LinkError, LinkTimeout
from cellwarden.host import Host
from cellwarden.model import Identity, LinkQuality, Reading
from cellwarden.runtime.build import build
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.identity import OnlyThisPack
from cellwarden.runtime.polling import Poller


class Told:
    """A driver whose BMS tells these identities, one a poll, the last for ever."""

    def __init__(self, *identities: Identity | None) -> None:
        self.identities = list(identities)
        self.opened = 0

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        pass

    async def poll(self) -> Reading:
        identity = self.identities[0]
        if len(self.identities) > 1:
            self.identities.pop(0)
        return Reading(pack="left", heard_s=1.0, identity=identity)


def poll(driver: OnlyThisPack) -> Reading:
    return asyncio.run(driver.poll())


def identity(serial_number: str | None) -> Identity:
    return Identity(manufacturer="JK", serial_number=serial_number)


def test_the_right_pack_is_heard() -> None:
    driver = OnlyThisPack(Told(identity(" 4711 ")), "left", "4711")
    assert poll(driver).pack == "left"
    assert poll(driver).pack == "left"


def test_another_pack_is_refused_with_both_numbers() -> None:
    with pytest.raises(LinkError, match="says serial number 4712, expected 4711") as caught:
        poll(OnlyThisPack(Told(identity("4712")), "left", "4711"))
    assert not isinstance(caught.value, LinkTimeout)
    assert caught.value.device == "left"


def test_a_pack_that_is_swapped_while_it_runs_is_refused() -> None:
    driver = OnlyThisPack(Told(identity("4711"), identity("4712")), "left", "4711")
    poll(driver)
    with pytest.raises(LinkError, match="another pack is on its port"):
        poll(driver)


def test_nothing_is_taken_until_the_pack_said_who_it_is() -> None:
    driver = OnlyThisPack(Told(None, None, identity("4711")), "left", "4711")
    for _ in range(2):
        with pytest.raises(LinkTimeout, match="not told its serial number yet"):
            poll(driver)
    assert poll(driver).pack == "left"


def test_a_bms_without_a_number_cannot_be_the_right_one() -> None:
    with pytest.raises(LinkError, match="take serial_number out"):
        poll(OnlyThisPack(Told(identity(None)), "left", "4711"))


def test_the_poller_never_hands_over_a_reading_of_another_pack(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Reading | None] = []

    async def test() -> LinkQuality:
        driver = OnlyThisPack(Told(identity("4712")), "left", "4711")
        poller = Poller("left", driver, Clock(), lambda _, reading: heard.append(reading))
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert poller.take_turn()
        await asyncio.sleep(0.05)
        quality = poller.quality()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return quality

    quality = asyncio.run(test())
    assert heard == [None]
    assert "expected 4711" in quality.last_error
    assert [r.message for r in caplog.records] == [f"no data: {quality.last_error}"]


FILE = """
[[pack]]
name = "left"
driver = "jk-rs485"
port = "/dev/ttyUSB0"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
serial_number = "{number}"
"""


def test_the_number_of_the_file_reaches_the_poller(tmp_path: Path) -> None:
    settings = check(tomllib.loads(FILE.format(number="4711")), Host())
    assert settings.packs[0].serial_number == "4711"
    controller = build(settings, clock=Clock(), state_folder=tmp_path)
    (member,) = controller._members
    assert isinstance(member.driver, Guarded)
    assert isinstance(member.driver.driver, OnlyThisPack)


def test_an_empty_number_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="write the number, or leave the key out"):
        check(tomllib.loads(FILE.format(number=" ")), Host())


def test_two_packs_cannot_have_one_number() -> None:
    first = FILE.format(number="4711")
    second = first.replace('"left"', '"right"').replace("ttyUSB0", "ttyUSB1")
    with pytest.raises(ConfigError, match=r"serial_number .*pack\[1\] has the same"):
        check(tomllib.loads(first + second), Host())
