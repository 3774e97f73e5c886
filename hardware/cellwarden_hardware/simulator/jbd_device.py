"""An emulated JBD board on a pseudo terminal, for demo and tests."""

from collections.abc import Iterable, Iterator

from cellwarden.model import AlarmKind, Parameters, preset
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.codecs.jbd_table import (
    ALARMS,
    BY_NAME,
    ERROR_COUNTERS,
    REGISTERS,
    SETTINGS,
    SOFTWARE_LOCK,
    Form,
    Value,
    date_count,
)
from cellwarden_hardware.simulator.device import EmulatedDevice, Switchable
from cellwarden_hardware.simulator.snapshot import PackSnapshot, SnapshotSource

_BIT = {row.alarm.kind: 1 << row.bit for row in ALARMS.rows if row.alarm is not None}
_BIT[AlarmKind.MOS_OVERTEMPERATURE] = _BIT[AlarmKind.DISCHARGE_OVERTEMPERATURE]
_MOST_A = 327.67  # 16 bits of 10 mA
_MOST_AH = 655.35
_REFUSED = 0x80
_FACTORY_KEY, _SAVE = b"\x56\x78", b"\x28\x28"
_ENTER, _LEAVE = 0x00, 0x01
_MADE = "2024-08-26"


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
            return jbd.build_basic(basic_of(self._source.snapshot()))
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
        if register == _ENTER and data == _FACTORY_KEY:
            self._unsaved = dict(self.settings)
        elif self._unsaved is None:
            return False
        elif register == _LEAVE:
            if data == _SAVE:
                self.settings = self._unsaved
            self._unsaved = None
        elif register in self._unsaved and len(data) == len(self._unsaved[register]):
            self._unsaved[register] = data
        else:
            return False
        return True


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
    }
    data = {
        number: row.data("") if row.form is Form.TEXT else b"\0\0"
        for number, row in REGISTERS.items()
    }
    return data | {BY_NAME[n].number: BY_NAME[n].data(value) for n, value in values.items()}
