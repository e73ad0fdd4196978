"""What a person can and cannot do with the prompt, by real keys and clicks."""

import os
import select
import signal
import subprocess
import sys
import time
import unittest

import pyatspi
from Xlib import X
from Xlib.ext import xtest
from Xlib.protocol import event

from desk import (PROGRAM, QUIET, Looks, OtherWindow, Prompt, example, for_seconds, held_server, key, role_of,
                  until, windows, write, x, xdotool)

DESK = os.environ.get("DESK", "none")
NAME = os.environ.get("NAME", DESK)  # what tests/run calls this desk


def answer(decision, **more):
    return {"id": "17", "answer": {"decision": decision, "same": 1, **more}}


DENY = answer("deny")
ONCE = answer("once")


def undisturbed(act):
    """Acts on a fresh prompt until the machine was quick enough for the test to mean something."""
    for _ in range(5):
        if act():
            return
    raise AssertionError("this machine is too slow to press keys within a second")


class Answers(unittest.TestCase):
    def test_esc_denies(self):
        with Prompt(example("login")) as prompt:
            prompt.ready()
            key("Escape")
            self.assertEqual(prompt.answer(), DENY)

    def test_deny_has_the_focus_and_enter_denies(self):
        with Prompt(example("login")) as prompt:
            prompt.ready()
            self.assertEqual(prompt.focus_name(), "Deny")
            key("Return")
            self.assertEqual(prompt.answer(), DENY)

    def test_closing_denies(self):
        with Prompt(example("login")) as prompt:
            prompt.shown().close()
            self.assertEqual(prompt.answer(), DENY)

    def test_a_click_denies(self):
        with Prompt(example("login")) as prompt:
            prompt.ready().click("Deny")
            self.assertEqual(prompt.answer(), DENY)

    def test_mute(self):
        mute = "Deny everything from this qube for 5 min"
        with Prompt(example("login")) as prompt:
            prompt.ready().focus_on(mute)
            until(lambda: prompt.says("A denial ends with the vault"), "how to undo it")
            prompt.click(mute)
            self.assertEqual(prompt.answer(), answer("mute"))

    def test_a_click_after_arming_allows_once(self):
        with Prompt(example("login")) as prompt:
            prompt.ready().click("Allow once")
            self.assertEqual(prompt.answer(), ONCE)

    def test_allow_for_a_time(self):
        with Prompt(example("login")) as prompt:
            prompt.ready().click("Allow for 15 min")
            self.assertEqual(prompt.answer(), answer({"for": 900}))

    def test_tab_and_space_allow(self):
        with Prompt(example("login")) as prompt:
            prompt.ready().focus_on("Allow once")
            key("space")
            self.assertEqual(prompt.answer(), ONCE)

    def test_alt_and_letter_allow(self):
        for keys, decision in [("alt+o", "once"), ("alt+1", {"for": 900})]:
            with self.subTest(keys), Prompt(example("login")) as prompt:
                prompt.ready()
                key(keys)
                self.assertEqual(prompt.answer(), answer(decision))

    def test_only_what_is_offered_is_there(self):
        with Prompt(example("login", offers=["deny", "once"])) as prompt:
            self.assertEqual(prompt.shown().buttons(), {"Deny", "Allow once"})

    def test_three_lengths(self):
        offers = ["deny", {"for": 3600}, {"for": 90}, {"for": 604800}]
        with Prompt(example("login", offers=offers)) as prompt:
            expected = {"Deny", "Allow for 1 min 30 s", "Allow for 1 h", "Allow until the vault stops"}
            self.assertEqual(prompt.shown().buttons(), expected)

    def turn(self, prompt, opener, button):
        """To another page of answers, whose buttons must have their own quiet second."""
        prompt.click(opener)
        until(lambda: button in prompt.buttons(), f"the page with {button}")
        until(lambda: prompt.is_open(button) and not prompt.says("Allow unlocks"), f"{button} to open")

    def test_a_denial_for_a_while_has_a_page_of_lengths(self):
        with Prompt(example("login")) as prompt:
            self.turn(prompt.ready(), "Deny for...", "Deny for 1 h")
            self.assertEqual(prompt.buttons(), {"Back", "Deny for 5 min", "Deny for 15 min", "Deny for 1 h", "Deny for 8 h",
                                                "Deny until the vault stops"})
            prompt.click("Deny for 1 h")
            self.assertEqual(prompt.answer(), answer({"deny-for": 3600}))

    def test_always_shows_the_rule_and_wants_a_second_answer(self):
        with Prompt(example("login")) as prompt:
            self.turn(prompt.ready(), "Always...", "Add this rule and allow")
            self.assertTrue(prompt.says("The rule: [[rule]]"))
            key("Return")  # on Back, which has the focus
            until(lambda: "Allow once" in prompt.buttons(), "the first page")
            prompt.wait_armed()
            self.turn(prompt, "Always...", "Add this rule and allow")
            prompt.click("Add this rule and allow")
            self.assertEqual(prompt.answer(), answer("always"))

    def test_four_lengths_have_a_page(self):
        offers = ["deny", "once", {"for": 300}, {"for": 900}, {"for": 3600}, {"for": 28800}]
        with Prompt(example("login", offers=offers)) as prompt:
            self.turn(prompt.ready(), "Allow for...", "Allow for 8 h")
            prompt.click("Allow for 8 h")
            self.assertEqual(prompt.answer(), answer({"for": 28800}))

    def test_time_out(self):
        with Prompt(example("login", seconds=1)) as prompt:
            prompt.shown()
            self.assertEqual(prompt.answer(), {"id": "17", "answer": None})


