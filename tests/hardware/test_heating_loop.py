"""Engine and simulated heater together: cold packs, torn films, welded switches."""

from dataclasses import replace
from itertools import pairwise

import pytest

from cellwarden.engine import Engine, EngineSettings, HeaterSettings
from cellwarden.model import AlarmKind, Inputs, PackState, Reading
from cellwarden_hardware.simulator.measure import Meter
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack, settings_of

POLL_S = 30.0


class Cold:
    """A pack of 100 Ah in the cold; its engine switches its heater every half minute."""

    def __init__(self, start_c: float, outside_c: float, *, relay: bool = False) -> None:
        self.relay = relay
        """A relay switches the film, and tells where it is."""
        self.pack = SimulatedPack(
            PackDesign(
                capacity_ah=100.0,
                start_temperature_c=start_c,
                start_soc_percent=80.0,
                heater_film_ohm=20.0,
            )
        )
        self.pack.ambient_c = outside_c
        self.engine = Engine(
            EngineSettings(
                pack="p",
                chemistry="LiFePO4",
                parameters=settings_of(self.pack.design),
                max_age_s=3 * POLL_S,
                heater=HeaterSettings(film_ohm=20.0, relay=relay),
            )
        )
        self.meter = Meter("p", cell_offset_v=0.0015)
        self.memory = self.engine.start(0.0)
        self.now_s = 0.0

    def live(self, hours: float, inputs: Inputs = Inputs()) -> list[PackState]:  # noqa: B008
        states = []
        for _ in range(round(hours * 3600 / POLL_S)):
            self.now_s += POLL_S
            self.pack.step(POLL_S, 0.0)
            if self.relay:
                inputs = replace(inputs, heater_relay_on=self.pack.heater.closed)
            self.memory, state = self.engine.step(
                self.memory, self.reading(), self.now_s, None, inputs
            )
            self.pack.switch_heater(state.switches.heat is True)
            states.append(state)
        return states

    def reading(self) -> Reading:
        """What the BMS tells: of a film on a relay it knows nothing."""
        heard = self.meter.read(self.pack, self.now_s)
        return replace(heard, heating=None, heating_current_a=None) if self.relay else heard


def found(state: PackState) -> list[str]:
    return [alarm.where for alarm in state.alarms if alarm.kind is AlarmKind.HEATER]


@pytest.mark.requirement("R35")
@pytest.mark.requirement("R36a")
def test_at_minus_25_degrees_it_is_warmed_within_its_limits_and_only_then_charged() -> None:
    cold = Cold(start_c=-25.0, outside_c=-5.0)
    states = cold.live(8.0)
    heats = [n for n, state in enumerate(states) if state.heating.wanted]
    charges = [n for n, state in enumerate(states) if state.charge_allowed]
    assert heats[0] == 0
    assert charges
    first = states[charges[0]]
    assert first.temperature_min.temperature_c > 5.0
    assert all(state.heating.power_w is None or state.heating.power_w <= 200 for state in states)
    assert not any(found(state) for state in states)
    assert cold.memory.insight.heat.energy_wh == pytest.approx(
        sum(state.heating.power_w or 0.0 for state in states) * POLL_S / 3600, rel=0.01
    )


def test_it_keeps_the_pack_between_the_two_temperatures_at_a_steady_frost() -> None:
    cold = Cold(start_c=4.0, outside_c=-8.0)
    states = cold.live(24.0)
    coldest = [state.temperature_min.temperature_c for state in states]
    starts = sum(b.heating.wanted and not a.heating.wanted for a, b in pairwise(states))
    assert min(coldest) > -0.6
    assert max(coldest) < 5.6
    assert starts <= 16


@pytest.mark.requirement("R36a")
def test_a_torn_film_is_found_in_half_an_hour_and_then_left_off() -> None:
    cold = Cold(start_c=-5.0, outside_c=-5.0)
    cold.pack.heater.dead = True
    states = cold.live(1.0)
    first = next(n for n, state in enumerate(states) if found(state))
    assert first * POLL_S == pytest.approx(1800, abs=2 * POLL_S)
    assert not states[-1].heating.wanted


@pytest.mark.requirement("R36a")
def test_a_welded_switch_is_found() -> None:
    cold = Cold(start_c=-2.0, outside_c=-2.0)
    cold.live(1.0)
    cold.pack.heater.welded = True
    states = cold.live(6.0)
    assert "it does not stop: take its fuse out" in found(states[-1])


@pytest.mark.requirement("R35")
def test_by_a_relay_it_is_warmed_and_then_charged() -> None:
    cold = Cold(start_c=-3.0, outside_c=0.0, relay=True)
    states = cold.live(5.0)
    assert states[0].heating.wanted
    assert not states[0].charge_allowed
    assert states[-1].charge_allowed
    assert not states[-1].heating.active
    assert not any(found(state) for state in states)


@pytest.mark.requirement("R36a")
@pytest.mark.parametrize(
    ("ailment", "start_c", "where"),
    [
        ("stuck_open", -5.0, "its relay does not close"),
        ("welded", 8.0, "its relay does not open"),
        ("dead", -5.0, "it did not warm by 1 K in 30 min"),
    ],
)
def test_a_relay_or_a_film_that_is_broken_is_found(
    ailment: str, start_c: float, where: str
) -> None:
    cold = Cold(start_c, outside_c=start_c, relay=True)
    setattr(cold.pack.heater, ailment, True)
    states = cold.live(0.6)
    assert where in found(states[-1])
    assert states[-1].heating.wanted is (ailment == "stuck_open")


@pytest.mark.requirement("R36a")
def test_it_is_warm_by_the_time_the_sun_comes_and_not_hours_before() -> None:
    cold = Cold(start_c=-1.0, outside_c=-1.0)
    warm_at_h, began_at_h = None, None
    for tenth in range(80):
        left_h = max(8.0 - tenth / 10, 0.0)
        state = cold.live(0.1, Inputs(charge_expected_in_s=left_h * 3600))[-1]
        if began_at_h is None and state.heating.wanted:
            began_at_h = tenth / 10
        if warm_at_h is None and state.temperature_min.temperature_c > 5.0:
            warm_at_h = tenth / 10
    assert began_at_h >= 4.5
    assert began_at_h < warm_at_h <= 8.0
