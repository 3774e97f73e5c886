"""The settings of the output `can_inverter`."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden_can_inverter import shared_options
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.profiles import PROFILES


def _manufacturer_problem(name: str | None) -> str | None:
    if name is None or (1 <= len(name) <= 8 and all(" " <= c <= "~" for c in name)):
        return None
    return "must be 1 to 8 printable ASCII characters"


def _voltage_step_problem(step_v: float | None) -> str | None:
    return None if step_v in (None, 0.01, 0.1) else "must be 0.01 or 0.1 V"


def _bus_option_problem(entries: tuple[str, ...]) -> str | None:
    bad = [entry for entry in entries if not all(part.strip() for part in _split(entry))]
    return f"must be written KEY=VALUE: {', '.join(bad)}" if bad else None


def _split(entry: str) -> tuple[str, str]:
    key, _, value = entry.partition("=")
    return key, value


@dataclass(frozen=True, slots=True, kw_only=True)
class CanInverterOptions:
    """The keys of an `[[output]]` table with `plugin = "can_inverter"`."""

    interface: str = option("socketcan", help="kind of CAN adapter, as python-can calls it")
    channel: str = option("can0", help="which bus of that kind")
    bitrate: int = option(
        500_000,
        help="bit rate, for adapters that are told; SocketCAN takes it from `ip link`",
        unit="bit/s",
        minimum=10_000,
        maximum=1_000_000,
    )
    bus_options: tuple[str, ...] = option(
        (),
        help="more of python-can's settings for the adapter, each written KEY=VALUE",
        check=_bus_option_problem,
        example=("ttyBaudrate=115200",),
    )
    profile: str | None = option(
        None,
        help="make of the inverter: sets the seven keys below as it wants them; a key that is given"
        " wins",
        choices=tuple(PROFILES),
    )
    dialect: str | None = option(
        None,
        help="what the inverter understands; without profile pylontech_lv",
        choices=tuple(DIALECTS),
    )
    manufacturer: str | None = option(
        None,
        help="battery maker that the inverter is told, and may act on; 1 to 8 ASCII characters;"
        " without profile the one that the dialect is used to",
        check=_manufacturer_problem,
    )
    whole_frames: bool | None = option(
        None, help="every frame has 8 bytes, for inverters that recognise no shorter ones"
    )
    voltage_step_v: float | None = option(
        None,
        help="what one count of the pack voltage in 0x356 means, 0.01 or 0.1 V",
        unit="V",
        check=_voltage_step_problem,
    )
    hold_soc: bool | None = option(
        None, help="tell at most 99 % SoC until charging has ended; without profile false"
    )
    soc_ceiling_percent: float | None = option(
        None, help="never tell a higher SoC; without profile 100", unit="%", minimum=90, maximum=100
    )
    stop_limit_a: float | None = option(
        None,
        help="told for no current, for inverters that take 0 A for no limit; without profile 0",
        unit="A",
        minimum=0,
        maximum=1,
    )
    battery_address: int = option(
        0, help="address in the identifiers of pylontech_hv", minimum=0, maximum=15
    )
    period_s: float = option(
        1.0, help="time from one whole set of frames to the next", unit="s", minimum=0.2, maximum=2
    )
    spacing_s: float = option(
        0.02,
        help="pause between frames, for receivers with small buffers",
        unit="s",
        minimum=0.001,
        maximum=0.1,
    )
    heartbeat_timeout_s: float = option(
        60.0,
        help="no 0x305 for this long: the inverter is reported as not seen; frames go on",
        unit="s",
        minimum=5,
        maximum=3600,
    )
    stale_after_s: float = option(
        10.0,
        help="the controller decided nothing for this long: limits 0 A, internal communication"
        " fail; must be longer than the poll interval",
        unit="s",
        minimum=3,
        maximum=600,
    )
    gone_after_s: float = shared_options.gone_after()
    force_charge_below_percent: float | None = shared_options.force_charge_below()
    force_charge_urgent_below_percent: float | None = shared_options.force_charge_urgent_below()

    def bus_arguments(self) -> dict[str, int | float | str]:
        """Return `bus_options` as python-can takes them: numbers where they are numbers."""
        pairs = (_split(entry) for entry in self.bus_options)
        return {key.strip(): _number_or_text(value.strip()) for key, value in pairs}


def _number_or_text(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
