"""An independent D-Bus client for the tests: libdbus through Debian's python3-dbus.

Runs under the system's Python, not in the virtual environment. Reads one JSON command a line and
answers with one JSON line. Values come back as [D-Bus type, value], so that types can be checked.
"""

import json
import sys

import dbus
import dbus.bus
import dbus.lowlevel
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

BUS_ITEM = "com.victronenergy.BusItem"


def typed(value):
    if isinstance(value, dbus.Dictionary):
        return [f"a{{{value.signature}}}", {str(k): typed(v) for k, v in value.items()}]
    if isinstance(value, dbus.Array):
        return [f"a{value.signature}", [typed(v) for v in value]]
    for kind, letter in ((dbus.Double, "d"), (dbus.Int32, "i"), (dbus.String, "s")):
        if type(value) is kind:
            return [letter, kind.__mro__[1](value)]
    return [type(value).__name__, str(value)]


class Client:
    def __init__(self, address, name):
        self.name = name
        self.signals = []
        self.owners = []
        self.answered = 0
        self.codes = []
        self.bus = dbus.bus.BusConnection(address, mainloop=DBusGMainLoop())
        self.bus.set_exit_on_disconnect(False)
        self.bus.add_signal_receiver(
            self.on_items, "ItemsChanged", BUS_ITEM, path_keyword="path", sender_keyword="sender"
        )
        self.bus.add_signal_receiver(
            self.on_owner, "NameOwnerChanged", "org.freedesktop.DBus", arg0=name
        )

    def on_items(self, items, path, sender):
        self.signals.append([str(path), {str(p): typed(v)[1] for p, v in items.items()}])

    def on_owner(self, name, old, new):
        self.owners.append("here" if new else "gone")

    def own(self, name):
        return self.bus.request_name(name)

    def disown(self, name):
        return self.bus.release_name(name)

    def owned(self, name=None):
        return self.bus.name_has_owner(name or self.name)

    def call(self, path, member, args=(), signature="", interface=BUS_ITEM, name=None):
        message = dbus.lowlevel.MethodCallMessage(name or self.name, path, interface, member)
        message.append(*args, signature=signature or None)
        try:
            reply = self.bus.send_message_with_reply_and_block(message, 5.0)
        except dbus.DBusException as error:
            return {"error": error.get_dbus_name()}
        return {"signature": str(reply.get_signature()), "value": typed(reply.get_args_list()[0])}

    def set_value(self, path, value, kind, name=None, level=1):
        wrapped = getattr(dbus, kind)(value, variant_level=level)
        return self.call(path, "SetValue", [wrapped], "v", name=name)

    def set_invalid(self, path):
        return self.call(path, "SetValue", [dbus.Array([], "i", variant_level=1)], "v")

    def call_without_waiting(self, path, member):
        message = dbus.lowlevel.MethodCallMessage(self.name, path, BUS_ITEM, member)
        message.set_no_reply(True)
        self.bus.send_message(message)
        self.bus.flush()

    def flood(self, count):
        """Ask for everything many times without taking an answer in between."""
        self.answered = 0
        for _ in range(count):
            self.bus.call_async(
                self.name, "/", BUS_ITEM, "GetItems", "", (), self.on_answer, self.on_answer
            )
            self.bus.call_async(
                self.name, "/Soc", BUS_ITEM, "SetValue", "v", (1,), self.on_answer, self.on_answer
            )

    def flood_of_writes(self, path, count):
        """Write one item many times, good and bad values in turn, without waiting."""
        self.answered, self.codes = 0, []
        for number in range(count):
            value = (1, "nonsense", 7.5)[number % 3]
            self.bus.call_async(
                self.name, path, BUS_ITEM, "SetValue", "v", (value,), self.on_code, self.on_answer
            )

    def on_code(self, code):
        self.answered += 1
        self.codes.append(int(code))

    def on_answer(self, *_):
        self.answered += 1

    def counts(self):
        return {"answered": self.answered, "codes": self.codes}

    def take(self):
        """Return the signals and owner changes since the last call."""
        taken = {"signals": self.signals, "owners": self.owners}
        self.signals, self.owners = [], []
        return taken


def main():
    client = Client(sys.argv[1], sys.argv[2])
    loop = GLib.MainLoop()

    def on_line(channel, condition):
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        command = json.loads(line)
        reply = getattr(client, command.pop("do"))(**command)
        print(json.dumps(reply), flush=True)
        return True

    print(json.dumps("ready"), flush=True)
    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, on_line)
    loop.run()


main()
