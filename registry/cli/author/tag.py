"""``promptstage tag``: tag what HEAD holds as a version."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.catalog.parsing.bump import PARTS
from registry.cli import output
from registry.cli.author import (
    files,
    layout,
    proposal,
    publish,
    remotes,
    report,
    tag_changed,
    tagged,
    worktree,
)
from registry.cli.author.proposal import Draft, VersionRequest
from registry.cli.options import AsJson, MaybeName, NewVersion, Yes  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid
from registry.suites.cases import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.cli.author.proposal import Proposal
    from registry.cli.author.publish import Target


def tag(  # noqa: PLR0913 - one parameter an option
    name: MaybeName = None,
    *,
    changed: Annotated[
        bool, typer.Option("--changed", help="Tag every prompt whose file differs from its newest version.")
    ] = False,
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
    as_json: AsJson = False,
) -> None:
    """Tag what HEAD holds as a prompt's next version.

    Without --major, --minor, --patch or --version the version follows from what has changed since the one
    before: a new required or a removed variable is a major change, a new optional one or another model a
    minor one, other text a patch. The first is 1.0.0. The command shows the difference, and asks.

    With --changed it lists every prompt that is new, or differs from its newest version, and asks once. All
    are tagged, or none: if one is not fit, it says what is wrong. With --push all are pushed together.

    With --push it first asks the remote which versions it has; nothing is tagged if this clone lacks one of
    them. The tag goes where git push would go. If a push was refused, the same command pushes that tag.

    \b
    Example:  promptstage tag summarize
              promptstage tag summarize --minor -m "Shorter answers" --push
              promptstage tag summarize --version 2.0.0-rc.1 --yes
              promptstage tag --changed --dry-run
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    request = _request(version, (patch, minor, major))
    if changed:
        if name or version or request.part:
            raise typer.BadParameter("--changed finds prompts and versions by itself; give neither")
        return tag_changed.tag_changed(message, push=push, yes=yes, dry_run=dry_run, as_json=as_json)
    if name is None:
        raise typer.BadParameter("name a prompt, or give --changed for all that have changed")
    top = worktree.top(Path())
    path, content = tagged.at_head(top, name)
    problems, suite = _about(top, name, path, content)
    if not as_json:
        report.lines(problems)
    _require_fit(path, problems)
    tags = worktree.tags(top)
    tagged.require_room(tags, name)
    known = tagged.versions(tags).get(name, {})
    target = publish.plan(top, name, known) if push else None
    made = Draft(top, name, content, known, suite=suite).propose(request, target.unpushed if target else None)
    if not as_json:
        proposal.show(made)
    if not dry_run:
        _confirm(top, made, yes=yes)
        _make(top, made, message or worktree.subject(top, path), target, quiet=as_json)
    if as_json:
        pushed_to = target.remote.shown if target else None
        output.dump(proposal.facts(made, problems, pushed_to=pushed_to, done=not dry_run))
    else:
        _tell_next(top, made, target, done=not dry_run)
    return None


def _about(top: Path, name: str, path: str, content: bytes) -> tuple[list[files.Problem], str]:
    """Say what is wrong with a prompt and its suite in HEAD, and return the digest of the suite."""
    beside = tagged.suite_at_head(top, name, path, content)
    folder = tagged.place_of(path, name)
    inner = path.removeprefix(folder)
    found = (
        *files.about(path, content),
        *files.about_suite(inner, content, beside, None, lambda file: folder + file),
    )
    return list(files.judged(found, layout.at_head(top))), digest_of(inner, content, beside)


def _request(version: str | None, parts: tuple[bool, ...]) -> VersionRequest:
    """Read which version is wanted; `parts` are in the order of `PARTS`."""
    given = [part for part, wanted in zip(PARTS, parts, strict=True) if wanted]
    if len(given) + (version is not None) > 1:
        raise typer.BadParameter("give one of --major, --minor, --patch and --version")
    return VersionRequest(version, next(iter(given), None))


def _require_fit(path: str, problems: Sequence[files.Problem]) -> None:
    if any(problem.severity == "error" for problem in problems):
        raise Invalid(
            f"{path} is not fit to be a version as it is in HEAD; correct it, git commit it, then tag it",
            problems=list(map(asdict, problems)),
        )


def _confirm(top: Path, made: Proposal, *, yes: bool) -> None:
    """Let pass whom git knows, and who says yes where there is a person to ask."""
    question = f"Push {made.tag}, which is tagged here already?"
    if not made.is_tagged:
        worktree.require_identity(top)
        question = f"Tag HEAD as {made.tag}?"
    output.confirm(question, yes=yes)


def _make(top: Path, made: Proposal, message: str, target: Target | None, *, quiet: bool) -> None:
    """Tag, and push. What is done is said at once, as the next step may fail."""
    say = (lambda *_: None) if quiet else output.say
    if not made.is_tagged:
        worktree.tag(top, made.tag, message)
        say(f"Tagged {made.tag}", "bold green")
    if target:
        publish.publish(top, target.remote, made)
        say(f"Pushed {made.tag if made.is_tagged else 'it'} to {target.remote.shown}")
        publish.tell_branch(top, target.remote)
        publish.tell_left(target, made)


def _tell_next(top: Path, made: Proposal, target: Target | None, *, done: bool) -> None:
    if not done:
        then = (
            f"{made.tag}, which is tagged already, would be pushed"
            if made.is_tagged
            else f"it would be {made.tag}"
        )
        output.say(f"Nothing is tagged; without --dry-run {then}")
        return
    if not target and (remote := remotes.find(top)):  # without one a registry reads this very repository
        output.say(f"Publish it:  {remote.push_command(f'refs/tags/{made.tag}')}")
    command = "start" if made.since else "promote"
    output.say(f"Release it:  promptstage {command} {made.name} {made.version}")
