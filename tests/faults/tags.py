"""Upstream histories in which nothing stays: what was staged does, and each moved tag is told."""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from faults.scenario import Result, at_least
from support import prompt

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 41
ROUNDS = 5  # of pushes upstream, with a look after each
NAMES = ("a", "b/c", "d-e")
TAGS = tuple((name, version) for name in NAMES for version in ("1.0.0", "1.1.0", "2.0.0-rc.1", "10.0.0"))
BRANCHES = ("main", "next", "a/v1.0.0", "v9")
RESTARTING, COLLECTING = 0.3, 0.2  # of the rounds
WHO = "A <a@example.org> 1767225600 +0000"

Key = tuple[str, str]


def prove(*, full: bool) -> Iterator[Result]:
    """Play histories; what a registry must hold after each look is known from outside it."""
    count = 300 if full else 4
    tally: Counter[str] = Counter()
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            _History(Path(folder), random.Random(SEED + number), tally).play()
    yield Result(
        "histories of pushes, forced pushes and collected garbage",
        count,
        wrong=tally["pin moved"] + tally["bytes changed"],
        lost=tally["pin gone"],
        note=f"{tally['looks']} looks, {tally['forced']} branches forced, {tally['collected']} times gc",
    )
    yield at_least(
        Result(
            "a pinned tag moved or rewritten upstream",
            tally["moved"],
            wrong=tally["reported in vain"],
            stale=tally["not reported"],
        ),
        count,
    )
    yield at_least(Result("a pinned tag deleted upstream", tally["deleted"], lost=tally["pin gone"]), count)
    yield at_least(
        Result(
            "a staged version read while its tag is moved or gone",
            tally["staged read"],
            lost=tally["staged gone"],
            wrong=tally["staged changed"],
            note="by the same registry, a restarted one, and one with a new mirror",
        ),
        count,
    )


