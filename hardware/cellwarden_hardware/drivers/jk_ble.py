"""JK BMS over Bluetooth: every board with the vendor's radio, layouts JK04, JK02_24S, JK02_32S.

Captures of software 3.3 to 19.05 decode. The device info comes first, for only it tells which
layout all else has. Reading sends three commands only. JK04 (software 3.x) tells
neither current nor SoC.
"""

import asyncio
import contextlib
from collections.abc import Callable

from cellwarden.errors import CommandRefused, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import Identity, LogEntry, Reading
from cellwarden_hardware.ble import BleLink
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs.jk_ble import without_secrets
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.scanner import BadFrame
from cellwarden_hardware.jk_reading import (
    Lasting,
    identity_of,
    lasting_of,
    logbook_of,
    reading_of,
)
from cellwarden_hardware.kinds.jk_ble import JkBleOptions
from cellwarden_hardware.writers import common
from cellwarden_hardware.writers.jk_ble import JkBleWriter
from cellwarden_hardware.writers.jk_frames import MAKERS_SETTINGS_PASSWORD, makers_passwords

_DEVICE_INFO = jk_ble.build_command(jk_ble.Register.DEVICE_INFO)
_SETTINGS_AND_STREAM = jk_ble.build_command(jk_ble.Register.SETTINGS_AND_STREAM)
_LOGBOOK = jk_ble.build_command(jk_ble.Register.LOGBOOK)
_GREETINGS = 3
_GREETING_S = 2.0  # the device info comes within 0.1..0.5 s
_TAKEN_S = 0.5  # the app's traffic shows the answer to a write within 0.1 s
_MISSES_TO_REMIND = 2  # the stream has stopped: ask for it again
_SETTINGS_EVERY_S = 60.0
_LOGBOOK_EVERY_S = 60.0  # at most, while the device says that it wrote more
_LOGBOOK_AT_LEAST_EVERY_S = 3600.0  # for those that do not say how much they wrote


