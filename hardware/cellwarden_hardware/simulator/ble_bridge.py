"""Any emulated device with questions and answers, behind a Bluetooth module as makers fit them."""

import asyncio
from typing import Any

from cellwarden_hardware.simulator.bluez import Characteristic, Peripheral
from cellwarden_hardware.simulator.device import EmulatedDevice


class BleBridge(Peripheral):
    """A Bluetooth module with an emulated device on its serial side.

    Faults of the answers are the device's, those of the radio are this one's.
    """

    def __init__(
        self,
        device: EmulatedDevice[Any],
        *,
        address: str,
        name: str,
        service: str,
        notify: str,
        write: str,
        piece: int = 20,
    ) -> None:
        """Pass the device's words on in pieces."""
        super().__init__(
            address=address,
            name=name,
            service=service,
            characteristics=[
                Characteristic(uuid=notify, flags=("notify",), number=1),
                Characteristic(uuid=write, flags=("write-without-response", "write"), number=2),
            ],
            piece=piece,
        )
        self.behind = device
        device.said = self.say

    def written(self, data: bytes) -> None:
        """Pass on what the client sends."""
        if self.behind.rebooting:
            self.drop()
        elif not self.silent:
            self.behind.hear(data)

    def say(self, data: bytes) -> None:
        """Notify soon."""
        # After the answer to the method that wrote the request.
        asyncio.get_running_loop().call_soon(self.notify, data)

    async def ended(self) -> None:
        """Stop the device too."""
        await self.behind.stop()
