"""The driver `jbd`: JBD on a serial port."""

from dataclasses import dataclass

from cellwarden.config.secrets import one_reference
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late
from cellwarden_hardware.port_options import baudrate_option, port_option
from cellwarden_hardware.writers import common


@dataclass(frozen=True, slots=True, kw_only=True)
class JbdOptions:
    """The keys of a `[[pack]]` with driver `jbd`."""

    port: str = port_option()
    baudrate: int = baudrate_option(9_600)
    settings_password_file: str | None = common.password_file(common.SETTINGS)
    settings_password_env: str | None = common.password_env(common.SETTINGS)

    def __post_init__(self) -> None:
        """Refuse a password that is in two places."""
        one_reference(common.SETTINGS, self.settings_password_file, self.settings_password_env)


DRIVER = DriverKind(
    name="jbd",
    summary="JBD (Xiaoxiang, LLT) BMS on a serial port",
    options=JbdOptions,
    build=late("jbd", "build"),
)
