"""Propose the next version, and say why: compare HEAD with the version before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from difflib import unified_diff
from typing import TYPE_CHECKING, Any

from registry.catalog import naming
from registry.catalog.parsing import bump, partials
from registry.cli import output
from registry.cli.author import tagged, worktree
from registry.errors import Invalid
from registry.suites.digest import EMPTY
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from registry.catalog.parsing.bump import Part, Reason
    from registry.cli.author.files import Problem

FIRST = "1.0.0"
DIFF_LINES = 80  # of a difference on the screen; git shows the rest
DIFF_WIDTH = 400  # characters of one of its lines; texts of prompts are often one long line
CASES_CHANGED = bump.Reason("patch", "changes its cases")
STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version to be tagged.

    Attributes:
        since: the release before it; None if there is none.
        before: the file of that one; None if it has none.
        after: the file as it will be.
        differences: between the two; None if they cannot be compared.
        needed: the part that has to rise for them.
        is_tagged: whether its tag is here already, and only a push is missing.
    """

    name: str
    version: str
    since: str | None
    before: bytes | None
    after: bytes
    differences: list[Reason] | None
    needed: Part
    is_tagged: bool = False

    @property
    def tag(self) -> str:
        """Its tag."""
        return naming.tag_of(self.name, self.version)

    @property
    def is_enough(self) -> bool:
        """Whether the version rises as far as the differences call for."""
        return not self.since or bump.is_enough(self.since, self.version, self.needed)


