"""What a person says of a call: keys on a terminal, lines of a pipe."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import termios
import tty
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

import typer

from registry.cli import output
from registry.errors import Invalid
from registry.wording.text import clean

GOOD, BAD, EDIT, NEXT, MORE, NOTE, QUIT = "g", "b", "e", "n", "m", "t", "q"
END = "\x04"  # Ctrl-D
KEYS = "[g]ood  [b]ad  [e]dit what was expected  [t]ake a note  [n]ext  [m]ore of it  [q]uit"  # one for each
PIPED = "write g, b, e, n or q, a line for each call; after g and b a note, after e what was expected"


class Said(NamedTuple):
    """A key, and what was written with it."""

    key: str
    text: str = ""


def ask(answer: str) -> Said:
    """Ask for a key; at the end of the input it is `QUIT`.

    Args:
        answer: the model's, which an editor begins with.
    """
    return _typed(answer) if sys.stdin.isatty() else _read()


def _typed(answer: str) -> Said:
    output.tell(KEYS, "bold")
    while True:
        key = _pressed()
        if key == EDIT:
            edited = _edited(answer)
            if edited and edited != answer.strip():
                return Said(EDIT, edited)
            output.tell("nothing was changed, so nothing is said")
        elif key == NOTE:
            return Said(NOTE, typer.prompt("Note", err=True))
        else:
            return Said(key)


def _pressed() -> str:
    """Return the next key that means something.

    What was typed before is forgotten: a key that was held too long must not say something of the next call.
    """
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSAFLUSH)
        while True:
            # Capitals mean nothing: the keys of arrows end in them.
            key = os.read(terminal, 1).decode(errors="replace")
            if key in {GOOD, BAD, EDIT, NOTE, NEXT, MORE, QUIT}:
                return key
            if not key or key == END:
                return QUIT
    except KeyboardInterrupt:
        return QUIT
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _edited(text: str) -> str:
    """Let a person change a text in their editor. Raises Invalid if there is none."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with NamedTemporaryFile("w+", suffix=".txt", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        try:
            subprocess.run([*shlex.split(editor), file.name], check=True)  # noqa: S603 - the person's own
        except (OSError, ValueError) as error:
            raise Invalid(f"the editor {editor!r} cannot be run; set EDITOR to one that can") from error
        except subprocess.CalledProcessError:
            return ""  # as in git: an editor that fails takes it back
        return Path(file.name).read_text(encoding="utf-8", errors="replace").strip()


def _read() -> Said:
    for line in sys.stdin:
        key, _, text = line.strip().partition(" ")
        if key in {GOOD, BAD, NEXT, QUIT} or (key == EDIT and text):
            return Said(key, text.strip())
        if key:
            output.note(f"{clean(line.strip())!r} says nothing: {PIPED}")
    return Said(QUIT)
