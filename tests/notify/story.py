"""Changes of a journal, made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.journal.change import Change
from registry.notify.changes import Changes
from registry.rollouts.state import ApprovalRequest, State, VersionRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
V1, V2 = (VersionRef(version=f"1.{n}.0", digest=f"sha256:{n}", commit=str(n)) for n in (0, 1))
STATE = State(environment="production", prompt="summarize", stable=V1)


def change(seq: int, op: str = "promote", epoch: int = 1, **fields: Any) -> Change:
    """A change of summarize in production."""
    given = {"actor": "grace", "before": "1.0.0", "after": "1.1.0", "state": STATE, **fields}
    return Change(epoch=epoch, seq=seq, at=AT, op=op, **given)


def request() -> State:
    """A state in which a promote waits for another token."""
    asked = ApprovalRequest(
        op="promote", version=V2, asked_by="ada", asked_at=AT, token="t", id="q-1", reason=""
    )
    return STATE.model_copy(update={"awaiting_approval": asked})


class Story:
    """A journal in memory."""

    def __init__(self, *ops: str) -> None:
        self.changes = [change(0, "create", state=None)]
        for op in ops:
            self.add(op)

    def add(self, op: str = "promote", **fields: Any) -> None:
        """Append a change."""
        self.changes.append(change(len(self.changes), op, **{"epoch": self.changes[-1].epoch, **fields}))

    def commits(self) -> list[str]:
        """Their commits."""
        return [f"{change.epoch}-{change.seq}" for change in self.changes]

    def read(self, commits: Sequence[str]) -> Iterator[Change]:
        """Read some of them."""
        by_commit = dict(zip(self.commits(), self.changes, strict=True))
        return (by_commit[commit] for commit in commits)

    def reader(self) -> Changes:
        """What reads it on."""
        return Changes(self.commits, self.read)
