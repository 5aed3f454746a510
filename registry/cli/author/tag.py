"""``promptstage tag``: make a version of what HEAD holds."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog import naming
from registry.catalog.file.bump import PARTS
from registry.cli import output
from registry.cli.author import files, proposal, report, worktree
from registry.cli.options import Name, NewVersion, Yes  # noqa: TC001 - typer reads the annotations
from registry.errors import GitFailed, Invalid

if TYPE_CHECKING:
    from registry.cli.author.proposal import Proposal

NAMED = 3  # prompts that an error suggests


def tag(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    major: Annotated[bool, typer.Option("--major", help="The next major version: apps must change.")] = False,
    minor: Annotated[bool, typer.Option("--minor", help="The next minor version: something new.")] = False,
    patch: Annotated[bool, typer.Option("--patch", help="The next patch: a better text.")] = False,
    version: NewVersion = None,
    message: Annotated[
        str | None,
        typer.Option("-m", "--message", metavar="TEXT", help="What is new; else the last commit's subject."),
    ] = None,
    push: Annotated[bool, typer.Option("--push", help="Push this tag, and nothing else.")] = False,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be tagged, and why.")] = False,
) -> None:
    """Tag what HEAD holds as a prompt's next version.

    Without --major, --minor, --patch or --version it is chosen by what has changed since the version
    before: a new required or a removed variable is a major change, an optional one or another model a minor
    one, another text a patch. The first version is 1.0.0. The difference is shown, and you are asked.

    \b
    Example:  promptstage tag summarize
              promptstage tag summarize --minor -m "Shorter answers" --push
              promptstage tag summarize --version 2.0.0-rc.1 --yes
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    given = [part for part, wanted in zip(PARTS, (patch, minor, major), strict=True) if wanted]
    if len(given) + (version is not None) > 1:
        raise typer.BadParameter("give one of --major, --minor, --patch and --version")
    top = worktree.top(Path())
    path, content = _validated(top, name)
    made = proposal.propose(top, name, content, version, next(iter(given), None))
    proposal.show(made)
    ref = naming.tag_of(name, made.version)
    if dry_run:
        output.say(f"Nothing is tagged; without --dry-run it would be {ref}")
        return
    worktree.require_identity(top)
    if push and not worktree.has_remote(top):
        raise Invalid("there is no remote to push to; add one first: git remote add origin URL")
    if not yes and output.is_dialogue() and not output.ask(f"Tag HEAD as {ref}?"):
        raise typer.Exit(1)
    worktree.tag(top, ref, message or worktree.subject(top, path))
    output.say(f"Tagged {ref}", "bold green")
    _publish(top, ref, push)
    _tell_next(made)


def _validated(top: Path, name: str) -> tuple[str, bytes]:
    """The prompt's file in HEAD: path and bytes. Raises Invalid unless it can be served as it is there."""
    bases = (
        [f"{naming.FOLDER}/"] if worktree.is_folder(top, naming.FOLDER) else ["", f"{naming.GITHUB_FOLDER}/"]
    )
    places = [[base + path for path in naming.file_names(name)] for base in bases]
    found = ((paths, _held(top, paths)) for paths in places)
    paths, held = next(((paths, held) for paths, held in found if held), (naming.candidates(name), {}))
    if worktree.is_changed(top, *paths):
        raise Invalid(f"the file of {name} differs from what HEAD holds; git commit it first, then tag it")
    if not held:
        raise Invalid(_absent(top, name, [path for path, _ in places]))
    if len(held) > 1:
        raise Invalid(f"{' and '.join(held)} are both in HEAD; git rm one of them, and git commit that first")
    ((path, content),) = held.items()
    problems = list(files.about(path, content))
    report.lines(problems)
    if any(problem.severity == "error" for problem in problems):
        raise Invalid(
            f"{path} is not fit to be a version as it is in HEAD; correct it, git commit it, then tag it"
        )
    return path, content


def _held(top: Path, paths: list[str]) -> dict[str, bytes]:
    return {path: content for path in paths if (content := worktree.content(top, path)) is not None}


def _absent(top: Path, name: str, places: list[str]) -> str:
    near = get_close_matches(name, filter(None, map(naming.prompt_at, worktree.paths(top))), NAMED)
    remedy = f"did you mean {' or '.join(near)}?" if near else "write it, and git commit that first"
    return f"there is no {' or '.join(places)} in HEAD; {remedy}"


def _publish(top: Path, made: str, push: bool) -> None:
    remote = worktree.remote(top)
    command = f"git push {output.clean(remote)} refs/tags/{made}"
    if not push:
        if worktree.has_remote(top):  # else a registry reads this very repository
            output.say(f"Publish it:  {command}")
        return
    try:
        worktree.push(top, remote, made)
    except GitFailed as error:
        raise _not_pushed(top, remote, made, error, command) from error
    output.say(f"Pushed it to {output.clean(remote)}")


def _not_pushed(top: Path, remote: str, made: str, error: GitFailed, command: str) -> GitFailed:
    """What to do about a tag that the remote refused; one that was made elsewhere can never be pushed."""
    if not worktree.has_another(top, remote, made):
        return GitFailed(f"{error.message}\nThe tag is made, but not pushed; try again:  {command}")
    worktree.untag(top, made)
    shown = output.clean(remote)
    return GitFailed(
        f"{shown} has another {made}, which this clone did not know of; so this one is taken back. "
        f"Fetch what is there, then tag again:  git fetch --tags {shown}"
    )


def _tell_next(made: Proposal) -> None:
    command = "start" if made.since else "promote"
    output.say(f"Release it:  promptstage {command} {made.name} {made.version}")
