"""Usage: what calls add up to."""

from __future__ import annotations

import time
from datetime import datetime  # noqa: TC003 - read at runtime
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from registry.api.calls import Where, check_environment
from registry.api.docs import outcome_shapes
from registry.api.docs.shapes import answer
from registry.api.http import problem
from registry.api.http.dependencies import Environment, Moment, Reader, Service
from registry.api.http.routes import BoundedRoute
from registry.errors import Invalid
from registry.outcomes.store import usage
from registry.outcomes.store.periods import DAY, HOUR
from registry.outcomes.store.retention import DAYS_DAYS, HOURS_DAYS

router = APIRouter(
    route_class=BoundedRoute,
    prefix="/v1/environments/{environment}",
    tags=["outcomes"],
    responses=problem.responses(401, 403, 404, 422, 503),
)
PAGE = 500
MAX_PAGE = 5000
SPANS = {"minute": HOUR, "hour": DAY}  # of a question without `since`; of others it is 30 days
# Seconds for which each period can be read. Minutes come from single calls, all else from sums.
KEPT = {"minute": DAY, "hour": HOURS_DAYS * DAY} | dict.fromkeys(("day", "week", "month"), DAYS_DAYS * DAY)


@router.get(
    "/usage",
    summary="Sum up calls",
    responses=answer(outcome_shapes.Usage, "a page of rows, the oldest first"),
)
async def read_usage(
    service: Service,
    _: Reader,
    environment: Environment,
    where: Where,
    by: Annotated[
        str,
        Query(
            max_length=200,
            description="dimensions of a row: prompt,version,arm,rollout,model,provider,route,segment",
        ),
    ] = "",
    period: Annotated[
        Literal["minute", "hour", "day", "week", "month"] | None,
        Query(description="of a row, in UTC; left out: all of the time is one"),
    ] = None,
    since: Annotated[
        Moment | None, Query(description="a time, RFC 3339 with a zone; left out: 30 days ago")
    ] = None,
    until: Annotated[Moment | None, Query(description="a time, RFC 3339 with a zone; left out: now")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="of one page")] = PAGE,
    totals: Annotated[
        bool, Query(description="also sum up the rows over all periods, however many pages they are")
    ] = False,
    cursor: Annotated[
        str | None, Query(pattern=r"^\d{1,12}\.\d{1,9}$", description="`next_cursor` of the page before")
    ] = None,
) -> JSONResponse:
    """Sum up calls by periods and dimensions: counts, tokens, cost, latency, feedback.

    A call is booked at its start, at most a day before it arrived. `since` and `until` are widened to whole
    hours, or whole days beyond a week. Hours are kept for 90 days, days for two years; minutes are those of
    the last day. Null means that it is not known; `unpriced` calls have no cost that is known.
    """
    check_environment(service, environment)
    if totals and cursor:
        raise Invalid("totals: ask for them with the first page", code="invalid_request")
    names = tuple(dict.fromkeys(name for name in by.split(",") if name))
    if wrong := [name for name in names if name not in usage.DIMENSIONS]:
        raise Invalid(
            f"by: {wrong[0][:40]!r} is none of {', '.join(usage.DIMENSIONS)}", code="invalid_request"
        )
    start, end = _span(since, until, period)
    asked = usage.Query(
        environment=environment,
        since=start,
        until=end,
        by=names,
        period=period,
        where=where,
        limit=limit,
        after=_place(cursor),
        totals=totals,
    )

    def read() -> JSONResponse:
        found = service.outcomes.usage(asked)
        cursor = None if found.place is None else "{}.{}".format(*found.place)
        more = {"totals": found.totals} if totals else {}
        return JSONResponse({"data": found.rows, "next_cursor": cursor, **more})

    return await to_thread.run_sync(read)


def _span(since: datetime | None, until: datetime | None, period: str | None) -> tuple[int, int]:
    """Return the seconds to read, from and to; by periods only those in which there can be calls."""
    now = int(time.time())
    end = _seconds(until, now + 1)
    start = _seconds(since, end - SPANS.get(period or "", 30 * DAY))
    if period is None:
        return start, end
    return max(start, min(now, end) - KEPT[period]), min(end, now + 1)


def _seconds(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else max(0, int(moment.timestamp()))


def _place(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    start, _, rows = cursor.partition(".")
    return int(start), int(rows)
