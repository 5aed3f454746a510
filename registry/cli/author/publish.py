"""Publish a version: check its remote before making anything, and report a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry.catalog import naming
from registry.cli import output
from registry.cli.author import remotes, worktree
from registry.errors import GitFailed, Invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from registry.cli.author.proposal import Proposal
    from registry.cli.author.remotes import Remote
    from registry.cli.author.tagged import Versions

ALL = "promptstage tag --changed --push"
NAMED = 3  # versions that a sentence names


class Target(NamedTuple):
    """A remote, and which of the versions that are here it has not."""

    remote: Remote
    unpushed: frozenset[str]


def plan(top: Path, name: str, known: Mapping[str, str]) -> Target:
    """Ask the remote for the versions of a prompt; `known` are those here. Raises as `plan_all`."""
    return plan_all(top, [name], {name: known}, name)[name]


def plan_all(
    top: Path, names: Collection[str], known: Mapping[str, Mapping[str, str]], asked: str = "*"
) -> dict[str, Target]:
    """Ask the remote once for the versions of prompts.

    Args:
        top: the worktree.
        names: the prompts to be tagged.
        known: the versions that are here, with the ids of what is tagged, by prompt.
        asked: the prompts to ask for, as a pattern.

    Raises:
        Invalid: there is no remote, or it has what this clone does not know.
        GitFailed: it does not answer.
    """
    remote = remotes.require(top)
    theirs = {place: _ask(top, place, asked) for place in remote.places}
    targets = {}
    for name in {*known, *names}:
        ours = known.get(name, {})
        found = {place: versions.get(name, {}) for place, versions in theirs.items()}
        for place in found if name in names else ():
            _require_known(remote, place, name, found[place], ours)
        missing = (ours.keys() - held.keys() for held in found.values())
        targets[name] = Target(remote, frozenset().union(*missing))
    return targets


def _ask(top: Path, place: str, name: str) -> Versions:
    try:
        return remotes.versions(top, place, name)
    except GitFailed as error:
        raise GitFailed(
            f"{error.message}\nNothing is tagged. Without --push the tag is made here alone", code=error.code
        ) from error


def _require_known(
    remote: Remote, place: str, name: str, theirs: Mapping[str, str], known: Mapping[str, str]
) -> None:
    """Let pass what this clone knows: with another view of what exists it would choose a wrong version."""
    fetch = remote.fetch_command(place)
    if others := [version for version in theirs if known.get(version, theirs[version]) != theirs[version]]:
        tags = " ".join(naming.tag_of(name, version) for version in naming.newest_first(others))
        raise Invalid(
            f"{remote.shown} has another {tags} than this clone, so nothing is tagged. "
            f"Take what is there, then repeat this:\n  git tag --delete {tags}\n  {fetch}"
        )
    if new := naming.newest_first(theirs.keys() - known.keys()):
        more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
        raise Invalid(
            f"{remote.shown} has {', '.join(new[:NAMED])}{more} of {name}, which this clone does not know, "
            f"so nothing is tagged. Fetch what is there, then repeat this:\n  {fetch}"
        )


def publish_all(top: Path, remote: Remote, made: Sequence[Proposal]) -> None:
    """Push many versions that are tagged here, together. Raises GitFailed with what the author can do."""
    try:
        remotes.push(top, remote, *(one.tag for one in made))
    except GitFailed as error:
        _settle_all(top, remote, made, error)


def _settle_all(top: Path, remote: Remote, made: Sequence[Proposal], error: GitFailed) -> None:
    """Find out what a push that failed has done. Raises GitFailed, unless all tags arrived."""
    ours = worktree.tags(top)
    there = {place: _there(top, place, "*") for place in remote.places}
    held = {one.tag: {found.get(one.name, {}).get(one.version) for found in there.values()} for one in made}
    arrived = [one for one in made if held[one.tag] == {ours[one.tag.encode()]}]
    if len(arrived) == len(made):
        return
    others = [one.tag for one in made if held[one.tag] - {None, ours[one.tag.encode()]}]
    if not others:
        message = f"{len(arrived)} of {len(made)} tags are pushed, and all are here; push the others:  {ALL}"
        raise GitFailed(f"{error.message}\n{message}") from error
    back = [one.tag for one in made if not one.is_tagged and ours[one.tag.encode()] not in held[one.tag]]
    worktree.untag(top, *back)
    raise GitFailed(
        f"{remote.shown} has another {' '.join(others)} since a moment ago, so what is not pushed is taken "
        f"back. Fetch what is there, then repeat this:  {remote.fetch_command(remote.places[0])}"
    ) from error


def publish(top: Path, remote: Remote, made: Proposal) -> None:
    """Push a version that is tagged here. Raises GitFailed or Invalid with what the author can do."""
    try:
        remotes.push(top, remote, made.tag)
    except GitFailed as error:
        _settle(top, remote, made, error)


def tell_branch(top: Path, remote: Remote) -> None:
    """Say that the branch is not pushed: a tag takes its commit along, and the next author pulls branches."""
    branch = worktree.branch(top)
    if branch and remote.name in worktree.remotes(top) and not worktree.is_on_remote_branch(top, remote.name):
        output.note(
            f"the commit is on no branch of {remote.shown} yet; push it, too:  {remote.push_command(branch)}"
        )


def tell_left(target: Target, made: Proposal) -> None:
    """Say which versions are still here alone: whoever fetches sees a gap, and cannot go back to them."""
    left = naming.newest_first(target.unpushed - {made.version})
    if not left:
        return
    few = [f"refs/tags/{naming.tag_of(made.name, version)}" for version in left]
    every = f"refs/tags/{naming.tag_of(made.name, '*')}"
    refs = few if len(left) <= NAMED else [f"{every}:{every}"]
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    output.note(
        f"{target.remote.shown} has not {', '.join(left[:NAMED])}{more} of {made.name}; push what should be "
        f"there:  {target.remote.push_command(*refs)}"
    )


def _settle(top: Path, remote: Remote, made: Proposal, error: GitFailed) -> None:
    """Find out what a push that failed has done. Raises GitFailed or Invalid, unless the tag arrived."""
    ours = worktree.tags(top)[made.tag.encode()]
    told = {place: _there(top, place, made.name) for place in remote.places}
    there = {place: found.get(made.name, {}).get(made.version) for place, found in told.items()}
    others = [(place, oid) for place, oid in there.items() if oid not in {None, ours}]
    if set(there.values()) == {ours}:
        return
    if not others:
        again = f"The tag is here, but not pushed; try again:  {remote.push_command(f'refs/tags/{made.tag}')}"
        raise GitFailed(f"{error.message}\n{again}") from error
    place, other = others[0]
    if made.is_tagged or ours in there.values():
        _require_known(remote, place, made.name, {made.version: other or ""}, {made.version: ours})
    worktree.untag(top, made.tag)
    raise GitFailed(
        f"{remote.shown} has another {made.tag} since a moment ago, so this one is taken back. "
        f"Fetch what is there, then tag again:  {remote.fetch_command(place)}"
    ) from error


def _there(top: Path, place: str, name: str) -> Versions:
    """Return the versions that a place has; none if it does not answer."""
    try:
        return remotes.versions(top, place, name)
    except GitFailed:
        return {}
