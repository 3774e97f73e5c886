"""Any BMS that the package aiobmsble reads over Bluetooth, some fifty makes; read-only.

Needs Python 3.12 or newer. What the package derives from other values is not taken: only what the
BMS itself says. Tried with aiobmsble 0.31 on an emulated JBD board, not on live ones.
"""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cellwarden.config.secrets import read_secret
from cellwarden.errors import ConfigError, FrameError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import AlarmKind, DeviceAlarm, Identity, Reading, Severity
from cellwarden_hardware.ble import CONNECT_S
from cellwarden_hardware.kinds.ble_generic import BleGenericOptions

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

# ruff: noqa: PLC0415  # an extra, and imported only where this driver is used

_POLL_S = 6.0  # the package asks three times within 5 s


class BleGeneric:
    """The driver of one pack."""

    why_read_only = (
        "aiobmsble only reads: to write, use jk-ble or jbd-ble if the BMS is one of these"
    )

    def __init__(self, options: BleGenericOptions, context: DriverContext) -> None:
        import aiobmsble  # noqa: F401  # the host names the extra if it is missing

        self._pack = context.pack
        self._clock = context.clock
        self._address = options.port.upper()
        self._options = options
        self._bms: Any = None
        self._identity: Identity | None = None
        self._settings: Mapping[str, float] | None = None
        self._faults: tuple[type[Exception], ...] = (OSError, EOFError)
        self._password()  # what is wrong with it is said at the start

    async def open(self) -> None:
        """Find the device, see which kind it is, and connect."""
        await self.close()
        from aiobmsble import BMSConfig
        from bleak.exc import BleakError

        self._faults = (BleakError, OSError, EOFError)
        try:
            secret = self._password() or ""
        except ConfigError as error:
            raise LinkError(self._pack, str(error)) from error
        try:
            device, told = await self._find()
            kind = await self._kind(told)
            self._bms = kind(device, BMSConfig(keep_alive=True, secret=secret))
            async with asyncio.timeout(CONNECT_S):
                await self._bms.__aenter__()  # connected now, or device_info() would hang up
                info = await self._bms.device_info()
        except TimeoutError as error:
            await self.close()
            raise LinkTimeout(self._pack, self._absent()) from error
        except (ValueError, *self._faults) as error:
            await self.close()
            raise LinkError(self._pack, f"{error}; {self._absent()}") from error
        except BaseException:
            await self.close()
            raise
        self._identity = _identity({**kind.INFO, **info})

    async def close(self) -> None:
        """Disconnect; may be called at any time, also twice."""
        bms, self._bms = self._bms, None
        self._settings = None
        if bms is None:
            return
        try:
            async with asyncio.timeout(_POLL_S):
                await bms.disconnect()
        except self._faults:  # TimeoutError is an OSError
            return

    async def poll(self) -> Reading:
        """Ask for everything."""
        bms = self._bms
        if bms is None or not bms.is_connected:
            raise LinkError(self._pack, f"{self._address} is not connected: out of range, or off")
        try:
            async with asyncio.timeout(_POLL_S):
                # Only what the BMS said: derived values would hide that it said nothing.
                sample = await bms.async_update(raw=True)
        except TimeoutError as error:
            self._check(bms)
            raise LinkTimeout(
                self._pack, f"no answer from {self._address} within {_POLL_S:g} s"
            ) from error
        except self._faults as error:
            raise LinkError(self._pack, f"{self._address}: {error}") from error
        except (ValueError, LookupError, TypeError) as error:  # what its decoders raise
            raise FrameError(
                "length", f"{self._pack}: the answer makes no sense ({error})"
            ) from error
        return self._reading(sample, self._clock.now_s())

    def _check(self, bms: Any) -> None:
        if not bms.is_connected:
            raise LinkError(self._pack, f"{self._address} has gone: out of range, or off")

    async def _find(self) -> "tuple[BLEDevice, AdvertisementData]":
        from bleak import BleakScanner

        adapter = self._options.adapter
        scanner = BleakScanner(bluez={"adapter": adapter} if adapter else {})
        async with asyncio.timeout(CONNECT_S), scanner:
            async for device, told in scanner.advertisement_data():
                if device.address.upper() == self._address:
                    return device, told
        raise LinkTimeout(self._pack, self._absent())  # pragma: no cover  # it goes on for ever

    async def _kind(self, told: "AdvertisementData") -> Any:
        from aiobmsble.utils import bms_cls, bms_identify

        name = self._options.bms
        kind = await (bms_cls(name) if name else bms_identify(told, self._address))
        if kind is None:
            what = f"aiobmsble has no {name!r}" if name else "aiobmsble does not know this device"
            raise LinkError(
                self._pack, f"{what}: give its kind as `bms`, such as jbd_bms or daly_bms"
            )
        return kind

    def _password(self) -> str | None:
        return read_secret("password", self._options.password_file, self._options.password_env)

    def _absent(self) -> str:
        return (
            f"cannot connect to {self._address}: is it in range, and its maker's app closed (most"
            " allow one connection only)?"
        )

    def _reading(self, sample: Mapping[str, Any], heard_s: float) -> Reading:
        sensors, mos_c = _temperatures(sample.get("temp_values", ()))
        if self._settings is None:
            self._settings = _settings(sample)
        code = sample.get("problem_code")
        return Reading(
            pack=self._pack,
            heard_s=heard_s,
            cell_voltages_v=tuple(sample.get("cell_voltages", ())),
            voltage_v=sample.get("voltage"),
            current_a=sample.get("current"),
            temperatures_c=sensors,
            mos_temperature_c=mos_c,
            soc_percent=sample.get("battery_level"),
            soh_percent=sample.get("battery_health"),
            remaining_ah=sample.get("cycle_charge"),
            cycles=sample.get("cycles"),
            cycle_charge_ah=sample.get("total_charge"),
            charge_fet_on=sample.get("chrg_mosfet"),
            discharge_fet_on=sample.get("dischrg_mosfet"),
            balancing=_bool(sample.get("balancer")),
            heating=_bool(sample.get("heater")),
            balance_current_a=sample.get("balance_current"),
            alarms=_alarms(code or 0, problem=bool(sample.get("problem"))),
            alarm_bits=code,
            settings=self._settings,
            identity=self._identity,
        )