class _History:
    """One upstream, one mirror of it, and what the mirror must hold."""

    def __init__(self, folder: Path, chance: random.Random, tally: Counter[str]) -> None:
        self._upstream = folder / "upstream.git"
        self._data = folder / "data"
        self._chance = chance
        self._tally = tally
        self._now: dict[Key, bytes] = {}  # upstream's tags, and the file that each one holds
        self._pinned: dict[str, str] = {}
        self._content: dict[Key, bytes] = {}  # of the pinned tags
        self._staged: dict[Key, bytes] = {}
        self._git("init", "--quiet", "--bare", str(self._upstream), at=folder)

    def play(self) -> None:
        """Push, look and compare, again and again; at the end the mirror is lost."""
        mirror, catalog = self._registry()
        for _ in range(ROUNDS):
            self._push()
            if self._chance.random() < RESTARTING:
                mirror.close()
                mirror, catalog = self._registry()
            mirror.sync()
            catalog.adopt()
            self._tally["looks"] += 1
            self._compare(mirror)
            self._read(catalog)
            self._stage(catalog)
        mirror.close()
        shutil.rmtree(self._data)
        mirror, catalog = self._registry()
        mirror.sync()
        catalog.adopt()
        self._read_staged(catalog)
        mirror.close()

    def _registry(self) -> tuple[Mirror, Catalog]:
        mirror = Mirror(self._data, str(self._upstream))
        catalog = Catalog(mirror, lambda name, version: self._staged.get((name, version)))
        catalog.adopt()
        return mirror, catalog

    def _push(self) -> None:
        """Force branches, and make, move, rewrite and delete tags, in one transaction."""
        contents = [
            prompt(f"{self._chance.getrandbits(64)} {{{{text}}}}").encode()
            for _ in range(self._chance.randint(2, 5))
        ]
        made = [self._object(number, content) for number, content in enumerate(contents)]
        self._git("fast-import", "--quiet", "--force", data=b"".join(made))
        changes = [f"update refs/heads/{self._chance.choice(BRANCHES)} refs/heads/made/0"]
        for key in self._chance.sample(TAGS, self._chance.randint(2, 8)):
            number = self._chance.randrange(len(contents))
            kind = self._chance.choice(("heads", "tags"))  # light, or annotated
            changes.append(f"update refs/tags/{_tag(key)} refs/{kind}/made/{number}")
            self._now[key] = contents[number]
        self._tally["forced"] += 1
        self._update(changes)
        gone = self._chance.sample(sorted(self._now), self._chance.randint(0, len(self._now) // 2))
        for key in gone:
            del self._now[key]
        self._update([f"delete refs/tags/{_tag(key)}" for key in gone])
        if self._chance.random() < COLLECTING:
            self._git("gc", "--quiet", "--prune=now")
            self._tally["collected"] += 1

    def _object(self, number: int, content: bytes) -> bytes:
        """A commit without parents, so that branches are forced away from all they held; and a tag of it."""
        files = b"".join(
            b"M 100644 inline prompts/%s.prompt.yml\ndata %d\n%s\n" % (name.encode(), len(content), content)
            for name in NAMES
        )
        branch = f"refs/heads/made/{number}"
        words = str(self._chance.getrandbits(64))
        return (
            f"reset {branch}\n\ncommit {branch}\nmark :{number + 1}\ncommitter {WHO}\ndata 1\nx\n".encode()
            + files
            + f"\ntag made/{number}\nfrom :{number + 1}\ntagger {WHO}\n".encode()
            + f"data {len(words)}\n{words}\n".encode()
        )

    def _update(self, changes: list[str]) -> None:
        self._git("update-ref", "--stdin", data="".join(f"{change}\n" for change in changes).encode())

    def _compare(self, mirror: Mirror) -> None:
        """Compare the pins and the reported moves with what upstream says of itself."""
        listed = self._git("for-each-ref", "--format=%(refname:strip=2) %(objectname)", "refs/tags")
        upstream = dict(line.split(" ") for line in listed.decode().splitlines())
        for key, content in self._now.items():
            if _tag(key) not in self._pinned:
                self._pinned[_tag(key)] = upstream[_tag(key)]
                self._content[key] = content
        ours = mirror.tags()
        self._tally["pin gone"] += len(self._pinned.keys() - ours.keys())
        self._tally["pin moved"] += sum(oid != ours.get(tag, oid) for tag, oid in self._pinned.items())
        self._tally["deleted"] += len(self._pinned.keys() - upstream.keys())
        moved = {
            (tag, oid, upstream[tag]) for tag, oid in self._pinned.items() if upstream.get(tag, oid) != oid
        }
        told = {(entry["tag"], entry["pinned"], entry["upstream"]) for entry in mirror.report()["moved"]}
        self._tally["moved"] += len(moved)
        self._tally["not reported"] += len(moved - told)
        self._tally["reported in vain"] += len(told - moved)

    def _read(self, catalog: Catalog) -> None:
        for name, version in self._chance.sample(sorted(self._content), min(4, len(self._content))):
            found = catalog.read(name, version).content
            self._tally["bytes changed"] += found != self._content[name, version]
        self._read_staged(catalog)

    def _read_staged(self, catalog: Catalog) -> None:
        """Read what was staged, and count where upstream holds something else by now."""
        for (name, version), content in self._staged.items():
            try:
                self._tally["staged changed"] += catalog.read(name, version).content != content
            except RegistryError:
                self._tally["staged gone"] += 1
            self._tally["staged read"] += self._now.get((name, version)) != content

    def _stage(self, catalog: Catalog) -> None:
        name, version = self._chance.choice(sorted(self._content))
        content = catalog.read(name, version).content
        assert content is not None
        self._staged.setdefault((name, version), content)

    def _git(self, *args: str, at: Path | None = None, data: bytes = b"") -> bytes:
        command = ["git", "-C", str(at or self._upstream), *args]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def _tag(key: Key) -> str:
    return f"{key[0]}/v{key[1]}"
