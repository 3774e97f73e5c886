"""The driver `jk-rs485`: JK over the serial protocol 4E 57."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.config.secrets import one_reference
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late
from cellwarden_hardware.port_options import baudrate_option, port_option
from cellwarden_hardware.writers import common


@dataclass(frozen=True, slots=True, kw_only=True)
class JkRs485Options:
    """The keys of a `[[pack]]` with driver `jk-rs485`."""

    port: str = port_option()
    baudrate: int = baudrate_option(115_200)
    invert_current: bool = option(
        False, help="true for the single boards that show charging as discharging"
    )
    settings_password_file: str | None = common.password_file(common.SETTINGS)
    settings_password_env: str | None = common.password_env(common.SETTINGS)

    def __post_init__(self) -> None:
        """Refuse a password that is in two places."""
        one_reference(common.SETTINGS, self.settings_password_file, self.settings_password_env)


DRIVER = DriverKind(
    name="jk-rs485",
    summary='JK BMS, serial protocol "4E 57" (UART/GPS socket or RS485 adapter)',
    options=JkRs485Options,
    build=late("jk_rs485", "JkRs485"),
)
