"""The read model of this process: all states and their releases, in memory.

Readers take no lock: a state or a release is built whole and swapped in whole. If a release cannot be built,
the last good one is served. The work at every change, and twice a second, grows with what changed or is
active, not with the number of states.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile
from threading import Lock
from typing import TYPE_CHECKING, Any

from promptstage.model import dump_release
from registry.errors import RegistryError
from registry.journal.position import is_newer, newest, rank
from registry.rollouts import release as releases
from registry.rollouts.position import NOWHERE, Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from promptstage.model import Release
    from registry.replication.documents import Documents
    from registry.rollouts.state import State

logger = logging.getLogger(__name__)

Place = tuple[str, str]  # environment, prompt


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRelease:
    """A release as the bytes of the response, with its ETag.

    Attributes:
        kept: a cache for values that callers derive from it; dropped with the release.
    """

    release: Release
    position: Position
    body: bytes
    etag: str
    kept: dict[object, Any] = field(default_factory=dict, repr=False)

    def for_edition(self, edition: int) -> EncodedRelease:
        """Return it as clients that read documents up to an edition get it."""
        release = releases.readable(self.release, edition)
        if release is self.release:
            return self
        key = release.recent
        encoded: EncodedRelease = self.kept.get(key) or self.kept.setdefault(key, encode(release))
        return encoded


def encode(release: Release) -> EncodedRelease:
    """Encode a release."""
    body = json.dumps(dump_release(release), ensure_ascii=False, separators=(",", ":")).encode()
    return EncodedRelease(release, Position(*release.position), body, f'"{sha256(body).hexdigest()[:32]}"')


class ReadModel:
    """All states at one head, and their releases; `listeners` are called with each new release."""

    def __init__(self, documents: Documents) -> None:
        self.head = NOWHERE
        self.listeners: list[Callable[[EncodedRelease], None]] = []
        self._documents = documents
        self._adopting = Lock()  # so that a writer with older states sees the newer ones
        self._states: OrderedDict[Place, State] = OrderedDict()  # the last changed one at the end
        self._newest: dict[str, Position] = {}  # of all states of an environment
        self._under_way: dict[Place, State] = {}  # the active ones among them
        self._built: dict[Place, EncodedRelease] = {}
        self._unbuilt: set[Place] = set()  # releases that could not be built: the bytes may still arrive

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was ever in force."""
        return not self._states

    def state(self, environment: str, prompt: str) -> State | None:
        """Return the state of a prompt in an environment, if it has one."""
        return self._states.get((environment, prompt))

    def states(self, environment: str | None = None) -> list[State]:
        """Return every state, or those of one environment, by environment and name."""
        places = [place for place in list(self._states) if environment in {None, place[0]}]
        return [self._states[place] for place in sorted(places)]

    def environments(self) -> list[str]:
        """Return the environments with states, sorted."""
        return sorted({environment for environment, _ in list(self._states)})

    @property
    def newest(self) -> Position:
        """Return the newest visible change: for a moment it may be ahead of the head."""
        with self._adopting:
            state = next(reversed(self._states.values()), None)
        return newest(self.head, state.position) if state else self.head

    def newest_in(self, environment: str) -> Position:
        """Return the position of the newest change in an environment; at once, however many states it has."""
        return self._newest.get(environment, NOWHERE)

    def under_way(self) -> list[State]:
        """Return the states with a rollout, or a request that awaits approval, in the order of `states`."""
        found = self._under_way.copy()
        return [found[place] for place in sorted(found)]

    def since(self, position: Position) -> list[State]:
        """Return the states changed after a position, the newest first."""
        with self._adopting:
            states = reversed(self._states.values())
            return list(takewhile(lambda state: is_newer(state.position, position), states))

    def adopt(self, head: Position, states: Iterable[State]) -> None:
        """Adopt newer states and call the listeners; older states are ignored."""
        with self._adopting:
            newer = [state for state in states if is_newer(state.position, self._position(state))]
            self._take(sorted(newer, key=_rank))
            again = [
                self._states[place] for place in self._unbuilt - {(s.environment, s.prompt) for s in newer}
            ]
            self._unbuilt = set()
        for state in (*newer, *again):
            if self.listeners and (built := self._try_build(state)):
                for listener in self.listeners:
                    listener(built)
        with self._adopting:
            self.head = newest(self.head, head)  # last: a heartbeat with it confirms the changes sent before

    def release(self, environment: str, prompt: str) -> EncodedRelease | None:
        """Return the release of a prompt; None if nothing is in force.

        Raises:
            Unavailable: it cannot be built, and there is no earlier one.
        """
        if ready := self.ready(environment, prompt):
            return ready
        state = self._states.get((environment, prompt))
        if state is None or state.stable is None:
            return None
        built = self._built.get((environment, prompt))
        return self._try_build(state) or built or self._build(state)

    def ready(self, environment: str, prompt: str) -> EncodedRelease | None:
        """Return the release of a prompt if it is built already; None proves nothing."""
        place = environment, prompt
        state, built = self._states.get(place), self._built.get(place)
        if state is None or built is None or built.position != (state.epoch, state.seq):
            return None
        return built

    def _take(self, newer: list[State]) -> None:
        """Put states in force, oldest first; in place, as copying all would cost more than a change."""
        last = next(reversed(self._states.values()), None)
        for state in newer:
            place = (state.environment, state.prompt)
            self._states[place] = state
            self._states.move_to_end(place)
            self._newest[state.environment] = newest(self.newest_in(state.environment), state.position)
            if state.rollout or state.awaiting_approval:
                self._under_way[place] = state
            else:
                self._under_way.pop(place, None)
        if last and newer and is_newer(last.position, newer[0].position):  # two threads brought changes
            for place in sorted(self._states, key=lambda place: _rank(self._states[place])):
                self._states.move_to_end(place)

    def _position(self, state: State) -> Position:
        held = self._states.get((state.environment, state.prompt))
        return held.position if held else Position(-1, -1)

    def _try_build(self, state: State) -> EncodedRelease | None:
        try:
            return self._build(state)
        except RegistryError as error:
            logger.error("no release of %s in %s: %s", state.prompt, state.environment, error.message)  # noqa: TRY400
            with self._adopting:
                self._unbuilt.add((state.environment, state.prompt))
        except Exception:  # the change is in the journal: no error here may spoil its answer
            logger.exception("no release of %s in %s", state.prompt, state.environment)
        return None

    def _build(self, state: State) -> EncodedRelease | None:
        made = releases.build(state, self._documents.load)
        if made is None:
            return None
        built = encode(made)
        place = (state.environment, state.prompt)
        held = self._built.get(place)
        if held is None or not is_newer(held.release.position, made.position):
            self._built[place] = built
        return built


def _rank(state: State) -> tuple[bool, int, int]:
    return rank(state.position)
