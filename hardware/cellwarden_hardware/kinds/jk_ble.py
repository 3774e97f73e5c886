"""The driver `jk-ble`: JK over Bluetooth."""

from dataclasses import dataclass

from cellwarden.config.secrets import one_reference
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late
from cellwarden_hardware.port_options import adapter_option, address_option
from cellwarden_hardware.writers import common


@dataclass(frozen=True, slots=True, kw_only=True)
class JkBleOptions:
    """The keys of a `[[pack]]` with driver `jk-ble`."""

    port: str = address_option()
    adapter: str | None = adapter_option()
    connect_password_file: str | None = common.password_file(common.CONNECT)
    connect_password_env: str | None = common.password_env(common.CONNECT)
    settings_password_file: str | None = common.password_file(common.SETTINGS)
    settings_password_env: str | None = common.password_env(common.SETTINGS)

    def __post_init__(self) -> None:
        """Refuse a password that is in two places."""
        one_reference(common.CONNECT, self.connect_password_file, self.connect_password_env)
        one_reference(common.SETTINGS, self.settings_password_file, self.settings_password_env)


DRIVER = DriverKind(
    name="jk-ble",
    summary="JK BMS over Bluetooth (all three layouts)",
    options=JkBleOptions,
    build=late("jk_ble", "JkBle"),
    extra="ble",
)
