"""The hooks of this plugin. pymodbus is imported only when the output is built."""

from collections.abc import Sequence

from cellwarden.hooks import CommandKind, OutputContext, OutputKind, hookimpl
from cellwarden.interfaces import Output
from cellwarden_modbus.command import MODBUS
from cellwarden_modbus.config import ModbusOptions


def _build(options: ModbusOptions, context: OutputContext) -> Output:
    from cellwarden_modbus.output import ModbusOutput  # noqa: PLC0415  # needs the extra

    return ModbusOutput(options, context)


@hookimpl
def cellwarden_outputs() -> Sequence[OutputKind]:
    """Return the Modbus server."""
    return (
        OutputKind(
            name="modbus",
            summary="registers for PLCs, SCADA and energy managers: SunSpec, Victron's and our own",
            options=ModbusOptions,
            build=_build,
            control=False,  # who reaches the port decides the work: it has a thread of its own
            extra="modbus",
        ),
    )


@hookimpl
def cellwarden_commands() -> Sequence[CommandKind]:
    """Return the command that prints the maps."""
    return (MODBUS,)
