"""Speaks to X programs as Qubes' gui-agent does (gui-agent/vmside.c), with a dom0 that focuses new windows.

It claims to be a window manager, but moves and decorates nothing, and of all ways to ask for attention it passes on
one: the _NET_WM_STATE_DEMANDS_ATTENTION message to the root window. Each that it would pass on is a line on stdout.
"""

from Xlib import X, Xatom, Xutil, display
from Xlib.error import XError
from Xlib.protocol import event

SUPPORTED = ["_NET_SUPPORTED", "_NET_SUPPORTING_WM_CHECK", "_NET_WM_MOVERESIZE", "_NET_WM_STATE",
             "_NET_WM_STATE_FULLSCREEN", "_NET_WM_STATE_DEMANDS_ATTENTION", "_NET_WM_STATE_HIDDEN"]


class GuiAgent:
    def __init__(self):
        self.x = display.Display()
        self.root = self.x.screen().root
        self.known = set()
        stub = self.root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        check = self.atom("_NET_SUPPORTING_WM_CHECK")
        stub.change_property(self.atom("_NET_WM_NAME"), self.atom("UTF8_STRING"), 8, b"Qubes")
        stub.change_property(check, Xatom.WINDOW, 32, [stub.id])
        self.root.change_property(check, Xatom.WINDOW, 32, [stub.id])
        self.root.change_property(self.atom("_NET_SUPPORTED"), Xatom.ATOM, 32, [self.atom(n) for n in SUPPORTED])
        self.root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self.x.sync()

    def atom(self, name):
        return self.x.intern_atom(name)

    def focus(self, window):
        """What the agent does when dom0 says that a window has the focus."""
        window.configure(stack_mode=X.Above)
        hints = window.get_wm_hints()
        if not hints or not hints.flags & Xutil.InputHint or hints.input:
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
        take_focus = self.atom("WM_TAKE_FOCUS")
        if take_focus in (window.get_wm_protocols() or []):
            message = event.ClientMessage(window=window, client_type=self.atom("WM_PROTOCOLS"),
                                          data=(32, [take_focus, X.CurrentTime, 0, 0, 0]))
            window.send_event(message)
        self.x.sync()

    def run(self):
        print("ready", flush=True)
        while True:
            happened = self.x.next_event()
            try:
                self.hear(happened)
            except XError:
                pass  # the window went away meanwhile

    def hear(self, happened):
        if happened.type == X.CreateNotify and not happened.override:
            self.known.add(happened.window.id)
        elif happened.type == X.DestroyNotify:
            self.known.discard(happened.window.id)
        elif happened.type == X.MapNotify and happened.window.id in self.known:
            self.focus(happened.window)
        elif happened.type == X.ClientMessage and happened.client_type == self.atom("_NET_WM_STATE"):
            action, first, second = happened.data[1][:3]
            attention = self.atom("_NET_WM_STATE_DEMANDS_ATTENTION")
            if happened.window.id in self.known and action == 1 and attention in (first, second):
                print(f"attention {happened.window.id}", flush=True)


if __name__ == "__main__":
    GuiAgent().run()
