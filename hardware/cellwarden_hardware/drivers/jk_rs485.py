"""JK BMS over its "4E 57" serial protocol: UART (GPS socket) or the JK RS485 adapter, 115200 8N1.

For boards with UART protocol number 0 ("4G-GPS remote module V4.2"); captures of hardware H6, 10
and 11 decode. A board that is set to Modbus stays silent here. Reading sends requests only, and the
wake-up (command 01) to a BMS that did not answer.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cellwarden.errors import LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.links.serial import SerialLink
from cellwarden.model import Identity, Reading
from cellwarden_hardware.codecs import jk_4e57
from cellwarden_hardware.codecs.jk_4e57_table import ALARMS, SETTINGS, Value
from cellwarden_hardware.codecs.scanner import BadFrame
from cellwarden_hardware.codecs.text import made_on
from cellwarden_hardware.kinds.jk_rs485 import JkRs485Options
from cellwarden_hardware.writers import common
from cellwarden_hardware.writers.jk_4e57 import MAKERS_PASSWORD, Jk4e57Writer

# On a wire a frame has no gaps of its own (50..150 ms is the usual rule); a gateway on a radio
# network may pause in the middle of one.
_SILENCE_S = 0.15
_GATEWAY_SILENCE_S = 0.5
_SPACING_S = 0.1  # between two packets: the vendor's rule
_BEFORE_WRITE_S = 0.15  # from the password frame to the write: what the known client waits
_ACKNOWLEDGE_S = 0.3  # a board takes 0.02..0.1 s; one that does not acknowledge is read back anyway

_CHARGE_FET, _DISCHARGE_FET, _BALANCING = 1, 2, 4  # bits of 8C; bit 3 is 0 on healthy packs
_NOT_SET = "Input Us"  # what the vendor's app leaves in the names nobody changed


class JkRs485:
    """The driver of one pack."""

    def __init__(self, options: JkRs485Options, context: DriverContext) -> None:
        self._pack = context.pack
        self._clock = context.clock
        self._timeout_s = context.timeout_s
        self._sign = -1 if options.invert_current else 1
        self._link = SerialLink(options.port, baudrate=options.baudrate, name=context.pack)
        self._silence_s = _GATEWAY_SILENCE_S if "://" in options.port else _SILENCE_S
        self._decoder = jk_4e57.Decoder()
        self._read_all = jk_4e57.read_all_request()
        self._asleep = False
        self._usual_size = 0  # bytes from the question to the end of the last answer, echo included
        self._lasting: _Lasting | None = None
        self.writer = Jk4e57Writer(
            self,
            common.Password(
                which=common.SETTINGS,
                file=options.settings_password_file,
                env=options.settings_password_env,
                default=MAKERS_PASSWORD,
            ),
        )

    async def open(self) -> None:
        """Open the port."""
        self._asleep = False
        await self._link.open()

    async def close(self) -> None:
        """Close the port and forget half a frame."""
        self._decoder.reset()
        await self._link.close()

    async def poll(self) -> Reading:
        """Ask for everything and return it; a BMS that did not answer last time is woken first."""
        if self._asleep:
            await self._link.write(jk_4e57.activate_request())
            await asyncio.sleep(_SPACING_S)
        try:
            reply = await self.ask()
        except LinkTimeout:
            self._asleep = True
            raise
        self._asleep = False
        return self._reading(reply, self._clock.now_s())

    async def ask(self) -> jk_4e57.Reply:
        """Ask for everything and return the full set."""
        self._decoder.reset()
        self._link.discard()
        await self._link.write(self._read_all)
        return await self._answer()

    async def ask_secret(self) -> str | None:
        """Ask for everything, and return the parameter password in it; None if there is none."""
        plain, self._decoder = self._decoder, jk_4e57.Decoder(secrets=True)
        try:
            secret = (await self.ask()).settings.get("parameter_password")
        finally:
            self._decoder = plain
        return None if secret is None else str(secret)

    async def tell(self, *frames: bytes) -> None:
        """Send frames one after the other, and wait for the short answer to the last.

        That there is none is no error: only what is read back proves a write.
        """
        for frame in frames[:-1]:
            await self._link.write(frame)
            await asyncio.sleep(_BEFORE_WRITE_S)
        self._link.discard()
        await self._link.write(frames[-1])
        await self._hear(_ACKNOWLEDGE_S, jk_4e57.MIN_FRAME + 1)
        await asyncio.sleep(_SPACING_S)

    async def _answer(self) -> jk_4e57.Reply:
        """Return the first full set; echoes, requests and noise in front of it are skipped."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self._timeout_s
        bad: BadFrame | None = None
        heard = 0
        while (left_s := deadline_s - loop.time()) > 0:
            # Once bytes have come, silence says more than the time that is left.
            begun = bad is not None or self._decoder.unfinished
            at_least = max(self._decoder.missing, self._usual_size - heard)
            data = await self._hear(min(left_s, self._silence_s) if begun else left_s, at_least)
            heard += len(data)
            events = self._decoder.feed(data)
            if len(data) < at_least:  # the line fell silent
                events += self._decoder.reset()
            for event in events:
                if isinstance(event, jk_4e57.Reply):
                    if event.source == jk_4e57.Source.BMS and event.measured.cell_voltages_v:
                        self._usual_size = heard
                        return event
                elif isinstance(event, BadFrame) and event.kind != "header":
                    bad = bad or event
            if not data:
                break
        if bad:
            raise bad.error()
        raise LinkTimeout(self._pack, f"no answer on {self._link.url} in {self._timeout_s:g} s")

    async def _hear(self, wait_s: float, at_least: int) -> bytes:
        try:
            return await self._link.read(wait_s, at_least=at_least, silence_s=self._silence_s)
        except LinkTimeout:
            return b""

    def _reading(self, reply: jk_4e57.Reply, heard_s: float) -> Reading:
        m = reply.measured
        lasting = self._lasting = _lasting(reply.settings, self._lasting)
        status = m.status_bits
        return Reading(
            pack=self._pack,
            heard_s=heard_s,
            cell_voltages_v=m.cell_voltages_v or (),
            voltage_v=m.voltage_v,
            # + 0.0 turns a negative nought into nought
            current_a=None if m.current_a is None else m.current_a * self._sign + 0.0,
            # A sensor beyond the count the board reports is not there.
            temperatures_c=(m.temperature_1_c, m.temperature_2_c)[: m.temperature_sensor_count],
            mos_temperature_c=m.mos_temperature_c,
            soc_percent=m.soc_percent,
            capacity_ah=lasting.capacity_ah,
            cycles=m.cycle_count,
            cycle_charge_ah=m.cycle_charge_ah,
            runtime_s=_number(reply.settings.get("runtime")),
            charge_fet_on=None if status is None else status & _CHARGE_FET != 0,
            discharge_fet_on=None if status is None else status & _DISCHARGE_FET != 0,
            balancing=None if status is None else status & _BALANCING != 0,
            charge_switch_on=lasting.charge_switch_on,
            discharge_switch_on=lasting.discharge_switch_on,
            balance_switch_on=lasting.balance_switch_on,
            alarms=ALARMS.alarms_of(m.alarm_bits or 0),
            alarm_bits=m.alarm_bits,
            notices=ALARMS.notices_of(m.alarm_bits or 0),
            settings=lasting.parameters,
            identity=lasting.identity,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lasting:
    """What is made of settings, the runtime left out; as long as they last, so does this."""

    source: Mapping[str, Value]
    parameters: Mapping[str, float]
    identity: Identity
    capacity_ah: float | None
    charge_switch_on: bool | None
    discharge_switch_on: bool | None
    balance_switch_on: bool | None


def _lasting(settings: Mapping[str, Value], before: _Lasting | None) -> _Lasting:
    """Return what is made of settings; what it was before, where only the board's clock went on."""
    if before is not None:
        if settings is before.source:
            return before
        if {**settings, "runtime": None} == {**before.source, "runtime": None}:
            return replace(before, source=settings)
    parameters = {
        row.parameter: float(settings[row.name])
        for row in SETTINGS
        if row.parameter and row.name in settings
    }
    return _Lasting(
        source=settings,
        parameters=parameters,
        identity=identity_of(settings),
        # 0 until the BMS has learned it
        capacity_ah=_number(settings.get("actual_capacity")) or None,
        charge_switch_on=_switch(settings.get("charge_switch")),
        discharge_switch_on=_switch(settings.get("discharge_switch")),
        balance_switch_on=_switch(settings.get("balance_switch")),
    )


def identity_of(settings: Mapping[str, Value]) -> Identity:
    """Return who answered.

    BA is the owner's name and the model on newer boards (`Armins__BMS JK_B2A20S20P`); older ones
    keep a number there that differs from board to board, taken as the serial number. The version
    joins hardware and software: `11.XW_S11.26___`.
    """
    maker = str(settings.get("manufacturer_id", ""))
    version = str(settings.get("software_version", "")).strip("_")
    named = re.fullmatch(r"(.*?)JK[-_](\w+)", maker)
    hardware, _, software = version.rpartition("_S")
    name = (named[1] if named else str(settings.get("device_id", ""))).strip(" _")
    return Identity(
        manufacturer="JK",
        model=f"JK-{named[2]}" if named else None,
        serial_number=None if named else maker or None,
        hardware_version=hardware.strip("_") or None,
        firmware_version=software or None,
        name=None if name.startswith(_NOT_SET) else name or None,
        production_date=made_on(str(settings.get("manufacturing_date", ""))),
    )


def _number(value: Value | None) -> float | None:
    return None if value is None else float(value)


def _switch(value: Value | None) -> bool | None:
    return None if value is None else bool(value)
