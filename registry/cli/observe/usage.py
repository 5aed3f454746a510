"""``promptstage usage``: what calls add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

import typer

from registry.cli import hints, http, output, time_option
from registry.cli.observe import picture
from registry.cli.options import AsJson, Environment, MaybeName  # noqa: TC001 - typer reads the annotations
from registry.system import figures
from registry.wording import paths, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptstage.model import Json

DAYS = 30
Period = Literal["minute", "hour", "day", "week", "month"]
TO_THE_DAY, TO_THE_MINUTE = 10, 16  # characters of a time


def usage(  # noqa: PLR0913 - one parameter an option
    name: MaybeName = None,
    *,
    environment: Environment = "production",
    by: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="What a row is of: prompt, version, arm, rollout, model, provider, route, segment.",
        ),
    ] = "",
    period: Annotated[
        Period | None, typer.Option(help="A row for each; else one for all of the time.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help=f"Calls since then, such as 7d (default {DAYS}d); whole hours, beyond a week whole days.",
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Calls until then.")] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw calls, errors, p95 and cost into FILE.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sum up calls: how many, errors, tokens, cost, latency, and what people said; without NAME, all prompts.

    \b
    Example:  promptstage usage
              promptstage usage summarize --by version,model --since 7d
              promptstage usage --by prompt --period day --json
              promptstage usage summarize --by version --svg usage.svg
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    now = datetime.now(UTC)
    names = by or ("version" if name else "prompt")
    asked = {"by": names, "since": _moment(since, now, now - timedelta(days=DAYS))}
    asked |= {"until": _moment(until, now, now)} if until else {}
    asked |= {"period": period} if period else {}
    asked |= {"prompt": name} if name else {}
    with hints.helping(name or "", environment):
        rows = list(http.connect().pages(f"{paths.usage_path(environment)}?{urlencode(asked)}"))
    if as_json:
        output.dump({"data": rows})
    elif not rows:
        output.note(f"no calls were reported to {environment} in that time")
    elif svg:
        title = f"{clean(name or 'All prompts')} in {environment}"
        labels = [" ".join(_labels(row, _names(names), period)) for row in rows]
        svg.write_text(picture.draw(title, labels, rows), encoding="utf-8")
        output.note(f"{len(rows)} rows are drawn in {svg}")
    else:
        _show(rows, _names(names), period)


def _names(by: str) -> list[str]:
    return [part for part in by.split(",") if part]


def _moment(text: str | None, now: datetime, otherwise: datetime) -> str:
    return (time_option.parse(text, now) if text else otherwise).isoformat()


def _show(rows: Sequence[Json], names: Sequence[str], period: Period | None) -> None:
    columns = [
        *(["since"] if period else []), *names, "calls", "", "errors", "tokens in", "out", "cost", "p50",
        "p95", "feedback",
    ]  # fmt: skip
    most = max(row["calls"] for row in rows)
    output.table(columns, [_row(row, names, period, most) for row in rows])
    if not period:
        output.note(
            f"these are calls since {times.show(rows[0]['period'])}, as sums are of whole hours or days"
        )
    if unpriced := sum(row["unpriced"] for row in rows):
        output.note(
            f"the cost of {figures.counted(unpriced, 'call')} is missing here: no price of the model "
            "is known, or no tokens were reported"
        )


def _row(row: Json, names: Sequence[str], period: Period | None, most: int) -> list[str]:
    return [
        *_labels(row, names, period),
        figures.count(row["calls"]),
        figures.bar(row["calls"], most),
        figures.share(row["errors"], row["calls"]),
        figures.count(row["input_tokens"]),
        figures.count(row["output_tokens"]),
        figures.dollars(row["cost_usd"]),
        figures.milliseconds(row["p50_ms"]),
        figures.milliseconds(row["p95_ms"]),
        figures.feedback(row["feedback"]),
    ]


def _labels(row: Json, names: Sequence[str], period: Period | None) -> list[str]:
    """Return what a row is of: its period, and the values of its dimensions."""
    size = TO_THE_MINUTE if period in {"minute", "hour"} else TO_THE_DAY
    return [
        *([clean(row["period"])[:size]] if period else []),
        *(clean(figures.UNKNOWN if row[name] is None else row[name]) for name in names),
    ]
