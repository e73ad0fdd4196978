"""Does what README's walk says, word for word, and holds what is printed against what README shows.

usage: readme_walk.py README VAULT WORK AUTHORIZED_KEYS HOME USER

VAULT and WORK are commands that run a line of shell, their last argument, in that qube. What `ssh-add -L` lists is added to
AUTHORIZED_KEYS, as README has the reader do. HOME and USER are those of the qubes; README calls them /home/user and user.
In README, `…` stands for what differs from one machine to the next, and a line of `…` alone for any lines.
"""

import re
import shlex
import subprocess
import sys
import time

HEADING = "## The first ten minutes"
PROMPT = re.compile(r"\[user@(vault|work) ~\]\$ (.*?)(?:\s+# (.*))?$")
PATIENCE = 60


def steps_of(readme):
    """(qube, command, waits, expected lines), from the blocks of one section."""
    section = readme.split(HEADING + "\n")[1].split("\n## ")[0]
    steps = []
    for block in section.split("```")[1::2]:
        if "[user@" not in block:
            # Something that is shown without being typed.
            continue
        for line in block.split("\n")[1:]:
            found = PROMPT.match(line)
            if found:
                qube, command, comment = found.groups()
                steps.append((qube, command, "waits" in (comment or ""), []))
            elif steps and line:
                steps[-1][3].append(line.rstrip())
    return steps


def fits(expected, printed):
    """Whether the lines are as shown."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            words = (re.escape(part) for part in line.split("…"))
            pattern += ".*?".join(words).replace(r"\ ", " ") + r"\s*\n"
    return re.fullmatch(pattern, printed) is not None


class Walk:
    def __init__(self, vault, work, authorized, home, user):
        self.shells = {"vault": shlex.split(vault), "work": shlex.split(work)}
        self.authorized, self.home, self.user = authorized, home, user
        self.waiting = None

    def start(self, qube, command):
        return subprocess.Popen(
            [*self.shells[qube], command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def check(self, process, command, expected):
        printed, said = process.communicate(timeout=PATIENCE)
        print(f"$ {command}\n{printed}{said}", flush=True)
        if process.returncode != 0:
            sys.exit(f"readme_walk: `{command}` failed with {process.returncode}")
        printed = printed.replace(self.home, "/home/user").replace(f"as {self.user} on", "as user on")
        printed = printed.replace(f'user = "{self.user}"', 'user = "user"')
        printed = "".join(line.rstrip() + "\n" for line in printed.splitlines() if line.strip())
        if not fits(expected, printed):
            sys.exit(f"readme_walk: `{command}` printed\n{printed}where README shows\n" + "\n".join(expected))
        return printed

    def join(self):
        if self.waiting:
            self.check(*self.waiting)
            self.waiting = None

    def wait_for_question(self):
        for _ in range(PATIENCE * 10):
            pending = self.start("vault", "split-ssh pending")
            pending.communicate()
            if pending.returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("readme_walk: no question waits")

    def step(self, qube, command, waits, expected):
        if qube == "work":
            self.join()
        process = self.start(qube, command)
        if waits:
            self.waiting = (process, command, expected)
            self.wait_for_question()
            return
        printed = self.check(process, command, expected)
        if command == "ssh-add -L":
            with open(self.authorized, "a", encoding="ascii") as file:
                file.write(printed)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        steps = steps_of(file.read())
    if len(steps) < 8:
        sys.exit(f"readme_walk: only {len(steps)} steps were found")
    walk = Walk(*sys.argv[2:])
    for step in steps:
        walk.step(*step)
    walk.join()


main()
