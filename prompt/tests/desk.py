"""A person at a screen: runs the prompt, looks at it through AT-SPI, presses real keys and clicks with xdotool."""

import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import time

import gi

gi.require_version("Atspi", "2.0")
import pyatspi  # noqa: E402
from Xlib import X, display, error  # noqa: E402
from Xlib.ext import xtest  # noqa: E402
from Xlib.protocol import event  # noqa: E402

PROMPT = pathlib.Path(__file__).parent.parent
PROGRAM = os.environ.get("SPLIT_SSH_PROMPT", str(PROMPT / "target/debug/split-ssh-prompt"))
PATIENCE = 20.0  # seconds; only ever used up by a failure
QUIET = 1.0  # seconds that the gate wants
CORNER = (2, 2)
MANAGED = ("openbox", "xfwm4", "i3")  # here a click gives the focus

x = display.Display()


def example(name, **changes):
    """A question from prompt/examples, with some fields changed."""
    with open(PROMPT / "examples" / f"{name}.json", encoding="utf-8") as file:
        return {**json.load(file), **changes}


def role_of(one):
    """The role's name; at-spi2 2.56 calls "button" what earlier ones call "push button"."""
    name = one.getRoleName()
    return "push button" if name == "button" else name


def until(condition, what):
    """Waits for a condition and gives what it found."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found = condition()
        except Exception:  # AT-SPI objects die under the reader's hands  # noqa: BLE001
            found = None
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        select.select([], [], [], 0.01)


def xdotool(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def key(*names):
    xdotool("key", "--clearmodifiers", *names)


def write(text):
    xdotool("type", "--delay", "5", text)


class Lines:
    """Lines of a pipe, each waited for no longer than PATIENCE."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.held = b""
        self.ended = False

    def next(self):
        """The next line as JSON; None at the end."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self.held:
            ready, _, _ = select.select([self.pipe], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError("no line in time")
            chunk = os.read(self.pipe.fileno(), 4096)
            if not chunk:
                assert not self.held, f"half a line: {self.held!r}"
                return None
            self.held += chunk
        line, self.held = self.held.split(b"\n", 1)
        return json.loads(line)


class Prompt:
    """One run of the program."""

    def __init__(self, question, *flags, env=None):
        xdotool("mousemove", *CORNER)
        self.process = subprocess.Popen([PROGRAM, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self.lines = Lines(self.process.stdout)
        self.say(question)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def say(self, line):
        if not isinstance(line, bytes):
            line = json.dumps(line).encode() + b"\n"
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it read no further; what it answers tells

    def status(self):
        return self.process.wait(PATIENCE)

    def answer(self):
        """The one answer; asserts that nothing follows it."""
        answer = self.lines.next()
        assert self.lines.next() is None, "more than one answer"
        assert self.status() == 0
        return answer

    def shown(self):
        """Waits until the window is up, and sees to it that it can get the focus."""
        line = self.lines.next()
        assert line == {"shown": True}, line
        self.frame = until(self._frame, "the window in the accessibility tree")
        self.window = until(self._window, "the X window")
        return self

    def box(self, one, letter=None):
        """Where it is, or a letter of its text, in the screen's pixels; AT-SPI counts in the desktop's scale."""
        width = self.frame.queryComponent().getExtents(pyatspi.DESKTOP_COORDS).width
        scale = max(1, round(self.window.get_geometry().width / width))
        if letter is None:
            box = one.queryComponent().getExtents(pyatspi.DESKTOP_COORDS)
            left, top, width, height = box.x, box.y, box.width, box.height
        else:
            left, top, width, height = one.queryText().getCharacterExtents(letter, pyatspi.DESKTOP_COORDS)
        return tuple(scale * value for value in (left, top, left + width, top + height))

    def focused(self):
        """As a person brings a window to the front: by a click on it, off every button; or, where no window manager is, by
        pointing at it."""
        return self.shown().to_the_front()

    def to_the_front(self):
        self.point_at_heading()
        if os.environ.get("DESK") in MANAGED:
            until(lambda: self.is_at_pointer() and self.click_here(), "the window to be on top")
        until(self.is_focused, "the focus")
        return self

    def ready(self):
        """In focus, and past its quiet second."""
        self.focused()
        self.wait_armed()
        return self

    def _frame(self):
        for app in pyatspi.Registry.getDesktop(0):
            if app and app.get_process_id() == self.process.pid and app.childCount:
                return app.getChildAtIndex(0)
        return None

    def _window(self):
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--pid", str(self.process.pid), "--name", "Split SSH"],
                               capture_output=True, check=False, text=True).stdout.split()
        return x.create_resource_object("window", int(found[-1])) if found else None

    def all(self):
        """Every accessible object of the window."""
        waiting = [self.frame]
        while waiting:
            one = waiting.pop()
            yield one
            waiting.extend(one.getChildAtIndex(i) for i in range(one.childCount))

    def find(self, name, role=None):
        for one in self.all():
            if one.name == name and role in (None, role_of(one)):
                return one
        raise AssertionError(f"no {role or 'thing'} called {name!r}: {[one.name for one in self.all() if one.name]}")

    def role(self, role):
        return next(one for one in self.all() if role_of(one) == role)

    def button(self, name):
        return next((one for one in self.shown_buttons() if one.name == name), None) or self.find(name, "push button")

    def shown_buttons(self):
        """Those of the page of answers that is on the screen."""
        return [one for one in self.all() if role_of(one) == "push button" and self.has(one, pyatspi.STATE_SHOWING)]

    def buttons(self):
        return {one.name for one in self.shown_buttons()}

    def has(self, one, state):
        one.clear_cache()
        return one.getState().contains(state)

    def is_open(self, name="Allow once"):
        return self.has(self.button(name), pyatspi.STATE_SENSITIVE)

    def says(self, start):
        for one in self.all():
            one.clear_cache()
            if one.name.startswith(start):
                return True
        return False

    def is_focused(self):
        return self.has(self.frame, pyatspi.STATE_ACTIVE)

    def wait_armed(self, name="Allow once"):
        until(lambda: self.is_open(name) and not self.says("Allow unlocks"), f"{name} to open")

    def wait_closed(self, name="Allow once"):
        until(lambda: not self.is_open(name), f"{name} to close")

    def focus_on(self, name):
        """Goes to a button by Tab, as somebody without a mouse does."""
        for _ in range(12):
            if self.has(self.button(name), pyatspi.STATE_FOCUSED):
                return
            before = self.focus_name()
            key("Tab")
            until(lambda: self.focus_name() != before, "the focus to move")
        raise AssertionError(f"Tab does not reach {name}")

    def focus_name(self):
        return next((one.name for one in self.all() if self.has(one, pyatspi.STATE_FOCUSED)), None)

    def middle(self, one):
        left, top, right, bottom = self.box(one)
        return (left + right) // 2, (top + bottom) // 2

    def is_at_pointer(self):
        """Whether the pointer is on this window or what its window manager put around it."""
        child = x.screen().root.query_pointer().child
        while child and child.id != self.window.id:
            child = child.query_pointer().child
        return bool(child)

    def click_here(self):
        xdotool("click", 1)
        return True

    def point_at_heading(self):
        left, top, _, _ = self.box(self.role("heading"))
        xdotool("mousemove", left + 4, top + 4)

    def click(self, name):
        xdotool("mousemove", *self.middle(self.button(name)), "click", 1)

    def close(self):
        """As a window manager asks a window to close."""
        protocols, delete = x.intern_atom("WM_PROTOCOLS"), x.intern_atom("WM_DELETE_WINDOW")
        self.window.send_event(event.ClientMessage(window=self.window, client_type=protocols,
                                                   data=(32, [delete, X.CurrentTime, 0, 0, 0])))
        x.sync()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        status = pathlib.Path(f"/proc/{self.process.pid}/stat")
        until(lambda: status.read_text().rsplit(")", 1)[1].split()[0] == "T", "the process to stop")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


def windows():
    """The numbers of all windows that are there."""
    return {one.id for one in x.screen().root.query_tree().children}


@contextlib.contextmanager
def held_server():
    """The X server listens to nobody else meanwhile. What happens reaches the others' queues all the same."""
    x.grab_server()
    x.sync()
    try:
        yield
    finally:
        x.ungrab_server()
        x.sync()


