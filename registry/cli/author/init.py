"""``promptstage init``: create a prompts repository that works at once."""

from __future__ import annotations

import shlex
import shutil
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog import naming
from registry.cli import output
from registry.cli.author import files, installed_from, layout, scaffold, worktree
from registry.cli.author.proposal import FIRST
from registry.errors import Invalid
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.cli.author.installed_from import Source

NEXT = """
Next, start a registry on it:
  promptstage serve --repository {folder}
and in a second terminal, in the same folder, put a first version in force:
  promptstage promote summarize {first}
  promptstage status
Where you push it to, protect the tags  **/v*"""
JOINED = """
Nothing is committed yet. Look at them, then:{go}
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
    """Create a prompts repository with samples, first versions, and workflows that check every push.

    In a git repository with content, it adds only what is missing and commits nothing: the workflow of
    GitHub Actions or GitLab CI (both, if it uses neither so far) and, if it has no prompt file yet, the
    samples.

    \b
    Example:  promptstage init my-prompts
              cd our-app && promptstage init
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            _begin(folder)
        elif folder.is_dir() and worktree.find(folder) == folder.resolve():
            _join(folder)
        else:
            raise _refusal(folder)
    except OSError as error:
        raise Invalid(
            f"{folder} cannot be read or written: {error.strerror}; name a folder of your own: "
            "promptstage init ~/my-prompts"
        ) from error


def _refusal(folder: Path) -> Invalid:
    """Why nothing is made in a folder that holds something, and where it could be."""
    if not folder.is_dir():
        return Invalid(f"{folder} is a file; name a new folder: promptstage init my-prompts")
    if top := worktree.find(folder):
        place = clean(shlex.quote(str(top)))
        return Invalid(
            f"{folder} is inside of a git repository; add prompts at its top: promptstage init {place}"
        )
    worktree.require_trusted(folder)
    return Invalid(
        f"{folder} is not empty, and not the top of a git repository; name a new folder: promptstage init "
        "my-prompts, or make it a repository first: git init"
    )


def _begin(folder: Path) -> None:
    place = _existing(folder)
    worktree.require_identity(place)
    around = worktree.find(place)
    source = installed_from.find()
    with _all_or_nothing(folder):
        _write(folder, scaffold.files(source.command))
        worktree.begin(folder, "Begin with two sample prompts")
        for name in scaffold.PROMPTS:
            worktree.tag(folder, naming.tag_of(name, FIRST), "First version")
    shown = clean(folder)
    made = " and ".join(f"{name} {FIRST}" for name in scaffold.PROMPTS)
    output.say(f"A prompts repository is in {shown}, with {made}", "bold green")
    if around:
        output.note(
            f"it is a repository of its own inside of {clean(around)}; to keep prompts in that one "
            f"instead, remove {shown} and run promptstage init at its top"
        )
    output.say(NEXT.format(folder=clean(shlex.quote(str(folder))), first=FIRST))
    _tell_source(source)


@contextmanager
def _all_or_nothing(folder: Path) -> Iterator[None]:
    """Take back what is made inside the block if it fails, so that the same command can be given again.

    The folder was new, or empty: whatever is in it then is ours.
    """
    was_there = folder.exists()
    try:
        yield
    except BaseException:
        for left in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if folder.is_dir() and not was_there:
            folder.rmdir()
        raise


def _join(folder: Path) -> None:
    place = layout.around(folder)
    held = [file for root in place.roots() for file in files.find(root, place)]
    source = installed_from.find()
    checks = _checks(folder, source)
    wanted = {**checks, **({} if held else scaffold.samples(place.settings.folder))}
    added = {path: text for path, text in wanted.items() if not (folder / path).exists()}
    near = [] if held else list(islice(files.lookalikes(folder, place), LOOKALIKES))
    _write(folder, added)
    if added:
        output.say("Added to this repository:", "bold green")
        for path in added:
            output.say(f"  {path}")
        name = "NAME" if held else scaffold.PROMPTS[0]
        output.say(JOINED.format(go=_go(folder), paths=" ".join(added), name=name))
        if checks.keys() & added.keys():
            _tell_source(source)
    else:
        output.say("There is nothing to add to this repository")
    for path in checks.keys() - added.keys():
        if b"promptstage" not in (folder / path).read_bytes():
            output.note(
                f"{path} is yours, and stays as it is; add to it:  {source.command} && promptstage check"
            )
    base = place.settings.places(usual=True)[0]
    for file, name in near:
        output.note(f"{clean(files.shown(file))} looks like a prompt; name it {base}{name} to have it served")


def _checks(folder: Path, source: Source) -> Mapping[str, str]:
    """The workflows of those hosts of which there is a sign here already; of all, if of none."""
    checks = scaffold.checks(source.command)
    used = {path: text for path, text in checks.items() if (folder / Path(path).parts[0]).exists()}
    return used or checks


def _tell_source(source: Source) -> None:
    if not source.is_reachable:
        output.note(
            f"the workflow installs Promptstage by `{clean(source.command)}`, which works on this "
            "machine alone; put an address there that your CI can reach"
        )


def _go(folder: Path) -> str:
    """The command that goes to a folder, which is not needed here."""
    return "" if folder.samefile(Path()) else f"\n  cd {clean(shlex.quote(str(folder)))}"


def _existing(folder: Path) -> Path:
    """The folder itself or the nearest one above it: where git can be asked before anything is made."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
