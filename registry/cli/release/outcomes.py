"""How the arms of a rollout do: calls, errors, latency and cost of each, beside its progress."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from registry.errors import RegistryError
from registry.system import figures
from registry.wording import paths
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.cli.http import Registry

COLUMNS = ("ARM", "VERSION", "CALLS", "ERRORS", "P50", "P95", "COST A CALL", "FEEDBACK")
ARMS = ("canary", "control", "stable")  # in the order of the table; others, such as pinned, come after


def of(registry: Registry, state: Json) -> list[Json]:
    """Return the usage of each arm of the rollout under way; nothing if the registry does not tell."""
    asked = {"prompt": state["prompt"], "rollout": state["rollout"]["id"], "by": "arm,version"}
    with suppress(RegistryError):  # it is too old, or its database is gone: the rollout is shown all the same
        rows: list[Json] = registry.get(paths.usage_path(state["environment"]), "data", **asked)["data"]
        return sorted(rows, key=lambda row: (_place(row["arm"]), row["version"] or ""))
    return []


def _place(arm: str | None) -> int:
    return ARMS.index(arm) if arm in ARMS else len(ARMS)


def row(usage: Json) -> list[str]:
    """The cells of one arm."""
    calls = usage["calls"]
    return [
        clean(usage["arm"] or figures.UNKNOWN),
        clean(usage["version"] or figures.UNKNOWN),
        figures.count(calls),
        f"{usage['errors']} ({figures.share(usage['errors'], calls)})",
        figures.milliseconds(usage["p50_ms"]),
        figures.milliseconds(usage["p95_ms"]),
        figures.dollars(figures.cost_of_call(usage)),
        figures.feedback(usage["feedback"]),
    ]
