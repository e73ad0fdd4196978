"""What the prompt says to a notification daemon, and that it is silent where there is none."""

import json
import os
import subprocess
import time
import unittest

from gi.repository import Gio, GLib

from desk import PROGRAM, until
from test_prompt import run

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
FACE = """<node><interface name="org.freedesktop.Notifications">
<method name="GetCapabilities"><arg type="as" direction="out"/></method>
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
<arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
</interface></node>"""


def notify(env=None, **line):
    line = {"v": 1, "summary": "work-dev used git-work", "body": "12 signatures", "urgency": "low", **line}
    process = subprocess.Popen([PROGRAM, "--notify"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
    process.stdin.write(json.dumps(line).encode() + b"\n")
    process.stdin.flush()
    return process


def end(process, context=None):
    """What the process said; `context` is served meanwhile."""
    while process.poll() is None:
        if context:
            context.iteration(False)
    out, err = process.communicate()
    return process.returncode, out, err


class Daemon:
    """A notification daemon that remembers what it was asked to show."""

    def __init__(self, capabilities, answers=True):
        self.capabilities, self.answers, self.seen, self.closed = capabilities, answers, [], False

    def __enter__(self):
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION, None)
        face = Gio.DBusNodeInfo.new_for_xml(FACE).interfaces[0]
        self.object = self.bus.register_object(PATH, face, self.call, None, None)
        self.call_bus("RequestName", GLib.Variant("(su)", (NAME, 0)))
        return self

    def __exit__(self, *_):
        self.bus.unregister_object(self.object)
        self.call_bus("ReleaseName", GLib.Variant("(s)", (NAME,)))

    def call_bus(self, method, arguments):
        self.bus.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", method, arguments, None, 0, -1, None)

    def call(self, _bus, _sender, _path, _face, method, arguments, invocation):
        if not self.answers:
            return
        if method == "GetCapabilities":
            invocation.return_value(GLib.Variant("(as)", (self.capabilities,)))
        elif method == "CloseNotification":
            self.closed = True
            invocation.return_value(None)
        else:
            self.seen.append(arguments.unpack())
            invocation.return_value(GLib.Variant("(u)", (7,)))

    def say(self, signal, *values):
        types = {int: "u", str: "s"}
        arguments = GLib.Variant(f"({''.join(types[type(value)] for value in values)})", values)
        self.bus.emit_signal(None, PATH, NAME, signal, arguments)

    def wait(self, happened):
        """Serves the bus until something has happened there."""
        def look():
            GLib.MainContext.default().iteration(False)
            return happened()
        until(look, "what happens on the bus")

    def ask(self, **line):
        return end(notify(**line), GLib.MainContext.default())


class Notifications(unittest.TestCase):
    def test_it_is_shown(self):
        with Daemon(["body"]) as daemon:
            status, out, err = daemon.ask(urgency="critical")
            self.assertEqual((status, out, err), (0, b"", b""))
            (app, replaces, icon, summary, body, actions, hints, expires), = daemon.seen
            self.assertEqual((app, replaces, icon, actions), ("Split SSH", 0, "dialog-password", []))
            self.assertEqual((summary, body), ("work-dev used git-work", "12 signatures"))
            self.assertEqual((hints, expires), ({"urgency": 2}, -1))

    def test_hostile_text_is_text(self):
        hostile = "<b>x</b>\n\u202e &amp;"
        for capabilities, body in [(["body"], "<b>x</b> \\u{202e} &amp;"),
                                   (["body", "body-markup"], "&lt;b&gt;x&lt;/b&gt; \\u{202e} &amp;amp;")]:
            with self.subTest(capabilities), Daemon(capabilities) as daemon:
                daemon.ask(summary=hostile, body=hostile)
                self.assertEqual(daemon.seen[0][3], "<b>x</b>\\x0a\\u{202e} &amp;")
                self.assertEqual(daemon.seen[0][4], body)

    def test_silent_without_a_daemon(self):
        self.assertEqual(end(notify()), (0, b"", b""))

    def test_silent_without_a_bus(self):
        address = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
        self.assertEqual(end(notify(env=address)), (0, b"", b""))

    def test_silent_where_the_daemon_hangs(self):
        with Daemon([], answers=False) as daemon:
            start = time.monotonic()
            self.assertEqual(daemon.ask(), (0, b"", b""))
            self.assertLess(time.monotonic() - start, 20)

    def test_a_button_revokes_and_nothing_else_does(self):
        pressed = b'{"revoke":true}\n'
        for signals, said in [([("ActionInvoked", 7, "Revoke")], pressed),
                              ([("NotificationClosed", 7, 2)], b""),
                              ([("ActionInvoked", 8, "Revoke"), ("NotificationClosed", 7, 1)], b"")]:
            with self.subTest(signals), Daemon(["actions"]) as daemon:
                process = notify(revokes=3)
                daemon.wait(lambda: daemon.seen)
                self.assertEqual(daemon.seen[0][5], ["Revoke", "Revoke"])
                for signal in signals:
                    daemon.say(*signal)
                self.assertEqual(end(process, GLib.MainContext.default()), (0, said, b""))

    def test_no_button_where_the_desktop_has_none(self):
        with Daemon(["body"]) as daemon:
            self.assertEqual(daemon.ask(revokes=3), (0, b"", b""))
            self.assertEqual(daemon.seen[0][5], [])

    def test_a_bad_line_is_refused(self):
        status, out, err = end(notify(urgency="loud"))
        self.assertEqual((status, out), (2, b""))
        self.assertIn(b"split-ssh-prompt: ", err)


if __name__ == "__main__":
    run()
