"""`cellwarden inverter check`: listens, speaks with the real output, and sees what comes of it."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cellwarden.cli import complain
from cellwarden.cli.show import print_json, print_rows
from cellwarden.errors import CommandRefused, ConfigError, LinkError
from cellwarden.runtime.status import ask
from cellwarden_can_inverter.check_report import (
    RS485,
    Ear,
    Observed,
    Voice,
    document,
    findings,
    passed,
)
from cellwarden_can_inverter.check_speech import Overhearing, Speech, can_link
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.profiles import dialect_and_manners
from cellwarden_can_inverter.protocol import bank_state
from cellwarden_can_inverter.rs485_config import Rs485InverterOptions
from cellwarden_can_inverter.rs485_output import Rs485InverterOutput
from cellwarden_can_inverter.where import Where, runtime_folder, where

LISTEN_SHARE, LONGEST_LISTEN_S = 0.25, 10.0
"""Of the whole time, before anything is sent."""
NOMINAL_V = 51.2
"""V: 16 LiFePO4 cells; with 0 A both ways an inverter does nothing with it."""

Tell = Callable[[str], None]


def run(arguments: argparse.Namespace) -> int:
    """Check and report: 0 nothing bad was found, 1 something was, 2 the call was wrong."""
    try:
        place = where(arguments)
        plan = _plan(arguments)
    except ConfigError as error:
        return complain(error, 2)

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    running = _controller(arguments)
    if not arguments.listen:
        _refuse_beside(running, place)
    seen = asyncio.run(_check(place, arguments, plan, tell))
    found = findings(seen)
    if arguments.json:
        print_json(document(seen, found), indent=2)
    else:
        _print_frames(seen)
        print_rows([(f.verdict.value, f.what, f.text) for f in found])
    return 0 if passed(found) else 1


def _print_frames(seen: Observed) -> None:
    if seen.frames:
        head = ("heard", "from", "frames", "period", "")
        rows = [
            (r["can_id"], r["from"], str(r["count"]), f"{r['period_s'] or 0:.2f} s", r["meaning"])
            for r in seen.frames
        ]
        print_rows([head, *rows])
        print()


def _plan(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the state to tell; ConfigError with every mistake of the call."""
    problems = [
        text
        for wrong, text in (
            (not 1 <= arguments.seconds <= 86_400, "--seconds takes 1 to 86400"),
            (not 1 <= arguments.step_seconds <= 600, "--step-seconds takes 1 to 600"),
            (
                arguments.allow is not None and not 0 < arguments.allow <= 50,
                "--allow takes more than 0 and up to 50 A",
            ),
            (
                arguments.voltage is not None and not 10 <= arguments.voltage <= 1000,
                "--voltage takes 10 to 1000 V",
            ),
            (
                arguments.allow is not None and arguments.voltage is None,
                "--allow needs --voltage: what a meter shows at the battery now",
            ),
            (
                arguments.what_if
                and arguments.allow is None
                and not (arguments.from_controller or arguments.state),
                "--what-if needs --allow with --voltage, --state or --from-controller",
            ),
            (arguments.what_if and arguments.listen, "--what-if sends, --listen does not"),
        )
        if wrong
    ]
    if problems:
        raise ConfigError(problems)
    if arguments.state:
        return _state_of_file(arguments.state)
    voltage_v, allowed_a = arguments.voltage or NOMINAL_V, arguments.allow or 0.0
    return {
        "pack_voltage_V": voltage_v,
        "pack_current_A": 0.0,
        "temperature_C": 25.0,
        "soc_pct": 50.0,
        "soh_pct": 100.0,
        # Never above the present voltage: even an inverter that takes the current for more than
        # was said can hardly charge.
        "cvl_V": voltage_v,
        "ccl_A": allowed_a,
        "dcl_A": allowed_a,
        "dvl_V": round(0.9 * voltage_v, 1),
        "charge_allowed": allowed_a > 0,
        "discharge_allowed": allowed_a > 0,
    }


def _state_of_file(path: str) -> dict[str, object]:
    try:
        state = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    if not isinstance(state, dict):
        raise ConfigError(f"{path} must hold one JSON object, as for `cellwarden encode`")
    bank_state(state)  # every mistake in it, before anything is opened
    return state