def _identity(info: Mapping[str, str]) -> Identity:
    return Identity(
        manufacturer=info.get("manufacturer"),
        model=info.get("model_id") or info.get("model"),
        serial_number=info.get("serial_number"),
        hardware_version=info.get("hw_version"),
        firmware_version=info.get("sw_version") or info.get("fw_version"),
        name=info.get("name"),
    )


def _settings(sample: Mapping[str, Any]) -> dict[str, float]:
    cells = sample.get("cell_count") or len(sample.get("cell_voltages", ()))
    told = {"cell_count": cells, "design_capacity_ah": sample.get("design_capacity")}
    return {name: float(value) for name, value in told.items() if value}


def _temperatures(values: Any) -> tuple[tuple[float, ...], float | None]:
    """Return the battery's sensors in order, and that of the MOSFETs."""
    sensors, mos_c = [], None
    for value in values:
        kind = getattr(getattr(value, "type", None), "name", "GENERIC")
        if kind == "MOSFET":
            mos_c = float(value)
        elif kind in ("GENERIC", "CELL", "CELL_MAX", "CELL_MIN"):
            sensors.append(float(value))
    return tuple(sensors), mos_c


def _bool(value: object) -> bool | None:
    return None if value is None else bool(value)


@lru_cache(maxsize=64)
def _alarms(code: int, *, problem: bool) -> tuple[DeviceAlarm, ...]:
    """Return the one alarm there is: what a code means differs from BMS to BMS."""
    if not code and not problem:
        return ()
    text = f"problem code {code:X}" if code else "a problem"
    return (DeviceAlarm(kind=AlarmKind.BMS_INTERNAL, severity=Severity.WARNING, text=text),)
