"""``promptstage tag --changed``: tag every prompt that differs from its newest version, or none."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.parsing.toml_source import FILE
from registry.cli import output
from registry.cli.author import files, layout, proposal, publish, remotes, report, tagged, worktree
from registry.cli.author.files import Problem
from registry.cli.author.proposal import Draft, VersionRequest
from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from registry.catalog.parsing.partials import Files
    from registry.catalog.parsing.repository_settings import RepositorySettings
    from registry.cli.author.proposal import Proposal
    from registry.cli.author.remotes import Remote
    from registry.cli.author.tagged import Versions

LINK = "120000"  # the mode of a symbolic link
NAMED = 5  # prompts that a sentence names


@dataclass(frozen=True, slots=True)
class Head:
    """What HEAD holds of all prompts.

    Attributes:
        top: the worktree.
        settings: those of HEAD.
        places: what the paths of prompts begin with.
        paths: the prompts' names, by the paths of their files.
        links: those of the paths that are symbolic links.
        files: the bytes of the files, by name; of two files of one prompt, those of the last.
        partials: the partials of each, by name.
        contents: both as the content of a version, by name.
    """

    top: Path
    settings: RepositorySettings
    places: tuple[str, ...]
    paths: Mapping[str, str]
    links: frozenset[str]
    files: Mapping[str, bytes]
    partials: Mapping[str, Files]
    contents: Mapping[str, bytes]


def tag_changed(message: str | None, *, push: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Tag all prompts that have changed; `registry.cli.author.tag` says what the options mean."""
    top = worktree.top(Path())
    head = _read(top)
    if not head.contents:
        raise Invalid("HEAD holds no prompt file; a prompt is a file such as prompts/summarize.prompt.yml")
    known = tagged.versions(worktree.tags(top))
    read = _newest(top, {name: known[name] for name in head.contents if name in known})
    changed = [name for name, content in head.contents.items() if content not in read.get(name, {}).values()]
    problems = list(_about(head, changed))
    if not as_json:
        report.lines(problems)
    _require_fit(head, changed, problems)
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


def _read(top: Path) -> Head:
    """Read what HEAD holds; more runs of git only for partials. Raises Invalid or DocumentInvalid."""
    if worktree.is_changed(top, FILE):
        raise Invalid(f"{FILE} differs from what HEAD holds; git add it and git commit it first")
    settings = layout.at_head(top)
    modes = worktree.modes(top)
    paths = settings.prompts_in(list(modes))
    places = settings.places(usual=any(path.startswith(f"{naming.FOLDER}/") for path in modes))
    links = frozenset(path for path in paths if modes[path] == LINK)
    held: dict[str, bytes] = {}
    asked: dict[str, Files] = {}
    whole: dict[str, bytes] = {}
    found = zip(paths.items(), worktree.contents(top, [f"HEAD:{path}" for path in paths]), strict=True)
    for (path, name), content in sorted(found, key=lambda each: each[0][1]):
        if content is not None:
            held[name] = content
            whole[name], asked[name] = tagged.with_partials(top, "HEAD", path, name, content)
    return Head(top, settings, places, paths, links, held, asked, whole)


def _newest(top: Path, known: Versions) -> dict[str, dict[str, bytes | None]]:
    """Read the newest version of each prompt, and its newest release; two runs of git for them all."""
    wanted = [
        (name, version)
        for name, versions in known.items()
        for version in dict.fromkeys((*naming.newest_first(versions)[:1], *naming.releases(versions)[:1]))
    ]
    found = tagged.read(top, [(name, known[name][version]) for name, version in wanted])
    read: dict[str, dict[str, bytes | None]] = {}
    for (name, version), content in zip(wanted, found, strict=True):
        read.setdefault(name, {})[version] = content
    return read


def _about(head: Head, changed: Iterable[str]) -> Iterator[Problem]:
    """Say what the check says of the changed prompts, and which cannot be tagged as they are in HEAD."""
    twice = {name for name, count in Counter(head.paths.values()).items() if count > 1}
    wanted = set(changed)
    for path, name in head.paths.items():
        if name in twice:
            yield Problem(
                path, 1, 1, "error", "two_files", f"{name} has two files in HEAD; git rm one of them"
            )
        elif path in head.links and name in wanted:
            message = (
                "this is a symbolic link, which the registry does not follow; put the prompt's own file here"
            )
            yield Problem(path, 1, 1, "error", "no_file", message)
        elif name in wanted:
            yield from files.judged(files.about(path, head.files[name], head.partials[name]), head.settings)
    dirty = set(worktree.changed(head.top, *(place or "." for place in head.places)))
    left = "differs from what HEAD holds; git add and git commit it, or git stash it, first"
    for path in sorted(dirty):
        if head.settings.prompt_at(path):
            yield Problem(path, 1, 1, "error", "uncommitted", f"this {left}")
    for path, name in head.paths.items():
        for other in head.partials.get(name, ()):
            if tagged.place_of(path, name) + other in dirty:
                yield Problem(path, 1, 1, "error", "uncommitted", f"its partial {other} {left}")


def _require_fit(head: Head, changed: Iterable[str], problems: Iterable[Problem]) -> None:
    """Let pass prompts of which each is fit: a version of some would hide that others are missing."""
    bad = [head.settings.prompt_at(found.path) for found in problems if found.severity == "error"]
    unfit = list(dict.fromkeys(name for name in bad if name))
    if not unfit:
        return
    fit = next((name for name in changed if name not in unfit), None)
    more = f" and {len(unfit) - NAMED} more" if len(unfit) > NAMED else ""
    apart = f"; or tag the others one by one: promptstage tag {fit}" if fit else ""
    verb = "is" if len(unfit) == 1 else "are"
    raise Invalid(
        f"nothing is tagged, as {', '.join(unfit[:NAMED])}{more} {verb} not fit; "
        f"correct what is said above, git commit it, then repeat this{apart}",
        problems=[asdict(found) for found in problems],
    )


def _propose(
    head: Head,
    known: Versions,
    read: Mapping[str, Mapping[str, bytes | None]],
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
        draft = Draft(head.top, name, content, known.get(name, {}), read.get(name, {}))
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


def _dump(
    made: Iterable[Proposal], problems: Iterable[Problem], remote: Remote | None, *, done: bool
) -> None:
    pushed_to = remote.shown if remote else None
    facts = [proposal.facts(one, (), pushed_to=pushed_to, done=done) for one in made]
    output.dump({"versions": facts, "tagged": done, "problems": [asdict(found) for found in problems]})


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
