#!/bin/sh
# Run by Venus OS when the archive was unpacked from a USB stick or an SD card.
[ "$1" = success ] || exit 0
exec sh /data/apps/cellwarden/install.sh
