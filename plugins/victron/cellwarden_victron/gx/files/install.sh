#!/bin/sh
# Installs Cellwarden on a GX device, after the archive was unpacked into /data. Needs no internet.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    echo "Cellwarden needs Python 3.11 or newer: update this GX to Venus OS v3.60 or later" >&2
    exit 1
fi
root=${here%/data/apps/cellwarden}
exec "$here/bin/cellwarden" venus install --root "${root:-/}" "$@"
