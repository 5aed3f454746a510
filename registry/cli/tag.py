"""``promptstage tag``: make a version of what HEAD holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog import naming
from registry.cli import files, output, worktree
from registry.cli.check import tell
from registry.cli.options import Name, NewVersion  # noqa: TC001 - typer reads the annotations
from registry.errors import GitFailed, Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST = "1.0.0"


def tag(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    major: Annotated[bool, typer.Option("--major", help="The next major version: apps must change.")] = False,
    minor: Annotated[bool, typer.Option("--minor", help="The next minor version: something new.")] = False,
    patch: Annotated[bool, typer.Option("--patch", help="The next patch: the default.")] = False,
    version: NewVersion = None,
    message: Annotated[
        str | None, typer.Option("-m", "--message", help="What is new; else the last commit's subject.")
    ] = None,
    push: Annotated[bool, typer.Option("--push", help="Push this tag, and nothing else.")] = False,
) -> None:
    """Tag what HEAD holds as a prompt's next version.

    It must be fit to be served. The first version is 1.0.0 if you do not say another.

    \b
    Example:  promptstage tag summarize --minor -m "Shorter answers" --push
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    parts = [part for part, wanted in (("major", major), ("minor", minor), ("patch", patch)) if wanted]
    if len(parts) + (version is not None) > 1:
        raise typer.BadParameter("give one of --major, --minor, --patch and --version")
    top = worktree.top(Path())
    path = _validated(top, name)
    made = naming.tag_of(name, _choose(_versions(top, name), version, *parts))
    worktree.tag(top, made, message or worktree.subject(top, path))
    output.say(f"Tagged {made}")
    _publish(top, made, push)


def _validated(top: Path, name: str) -> str:
    """The path of the prompt's file in HEAD. Raises Invalid unless it can be served as it is there."""
    prompts = worktree.is_folder(top, naming.FOLDER)
    bases = [f"{naming.FOLDER}/"] if prompts else ["", f"{naming.GITHUB_FOLDER}/"]
    held: dict[str, bytes] = {}
    for base in bases:
        paths = [base + path for path in naming.file_names(name)]
        held = {path: content for path in paths if (content := worktree.content(top, path)) is not None}
        if held:
            break
    if worktree.is_changed(top, *paths):
        raise Invalid(f"the file of {name} differs from what HEAD holds; git commit it first, then tag it")
    if len(held) != 1:
        both = f"{' and '.join(paths)} are both in HEAD; git rm one of them"
        raise Invalid(
            f"{both if held else f'{paths[0]} is not in HEAD; write it'}, and git commit that first"
        )
    ((path, content),) = held.items()
    problems = list(files.about(path, content))
    tell(problems)
    if any(problem.severity == "error" for problem in problems):
        raise Invalid(f"{path} cannot be served as it is in HEAD; correct it, git commit it, then tag it")
    return path


def _versions(top: Path, name: str) -> list[str]:
    found = map(naming.split_tag, worktree.tags(top))
    return [tag.version for tag in found if tag and tag.name == name]


def _choose(versions: Sequence[str], wanted: str | None, part: str = "patch") -> str:
    """The version to be made: the one wanted, else the one after the highest release."""
    following = naming.bump(naming.latest(versions), part) if versions else FIRST
    if wanted in versions:
        raise Invalid(f"{wanted} is tagged already, and a version never changes; the next one is {following}")
    return wanted or following


def _publish(top: Path, made: str, push: bool) -> None:
    remote = worktree.remote(top)
    command = f"git push {output.clean(remote)} refs/tags/{made}"
    if not push:
        output.say(f"Publish it:  {command}")
        return
    try:
        worktree.push(top, remote, made)
    except GitFailed as error:
        raise GitFailed(f"{error.message}\nThe tag is made, but not pushed; try again:  {command}") from error
    output.say(f"Pushed it to {output.clean(remote)}")
