"""The driver `ble-generic`: whatever aiobmsble reads."""

import sys
from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.config.secrets import one_reference
from cellwarden.hooks import DriverKind
from cellwarden_hardware.kinds.late import late
from cellwarden_hardware.port_options import adapter_option, address_option

SUPPORTED = sys.version_info >= (3, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class BleGenericOptions:
    """The keys of a `[[pack]]` with driver `ble-generic`."""

    port: str = address_option()
    adapter: str | None = adapter_option()
    bms: str | None = option(
        None,
        help="which of aiobmsble's kinds it is, such as `jbd_bms`; default as it advertises itself",
        example="jbd_bms",
    )
    password_file: str | None = option(
        None, help="file whose first line is the BMS's password, for those that want one"
    )
    password_env: str | None = option(
        None, help="environment variable that holds it, instead of password_file"
    )

    def __post_init__(self) -> None:
        """Refuse an old Python, and two references."""
        if not SUPPORTED:
            raise ValueError(
                "ble-generic needs Python 3.12 or newer, for the package aiobmsble; this is"
                f" {sys.version_info.major}.{sys.version_info.minor}: use jk-ble or jbd-ble if the"
                " BMS is one of these, or install Cellwarden under a newer Python"
            )
        one_reference("password", self.password_file, self.password_env)


DRIVER = DriverKind(
    name="ble-generic",
    summary="any BMS that aiobmsble reads over Bluetooth, read-only (Python 3.12 or newer)",
    options=BleGenericOptions,
    build=late("ble_generic", "BleGeneric"),
    extra="ble",
)
