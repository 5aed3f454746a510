"""Fetch the objects of tags by their ids, in batches, so that a bad tag delays no other for long.

What one fetch brings is the business of `incoming`.

Nothing collects them as garbage: git is told so in the mirror's own configuration (`PRECIOUS`), which git
heeds whoever runs it there, as what a pin names need not be reachable from any ref. The few refs there
are, ``refs/kept/<id>``, name the youngest commits, or tags of them. They tell git what need not be sent
again, and where to stop looking whether something is missing: without them it would look through the whole
history. They are a hint only; a new tag on an older commit takes git a second, where there are a hundred
thousand.
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

GREAT = 5000  # new tags; with more of them it is worth while to fetch some before the others
BATCH = 20_000  # tags of one fetch: a bad one costs 15 more; git compares each with all the others
FAILED_FETCHES = 50  # of one look; the rest of a bad day can wait
KEPT = 100  # commits that have a ref; the next tag is usually on one of them, or a few commits later
MORE = 50  # that may have one too, until the youngest are chosen: that takes git twice as long as to add one

PRECIOUS = ("extensions.preciousObjects", "true")

Tags = dict[str, str]  # tag -> object id


class Batch(NamedTuple):
    """Tags of which the objects are here now, or cannot be had."""

    tags: Tags
    error: str = ""


def fetch(git: Git, folder: Path, incoming: Incoming, tags: Tags, lock: int) -> Iterator[Batch]:
    """Fetch what can be fetched, the newest version of each prompt first.

    A batch that fails is halved, so that a bad tag stops no other. Where the repository itself is out of
    reach no tag is to blame, and all are tried at the next look.

    Raises:
        GitFailed: it is out of reach, or too much of it is bad.
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
    """Fetch the newest version of each prompt without its history: seconds, where all of it takes minutes.

    Ours must not take these commits for ones whose history it has, and so gets no ref to them.

    Args:
        incoming: fetches them.
        tags: those that are new.
        lock: the descriptor of the mirror's lock.

    Returns:
        The tags of which the objects are here now; `fetch` brings their histories.
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
    """Give what just came refs, too; when there are many refs, the youngest commits' are chosen.

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
    """Do as `keep`, but choose now: nothing else has a ref then, and nothing that is missing."""
    before = _kept(folder)
    found = git.run(
        "rev-list", "--no-walk", "--ignore-missing", f"--max-count={KEPT}", "--stdin",
        data=_lines(before.union(oids)), pass_fds=(lock,),
    )  # fmt: skip
    now = set(found.decode().split())
    for oid in before - now:  # also a damaged one, which git would not delete
        (folder / KEPT_REFS / oid).unlink()
    _refer(git, now - before, lock)


def _kept(folder: Path) -> set[str]:
    """What has a ref: a folder of files, as nobody packs them; git takes longer to say so than to add one."""
    with suppress(FileNotFoundError):
        return {file.name for file in (folder / KEPT_REFS).iterdir()}
    return set()


def _refer(git: Git, oids: Iterable[str], lock: int) -> None:
    changes = (f"create {KEPT_REFS}/{oid} {oid}" for oid in oids)
    git.run("update-ref", "--stdin", data=_lines(changes), pass_fds=(lock,))


def _by_age(tags: Tags) -> tuple[list[str], list[str]]:
    """The tag of the newest version of each prompt; and the others."""
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
