"""An emulated JBD board on a pseudo terminal, for demo and tests."""

from collections.abc import Iterable, Iterator

from cellwarden.model import AlarmKind, Parameters, preset
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.codecs.jbd_table import (
    ALARMS,
    BY_NAME,
    ERROR_COUNTERS,
    FUNCTION_BITS,
    REGISTERS,
    SETTINGS,
    SOFTWARE_LOCK,
    Form,
    Value,
    date_count,
)
from cellwarden_hardware.simulator.device import EmulatedDevice, Switchable
from cellwarden_hardware.simulator.obeying import tell
from cellwarden_hardware.simulator.snapshot import PackSnapshot, SnapshotSource

_BIT = {row.alarm.kind: 1 << row.bit for row in ALARMS.rows if row.alarm is not None}
_BIT[AlarmKind.MOS_OVERTEMPERATURE] = _BIT[AlarmKind.DISCHARGE_OVERTEMPERATURE]
_MOST_A = 327.67  # 16 bits of 10 mA
_MOST_AH = 655.35
_REFUSED = 0x80
_FACTORY_KEY, _SAVE = b"\x56\x78", b"\x28\x28"
_ENTER, _LEAVE = 0x00, 0x01
_MADE = "2024-08-26"
_FUNCTIONS = BY_NAME["function_bits"]
_BALANCE_BIT = 1 << FUNCTION_BITS.index("balance")


class EmulatedJbd(EmulatedDevice[jbd.Request]):
    """One board on one pseudo terminal."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        play: Iterable[bytes] = (),
        parameters: Parameters | None = None,
        name: str = "emulated",
        barcode: str = "",
        answer_after_s: float = 0.0,
    ) -> None:
        """Answer from `source`, after the frames to `play`, one for each register 03 asked.

        `parameters` are the board's settings, None for the chemistry's preset; `name` is the
        hardware name. With a `barcode` the board tells it also outside the factory mode.
        """
        super().__init__(play=play, answer_after_s=answer_after_s)
        self.settings = _settings(source.snapshot(), parameters, name, barcode)
        """What is saved: the bytes of each register."""
        self.password = ""
        """Six digits that must be given before the factory mode; empty for a board without."""
        self.refuses: set[str] = set()
        """Registers that are never taken, in silence, by their names."""
        self.gain = 1.0
        """What calibrations made of the current."""
        self.zero_a = 0.0
        self._logged_in = False
        self._unsaved: dict[int, bytes] | None = None  # while in factory mode
        self._source = source
        self._name = name
        self._barcode = barcode
        self._scanner = jbd.decoder()

    def _requests(self, data: bytes) -> Iterator[tuple[jbd.Request, bytes]]:
        for event in self._scanner.feed(data):
            if isinstance(event, jbd.Request):
                if event.write:
                    yield event, jbd.write_request(event.register, event.data)
                else:
                    yield event, jbd.read_request(event.register)

    def _forget(self) -> None:
        self._scanner.reset()
        self._unsaved = None

    def _other_talk(self) -> bytes:
        name = self._name.encode("ascii", "replace")[:31]
        return jbd.read_request(jbd.NAME) + jbd.build_reply(jbd.NAME, name)

    def answer(self, request: jbd.Request) -> bytes | None:
        """Return what the board answers to a request."""
        register = request.register
        if request.write:
            done = self._write(register, request.data)
            return jbd.build_reply(register, status=0 if done else _REFUSED)
        if register == jbd.BASIC:
            self.requests += 1
            if self._play:
                return self._play.pop(0)
        data = self._read(register)
        if data is None:
            return jbd.build_reply(register, status=_REFUSED)
        return jbd.build_reply(register, data)

    def _read(self, register: int) -> bytes | None:
        if register == jbd.BASIC:
            basic = basic_of(self._source.snapshot())
            current = basic.current * self.gain + self.zero_a
            return jbd.build_basic(basic._replace(current=current))
        if register == jbd.CELLS:
            return jbd.build_cells(self._source.snapshot().cell_voltages_v)
        if register == jbd.NAME:
            return self._name.encode("ascii", "replace")[:31]
        if register == jbd.COUNTERS:
            return bytes(2 * len(ERROR_COUNTERS))
        if register == jbd.BARCODE and self._barcode:
            return self.settings[jbd.BARCODE]
        return None if self._unsaved is None else self._unsaved.get(register)

    def _write(self, register: int, data: bytes) -> bool:
        if register == jbd.MOS:
            if len(data) == 2 and isinstance(self._source, Switchable):
                charge, discharge = jbd.mos_of(data)
                self._source.set_switch("charge", charge)
                self._source.set_switch("discharge", discharge)
            return len(data) == 2
        if register == jbd.USE_PASSWORD:
            self._logged_in = data == bytes((6, *map(int, self.password)))
            return self._logged_in
        if register == _ENTER and data == _FACTORY_KEY:
            if self.password and not self._logged_in:
                return False
            self._unsaved = dict(self.settings)
        elif self._unsaved is None:
            return False
        elif register == _LEAVE:
            if data == _SAVE:
                self._save(self._unsaved)
            self._unsaved = None
        else:
            return self._set(self._unsaved, register, data)
        return True

    def _set(self, memory: dict[int, bytes], register: int, data: bytes) -> bool:
        if register not in memory or len(data) != len(memory[register]):
            return False
        row = REGISTERS[register]
        if row.name not in self.refuses:
            memory[register] = data
            self._calibrate(row.name, row.value(data))
        return True

    def _calibrate(self, name: str, value: Value) -> None:
        current_a = self._source.snapshot().current_a
        if name == "calibrate_zero_current":
            self.zero_a = -current_a
        elif name.startswith("calibrate_") and name.endswith("_current") and current_a:
            self.gain = float(value or 0.0) / current_a

    def _save(self, memory: dict[int, bytes]) -> None:
        """Keep what was written, and let the pack's BMS obey it."""
        for number, data in memory.items():
            value = REGISTERS[number].value(data)
            if data != self.settings[number] and isinstance(value, int | float):
                tell(self._source, REGISTERS[number].parameter, float(value))
        bits = int.from_bytes(memory[_FUNCTIONS.number])
        changed = memory[_FUNCTIONS.number] != self.settings[_FUNCTIONS.number]
        if changed and isinstance(self._source, Switchable):
            self._source.set_switch("balance", bool(bits & _BALANCE_BIT))
        self.settings = memory


