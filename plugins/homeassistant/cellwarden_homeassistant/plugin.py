"""The hook of this plugin: it describes the output, nothing is opened."""

from cellwarden.hooks import OutputContext, OutputKind, hookimpl
from cellwarden.interfaces import Output
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
