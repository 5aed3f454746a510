"""What this process knows: all states, and the releases made of them, in memory.

Readers take no lock: a state or a release is built whole and swapped in whole. A release that cannot be
built leaves the last good one serving.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

from promptstage.model import dump_release
from registry.errors import RegistryError
from registry.rollouts import release as releases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from promptstage.model import Release
    from registry.rollouts.documents import Documents
    from registry.rollouts.state import State

logger = logging.getLogger(__name__)

Place = tuple[str, str]  # environment, prompt


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A release, as the bytes that go out and the validator that ETag carries.

    Attributes:
        kept: what others made of it and would make again; it goes when the release does.
    """

    release: Release
    body: bytes
    etag: str
    kept: dict[object, Any] = field(default_factory=dict, repr=False)


def write(release: Release) -> Built:
    """Write a release down."""
    body = json.dumps(dump_release(release), ensure_ascii=False, separators=(",", ":")).encode()
    return Built(release, body, f'"{sha256(body).hexdigest()[:32]}"')


class View:
    """All states at one head, and their releases; `listeners` are told of each new release."""

    def __init__(self, documents: Documents) -> None:
        self.head = (0, 0)
        self.listeners: list[Callable[[Built], None]] = []
        self._documents = documents
        self._adopting = Lock()  # of two writers, the one with older states must see the other's
        self._states: dict[Place, State] = {}
        self._built: dict[Place, Built] = {}
        self._untold: set[Place] = set()  # whose release could not be built: its bytes may be on their way

    def state(self, environment: str, prompt: str) -> State | None:
        """What is in force of a prompt in an environment, if anything ever was."""
        return self._states.get((environment, prompt))

    def states(self) -> list[State]:
        """Every state, in the order of environments and names."""
        return [self._states[place] for place in sorted(self._states)]

    def adopt(self, head: tuple[int, int], states: Iterable[State]) -> None:
        """Take newer states over, and tell the listeners; what is older than what is held is passed over."""
        with self._adopting:
            newer = [state for state in states if state.position > self._position(state)]
            self._states = self._states | {(state.environment, state.prompt): state for state in newer}
            again = [
                self._states[place] for place in self._untold - {(s.environment, s.prompt) for s in newer}
            ]
            self._untold = set()
        for state in (*newer, *again):
            if self.listeners and (built := self._try_build(state)):
                for listener in self.listeners:
                    listener(built)
        with self._adopting:
            self.head = max(self.head, head)  # last: a heartbeat with it confirms what was told before

    def release(self, environment: str, prompt: str) -> Built | None:
        """The release of a prompt, or None where nothing is in force.

        Raises:
            Unavailable: it cannot be built, and none was before.
        """
        if ready := self.ready(environment, prompt):
            return ready
        state = self._states.get((environment, prompt))
        if state is None or state.stable is None:
            return None
        built = self._built.get((environment, prompt))
        return self._try_build(state) or built or self._build(state)

    def ready(self, environment: str, prompt: str) -> Built | None:
        """The release of a prompt if it is built already; None says nothing about others."""
        state = self._states.get((environment, prompt))
        built = self._built.get((environment, prompt))
        if state is None or built is None or built.release.position != state.position:
            return None
        return built

    def _position(self, state: State) -> tuple[int, int]:
        held = self._states.get((state.environment, state.prompt))
        return held.position if held else (-1, -1)

    def _try_build(self, state: State) -> Built | None:
        try:
            return self._build(state)
        except RegistryError as error:
            logger.error("no release of %s in %s: %s", state.prompt, state.environment, error.message)  # noqa: TRY400
            with self._adopting:
                self._untold.add((state.environment, state.prompt))
        except Exception:  # the change is in the journal: whatever is wrong must not undo its answer
            logger.exception("no release of %s in %s", state.prompt, state.environment)
        return None

    def _build(self, state: State) -> Built | None:
        made = releases.build(state, self._documents.load)
        if made is None:
            return None
        built = write(made)
        place = (state.environment, state.prompt)
        held = self._built.get(place)
        if held is None or held.release.position <= made.position:
            self._built[place] = built
        return built
