#!/bin/sh
# Puts the service back after a boot, for /service lies in memory. A line in /data/rc.local calls it.
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=${here%/data/apps/cellwarden}
services=$root/service
[ -e "$services/cellwarden" ] && exit 0
[ -d "$services" ] || { echo "there is no $services: this is no GX device" >&2; exit 1; }

# svscan takes no name that begins with a dot, so it never sees half a service.
new=$services/.cellwarden
rm -rf "$new"
mkdir -p "$new/log" || exit 1
sed -e "s|@HERE@|$here|g" -e "s|@ROOT@|${root:-/}|g" "$here/service/run" > "$new/run" &&
sed -e "s|@LOG@|$root/var/log/cellwarden|g" "$here/service/log-run" > "$new/log/run" &&
chmod 755 "$new/run" "$new/log/run" &&
mv "$new" "$services/cellwarden"
