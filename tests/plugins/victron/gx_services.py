"""Other services of a GX device for the tests, on libdbus: chargers, a shunt, the system.

Runs under the system's Python. Argument: {bus name: {path: value}} as JSON. Reads lines
`{"name": ..., "path": ..., "value": ...}`, `{"name": ..., "gone": true}`, `{"name": ...,
"hangs": true}` or `{"name": ..., "refuses": true}` from standard input. A value of null is Venus'
invalid marker. Every value that is written is told on standard output: `<path> <value>`.
"""

import json
import os
import sys

import dbus
import dbus.bus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

BUS_ITEM = "com.victronenergy.BusItem"


def wrapped(value):
    if value is None:
        return dbus.Array([], signature="i", variant_level=1)
    kind = {float: dbus.Double, int: dbus.Int32, str: dbus.String}[type(value)]
    return kind(value, variant_level=1)


class Leaf(dbus.service.Object):
    def __init__(self, bus, path, value):
        super().__init__(bus, path)
        self.value = value
        self.hangs = False
        self.refuses = False

    @dbus.service.method(BUS_ITEM, out_signature="v", async_callbacks=("reply", "error"))
    def GetValue(self, reply, error):
        if not self.hangs:
            reply(wrapped(self.value))

    @dbus.service.method(BUS_ITEM, in_signature="v", out_signature="i")
    def SetValue(self, value):
        print(self.__dbus_object_path__, int(value), flush=True)
        if self.refuses:
            return 1
        self.value = int(value)
        return 0


class Service:
    def __init__(self, address, name, values):
        self.bus = dbus.bus.BusConnection(address, mainloop=DBusGMainLoop())
        self.leaves = {path: Leaf(self.bus, path, value) for path, value in values.items()}
        self.bus.request_name(name)


def main():
    loop = GLib.MainLoop()
    services = {
        name: Service(sys.argv[1], name, values) for name, values in json.loads(sys.argv[2]).items()
    }

    def on_line(channel, condition):
        lines = os.read(0, 65536).decode()
        for line in lines.splitlines():
            told = json.loads(line)
            service = services[told["name"]]
            if told.get("gone"):
                service.bus.close()
            elif told.get("hangs"):
                for leaf in service.leaves.values():
                    leaf.hangs = True
            elif told.get("refuses"):
                for leaf in service.leaves.values():
                    leaf.refuses = True
            else:
                service.leaves[told["path"]].value = told["value"]
        if not lines:
            loop.quit()
        return bool(lines)

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_line)
    print("ready", flush=True)
    loop.run()


main()
