"""`jk-can` as `cellwarden decode` offers it: every frame of JK's own CAN broadcast."""

from collections.abc import Sequence

from cellwarden.errors import CommandRefused, ConfigError
from cellwarden.links.can_frame import parse_frame
from cellwarden_hardware.codecs import jk_can


class JkCanProtocol:
    """`jk-can`: frames as `2F4#1301D71133006400`, 29-bit identifiers with eight digits."""

    def decode(
        self,
        chunks: Sequence[str],
        *,
        request: bytes | None = None,  # noqa: ARG002  # every frame says what it is
        variant: str | None = None,
    ) -> list[dict[str, object]]:
        """Return one object for each frame. FrameError for the first bad one."""
        if variant is not None:
            raise ConfigError(f"jk-can has no variant {variant!r}; leave it out")
        return [_shown(chunk) for chunk in chunks if chunk.strip()]

    def encode(self, state: object) -> list[dict[str, object]]:  # noqa: ARG002
        """Refuse: nothing tells a JK BMS the state of a bank."""
        raise CommandRefused("jk-can is read from a BMS; there is nothing to send for a state")


def _shown(line: str) -> dict[str, object]:
    frame = parse_frame(line)
    message, address, values = jk_can.decode(frame)
    return {"frame": message.name, "address": address, **values}
