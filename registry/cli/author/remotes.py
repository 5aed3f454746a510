"""Find the remote that git itself would push to, and the tags of a prompt that it has."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.cli import output
from registry.cli.author import tagged, worktree
from registry.errors import Invalid
from registry.wording.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from registry.cli.author.tagged import Versions

ASK_SECONDS = 30.0  # a host answers within one; 100,000 tags on a slow line take some ten
PERSON_SECONDS = 120.0  # at a terminal, where git may ask for a password, a key or a login in a browser
HERE = "."  # how git names the repository itself, where a branch follows another local one


@dataclass(frozen=True, slots=True)
class Remote:
    """A place to push to.

    Attributes:
        name: a remote's name, or a URL.
        places: what to ask for its tags: the name, or the URLs that pushes alone go to.
    """

    name: str
    places: tuple[str, ...]

    @property
    def shown(self) -> str:
        """How a sentence names it."""
        return clean(worktree.without_secrets(self.name))

    def push_command(self, *refs: str) -> str:
        """What an author types to push branches or tags."""
        return " ".join(["git push", *map(_quoted, (self.name, *refs))])

    def fetch_command(self, place: str) -> str:
        """What an author types to know the tags of one of the places; a URL has no refspec of its own."""
        refspec = "" if place == self.name else " 'refs/tags/*:refs/tags/*'"
        return f"git fetch --tags {_quoted(place)}{refspec}"


def find(top: Path) -> Remote | None:
    """Find where `git push` goes; None where git would not know either."""
    name = _configured(top) or _obvious(worktree.remotes(top))
    return Remote(name, _places(top, name)) if name else None


def require(top: Path) -> Remote:
    """Find where `git push` goes. Raises Invalid with what to type, if git would not know."""
    if found := find(top):
        return found
    names = worktree.remotes(top)
    if not names:
        raise Invalid("there is no remote to push to; add one first: git remote add origin URL")
    several = ", ".join(map(clean, names))
    raise Invalid(
        f"there are several remotes, and none is chosen: {several}; choose one:  "
        f"git config remote.pushDefault {_quoted(names[0])}"
    )


def versions(top: Path, place: str, name: str) -> Versions:
    """The versions of a prompt, or of all by ``*``, that a place has. Raises GitFailed."""
    pattern = f"refs/tags/{naming.tag_of(name, '*')}"
    shown = clean(worktree.without_secrets(place))
    seconds = PERSON_SECONDS if output.is_dialogue() else ASK_SECONDS
    with output.impatience(f"{shown} has not answered yet; waiting up to {seconds:g} s"):
        listed = worktree.ask_remote(top, place, pattern, seconds)
    lines = (line.partition(b"\t") for line in listed.splitlines())
    return tagged.versions({ref.removeprefix(b"refs/tags/"): oid.decode() for oid, _, ref in lines})


def push(top: Path, remote: Remote, *tags: str) -> None:
    """Push tags and nothing else; it takes as long as the author's hooks. Raises GitFailed."""
    what = "the tag" if len(tags) == 1 else f"the {len(tags)} tags"
    with output.impatience(f"{remote.shown} has not accepted {what} yet; Ctrl-C stops waiting"):
        worktree.push(top, remote.name, *tags)


def _configured(top: Path) -> str | None:
    """Read the configuration in the order in which git does."""
    branch = worktree.branch(top)
    keys = [f"branch.{branch}.pushRemote"] if branch else []
    keys += ["remote.pushDefault"]
    keys += [f"branch.{branch}.remote"] if branch else []
    values = (worktree.setting(top, key) for key in keys)
    return next((value for value in values if value and value != HERE), None)


def _obvious(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else "origin" if "origin" in names else None


def _places(top: Path, name: str) -> tuple[str, ...]:
    """The name, where fetches and pushes go to the same URL; else the URLs of the pushes."""
    pushed = worktree.urls(top, name, "--push", "--all")
    return (name,) if pushed in ([], worktree.urls(top, name)) else tuple(pushed)


def _quoted(word: str) -> str:
    return clean(shlex.quote(worktree.without_secrets(word)))
