"""The hooks of this plugin."""

from collections.abc import Sequence

from cellwarden.hooks import CommandKind, OutputContext, OutputKind, ProtocolKind, hookimpl
from cellwarden.interfaces import Output, WireProtocol
from cellwarden_can_inverter.commands import INVERTER
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.frames import Dialect
from cellwarden_can_inverter.rs485_config import Rs485InverterOptions


def _build(options: CanInverterOptions, context: OutputContext) -> Output:
    import can  # noqa: F401, PLC0415  # a missing extra must show when the output is built

    from cellwarden_can_inverter.output import CanInverterOutput  # noqa: PLC0415

    return CanInverterOutput(options, name=context.name)


def _build_rs485(options: Rs485InverterOptions, context: OutputContext) -> Output:
    from cellwarden_can_inverter.rs485_output import Rs485InverterOutput  # noqa: PLC0415

    return Rs485InverterOutput(options, name=context.name)


def _load_rs485() -> WireProtocol:
    from cellwarden_can_inverter.rs485_protocol import PylontechAsciiProtocol  # noqa: PLC0415

    return PylontechAsciiProtocol()


def _protocol(dialect: Dialect) -> ProtocolKind:
    def load() -> WireProtocol:
        from cellwarden_can_inverter.protocol import CanDialectProtocol  # noqa: PLC0415

        return CanDialectProtocol(dialect)

    return ProtocolKind(name=dialect.name, summary=dialect.summary, load=load, encodes=True)


@hookimpl
def cellwarden_outputs() -> Sequence[OutputKind]:
    """Return the outputs for inverters: on a CAN bus, on an RS485 line."""
    return [
        OutputKind(
            name="can_inverter",
            summary="an inverter on a CAN bus, told in its own dialect",
            options=CanInverterOptions,
            build=_build,
            control=True,
            extra="can_inverter",
        ),
        OutputKind(
            name="rs485_inverter",
            summary="an inverter that polls its battery over RS485 (Pylontech, ASCII)",
            options=Rs485InverterOptions,
            build=_build_rs485,
            control=True,
        ),
    ]


@hookimpl
def cellwarden_protocols() -> Sequence[ProtocolKind]:
    """Return each dialect, to be tried by hand."""
    return [
        *(_protocol(dialect) for dialect in DIALECTS.values()),
        ProtocolKind(
            name="pylontech_rs485",
            summary="Pylontech on RS485, ASCII, protocol V3.x: requests and answers",
            load=_load_rs485,
            encodes=True,
        ),
    ]


@hookimpl
def cellwarden_commands() -> Sequence[CommandKind]:
    """Return what an installer types beside an inverter."""
    return [INVERTER]
