"""What the prompt says when a desktop, or logind, says that the screen is locked."""

import itertools
import json
import os
import select
import subprocess
import time
import unittest

from gi.repository import Gio, GLib

from desk import PATIENCE, PROGRAM
from test_prompt import run

SCREEN_SAVERS = ["org.freedesktop.ScreenSaver", "org.gnome.ScreenSaver", "org.xfce.ScreenSaver",
                 "org.cinnamon.ScreenSaver", "org.mate.ScreenSaver"]
NOWHERE = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}


class Bus:
    """A bus of its own, with services on it that may say anything."""

    def __enter__(self):
        config = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bus.conf")
        self.process = subprocess.Popen(["dbus-daemon", "--nofork", f"--config-file={config}", "--print-address"],
                                        stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self.connection = Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        self.connection.set_exit_on_close(False)
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def own(self, name):
        self.connection.call_sync("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "RequestName",
                                  GLib.Variant("(su)", (name, 0)), None, 0, -1, None)

    def say(self, interface, word, arguments, path="/org/freedesktop/ScreenSaver"):
        self.connection.emit_signal(None, path, interface, word, arguments)
        self.connection.flush_sync(None)


class Watch:
    """The prompt's watch for the lock."""

    def __init__(self, **addresses):
        self.process = subprocess.Popen([PROGRAM, "--watch-lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**os.environ, **NOWHERE, **addresses})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def hears(self, say):
        """How often it had to be said until it was heard: nobody knows when the watch begins."""
        deadline = time.monotonic() + PATIENCE
        for said in itertools.count(1):
            assert time.monotonic() < deadline, "not heard"
            say()
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                return said

    def end(self):
        """The lines of the whole watch, and how it ended."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return [json.loads(line) for line in out.splitlines()], self.process.returncode, err


class Lock(unittest.TestCase):
    def test_each_desktop_is_heard(self):
        for name in SCREEN_SAVERS:
            with self.subTest(name), Bus() as bus, Watch(DBUS_SESSION_BUS_ADDRESS=bus.address) as watch:
                bus.own(name)
                said = watch.hears(lambda: bus.say(name, "ActiveChanged", GLib.Variant("(b)", (True,))))
                lines, status, err = watch.end()
                self.assertTrue(1 <= len(lines) <= said, lines)
                self.assertEqual((lines[0], status, err), ({"locked": True}, 0, b""))

    def test_logind_is_heard(self):
        with Bus() as bus, Watch(DBUS_SYSTEM_BUS_ADDRESS=bus.address) as watch:
            bus.own("org.freedesktop.login1")
            path = "/org/freedesktop/login1/session/_31"
            watch.hears(lambda: bus.say("org.freedesktop.login1.Session", "Lock", None, path))
            lines, status, err = watch.end()
            self.assertEqual((lines[0], status, err), ({"locked": True}, 0, b""))

    def test_nothing_else_counts(self):
        with Bus() as bus, Watch(DBUS_SESSION_BUS_ADDRESS=bus.address) as watch:
            name = SCREEN_SAVERS[0]
            said = watch.hears(lambda: bus.say(name, "ActiveChanged", GLib.Variant("(b)", (True,))))
            for _ in range(said + 2):
                bus.say(name, "ActiveChanged", GLib.Variant("(b)", (False,)))
                bus.say(name, "ActiveChanged", GLib.Variant("(s)", ("true",)))
                bus.say(name, "ActiveChanged", None)
                bus.say(name, "Active", GLib.Variant("(b)", (True,)))
                bus.say("org.example.ScreenSaver", "ActiveChanged", GLib.Variant("(b)", (True,)))
            bus.end()
            lines, _, _ = watch.end()
            self.assertLessEqual(len(lines), said + 1)

    def test_the_end_of_the_session_counts(self):
        with Bus() as bus, Watch(DBUS_SESSION_BUS_ADDRESS=bus.address) as watch:
            said = watch.hears(lambda: bus.say(SCREEN_SAVERS[1], "ActiveChanged", GLib.Variant("(b)", (True,))))
            bus.end()
            watch.process.wait(PATIENCE)
            lines, status, err = watch.end()
            self.assertTrue(2 <= len(lines) <= said + 1, lines)
            self.assertEqual((status, err), (0, b""))

    def test_it_ends_with_the_vault(self):
        with Bus() as bus, Watch(DBUS_SESSION_BUS_ADDRESS=bus.address) as watch:
            self.assertEqual(watch.end(), ([], 0, b""))

    def test_silent_without_a_bus(self):
        with Watch() as watch:
            self.assertEqual(watch.process.wait(PATIENCE), 0)
            self.assertEqual(watch.end(), ([], 0, b""))


if __name__ == "__main__":
    run()
