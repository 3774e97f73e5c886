"""An emulated JK BMS with the vendor's radio, behind an emulated `org.bluez`."""

import asyncio
from collections.abc import Mapping

from cellwarden.model import Parameters
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs.jk_ble import CHARACTERISTIC, SERVICE, FrameType
from cellwarden_hardware.simulator.bluez import Characteristic, Peripheral
from cellwarden_hardware.simulator.jk_ble_board import JkBleBoard
from cellwarden_hardware.simulator.jk_frame_values import device_values, serial_number_of
from cellwarden_hardware.simulator.snapshot import SnapshotSource

ADDRESS = "C8:47:80:00:00:01"

_MANUFACTURER = 0x0B65
_READY = jk_ble.build_command(jk_ble.Register.READY, b"\x01")
_AT = b"AT\r\n"  # the radio module's own words


class EmulatedJkBle(Peripheral):
    """One BMS in range of one adapter. Its faults may be changed at any time."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        frames: Mapping[FrameType, bytes] | None = None,
        parameters: Parameters | None = None,
        name: str = "",
        address: str = ADDRESS,
        period_s: float = 0.2,
        piece: int = 128,
        two_characteristics: bool = False,
    ) -> None:
        """Send what `source` is in the layout with 32 cells, or these captured `frames`.

        Older radio modules have one characteristic to write and another that notifies. `name` is
        what the owner calls it; its serial number follows from it.
        """
        write, notify = ("write-without-response",), ("notify",)
        super().__init__(
            address=address,
            name=name or "JK",
            service=SERVICE,
            characteristics=[
                Characteristic(uuid=CHARACTERISTIC, flags=notify, number=5),
                Characteristic(uuid=CHARACTERISTIC, flags=write, number=3),
            ]
            if two_characteristics
            else [Characteristic(uuid=CHARACTERISTIC, flags=write + notify, number=2)],
            piece=piece,
            manufacturer_ids=[_MANUFACTURER],
        )
        self.board = JkBleBoard(
            source,
            device=device_values(name or "emulated", 1, serial_number_of(name) if name else ""),
            frames=frames,
            parameters=parameters,
        )
        """What is behind the radio."""
        self.logbook = self.board.logbook
        """What it remembers, oldest first."""
        self.commands: list[int] = []
        """The registers of the commands heard."""
        self._period_s = period_s
        self._stream: asyncio.Task[None] | None = None
        self._decoder = jk_ble.Decoder()
        self._told_device = False
        self._counter = 0

    def connect(self) -> None:
        """Be connected."""
        self._decoder = jk_ble.Decoder()
        super().connect()

    def disconnected(self) -> None:
        """End the stream."""
        if self._stream is not None:
            self._stream.cancel()
        self._stream = None
        self._told_device = False

    async def ended(self) -> None:
        """Wait for the end of the stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)

    def written(self, data: bytes) -> None:
        """Take a command."""
        for event in self._decoder.feed(data):
            if not isinstance(event, jk_ble.Command):
                continue
            self.commands.append(event.register)
            if self.says_nothing:
                continue
            if self.asleep:
                self.asleep = False
            elif event.register == jk_ble.Register.DEVICE_INFO:
                self._told_device = True
                self._answer(FrameType.DEVICE_INFO, _READY + _AT)
            elif event.register == jk_ble.Register.SETTINGS_AND_STREAM:
                self._answer(FrameType.SETTINGS)
                # Asked in the other order, some firmware never streams.
                if self._told_device and self._stream is None:
                    self._stream = asyncio.create_task(self._streaming())
            elif event.register == jk_ble.Register.LOGBOOK:
                self._answer(FrameType.LOGBOOK)
            else:
                self.board.take(event)
                # The same answer whether it was taken or not.
                asyncio.get_running_loop().call_later(self.late_s, self.notify, _READY)

    def _answer(self, kind: FrameType, more: bytes = b"") -> None:
        answer = (self.spoilt(self._frame(kind)) + more) * (1 + self.repeated)
        asyncio.get_running_loop().call_later(self.late_s, self.notify, answer)

    async def _streaming(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            if self.rebooting:
                self.drop()
            elif not self.silent:
                self._answer(FrameType.CELL_INFO)

    def _frame(self, kind: FrameType) -> bytes:
        self._counter += 1
        return self.board.frame(kind, self._counter)
