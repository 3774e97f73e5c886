"""JK BMS of the PB "inverter" series (and newer B series) over RS485, UART protocol 1: Modbus.

Many packs share one adapter: each `[[pack]]` names the same port and its own address. Captures of
hardware 14, 15 and 19 decode. Packs are asked by the trigger write that brings a whole frame,
because plain reads fail on many boards. Where a pack is set to
address 0 it is the master of the bus and polls the others: then we only listen.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from cellwarden.errors import CommandRefused, FrameError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.links.serial import SerialLink
from cellwarden.links.shared import SharedLine
from cellwarden.model import Identity, Reading
from cellwarden_hardware.codecs import jk_modbus
from cellwarden_hardware.codecs.jk_ble import Cells, DeviceInfo, Settings
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.scanner import BadFrame
from cellwarden_hardware.jk_reading import Lasting, identity_of, lasting_of, reading_of
from cellwarden_hardware.kinds.jk_modbus import JkModbusOptions
from cellwarden_hardware.writers import common
from cellwarden_hardware.writers.jk_frames import MAKERS_SETTINGS_PASSWORD, makers_passwords
from cellwarden_hardware.writers.jk_modbus import JkModbusWriter

T = TypeVar("T")

_SPACING_S = 0.1
"""From request to request; faster bursts made several packs answer at once."""
_LEAST_SPACING_S = 0.05
"""The latest that a pack begins to answer: on a full bus the next is asked after that."""
_ROUND_S = 0.8
"""What a round of all packs on a bus may take, so that each can be heard once a second."""
_ANSWER_S = 0.5  # a pack begins within 35..50 ms and is through 27 ms later
_SILENT_ANSWER_S = 0.2  # for one that was silent last time: the others must not wait for it
_SILENCE_S = 0.1  # nothing comes any more: the answer was cut
_GATEWAY_SILENCE_S = 0.5
_ANSWER_BYTES = 308
_LASTING_EVERY_S = 60.0
"""Settings, and who it is: a pack that was exchanged between two polls leaves no gap."""
_TRIES_WITH_ASIDE = 3  # then it is simply not there, and the bus has other packs
_TRIES_FOR_WHO = 3  # with each status at first, then in its turn
_TRY_AGAIN_S = 10.0  # for settings and device info that did not come
_MASTER_CYCLE_S = 6.0  # a master takes 4.4 s for all of 15 addresses


class JkModbus:
    """The driver of one pack; the bus is shared with the drivers of the others."""

    layout = Layout.JK02_32S
    """The only one that boards with this protocol have."""

    def __init__(self, options: JkModbusOptions, context: DriverContext) -> None:
        self._pack = context.pack
        self._clock = context.clock
        self._address = options.address
        self.listen_only = options.listen_only
        """Nothing may be sent."""
        self._answer_s = min(context.timeout_s, _ANSWER_S)
        self._line = SharedLine(options.port, baudrate=options.baudrate, name=context.pack)
        self._silence_s = _GATEWAY_SILENCE_S if "://" in options.port else _SILENCE_S
        self._decoder = jk_modbus.Decoder(secrets=True)
        self._requests = {
            register: jk_modbus.trigger_request(options.address, register)
            for register in jk_modbus.TRIGGERS
        }
        self._lasting = Lasting()
        self._identity: Identity | None = None
        self._was: Identity | None = None
        """Who it was when it told last."""
        self._due_s = dict.fromkeys((jk_modbus.SETTINGS, jk_modbus.DEVICE_INFO), float("-inf"))
        self._asked_who = 0
        self._silent = 0
        self._polls = 0
        self._other_master = False
        self._warnings: tuple[str, ...] = ()
        self.writer = JkModbusWriter(
            self,
            common.Password(
                which=common.SETTINGS,
                file=options.settings_password_file,
                env=options.settings_password_env,
                default=MAKERS_SETTINGS_PASSWORD,
            ),
        )

    async def open(self) -> None:
        """Join the bus; who is there and what it is set to is asked anew."""
        self._silent = self._polls = 0
        self._doubt_who()
        self._forget_settings()
        await self._line.open()

    def _doubt_who(self) -> None:
        """Ask again who is there: another pack may answer next."""
        self._was, self._identity = self._identity or self._was, None
        self._due_s[jk_modbus.DEVICE_INFO] = float("-inf")
        self._asked_who = 0

    def _forget_settings(self) -> None:
        self._lasting = Lasting()
        self._due_s[jk_modbus.SETTINGS] = float("-inf")

    async def close(self) -> None:
        """Leave the bus and forget half a frame."""
        self._decoder.reset()
        await self._line.close()

    async def poll(self) -> Reading:
        """Ask for the status and return it; settings and device info when their time has come."""
        if self.listen_only:
            return await self._overhear()
        spacing_s = self._spacing_s()
        async with self._line.turn(spacing_s) as link:
            # Some firmware answers only if it was asked something just before.
            if 0 < self._silent <= _TRIES_WITH_ASIDE:
                await self._ask_aside(link, jk_modbus.SETTINGS)
                await asyncio.sleep(spacing_s)
            answer, heard_s = await self._ask_status(link), self._clock.now_s()
            self._polls += 1
            if self._identity is None and self._asked_who < _TRIES_FOR_WHO:
                # Whose status this is decides what it means.
                self._asked_who += 1
                await self._ask_aside(link, jk_modbus.DEVICE_INFO, spacing_s)
            # One pack a round asks for more.
            elif (self._polls + self._address) % self._line.holders == 0:
                await self._ask_what_is_due(link, spacing_s)
        return self._reading(answer, heard_s)

    async def _ask_status(self, link: SerialLink) -> jk_modbus.Answer:
        try:
            answer = await self._ask(link, jk_modbus.STATUS)
        except LinkTimeout:
            self._silent += 1
            self._doubt_who()
            raise
        self._silent = 0
        return answer

    async def _ask_what_is_due(self, link: SerialLink, spacing_s: float) -> None:
        now_s = asyncio.get_running_loop().time()
        for register, due_s in self._due_s.items():
            if now_s >= due_s:
                await self._ask_aside(link, register, spacing_s)
                return

    async def _ask_aside(self, link: SerialLink, register: int, after_s: float = 0.0) -> None:
        """Ask for something that can wait; no answer is no harm."""
        await asyncio.sleep(after_s)
        self._line.asks_again()
        self._due_s[register] = asyncio.get_running_loop().time() + _TRY_AGAIN_S
        with contextlib.suppress(LinkTimeout, FrameError):
            self._keep((await self._ask(link, register)).body)

    def _keep(self, body: object) -> None:
        now_s = asyncio.get_running_loop().time()
        if isinstance(body, Settings):
            self._lasting = lasting_of(body)
            self._due_s[jk_modbus.SETTINGS] = now_s + _LASTING_EVERY_S
        elif isinstance(body, DeviceInfo):
            self._identity = identity_of(body)
            was, self._was = self._was or self._identity, self._identity
            if was.serial_number != self._identity.serial_number:
                self._forget_settings()  # they are another pack's
            self._warnings = makers_passwords(body)
            self._due_s[jk_modbus.DEVICE_INFO] = now_s + _LASTING_EVERY_S

    # -- for the writing side ------------------------------------------------------------------

    async def ask_settings(self) -> Settings:
        """Ask for the settings now."""
        async with self._line.turn(self._spacing_s()) as link:
            body = (await self._ask(link, jk_modbus.SETTINGS)).body
        self._keep(body)
        assert isinstance(body, Settings)  # the codec refuses a register with another frame
        return body

    async def ask_device(self) -> DeviceInfo:
        """Ask for the device info now, secrets included; they are kept nowhere."""
        async with self._line.turn(self._spacing_s()) as link:
            body = (await self._ask(link, jk_modbus.DEVICE_INFO)).body
        assert isinstance(body, DeviceInfo)
        return body

    async def write_registers(self, register: int, data: bytes) -> None:
        """Write words and wait for the acknowledgement; CommandRefused for an exception."""

        def taken(event: jk_modbus.Event) -> bool | None:
            if isinstance(event, BadFrame):
                raise event.error()
            if isinstance(event, jk_modbus.WriteRequest) or event.address != self._address:
                return None
            if isinstance(event, jk_modbus.Refused):
                raise CommandRefused(str(event.error()))
            is_ack = isinstance(event, jk_modbus.Acknowledge) and event.register == register
            return True if is_ack else None

        request = jk_modbus.write_request(self._address, register, data)
        async with self._line.turn(self._spacing_s()) as link:
            await self._exchange(link, request, taken, jk_modbus.ACK_SIZE)

    # -- the line ------------------------------------------------------------------------------

    async def _ask(self, link: SerialLink, register: int) -> jk_modbus.Answer:
        """Return this pack's answer to a trigger."""
        return await self._exchange(
            link,
            self._requests[register],
            lambda event: self._answer_in(event, register),
            _ANSWER_BYTES,
        )

    async def _exchange(
        self,
        link: SerialLink,
        request: bytes,
        accept: Callable[[jk_modbus.Event], T | None],
        size: int,
    ) -> T:
        """Return what is accepted; echoes, noise and what others say late are skipped.

        `size` is how many bytes an answer has.
        """
        loop = asyncio.get_running_loop()
        self._decoder.reset()
        self._other_master = False
        link.discard()
        await link.write(request)
        deadline_s = loop.time() + (_SILENT_ANSWER_S if self._silent else self._answer_s)
        noise: BadFrame | None = None
        heard = 0
        while (left_s := deadline_s - loop.time()) > 0:
            at_least = max(self._decoder.missing, size - heard)
            data = await self._hear(link, left_s, at_least)
            heard += len(data)
            events = self._decoder.feed(data)
            if len(data) < at_least:  # the line fell silent
                events += self._decoder.reset()
            for event in events:
                if isinstance(event, BadFrame) and event.kind == "header":
                    noise = event
                elif (answer := accept(event)) is not None:
                    return answer
            if not data:
                break
        if noise is not None and heard >= size:
            raise noise.error()
        raise LinkTimeout(self._pack, self._why_silent())

    def _answer_in(self, event: jk_modbus.Event, register: int) -> jk_modbus.Answer | None:
        """Return the answer if it is one to us; FrameError if it is damaged, or a refusal."""
        if isinstance(event, BadFrame):
            raise event.error()
        if isinstance(event, jk_modbus.WriteRequest):
            self._other_master = self._other_master or event.address != self._address
        elif event.address == self._address:
            if isinstance(event, jk_modbus.Refused):
                raise event.error()
            if isinstance(event, jk_modbus.Answer) and event.register == register:
                return event
        return None

    async def _hear(self, link: SerialLink, wait_s: float, at_least: int) -> bytes:
        try:
            return await link.read(wait_s, at_least=at_least, silence_s=self._silence_s)
        except LinkTimeout:
            return b""

    def _why_silent(self) -> str:
        if self._other_master:
            return (
                f"another master asks on {self._line.url}: set listen_only = true for every pack on"
                " this bus, or no pack to address 0"
            )
        return f"no answer from address {self._address} on {self._line.url}"

    async def _overhear(self) -> Reading:
        """Wait until the master of the bus has made this pack send its status."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _MASTER_CYCLE_S
        bad: BadFrame | None = None
        while (left_s := deadline_s - loop.time()) > 0:
            reading: Reading | None = None
            for event in self._decoder.feed(await self._line.listen(min(left_s, 1.0))):
                if isinstance(event, BadFrame):
                    bad = event if event.kind != "header" else bad
                elif isinstance(event, jk_modbus.Answer) and event.address == self._address:
                    if event.register == jk_modbus.STATUS:
                        reading = self._reading(event, self._clock.now_s())
                    else:
                        self._keep(event.body)
            if reading is not None:
                return reading
        if bad is not None:
            raise bad.error()
        raise LinkTimeout(
            self._pack, f"nothing from address {self._address} on {self._line.url}: is there a"
            " master on the bus (a pack with address 0)?"
        )  # fmt: skip

    def _reading(self, answer: jk_modbus.Answer, heard_s: float) -> Reading:
        assert isinstance(answer.body, Cells)  # the codec refuses a register with another frame
        return reading_of(
            self._pack,
            heard_s,
            answer.body,
            self._lasting,
            self._identity,
            warnings=self._warnings,
        )

    def _spacing_s(self) -> float:
        share_s = _ROUND_S / max(1, self._line.holders)
        return max(_LEAST_SPACING_S, min(_SPACING_S, share_s))
