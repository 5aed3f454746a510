"""Fetch the objects of tags by their ids, in batches that a bad tag cannot hold up for long.

`incoming` decides what one fetch transfers.

Objects are never garbage collected: a pinned object need not be reachable from any ref, so the mirror's own
configuration (`PRECIOUS`) forbids it, for every user of git there. The few refs, ``refs/kept/<id>``, name the
youngest commits, or tags of them. They tell git what need not be sent again, and where its search for missing
objects may stop: without them it would search the whole history. They are a hint only; a new tag on an
older commit takes git a second, where there are a hundred thousand.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from registry.catalog import naming
from registry.catalog.mirror.incoming import KEPT_REFS
from registry.errors import GitFailed
from registry.git.diagnosis import is_blameless

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from registry.catalog.mirror.incoming import Incoming
    from registry.git.command import Git

GREAT = 5000  # new tags; above this it pays to fetch some before the others
BATCH = 20_000  # tags per fetch: a bad one costs 15 more fetches; git compares each with all the others
FAILED_FETCHES = 50  # per sync; the rest can wait for the next
KEPT = 100  # commits with a ref; the next tag is usually on one of them, or a few commits later
MORE = 50  # refs beyond that before the youngest are chosen: choosing takes git twice as long as adding one

PRECIOUS = ("extensions.preciousObjects", "true")

Tags = dict[str, str]  # tag -> object id


class Batch(NamedTuple):
    """Tags whose objects are here now, or cannot be fetched."""

    tags: Tags
    error: str = ""


def fetch(git: Git, folder: Path, incoming: Incoming, tags: Tags, lock: int) -> Iterator[Batch]:
    """Fetch tags, the newest version of each prompt first.

    A failed batch is halved, so that a bad tag stops no other. If the repository itself is unreachable, no
    tag is to blame, and all are tried at the next sync.

    Raises:
        GitFailed: it is unreachable, or too much of it is bad.
    """
    newest, older = _by_age(tags)
    ordered = [*newest, *older]
    starts = range(0, len(ordered), BATCH)
    batches = [_some(tags, ordered[start : start + BATCH]) for start in reversed(starts)]
    failures = 0
    while batches:
        batch = batches.pop()
        try:
            incoming.bring(batch, lock)
        except GitFailed as error:
            failures += 1
            if failures > FAILED_FETCHES or is_blameless(error):
                raise
            if len(batch) > 1:
                batches += reversed(_halves(batch))
            else:
                yield Batch(batch, error.message)
        else:
            yield Batch(batch)
            keep(git, folder, batch.values(), lock)


def fetch_newest(incoming: Incoming, tags: Tags, lock: int) -> Tags:
    """Fetch the newest version of each prompt without its history, in seconds rather than minutes.

    The mirror gets no ref to these commits, as git would assume that it has their history.

    Args:
        incoming: fetches them.
        tags: the new tags.
        lock: the descriptor of the mirror's lock.

    Returns:
        The tags whose objects are here now; `fetch` fetches their histories.
    """
    newest = _some(tags, _by_age(tags)[0][:GREAT])
    try:
        incoming.bring(newest, lock, "--depth=1")
    except GitFailed as error:
        if is_blameless(error):
            raise
        return {}  # a bad tag, or a server that cannot do this: `fetch` finds out
    return newest


def keep(git: Git, folder: Path, oids: Iterable[str], lock: int) -> None:
    """Give new objects refs too; when there are many refs, keep those of the youngest commits.

    Args:
        git: git in the mirror.
        folder: the mirror.
        oids: commits, and tags of some.
        lock: the descriptor of the mirror's lock.

    Raises:
        GitFailed: git cannot.
    """
    before = _kept(folder)
    new = set(oids) - before
    if len(before) + len(new) > KEPT + MORE:
        keep_youngest(git, folder, new, lock)
    else:
        _refer(git, new, lock)


def keep_youngest(git: Git, folder: Path, oids: Iterable[str], lock: int) -> None:
    """Do as `keep`, but choose now: then nothing else has a ref, and no missing object."""
    before = _kept(folder)
    found = git.run(
        "rev-list", "--no-walk", "--ignore-missing", f"--max-count={KEPT}", "--stdin",
        data=_lines(before.union(oids)), pass_fds=(lock,),
    )  # fmt: skip
    now = set(found.decode().split())
    for oid in before - now:  # also a damaged one, which git refuses to delete
        (folder / KEPT_REFS / oid).unlink()
    _refer(git, now - before, lock)


def _kept(folder: Path) -> set[str]:
    """List the ids with a ref, from the folder: refs are never packed, and asking git costs more."""
    with suppress(FileNotFoundError):
        return {file.name for file in (folder / KEPT_REFS).iterdir()}
    return set()


def _refer(git: Git, oids: Iterable[str], lock: int) -> None:
    changes = (f"create {KEPT_REFS}/{oid} {oid}" for oid in oids)
    git.run("update-ref", "--stdin", data=_lines(changes), pass_fds=(lock,))


def _by_age(tags: Tags) -> tuple[list[str], list[str]]:
    """Split tags into the newest version of each prompt, and the others."""
    by_name: dict[str, dict[str, str]] = {}
    for tag in tags:
        name, _, version = tag.rpartition("/v")
        by_name.setdefault(name, {})[version] = tag
    ordered = [[tagged[version] for version in naming.newest_first(tagged)] for tagged in by_name.values()]
    return [tagged[0] for tagged in ordered], [tag for tagged in ordered for tag in tagged[1:]]


def _some(tags: Tags, chosen: Iterable[str]) -> Tags:
    return {tag: tags[tag] for tag in chosen}


def _halves(tags: Tags) -> tuple[Tags, Tags]:
    items = list(tags.items())
    middle = len(items) // 2
    return dict(items[:middle]), dict(items[middle:])


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()
