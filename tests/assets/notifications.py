"""A notification daemon that prints what it is asked to show, a JSON array of summary, body, icon, urgency and buttons a
line. Its method Press presses a button of the last one."""

import json

from gi.repository import Gio, GLib

NAME = "org.freedesktop.Notifications"
FACE = """<node><interface name="org.freedesktop.Notifications">
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
<arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<method name="Press"><arg type="s" direction="in"/></method>
</interface></node>"""


shown = 0


def call(bus, _sender, _path, _face, method, arguments, invocation):
    global shown
    if method == "GetCapabilities":
        invocation.return_value(GLib.Variant("(as)", (["body", "actions"],)))
    elif method == "Notify":
        _app, _replaces, icon, summary, body, actions, hints, _expires = arguments.unpack()
        shown += 1
        invocation.return_value(GLib.Variant("(u)", (shown,)))
        print(json.dumps([summary, body, icon, hints["urgency"], actions[::2]]), flush=True)
    else:
        if method == "Press":
            pressed = GLib.Variant("(us)", (shown, arguments.unpack()[0]))
            bus.emit_signal(None, "/org/freedesktop/Notifications", NAME, "ActionInvoked", pressed)
        invocation.return_value(None)


bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
bus.register_object("/org/freedesktop/Notifications", Gio.DBusNodeInfo.new_for_xml(FACE).interfaces[0], call, None, None)
bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName", GLib.Variant("(su)", (NAME, 0)), None, 0, -1,
              None)
print("ready", flush=True)
GLib.MainLoop().run()
