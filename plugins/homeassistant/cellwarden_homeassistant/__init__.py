"""The bank and its packs as Home Assistant devices over MQTT."""
