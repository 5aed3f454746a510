"""What was asked, answered and served while a story was told, and whether a journal agrees with it."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from registry.journal.change import ASKING
from registry.journal.local import LocalJournal
from registry.journal.maintenance.verify import verify
from registry.rollouts import approval, commands, transitions
from registry.rollouts.action import digest
from registry.rollouts.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptstage.model import Release
    from registry.journal.change import Change

Place = tuple[str, str]  # environment, prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request, with an idempotency key of its own; `token` is the id of whose it is."""

    key: str
    environment: str
    prompt: str
    op: str
    body: Any = None
    if_match: str = ""
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What is sent beside the body."""
        sent = {"Idempotency_Key": self.key}
        return sent | ({"If_Match": f'"{self.if_match}"'} if self.if_match else {})


@dataclass(slots=True)
class Ledger:
    """Everything that was acknowledged, refused or seen; what is wrong is an AssertionError at once.

    Attributes:
        acknowledged: the seq of each request that was answered with one.
        refused: the requests that were answered with an error for good.
        open: the requests without an answer, which may have been carried out.
        texts: all digests that the file of a version ever had.
    """

    acknowledged: dict[str, int] = field(default_factory=dict)
    refused: dict[str, Ask] = field(default_factory=dict)
    open: dict[str, Ask] = field(default_factory=dict)
    asks: dict[str, Ask] = field(default_factory=dict)
    texts: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    served: dict[tuple[Place, int], tuple[str, ...]] = field(default_factory=dict)
    _digests: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @property
    def newest(self) -> int:
        """The greatest seq that anybody was told."""
        return max(self.acknowledged.values(), default=0)

    def acknowledge(self, ask: Ask, seq: int, after: int | None) -> None:
        """A request was answered with a seq; `after` is the newest one known when it was first sent."""
        with self._lock:
            known = self.acknowledged.setdefault(ask.key, seq)
            assert known == seq, f"{ask} was change {known}, and is {seq} now"
            assert after is None or seq > after, f"{ask} is change {seq}, though {after} was there before it"
            self.asks[ask.key] = ask
            self.open.pop(ask.key, None)

    def refuse(self, ask: Ask) -> None:
        """A request was answered with an error for good."""
        with self._lock:
            assert ask.key not in self.acknowledged, f"{ask} was acknowledged, and is refused now"
            self.refused[ask.key] = ask
            self.open.pop(ask.key, None)

    def leave(self, ask: Ask) -> None:
        """A request has no answer yet."""
        with self._lock:
            self.open[ask.key] = ask

    def see(self, release: Release) -> None:
        """A release was served: with versions, each of one digest, from which it chooses."""
        name, default = release.prompt, release.default_version
        place, chosen = (
            (release.environment, name),
            (default, *(v for v in release.versions if v not in {default, *release.recent})),
        )
        with self._lock:
            for version, served in release.versions.items():
                known = self._digests.setdefault((name, version), served.digest)
                assert known == served.digest, f"{name}@{version} was {known}, and is {served.digest} now"
                assert known in self.texts[name, version], f"{name}@{version} never was {known}"
            shown = self.served.setdefault((place, release.seq), chosen)
            assert shown == chosen, f"{place} at {release.seq} was {shown}, and is {chosen} now"

    def audit(self, folder: Path) -> int:
        """Compare it with a journal in which nothing is written meanwhile; how many changes that has."""
        with closing(LocalJournal(folder)) as journal, journal.lock():
            changes = [journal.entry(commit).change for commit in journal.load().commits]
        assert not self.open, f"not settled: {self.open}"
        times = Counter(change.request for change in changes if change.request)
        assert max(times.values(), default=1) == 1, "a request was carried out twice"
        for key, seq in self.acknowledged.items():
            assert changes[seq].request == _scope(self.asks[key]), f"change {seq} is not that of {key}"
        refused = {_scope(ask) for ask in self.refused.values()}
        assert not refused & times.keys(), "what was refused was carried out"
        self._check_served(changes)
        assert list(_unfounded(changes)) == []
        assert verify(folder).problems == ()
        return len(changes)

    def _check_served(self, changes: list[Change]) -> None:
        for (place, seq), chosen in self.served.items():
            state = changes[seq].state
            assert state is not None, f"{place} was served at {seq}, which is no change of a rollout"
            assert (state.environment, state.prompt) == place
            assert chosen == versions_of(state), f"{place} at {seq} was {chosen}, the journal has {state}"


def versions_of(state: State) -> tuple[str, ...]:
    """The versions that a release of a state chooses from: stable, then the candidate."""
    candidate = state.rollout and state.rollout.candidate
    return tuple(ref.version for ref in (state.stable, candidate) if ref)


def _scope(ask: Ask) -> str:
    return digest([ask.token, ask.environment, ask.prompt, ask.op, ask.key])


def _unfounded(changes: list[Change]) -> Iterator[str]:
    """The changes whose state is not what their command makes of the state before, carried out again."""
    states: dict[Place, State] = {}
    for change in changes:
        if change.state is None:
            continue
        place = (change.state.environment, change.state.prompt)
        before = states.get(place, State(environment=place[0], prompt=place[1]))
        after = approval.apply(before, _command(change, before), change.at)
        expected = (
            after.model_copy(update={"epoch": change.epoch, "seq": change.seq})
            if isinstance(after, State)
            else after
        )
        if expected != change.state:
            yield f"change {change.seq} ({change.op}) should leave {expected}, and left {change.state}"
        states[place] = change.state


def _command(change: Change, before: State) -> approval.Command:
    """The command that a change carried out, as far as its record and its state tell."""
    state = change.state
    assert state is not None
    guard = state.rollout and state.rollout.guard
    if change.op == "pause" and guard:
        return transitions.Pause(guard.paused_for)
    if change.op in commands.PLAIN:
        return commands.PLAIN[change.op]
    if change.op == "start":
        return _start(state)
    if change.op == "promote":
        return transitions.Promote(None if before.rollout else state.stable)
    if change.op == "approve":
        rollout = state.rollout
        ids = (rollout.id, rollout.salt) if rollout else ("", "")
        constants = guard.constants if guard else {}
        return approval.Approve(approval.Actor("", change.actor), *ids, constants)
    return _asked(change.op, state)


def _start(state: State) -> transitions.Start:
    rollout = state.rollout
    assert rollout is not None
    return transitions.Start(
        rollout.candidate, rollout.steps, rollout.audience, rollout.id, rollout.salt, rollout.guard
    )


def _asked(op: str, state: State) -> approval.RequestApproval:
    asked = state.awaiting_approval
    assert asked is not None
    start = transitions.Start(asked.version, asked.steps, asked.audience, "", "", asked.guard)
    wanted = start if op == f"{ASKING}start" else transitions.Promote(asked.version)
    actor = approval.Actor(asked.token, asked.asked_by)
    return approval.RequestApproval(wanted, actor, asked.id, asked.force, asked.reason)
