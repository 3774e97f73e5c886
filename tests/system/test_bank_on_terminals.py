"""Banks through the real drivers on pseudo terminals: packs of four makes killed, silenced,
re-plugged, renamed and rewired at random for an hour, and 64 packs on four buses.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cellwarden.clock import Clock
from cellwarden.config.reader import parse
from cellwarden.host import Host
from cellwarden.model import BankPhase, BankState, PackPhase, PackState, Standing
from cellwarden.runtime.build import build
from cellwarden.runtime.controller import Controller
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.daly_device import EmulatedDaly
from cellwarden_hardware.simulator.device import EmulatedDevice
from cellwarden_hardware.simulator.jbd_device import EmulatedJbd
from cellwarden_hardware.simulator.jk_device import EmulatedJk
from cellwarden_hardware.simulator.jk_frame_values import serial_number_of
from cellwarden_hardware.simulator.jk_modbus_device import EmulatedJkModbus
from cellwarden_hardware.simulator.pack import SimulatedPack

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

MAKES = ("jk-modbus", "jk-rs485", "jbd", "daly")
PACKS = 2 * len(MAKES)
"""Two of each make."""
SPEED = 120.0
"""An hour passes in half a minute."""
HOUR_S = 3600.0 / SPEED
POLL_S = 12.0
REWIRE_S = 1.3
"""Real time: longer than any driver waits for an answer, retries included."""
CHARGE_A, DISCHARGE_A = 60.0, 90.0

CONTROLLER = f"""
[controller]
name = "Home"
poll_interval_s = {POLL_S}
max_age_s = 60
gone_after_s = 240
"""


def pack_table(name: str, port: object, driver: str = "jk-modbus", **more: object) -> str:
    keys = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f"""
