"""Write imported versions into the author's repository: all of them, or none.

`git fast-import` makes the commits beside the branch. Then the files go into the worktree, which git refuses
if that would lose a change; then the branch moves and the tags come, in one transaction of git's. If that is
refused, the worktree goes back.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from registry.cli.author import worktree
from registry.errors import Conflict, GitFailed
from registry.importers.provenance import message
from registry.suites.suite_source import cases_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from registry.importers.imported import Imported
    from registry.importers.plan import Step

IMPORTING = "refs/promptstage/import"  # where the commits are until the branch moves
_NAMED = 5  # files that an error names


def require_clean(top: Path, steps: Sequence[Step]) -> None:
    """Let files pass that the author has not changed. Raises Conflict with what to do."""
    wanted = {path for step in steps for path in (step.files.path, cases_path(step.files.path))}
    changed = sorted(wanted.intersection(worktree.changed(top, ".")))
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        raise Conflict(
            f"{', '.join(changed[:_NAMED])}{more} differ from what HEAD holds, and the import would write "
            "there; git add and git commit them first, or put them aside: git stash --include-untracked",
            code="changed_file",
        )


def write(top: Path, fmt: str, steps: Sequence[Step]) -> list[str]:
    """Commit and tag these versions on the branch that is checked out; return the commits' ids.

    Raises:
        GitFailed: git refuses; the branch, the tags and the worktree are as before.
    """
    before = worktree.require_commit(top, "HEAD")
    try:
        commits = _commit(top, fmt, steps, before)
        _move(top, fmt, steps, before, commits)
    except BaseException:
        with suppress(GitFailed):
            worktree.tell(top, "update-ref", "-d", IMPORTING)
        raise
    return commits


def _commit(top: Path, fmt: str, steps: Sequence[Step], before: str) -> list[str]:
    committer = worktree.tell(top, "var", "GIT_COMMITTER_IDENT")
    stream = b"".join(_stream(fmt, steps, before, committer))
    options = ("--quiet", "--done", "--force", "--date-format=raw-permissive")
    return worktree.tell(top, "fast-import", *options, given=stream).decode().split()


def _stream(fmt: str, steps: Sequence[Step], before: str, committer: bytes) -> Iterator[bytes]:
    """Yield the commits in the format of `git fast-import`, then the question for their ids."""
    parent = before
    for mark, step in enumerate(steps, 1):
        said = message(step.item, fmt).encode("utf-8", "backslashreplace")
        yield f"commit {IMPORTING}\nmark :{mark}\n".encode()
        yield b"author %s\ncommitter %s\n" % (_author(step.item, committer), committer)
        yield b"data %d\n%s\nfrom %s\n" % (len(said), said, parent.encode())
        files = step.files
        for path, content in ((files.path, files.content), (cases_path(files.path), files.cases)):
            if content:
                yield b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content)
            else:
                yield b"D %s\n" % path.encode()
        parent = f":{mark}"
    yield from (b"get-mark :%d\n" % mark for mark in range(1, len(steps) + 1))
    yield b"done\n"


def _author(item: Imported, committer: bytes) -> bytes:
    """Return who wrote a version and when, as far as the source knows; else who imports it, and now."""
    person, _, _ = committer.rpartition(b">")
    now = committer[len(person) + 1 :].strip()
    if item.author or item.email:
        name, email = _one_line(item.author or item.email or ""), _one_line(item.email or "")
        person = f"{name} <{email}".encode("utf-8", "backslashreplace")
    return b"%s> %s" % (person, _time(item.at) if item.at else now)


def _one_line(text: str) -> str:
    """Return a text that ends neither a name nor an address of git's."""
    return " ".join("".join(" " if each in "<>" or not each.isprintable() else each for each in text).split())


def _time(at: datetime) -> bytes:
    offset = at.utcoffset()
    minutes = int(offset.total_seconds()) // 60 if offset else 0
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return f"{int(at.astimezone(UTC).timestamp())} {sign}{hours:02}{rest:02}".encode()


def _move(top: Path, fmt: str, steps: Sequence[Step], before: str, commits: Sequence[str]) -> None:
    """Put the files into the worktree, move the branch, and tag."""
    tags = (f"create refs/tags/{step.tag}\0{oid}\0" for step, oid in zip(steps, commits, strict=True))
    after = commits[-1]
    changes = f"update HEAD\0{after}\0{before}\0{''.join(tags)}delete {IMPORTING}\0{after}\0"
    worktree.tell(top, "read-tree", "-m", "-u", before, after)
    try:
        reason = f"promptstage import {fmt}"
        worktree.tell(top, "update-ref", "-m", reason, "-z", "--stdin", given=changes.encode())
    except BaseException:
        worktree.tell(top, "read-tree", "-m", "-u", after, before)
        raise
