"""The hooks of this plugin: what it offers. Nothing is opened, paho is not imported."""

from cellwarden.hooks import CommandKind, OutputContext, OutputKind, hookimpl
from cellwarden.interfaces import Output
from cellwarden_homeassistant.cli import HOMEASSISTANT
from cellwarden_homeassistant.config import HomeAssistantOptions


def _build(options: HomeAssistantOptions, context: OutputContext) -> Output:
    from cellwarden_homeassistant.output import HomeAssistantOutput  # noqa: PLC0415  # needs paho

    return HomeAssistantOutput(options, context)


@hookimpl
def cellwarden_outputs() -> list[OutputKind]:
    """Return the MQTT output."""
    return [
        OutputKind(
            name="homeassistant",
            summary="bank and packs as Home Assistant devices over MQTT",
            options=HomeAssistantOptions,
            build=_build,
            control=False,
            extra="homeassistant",
        )
    ]


@hookimpl
def cellwarden_commands() -> list[CommandKind]:
    """Return the command that prints dashboards and schemas."""
    return [HOMEASSISTANT]