class Accidents(unittest.TestCase):
    def test_enter_never_allows(self):
        for enter in ["Return", "KP_Enter"]:
            with self.subTest(enter), Prompt(example("login")) as prompt:
                prompt.ready().focus_on("Allow once")
                key(enter, "Escape")  # in this order: had Enter allowed, Esc would come too late
                self.assertEqual(prompt.answer(), DENY)

    def test_keys_in_the_first_second_do_nothing(self):
        def once():
            with Prompt(example("login")) as prompt:
                prompt.focused()
                if prompt.is_open():
                    return False
                key("Return", "space", "alt+o", "Escape")
                if prompt.process.poll() is None and prompt.is_open():
                    return False  # they came after the second
                prompt.wait_armed()
                prompt.click("Allow once")  # still there to be answered
                self.assertEqual(prompt.answer(), ONCE)
                return True

        undisturbed(once)

    def test_clicking_on_and_on_never_allows(self):
        def once():
            with Prompt(example("login")) as prompt:
                prompt.focused()
                xdotool("mousemove", *prompt.middle(prompt.button("Allow once")))
                start = time.monotonic()
                xdotool("click", 1)
                if time.monotonic() - start > 0.8 or not for_seconds(2.5, lambda: xdotool("click", 1)):
                    return False
                self.assertFalse(prompt.is_open())
                prompt.wait_armed()
                key("Escape")
                self.assertEqual(prompt.answer(), DENY)
                return True

        undisturbed(once)

    def test_typing_on_and_on_never_arms(self):
        def once():
            with Prompt(example("login")) as prompt:
                prompt.focused()
                key("a")
                if not for_seconds(2.5, lambda: key("o", "space")):
                    return False
                self.assertFalse(prompt.is_open())
                prompt.wait_armed()
                key("Escape")
                self.assertEqual(prompt.answer(), DENY)
                return True

        undisturbed(once)

    def test_losing_the_focus_disarms(self):
        with Prompt(example("login")) as prompt:
            prompt.ready()
            with OtherWindow():
                prompt.wait_closed()
                key("alt+o", "space", "Return")  # meant for the other window
            prompt.window.set_input_focus(X.RevertToParent, X.CurrentTime)
            x.sync()
            prompt.point_at_heading()
            prompt.wait_armed()
            key("Escape")
            self.assertEqual(prompt.answer(), DENY)

    def test_a_stalled_prompt_takes_no_click_from_before_it_was_ready(self):
        """A prompt that goes on finds the clicks in its queue before it gets to open the buttons."""
        def once():
            with Prompt(example("login")) as prompt:
                prompt.focused()
                xdotool("mousemove", *prompt.middle(prompt.button("Allow once")))
                prompt.stop()
                # Each pause is longer than the gate's second: by the clock of a prompt that only looks at the clock,
                # the later clicks would count.
                for _ in range(3):
                    select.select([], [], [], 1.2)
                    xdotool("click", 1)
                prompt.go_on()
                if prompt.process.poll() is None and prompt.is_open():
                    return False  # it was ready before it was stopped
                prompt.wait_armed()
                key("Escape")
                self.assertEqual(prompt.answer(), DENY)
                return True

        undisturbed(once)

    def test_a_click_while_the_opened_buttons_are_being_painted_does_not_count(self):
        """The buttons are open, and the click comes after that out of the queue: its time alone tells that it was made
        when nobody could see them open."""
        def once():
            others = windows()
            with Prompt(example("login")) as prompt:
                prompt.focused()
                looks = Looks(others)
                xdotool("mousemove", *prompt.middle(prompt.button("Allow once")))
                before = looks.now()
                xtest.fake_input(x, X.KeyPress, x.keysym_to_keycode(ord("a")))  # begins the second anew
                xtest.fake_input(x, X.KeyRelease, x.keysym_to_keycode(ord("a")))
                after = looks.now()
                while (look := looks.next()) - after < 1000 * QUIET:
                    if look - before >= 1000 * QUIET:
                        return False  # it may have opened them, and then the next one tells that they are painted
                select.select([], [], [], 0.001)  # the prompt has its answer; it has not painted yet
                with held_server():
                    if looks.has_next():
                        return False  # it has
                    select.select([], [], [], 0.1)  # it paints now, and waits for the server
                    xtest.fake_input(x, X.ButtonPress, 1)
                    xtest.fake_input(x, X.ButtonRelease, 1)
                    x.sync()
                prompt.wait_armed()
                key("Escape")
                self.assertEqual(prompt.answer(), DENY)
                return True

        undisturbed(once)

    def test_a_stalled_start_takes_no_key_from_before_it_was_ready(self):
        with Prompt(example("login")) as prompt:
            until(prompt._window, "the window")
            prompt.stop()
            for _ in range(2):
                select.select([], [], [], 1.2)
                key("alt+o", "space", "Return")
            prompt.go_on()
            prompt.ready()
            key("Escape")
            self.assertEqual(prompt.answer(), DENY)

    def test_an_accessibility_action_before_arming_does_nothing(self):
        with Prompt(example("login")) as prompt:
            prompt.shown()
            prompt.button("Allow once").queryAction().doAction(0)
            prompt.to_the_front()
            prompt.wait_armed()
            key("Escape")
            self.assertEqual(prompt.answer(), DENY)

    def test_an_accessibility_action_after_arming_allows(self):
        with Prompt(example("login")) as prompt:
            prompt.ready().button("Allow once").queryAction().doAction(0)
            self.assertEqual(prompt.answer(), ONCE)

    def test_an_accessibility_action_reaches_no_page_that_is_not_shown(self):
        for name in ("Add this rule and allow", "Deny for 8 h"):
            with self.subTest(name), Prompt(example("login")) as prompt:
                prompt.ready().find(name, "push button").queryAction().doAction(0)
                key("Escape")
                self.assertEqual(prompt.answer(), DENY)

    def test_events_made_by_programs_do_nothing(self):
        with Prompt(example("login")) as prompt:
            prompt.ready()
            code = x.keysym_to_keycode(ord("o"))
            for kind in (event.KeyPress, event.KeyRelease):
                prompt.window.send_event(kind(time=X.CurrentTime, root=x.screen().root, window=prompt.window,
                                              same_screen=1, child=X.NONE, root_x=0, root_y=0, event_x=0, event_y=0,
                                              state=X.Mod1Mask, detail=code))
            x.sync()
            key("Escape")
            self.assertEqual(prompt.answer(), DENY)

    def test_one_that_joins_starts_the_second_anew(self):
        with Prompt(example("login")) as prompt:
            prompt.ready()
            prompt.say({"v": 1, "id": "17", "waiting": 2, "same": 3})
            prompt.wait_closed()
            prompt.find("3 identical requests are waiting; your answer applies to all of them.")
            prompt.wait_armed()
            prompt.click("Allow once")
            self.assertEqual(prompt.answer(), answer("once", same=3))

    def test_one_more_waiting_is_said_and_disturbs_nobody(self):
        with Prompt(example("login", waiting=0)) as prompt:
            prompt.ready()
            prompt.say({"v": 1, "id": "17", "waiting": 5, "same": 1})
            until(lambda: any("5 more questions wait" in one.name for one in prompt.all()), "the new count")
            self.assertTrue(prompt.is_open())


