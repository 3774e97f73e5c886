"""JBD (Xiaoxiang, LLT) BMS over its serial port: UART or RS485 adapter, 9600 8N1.

Boards of the vendor's protocol V4; captures of several 4-cell boards and the vendor's examples
decode. Reading writes nothing: what stands in the settings memory needs the factory mode, which is
a write, so only the gate reads it.
"""

from cellwarden.errors import FrameError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import Identity, Reading
from cellwarden_hardware.asking import Asker
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.codecs.jbd_table import ALARMS, BY_NAME, date_text
from cellwarden_hardware.kinds.jbd import JbdOptions
from cellwarden_hardware.writers import common
from cellwarden_hardware.writers.jbd import JbdWriter

_OPTIONAL_S = 0.3  # how long to wait for what a board need not know; a good one takes 0.05 s


class Jbd:
    """The driver of one pack."""

    def __init__(
        self,
        line: Asker[jbd.Frame],
        context: DriverContext,
        *,
        password: common.Password = common.NO_PASSWORD,
        optional_s: float = _OPTIONAL_S,
    ) -> None:
        """Ask on a line; wait `optional_s` for what a board need not know.

        `password` is the board's own, for writes.
        """
        self._pack = context.pack
        self._clock = context.clock
        self._timeout_s = context.timeout_s
        self._optional_s = optional_s
        self._line = line
        self._names: tuple[str | None, str | None] | None = None
        self._identity: Identity | None = None
        self._settings: dict[str, float] = {}
        self.writer = JbdWriter(self, password)

    async def open(self) -> None:
        """Open the port."""
        self._names = None
        await self._line.open()

    async def close(self) -> None:
        """Close the port."""
        await self._line.close()

    async def poll(self) -> Reading:
        """Ask for basic information and cells; after a pause the first question only wakes."""
        try:
            basic = await self.ask_basic()
            cells = jbd.decode_cells(await self._ask(jbd.CELLS, self._timeout_s))
        except LinkTimeout:
            self._names = None  # another board may answer next
            raise
        heard_s = self._clock.now_s()
        if self._names is None:
            self._names = await self._model(), await self._barcode()
            self._identity = None
        return self._reading(basic, cells, heard_s)

    async def ask_basic(self) -> jbd.Basic:
        """Ask for register 03."""
        return jbd.decode_basic(await self._ask(jbd.BASIC, self._timeout_s / 2, tries=2))

    async def ask_register(self, register: int) -> bytes:
        """Ask for a register of the settings memory; in factory mode only."""
        return await self._ask(register, self._timeout_s / 2, tries=2)

    async def tell(self, request: bytes, register: int) -> None:
        """Send a write and wait for its reply; each may safely be repeated."""
        await self._line.ask(
            request,
            lambda frame: isinstance(frame, jbd.Reply) and frame.register == register,
            wait_s=self._timeout_s / 2,
            tries=2,
        )

    async def _ask(self, register: int, wait_s: float, *, tries: int = 1) -> bytes:
        (reply,) = await self._line.ask(
            jbd.read_request(register),
            # The sum does not cover the register.
            lambda frame: isinstance(frame, jbd.Reply) and frame.register == register,
            wait_s=wait_s,
            tries=tries,
        )
        assert isinstance(reply, jbd.Reply)
        return reply.data

    async def _model(self) -> str | None:
        try:
            return jbd.decode_name(await self._ask(jbd.NAME, self._optional_s)) or None
        except (LinkTimeout, FrameError):
            return None

    async def _barcode(self) -> str | None:
        """Return the barcode of boards that tell it outside the factory mode."""
        try:
            data = await self._ask(jbd.BARCODE, self._optional_s)
            return str(BY_NAME["barcode"].value(data)) or None
        except (LinkTimeout, ValueError):  # a FrameError is a ValueError
            return None

    def _reading(self, basic: jbd.Basic, cells: tuple[float, ...], heard_s: float) -> Reading:
        self._note_lasting(basic)
        return Reading(
            pack=self._pack,
            heard_s=heard_s,
            cell_voltages_v=cells,
            voltage_v=basic.voltage,
            current_a=basic.current,
            temperatures_c=basic.temperatures,
            soc_percent=basic.soc,
            remaining_ah=basic.remaining_capacity,
            cycles=basic.cycle_count,
            charge_fet_on=basic.charge_mos,
            discharge_fet_on=basic.discharge_mos,
            balancing=basic.balance_mask != 0,
            charge_switch_on=jbd.switch_of(basic, fet_on=basic.charge_mos),
            discharge_switch_on=jbd.switch_of(basic, fet_on=basic.discharge_mos),
            alarms=ALARMS.alarms_of(basic.alarms),
            alarm_bits=basic.alarms,
            notices=ALARMS.notices_of(basic.alarms),
            settings=self._settings,
            identity=self._identity,
        )

    def _note_lasting(self, basic: jbd.Basic) -> None:
        """Make anew what lasts from poll to poll, but only where it changed."""
        if self._identity is None and self._names is not None:
            model, barcode = self._names
            self._identity = Identity(
                manufacturer="JBD",
                model=model,
                serial_number=barcode,
                firmware_version=basic.software_version,
                production_date=date_text(basic.production_date_raw),
            )
        count, capacity_ah = basic.cell_count, basic.nominal_capacity
        if self._settings.get("cell_count") != count or (
            self._settings.get("design_capacity_ah") != capacity_ah
        ):
            self._settings = {"cell_count": count, "design_capacity_ah": capacity_ah}


def settings_password(file: str | None, env: str | None) -> common.Password:
    """Return where the board's own password is to be found."""
    return common.Password(which=common.SETTINGS, file=file, env=env)


def build(options: JbdOptions, context: DriverContext) -> Jbd:
    """Return the driver on a serial port."""
    line = Asker.on_port(
        options.port, baudrate=options.baudrate, name=context.pack, framing=jbd.FRAMING
    )
    password = settings_password(options.settings_password_file, options.settings_password_env)
    return Jbd(line, context, password=password)
