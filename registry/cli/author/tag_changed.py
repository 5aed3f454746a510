"""``promptstage tag --changed``: tag every prompt that differs from its newest version, or none."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from registry.cli import output
from registry.cli.author import at_head, files, proposal, publish, remotes, report, tagged, worktree
from registry.cli.author.files import Problem
from registry.cli.author.proposal import Draft, VersionRequest
from registry.errors import Invalid
from registry.suites.suite_source import cases_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.cli.author.at_head import Head, Read
    from registry.cli.author.proposal import Proposal
    from registry.cli.author.remotes import Remote
    from registry.cli.author.tagged import Versions

NAMED = 5  # prompts that a sentence names


def tag_changed(message: str | None, *, push: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Tag all prompts that have changed; `registry.cli.author.tag` says what the options mean."""
    top = worktree.top(Path())
    head = at_head.read(top)
    if not head.contents:
        raise Invalid("HEAD holds no prompt file; a prompt is a file such as prompts/summarize.prompt.yml")
    known = tagged.versions(worktree.tags(top))
    read = at_head.newest(top, {name: known[name] for name in head.contents if name in known})
    now = {name: (content, head.suites[name]) for name, content in head.contents.items()}
    changed = [name for name, held in now.items() if held not in read.get(name, {}).values()]
    about = list(_about(head, changed))
    problems = [problem for _, problem in about]
    if not as_json:
        report.lines(problems)
    _require_fit(changed, about)
    made, remote = _propose(head, known, read, changed, push=push)
    if not as_json:
        _show(made)
    done = bool(made) and not dry_run
    if done:
        _confirm(top, made, remote, yes=yes)
        _make(head, made, message, remote, quiet=as_json)
    if as_json:
        _dump(made, problems, remote, done=done)
    else:
        _tell_next(top, made, remote, done=done)


Told = tuple[str, Problem]  # a prompt, and something to say about one of its files


def _about(head: Head, changed: Iterable[str]) -> Iterator[Told]:
    """Say what the check says of the changed prompts, and which cannot be tagged as they are in HEAD."""
    twice = {name for name, count in Counter(head.paths.values()).items() if count > 1}
    wanted = set(changed)
    for path, name in head.paths.items():
        if name in twice:
            message = f"{name} has two files in HEAD; git rm one of them"
            yield name, Problem(path, 1, 1, "error", "two_files", message)
        elif path in head.links and name in wanted:
            message = (
                "this is a symbolic link, which the registry does not follow; put the prompt's own file here"
            )
            yield name, Problem(path, 1, 1, "error", "no_file", message)
        elif name in wanted:
            for problem in files.judged(_about_one(head, path, name), head.settings):
                yield name, problem
    for name, path, what in _dirty(head):
        message = f"{what} differs from what HEAD holds; git add and git commit it, or git stash it, first"
        yield name, Problem(path, 1, 1, "error", "uncommitted", message)


def _dirty(head: Head) -> Iterator[tuple[str, str, str]]:
    """Yield the files that the worktree has in another state than HEAD: prompt, path, and which it is."""
    dirty = set(worktree.changed(head.top, *(place or "." for place in head.places)))
    for path in sorted(dirty):
        if name := head.settings.prompt_at(path):
            yield name, path, "this"
    for path, name in head.paths.items():
        place = tagged.place_of(path, name)
        beside = (cases_path(path).removeprefix(place), *head.beside.get(name, ()))
        for other in dict.fromkeys((*head.partials.get(name, ()), *beside)):
            if place + other in dirty:
                yield name, path, f"{other} of its suite" if other in beside else f"its partial {other}"


def _about_one(head: Head, path: str, name: str) -> Iterator[Problem]:
    """Say what the check says of a prompt and its suite."""
    content, given, place = head.files[name], head.partials[name], tagged.place_of(path, name)
    yield from files.about(path, content, given)
    inner = path.removeprefix(place)
    yield from files.about_suite(inner, content, head.beside[name], given, lambda file: place + file)


def _require_fit(changed: Iterable[str], about: Iterable[Told]) -> None:
    """Let pass prompts of which each is fit: a version of some would hide that others are missing."""
    unfit = list(dict.fromkeys(name for name, problem in about if problem.severity == "error"))
    if not unfit:
        return
    fit = next((name for name in changed if name not in unfit), None)
    more = f" and {len(unfit) - NAMED} more" if len(unfit) > NAMED else ""
    apart = f"; or tag the others one by one: promptstage tag {fit}" if fit else ""
    verb = "is" if len(unfit) == 1 else "are"
    raise Invalid(
        f"nothing is tagged, as {', '.join(unfit[:NAMED])}{more} {verb} not fit; "
        f"correct what is said above, git commit it, then repeat this{apart}",
        problems=[asdict(problem) for _, problem in about],
    )