def basic_of(snapshot: PackSnapshot) -> jbd.Basic:
    """Return what a board would say of a simulated pack; what does not fit stays at its end."""
    locked = not (snapshot.charge_switch_on and snapshot.discharge_switch_on)
    bits = SOFTWARE_LOCK if locked else 0
    for kind in snapshot.protections:
        bits |= _BIT.get(kind, 0)
    capacity_ah = min(snapshot.capacity_ah, _MOST_AH)
    return jbd.Basic(
        voltage=snapshot.voltage_v,
        current=max(-_MOST_A, min(snapshot.current_a, _MOST_A)),
        remaining_capacity=capacity_ah * snapshot.soc_percent / 100,
        nominal_capacity=min(snapshot.design_capacity_ah, _MOST_AH),
        cycle_count=snapshot.cycles,
        production_date_raw=date_count(_MADE),
        balance_mask=int(snapshot.balancing),
        alarms=bits,
        software_version_raw=0x80,
        soc=round(snapshot.soc_percent),
        charge_mos=snapshot.charge_fet_on,
        discharge_mos=snapshot.discharge_fet_on,
        cell_count=len(snapshot.cell_voltages_v),
        temperatures=snapshot.temperatures_c,
    )


def _settings(
    snapshot: PackSnapshot, parameters: Parameters | None, name: str, barcode: str
) -> dict[int, bytes]:
    """Return the bytes of every register."""
    cells = len(snapshot.cell_voltages_v)
    if parameters is None:
        parameters = preset(
            snapshot.chemistry, cell_count=cells, design_capacity_ah=snapshot.design_capacity_ah
        )
    values: dict[str, Value] = {
        row.name: value
        for row in SETTINGS
        if row.parameter and (value := getattr(parameters, row.parameter)) is not None
    }
    values |= {
        "design_capacity": min(parameters.design_capacity_ah, _MOST_AH),
        "charge_ocp": min(parameters.charge_current_max_a, _MOST_A),
        "discharge_ocp": min(parameters.discharge_current_max_a, _MOST_A),
        "pack_ovp": cells * parameters.cell_overvoltage_v,
        "pack_uvp": cells * parameters.cell_undervoltage_v,
        "production_date": _MADE,
        "manufacturer": "JBD",
        "model": name,
        "barcode": barcode,
        "function_bits": _BALANCE_BIT,
    }
    data = {
        number: row.data("") if row.form is Form.TEXT else b"\0\0"
        for number, row in REGISTERS.items()
    }
    return data | {BY_NAME[n].number: BY_NAME[n].data(value) for n, value in values.items()}
