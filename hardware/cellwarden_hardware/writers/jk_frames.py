"""What the writing sides of JK over Bluetooth and Modbus share: settings as frames tell them."""

from collections.abc import Mapping

from cellwarden.model import SettingValue
from cellwarden_hardware.codecs.jk_ble import DeviceInfo
from cellwarden_hardware.codecs.jk_ble_fields import Field, Form
from cellwarden_hardware.jk_reading import Lasting
from cellwarden_hardware.writers.common import Password

MAKERS_CONNECT_PASSWORD = "1234"  # noqa: S105  # printed in the maker's manual (R45)
MAKERS_SETTINGS_PASSWORD = "123456"  # noqa: S105  # likewise

_SIGNED = frozenset("bhi")
_MOST = {"b": 127, "B": 255, "h": 32_767, "H": 65_535, "i": 2**31 - 1, "I": 2**32 - 1}
_FLOAT_STEP = 0.001
"""JK04 keeps float32; its app shows three decimals."""


def held(lasting: Lasting) -> Mapping[str, SettingValue]:
    """Return a device's settings by our names."""
    switches = {
        "charge_switch": lasting.charge_switch_on,
        "discharge_switch": lasting.discharge_switch_on,
        "balance_switch": lasting.balance_switch_on,
        "heating_switch": lasting.heating_switch_on,
    }
    known = {name: on for name, on in switches.items() if on is not None}
    return {**(lasting.parameters or {}), **known}


def resolution(field: Field) -> tuple[float, float | None, float | None]:
    """Return step, smallest and greatest value of a field, in its unit."""
    kind = field.code[-1]
    if kind == "f":
        return _FLOAT_STEP, None, None
    step = 1 / field.per
    low = -_MOST[kind] - 1 if kind in _SIGNED else 0
    return step, low * step, _MOST[kind] * step


def is_switch(field: Field) -> bool:
    """Return whether a field is on or off."""
    return field.form is Form.SWITCH


def makers_passwords(device: DeviceInfo) -> tuple[str, ...]:
    """Return a notice for each password that nobody has changed (R45); needs its secrets."""
    told = (
        ("connection", device.values.get("device_passcode"), MAKERS_CONNECT_PASSWORD),
        ("settings", device.values.get("setup_passcode"), MAKERS_SETTINGS_PASSWORD),
    )
    return tuple(
        f"the {name} password is still the maker's: change it in the maker's app"
        for name, held, makers in told
        if held == makers
    )


def check_password(password: Password, device: DeviceInfo) -> None:
    """Compare a password with the one that a device info with secrets tells, if it tells one."""
    told = str(device.values.get("setup_passcode", ""))
    if told:
        password.check(told)
