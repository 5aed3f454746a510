"""``promptstage init``: a prompts repository that works at once."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog import naming
from registry.cli import output
from registry.cli.author import files, installed_from, starter, worktree
from registry.cli.author.proposal import FIRST
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.cli.author.installed_from import Source

NEXT = """
Next, start a registry on it:
  promptstage serve --repository {folder}
and in a second terminal, in the same folder, put a first version in force:
  promptstage promote summarize {first}
  promptstage status
Where you push it to, protect the tags  **/v*"""
JOINED = """
Nothing is committed yet. Look at them, then:
  git add {paths}
  git commit -m "Check prompts on every push"
  promptstage check
  promptstage tag {name}
Where you push it to, protect the tags  **/v*"""

LOOKALIKES = 3  # files that are named: enough to see which are meant


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder, or a git repository.")
    ] = Path(),
) -> None:
    """Make a new prompts repository. It has samples, first versions, and workflows that check every push.

    In a git repository that holds something already, only what is missing is added, and nothing committed:
    the workflow of GitHub Actions or GitLab CI (both, if it uses neither so far) and, if it has no prompt
    file yet, the samples.

    \b
    Example:  promptstage init my-prompts
              cd our-app && promptstage init
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        _begin(folder)
    elif folder.is_dir() and worktree.find(folder) == folder.resolve():
        _join(folder)
    else:
        raise Invalid(
            f"{folder} is not empty, and not the top of a git repository; "
            "name a new folder: promptstage init my-prompts"
        )


def _begin(folder: Path) -> None:
    place = _existing(folder)
    worktree.require_identity(place)
    around = worktree.find(place)
    source = installed_from.find()
    _write(folder, starter.files(source.command))
    worktree.begin(folder, "Begin with two sample prompts")
    for name in starter.PROMPTS:
        worktree.tag(folder, naming.tag_of(name, FIRST), "First version")
    shown = output.clean(folder)
    made = " and ".join(f"{name} {FIRST}" for name in starter.PROMPTS)
    output.say(f"A prompts repository is in {shown}, with {made}", "bold green")
    if around:
        output.note(
            f"it is a repository of its own inside of {output.clean(around)}; to keep prompts in that one "
            f"instead, remove {shown} and run promptstage init at its top"
        )
    output.say(NEXT.format(folder=shown, first=FIRST))
    _tell_source(source)


def _join(folder: Path) -> None:
    held = [file for root in files.roots_of(folder) for file in files.find(root)]
    source = installed_from.find()
    checks = _checks(folder, source)
    wanted = {**checks, **({} if held else starter.SAMPLES)}
    added = {path: text for path, text in wanted.items() if not (folder / path).exists()}
    near = [] if held else list(islice(files.lookalikes(folder), LOOKALIKES))
    _write(folder, added)
    if added:
        output.say("Added to this repository:", "bold green")
        for path in added:
            output.say(f"  {path}")
        name = "NAME" if held else starter.PROMPTS[0]
        output.say(JOINED.format(paths=" ".join(added), name=name))
        if checks.keys() & added.keys():
            _tell_source(source)
    else:
        output.say("There is nothing to add to this repository")
    for path in checks.keys() - added.keys():
        if b"promptstage" not in (folder / path).read_bytes():
            output.note(
                f"{path} is yours, and stays as it is; let it run:  {source.command} && promptstage check"
            )
    for file, name in near:
        output.note(
            f"{output.clean(files.shown(file))} looks like a prompt; name it prompts/{name} to have it served"
        )


def _checks(folder: Path, source: Source) -> Mapping[str, str]:
    """The workflows of those hosts of which there is a sign here already; of all, if of none."""
    checks = starter.checks(source.command)
    used = {path: text for path, text in checks.items() if (folder / Path(path).parts[0]).exists()}
    return used or checks


def _tell_source(source: Source) -> None:
    if not source.is_reachable:
        output.note(
            f"the workflow installs Promptstage by `{output.clean(source.command)}`, which works on this "
            "machine alone; put an address there that your CI can reach"
        )


def _existing(folder: Path) -> Path:
    """The folder itself or the nearest one above it: where git can be asked before anything is made."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
