"""Stable identity: the pack on a port is the one that was meant, or it is not heard at all."""

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.interfaces import Driver
from cellwarden.model import Identity, Reading


class NotToldYet(LinkTimeout):
    """The BMS answers, but has not said yet who it is."""


class OnlyThisPack:
    """A driver whose readings count only if the BMS tells the serial number that is expected.

    Until it has told one, nothing is taken: a port may carry another pack after a re-plug.
    """

    def __init__(self, driver: Driver, pack: str, serial_number: str) -> None:
        self.driver = driver
        """The driver itself, for what else it can do."""
        self._pack = pack
        self._expected = serial_number.strip()
        self._good: Identity | None = None

    async def open(self) -> None:
        """Open the link; who is there is asked anew."""
        self._good = None
        await self.driver.open()

    async def close(self) -> None:
        """Close the link."""
        await self.driver.close()

    async def poll(self) -> Reading:
        """Ask once. LinkError where another pack answers, LinkTimeout until one says who it is."""
        reading = await self.driver.poll()
        identity = reading.identity
        if identity is None:
            raise NotToldYet(self._pack, "the BMS has not told its serial number yet")
        if identity is not self._good:
            self._check((identity.serial_number or "").strip())
            self._good = identity
        return reading

    def _check(self, told: str) -> None:
        if not told:
            raise LinkError(
                self._pack,
                f"the BMS tells no serial number, so it cannot be known for {self._expected}:"
                " take serial_number out of its [[pack]]",
            )
        if told != self._expected:
            raise LinkError(
                self._pack,
                f"another pack is on its port: the BMS says serial number {told}, expected"
                f" {self._expected}; swap the cables, or correct serial_number in its [[pack]]",
            )