class Ends(unittest.TestCase):
    def test_a_killed_prompt_says_nothing_more(self):
        with Prompt(example("login")) as prompt:
            prompt.ready()
            prompt.process.kill()
            self.assertIsNone(prompt.lines.next())
            self.assertEqual(prompt.status(), -signal.SIGKILL)

    def test_client_gone_is_prompt_gone(self):
        with Prompt(example("login")) as prompt:
            prompt.ready()
            prompt.process.stdin.close()
            self.assertIsNone(prompt.lines.next())
            self.assertEqual(prompt.status(), 4)

    def test_an_update_for_another_question_ends_it(self):
        for line in [{"v": 1, "id": "18", "waiting": 0, "same": 1}, b"garbage\n", b"{}\n"]:
            with self.subTest(line), Prompt(example("login")) as prompt:
                prompt.shown().say(line)
                self.assertIsNone(prompt.lines.next())
                self.assertEqual(prompt.status(), 4)

    def test_bad_questions_show_nothing(self):
        good = example("login")
        bad = [b"\n", b"{}\n", b"garbage\n", b"[" * 70000, {**good, "v": 2}, {**good, "extra": 1},
               {**good, "offers": ["once"]}, {**good, "seconds": 0}, {**good, "heading": []}, {**good, "kind": "list"}]
        for line in bad:
            with self.subTest(str(line)[:40]), Prompt(line) as prompt:
                self.assertIsNone(prompt.lines.next())
                self.assertEqual(prompt.status(), 2)
                self.assertIn(b"split-ssh-prompt: ", prompt.process.stderr.read())

    def test_no_question_is_nobody_there(self):
        with Prompt(b"") as prompt:
            prompt.process.stdin.close()
            self.assertEqual(prompt.status(), 4)

    def test_no_screen(self):
        for address in ["", ":987"]:
            with self.subTest(address), Prompt(example("login"), env={"DISPLAY": address}) as prompt:
                self.assertIsNone(prompt.lines.next())
                self.assertEqual(prompt.status(), 3)
                self.assertIn(b"hint: ", prompt.process.stderr.read())


