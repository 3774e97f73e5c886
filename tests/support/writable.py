"""A pack whose driver writes: what its device holds, and everything that can go wrong."""

from collections.abc import Callable, Collection, Mapping

from cellwarden.clock import Clock
from cellwarden.errors import LinkError, LinkTimeout, WrongPassword
from cellwarden.model import (
    PARAMETERS,
    SWITCHES,
    Parameters,
    Reading,
    RequestKind,
    Setting,
    SettingValue,
    preset,
)

STEP_BY_UNIT = {"V": 0.001, "A": 0.01, "s": 1.0, "°C": 0.1, "Ah": 0.001, "": 1.0, "%": 1.0}
LFP = preset("LiFePO4", cell_count=16, design_capacity_ah=100)


def table_of(*names: str) -> dict[str, Setting]:
    """Return a device's table: these parameters with round steps, or all that may be written."""
    return {
        spec.name: Setting(
            name=spec.name,
            register=f"0x{number:02X}",
            unit=spec.unit,
            step=STEP_BY_UNIT.get(spec.unit, 0.001),
            minimum=spec.minimum,
            maximum=spec.maximum,
        )
        for number, spec in enumerate(PARAMETERS)
        if (spec.name in names or not names) and spec.writable
    }


class WritablePack:
    """Driver and device in one. `trouble` is asked before every exchange and may raise."""

    settings_behind_write = False

    def __init__(self, name: str = "left", parameters: Parameters = LFP) -> None:
        self.name = name
        self.clock = Clock()
        self.table: dict[str, Setting] = table_of() | {
            switch: Setting(name=switch, register=f"switch {number}")
            for number, switch in enumerate(SWITCHES.values())
        }
        self.held: dict[str, SettingValue] = {
            name: float(value)
            for name in table_of()
            if (value := getattr(parameters, name)) is not None
        } | dict.fromkeys(SWITCHES.values(), True)
        self.ignores: set[str] = set()
        """Settings that are refused in silence."""
        self.cannot: dict[RequestKind, str] = {}
        self.password_good = True
        self.written: list[tuple[str, SettingValue]] = []
        self.acted: list[tuple[RequestKind, object]] = []
        self.trouble: Callable[[str, str], None] = lambda what, name: None
        self.after: Callable[[str], None] = lambda name: None
        """Called after each write has been taken."""
        self.voltage_v = 52.8
        self.current_a = 0.0
        self.fets_on = True
        self.silent = False

    async def open(self) -> None:
        if self.silent:
            raise LinkError(self.name, "no such port")

    async def close(self) -> None:
        pass

    async def poll(self) -> Reading:
        if self.silent:
            raise LinkTimeout(self.name, "silent")
        return Reading(
            pack=self.name,
            heard_s=self.clock.now_s(),
            cell_voltages_v=(self.voltage_v / 16,) * 16,
            voltage_v=self.voltage_v,
            current_a=self.current_a,
            temperatures_c=(20.0,),
            soc_percent=50.0,
            charge_fet_on=self.fets_on and self.held["charge_switch"] is True,
            discharge_fet_on=self.fets_on and self.held["discharge_switch"] is True,
            charge_switch_on=self.held["charge_switch"] is True,
            discharge_switch_on=self.held["discharge_switch"] is True,
            balance_switch_on=self.held["balance_switch"] is True,
        )

    @property
    def writer(self) -> "WritablePack":
        return self

    def writable(self) -> Mapping[str, Setting]:
        return self.table

    def refusal(self, kind: RequestKind) -> str | None:
        return self.cannot.get(kind)

    async def log_in(self) -> None:
        self.trouble("log in", "")
        if not self.password_good:
            raise WrongPassword("the BMS wants another settings password")

    async def read_settings(
        self, names: Collection[str] | None = None
    ) -> Mapping[str, SettingValue]:
        self.trouble("read", ", ".join(names or ()))
        return dict(self.held)

    async def write_setting(self, name: str, value: SettingValue) -> None:
        self.trouble("write", name)
        self.written.append((name, value))
        if name not in self.ignores:
            self.held[name] = value
        self.after(name)

    async def act(self, kind: RequestKind, value: SettingValue | None) -> str:
        self.trouble("act", kind.value)
        self.acted.append((kind, value))
        return "acknowledged"