class JkBle:
    """The driver of one pack."""

    def __init__(self, options: JkBleOptions, context: DriverContext) -> None:
        self._pack = context.pack
        self._clock = context.clock
        self._timeout_s = context.timeout_s
        self._told = asyncio.Event()
        """Set by every frame, and by the end of the connection."""
        self._link = BleLink(
            options.port.upper(),
            service=jk_ble.SERVICE,
            notify=jk_ble.CHARACTERISTIC,
            write=jk_ble.CHARACTERISTIC,
            name=context.pack,
            adapter=options.adapter,
            heard=self._hear,
            ended=self._told.set,
        )
        self._decoder = jk_ble.Decoder(secrets=True)
        self._device: jk_ble.DeviceInfo | None = None
        self._identity: Identity | None = None
        self._lasting = Lasting()
        self._cells: jk_ble.Cells | None = None
        """The newest that no poll has returned."""
        self._heard_s = 0.0
        self._bad: BadFrame | None = None
        self._bytes_came = False
        self._misses = 0
        self._asked_s = 0.0
        self._logbook: tuple[LogEntry, ...] = ()
        self._warnings: tuple[str, ...] = ()
        self._logbook_asked_s = float("-inf")
        self._log_entries: int | None = None
        """How many entries the device said it has when the logbook was asked for."""
        self._expected: tuple[Callable[[jk_ble.Event], bool], asyncio.Future[jk_ble.Event]] | None
        self._expected = None
        """What the writing side waits for."""
        self._connect_password = common.Password(
            which=common.CONNECT,
            file=options.connect_password_file,
            env=options.connect_password_env,
        )
        self.writer = JkBleWriter(
            self,
            common.Password(
                which=common.SETTINGS,
                file=options.settings_password_file,
                env=options.settings_password_env,
                default=MAKERS_SETTINGS_PASSWORD,
            ),
        )

    @property
    def layout(self) -> Layout | None:
        """As the device info told since the link was opened; None before."""
        return None if self._device is None else self._device.layout

    async def open(self) -> None:
        """Connect, learn the layout, start the stream."""
        await self.close()
        await self._link.open()
        for _ in range(_GREETINGS):
            await self._link.write(_DEVICE_INFO)
            await self._wait_for_device()
            if self._device is not None:
                break
        else:
            raise LinkTimeout(self._pack, f"{self._link.address} does not say which device it is")
        if self._device.layout is None:
            values = self._device.values
            raise LinkError(
                self._pack,
                f"{values['model']} with software {values['software_version']!r} is not known:"
                " nothing is read, for the same number may mean something else in it",
            )
        if self._connect_password.given:
            await self._check_connect_password()
        await self._ask()

    async def close(self) -> None:
        """Disconnect and forget half a frame."""
        await self._link.close()
        self._decoder = jk_ble.Decoder(secrets=True)
        self._device = self._cells = self._bad = None
        self._misses = 0
        self._logbook_asked_s = float("-inf")
        self._told.clear()

    async def poll(self) -> Reading:
        """Return the newest cell information, once; waits for one that is new."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._asked_s > _SETTINGS_EVERY_S:
            await self._ask()
        deadline_s = loop.time() + self._timeout_s
        while self._cells is None and (left_s := deadline_s - loop.time()) > 0:
            self._link.check()
            await self._wait(left_s)
        cells, self._cells = self._cells, None
        if cells is None:
            await self._miss()
        assert cells is not None
        self._misses, self._bad = 0, None
        await self._ask_logbook(cells)
        return reading_of(
            self._pack,
            self._heard_s,
            cells,
            self._lasting,
            self._identity,
            self._logbook,
            self._warnings,
        )

    # -- for the writing side ------------------------------------------------------------------

    async def ask_settings(self) -> Lasting:
        """Ask for the settings now."""
        event = await self._answer(
            _SETTINGS_AND_STREAM, lambda event: isinstance(event, jk_ble.Settings), _GREETING_S
        )
        if not isinstance(event, jk_ble.Settings):
            raise LinkTimeout(self._pack, f"{self._link.address} does not tell its settings")
        self._asked_s = asyncio.get_running_loop().time()
        return self._lasting

    async def ask_device(self) -> jk_ble.DeviceInfo:
        """Ask for the device info now, secrets included; they are kept nowhere."""
        event = await self._answer(
            _DEVICE_INFO, lambda event: isinstance(event, jk_ble.DeviceInfo), _GREETING_S
        )
        if not isinstance(event, jk_ble.DeviceInfo):
            raise LinkTimeout(self._pack, f"{self._link.address} does not say which device it is")
        return event

    async def tell(self, command: bytes) -> None:
        """Send a command and wait for the BMS to say that it was heard; silence is no error."""
        await self._answer(
            command,
            lambda event: (
                isinstance(event, jk_ble.Command) and event.register == jk_ble.Register.READY
            ),
            _TAKEN_S,
        )

    async def _answer(
        self, command: bytes, wanted: Callable[[jk_ble.Event], bool], wait_s: float
    ) -> jk_ble.Event | None:
        """Send a command and return the answer to it, None if it does not come."""
        future: asyncio.Future[jk_ble.Event] = asyncio.get_running_loop().create_future()
        self._expected = wanted, future
        try:
            await self._link.write(command)
            async with asyncio.timeout(wait_s):
                return await future
        except TimeoutError:
            self._link.check()
            return None
        finally:
            self._expected = None

    async def _check_connect_password(self) -> None:
        told = str((await self.ask_device()).values.get("device_passcode", ""))
        try:
            self._connect_password.check(told)
        except CommandRefused as error:
            raise LinkError(self._pack, str(error)) from None

    # -- the stream ----------------------------------------------------------------------------

    async def _ask_logbook(self, cells: jk_ble.Cells) -> None:
        """Ask for the logbook if there is news in it; it comes between two cell frames."""
        if cells.layout is Layout.JK04:
            return
        now_s = asyncio.get_running_loop().time()
        news = cells.info.log_entries != self._log_entries
        every_s = _LOGBOOK_EVERY_S if news else _LOGBOOK_AT_LEAST_EVERY_S
        if now_s - self._logbook_asked_s < every_s:
            return
        self._logbook_asked_s = now_s
        self._log_entries = cells.info.log_entries
        with contextlib.suppress(LinkError):  # the next poll says what is wrong
            await self._link.write(_LOGBOOK)

    async def _miss(self) -> None:
        """Say what was missed, and ask for the stream again if it seems to have stopped."""
        self._link.check()
        self._misses += 1
        if self._misses % _MISSES_TO_REMIND == 0:
            await self._ask()
        # Of bad frames in a row the first is told once: as long as bytes come, it stands for all.
        bytes_came, self._bytes_came = self._bytes_came, False
        if self._bad is not None and bytes_came:
            raise self._bad.error()
        raise LinkTimeout(self._pack, f"{self._link.address} is connected, but silent")

    async def _ask(self) -> None:
        self._asked_s = asyncio.get_running_loop().time()
        await self._link.write(_SETTINGS_AND_STREAM)

    async def _wait_for_device(self) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _GREETING_S
        while self._device is None and (left_s := deadline_s - loop.time()) > 0:
            self._link.check()
            await self._wait(left_s)

    async def _wait(self, for_s: float) -> None:
        """Wait for the next frame, or the end of the connection."""
        self._told.clear()
        try:
            async with asyncio.timeout(for_s):
                await self._told.wait()
        except TimeoutError:
            return

    def _hear(self, data: bytes) -> None:
        self._bytes_came = True
        for event in self._decoder.feed(data):
            if isinstance(event, jk_ble.Cells):
                self._cells, self._heard_s = event, self._clock.now_s()
            elif isinstance(event, jk_ble.Settings):
                self._lasting = lasting_of(event)
            elif isinstance(event, jk_ble.DeviceInfo):
                self._device, self._identity = without_secrets(event), identity_of(event)
                self._warnings = makers_passwords(event)
            elif isinstance(event, jk_ble.Logbook):
                self._logbook = logbook_of(event)
            elif isinstance(event, BadFrame) and event.kind != "header":
                self._bad = event
            if self._expected is not None:
                wanted, future = self._expected
                if wanted(event) and not future.done():
                    future.set_result(event)
            self._told.set()
