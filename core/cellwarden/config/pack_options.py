"""The tables `[[pack]]` and `[cell_profile.NAME]` of the file, as far as they are common."""

from dataclasses import dataclass
from itertools import pairwise

from cellwarden.config.curves import curve, curve_problem
from cellwarden.config.options import option, short_name
from cellwarden.model import CHEMISTRIES
from cellwarden.model.catalog import Curve, board_named


def _board(name: str) -> str | None:
    try:
        board_named(name)
    except ValueError as error:
        return str(error)
    return None


def _told(serial_number: str) -> str | None:
    return None if serial_number.strip() else "write the number, or leave the key out"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOptions:
    """The common keys of a `[[pack]]` table; the driver's own keys stand beside them."""

    name: str = option(help="short name of this pack", check=short_name, example="left")
    driver: str = option(help="how to talk to its BMS", example="jk-rs485")
    chemistry: str = option(help="cell chemistry", choices=tuple(CHEMISTRIES), example="LiFePO4")
    cells: int = option(help="cells in series", minimum=2, maximum=32, example=16)
    capacity_ah: float = option(
        help="design capacity", unit="Ah", minimum=5, maximum=2000, example=280
    )
    model: str | None = option(
        None,
        help="the BMS's board, such as JK-B2A24S20P: its currents bound the settings and the"
        " defaults",
        check=_board,
    )
    cell_profile: str | None = option(
        None,
        help="name of the [cell_profile.NAME] that says what the data sheet of these cells says",
        check=short_name,
    )
    serial_number: str | None = option(
        None,
        help="serial number that this pack's BMS must tell: another pack on its port is refused",
        check=_told,
    )
    allow_outside_chemistry: bool = option(
        False,
        help="accept cell voltages in [pack.parameters] beyond what the chemistry stands;"
        " only with the cell's data sheet in hand",
    )
    bms_soc: str = option(
        "start",
        help="what the SoC that the BMS tells is worth: start: where counting begins; trust: it"
        " also holds the estimate wherever that is less sure; ignore: nothing",
        choices=("start", "trust", "ignore"),
    )
    ocv_soc_percent: tuple[float, ...] = option(
        (),
        help="with ocv_v the curve of these very cells, from a data sheet: rising from 0 to 100",
        unit="%",
        minimum=0,
        maximum=100,
    )
    ocv_v: tuple[float, ...] = option(
        (), help="relaxed voltage of a cell at each of these", unit="V", minimum=1, maximum=5
    )

    def __post_init__(self) -> None:
        """Refuse a curve that is none."""
        socs, volts = self.ocv_soc_percent, self.ocv_v
        _refuse_ocv(socs, volts)

    @property
    def curve(self) -> Curve | None:
        """The points (SoC in %, V), None if the file has no curve."""
        return curve(self.ocv_soc_percent, self.ocv_v)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """A table `[cell_profile.NAME]`."""

    chemistry: str = option(
        help="cell chemistry that it is of: what is left out is as usual for it",
        choices=tuple(CHEMISTRIES),
        example="LiFePO4",
    )
    nominal_v: float | None = option(
        None, help="nominal voltage of a cell", unit="V", minimum=1.5, maximum=4.2
    )
    voltage_max_v: float | None = option(
        None,
        help="highest voltage that the cell stands; the default voltages move with it",
        unit="V",
        minimum=2,
        maximum=4.5,
    )
    voltage_min_v: float | None = option(
        None, help="lowest voltage that the cell stands", unit="V", minimum=1, maximum=3.5
    )
    resistance_ohm: float | None = option(
        None,
        help="resistance of a cell at 25 °C, where an estimate of it begins",
        unit="ohm",
        minimum=1e-5,
        maximum=0.5,
    )
    full_current_c: float | None = option(
        None,
        help="charging current at which it is full, as a part of the capacity",
        unit="C",
        minimum=0.005,
        maximum=0.2,
    )
    ocv_soc_percent: tuple[float, ...] = option(
        (), help="with ocv_v its curve, rising from 0 to 100", unit="%", minimum=0, maximum=100
    )
    ocv_v: tuple[float, ...] = option(
        (), help="relaxed voltage at each of these", unit="V", minimum=1, maximum=5
    )
    charge_temperature_c: tuple[float, ...] = option(
        (),
        help="with charge_c how fast it may be charged, rising; outside of it not at all",
        unit="°C",
        minimum=-40,
        maximum=80,
    )
    charge_c: tuple[float, ...] = option(
        (), help="highest charge rate at each of these", unit="C", minimum=0, maximum=20
    )
    discharge_temperature_c: tuple[float, ...] = option(
        (),
        help="with discharge_c how fast it may be discharged, rising",
        unit="°C",
        minimum=-60,
        maximum=100,
    )
    discharge_c: tuple[float, ...] = option(
        (), help="highest discharge rate at each of these", unit="C", minimum=0, maximum=50
    )

    def __post_init__(self) -> None:
        """Refuse curves that are none, and limits in the wrong order."""
        _refuse_ocv(self.ocv_soc_percent, self.ocv_v)
        problems = [
            curve_problem(
                "charge_temperature_c", self.charge_temperature_c, "charge_c", self.charge_c
            ),
            curve_problem(
                "discharge_temperature_c",
                self.discharge_temperature_c,
                "discharge_c",
                self.discharge_c,
            ),
        ]
        for problem in problems:
            if problem is not None:
                raise ValueError(problem)
        kind = CHEMISTRIES[self.chemistry]
        high_v = self.voltage_max_v or kind.absolute_max_v
        low_v = self.voltage_min_v or kind.absolute_min_v
        if not low_v < (self.nominal_v or kind.nominal_v) < high_v:
            raise ValueError(
                f"nominal_v must lie between voltage_min_v = {low_v:g} and voltage_max_v ="
                f" {high_v:g}"
            )


def _refuse_ocv(socs: tuple[float, ...], volts: tuple[float, ...]) -> None:
    """Refuse a curve of open-circuit voltages that is none."""
    problem = curve_problem("ocv_soc_percent", socs, "ocv_v", volts)
    if problem is None and socs:
        if (socs[0], socs[-1]) != (0, 100):
            problem = "ocv_soc_percent must rise from 0 to 100"
        elif any(a > b for a, b in pairwise(volts)) or volts[0] == volts[-1]:
            problem = "ocv_v must not fall with the SoC"
    if problem is not None:
        raise ValueError(problem)