[[pack]]
name = "{name}"
driver = "{driver}"
port = "{port}"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
{keys}[pack.parameters]
charge_current_max_a = {CHARGE_A}
discharge_current_max_a = {DISCHARGE_A}
"""


def device_of(n: int, pack: SimulatedPack) -> tuple[EmulatedDevice[Any], str]:
    """Return the emulated device of a pack, and the serial number that it tells."""
    make, name = MAKES[n // 2], f"pack {n}"
    if make == "jk-modbus":
        return EmulatedJkModbus({1: pack}, name=name), serial_number_of(name)
    if make == "jbd":
        return EmulatedJbd(pack, barcode=f"JBD{n:05}"), f"JBD{n:05}"
    if make == "daly":
        return EmulatedDaly(pack, name=f"DL{n:05}"), f"DL{n:05}"
    old = EmulatedJk(pack)  # older boards tell a number where newer ones have the owner's name
    old._settings["manufacturer_id"] = f"100711{n:04}"
    return old, f"100711{n:04}"


class Hour:
    """Packs of four makes in a household, each behind an emulated device on its own port."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.draw = random.Random(seed)
        self.house = SimulatedBank.home(packs=PACKS, seed=seed, start_soc_percent=70.0)
        self.house.start_of_day_s = 11 * 3600.0
        made = [device_of(n, pack) for n, pack in enumerate(self.house.packs)]
        self.devices = [device for device, _ in made]
        self.numbers = [number for _, number in made]
        self.ports = [folder / f"tty{n}" for n in range(PACKS)]
        self.on_port = list(range(PACKS))
        """Which device is plugged into each port; -1: none."""
        self.behind = list(range(PACKS))
        """Which pack is wired to each device."""
        text = CONTROLLER + "".join(
            pack_table(f"p{n}", port, MAKES[n // 2]) for n, port in enumerate(self.ports)
        )
        settings = parse(text, Host(), "test")
        self.controller: Controller = build(settings, clock=Clock(SPEED), state_folder=folder)
        self.controller.keeper = self  # type: ignore[assignment]  # it is told every decision
        self.before: BankState | None = None
        self.trips: set[str] = set()
        self.decisions = 0
        self.done: list[str] = []
        self.mistaken: set[tuple[str, str]] = set()
        """(pack, serial number) where a reading was another's than the number says."""

    async def plug(self, port: int, device: int) -> None:
        self.on_port[port] = device
        await self.devices[device].start(self.ports[port])

    async def pull(self, port: int) -> None:
        device, self.on_port[port] = self.on_port[port], -1
        if device >= 0:
            await self.devices[device].stop()

    async def act(self) -> None:
        """Do one random thing to the packs."""
        port = self.draw.randrange(PACKS)
        what = self.draw.choice(("silence", "kill", "re-plug", "rename", "rename", "rewire"))
        self.done.append(what)
        if what == "silence":
            device = self.devices[self.draw.randrange(PACKS)]
            device.silent = not device.silent
        elif what == "kill":
            await self.pull(port)
        elif what == "re-plug":
            await self.mend(all_of_it=False)
        elif what == "rewire":
            await self.rewire(port - port % 2)
        else:
            other = port ^ 1  # of the same make
            one, two = self.on_port[port], self.on_port[other]
            await self.pull(port)
            await self.pull(other)
            for where, device in ((port, two), (other, one)):
                if device >= 0:
                    await self.plug(where, device)

    async def rewire(self, first: int) -> None:
        """Exchange the two packs of a make behind their adapters: the ports stay open."""
        one, two = self.devices[first], self.devices[first + 1]
        quiet = one.silent, two.silent
        one.silent = two.silent = True
        await asyncio.sleep(REWIRE_S)
        one.answer, two.answer = two.answer, one.answer  # type: ignore[method-assign]
        self.behind[first : first + 2] = reversed(self.behind[first : first + 2])
        one.silent, two.silent = quiet

    async def mend(self, *, all_of_it: bool = True) -> None:
        """Plug in what is unplugged, anywhere; or all of it where it belongs, and speaking."""
        if all_of_it:
            for port, device in enumerate(self.on_port):
                if device // 2 != port // 2:
                    await self.pull(port)
        missing = [d for d in range(PACKS) if d not in self.on_port]
        self.draw.shuffle(missing)
        for port in [n for n, device in enumerate(self.on_port) if device < 0]:
            fits = [d for d in missing if d // 2 == port // 2]
            device = fits[0] if all_of_it else missing[0]
            missing.remove(device)
            await self.plug(port, device)
        for made in self.devices if all_of_it else ():
            made.silent = False

    def expected(self) -> list[str]:
        """Return the serial number of the pack on each port."""
        return [self.numbers[self.behind[device]] for device in self.on_port]

    def save(self, state: BankState | None, **how: bool) -> None:
        """Keep nothing: this is no keeper, it only looks on."""

    def consider(self, state: BankState) -> None:
        """Check one decision, and let the inverter obey it."""
        self.decisions += 1
        for pack in self.house.packs:
            self.trips |= {kind.value for kind in pack.snapshot().protections}
        online = [p for p in state.packs if p.phase is PackPhase.ONLINE]
        for seen in online:
            self.look(seen)
        limits = state.limits
        if limits is not None:
            # Nobody is told of current that is not there.
            assert limits.ccl_a <= CHARGE_A * len(online) + 1e-6
            assert limits.dcl_a <= DISCHARGE_A * len(online) + 1e-6
            assert 48.0 < limits.cvl_v < 58.4
            self.house.set_limits(limits.cvl_v, limits.ccl_a, limits.dcl_a)
            if self.before is not None and self.before.limits is not None:
                newly = {p.pack for p in state.lost} - {p.pack for p in self.before.lost}
                if newly:
                    assert limits.ccl_a <= self.before.limits.ccl_a + 1e-6
                    assert limits.dcl_a <= self.before.limits.dcl_a + 1e-6
        assert (state.capacity_ah or 0.0) <= 281.0 * 1.1 * len(online)
        self.before = state

    def look(self, seen: PackState) -> None:
        """Note where what counts for a serial number was measured by another pack."""
        reading = seen.reading
        number = reading and reading.identity and reading.identity.serial_number
        if reading is None or number is None:
            return
        truth = self.house.packs[self.numbers.index(number)].snapshot()
        if reading.cycles != truth.cycles:
            self.mistaken.add((seen.pack, number))

    async def live(self) -> None:
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        while True:
            await asyncio.sleep(0.03)
            now_s = loop.time()
            self.house.advance((now_s - last_s) * SPEED)
            last_s = now_s


async def until(get: Callable[[], object], timeout_s: float, what: str) -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + timeout_s
    while not get():
        if loop.time() > end_s:
            raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")
        await asyncio.sleep(0.05)


async def an_hour(hour: Hour) -> BankState:
    stop = asyncio.Event()
    for n in range(PACKS):
        await hour.plug(n, n)
    running = asyncio.create_task(hour.controller.run(stop))
    living = asyncio.create_task(hour.live())
    loop = asyncio.get_running_loop()
    end_s = loop.time() + HOUR_S

    def all_in() -> bool:
        state = hour.controller.state
        return state is not None and all(m.standing is Standing.IN for m in state.members)

    def known() -> bool:
        state = hour.controller.state
        return (
            state is not None
            and [p.identity and p.identity.serial_number for p in state.packs] == hour.expected()
        )

    try:
        await until(all_in, 20.0, "all packs in")
        while loop.time() < end_s and not living.done():
            await asyncio.sleep(hour.draw.uniform(0.2, 1.2))
            await hour.act()
        await hour.mend()
        if living.done():
            living.result()
        await until(lambda: all_in() and known(), 25.0, "all back, each known for itself")
        state = hour.controller.state
        assert state is not None
        return state
    finally:
        living.cancel()
        stop.set()
        await running
        with contextlib.suppress(asyncio.CancelledError):
            await living
        for port in range(PACKS):
            await hour.pull(port)


def test_an_hour_of_packs_that_are_killed_silenced_replugged_and_renamed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hour = Hour(tmp_path, seed=3)
    state = asyncio.run(an_hour(hour))
    assert hour.trips == set()
    assert {"silence", "kill", "re-plug", "rename", "rewire"} <= set(hour.done)
    assert hour.mistaken == set()
    assert hour.decisions > 100
    assert state.phase is BankPhase.LIVE
    assert state.capacity_ah == pytest.approx(PACKS * 280.0, rel=0.05)
    for pack, device in zip(state.packs, hour.on_port, strict=True):
        # Whatever port it came back on, it is what its own BMS counts.
        truth = hour.house.packs[hour.behind[device]].bms.soc_percent
        assert pack.soc_percent == pytest.approx(truth, abs=5.0)
    assert "answers now" in caplog.text
    assert "what is known of it was found" in caplog.text


async def sixty_four(folder: Path) -> BankState:
    house = SimulatedBank.home(packs=64, seed=2)
    lines = [
        EmulatedJkModbus(dict(enumerate(house.packs[n : n + 16], start=1)))
        for n in range(0, 64, 16)
    ]
    text = CONTROLLER.replace(f"= {POLL_S}", "= 5")
    for n, line in enumerate(lines):
        await line.start(folder / f"bus{n}")
        text += "".join(
            pack_table(f"p{16 * n + a}", folder / f"bus{n}", address=a) for a in range(1, 17)
        )
    controller = build(parse(text, Host(), "test"), clock=Clock(), state_folder=folder)
    stop = asyncio.Event()
    running = asyncio.create_task(controller.run(stop))

    def everybody() -> bool:
        state = controller.state
        return state is not None and all(m.standing is Standing.IN for m in state.members)

    try:
        await until(everybody, 60.0, "64 packs online")
        assert controller.state is not None
        return controller.state
    finally:
        stop.set()
        await running
        for line in lines:
            await line.stop()


def test_64_packs_on_four_buses_are_one_bank(tmp_path: Path) -> None:
    state = asyncio.run(sixty_four(tmp_path))
    assert len(state.packs) == 64
    assert state.capacity_ah == pytest.approx(64 * 280.0, rel=0.05)
    assert state.installed_ah == 64 * 280.0
    assert [p.link.bad for p in state.packs if p.link] == [0] * 64
