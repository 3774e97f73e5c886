"""An emulated inverter in a process of its own, on python-can's UDP multicast.

Called with kind, group, port and speed. Each line in: `report`, answered with one line of JSON
that says everything, or `clear`, which acknowledges the fault and forgets what was heard.
"""

import json
import queue
import sys
import threading
import time
from pathlib import Path

import can

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.inverters import INVERTERS, Inverter

TICK_S = 0.02


def send(bus: can.BusABC, frames: list[tuple[int, bool, bytes]]) -> None:
    for can_id, extended, data in frames:
        bus.send(can.Message(arbitration_id=can_id, is_extended_id=extended, data=data))


def report(inverter: Inverter) -> dict[str, object]:
    return {
        "state": inverter.state,
        "fault": inverter.fault,
        "frames": inverter.frames,
        "read": inverter.read,
        "ignored": {f"{i:03X}": n for i, n in inverter.ignored.items()},
    }


def main(kind: str, group: str, port: str, speed: str) -> None:
    inverter = INVERTERS[kind](float(speed))
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(
        target=lambda: [orders.put(line.strip()) for line in sys.stdin], daemon=True
    ).start()
    own: list[tuple[int, bool, bytes]] = []  # UDP multicast gives every frame back to its sender
    with can.Bus(group, "udp_multicast", ignore_config=True, port=int(port)) as bus:
        print("ready", flush=True)
        while True:
            message = bus.recv(TICK_S)
            now_s = time.monotonic()
            said = inverter.tick(now_s)
            if message is not None:
                frame = (message.arbitration_id, message.is_extended_id, bytes(message.data))
                if frame in own:
                    own.remove(frame)
                else:
                    said += inverter.hear(frame, now_s)
            own += said
            del own[:-64]
            send(bus, said)
            while not orders.empty():
                if orders.get() == "clear":
                    inverter = INVERTERS[kind](float(speed))
                print(json.dumps(report(inverter)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
