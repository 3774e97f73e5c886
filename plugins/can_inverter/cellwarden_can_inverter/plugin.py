"""The hooks of this plugin."""

from collections.abc import Sequence

from cellwarden.hooks import OutputContext, OutputKind, ProtocolKind, hookimpl
from cellwarden.interfaces import Output, WireProtocol
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.frames import Dialect


def _build(options: CanInverterOptions, context: OutputContext) -> Output:
    import can  # noqa: F401, PLC0415  # a missing extra must show when the output is built

    from cellwarden_can_inverter.output import CanInverterOutput  # noqa: PLC0415

    return CanInverterOutput(options, name=context.name)


def _protocol(dialect: Dialect) -> ProtocolKind:
    def load() -> WireProtocol:
        from cellwarden_can_inverter.protocol import CanDialectProtocol  # noqa: PLC0415

        return CanDialectProtocol(dialect)

    return ProtocolKind(name=dialect.name, summary=dialect.summary, load=load, encodes=True)


@hookimpl
def cellwarden_outputs() -> Sequence[OutputKind]:
    """Return the output for inverters on a CAN bus."""
    return [
        OutputKind(
            name="can_inverter",
            summary="an inverter on a CAN bus, told in its own dialect",
            options=CanInverterOptions,
            build=_build,
            control=True,
            extra="can_inverter",
        )
    ]


@hookimpl
def cellwarden_protocols() -> Sequence[ProtocolKind]:
    """Return each dialect, to be tried by hand."""
    return [_protocol(dialect) for dialect in DIALECTS.values()]
