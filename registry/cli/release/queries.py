"""The commands that read what the repository holds: ``prompts``, ``versions``, ``show`` and ``diff``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from registry.catalog.naming import LATEST
from registry.cli import hints, http, output
from registry.cli.options import (  # noqa: TC001 - typer reads the annotations
    AsJson,
    Environment,
    FromVersion,
    MaybeVersion,
    Name,
    ToVersion,
)
from registry.wording import describe, difference, latest, paths, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

TITLE = 60  # characters of a title in a list
TO_THE_DAY = 10  # characters of a time


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


def versions(name: Name, *, environment: Environment = "production", as_json: AsJson = False) -> None:
    """List the versions of a prompt, and what is in force.

    \b
    Example:  promptstage versions summarize
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    with hints.helping(name):
        found = registry.get(f"{paths.prompt_path(name)}/versions", "data")
    if as_json:
        output.dump(found)
        return
    state = registry.get(paths.rollout_path(environment, name), "stable")
    columns = ("version", environment, "status", "tagged", "author", "message")
    output.table(columns, [_versioned(version, state) for version in found["data"]])
    for version in found["data"]:
        if version["problem"]:
            output.say(
                f"{clean(version['version'])} is invalid: {describe.problem(version['problem'])}", "yellow"
            )


def _versioned(version: Json, state: Json) -> list[str]:
    tagged = clean(version["tagged_at"] or describe.NONE)[:TO_THE_DAY]
    author, subject = version["author"].partition(" <")[0], version["message"].partition("\n")[0]
    about = [tagged, clean(author), clean(subject, TITLE)]
    return [
        clean(version["version"]),
        describe.role(version["version"], state),
        clean(version["status"]),
        *about,
    ]


def diff(
    name: Name,
    old: FromVersion,
    new: ToVersion,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions of a prompt.

    \b
    Example:  promptstage diff summarize 1.2.0 1.3.0
              promptstage diff summarize 1.2.0 latest --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    with hints.helping(name):
        found = registry.get(paths.diff_path(name, old, new), "unified")
        if LATEST in {old, new}:
            _warn(latest.find(registry, name))
    if as_json:
        output.dump(found)
        return
    for line in found["unified"].splitlines():
        output.say(clean(line, describe.WIDEST), difference.style(line))
    if changed := difference.changed(found):
        output.say(f"Changed:  {changed}", "bold")
    elif not found["unified"]:
        output.note(f"{name} {old} and {new} are the same")
    if found.get("partials"):  # an earlier registry has none
        output.say(f"Partials: {', '.join(map(clean, found['partials']))}", "bold")


def _warn(found: latest.Latest) -> None:
    if found.warning:
        output.note(found.warning)


def show(name: Name, version: MaybeVersion = None, *, as_json: AsJson = False) -> None:
    """Show a version: its origin and its content.

    \b
    Example:  promptstage show summarize
              promptstage show summarize 1.3.0 --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    with hints.helping(name):
        found = latest.version(registry, name, version or LATEST)
        if version in {None, LATEST}:
            _warn(latest.find(registry, name, found))
    if as_json:
        output.dump(found)
        return
    output.say(f"{clean(found['name'])}@{clean(found['version'])}", "bold")
    output.facts([(f"{label}:", value) for label, value in _facts(found)])
    for message in (found["document"] or {"messages": []})["messages"]:
        output.say()
        heading, text = difference.described(message)
        output.say(f"{clean(heading)}:", "bold")
        for line in text.splitlines():
            output.say(f"  {clean(line.expandtabs(), describe.WIDEST)}")


def _facts(version: Json) -> Iterator[tuple[str, str]]:
    if version["problem"]:
        yield "Invalid", describe.problem(version["problem"])
    if document := version["document"]:
        yield "Title", clean(document["title"])
        yield "Description", clean(document["description"], describe.WIDEST)
        yield "Model", " ".join((clean(document["model"]), *_pairs(document["parameters"])))
        if language := document.get("language"):
            yield "Template", clean(language)
        yield "Variables", ", ".join(map(_variable, document["variables"])) or describe.NONE
        if tools := document.get("tools"):
            choice = document["tool_choice"]
            named = choice["function"]["name"] if isinstance(choice, dict) else choice
            names = ", ".join(clean(tool["function"]["name"]) for tool in tools)
            yield "Tools", names + (f" (choice: {clean(named)})" if named else "")
        if document["response_format"] != "text":
            yield "Answer", clean(document["response_format"])
    if version.get("partials"):
        yield "Partials", ", ".join(map(clean, version["partials"]))
    yield "Commit", clean(version["commit"])
    yield "Digest", clean(version["digest"] or describe.NONE)
    if version["tagged_at"]:
        yield "Tagged", f"{times.show(version['tagged_at'])} by {clean(version['author'])}"
    yield "Message", clean(" ".join(version["message"].split()), describe.WIDEST)
    yield from (("Warning", clean(warning, describe.WIDEST)) for warning in version["warnings"])


def _pairs(parameters: Json) -> list[str]:
    written = {key: v if isinstance(v, str) else json.dumps(v) for key, v in parameters.items()}
    return [f"{clean(key)}={clean(value)}" for key, value in written.items()]


def _variable(variable: Json) -> str:
    name = clean(variable["name"])
    default = clean(difference.shown_default(variable["default"]))
    return name if variable["required"] else f"{name} (else {default})"
