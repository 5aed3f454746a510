"""The checks of a version before it is staged, unless that is forced. Pure.

The candidate of a rollout under way was checked when it was started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import Conflict
from registry.system.formats import SECOND_EDITION

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Document
    from registry.catalog.version import Version
    from registry.rollouts.state import State, VersionRef


def check_variables(version: Version, before: State, load: Callable[[VersionRef], Document]) -> None:
    """Refuse a version that requires more than stable: apps pass only what stable requires.

    Args:
        version: the requested one.
        before: the state in force.
        load: returns the document of a staged version.

    Raises:
        Conflict: `needs_variables`.
    """
    if before.stable is None or before.rollout is not None or version.document is None:
        return
    given = load(before.stable).required
    needed = [name for name in version.document.required if name not in given]
    if needed:
        raise conflict(
            "needs_variables",
            f"{version.name}@{version.version} requires {', '.join(needed)}, which "
            f"{before.stable.version} does not; let the apps pass it first, then repeat this with force",
            before,
            variables=needed,
        )


def check_format(version: Version, before: State, journal_format: int) -> None:
    """Refuse a version that registries misread which the journal's format still allows.

    Args:
        version: the requested one.
        before: the state in force.
        journal_format: the number of the journal's format.

    Raises:
        Conflict: `older_format`.
    """
    if version.document and version.document.edition > 1 and journal_format < SECOND_EDITION:
        raise conflict(
            "older_format",
            f"{version.name}@{version.version} is of the second edition of prompt files, and the journal has "
            f"format {journal_format}, in which registries may join that misread it; when the last one is "
            "upgraded, upgrade the journal: promptstage journal upgrade",
            before,
        )


def check_clients(version: Version, before: State, too_old: int) -> None:
    """Refuse a version that connected clients cannot read: they would keep the release before it.

    Args:
        version: the requested one.
        before: the state in force.
        too_old: the number of connected clients that cannot read it.

    Raises:
        Conflict: `clients_too_old`.
    """
    if too_old and before.rollout is None:
        clients = "one connected client reads" if too_old == 1 else f"{too_old} connected clients read"
        raise conflict(
            "clients_too_old",
            f"{version.name}@{version.version} needs a newer promptstage: {clients} the first edition of "
            "prompt files alone, and would keep the release before; upgrade, then repeat this, or force it",
            before,
            clients=too_old,
        )


def conflict(code: str, message: str, state: State, **extra: Any) -> Conflict:
    """Make a refusal that shows the state."""
    return Conflict(message, code=code, state=state.model_dump(mode="json"), **extra)
