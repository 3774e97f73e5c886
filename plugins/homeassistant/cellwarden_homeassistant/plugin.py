"""The hooks of this plugin: what it offers. Nothing is opened, paho is not imported."""

from cellwarden.hooks import (
    CommandKind,
    OutputContext,
    OutputKind,
    RelayContext,
    RelayKind,
    hookimpl,
)
from cellwarden.interfaces import Output, Relay
from cellwarden_homeassistant.cli import HOMEASSISTANT
from cellwarden_homeassistant.config import HomeAssistantOptions, MqttRelayOptions


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


def _build_relay(options: MqttRelayOptions, context: RelayContext) -> Relay:
    from cellwarden_homeassistant.mqtt_relay import MqttRelay  # noqa: PLC0415  # needs paho

    return MqttRelay(options, context)


@hookimpl
def cellwarden_relays() -> list[RelayKind]:
    """Return the switch at a broker."""
    return [
        RelayKind(
            name="mqtt",
            summary="a switch at an MQTT broker: Tasmota, ESPHome, Zigbee2MQTT, or any of Home"
            " Assistant's by an automation",
            options=MqttRelayOptions,
            build=_build_relay,
            extra="homeassistant",
        )
    ]


@hookimpl
def cellwarden_commands() -> list[CommandKind]:
    """Return the command that prints dashboards and schemas."""
    return [HOMEASSISTANT]
