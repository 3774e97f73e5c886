"""The settings of the controller itself, one frozen dataclass for each table of the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cellwarden.config.options import option, short_name
from cellwarden.engine.heater_rules import HeaterSettings
from cellwarden.hooks import DriverKind, OutputKind, RelayKind
from cellwarden.model import BmsSoc, Chemistry, HardwareModel, Parameters
from cellwarden.model.catalog import Curve

RESERVED = ("engine", "params")
"""What the gate calls those who ask that are no output."""


def _output_name(name: str) -> str | None:
    if name in RESERVED:
        return f"{' and '.join(RESERVED)} are names of the controller itself"
    return short_name(name)


def _title(name: str) -> str | None:
    if 0 < len(name) <= 32 and name.isprintable() and not name.isspace():
        return None
    return "a name has 1 to 32 printable characters"


def _folder(path: str) -> str | None:
    if path.startswith("/") and "\0" not in path:
        return None
    return "write the whole path, from / on"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerOptions:
    """The table `[controller]`."""

    name: str = option("Battery", help="what outputs call this bank", check=_title)
    mode: str = option(
        "monitor",
        help="monitor: nothing is ever written to a BMS; control: the engine may switch and set",
        choices=("monitor", "control"),
    )
    poll_interval_s: float = option(
        1.0, help="time from one poll of a pack to the next", unit="s", minimum=0.1, maximum=60
    )
    max_age_s: float | None = option(
        None,
        help="a reading older than this is no reading; default three polls, at least 3 s and, where"
        " two polls are shorter, at most 10 s",
        unit="s",
        minimum=1,
        maximum=600,
    )
    gone_after_s: float = option(
        60.0,
        help="all packs silent for this long: outputs leave the ecosystem as a lost BMS would",
        unit="s",
        minimum=5,
        maximum=3600,
    )
    on_pack_lost: str = option(
        "exclude",
        help="exclude: the other packs carry on with their limits; hold: keep the last limits for"
        " hold_s, then exclude; trip: stop the whole bank",
        choices=("exclude", "hold", "trip"),
    )
    hold_s: float = option(10.0, help="for on_pack_lost = hold", unit="s", minimum=1, maximum=300)
    watchdog_s: float = option(
        15.0,
        help="no cycle comes to its end for this long: the process ends itself, and whoever started"
        " it starts it again; at least three poll intervals",
        unit="s",
        minimum=2,
        maximum=600,
    )
    state_dir: str | None = option(
        None,
        help="folder for what must survive a restart; default by user and system",
        check=_folder,
    )
    runtime_dir: str | None = option(
        None,
        help="folder for the status socket, in memory if possible; default by user and system",
        check=_folder,
    )
    recorder_hours: float = option(
        3.0,
        help="how far back the recorder keeps everything at full rate; 0 switches it off",
        unit="h",
        minimum=0,
        maximum=168,
    )
    recorder_megabytes: float = option(
        16.0,
        help="most that its files may take; by default they lie in memory",
        unit="MB",
        minimum=1,
        maximum=1000,
    )
    recorder_dir: str | None = option(
        None,
        help="folder for its files instead of runtime_dir; flash wears out by constant writing",
        check=_folder,
    )

    @property
    def effective_watchdog_s(self) -> float:
        """`watchdog_s`, or three polls where that is longer."""
        return max(self.watchdog_s, 3 * self.poll_interval_s)

    @property
    def effective_max_age_s(self) -> float:
        """`max_age_s`, or its default from the poll interval."""
        if self.max_age_s is not None:
            return self.max_age_s
        return min(max(3.0, 3 * self.poll_interval_s), max(10.0, 2 * self.poll_interval_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class BankOptions:
    """The table `[bank]`."""

    shape: str = option(
        "parallel",
        help="how the packs are wired; in series one current flows through all of them and the"
        " weakest decides",
        choices=("parallel", "series"),
    )
    join_window_v: float | None = option(
        None,
        help="a pack further than this from the bank's voltage is not counted on, and is kept open"
        " if it is; default 1 % of the nominal voltage",
        unit="V",
        minimum=0.05,
        maximum=10,
    )
    full_when: str = option(
        "all",
        help="all: the bank is full when every pack is; any: the first full pack ends the charge",
        choices=("all", "any"),
    )
    float_voltage_v: float | None = option(
        None,
        help="what the full bank is held at; default by chemistry: 3.375 V a cell for LiFePO4, 4.07"
        " for Li-ion, 2.50 for LTO",
        unit="V",
        minimum=2,
        maximum=1000,
    )
    absorption_max_h: float = option(
        2.0,
        help="charging stays at the top no longer than this, whoever is not full; twice as long"
        " for a full charge that is due or was asked for",
        unit="h",
        minimum=0.1,
        maximum=24,
    )
    full_charge_days: float = option(
        14.0,
        help="a full charge, in which the packs also balance, is due after this long without one,"
        " whatever the target; 0: never",
        unit="d",
        minimum=0,
        maximum=365,
    )
    full_charge_sigma_percent: float = option(
        10.0,
        help="a full charge is also due when the SoC has become less certain than this",
        unit="%",
        minimum=2,
        maximum=100,
    )
    target_soc_percent: float | None = option(
        None,
        help="charging ends here, except when a full charge is due; an order takes its place",
        unit="%",
        minimum=20,
        maximum=100,
    )
    reserve_soc_percent: tuple[float, ...] = option(
        (),
        help="discharging ends here: one number, or twelve, from January to December; an order"
        " takes its place",
        unit="%",
        minimum=0,
        maximum=90,
    )
    cable_resistance_ohm: float = option(
        0.0,
        help="of the cables between bank and charger, both ways: the charge voltage is raised by"
        " what they drop, at most 1 %",
        unit="ohm",
        minimum=0,
        maximum=0.1,
    )

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if len(self.reserve_soc_percent) not in {0, 1, 12}:
            raise ValueError("reserve_soc_percent must hold one number, or twelve")
        target = self.target_soc_percent
        if target is not None and any(r >= target for r in self.reserve_soc_percent):
            raise ValueError("reserve_soc_percent must stay below target_soc_percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """The common keys of an `[[output]]` table; the output's own keys stand beside them."""

    plugin: str = option(help="which output", example="can_inverter")
    name: str | None = option(
        None, help="name in logs and status; default the plugin's name", check=_output_name
    )
    may_ask: str = option(
        "switches",
        help="what it may ask the gate for: nothing; orders (limits and modes of the bank, kept by"
        " the controller); switches (also those of a BMS); settings (also all else that a BMS"
        " keeps). Each includes those before",
        choices=("nothing", "orders", "switches", "settings"),
    )
    enabled: bool = option(True, help="false keeps the table but leaves the output out")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """The common keys of a `[[relay]]` table; the kind's own keys stand beside them."""

    name: str = option(
        help="short name, by which relay in a [pack.heating] takes it",
        check=short_name,
        example="heater",
    )
    kind: str = option(help="what switches it", example="gpio")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """One relay, checked and ready to be built."""

    name: str
    kind: RelayKind
    options: Any
    """An instance of `kind.options`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSettings:
    """One pack, checked and ready to be built."""

    name: str
    chemistry: str
    parameters: Parameters
    driver: DriverKind
    driver_options: Any
    """An instance of `driver.options`."""
    serial_number: str | None = None
    """The only one whose readings are taken; None for any."""
    ocv_v: Curve | None = None
    """(SoC in %, relaxed V) of its very cells; None: only the chemistry's typical curve."""
    cell: Chemistry | None = None
    """By a data sheet; None: typical for the chemistry."""
    board: HardwareModel | None = None
    """The BMS's board, if the file names it."""
    bms_soc: BmsSoc = BmsSoc.START
    heater: HeaterSettings | None = None
    """None: the file says of none."""
    relay: RelaySettings | None = None
    """What switches the heater; None: its BMS does."""
    warnings: tuple[str, ...] = ()
    """What is allowed and yet probably not meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """One output, checked and ready to be built."""

    name: str
    output: OutputKind
    options: Any
    """An instance of `output.options`."""
    may_ask: str = "switches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole file."""

    controller: ControllerOptions
    packs: tuple[PackSettings, ...]
    bank: BankOptions = BankOptions()  # frozen
    outputs: tuple[OutputSettings, ...] = ()
    source: str = ""
    """The file's path, for messages."""
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed and yet probably not meant, a sentence each."""
        lines = [f"pack {pack.name}: {line}" for pack in self.packs for line in pack.warnings]
        if self.controller.mode == "monitor":
            lines += [
                f"pack {pack.name}: its heater stays off: relay {pack.relay.name} is switched in"
                ' mode = "control" only'
                for pack in self.packs
                if pack.relay is not None
            ]
        return tuple(lines)
