"""The settings of an emulated JK board that speaks the frames with header 55 AA EB 90."""

from collections.abc import Mapping

from cellwarden.model import Parameters
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_fields import Field, Form, Value
from cellwarden_hardware.codecs.jk_ble_settings import SETTINGS
from cellwarden_hardware.simulator.device import Switchable
from cellwarden_hardware.simulator.jk_frame_values import settings_values
from cellwarden_hardware.simulator.obeying import takes, tell
from cellwarden_hardware.simulator.snapshot import SnapshotSource

FIELDS: Mapping[str, Field] = {f.name: f for f in SETTINGS[Layout.JK02_32S].fields}
_SWITCHES = {
    "charge_switch": "charge",
    "discharge_switch": "discharge",
    "balance_switch": "balance",
}


class JkSettings:
    """What one board holds, layout with 32 cells; its pack's BMS obeys what is written."""

    def __init__(self, source: SnapshotSource, parameters: Parameters | None, address: int) -> None:
        self.refuses: set[str] = set()
        """Fields that are never taken, by their names."""
        self._source = source
        self._values = settings_values(source.snapshot(), parameters, address)

    def values(self) -> dict[str, Value]:
        """Return the settings as they are now, switches included."""
        snapshot = self._source.snapshot()
        return self._values | {
            "charge_switch": snapshot.charge_switch_on,
            "discharge_switch": snapshot.discharge_switch_on,
            "balance_switch": snapshot.balance_switch_on,
        }

    def write(self, field: Field, value: Value) -> bool:
        """Take a value for one field, or do not; returns whether it was taken."""
        if field.name in self.refuses:
            return False
        if field.form is Form.SWITCH:
            if field.name in _SWITCHES and isinstance(self._source, Switchable):
                self._source.set_switch(_SWITCHES[field.name], value is True)
            return True
        if field.parameter:
            number = float(str(value))
            if not takes(self._parameters(), field.parameter, number):
                return False
            tell(self._source, field.parameter, number)
        self._values[field.name] = value
        return True

    def _parameters(self) -> dict[str, float]:
        return {
            field.parameter: float(value)
            for field in FIELDS.values()
            if field.parameter and isinstance(value := self._values.get(field.name), int | float)
        }
