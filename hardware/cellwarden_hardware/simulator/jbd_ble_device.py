"""An emulated JBD board with a Bluetooth module, which may want a login of its own."""

from cellwarden.model import Parameters
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.simulator.ble_bridge import BleBridge
from cellwarden_hardware.simulator.jbd_device import EmulatedJbd
from cellwarden_hardware.simulator.snapshot import SnapshotSource

ADDRESS = "A4:C1:38:00:00:01"


class EmulatedJbdBle(BleBridge):
    """One board in range of one adapter."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        parameters: Parameters | None = None,
        name: str = "emulated",
        barcode: str = "",
        address: str = ADDRESS,
        password: str = "",
        piece: int = 20,
    ) -> None:
        """With a `password` of six digits nothing passes before the login."""
        super().__init__(
            EmulatedJbd(source, parameters=parameters, name=name, barcode=barcode),
            address=address,
            name=name,
            service=jbd.SERVICE,
            notify=jbd.NOTIFY,
            write=jbd.WRITE_TO,
            piece=piece,
        )
        self._login = jbd.module_login_request(password) if password else b""
        self._logged_in = not password
        self._module = jbd.decoder()

    def written(self, data: bytes) -> None:
        """Log in, or pass on what the client sends."""
        logins = [event for event in self._module.feed(data) if isinstance(event, jbd.Module)]
        if self._login and logins:
            self._logged_in = data == self._login
            self.say(jbd.module_login_answer(good=self._logged_in))
        elif self._logged_in:
            super().written(data)

    def disconnected(self) -> None:
        """Forget who was logged in."""
        self._logged_in = not self._login
        self._module.reset()
