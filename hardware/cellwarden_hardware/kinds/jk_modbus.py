"""The driver `jk-modbus`: JK's PB series over Modbus."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.config.secrets import one_reference
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late
from cellwarden_hardware.port_options import baudrate_option, port_option
from cellwarden_hardware.writers import common

MAX_ADDRESS = 247
"""As in the codec, which is not imported for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JkModbusOptions:
    """The keys of a `[[pack]]` with driver `jk-modbus`."""

    port: str = port_option("; the same for every pack on the bus")
    address: int = option(
        1,
        help="as set by the DIP switches (1 to 15) or in the app; 0, the master, only with"
        " listen_only",
        minimum=0,
        maximum=MAX_ADDRESS,
    )
    baudrate: int = baudrate_option(115_200)
    listen_only: bool = option(
        False,
        help="true where a pack is the master of the bus (address 0): nothing is sent, each pack is"
        " heard about every 4.4 s, so set max_age_s = 15",
    )
    settings_password_file: str | None = common.password_file(common.SETTINGS)
    settings_password_env: str | None = common.password_env(common.SETTINGS)

    def __post_init__(self) -> None:
        one_reference(common.SETTINGS, self.settings_password_file, self.settings_password_env)
        if self.address == 0 and not self.listen_only:
            raise ValueError(
                "address 0 is the master of the bus and answers nobody: set listen_only = true, or"
                " another address on the pack"
            )


DRIVER = DriverKind(
    name="jk-modbus",
    summary="JK BMS of the PB series, RS485 Modbus: many packs on one adapter",
    options=JkModbusOptions,
    build=late("jk_modbus", "JkModbus"),
)
