"""The window of `split-ssh ui`: what it shows, and what its buttons tell."""

import copy
import unittest

import pyatspi

from desk import Prompt, example, key, role_of, until, x, xdotool
from test_examples import SLACK, inside
from test_prompt import run

HOSTILE = "x\nServer: <b>github.com</b>\u202e\x1b[2J"


class Overview(Prompt):
    def __init__(self, overview, env=None):
        super().__init__(overview, "--ui", env=env)

    def shown(self):
        self.frame = until(self._frame, "the window in the accessibility tree")
        self.window = until(self._window, "the X window")
        return self

    def point_at_heading(self):
        """The first one: others may be further down than the screen shows."""
        heading = self.find("Waiting", "heading")
        until(lambda: self.box(heading)[0] >= 0, "the heading to have its place")
        xdotool("mousemove", self.box(heading)[0] + 4, self.box(heading)[1] + 4)

    def showing(self, *roles):
        return [one for one in self.all() if role_of(one) in roles and self.has(one, pyatspi.STATE_SHOWING)]

    def reach(self, start):
        """Goes by Tab to the button whose name starts so."""
        for _ in range(12):
            if (self.focus_name() or "").startswith(start):
                return
            before = self.focus_name()
            key("Tab")
            until(lambda: self.focus_name() != before, "the focus to move")
        raise AssertionError(f"Tab does not reach {start}")


def shown(**changes):
    return Overview({**example("ui/overview"), **changes})


def without(section):
    overview = example("ui/overview")
    overview["sections"][section]["entries"] = []
    return overview


class Ui(unittest.TestCase):
    def test_it_shows_all_that_it_was_told(self):
        overview = example("ui/overview")
        with shown() as window:
            window.shown()
            names = {one.name for one in window.all()}
            self.assertIn(overview["state"], names)
            for section in overview["sections"]:
                self.assertIn(section["title"], [one.name for one in window.all() if role_of(one) == "heading"])
                self.assertFalse(window.has(window.find(section["empty"]), pyatspi.STATE_VISIBLE))
                for entry in section["entries"]:
                    self.assertIn(f"{entry['qube']} {entry['what']}".strip(), names)
            for one in window.all():
                if role_of(one) in ("label", "heading", "push button", "icon", "list", "list item"):
                    self.assertTrue(one.name or not window.has(one, pyatspi.STATE_SHOWING), role_of(one))

    def test_what_is_empty_says_so(self):
        for section, words in enumerate(("Nothing waits.", "Nobody is connected.", "No answer is remembered.",
                                         "Nothing was decided yet.")):
            with self.subTest(words), Overview(without(section)) as window:
                window.shown()
                until(lambda: window.has(window.find(words), pyatspi.STATE_VISIBLE), words)

    def test_buttons_tell_what_was_pressed_and_keys_reach_them(self):
        with shown() as window:
            window.focused()
            window.reach("Answer...")
            key("Return")
            self.assertEqual(window.lines.next(), {"answer": 17})
            window.reach("Revoke personal")
            key("space")
            self.assertEqual(window.lines.next(), {"revoke": 4})
            window.reach("Revoke work-dev")
            window.click("Revoke work-dev Allowed: login git@github.com (proven)")
            self.assertEqual(window.lines.next(), {"revoke": 3})

    def test_what_changes_leaves_the_focus_where_it_was(self):
        overview = example("ui/overview")
        with shown() as window:
            window.focused()
            window.reach("Revoke personal")
            overview["sections"][1]["entries"].pop(0)
            overview["sections"][2]["entries"][1]["details"] = "Used once"
            overview["sections"][3]["entries"].insert(0, {**overview["sections"][3]["entries"][0], "when": "15:30:00"})
            window.say(overview)
            until(lambda: window.says("Used once") and window.says("15:30:00"), "the changes")
            self.assertFalse(window.says("deploy, 1 connection"))
            until(lambda: (window.focus_name() or "").startswith("Revoke personal"), "the focus to stay")
            overview["sections"][2]["entries"].pop(1)
            window.say(overview)
            until(lambda: (window.focus_name() or "").startswith("Revoke work-dev"), "the focus beside what is gone")

    def test_a_vault_that_has_gone_is_trouble(self):
        with shown(state="No vault runs here.", is_trouble=True) as window:
            window.shown()
            self.assertTrue(window.has(window.find("Trouble", "icon"), pyatspi.STATE_SHOWING))
            window.say(example("ui/overview"))
            until(lambda: window.says("The vault runs since"), "the vault")
            until(lambda: not window.has(window.find("Trouble", "icon"), pyatspi.STATE_SHOWING), "no trouble")

    def test_hostile_text_is_text(self):
        overview = example("ui/overview")
        for section in overview["sections"]:
            for entry in section["entries"]:
                entry.update({field: HOSTILE for field in ("qube", "what", "when", "details")})
        with shown(state=HOSTILE, sections=overview["sections"]) as window:
            window.shown()
            for one in window.all():
                self.assertNotIn("\n", one.name)
                self.assertNotIn("\u202e", one.name)
            self.assertTrue(window.says("x\\x0aServer: <b>github.com</b>\\u{202e}"))

    def test_nothing_is_cut_and_keys_reach_the_end(self):
        overview = example("ui/overview")
        long = " ".join(["with-a-long-name.of.a.host"] * 12)
        for section in overview["sections"]:
            section["entries"] += [{**copy.deepcopy(section["entries"][-1]), "what": long, "details": long + " "}]
        screen = x.screen()
        with shown(sections=overview["sections"]) as window:
            window.focused()
            at, place = window.window.translate_coords(screen.root, 0, 0), window.window.get_geometry()
            box = (-at.x, -at.y, place.width - at.x, place.height - at.y)
            self.assertTrue(inside(box, (0, 0, screen.width_in_pixels, screen.height_in_pixels)), box)
            seen = set()
            while True:
                there = {one.name: window.box(one) for one in window.showing("label", "heading", "push button") if one.name}
                there = {name: place for name, place in there.items() if place[0] > -10000}  # not scrolled away
                for name, place in there.items():
                    self.assertGreaterEqual(place[0], box[0] - SLACK, name)
                    self.assertLessEqual(place[2], box[2] + SLACK, name)
                    self.assertNotIn("\u2026", name)
                last = window.showing("list item")[-1]
                if inside(window.box(last), box):
                    break
                self.assertLess(len(seen), 60)
                seen.add(str([window.box(one) for one in window.showing("label")]))
                key("Page_Down")
                until(lambda: str([window.box(one) for one in window.showing("label")]) not in seen, "the page to move")

    def test_it_ends_as_the_person_or_the_asker_wants(self):
        for act, status in ((lambda window: key("Escape"), 0), (Prompt.close, 0),
                            (lambda window: window.process.stdin.close(), 4), (lambda window: window.say(b"{}\n"), 2)):
            with self.subTest(status), shown() as window:
                act(window.focused())
                self.assertEqual(window.status(), status)
                self.assertIsNone(window.lines.next())


if __name__ == "__main__":
    run()
