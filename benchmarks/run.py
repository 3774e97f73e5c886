"""`make bench`: every benchmark, as one table; `--only decode`, `--seconds 60`."""

import argparse
import platform

import balance
import bank
import can_frames
import decode
import decoding
import diagnosis
import engine
import homeassistant
import modbus
import process
import soc
import victron

PARTS = {
    "bank": bank.run,
    "balance": balance.run,
    "can": can_frames.run,
    "decode": decode.run,
    "codecs": decoding.run,
    "diagnosis": diagnosis.run,
    "homeassistant": homeassistant.run,
    "engine": engine.run,
    "modbus": modbus.run,
    "process": process.run,
    "soc": soc.run,
    "victron": victron.run,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each process run")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}\n")
    print(f"{'what':<58} {'measured':<52} aim")
    for name, part in PARTS.items():
        if arguments.only in (None, name):
            for what, measured, aim in part(arguments.seconds):
                print(f"{what:<58} {measured:<52} {aim}", flush=True)


if __name__ == "__main__":
    main()