class Shown(unittest.TestCase):
    def test_shown_means_painted(self):
        with Prompt(example("login")) as prompt:
            prompt.shown()
            box = prompt.window.get_geometry()
            picture = prompt.window.get_image(0, 0, box.width, box.height, X.ZPixmap, 0xFFFFFFFF).data
            colours = {picture[i:i + 4] for i in range(0, len(picture), 4)}
            self.assertGreater(len(colours), 20)

    def test_the_title_holds_nothing_of_the_question(self):
        titles = {"login": "Split SSH: log in", "sshsig": "Split SSH: sign", "sudo": "Split SSH: sudo",
                  "certificate": "Split SSH: issue a certificate", "raw": "Split SSH: sign unknown data"}
        for kind, title in titles.items():
            with self.subTest(kind), Prompt(example("hostile", kind=kind)) as prompt:
                self.assertEqual(prompt.shown().frame.name, title)
                self.assertEqual(prompt.window.get_wm_name(), title)

    def test_hostile_text_is_printable_ascii_and_no_markup(self):
        with Prompt(example("hostile")) as prompt:
            prompt.shown()
            said = []
            for one in prompt.all():
                said += [one.name, one.description]
                if "Text" in pyatspi.listInterfaces(one):
                    said.append(one.queryText().getText(0, -1))
            for text in said:
                self.assertTrue(all(" " <= c <= "~" for c in text), repr(text))
            everything = "\n".join(said)
            self.assertIn("<span size='xx-large'>ok", everything)
            self.assertIn("&amp;", everything)
            self.assertIn("Log in as: <b>root</b>\\x0a\\u{202e}moc.buhtig \\x20proven " + "A" * 300, everything)
            box = prompt.window.get_geometry()
            self.assertLess(box.width, 1000)
            self.assertLess(box.height, 600)

    def test_a_screen_reader_hears_the_sentence_and_each_claim(self):
        with Prompt(example("forwarded")) as prompt:
            prompt.shown()
            prompt.find("work-dev passes on a request to log in as root on db1.internal", "heading")
            prompt.find("Forwarded by: bastion.example.org")
            prompt.find("The server proved this destination.")
            self.assertIn("Unusual. work-dev passes on a request to log in as root on db1.internal. This request was forwarded",
                          prompt.frame.description)

    def test_the_largest_question_is_shown(self):
        rows = [{"label": "L" * 24, "text": "\u202e" * 250, "note": "n" * 120, "class": "sentence" if i % 2 else "whole",
                 "stands_out": True} for i in range(12)]
        with Prompt(example("login", facts=rows, details=[])) as prompt:
            prompt.focused()
            until(lambda: not prompt.says("Allow unlocks"), "the quiet second to end")
            key("Escape")
            self.assertEqual(prompt.answer(), DENY)

    def high(self):
        """A question that is higher than the screen."""
        sentence = "There is a lot to be said here. " * 7
        rows = [{"label": f"Row {i}", "text": sentence, "class": "sentence"} for i in range(12)]
        return Prompt(example("login", facts=rows, seconds=120))

    def test_what_is_too_high_for_the_screen_scrolls_and_is_allowed_at_its_last_line(self):
        ways = {"wheel": lambda: xdotool("click", 5), "keys": lambda: key("Page_Down")}
        for way, on in ways.items():
            with self.subTest(way), self.high() as prompt:
                prompt.focused()
                box = prompt.window.get_geometry()
                self.assertLess(box.height, x.screen().height_in_pixels)
                prompt.find("Deny", "push button")
                until(lambda: any("Scroll to the end" in one.name for one in prompt.all()), "the words that say so")
                self.assertFalse(prompt.is_open())
                prompt.button("Allow once").queryAction().doAction(0)
                xdotool("mousemove", *prompt.middle(prompt.find("Row 0")))
                until(lambda: on() or prompt.is_open(), "the last line")
                key("alt+o")
                self.assertEqual(prompt.answer(), ONCE)

    @unittest.skipUnless(DESK == "gui-agent", "only gui-agent tells")
    def test_attention_is_asked_for_as_gui_agent_passes_it_on(self):
        with Prompt(example("login")) as prompt:
            prompt.shown()
            line = f"attention {prompt.window.id}"
            log = os.environ["GUI_AGENT_LOG"]
            until(lambda: line in open(log, encoding="ascii").read().splitlines(), "the message")


