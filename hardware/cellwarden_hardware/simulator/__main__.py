"""Emulated JK packs as a process of their own: `python -m cellwarden_hardware.simulator`.

Prints one JSON line with the ports, then obeys lines on standard input: `silent N`, `speak N`,
`corrupt N`, `sound N` (N = 0 is the first pack) and `quit`; each is answered with a JSON line.
The end of standard input ends it too.
"""

import argparse
import asyncio
import json
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from cellwarden_hardware.simulator.jk_device import EmulatedJk

_COMMANDS = {
    "silent": ("silent", True),
    "speak": ("silent", False),
    "corrupt": ("corrupt", True),
    "sound": ("corrupt", False),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run until told to end."""
    parser = argparse.ArgumentParser(prog="cellwarden_hardware.simulator", description=__doc__)
    parser.add_argument("--packs", type=int, default=2, help="how many (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same packs and weather")
    parser.add_argument("--chemistry", default="LiFePO4", help="default LiFePO4")
    parser.add_argument("--cells", type=int, default=16, help="cells in series (default 16)")
    parser.add_argument("--capacity", type=float, default=280.0, help="Ah of a pack (default 280)")
    parser.add_argument("--speed", type=float, default=1.0, help="times faster than real")
    parser.add_argument(
        "--play",
        type=Path,
        help="JSON list of frames in hex that every pack answers first, one for each request,"
        " or a list of such lists, one for each pack",
    )
    arguments = parser.parse_args(argv)
    try:
        played = frames_to_play(arguments.play, arguments.packs) if arguments.play else []
    except (OSError, ValueError) as error:
        parser.error(f"--play {arguments.play}: {error}")
    asyncio.run(_serve(arguments, played))
    return 0


def frames_to_play(path: Path, packs: int) -> list[list[bytes]]:
    """Return the frames of a file for each pack; ValueError for anything but lists of hex."""
    frames = json.loads(path.read_text())
    if not isinstance(frames, list) or not all(isinstance(item, str | list) for item in frames):
        raise ValueError("not a JSON list of hex texts, or of such lists")
    if all(isinstance(item, str) for item in frames):
        frames = [frames] * packs
    return [[bytes.fromhex(text) for text in lines] for lines in frames]


async def _serve(arguments: argparse.Namespace, played: list[list[bytes]]) -> None:
    from cellwarden_hardware.emulate import live  # noqa: PLC0415  # after --help
    from cellwarden_hardware.simulator.bank import SimulatedBank  # noqa: PLC0415

    bank = SimulatedBank.home(
        packs=arguments.packs,
        seed=arguments.seed,
        chemistry=arguments.chemistry,
        cells=arguments.cells,
        capacity_ah=arguments.capacity,
    )
    played += [[]] * (arguments.packs - len(played))
    devices = [
        EmulatedJk(pack, play=frames, parameters=pack.bms.parameters, name=f"pack-{number}")
        for number, (pack, frames) in enumerate(zip(bank.packs, played, strict=False), start=1)
    ]
    for device in devices:
        await device.start()
    _say(ports=[device.port for device in devices])
    quit_ = asyncio.Event()
    loop = asyncio.get_running_loop()
    # A thread, because standard input may be anything, also what a loop cannot wait for.
    threading.Thread(target=_listen, args=(loop, devices, quit_), daemon=True).start()
    await live(bank, quit_, speed=arguments.speed)
    for device in devices:
        await device.stop()


def _listen(
    loop: asyncio.AbstractEventLoop, devices: Sequence[EmulatedJk], quit_: asyncio.Event
) -> None:
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        loop.call_soon_threadsafe(_obey, line.split(), devices)
    loop.call_soon_threadsafe(quit_.set)


def _obey(words: Sequence[str], devices: Sequence[EmulatedJk]) -> None:
    try:
        word, number = words
        fault, on = _COMMANDS[word]
        setattr(devices[int(number)], fault, on)
    except (ValueError, KeyError, IndexError):
        _say(error=f"not understood: {' '.join(words)}", commands=sorted(_COMMANDS))
    else:
        _say(done=" ".join(words))


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