def _propose(
    head: Head,
    known: Versions,
    read: Mapping[str, Read],
    changed: list[str],
    *,
    push: bool,
) -> tuple[list[Proposal], Remote | None]:
    """Propose a version of each changed prompt; with a push, also those that only a push is missing for."""
    tags = worktree.tags(head.top)
    for name in changed:
        tagged.require_room(tags, name)
    targets = publish.plan_all(head.top, changed, known) if push else {}
    made = []
    for name, content in head.contents.items():
        before = read.get(name, {})
        draft = Draft(
            head.top,
            name,
            content,
            known.get(name, {}),
            {version: held for version, (held, _) in before.items()},
            head.suites[name],
            {version: suite for version, (_, suite) in before.items()},
        )
        unpushed = targets[name].unpushed if push else None
        if name in changed:
            made.append(draft.propose(VersionRequest(), unpushed))
        elif left := draft.left_behind(VersionRequest(), unpushed or ()):
            made.append(left)
    return made, next((target.remote for target in targets.values()), None)


def _show(made: Iterable[Proposal]) -> None:
    for one in made:
        if one.is_tagged:
            output.say(f"{one.name} {one.version}, which is tagged already, and not pushed", "bold")
        else:
            proposal.summarize(one)


def _confirm(top: Path, made: Sequence[Proposal], remote: Remote | None, *, yes: bool) -> None:
    """Let pass whom git knows, and who says yes where there is a person to ask."""
    new = [one for one in made if not one.is_tagged]
    if new:
        worktree.require_identity(top)
    what = _counted(len(new) if new else len(made), "version")
    question = f"Tag HEAD with {what}" if new else f"Push {what}, tagged here already"
    if new and remote:
        question += f", and push {_counted(len(made), 'tag')} to {remote.shown}"
    output.confirm(f"{question}?", yes=yes)


def _make(
    head: Head, made: Sequence[Proposal], message: str | None, remote: Remote | None, *, quiet: bool
) -> None:
    """Tag, and push; tags that a refusal of git leaves incomplete are taken back."""
    new = [one for one in made if not one.is_tagged]
    said = dict.fromkeys(head.contents, message or "")
    if new and not message:
        usual = worktree.subject(head.top, ".")
        subjects = worktree.subjects(head.top, *(place or "." for place in head.places))
        said = {name: subjects.get(path, usual) for path, name in head.paths.items()}
    done: list[str] = []
    try:
        for one in new:
            worktree.tag(head.top, one.tag, said[one.name])
            done.append(one.tag)
    except BaseException:
        if done:
            worktree.untag(head.top, *done)
        raise
    if not quiet:
        for tag in done:
            output.say(f"Tagged {tag}", "bold green")
    if remote:
        publish.publish_all(head.top, remote, made)
        if not quiet:
            output.say(f"Pushed {_counted(len(made), 'tag')} to {remote.shown}")
        publish.tell_branch(head.top, remote)


def _tell_next(top: Path, made: Sequence[Proposal], remote: Remote | None, *, done: bool) -> None:
    if not made:
        output.say("Every prompt is in HEAD as in its newest version; there is nothing to tag")
    elif not done:
        output.say(f"Nothing is tagged; without --dry-run {_counted(len(made), 'version')} would be")
    else:
        if not remote and remotes.find(top):
            output.say(f"Publish them:  {publish.ALL}")
        commands = [("start" if one.since else "promote", one) for one in made[:NAMED]]
        for command, one in commands:
            output.say(f"Release it:  promptstage {command} {one.name} {one.version}")
        if len(made) > NAMED:
            output.say(f"and {len(made) - NAMED} more in the same way")


def _dump(
    made: Iterable[Proposal], problems: Iterable[Problem], remote: Remote | None, *, done: bool
) -> None:
    pushed_to = remote.shown if remote else None
    facts = [proposal.facts(one, (), pushed_to=pushed_to, done=done) for one in made]
    output.dump({"versions": facts, "tagged": done, "problems": [asdict(found) for found in problems]})


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