class Names(unittest.TestCase):
    def test_the_field_is_empty_and_its_name_comes_along(self):
        with Prompt(example("unnamed")) as prompt:
            prompt.ready()
            entry = prompt.role("text")
            self.assertEqual(entry.queryText().getText(0, -1), "")
            key("alt+n")
            write("staging.example")
            until(lambda: entry.queryText().getText(0, -1) == "staging.example", "the name")
            prompt.click("Allow once")
            self.assertEqual(prompt.answer(), answer("once", name="staging.example"))

    def test_a_name_can_be_trusted_from_now_on(self):
        with Prompt(example("unnamed")) as prompt:
            prompt.ready()
            trust = prompt.role("check box")
            self.assertFalse(prompt.has(trust, pyatspi.STATE_SENSITIVE), "there is no name yet")
            key("alt+n")
            write("staging")
            until(lambda: prompt.has(trust, pyatspi.STATE_SENSITIVE), "the tick")
            key("alt+t")
            until(lambda: prompt.has(trust, pyatspi.STATE_CHECKED), "the tick to be set")
            prompt.wait_armed()
            prompt.click("Allow once")
            self.assertEqual(prompt.answer(), answer("once", name="staging", trust=True))

    def test_no_name_is_no_name(self):
        with Prompt(example("unnamed")) as prompt:
            prompt.ready().click("Allow once")
            self.assertEqual(prompt.answer(), ONCE)

    def test_a_name_that_no_host_may_have_closes_the_allow(self):
        with Prompt(example("unnamed")) as prompt:
            prompt.ready()
            key("alt+n")
            write("a b")
            prompt.wait_closed()
            prompt.button("Allow once").queryAction().doAction(0)
            key("BackSpace", "BackSpace")
            prompt.wait_armed()
            write("/")
            prompt.wait_closed()
            key("Escape")
            self.assertEqual(prompt.answer(), DENY)

    def test_enter_in_the_field_does_nothing_and_a_no_names_nobody(self):
        with Prompt(example("unnamed")) as prompt:
            prompt.ready()
            key("alt+n")
            write("staging")
            key("Return", "Escape")
            self.assertEqual(prompt.answer(), DENY)

    def test_no_field_where_none_is_offered(self):
        with Prompt(example("login")) as prompt:
            prompt.shown()
            self.assertNotIn("text", {role_of(one) for one in prompt.all()})


