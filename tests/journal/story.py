"""A journal with a story: a token, versions staged and promoted in turn."""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint
from registry.journal.change import Change, content_path, state_path, token_path
from registry.journal.local import LocalJournal
from registry.rollouts.state import State, VersionRef
from registry.system import timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.journal.reader import Entry

EPOCH = 1_700_000_000
ADMIN, SECRET = mint(TokenSpec(name="admin", capabilities=(Capability.admin,)))
PROMPT, ENVIRONMENT = "summarize", "production"


def content(version: str) -> bytes:
    """The bytes of a version."""
    return f"messages: [{{role: user, content: '{version}'}}]\n".encode()


def reference(version: str) -> VersionRef:
    """A version as a state names it."""
    return VersionRef(version=version, digest=f"sha256:{sha256(content(version)).hexdigest()}", commit="c")


def begin(folder: Path) -> None:
    """Make a journal with one admin, whose secret is in its file."""
    folder.mkdir(exist_ok=True)
    (folder / "admin.token").write_text(SECRET + "\n")
    with closing(LocalJournal(folder)) as journal, journal.lock() as lock:
        journal.create(lock, EPOCH, {token_path(ADMIN.id): ADMIN.model_dump_json().encode()})


def promoted(version: str, seq: int, epoch: int = EPOCH) -> State:
    """The state after a promote."""
    return State(environment=ENVIRONMENT, prompt=PROMPT, epoch=epoch, seq=seq, stable=reference(version))


def promote(folder: Path, version: str, **differently: object) -> Entry:
    """Write a promote as the service does, but for what is to be different."""
    with closing(LocalJournal(folder)) as journal, journal.lock() as lock:
        head = journal.head()
        seq = head.change.seq + 1
        state = promoted(version, seq)
        fields = {
            "format": head.change.format,
            "previous": seq - 1,
            "state": state,
            "actor": "ada",
            "seq": seq,
            **differently,
        }
        change = Change(epoch=EPOCH, at=timestamps.now(), op="promote", after=version, **fields)
        files = {state_path(ENVIRONMENT, PROMPT): state.model_dump_json().encode()}
        return journal.write(
            lock, head.commit, change, files | {content_path(PROMPT, version): content(version)}
        )


def tell(folder: Path, *versions: str) -> Path:
    """Begin a journal, and promote versions in turn."""
    begin(folder)
    for version in versions:
        promote(folder, version)
    return folder


def states(folder: Path) -> dict[str, str]:
    """What is in force by the journal of a folder."""
    with closing(LocalJournal(folder)) as journal:
        return {state.prompt: state.stable_version or "" for state in journal.load().states}
