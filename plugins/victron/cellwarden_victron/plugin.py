"""Offers the Victron output. The D-Bus library is imported only when one is built."""

from collections.abc import Sequence

from cellwarden.hooks import OutputContext, OutputKind, hookimpl
from cellwarden.interfaces import Output
from cellwarden_victron.config import VictronOptions


def _build(options: VictronOptions, context: OutputContext) -> Output:
    from cellwarden_victron.output import VictronOutput  # noqa: PLC0415  # needs the extra

    return VictronOutput(options, context)


@hookimpl
def cellwarden_outputs() -> Sequence[OutputKind]:
    """Return the Victron output."""
    return (
        OutputKind(
            name="victron",
            summary="a managed battery on the D-Bus of Venus OS (Cerbo GX and others)",
            options=VictronOptions,
            build=_build,
            control=True,
            extra="victron",
        ),
    )
