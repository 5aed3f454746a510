"""What control asks of the evidence about guarded rollouts, which is known above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.catalog.version import Version
    from registry.rollouts.guard import Constant, Guard
    from registry.rollouts.state import State, VersionRef


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out for an action before the lock is held.

    Attributes:
        version: the version that it names.
        too_old: the connected clients that cannot read it.
        stable: the version in force then.
        constants: what is known of that one, for a guard.
    """

    version: Version | None
    too_old: int
    stable: VersionRef | None
    constants: Mapping[str, Constant]

    def constants_for(self, before: State) -> Mapping[str, Constant]:
        """Return the constants, if they are still those of the stable version."""
        return self.constants if before.stable == self.stable else {}


class Gate(Protocol):
    """What is known of the calls of guarded rollouts; any thread may ask."""

    def evidence(self, state: State) -> dict[str, Any] | None:
        """Return the evidence on which a guarded step whose hold is over may advance; None: it waits.

        It is asked twice a second for each such step, so it answers from memory, and raises nothing.
        """

    def constants(self, state: State, guard: Guard) -> Mapping[str, Constant]:
        """Return the constants that a guard would need, as far as they are known of the stable version.

        It is asked before a rollout starts, and raises nothing.
        """


class Shut:
    """The gate where no evidence is collected: a guarded step waits for a person."""

    def evidence(self, state: State) -> dict[str, Any] | None:  # noqa: ARG002 - the protocol's
        """Let nothing pass."""
        return None

    def constants(self, state: State, guard: Guard) -> Mapping[str, Constant]:  # noqa: ARG002 - the protocol's
        """Know nothing."""
        return {}
