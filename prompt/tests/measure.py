"""Starts the dialog again and again and prints medians: what prompt/tests/measure is for."""

import os
import pathlib
import statistics
import sys
import time

from desk import Prompt, example

TICKS = os.sysconf("SC_CLK_TCK")


def one():
    start = time.monotonic()
    with Prompt(example("login")) as prompt:
        line = prompt.lines.next()
        frame = time.monotonic() - start
        assert line == {"shown": True}
        proc = pathlib.Path(f"/proc/{prompt.process.pid}")
        fields = (proc / "stat").read_text().rsplit(")", 1)[1].split()
        cpu = (int(fields[11]) + int(fields[12])) / TICKS
        rollup = dict(line.split(":", 1) for line in (proc / "smaps_rollup").read_text().splitlines()[1:])
        own = sum(int(rollup[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))
        return frame * 1000, cpu * 1000, int(rollup["Rss"].split()[0]) / 1024, own / 1024


def main():
    rounds = int(sys.argv[1]) if sys.argv[1:] else 15
    one()  # warms the caches
    frame, cpu, resident, own = (statistics.median(column) for column in zip(*(one() for _ in range(rounds))))
    print(f"split-ssh-prompt, medians of {rounds}: on the screen after {frame:.0f} ms, {cpu:.0f} ms of CPU, "
          f"{resident:.0f} MiB resident, {own:.0f} MiB of its own")


if __name__ == "__main__":
    main()
