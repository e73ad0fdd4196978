"""A person at a screen, told what to do by a test: a JSON array a line, answered by a JSON object each.

Eyes and hands are those of the prompt's own tests. No window manager: the pointer says who has the focus.
"""

import json
import pathlib
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent / "prompt/tests"))

import desk  # noqa: E402
from Xlib import X, display, error  # noqa: E402

TITLE = "Split SSH"
desk.PATIENCE = 60.0

seen = set()  # pids of windows that the test knows


class Window(desk.Prompt):
    """A window that somebody else's program shows."""

    def __init__(self, pid):
        self.process = types.SimpleNamespace(pid=pid)

    def __exit__(self, *_):
        pass

    def shown(self):
        self.frame = desk.until(self._frame, "the window in the accessibility tree")
        self.window = desk.until(self._window, "the X window")
        return self


    def _frame(self):
        desktop = desk.pyatspi.Registry.getDesktop(0)
        for at in range(desktop.childCount):
            try:
                app = desktop.getChildAtIndex(at)
                if app.get_process_id() == self.process.pid and app.childCount:
                    return app.getChildAtIndex(0)
            except Exception:  # an earlier window, on its way out  # noqa: BLE001
                continue
        return None

    def wait_armed(self, name="Allow"):
        """Every button that allows opens at the same time."""
        allowing = next(button for button in self.buttons() if button.startswith(name))
        super().wait_armed(allowing)


class Watch:
    """Counts the windows that are open at the same time, by what the X server tells in its order."""

    def __init__(self):
        self.x = display.Display()
        self.x.screen().root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self.x.sync()
        self.now, self.most, self.total = set(), 0, 0

    def look(self):
        self.x.sync()
        while self.x.pending_events():
            event = self.x.next_event()
            if event.type == X.MapNotify and not event.override:  # menus and tooltips override
                self.now.add(event.window.id)
                self.total += 1
            elif event.type in (X.UnmapNotify, X.DestroyNotify):
                self.now.discard(event.window.id)
            self.most = max(self.most, len(self.now))
        return {"now": len(self.now), "most": self.most, "total": self.total}


def pid_of_a_new_window():
    pid_atom = desk.x.intern_atom("_NET_WM_PID")
    for window in desk.x.screen().root.query_tree().children:
        try:
            if window.get_attributes().map_state != X.IsViewable or not (window.get_wm_name() or "").startswith(TITLE):
                continue
            pid = window.get_full_property(pid_atom, X.AnyPropertyType).value[0]
        except (error.XError, AttributeError):
            continue  # it went away under our eyes
        if pid not in seen:
            return pid
    return None


windows = {}


def new_window():
    """Waits for a window that was not there before."""
    pid = desk.until(pid_of_a_new_window, "a new window")
    seen.add(pid)
    windows[pid] = Window(pid).shown()
    return {"pid": pid, "title": windows[pid].window.get_wm_name()}


def read(pid):
    """What a screen reader would say."""
    return [one.name for one in windows[pid].all() if one.name]


def wait_to_read(pid, words):
    try:
        desk.until(lambda: any(words in text for text in read(pid)), "the words")
    except AssertionError:
        raise AssertionError(f"no {words!r} in {read(pid)}") from None


def point_and_wait(pid):
    """In focus, and past the quiet second. The pointer must rest: each move begins the second anew."""
    windows[pid].point_at_heading()
    windows[pid].wait_armed()


def press(pid, button):
    point_and_wait(pid)
    windows[pid].click(button)


def click(pid, start):
    """Clicks the button whose name starts so, in a window that has no gate."""
    window = windows[pid]
    name = desk.until(lambda: next(name for name in window.buttons() if name.startswith(start)), start)
    window.click(name)


def press_keys(pid, *keys):
    """Keys for the window, as soon as it takes them."""
    point_and_wait(pid)
    desk.key(*keys)


def click_early(pid, button):
    """Clicks before the button opens; false if this machine was too slow for that, or the window is gone."""
    if windows[pid].is_open(button):
        return False
    windows[pid].click(button)
    try:
        return not windows[pid].is_open(button)
    except Exception:  # AT-SPI objects go with their program  # noqa: BLE001
        return False


def name_host(pid, name):
    point_and_wait(pid)
    desk.key("alt+n")
    desk.write(name)
    entry = windows[pid].role("text")
    desk.until(lambda: entry.queryText().getText(0, -1) == name, "the name in its field")


def unlock(pid, passphrase):
    windows[pid].point_at_heading()
    wait_to_read(pid, "is not stored")
    desk.write(passphrase)
    windows[pid].wait_armed("Unlock")
    desk.key("Return")


def close(pid):
    windows[pid].close()


watch = Watch()
ORDERS = {act.__name__: act for act in (new_window, read, wait_to_read, press, click, press_keys, click_early, name_host, unlock,
                                        close)}
ORDERS["watch"] = watch.look

print(json.dumps({"done": None}), flush=True)
for line in sys.stdin:
    order, *words = json.loads(line)
    try:
        reply = {"done": ORDERS[order](*words)}
    except Exception as problem:  # the test that gave the order tells it  # noqa: BLE001
        reply = {"failed": f"{type(problem).__name__}: {problem}"}
    watch.look()
    print(json.dumps(reply), flush=True)
