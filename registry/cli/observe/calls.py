"""``promptstage calls`` and ``promptstage call``: single calls."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode

import typer

from registry.cli import hints, http, output, time_option
from registry.cli.observe import export
from registry.cli.options import AsJson, Environment, MaybeName  # noqa: TC001 - typer reads the annotations
from registry.system import figures
from registry.wording import explanation, paths, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from promptstage.model import Json

SHOWN = 20  # a screen
FOLLOW_SECONDS = 1.0
COLUMNS = ("at", "version", "arm", "model", "took", "tokens", "cost", "error", "id")
FIRST = ("prompt", "version", "arm", "rollout", "model", "response_model", "provider")  # of one call's facts


def calls(  # noqa: PLR0913 - one parameter an option
    name: MaybeName = None,
    *,
    environment: Environment = "production",
    errors: Annotated[bool, typer.Option("--errors", help="Only calls that failed.")] = False,
    flag: Annotated[str | None, typer.Option(metavar="FLAG", help="Only calls with this flag.")] = None,
    feedback: Annotated[str | None, typer.Option(metavar="KIND", help="Only with it, such as down.")] = None,
    below: Annotated[
        str | None, typer.Option(metavar="SCORE", help="Only below, such as judge:0.5; the worst first.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Calls since then, such as 2h.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "-n", "--limit", metavar="N", min=1, show_default=False, help=f"How many; {SHOWN} at first."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show new ones as they come, until Ctrl-C.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write all of them to FILE.jsonl or FILE.parquet."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List single calls, newest first; without NAME, of all prompts.

    \b
    Example:  promptstage calls --errors
              promptstage calls summarize --feedback down --since 7d
              promptstage calls --follow --json
              promptstage calls --since 30d --export calls.parquet
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    asked: dict[str, str] = {"prompt": name} if name else {}
    asked |= {"error": "any"} if errors else {}
    given = {"flag": flag, "feedback": feedback, "below": below}
    asked |= {key: value for key, value in given.items() if value}
    if since:
        asked["since"] = time_option.parse(since, datetime.now(UTC)).isoformat()
    path = f"{paths.calls_path(environment)}?{urlencode(asked)}"
    with hints.helping(name or "", environment):
        if to is not None:
            output.note(f"{export.write(to, http.connect().pages(path, limit))} calls are in {to}")
        elif follow:
            _follow(path, as_json=as_json)
        else:
            _list(list(http.connect().pages(path, limit or SHOWN)), environment, as_json=as_json)


def _list(found: list[Json], environment: str, *, as_json: bool) -> None:
    if as_json:
        output.dump({"data": found})
    elif found:
        output.table(COLUMNS, [_row(call) for call in found])
    else:
        output.note(f"no such call in {environment}")


def _row(call: Json) -> list[str]:
    tokens = f"{figures.count(call.get('input_tokens'))}+{figures.count(call.get('output_tokens'))}"
    model = call.get("response_model") or call.get("model") or figures.UNKNOWN
    return [
        times.show(call["at"]),
        clean(f"{call.get('prompt', figures.UNKNOWN)}@{call.get('version', figures.UNKNOWN)}"),
        clean(call.get("arm", figures.UNKNOWN)),
        clean(model),
        figures.milliseconds(call.get("duration_ms")),
        tokens,
        figures.dollars(call["cost_usd"]),
        clean(call.get("error", "")) if call["ended"] else "(not ended)",
        call["id"],
    ]


def _follow(path: str, *, as_json: bool) -> None:
    """Print calls as they come, a line each; the newest that were there already come first."""
    try:
        for call in _new(path):
            if as_json:
                typer.echo(export.line(call))
            else:
                output.say("  ".join(cell for cell in _row(call) if cell), "red" if "error" in call else "")
    except KeyboardInterrupt:
        return


def _new(path: str) -> Iterator[Json]:
    registry, seen = http.connect(), dict[str, None]()
    while True:
        page = registry.get(path, "data", limit=100)["data"]
        yield from (call for call in reversed(page) if call["id"] not in seen)
        seen = dict.fromkeys(chain((call["id"] for call in page), list(seen)[:1000]))
        time.sleep(FOLLOW_SECONDS)


def call(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="The call's id, as `calls` shows it.")],
    *,
    environment: Environment = "production",
    as_json: AsJson = False,
) -> None:
    """Show one call, with all that was reported and said of it.

    \b
    Example:  promptstage call 01a22a48-7c7e-77a6-be04-64309570d22b
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    found = http.connect().get(f"{paths.calls_path(environment)}/{quote(identifier, safe='')}", "id")
    if as_json:
        output.dump(found)
        return
    output.facts(
        [(f"{name}:", clean(_text(value))) for name, value in _ordered(found) if value not in (None, [])]
    )


def _ordered(call: Json) -> Iterable[tuple[str, Any]]:
    """Yield what is known, what the call was made with before the rest."""
    first = ["id", "at", *(name for name in FIRST if name in call)]
    yield from ((name, call[name]) for name in first)
    yield "why", explanation.of_call(call) or None
    yield from ((name, value) for name, value in call.items() if name not in first)


def _text(value: object) -> str:
    return value if isinstance(value, str) else export.line(value)