@dataclass(frozen=True, slots=True)
class VersionRequest:
    """What an author asks for: a version, or a part that has to rise, or neither."""

    version: str | None = None
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What HEAD holds of a prompt, and the versions that there are.

    Attributes:
        top: the worktree.
        name: the prompt.
        content: its file in HEAD.
        known: its versions, with the ids of what is tagged.
        read: the files of those versions that were read already.
        suite: the digest of its suite in HEAD.
        suites: those of the versions whose files were read already.
    """

    top: Path
    name: str
    content: bytes
    known: Mapping[str, str]
    read: Mapping[str, bytes | None] = field(default_factory=dict)
    suite: str = EMPTY
    suites: Mapping[str, str] = field(default_factory=dict)

    def file(self, version: str) -> bytes | None:
        """The file of a version; None if there is none in what is tagged."""
        if version in self.read:
            return self.read[version]
        return tagged.read(self.top, [(self.name, self.known[version])])[0]

    def suite_of(self, version: str) -> str:
        """The digest of the suite of a version."""
        if version in self.suites:
            return self.suites[version]
        return tagged.read_with_suites(self.top, [(self.name, self.known[version])])[0][1]

    def propose(self, request: VersionRequest, unpushed: Collection[str] | None) -> Proposal:
        """Choose the version: the one that is wanted, else the next one by a part, else by what differs.

        Args:
            request: what the author asks for.
            unpushed: the versions that a push is missing for; None where no push is wanted.

        Raises:
            Invalid: the version exists, or there is nothing new to make one of.
        """
        if left := self.left_behind(request, unpushed or ()):
            return left
        made = self._compared(request.version, request.part)
        if request.version in self.known:
            following = naming.bump(naming.latest(self.known), request.part or made.needed)
            raise Invalid(
                f"{request.version} is tagged already, and a version never changes; "
                f"the next one is {following}"
            )
        is_same = made.before == self.content and not made.differences
        if is_same and request == VersionRequest():
            raise Invalid(self._nothing_new(made.since, is_pushed=unpushed is not None))
        return made

    def left_behind(self, request: VersionRequest, unpushed: Collection[str]) -> Proposal | None:
        """The version that this very request made before, if its push was refused."""
        version = request.version or next(iter(naming.releases(self.known)), None)
        if version is None or version not in unpushed or self.file(version) != self.content:
            return None
        if self.suite_of(version) != self.suite:
            return None
        left = self._compared(version)
        if request.part and left.since and naming.risen(left.since, version) != request.part:
            return None
        return replace(left, is_tagged=True)

    def _compared(self, version: str | None, part: Part | None = None) -> Proposal:
        """A version, or the next one, beside the release before it."""
        since = next(iter(naming.releases(self.known, below=version)), None)
        before = self.file(since) if since else None
        differences = tagged.between(before, self.content)
        if since and differences is not None and self.suite_of(since) != self.suite:
            differences = [*differences, CASES_CHANGED]
        needed = bump.needed(differences or (), since or FIRST)
        following = naming.bump(naming.latest(self.known), part or needed) if self.known else FIRST
        return Proposal(self.name, version or following, since, before, self.content, differences, needed)

    def _nothing_new(self, since: str | None, *, is_pushed: bool) -> str:
        again = f"; if its push was refused: promptstage tag {self.name} --push"
        return (
            f"{self.name} is in HEAD as it was in {since}, so there is nothing to tag; git commit a change "
            f"first, or say that the same file shall be another version: promptstage tag {self.name} --patch"
            + ("" if is_pushed or not worktree.remotes(self.top) else again)
        )


def show(proposal: Proposal) -> None:
    """Print what is new since the version before, and why this is the next one; nothing of a first one."""
    if proposal.since is None:
        return
    summarize(proposal)
    _show_difference(proposal)
    if proposal.before == proposal.after:
        besides = "; its cases differ" if proposal.differences else ""
        output.note(f"it is the same file as in {proposal.since}{besides}")
    if not proposal.is_enough:
        better = naming.bump(proposal.since, proposal.needed)
        output.note(
            f"{proposal.version} promises less than it changes; these changes call for a {proposal.needed} "
            f"version, {better}"
        )


def summarize(proposal: Proposal) -> None:
    """Print the version before, this one, and why it is the next one."""
    if proposal.since is None:
        output.say(f"{proposal.name} {proposal.version}, its first version", "bold")
        return
    output.say(_headline(proposal), "bold")
    if proposal.differences is None:
        output.say(f"  {proposal.since} cannot be compared: it has no file that can be served")
    for reason in proposal.differences or ():
        output.say(f"  {reason.part}: it {clean(reason.sentence, DIFF_WIDTH)}")


def facts(
    proposal: Proposal, problems: Iterable[Problem], *, pushed_to: str | None, done: bool
) -> dict[str, Any]:
    """The outcome for a program."""
    return {
        "prompt": proposal.name,
        "version": proposal.version,
        "tag": proposal.tag,
        "since": proposal.since,
        "needed": proposal.needed,
        "changes": [reason._asdict() for reason in proposal.differences or ()],
        "tagged": done or proposal.is_tagged,
        "pushed_to": pushed_to if done else None,
        "problems": list(map(asdict, problems)),
    }


def _headline(proposal: Proposal) -> str:
    since = proposal.since or FIRST
    risen = naming.risen(since, proposal.version)
    needless = risen != proposal.needed and proposal.is_enough and proposal.differences
    would_do = f"; a {proposal.needed} version would do" if needless else ""
    below_one = "; below 1.0.0, each part counts one less" if since.startswith("0.") else ""
    return f"{proposal.name} {since} -> {proposal.version}, a {risen} version{would_do}{below_one}"


def _show_difference(proposal: Proposal) -> None:
    before, after = partials.as_read(proposal.before or b""), partials.as_read(proposal.after)
    names = (f"{proposal.name} {proposal.since}", f"{proposal.name} {proposal.version}")
    found = list(unified_diff(before, after, *names, lineterm=""))
    for line in found[:DIFF_LINES]:
        output.say(clean(line, DIFF_WIDTH), _style(line))
    if len(found) > DIFF_LINES:
        old = naming.tag_of(proposal.name, proposal.since or FIRST)
        output.say(f"... and {len(found) - DIFF_LINES} lines more:  git diff {old} HEAD")


def _style(line: str) -> str:
    return "bold" if line.startswith(("+++", "---")) else STYLES.get(line[:1], "")
