"""`cellwarden demo`: a simulated bank, whole: real drivers, real ports, real frames.

Nothing is faked inside the controller. Simulated packs answer the JK protocol on pseudo
terminals, the ordinary driver reads them, the engine decides, the CAN output sends real frames on
a bus inside this process, and the simulated inverter obeys what it decodes from them. Only the
clock is faster than a clock on the wall.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellwarden.cli import live, screen
from cellwarden.clock import Clock
from cellwarden.config.reader import parse
from cellwarden.errors import ConfigError, FrameError
from cellwarden.host import Host, choose
from cellwarden.interfaces import WireProtocol
from cellwarden.runtime.build import build
from cellwarden.runtime.controller import Controller
from cellwarden.runtime.status import document
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.jk_device import EmulatedJk

POLL_EVERY_S = 0.25
"""Real s between polls: fast enough for a picture that lives."""
REFRESH_S = 0.5
"""Real s between pictures."""
ADVANCE_S = 0.05
"""Real s between steps of the simulation."""
DIALECT = "pylontech_lv"
CHANNEL = "cellwarden-demo"


def show_demo(arguments: argparse.Namespace) -> None:
    """Show the bank until Ctrl-C or the end of `--duration`."""
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr, format="%(levelname)s %(message)s")
    with tempfile.TemporaryDirectory(prefix="cellwarden-demo-") as folder:
        asyncio.run(_Demo(arguments, Path(folder)).show())


@dataclass(slots=True)
class _Wire:
    """What was seen on the CAN bus last, by identifier."""

    protocol: WireProtocol
    frames: dict[str, tuple[str, Mapping[str, object]]] = field(default_factory=dict)
    count: int = 0

    def heard(self, text: str) -> Mapping[str, object]:
        """Decode one frame and keep it."""
        try:
            (values,) = self.protocol.decode([text])
        except FrameError as error:
            values = {"error": error.kind}
        self.frames[text.partition("#")[0]] = (text, values)
        self.count += 1
        return values


class _Demo:
    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self._arguments = arguments
        self._folder = folder
        self._bank = SimulatedBank.home(
            packs=arguments.packs,
            seed=arguments.seed,
            chemistry=arguments.chemistry,
            cells=arguments.cells,
            capacity_ah=arguments.capacity,
        )
        self._devices = [EmulatedJk(pack) for pack in self._bank.packs]
        self._host = Host()
        self._can: Any = None
        self._wire: _Wire | None = None
        self._note = ""

    async def show(self) -> None:
        """Run everything in one event loop until it is to end."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if self._arguments.duration is not None:
            loop.call_later(self._arguments.duration, stop.set)
        async with contextlib.AsyncExitStack() as stack:
            for device in self._devices:
                await device.start()
                stack.push_async_callback(device.stop)
            self._open_can()
            if self._can is not None:
                stack.callback(self._can.shutdown)
            controller = self._build()
            simulation = asyncio.create_task(self._simulate(controller))
            picture = asyncio.create_task(self._draw(controller))
            try:
                await controller.run(stop)
            finally:
                for task in (picture, simulation):
                    task.cancel()
                await asyncio.gather(simulation, picture, return_exceptions=True)

    def _build(self) -> Controller:
        clock = Clock(self._arguments.speed)
        settings = parse(self._configuration(), self._host, "the demonstration")
        return build(settings, clock=clock, state_folder=self._folder)

    def _configuration(self) -> str:
        """Write the configuration that an owner of this bank would write."""
        arguments = self._arguments
        interval_s = min(60.0, max(0.1, POLL_EVERY_S * arguments.speed))
        tables = [
            "[controller]",
            'name = "Demo"',
            f"poll_interval_s = {interval_s}",
            f"gone_after_s = {max(60.0, 10 * interval_s)}",
        ]
        for count, device in enumerate(self._devices, 1):
            tables += [
                "[[pack]]",
                f'name = "pack-{count}"',
                'driver = "jk-rs485"',
                f'port = "{device.port}"',
                f'chemistry = "{arguments.chemistry}"',
                f"cells = {arguments.cells}",
                f"capacity_ah = {arguments.capacity}",
            ]
        if self._can is not None:
            tables += [
                "[[output]]",
                'plugin = "can_inverter"',
                'interface = "virtual"',
                f'channel = "{CHANNEL}"',
            ]
        for text in arguments.output:
            tables += output_table(text)
        return "\n".join(tables) + "\n"

    def _open_can(self) -> None:
        """Open the inverter's end of the bus; without its library the demo goes on without it."""
        if self._arguments.no_can:
            return
        try:
            import can  # noqa: PLC0415  # an extra: the demo works without it
        except ImportError:
            self._note = "CAN is left out: pip install 'cellwarden[can_inverter]' brings it"
            return
        kind = choose("protocol", DIALECT, self._host.protocols(), self._host)
        self._wire = _Wire(kind.load())
        self._can = can.Bus(interface="virtual", channel=CHANNEL)

    async def _simulate(self, controller: Controller) -> None:
        """Move simulated time on, and let the inverter obey what it hears."""
        before_s = time.monotonic()
        heartbeat_s = before_s
        while True:
            await asyncio.sleep(ADVANCE_S)
            now_s = time.monotonic()
            self._bank.advance((now_s - before_s) * self._arguments.speed)
            before_s = now_s
            if self._can is None:
                _obey_state(controller, self._bank.set_limits)
                continue
            self._listen()
            if now_s - heartbeat_s >= 1.0:
                heartbeat_s = now_s
                self._send_heartbeat()

    def _listen(self) -> None:
        assert self._wire is not None
        while (message := self._can.recv(0)) is not None:
            values = self._wire.heard(f"{message.arbitration_id:03X}#{message.data.hex().upper()}")
            if message.arbitration_id == 0x351 and "error" not in values:
                self._bank.set_limits(
                    *(
                        float(values[key])  # type: ignore[arg-type]  # the decoder gives numbers
                        for key in (
                            "charge_voltage_limit_V",
                            "charge_current_limit_A",
                            "discharge_current_limit_A",
                        )
                    )
                )

    def _send_heartbeat(self) -> None:
        import can  # noqa: PLC0415  # opened before

        self._can.send(can.Message(arbitration_id=0x305, data=bytes(8), is_extended_id=False))

    async def _draw(self, controller: Controller) -> None:
        colour = live.is_terminal()
        every_s = REFRESH_S if colour else 2.0
        with live.live_screen() as show:
            while True:
                state = document(
                    controller.state,
                    controller.clock.now_s(),
                    controller.outlets.status(),
                    "monitor",
                )
                lines = [*self._head(), *screen.picture(state, colour=colour), *self._frames()]
                show(lines)
                await asyncio.sleep(every_s)

    def _head(self) -> list[str]:
        time_s = self._bank.time_s
        hour, minute = divmod(int(self._bank.time_of_day_s // 60), 60)
        ports = ", ".join(device.port for device in self._devices[:4])
        more = " ..." if len(self._devices) > 4 else ""
        power = f"sun {self._bank.pv_power_w:.0f} W   house {self._bank.load_power_w:.0f} W"
        return [
            f"Demonstration: {len(self._devices)} simulated JK pack(s) on {ports}{more}",
            f"day {int(time_s // 86400) + 1}, {hour:02d}:{minute:02d},"  # noqa: ISC004  # one line
            f" {self._arguments.speed:g} times as fast   {power}   Ctrl-C ends",
            "",
        ]

    def _frames(self) -> list[str]:
        if self._wire is None:
            return ["", self._note] if self._note else []
        lines = ["", f"CAN to the inverter ({DIALECT}), {self._wire.count} frames so far"]
        for text, values in sorted(self._wire.frames.values()):
            meaning = "  ".join(
                f"{key} {_word(value)}"
                for key, value in values.items()
                if key not in ("can_id", "extended", "dlc")
            )
            lines.append(f"  {text:<21} {meaning}")
        return lines


def _word(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _obey_state(controller: Controller, set_limits: Callable[[float, float, float], None]) -> None:
    if controller.state is not None and controller.state.limits is not None:
        limits = controller.state.limits
        set_limits(limits.cvl_v, limits.ccl_a, limits.dcl_a)


def output_table(text: str) -> list[str]:
    """Return the lines of an `[[output]]` table for `NAME[:KEY=VALUE,...]`."""
    name, _, rest = text.partition(":")
    lines = ["[[output]]", f'plugin = "{name}"']
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--output {text}: {pair!r} is not KEY=VALUE")
        lines.append(f"{key.strip()} = {_toml_value(value.strip())}")
    return lines


def _toml_value(text: str) -> str:
    if text in ("true", "false"):
        return text
    try:
        float(text)
    except ValueError:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text