class Passphrases(unittest.TestCase):
    def ask(self, **changes):
        return Prompt(example("passphrase", **changes), "--passphrase")

    def ready(self, prompt):
        prompt.focused()
        self.wait_open(prompt)

    def wait_open(self, prompt):
        until(lambda: any("is not stored" in one.name for one in prompt.all()), "the field to open")

    def test_the_passphrase_comes_back(self):
        with self.ask() as prompt:
            self.ready(prompt)
            prompt.find("Wrong passphrase. Please try again.")
            write("corr \"horse")
            prompt.wait_armed("Unlock")
            key("Return")
            self.assertEqual(prompt.answer(), {"id": "3", "passphrase": "corr \"horse"})

    def test_it_cannot_be_read_from_the_screen(self):
        with self.ask(attempt=1) as prompt:
            self.ready(prompt)
            field = prompt.role("password text")
            write("secret")
            until(lambda: field.queryText().characterCount == 6, "the field to fill")
            self.assertFalse(set(field.queryText().getText(0, -1)) & set("secret"))
            self.assertNotIn("Wrong", " ".join(one.name for one in prompt.all()))
            prompt.click("Unlock")
            self.assertEqual(prompt.answer(), {"id": "3", "passphrase": "secret"})

    def test_empty_is_not_sent_and_esc_denies(self):
        with self.ask() as prompt:
            self.ready(prompt)
            key("Return", "Escape")
            self.assertEqual(prompt.answer(), {"id": "3", "passphrase": None})

    def test_what_was_typed_for_another_window_is_not_taken(self):
        def once():
            with self.ask() as prompt:
                prompt.focused()
                if not for_seconds(2, lambda: key("a")):
                    return False
                self.wait_open(prompt)
                write("pass")
                prompt.wait_armed("Unlock")
                key("Return")
                self.assertEqual(prompt.answer(), {"id": "3", "passphrase": "pass"})
                return True

        undisturbed(once)

    def test_time_out(self):
        with self.ask(seconds=1) as prompt:
            prompt.shown()
            self.assertEqual(prompt.answer(), {"id": "3", "passphrase": None})


def passes_after_all(test, result_type):
    """As for the other tests (.config/nextest.toml): two more tries, and a test that needs one is FLAKY, a defect."""
    for _ in range(2):
        result = result_type()
        test.run(result)
        if result.wasSuccessful():
            print(f"FLAKY  {NAME}: {type(test).__name__} {test._testMethodName[5:].replace('_', ' ')}", flush=True)
            return True
    return False


def run():
    """Runs the tests, a line each, and ends with the counts."""
    class Result(unittest.TestResult):
        def say(self, word, test):
            print(f"{word} {NAME}: {type(test).__name__} {test._testMethodName[5:].replace('_', ' ')}", flush=True)

        def addSuccess(self, test):
            self.say("ok    ", test)

        def addSkip(self, test, reason):
            super().addSkip(test, reason)
            self.say("skip  ", test)

        def _failed(self, test, error):
            self.say("FAILED", test)
            print(self._exc_info_to_string(error, test), flush=True)

        def addFailure(self, test, error):
            super().addFailure(test, error)
            self._failed(test, error)

        def addError(self, test, error):
            super().addError(test, error)
            self._failed(test, error)

        def addSubTest(self, test, subtest, error):
            super().addSubTest(test, subtest, error)
            if error:
                self._failed(test, error)

        def unfinished(self):
            """The tests that failed; of one with failed parts the test, not the parts."""
            return [getattr(test, "test_case", test) for test, _ in self.failures + self.errors]

    here, loader = sys.modules["__main__"], unittest.defaultTestLoader
    suite = loader.loadTestsFromModule(here)
    if sys.argv[1:]:  # some of them may be another file's
        suite = loader.loadTestsFromNames([n for n in sys.argv[1:] if hasattr(here, n.split(".")[0])], here)
    subprocess.run([PROGRAM, "--version"], check=True, stdout=subprocess.DEVNULL)
    result = Result()
    suite.run(result)
    failed = {test.id(): test for test in result.unfinished()}.values()
    bad = [test for test in failed if not passes_after_all(test, Result)]
    print(f"{NAME}: {result.testsRun - len(bad) - len(result.skipped)} passed, {len(bad)} failed")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    run()
