"""Takes a picture of each example question, as a person sees it who may answer, and of `split-ssh ui`: scripts/pictures
runs this."""

import pathlib
import subprocess
import sys

from desk import PROMPT, Prompt, example, key, until
from test_ui import Overview

COLOURS = 64  # a window has few; the files become small


def take(name, theme, place):
    flags = ["--passphrase"] if name == "passphrase" else []
    with Prompt(example(name, seconds=60), *flags, env={"GTK_THEME": theme}) as prompt:
        prompt.focused()
        until(lambda: any("in 57 s" in one.name for one in prompt.all()), "the moment that all pictures show")
        shoot(prompt, place)
        key("Escape")
        prompt.answer()


def take_overview(theme, place):
    with Overview(example("ui/overview"), env={"GTK_THEME": theme}) as overview:
        overview.focused()
        overview.reach("Revoke")
        shoot(overview, place)


def shoot(prompt, place):
    shot = subprocess.run(["import", "-window", str(prompt.window.id), "png:-"], stdout=subprocess.PIPE, check=True)
    small = subprocess.run(["pngquant", "--strip", "--nofs", str(COLOURS), "-"], input=shot.stdout,
                           stdout=subprocess.PIPE, check=True)
    place.write_bytes(small.stdout)
    print(place, len(small.stdout), flush=True)


def main():
    folder, small = pathlib.Path(sys.argv[1]), sys.argv[2:] == ["small"]
    looks = [("Adwaita", "small")] if small else [("Adwaita", "light"), ("Adwaita:dark", "dark")]
    for question in sorted((PROMPT / "examples").glob("*.json")):
        for theme, word in looks:
            place = folder / f"{question.stem}-{word}.png"
            for is_last in (False, False, True):
                try:
                    take(question.stem, theme, place)
                    break
                except AssertionError:  # a busy machine misses the moment
                    if is_last:
                        raise
    for theme, word in looks:
        take_overview(theme, folder / f"ui-{word}.png")


if __name__ == "__main__":
    main()
