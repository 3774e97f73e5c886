"""Daly BMS over its serial port (A5 protocol): UART or RS485, 9600 8N1, several boards on a line.

For the boards that speak frames of 13 bytes; the newer D2 boards are known to the codec only.
What can be written are its switches and its clock.
"""

from datetime import datetime

from cellwarden.errors import FrameError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import Identity, Reading
from cellwarden_hardware.asking import Asker
from cellwarden_hardware.codecs import daly
from cellwarden_hardware.codecs import daly_table as table
from cellwarden_hardware.codecs.daly_table import Value
from cellwarden_hardware.kinds.daly import DalyOptions
from cellwarden_hardware.writers.daly import DalyWriter

_OPTIONAL_S = 0.3  # how long to wait for what a board may not know; a good one takes 0.05 s
_SPACING_S = 0.02  # between two packets: what drivers in wide use keep
_FILL = 0xAA
_STATUS_EVERY = 60  # polls; cell count and cycles hardly change
_SURE_A = 1.0  # from here on the sign of the current must fit what the board says it does


class Daly:
    """The driver of one pack."""

    def __init__(self, options: DalyOptions, context: DriverContext) -> None:
        self._pack = context.pack
        self._clock = context.clock
        self._timeout_s = context.timeout_s
        self._board = options.address
        # On the wire a discharge is positive (captures, and the driver in widest use).
        self._sign = 1 if options.invert_current else -1
        self._line = Asker.on_port(
            options.port,
            baudrate=options.baudrate,
            name=context.pack,
            framing=daly.FRAMING,
            spacing_s=_SPACING_S,
        )
        self.writer = DalyWriter(self)
        self._reset()

    def _reset(self) -> None:
        self._polls = 0
        self._first_number: int | None = None
        self._mute: set[int] = set()
        self._known: set[int] = set()
        self._status: dict[str, Value] = {}
        self._identity: Identity | None = None
        self._settings: dict[str, float] = {}

    async def open(self) -> None:
        """Open the port."""
        self._reset()
        await self._line.open()

    async def close(self) -> None:
        """Close the port; boards that share it go on."""
        await self._line.close()

    async def poll(self) -> Reading:
        """Ask for everything that changes, at first also who it is."""
        try:
            return await self._poll()
        except LinkTimeout:
            self._identity, self._polls = None, 0  # another board may answer next
            raise

    async def _poll(self) -> Reading:
        if self._polls % _STATUS_EVERY == 0:
            await self._read_status()
        cells, sensors = int(self._status["cell_count"] or 0), self._sensors
        sums = await self.ask_values(table.SUMS)
        switches = await self.ask_values(table.SWITCHES)
        voltages = await self._series(table.CELLS, cells)
        temperatures = await self._optional(table.TEMPERATURES, sensors) if sensors else []
        balance = await self._optional(table.BALANCE)
        faults = await self._optional(table.FAULTS)
        heard_s = self._clock.now_s()
        if self._identity is None:
            await self._read_identity()
        self._polls += 1
        bits = daly.fault_bits(faults[0].data) if faults else None
        return Reading(
            pack=self._pack,
            heard_s=heard_s,
            cell_voltages_v=voltages.cell_voltages_v(cells),
            voltage_v=_number(sums["voltage"]),
            current_a=self._current_a(sums, switches),
            temperatures_c=(
                self._in_order(temperatures).temperatures_c(sensors) if temperatures else ()
            ),
            soc_percent=_number(sums["soc"]),
            remaining_ah=_number(switches["remaining_capacity"]),
            cycles=int(self._status["cycle_count"] or 0),
            charge_fet_on=bool(switches["charge_mos"]),
            discharge_fet_on=bool(switches["discharge_mos"]),
            charge_switch_on=_switch(bits, fet_on=bool(switches["charge_mos"])),
            discharge_switch_on=_switch(bits, fet_on=bool(switches["discharge_mos"])),
            balancing=daly.balance_mask(balance[0].data) != 0 if balance else None,
            alarms=table.FAULT_WORD.alarms_of(bits or 0),
            alarm_bits=bits,
            notices=table.notices_of(bits or 0),
            settings=self._settings,
            identity=self._identity,
        )

    @property
    def _sensors(self) -> int:
        return int(self._status["temperature_sensor_count"] or 0)

    def _current_a(self, sums: dict[str, Value], switches: dict[str, Value]) -> float | None:
        """Return the current; None if its sign contradicts what the board says it is doing."""
        wire_a = _number(sums["current_wire_sign"])
        current_a = wire_a * self._sign + 0.0  # + 0.0 turns a negative nought into nought
        against = {"charge": current_a < -_SURE_A, "discharge": current_a > _SURE_A}
        return None if against.get(str(switches["mode"])) else current_a

    async def _read_status(self) -> None:
        # A sleeping board needs a request or two before it answers.
        (status,) = await self._ask(table.STATUS, self._timeout_s / 2, tries=2)
        values = daly.values_of(table.STATUS, status.data)
        if not values["cell_count"]:
            raise FrameError("length", "the BMS says that it has no cells")
        self._status = values
        self._settings = {**self._settings, "cell_count": float(int(values["cell_count"] or 0))}

    async def _read_identity(self) -> None:
        rated = await self._optional(table.RATED)
        if rated:
            capacity_ah = _number(daly.values_of(table.RATED, rated[0].data)["rated_capacity"])
            if capacity_ah:
                self._settings = {**self._settings, "design_capacity_ah": capacity_ah}
        code = await self._optional(table.CODE)
        made = await self._optional(table.BATTERY)
        self._identity = Identity(
            manufacturer="Daly",
            serial_number=(daly.series(code).text or None) if code else None,
            production_date=_date(made[0].data) if made else None,
        )

    async def switch(self, command: int, *, on: bool) -> None:
        """Switch one MOSFET; the reply says that it was heard."""
        await self._send(daly.mos_request(command, on=on, board=self._board), command)

    async def set_clock(self, now: datetime, soc_percent: float) -> int:
        """Set clock and SoC, which go together; returns the first byte of the reply."""
        fields = ("year", "month", "day", "hour", "minute", "second")
        values: dict[str, Value] = {name: getattr(now, name) for name in fields}
        request = daly.clock_and_soc_request(values | {"soc": soc_percent}, board=self._board)
        return (await self._send(request, table.SET_CLOCK_AND_SOC)).data[0]

    async def _send(self, request: bytes, command: int) -> daly.Reply:
        """Send a write, which may safely be repeated, and return its reply."""
        (reply,) = await self._line.ask(
            request,
            lambda frame: (
                isinstance(frame, daly.Reply)
                and frame.command == command
                and frame.board == self._board
            ),
            wait_s=self._timeout_s / 2,
            tries=2,
        )
        assert isinstance(reply, daly.Reply)
        return reply

    async def ask_values(self, command: int) -> dict[str, Value]:
        """Ask for one reply and return its values."""
        (reply,) = await self._ask(command, self._timeout_s)
        return daly.values_of(command, reply.data)

    async def _series(self, command: int, cells: int) -> daly.Series:
        count = daly.frame_count(command, cells=cells, sensors=self._sensors)
        return self._in_order(await self._ask(command, self._timeout_s, count=count))

    def _in_order(self, frames: list[daly.Reply]) -> daly.Series:
        series = daly.series(frames, self._first_number)
        self._first_number = series.numbers[0]
        return series

    async def _optional(self, command: int, sensors: int = 0) -> list[daly.Reply]:
        """Return an answer that some boards never give; whoever gave it once owes it."""
        if command in self._mute:
            return []
        count = daly.frame_count(command, cells=0, sensors=sensors)
        wait_s = min(self._timeout_s, _OPTIONAL_S)
        try:
            return await self._ask(command, wait_s, count=count)
        except LinkTimeout:
            if command in self._known:
                raise
            self._mute.add(command)
            return []

    async def _ask(
        self, command: int, wait_s: float, *, count: int = 1, tries: int = 1
    ) -> list[daly.Reply]:
        frames = await self._line.ask(
            daly.request(command, board=self._board, fill=_FILL),
            lambda frame: (
                isinstance(frame, daly.Reply)
                and frame.command == command
                and frame.board == self._board
            ),
            wait_s=wait_s,
            count=count,
            size=table.SEVERAL_FRAMES.get(command, 1) * daly.SIZE,
            tries=tries,
        )
        self._known.add(command)
        return [frame for frame in frames if isinstance(frame, daly.Reply)]


def _switch(faults: int | None, *, fet_on: bool) -> bool | None:
    """Return what its owner wants of a MOS: told by the board only while no fault may hold it."""
    return True if fet_on else None if faults or faults is None else False


def _date(data: bytes) -> str | None:
    date = daly.values_of(table.BATTERY, data)["production_date"]
    return None if date is None else str(date)


def _number(value: Value) -> float:
    assert isinstance(value, int | float)  # by the table
    return value
