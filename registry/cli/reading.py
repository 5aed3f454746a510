"""The commands that only read: ``prompts``, ``show``, ``status`` and ``history``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from registry.catalog import naming
from registry.cli import describe, http, output
from registry.cli.options import (  # noqa: TC001 - typer reads the annotations
    AsJson,
    Environment,
    MaybeName,
    MaybeVersion,
    Name,
)
from registry.cli.output import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

WIDEST = 10_000  # characters of one line of a prompt; nobody reads a longer one
TITLE = 60  # characters of a title in a list
SHOWN_CHANGES = 20  # a screen
TO_THE_SECOND = 19  # characters of an RFC 3339 time


def prompts(*, as_json: AsJson = False) -> None:
    """List the prompts that have a version.

    \b
    Example:  promptstage prompts
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    found = list(http.connect().pages("/v1/prompts"))
    if as_json:
        output.dump({"data": found})
    elif not found:
        output.note("there is no prompt yet; commit one, then: promptstage tag NAME --push")
    else:
        rows = [_listed(prompt) for prompt in found]
        output.table(("prompt", "latest", "versions", "title"), rows)


def _listed(prompt: Json) -> list[str]:
    latest, versions = clean(prompt["latest"]), str(len(prompt["versions"]))
    return [clean(prompt["name"]), latest, versions, clean(prompt["title"], TITLE)]


def show(name: Name, version: MaybeVersion = None, *, as_json: AsJson = False) -> None:
    """Show a version: where it comes from, and what it says.

    \b
    Example:  promptstage show summarize
              promptstage show summarize 1.3.0 --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    path = f"{http.prompt_path(name)}/versions/{quote(version or 'latest')}"
    found = http.connect().get(path, "document")
    if as_json:
        output.dump(found)
        return
    output.say(f"{clean(found['name'])}@{clean(found['version'])}", "bold")
    for label, value in _facts(found):
        output.say(f"{label + ':':<13}{value}")
    for message in (found["document"] or {"messages": []})["messages"]:
        output.say()
        output.say(f"{clean(message['role'])}:", "bold")
        for line in message["content"].splitlines():
            output.say(f"  {clean(line.expandtabs(), WIDEST)}")


def _facts(version: Json) -> Iterator[tuple[str, str]]:
    if version["problem"]:
        yield "Invalid", _problem(version["problem"])
    if document := version["document"]:
        yield "Title", clean(document["title"])
        yield "Description", clean(document["description"], WIDEST)
        yield "Model", " ".join((clean(document["model"]), *_pairs(document["parameters"])))
        yield "Variables", ", ".join(map(_variable, document["variables"])) or describe.NONE
    yield "Commit", clean(version["commit"])
    yield "Digest", clean(version["digest"] or describe.NONE)
    yield "Tagged", f"{clean(version['tagged_at'])} by {clean(version['author'])}"
    yield "Message", clean(version["message"])
    yield from (("Warning", clean(warning, WIDEST)) for warning in version["warnings"])


def _problem(problem: Json) -> str:
    place = [problem["path"], problem["line"], problem["column"], ""]
    shown = ":".join(clean(part) for part in place if part is not None)
    return f"{shown} {clean(problem['message'], WIDEST)}"


def _pairs(parameters: Json) -> list[str]:
    return [f"{clean(key)}={clean(value)}" for key, value in parameters.items()]


def _variable(variable: Json) -> str:
    name = clean(variable["name"])
    return name if variable["required"] else f"{name} (else {clean(variable['default'] or 'nothing')})"


def status(
    name: MaybeName = None, *, environment: Environment = "production", as_json: AsJson = False
) -> None:
    """Show what is in force, and the rollouts under way.

    \b
    Example:  promptstage status
              promptstage status summarize -e staging
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    answer = http.connect().get(http.rollout_path(environment, name or ""), "stable" if name else "data")
    states = [answer] if name else answer["data"]
    if as_json:
        output.dump(answer)
    elif not states or not states[0]["stable"]:
        shown = name or "NAME"
        output.note(f"nothing is in force in {environment} yet; begin: promptstage promote {shown} VERSION")
    else:
        now = datetime.now(UTC)
        output.table(describe.COLUMNS, [describe.row(state, now) for state in states])
        for line in describe.details(states[0]) if name else ():
            output.say(line)


def history(
    name: Name,
    *,
    environment: Environment = "production",
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many changes.")] = SHOWN_CHANGES,
    as_json: AsJson = False,
) -> None:
    """Show who changed what is in force, when and why, newest first.

    \b
    Example:  promptstage history summarize
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    changes = list(http.connect().pages(f"{http.rollout_path(environment, name)}/history", limit))
    if as_json:
        output.dump({"data": changes})
    elif not changes:
        output.note(f"nothing was ever in force of {name} in {environment}")
    else:
        output.table(
            ("seq", "at (utc)", "actor", "change", "from", "to", "reason"), list(map(_change, changes))
        )


def _change(change: Json) -> list[str]:
    when = clean(change["at"])[:TO_THE_SECOND].replace("T", " ")
    what = [clean(change["actor"]), clean(change["op"]), _end(change["from"]), _end(change["to"])]
    return [str(change["seq"]), when, *what, clean(change["reason"])]


def _end(end: str | float | None) -> str:
    """A version, or a step's percent."""
    if end is None:
        return describe.NONE
    return clean(end) if isinstance(end, str) and naming.is_version(end) else f"{clean(end)}%"
