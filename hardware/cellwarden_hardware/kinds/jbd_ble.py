"""The driver `jbd-ble`: JBD over Bluetooth."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.config.secrets import one_reference
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late
from cellwarden_hardware.port_options import adapter_option, address_option
from cellwarden_hardware.writers import common


@dataclass(frozen=True, slots=True, kw_only=True)
class JbdBleOptions:
    """The keys of a `[[pack]]` with driver `jbd-ble`."""

    port: str = address_option()
    adapter: str | None = adapter_option()
    module_password_file: str | None = option(
        None, help="file whose first line is the Bluetooth module's password, for modules with one"
    )
    module_password_env: str | None = option(
        None, help="environment variable that holds it, instead of module_password_file"
    )

    settings_password_file: str | None = common.password_file(common.SETTINGS)
    settings_password_env: str | None = common.password_env(common.SETTINGS)

    def __post_init__(self) -> None:
        """Refuse a password that is in two places."""
        one_reference("module_password", self.module_password_file, self.module_password_env)
        one_reference(common.SETTINGS, self.settings_password_file, self.settings_password_env)


DRIVER = DriverKind(
    name="jbd-ble",
    summary="JBD (Xiaoxiang, LLT) BMS over Bluetooth",
    options=JbdBleOptions,
    build=late("jbd_ble", "JbdBle"),
    extra="ble",
)
