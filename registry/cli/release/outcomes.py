"""How the arms of a rollout do: calls, errors, latency and cost of each, beside its progress."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from registry.cli.output import clean
from registry.errors import RegistryError

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.cli.http import Registry

COLUMNS = ("ARM", "VERSION", "CALLS", "ERRORS", "P50", "P95", "COST A CALL", "FEEDBACK")
ARMS = ("canary", "control", "stable")  # in the order of the table; others, such as pinned, come after
SECOND = 1000


def of(registry: Registry, state: Json) -> list[Json]:
    """Return the usage of each arm of the rollout under way; nothing if the registry does not tell."""
    path = f"/v1/environments/{quote(state['environment'])}/usage"
    rollout = state["rollout"]
    asked = {"prompt": state["prompt"], "rollout": rollout["id"], "by": "arm,version"}
    with suppress(RegistryError):  # it is too old, or its database is gone: the rollout is shown all the same
        rows: list[Json] = registry.get(path, "data", **asked)["data"]
        return sorted(rows, key=lambda row: (_place(row["arm"]), row["version"] or ""))
    return []


def _place(arm: str | None) -> int:
    return ARMS.index(arm) if arm in ARMS else len(ARMS)


def row(usage: Json) -> list[str]:
    """The cells of one arm."""
    calls = usage["calls"]
    errors = f"{usage['errors']} {usage['errors'] / calls:.1%}" if calls else "0"
    return [
        clean(usage["arm"] or "-"),
        clean(usage["version"] or "-"),
        str(calls),
        errors,
        latency(usage["p50_ms"]),
        latency(usage["p95_ms"]),
        dollars(usage["cost_usd"] / calls if calls and usage["cost_usd"] is not None else None),
        feedback(usage["feedback"]) or "-",
    ]


def latency(milliseconds: float | None) -> str:
    """Write a time as people do: ``812 ms``, ``1.24 s``."""
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.0f} ms" if milliseconds < SECOND else f"{milliseconds / SECOND:.3g} s"


def dollars(amount: float | None) -> str:
    """Write an amount with the digits that say something: ``$12.40``, ``$0.00331``."""
    if amount is None:
        return "-"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.3g}"


def feedback(counts: Json) -> str:
    """Write feedback in short: ``up 12, down 3``."""
    return ", ".join(f"{clean(kind)} {count}" for kind, count in counts.items() if isinstance(count, int))
