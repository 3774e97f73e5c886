"""`com.victronenergy.settings` for the tests, on libdbus: the part that devices use.

Behaves as the reference says of localsettings: existing values are kept, a device instance that is
taken is given out anew, changes are told. Values live in a JSON file, so that a restart keeps them.
Runs under the system's Python. Reads `set PATH VALUE` and `batch PATH VALUE` from standard input.
"""

import json
import os
import sys
from pathlib import Path

import dbus
import dbus.bus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

BUS_ITEM = "com.victronenergy.BusItem"
DEVICES = "/Settings/Devices"


class Leaf(dbus.service.Object):
    def __init__(self, settings, path):
        super().__init__(settings.bus, path)
        self.settings = settings
        self.path = path

    @dbus.service.method(BUS_ITEM, out_signature="v")
    def GetValue(self):
        return self.settings.values[self.path]

    @dbus.service.method(BUS_ITEM, in_signature="v", out_signature="i")
    def SetValue(self, value):
        return self.settings.write(self.path, value)

    @dbus.service.signal(BUS_ITEM, signature="a{sv}")
    def PropertiesChanged(self, changes):
        pass


class Devices(dbus.service.Object):
    def __init__(self, settings):
        super().__init__(settings.bus, DEVICES)
        self.settings = settings

    @dbus.service.method(BUS_ITEM, out_signature="v")
    def GetValue(self):
        below = {
            path.removeprefix(f"{DEVICES}/"): dbus.String(value, variant_level=1)
            for path, value in self.settings.values.items()
        }
        return dbus.Dictionary(below, signature="sv")


class Settings(dbus.service.Object):
    def __init__(self, bus, store):
        self.bus = bus
        self.store = store
        self.values = json.loads(store.read_text()) if store.exists() else {}
        self.leaves = {path: Leaf(self, path) for path in self.values}
        self.devices = Devices(self)
        super().__init__(bus, "/")

    @dbus.service.method(
        "com.victronenergy.Settings", in_signature="aa{sv}", out_signature="aa{sv}"
    )
    def AddSettings(self, definitions):
        return [self.add(str(d["path"]), d.get("default")) for d in definitions]

    def add(self, path, default):
        if "/_" in path:
            return {"error": dbus.Int32(-2), "path": path}
        if path not in self.values:
            value = str(default)
            if path.endswith("/ClassAndVrmInstance"):
                value = self.free_instance(value)
            self.values[path] = value
            self.leaves[path] = Leaf(self, path)
            self.save()
        return {"error": dbus.Int32(0), "path": path, "value": self.values[path]}

    @dbus.service.method("com.victronenergy.Settings", in_signature="as", out_signature="ai")
    def RemoveSettings(self, paths):
        for path in map(str, paths):
            del self.values[path]
            self.leaves.pop(path).remove_from_connection()
        self.save()
        return dbus.Array([0 for _ in paths], signature="i")

    def free_instance(self, wish):
        kind, number = wish.split(":")
        taken = {v for p, v in self.values.items() if p.endswith("/ClassAndVrmInstance")}
        number = int(number)
        while f"{kind}:{number}" in taken:
            number += 1
        return f"{kind}:{number}"

    def write(self, path, value):
        self.values[path] = str(value)
        self.save()
        self.leaves[path].PropertiesChanged({"Value": str(value), "Text": str(value)})
        return 0

    def batch(self, path, value):
        self.values[path] = value
        self.save()
        self.ItemsChanged({path: {"Value": value, "Text": value}})

    @dbus.service.signal(BUS_ITEM, signature="a{sa{sv}}")
    def ItemsChanged(self, items):
        pass

    def save(self):
        new = self.store.with_suffix(".new")
        new.write_text(json.dumps(self.values))
        new.replace(self.store)  # a test may be reading it


def main():
    loop = GLib.MainLoop()
    bus = dbus.bus.BusConnection(sys.argv[1], mainloop=DBusGMainLoop())
    settings = Settings(bus, Path(sys.argv[2]))
    bus.request_name("com.victronenergy.settings")

    def on_line(channel, condition):
        lines = os.read(0, 65536).decode()  # a buffered read would hide the second of two lines
        for line in lines.splitlines():
            do, path, value = line.split(" ", 2)
            {"set": settings.write, "batch": settings.batch}[do](path, value)
        if not lines:
            loop.quit()
        return bool(lines)

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_line)
    print("ready", flush=True)
    loop.run()


main()
