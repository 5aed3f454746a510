"""Replay a journal's changes: the states that result, and whether each change follows from those before.

Pure: records in, states and faults out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.journal.change import RECOVER
from registry.journal.position import is_ahead
from registry.suites.attestation import kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry.access.tokens import Token
    from registry.journal.change import Change
    from registry.rollouts.state import State, VersionRef
    from registry.suites.attestation import Attestation

Place = tuple[str, str]  # environment, prompt


@dataclass(slots=True)
class Replay:
    """The result of a replay.

    Attributes:
        refs: every version ever referred to, with its prompt.
        requests: the seq of the change that answered each idempotency record.
        attestations: what is kept, by prompt and digest.
    """

    newest: Change | None = None
    states: dict[Place, State] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    refs: set[tuple[str, VersionRef]] = field(default_factory=set)
    requests: dict[str, int] = field(default_factory=dict)
    attestations: dict[tuple[str, str], tuple[Attestation, ...]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def replay(changes: Iterable[Change]) -> Replay:
    """Apply changes in memory, from seq 0 on, and note inconsistencies."""
    done = Replay()
    for seq, change in enumerate(changes):
        done.faults += (f"change {seq}: {fault}" for fault in _faults(seq, change, done))
        if change.state:
            done.states[change.state.environment, change.state.prompt] = change.state
            done.refs |= {(change.state.prompt, ref) for ref in refs(change.state)}
        if change.token:
            done.tokens[change.token.id] = change.token
        if new := change.attestation:
            of = (new.prompt, new.digest)
            done.attestations[of] = kept(done.attestations.get(of, ()), new)
        if change.request:
            done.requests[change.request] = seq
        done.newest = change
    return done


def refs(state: State) -> Iterator[VersionRef]:
    """Yield the versions that a state refers to."""
    yield from state.versions
    yield from state.recent
    if state.previous:
        yield state.previous


def _goes_back(change: Change, before: Change) -> bool:
    """Return whether a change is a recovery from an epoch that lay in the future."""
    return change.op == RECOVER and is_ahead(before.epoch, change.at)


def _faults(seq: int, change: Change, done: Replay) -> Iterator[str]:
    before, states = done.newest, done.states
    if change.seq != seq:
        yield f"its record says that it is change {change.seq}"
    if before and change.epoch < before.epoch and not _goes_back(change, before):
        yield f"its epoch {change.epoch} is earlier than that before it ({before.epoch})"
    if not change.actor:
        yield "it has no actor"
    if change.attestation and change.attestation.seq != seq:
        yield f"its attestation is of change {change.attestation.seq}"
    if change.state is None:
        return
    if change.state.position != change.position:
        yield f"its state is of {change.state.tag}"
    known = states.get((change.state.environment, change.state.prompt))
    last = known.seq if known else 0
    if change.previous != last:
        yield f"it follows change {change.previous} of its prompt, of which the last one is {last}"
