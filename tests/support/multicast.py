"""A CAN bus that crosses processes without hardware: python-can over UDP multicast."""

import random

from support.tools import missing


def free_channel() -> tuple[str, int]:
    """Return a multicast group and port that nobody else uses; skip where there is no multicast.

    The port matters: Linux gives a socket what any group joined on this host gets on its port.
    """
    import can

    group = f"239.{random.randrange(192, 196)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    port = random.randrange(20_000, 32_000)
    try:
        with can.Bus(group, "udp_multicast", ignore_config=True, port=port) as bus:
            bus.send(can.Message(arbitration_id=1, is_extended_id=False))
    except can.CanError as error:
        missing(f"UDP multicast ({error})")
    return group, port
