"""What heaters are told reaches them: from an output's peer and from orders, through the cycle."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from cellwarden.clock import Clock
from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings, HeaterSettings
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import BankPhase, BankState, Heating, Order, Orders, Reading, Surplus, preset
from cellwarden.runtime.controller import Controller, NamedOutput
from cellwarden.runtime.monitor_gate import MonitorGate

SPEED = 200.0
"""A minute of the controller in 0.3 s."""


class ColdPack:
    """A driver of a pack at -5 °C."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def open(self) -> None:
        """Nothing to open."""

    async def poll(self) -> Reading:
        return Reading(
            pack="left",
            heard_s=self.clock.now_s(),
            cell_voltages_v=(3.3,) * 16,
            voltage_v=52.8,
            current_a=0.0,
            temperatures_c=(-5.0, -5.0),
            soc_percent=80.0,
            charge_fet_on=True,
            discharge_fet_on=True,
        )

    async def close(self) -> None:
        """Nothing to close."""


class Meter:
    """An output whose peer measures what is fed into the grid."""

    def __init__(self) -> None:
        self.watts: float | None = None
        self.state: BankState | None = None

    async def run(self, feed: Feed, gate: Gate) -> None:
        while (state := await feed.next()) is None or state.phase is not BankPhase.STOPPING:
            self.state = state or self.state
            if self.watts is not None:
                now_s = feed.clock.now_s()
                feed.report_surplus(Surplus(source="m", surplus_w=self.watts, heard_s=now_s))

    def status(self) -> Mapping[str, object]:
        return {}


class House:
    def __init__(self, **heater: object) -> None:
        clock = Clock(SPEED)
        engine = Engine(
            EngineSettings(
                pack="left",
                chemistry="LiFePO4",
                parameters=preset("LiFePO4", cell_count=16, design_capacity_ah=100),
                max_age_s=300.0,
                heater=HeaterSettings(film_ohm=20.0, **heater),  # type: ignore[arg-type]
            )
        )
        self.meter = Meter()
        self.orders = Orders()
        self.controller = Controller(
            bank=Bank(
                BankSettings(
                    name="bank",
                    members=(BankMember(name="left", design_capacity_ah=100),),
                    on_pack_lost="exclude",
                    hold_s=1,
                    gone_after_s=3600,
                )
            ),
            engines=[(engine, ColdPack(clock), engine.start(clock.now_s()))],
            outputs=[NamedOutput(name="meter", output=self.meter, control=True)],
            gate=MonitorGate("monitor"),
            clock=clock,
            poll_interval_s=10.0,
            standing=lambda _: self.orders,
        )

    def heating(self) -> Heating | None:
        state = self.meter.state
        return None if state is None or not state.packs else state.packs[0].heating

    async def until(self, why: str) -> Heating:
        """Wait for a decision whose reason holds these words."""
        async with asyncio.timeout(20.0):
            while True:
                if (heating := self.heating()) is not None and why in heating.why:
                    return heating
                await asyncio.sleep(0.01)

    def play(self, scenario: Callable[["House"], object]) -> None:
        async def run() -> None:
            stop = asyncio.Event()
            running = asyncio.create_task(self.controller.run(stop))
            try:
                await scenario(self)  # type: ignore[misc]
            finally:
                stop.set()
                await running

        asyncio.run(run())


def test_surplus_that_an_output_measures_heats_what_waits_for_it() -> None:
    async def scenario(house: House) -> None:
        assert not (await house.until("waits for surplus")).wanted
        house.meter.watts = 500.0
        assert (await house.until("to 5 °C, charging is off until then")).wanted
        house.meter.watts = 0.0
        assert not (await house.until("waits for surplus")).wanted

    House(only_surplus=True).play(scenario)


def test_orders_tell_of_surplus_and_of_an_expected_charge() -> None:
    async def scenario(house: House) -> None:
        await house.until("waits for surplus")
        house.orders = Orders(surplus_w=Order(value=900.0, who="automation"))
        assert not (await house.until("no charge is expected")).wanted
        until_s = house.controller.clock.now_s() + 1e6
        far = Order(value=3600.0, who="forecast", until_s=until_s)
        house.orders = replace(house.orders, charge_expected=far)
        assert not (await house.until("h from now")).wanted
        house.orders = replace(house.orders, charge_expected=replace(far, value=1e6))
        heating = await house.until("warm by the time charging begins")
        # In mode monitor it is wanted, and not done.
        assert (heating.wanted, heating.active) == (True, False)

    House(only_surplus=True, only_expected=True).play(scenario)
