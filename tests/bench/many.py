"""A repository and a journal with many prompts, made at once, as people make them in years."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from support import GIT, prompt

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint, write_secret
from registry.journal.change import Change, content_path, request_file, state_path, token_path
from registry.journal.local import LocalJournal
from registry.rollouts.state import Rollout, State, Step, VersionRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from registry.rollouts.guard import Guard

SHARDS = 70  # folders among which the prompts are
TOGETHER = 10  # versions that one commit makes, each with an annotated tag
SECONDS = 1_767_225_600  # when the author's first commit was made
EPOCH = 1_795_000_000  # of the journal
FIRST = "area-0/prompt-0"
WHO = "Ada <ada@example.org> {} +0000"
TEXT = "You summarize support threads for an agent. Be brief, and invent nothing. " * 6 + "{{text}}"
AT_ONCE = 10_000  # changes that are in memory before they are written
WRITE_SECONDS = 120.0  # for as many


def names(prompts: int) -> list[str]:
    """What so many prompts are called."""
    return [f"area-{index % SHARDS}/prompt-{index}" for index in range(prompts)]


def content(name: str, version: str) -> bytes:
    """The file of one version."""
    return prompt(f"{name} {version}: {TEXT}").encode()


def git(repository: Path, *args: str, data: bytes | None = None) -> bytes:
    """Run the author's git."""
    command = ["git", "-C", str(repository), *args]
    environment = {**os.environ, **GIT}
    return subprocess.run(command, check=True, capture_output=True, env=environment, input=data).stdout


def author(path: Path, prompts: int, versions: int = 1) -> str:
    """Make a repository with versions of each prompt, from 1.0.0 to 1.<versions - 1>.0; its newest commit."""
    git(path.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
    history = b"".join(_history(names(prompts), versions))
    git(path, "-c", "core.compression=1", "fast-import", "--quiet", data=history)
    git(path, "pack-refs", "--all")
    return git(path, "rev-parse", "main").decode().strip()


def tag(path: Path, version: str) -> None:
    """Make one more version of the first prompt, with a commit of its own, the newest."""
    made = git(path, "commit-tree", "-m", "Change", "-p", "main", "main^{tree}").decode().strip()
    git(path, "update-ref", "refs/heads/main", made)
    git(path, "tag", "-m", "Say it", f"{FIRST}/v{version}", made)


def _history(prompts: list[str], versions: int) -> Iterator[bytes]:
    tags = [(f"1.{number}.0", name) for number in range(versions) for name in prompts]
    for mark, start in enumerate(range(0, len(tags), TOGETHER), 1):
        who = WHO.format(SECONDS + mark * 600)
        yield f"commit refs/heads/main\nmark :{mark}\ncommitter {who}\ndata 6\nChange\n".encode()
        some = tags[start : start + TOGETHER]
        for version, name in some:
            file = content(name, version)
            yield b"M 100644 inline prompts/%s.prompt.yml\ndata %d\n%s\n" % (name.encode(), len(file), file)
        for version, name in some:
            yield f"tag {name}/v{version}\nfrom :{mark}\ntagger {who}\ndata 6\nSay it\n".encode()


def keep(
    data: Path, commit: str, prompts: int, changes: int, environments: Sequence[str] = ("production",)
) -> None:
    """Make a journal in which the prompts were promoted one after the other, again and again.

    Each time there is an idempotency key, as the command line sends one.

    Args:
        data: the data folder, which is made; the admin's token is in it too.
        commit: of the repository that `author` made, named as that of each version.
        prompts: how many that has.
        changes: how many promotes. The first ones are of all prompts in the first environment, and so on.
        environments: where.
    """
    data.mkdir(mode=0o700)
    token, secret = mint(TokenSpec(name="admin", capabilities=(Capability.admin,)))
    write_secret(data / "admin.token", secret)
    places = [(environment, name) for environment in environments for name in names(prompts)]
    journal = LocalJournal(data)
    with journal.lock() as lock:
        entry = journal.create(lock, EPOCH, {token_path(token.id): token.model_dump_json().encode()})
        for first in range(1, changes + 1, AT_ONCE):
            seqs = range(first, min(first + AT_ONCE, changes + 1))
            some = [_promote(seq, places, prompts, commit) for seq in seqs]
            entry = journal.write_all(lock, entry.commit, some, timeout=WRITE_SECONDS)
    journal.close()


def _promote(
    seq: int, places: list[tuple[str, str]], prompts: int, commit: str
) -> tuple[Change, Mapping[str, bytes]]:
    environment, name = places[(seq - 1) % len(places)]
    file = content(name, "1.0.0")
    stable = VersionRef(version="1.0.0", digest=f"sha256:{sha256(file).hexdigest()}", commit=commit)
    state = State(environment=environment, prompt=name, epoch=EPOCH, seq=seq, stable=stable)
    change = Change(
        epoch=EPOCH,
        seq=seq,
        at=datetime.fromtimestamp(EPOCH + seq, UTC),
        actor="ada",
        op="promote",
        after="1.0.0",
        request=sha256(str(seq).encode()).hexdigest(),
        previous=max(0, seq - len(places)),
        state=state,
    )
    files = {state_path(environment, name): state.model_dump_json(indent=1).encode()}
    files |= request_file(change, body="")
    if seq <= prompts:  # a version is staged once, for all environments
        files[content_path(name, "1.0.0")] = file
    return change, files


def start(data: Path, commit: str, prompts: int, guard: Guard) -> list[tuple[str, str, int]]:
    """Start a guarded rollout of 1.1.0 of each prompt, which stays at half; prompt, id and seq of each.

    Args:
        data: the folder that `keep` made, with one promote of each.
        commit: of the repository.
        prompts: how many there are.
        guard: of each rollout.
    """
    journal = LocalJournal(data)
    with journal.lock() as lock:
        head = journal.head()
        some = [
            _start(prompts + place, place, name, commit, guard)
            for place, name in enumerate(names(prompts), 1)
        ]
        journal.write_all(lock, head.commit, some, timeout=WRITE_SECONDS)
    journal.close()
    states = [change.state for change, _ in some if change.state]
    return [(state.prompt, state.rollout_id or "", state.seq) for state in states]


def _start(
    seq: int, previous: int, name: str, commit: str, guard: Guard
) -> tuple[Change, Mapping[str, bytes]]:
    stable, candidate = (
        VersionRef(
            version=version, digest=f"sha256:{sha256(content(name, version)).hexdigest()}", commit=commit
        )
        for version in ("1.0.0", "1.1.0")
    )
    at = datetime.fromtimestamp(EPOCH + seq, UTC)
    rollout = Rollout(
        id=f"r-{seq:012x}", salt=f"{seq:032x}", state="running", candidate=candidate,
        steps=(Step(percent=50), Step(percent=100)), step=0, entered_at=at, guard=guard,
    )  # fmt: skip
    state = State(environment="production", prompt=name, epoch=EPOCH, seq=seq, stable=stable, rollout=rollout)
    change = Change(
        epoch=EPOCH, seq=seq, at=at, actor="ada", op="start", before="1.0.0", after="1.1.0",
        previous=previous, state=state,
    )  # fmt: skip
    files = {
        state_path("production", name): state.model_dump_json(indent=1).encode(),
        content_path(name, "1.1.0"): content(name, "1.1.0"),
    }
    return change, files