# -- the running controller ------------------------------------------------------------------


def _controller(arguments: argparse.Namespace) -> Mapping[str, Any] | None:
    """Return the status document of a running controller, None if there is none.

    LinkError if there is one that does not tell what it does: it may speak on this very bus.
    """
    try:
        return ask(runtime_folder(arguments))
    except LinkError as error:
        absent = isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError)
        if arguments.from_controller or not (absent or arguments.listen):
            raise
        return None


def _refuse_beside(running: Mapping[str, Any] | None, place: Where) -> None:
    """Refuse to send on a bus where a running controller sends: the inverter would obey both."""
    outputs: Mapping[str, Any] = (running or {}).get("outputs") or {}
    for name, status in outputs.items():
        if isinstance(status, Mapping) and status.get("bus") == place.bus:
            raise CommandRefused(
                f"the running controller's output {name} speaks on {place.bus}: stop it first, or"
                " check with --listen, which sends nothing"
            )


# -- listening, then speaking -----------------------------------------------------------------


async def _check(
    place: Where, arguments: argparse.Namespace, state: dict[str, object], tell: Tell
) -> Observed:
    listen_s = min(arguments.seconds * LISTEN_SHARE, LONGEST_LISTEN_S)
    if arguments.listen:
        listen_s = arguments.seconds
    tell(f"listening on {place.bus} for {listen_s:g} s, sending nothing")
    speak = None if arguments.listen else Speech(arguments, state, tell, listen_s)
    if isinstance(place.options, Rs485InverterOptions):
        return await _check_rs485(place, place.options, listen_s, speak)
    return await _check_can(place, place.options, listen_s, speak)


async def _check_can(
    place: Where, options: CanInverterOptions, listen_s: float, speak: "Speech | None"
) -> Observed:
    dialect, _ = dialect_and_manners(options)
    ear = Ear(dialect=dialect)
    link = can_link(options)
    await link.open(lambda frame: ear.heard(frame, time.monotonic()))
    try:
        end_s = time.monotonic() + listen_s
        while time.monotonic() < end_s:
            await asyncio.sleep(min(0.2, listen_s))
            link.check()
    finally:
        await link.close()
    seen = Observed(
        bus=place.bus,
        dialect=dialect.name,
        profile=options.profile,
        bitrate=options.bitrate,
        listened_s=listen_s,
        heard=ear.count(),
        error_frames=link.error_frames,
        heartbeats_before=sum(voice.count for voice in _alive(ear)),
        other_batteries=ear.ids("battery"),
    )
    if speak is not None and not seen.other_batteries:
        meter = dialect.meter

        def current_a(status: Mapping[str, Any]) -> float | None:
            said = status.get("inverter_says", {})
            if meter is None or meter.current not in said:
                return None
            return meter.charging_sign * float(said[meter.current])

        seen = await speak(Overhearing(options, ear), seen, current_a)
    alive = max(_alive(ear), key=lambda voice: voice.count, default=None)
    return replace(
        seen,
        heard=ear.count() if not seen.other_batteries else seen.heard,
        frames=ear.rows(),
        period_s=alive.period_s if alive else None,
        gap_s=alive.gap_s if alive else None,
    )


def _alive(ear: Ear) -> list[Voice]:
    """Return the inverter's signs of life; times before the first are no gap."""
    return [
        voice
        for (can_id, extended), voice in ear.voices.items()
        if voice.who == "inverter"
        and (known := ear.dialect.find(can_id, extended=extended)) is not None
        and known.alive
    ]


async def _check_rs485(
    place: Where, options: Rs485InverterOptions, listen_s: float, speak: "Speech | None"
) -> Observed:
    output = Rs485InverterOutput(options)
    seen = Observed(
        bus=place.bus,
        dialect=RS485,
        profile=None,
        bitrate=options.baudrate,
        listened_s=listen_s,
        heard=0,
    )
    # Without a decision this output answers nothing, so listening is its first phase.
    speech = speak or Speech.silent(listen_s)
    seen = await speech(output, seen, lambda _: None)
    status = seen.status
    return replace(
        seen,
        heard=status["heartbeats"] + status["for_others"] + sum(status["second_sender"].values()),
        period_s=status["limits_interval_s"],
    )
