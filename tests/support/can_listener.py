"""An inverter in a process of its own: prints what it hears, sends what stands on its input.

Called with a multicast group and a port. Each line out is `[monotonic seconds, id, extended,
data]`; each line in is a frame such as `305#0000000000000000` (8 digits: a 29-bit identifier).
"""

import json
import sys
import threading
import time

import can


def speak(bus: can.BusABC) -> None:
    for line in sys.stdin:
        can_id, _, data = line.strip().partition("#")
        bus.send(
            can.Message(
                arbitration_id=int(can_id, 16),
                is_extended_id=len(can_id) == 8,
                data=bytes.fromhex(data),
            )
        )


def main(group: str, port: str) -> None:
    with can.Bus(group, "udp_multicast", ignore_config=True, port=int(port)) as bus:
        threading.Thread(target=speak, args=(bus,), daemon=True).start()
        print("ready", flush=True)
        while True:
            message = bus.recv()
            if message is not None:
                heard = [
                    time.monotonic(),
                    message.arbitration_id,
                    message.is_extended_id,
                    message.data.hex().upper(),
                ]
                print(json.dumps(heard), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
