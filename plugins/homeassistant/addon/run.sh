#!/usr/bin/with-contenv sh
# The options become the configuration file; a mistake in them ends up in the add-on's log.
mkdir -p /data/state /run/cellwarden
exec cellwarden homeassistant addon
