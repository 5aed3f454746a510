"""Which version comes next, and why: what HEAD holds, compared with the version before it."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.file import bump
from registry.cli import output
from registry.cli.author import tagged, worktree
from registry.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

    from registry.catalog.file.bump import Part, Reason

FIRST = "1.0.0"
DIFF_LINES = 80  # of a difference on the screen; git shows the rest
DIFF_WIDTH = 400  # characters of one of its lines; texts of prompts are often one long line
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
    """

    name: str
    version: str
    since: str | None
    before: bytes | None
    after: bytes
    differences: list[Reason] | None
    needed: Part

    @property
    def is_enough(self) -> bool:
        """Whether the version rises as far as the differences call for."""
        return not self.since or bump.is_enough(self.since, self.version, self.needed)


def propose(top: Path, name: str, content: bytes, wanted: str | None, part: Part | None) -> Proposal:
    """Choose the version: the one that is wanted, else the next one by a part, else by what differs.

    Raises:
        Invalid: the version exists, or there is nothing new to make one of.
    """
    known = tagged.versions(worktree.tags(top)).get(name, {})
    since = next(iter(naming.releases(known, below=wanted)), None)
    before = tagged.read(top, [(name, known[since])])[0] if since else None
    differences = tagged.between(before, content)
    needed = bump.needed(differences or (), since or FIRST)
    following = naming.bump(naming.latest(known), part or needed) if known else FIRST
    if wanted in known:
        raise Invalid(f"{wanted} is tagged already, and a version never changes; the next one is {following}")
    if before == content and not wanted and not part:
        raise Invalid(
            f"{name} is in HEAD as it was in {since}, so there is nothing to tag; git commit a change first, "
            f"or say that the same file shall be another version: promptstage tag {name} --patch"
        )
    return Proposal(name, wanted or following, since, before, content, differences, needed)


def show(proposal: Proposal) -> None:
    """Print what is new since the version before, and why this is the next one; nothing of a first one."""
    if proposal.since is None:
        return
    output.say(_headline(proposal), "bold")
    if proposal.differences is None:
        output.say(f"  {proposal.since} cannot be compared: it has no file that can be served")
    for reason in proposal.differences or ():
        output.say(f"  {reason.part}: it {output.clean(reason.words, DIFF_WIDTH)}")
    _show_difference(proposal)
    if proposal.before == proposal.after:
        output.note(f"it is the same file as in {proposal.since}")
    if not proposal.is_enough:
        better = naming.bump(proposal.since, proposal.needed)
        output.note(
            f"{proposal.version} promises less than it changes; these changes call for a {proposal.needed} "
            f"version, {better}"
        )


def _headline(proposal: Proposal) -> str:
    since = proposal.since or FIRST
    risen = naming.risen(since, proposal.version)
    needless = risen != proposal.needed and proposal.is_enough and proposal.differences
    would_do = f"; a {proposal.needed} version would do" if needless else ""
    below_one = "; below 1.0.0, each part counts one less" if since.startswith("0.") else ""
    return f"{proposal.name} {since} -> {proposal.version}, a {risen} version{would_do}{below_one}"


def _show_difference(proposal: Proposal) -> None:
    before, after = _lines(proposal.before or b""), _lines(proposal.after)
    names = (f"{proposal.name} {proposal.since}", f"{proposal.name} {proposal.version}")
    found = list(unified_diff(before, after, *names, lineterm=""))
    for line in found[:DIFF_LINES]:
        output.say(output.clean(line, DIFF_WIDTH), _style(line))
    if len(found) > DIFF_LINES:
        old = naming.tag_of(proposal.name, proposal.since or FIRST)
        output.say(f"... and {len(found) - DIFF_LINES} lines more:  git diff {old} HEAD")


def _style(line: str) -> str:
    return "bold" if line.startswith(("+++", "---")) else STYLES.get(line[:1], "")


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines()
