"""What calls cost and how they went: sums, and single calls."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from registry.console import page
from registry.console.overview import alerts, budgets
from registry.console.visit import ConsoleRoute, Visiting
from registry.errors import Invalid
from registry.system import timestamps
from registry.wording import explanation, item, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptstage.model import Json
    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
DIMENSIONS = ("prompt", "version", "arm", "model", "provider", "route", "segment")
SPANS = {
    "1h": ("minute", 1 / 24),
    "24h": ("hour", 1),
    "7d": ("day", 7),
    "30d": ("day", 30),
    "90d": ("week", 90),
}
LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
NO_CALL = {"calls": 0, "cost_usd": 0, "errors": 0}  # and no latency
SERIES = 8  # lines of a plot: the largest; a table has them all
MAX_ROWS = 5000
PLOTTED = {"calls": "Calls", "cost_usd": "Cost in dollars", "p95_ms": "p95 in ms", "errors": "Errors"}
NUMBERS = (
    "calls", "errors", "input_tokens", "output_tokens", "cost_usd", "unpriced", "p50_ms", "p95_ms",
)  # fmt: skip
FILTERS = (
    "prompt",
    "version",
    "arm",
    "rollout",
    "model",
    "route",
    "segment",
    "error",
    "flag",
    "feedback",
    "below",
)
CALLS = 50
MAY_LACK = (
    "prompt",
    "version",
    "arm",
    "model",
    "response_model",
    "duration_ms",
    "input_tokens",
    "output_tokens",
    "error",
)
CONTENT = ("variables", "placeholders", "messages", "response")
SAID = ("parameters", "tool_calls", "feedback", "scores")
APART = (
    "id",
    "environment",
    "prompt",
    "version",
    "flags",
    *CONTENT,
    *SAID,
)  # of a call: not among its plain facts


@router.get("/e/{environment}/usage")
async def usage(visit: Visiting, environment: str) -> Response:
    """Show what calls add up to, as plots and as a table."""
    given = dict(visit.request.query_params)
    return await visit.show(
        "usage.html", lambda: summed(visit.api, environment, given), environment=environment
    )


@router.get("/e/{environment}/usage.csv")
async def usage_table(visit: Visiting, environment: str) -> Response:
    """Return the rows of the plots as a file."""
    given = dict(visit.request.query_params)
    values = await visit.read(lambda: summed(visit.api, environment, given))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["period", values["by"], *NUMBERS])
    writer.writerows(
        [row["period"], row.get(values["by"]), *(row[key] for key in NUMBERS)] for row in values["rows"]
    )
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"', **page.HEADERS}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)


def summed(api: Api, environment: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the sums by a dimension, for the whole span and by period. Raises Invalid."""
    by, span = given.get("by") or "prompt", given.get("span") or "7d"
    if by not in DIMENSIONS or span not in SPANS:
        raise Invalid(f"usage is by one of {', '.join(DIMENSIONS)}, over one of {', '.join(SPANS)}")
    period, days = SPANS[span]
    since = (page.now() - timedelta(days=days)).isoformat()
    prompt = {"prompt": given["prompt"]} if given.get("prompt") else {}
    asked = {"by": by, "since": since, "limit": MAX_ROWS, **prompt}
    found = api.get(paths.usage_path(environment), "totals", period=period, totals="true", **asked)
    rows, totals = found["data"], sorted(found["totals"], key=lambda row: -row["calls"])
    return {
        "by": by,
        "span": span,
        "spans": SPANS,
        "dimensions": DIMENSIONS,
        "prompt": given.get("prompt", ""),
        "rows": rows,
        "totals": totals,
        "since": totals[0]["period"] if totals else None,
        "plots": plots(rows, by, [str(row.get(by)) for row in totals[:SERIES]], times(rows, period)),
        "budgets": budgets(api, environment),
        "alerts": alerts(api, environment),
    }


def times(rows: Sequence[Json], period: str) -> list[str]:
    """Return the start of each period from the first with a call until now; in some there may be none."""
    if not rows:
        return []
    first, step = datetime.fromisoformat(rows[0]["period"]), LENGTHS[period]
    return [timestamps.rfc3339(first + n * step) for n in range((page.now() - first) // step + 1)]


def plots(rows: Sequence[Json], by: str, names: Sequence[str], times: Sequence[str]) -> list[Json]:
    """Return the lines of each plot: times, and for each name its numbers; null where one is not known.

    A period without a call has 0 calls, and no latency: a line must not go from one call to the next.
    """
    found = {(row["period"], str(row.get(by))): row for row in rows}
    if len(times) == 0:
        return []
    return [
        {
            "title": title,
            "times": times,
            "series": [
                {"name": name, "values": [found.get((time, name), NO_CALL).get(key) for time in times]}
                for name in names
            ],
        }
        for key, title in PLOTTED.items()
    ]


@router.get("/e/{environment}/calls")
async def calls(visit: Visiting, environment: str) -> Response:
    """List single calls."""
    given = {key: value for key, value in visit.request.query_params.items() if value}
    return await visit.show(
        "calls.html", lambda: listed(visit.api, environment, given), environment=environment
    )


def listed(api: Api, environment: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of calls; `given` are the filters of the address."""
    asked = {key: given[key] for key in (*FILTERS, "cursor") if given.get(key)}
    found = api.get(paths.calls_path(environment), "data", limit=CALLS, **asked)
    calls = [_whole(call) for call in found["data"]]
    return {"calls": calls, "next": found["next_cursor"], "given": dict(given), "filters": FILTERS}


@router.get("/e/{environment}/calls/{call}")
async def one(visit: Visiting, environment: str, call: str, content: bool = False) -> Response:
    """Show one call; its content takes the right to review."""
    return await visit.show(
        "call.html", lambda: one_call(visit.api, environment, call, content=content), environment=environment
    )


def one_call(api: Api, environment: str, call: str, *, content: bool) -> dict[str, Any]:
    """Return a call, as facts and what was said of it."""
    asked = {"content": "true"} if content else {}
    found = _whole(api.get(f"{paths.calls_path(environment)}/{quote(call)}", "id", **asked))
    facts = {key: value for key, value in found.items() if key not in APART and value not in (None, "", [])}
    return {
        "call": found,
        "facts": facts,
        "why": explanation.of_call(found),
        "said": {key: found[key] for key in SAID if found.get(key)},
        "with_content": content,
        "kept": {key: found[key] for key in CONTENT if found.get(key)},
        "texts": list(item.inputs(found)),
        "answer": item.answer({"content": found}),
    }


def _whole(call: Json) -> Json:
    """Return a call with None for what is not known, which the API leaves out."""
    return call | {key: None for key in MAY_LACK if key not in call}