class Looks:
    """A prompt's looks at the X server's clock: each changes a property of a window that is never shown."""

    def __init__(self, others):
        self.clocks = set()
        for number in windows() - others:
            window = x.create_resource_object("window", number)
            with contextlib.suppress(error.XError):  # it went away under our eyes
                if window.get_attributes().map_state == X.IsUnmapped:
                    window.change_attributes(event_mask=X.PropertyChangeMask)
                    self.clocks.add(number)
        root = x.screen().root
        self.ours = root.create_window(0, 0, 1, 1, 0, X.CopyFromParent, event_mask=X.PropertyChangeMask)

    def now(self):
        """The server's time, in milliseconds."""
        self.ours.change_property(x.intern_atom("NOW"), x.intern_atom("ATOM"), 32, [], X.PropModeAppend)
        return self._next({self.ours.id})

    def next(self):
        """Waits for a look, and gives its time."""
        return self._next(self.clocks)

    def has_next(self):
        """Whether there has been a look that was not waited for."""
        while x.pending_events():
            happened = x.next_event()
            if happened.type == X.PropertyNotify and happened.window.id in self.clocks:
                return True
        return False

    def _next(self, windows_meant):
        x.flush()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not x.pending_events():
                select.select([x.fileno()], [], [], 0.1)
                continue
            happened = x.next_event()
            if happened.type == X.PropertyNotify and happened.window.id in windows_meant:
                return happened.time
        raise AssertionError("no look at the clock")


class OtherWindow:
    """Something else that wants the keyboard."""

    def __enter__(self):
        screen = x.screen()
        self.window = screen.root.create_window(0, 0, 60, 60, 0, screen.root_depth, event_mask=X.FocusChangeMask,
                                                background_pixel=screen.white_pixel)
        self.window.set_wm_name("other")
        self.window.map()
        x.sync()
        xdotool("mousemove", *CORNER)  # where no window manager is, the pointer says who has the focus
        return self

    def __exit__(self, *_):
        self.window.destroy()
        x.sync()


def for_seconds(length, act, gap=0.25):
    """Acts again and again for `length` seconds, never pausing for as long as the gate's quiet second. False if this
    machine was too slow for that, so that nothing follows from it."""
    start = last = time.monotonic()
    while time.monotonic() - start < length:
        act()
        now = time.monotonic()
        if now - last > QUIET * 0.8:
            return False
        last = now
        select.select([], [], [], gap / 2)
    return True
