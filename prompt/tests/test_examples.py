"""Opens each example question and looks whether a person could read and answer it on this desk."""

import unittest

import pyatspi
from Xlib import X

from desk import CORNER, MANAGED, PROMPT, OtherWindow, Prompt, example, key, role_of, until, x, xdotool
from test_notify import Daemon
from test_prompt import DENY, DESK, answer, run

EXAMPLES = sorted(path.stem for path in (PROMPT / "examples").glob("*.json"))
QUESTIONS = [name for name in EXAMPLES if name != "passphrase"]
SLACK = 2  # pixels by which GTK and AT-SPI count differently


def inside(inner, outer):
    left, top, right, bottom = inner
    return (left >= outer[0] - SLACK and top >= outer[1] - SLACK and right <= outer[2] + SLACK
            and bottom <= outer[3] + SLACK)


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def steady(look):
    """What is seen twice in a row: a window manager may be moving the window still."""
    seen = [None]
    until(lambda: seen.append(look()) or seen[-1] == seen[-2], "a window that stands still")
    return seen[-1]


class Examples(unittest.TestCase):
    def each(self, look, names=QUESTIONS):
        for name in names:
            flags = ["--passphrase"] if name == "passphrase" else []
            with self.subTest(name), Prompt(example(name, seconds=300), *flags) as prompt:
                look(name, prompt.focused())

    def showing(self, prompt):
        """What is on the screen: GTK says it also of what is folded away."""
        folded = [one for fold in prompt.all() if role_of(fold) == "toggle button" for one in inside_of(fold)]
        return [one for one in prompt.all() if one not in folded and prompt.has(one, pyatspi.STATE_SHOWING)]

    def read_to_the_end(self, prompt):
        until(lambda: not prompt.says("Allow unlocks"), "the quiet second to end")
        until(lambda: prompt.is_open() or key("Page_Down"), "the end of the text")

    def test_it_is_on_the_screen_with_all_its_buttons(self):
        screen = x.screen()
        def boxes(prompt):
            place = prompt.window.get_geometry()
            at = prompt.window.translate_coords(screen.root, 0, 0)
            buttons = [prompt.box(prompt.button(name)) for name in sorted(prompt.buttons())]
            return (-at.x, -at.y, place.width - at.x, place.height - at.y), buttons

        def look(_, prompt):
            window, buttons = steady(lambda: boxes(prompt))
            self.assertTrue(inside(window, (0, 0, screen.width_in_pixels, screen.height_in_pixels)), window)
            for button in buttons:
                self.assertTrue(inside(button, window), f"{button} is not in {window}")
                self.assertFalse(any(button != other and overlap(button, other) for other in buttons), buttons)

        self.each(look, EXAMPLES)

    def test_no_text_is_cut(self):
        """Each text fits into its label, and no label is wider than the window."""
        def look(_, prompt):
            window = prompt.box(prompt.frame)
            for label in self.showing(prompt):
                if role_of(label) not in ("label", "heading", "push button"):
                    continue
                label_box = prompt.box(label)
                self.assertGreaterEqual(label_box[0], window[0] - SLACK, label.name)
                self.assertLessEqual(label_box[2], window[2] + SLACK, label.name)
                if role_of(label) == "push button":
                    continue
                text = label.queryText()
                said = text.getText(0, -1)
                self.assertNotIn("\u2026", said)
                for at in (0, text.characterCount // 2, text.characterCount - 1):
                    letter = prompt.box(label, letter=at)
                    self.assertTrue(inside(letter, label_box), f"{letter} is not in {label_box}: {said}")

        self.each(look, EXAMPLES)

    def test_a_screen_reader_finds_a_dialog_and_no_empty_names(self):
        def look(name, prompt):
            risk = example(name).get("risk")
            self.assertEqual(role_of(prompt.frame), "alert" if risk == "dangerous" else "dialog")
            self.assertTrue(prompt.frame.description)
            for one in self.showing(prompt):
                if role_of(one) in ("label", "heading", "push button", "icon", "toggle button", "text"):
                    self.assertTrue(one.name, f"{name}: a nameless {role_of(one)} at {prompt.box(one)}")

        self.each(look, EXAMPLES)

    def test_what_warns_is_never_folded_away(self):
        def look(name, prompt):
            for warning in example(name).get("warnings", []):
                prompt.find(warning)
            fold = prompt.find("Details", "toggle button")
            self.assertFalse(prompt.has(fold, pyatspi.STATE_EXPANDED))
            self.assertTrue(all(one.name not in example(name).get("warnings", []) for one in inside_of(fold)))

        self.each(look)

    def test_the_details_open_by_a_key_and_the_second_begins_anew(self):
        def look(name, prompt):
            self.read_to_the_end(prompt)
            fold = prompt.find("Details", "toggle button")
            key("alt+e")
            prompt.wait_closed()
            until(lambda: prompt.has(fold, pyatspi.STATE_EXPANDED), "the details")
            prompt.wait_armed()
            why = prompt.find("Why asked: " + example(name)["why"])
            until(lambda: prompt.has(why, pyatspi.STATE_SHOWING) or key("Page_Down"), "the rule's place")
            screen = x.screen()
            at, place = prompt.window.translate_coords(screen.root, 0, 0), prompt.window.get_geometry()
            self.assertLessEqual(place.height - at.y, screen.height_in_pixels)
            key("Escape")
            self.assertEqual(prompt.answer(), answer("deny", same=example(name)["same"]))

        self.each(look)

    def test_it_is_allowed_after_it_was_read(self):
        def look(name, prompt):
            self.read_to_the_end(prompt)
            key("alt+o")
            self.assertEqual(prompt.answer(), answer("once", same=example(name)["same"]))

        self.each(look)


def inside_of(one):
    for at in range(one.childCount):
        child = one.getChildAtIndex(at)
        yield child
        yield from inside_of(child)


class Focus(unittest.TestCase):
    @unittest.skipUnless(DESK in MANAGED, "nobody here gives the focus by the window's wish")
    def test_it_takes_no_keyboard_from_another_window(self):
        with OtherWindow() as other:
            other.window.set_input_focus(X.RevertToParent, X.CurrentTime)
            x.sync()
            with Prompt(example("login")) as prompt:
                prompt.shown()
                key("space", "Return", "alt+o")
                self.assertEqual(x.get_input_focus().focus.id, other.window.id)
                self.assertFalse(prompt.is_focused())
                prompt.find("Click this window first.")
                prompt.to_the_front().wait_armed()
                key("Escape")
                self.assertEqual(prompt.answer(), DENY)

    @unittest.skipUnless(DESK in MANAGED, "nobody here gives the focus")
    def test_who_does_not_come_is_told_and_shown_the_window(self):
        with Daemon(["body", "actions"]) as daemon, Prompt(example("root", seconds=60)) as prompt:
            prompt.shown()
            xdotool("mousemove", *CORNER)
            daemon.wait(lambda: daemon.seen)
            (_, _, _, summary, body, actions, hints, expires), = daemon.seen
            self.assertEqual(summary, "Split SSH waits for your answer")
            self.assertIn(" wants to log in as root on ", body)
            self.assertEqual((actions, hints), (["default", "Show", "Show", "Show"], {"urgency": 2}))
            self.assertLessEqual(expires, 50_000)
            self.assertFalse(prompt.is_focused())
            daemon.say("ActionInvoked", 7, "Show")
            daemon.wait(prompt.is_focused)
            daemon.wait(lambda: daemon.closed)
            prompt.wait_armed()
            key("Escape")
            self.assertEqual(prompt.answer()["answer"]["decision"], "deny")


if __name__ == "__main__":
    run()
