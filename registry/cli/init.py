"""``promptstage init``: a prompts repository that works at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.catalog import naming
from registry.cli import output, starter, worktree
from registry.cli.proposal import FIRST
from registry.errors import Invalid

NEXT = """
Next, start a registry on it:
  promptstage serve --repository {folder}
and in a second terminal, in the same folder, put a first version in force:
  promptstage promote summarize {first}
  promptstage status"""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")] = Path(),
) -> None:
    """Make a new prompts repository. It has samples, first versions, and a workflow that validates.

    \b
    Example:  promptstage init prompts
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Invalid(f"{folder} is not an empty folder; name another: promptstage init my-prompts")
    worktree.require_identity(_existing(folder))
    _write(folder)
    worktree.begin(folder, "Begin with two sample prompts")
    for name in starter.PROMPTS:
        worktree.tag(folder, naming.tag_of(name, FIRST), "First version")
    shown = output.clean(folder)
    made = " and ".join(f"{name} {FIRST}" for name in starter.PROMPTS)
    output.say(f"A prompts repository is in {shown}, with {made}", "bold green")
    output.say(NEXT.format(folder=shown, first=FIRST))


def _existing(folder: Path) -> Path:
    """The folder itself or the nearest one above it: where git can be asked before anything is made."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def _write(folder: Path) -> None:
    for path, text in starter.FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
