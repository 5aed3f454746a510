"""The checks of a version before it is staged, unless that is forced. Pure.

The candidate of a rollout under way was checked when it was started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.errors import Conflict
from registry.rollouts import guard
from registry.system.formats import GUARDS, SECOND_EDITION

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Document
    from registry.catalog.version import Version
    from registry.policies.guard import GuardOptions, GuardRules
    from registry.rollouts.guard import Guard
    from registry.rollouts.state import State, VersionRef


def check_apps(version: Version, before: State, load: Callable[[VersionRef], Document], too_old: int) -> None:
    """Refuse a version that apps are not ready for; one refusal says all, as one force accepts all.

    Args:
        version: the requested one.
        before: the state in force.
        load: returns the document of a staged version.
        too_old: the number of connected clients that cannot read the version, and would keep the one before.

    Raises:
        Conflict: `needs_variables` or `clients_too_old`, with what belongs to either.
    """
    if before.rollout is not None:
        return
    needed = _needed(version.document, load(before.stable)) if before.stable and version.document else {}
    refused: list[tuple[str, str]] = []
    extra: dict[str, Any] = {}
    if before.stable and needed:
        than = f"{', '.join(needed.values())}, which {before.stable.version} does not"
        refused.append(("needs_variables", f"requires {than}; let the apps pass it"))
        extra["variables"] = list(needed)
    if too_old:
        clients = "one connected client reads" if too_old == 1 else f"{too_old} connected clients read"
        alone = "the first edition of prompt files alone, and would keep the release before"
        refused.append(("clients_too_old", f"needs a newer promptstage: {clients} {alone}; upgrade"))
        extra["clients"] = too_old
    if refused:
        what = " first; it also ".join(message for _, message in refused)
        message = f"{version.name}@{version.version} {what} first, then repeat this, or force it"
        raise conflict(refused[0][0], message, before, **extra)


def _needed(document: Document, stable: Document) -> dict[str, str]:
    """Name and describe what apps do not pass yet: what is newly required, or of the other kind."""
    old, new = (
        dict.fromkeys((v.name for v in one.variables), "a variable")
        | dict.fromkeys((p.name for p in one.placeholders), "messages")
        for one in (stable, document)
    )
    needed = {name: name for name in document.required if name not in stable.required}
    return needed | {name: f"{name} as {new[name]}" for name in new if old.get(name, new[name]) != new[name]}


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


def check_guard(
    asked: GuardOptions | bool | None, rules: GuardRules | None, before: State, journal_format: int
) -> Guard | None:
    """Return the guard of a start, as it is asked for and as the environment has it; None: it has none.

    Args:
        asked: what the request says; None: nothing.
        rules: what the operator says for the environment; None: nothing.
        before: the state in force.
        journal_format: the number of the journal's format.

    Raises:
        Invalid: something is missing; the message names the key.
        Conflict: `guard_required` or `older_format`.
    """
    if less := guard.loosened(asked, rules):
        raise conflict("guard_required", f"{before.prompt} in {before.environment}: {less}", before)
    built = guard.build(asked, rules)
    if built is not None and journal_format < GUARDS:
        raise conflict(
            "older_format",
            f"guard: {older_format(journal_format, 'guard')}",
            before,
        )
    return built


def older_format(journal_format: int, unknown: str) -> str:
    """Say that a journal's format allows registries that do not know something."""
    return (
        f"the journal has format {journal_format}, in which registries may join that know no {unknown}; when "
        "the last one is upgraded, upgrade the journal: promptstage journal upgrade"
    )


def conflict(code: str, message: str, state: State, **extra: Any) -> Conflict:
    """Make a refusal that shows the state."""
    return Conflict(message, code=code, state=state.model_dump(mode="json"), **extra)
