"""``promptstage status``: show what is in force, once or continuously."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import hints, http, output
from registry.cli.options import AsJson, Environment, MaybeName  # noqa: TC001 - typer reads the annotations
from registry.cli.release import clients, outcomes
from registry.errors import Unavailable
from registry.wording import describe, evidence, paths, suites, timeline, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from promptstage.model import Json
    from registry.cli.http import Registry

WATCH_SECONDS = 1.0  # between two looks: as often as the countdown changes
OTHER_LINES = 6  # of a page that is redrawn: heading, columns, what is left out, the registry's silence
CHANGES = 100  # of the history that a timeline is made of: twice the steps that a rollout may have


def status(
    name: MaybeName = None,
    *,
    environment: Environment = "production",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again whenever it changes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is in force, the rollouts under way, and who has them.

    CLIENTS counts connected clients: how many have what is in force, of those that follow the prompt.
    EVIDENCE is there where calls say anything of a candidate; of a rollout without a guard only harm.
    Of one prompt with a rollout under way it also shows how the calls of each arm went.
    With --watch --json each change is one line of JSON.

    \b
    Example:  promptstage status
              promptstage status summarize -e staging
              promptstage status --watch
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    with hints.helping(name or "", environment):
        found = _read(registry, environment, name)
    if watch:
        with suppress(KeyboardInterrupt):
            _watch(registry, environment, name, found, as_json=as_json)
    elif as_json:
        output.dump(found)
    elif not _shown(found):
        output.note(_nothing(environment, name))
    else:
        output.show(*_drawn(found, environment, name))


def _read(registry: Registry, environment: str, name: str | None) -> Json:
    """Read the state of one prompt or of all, with the clients that follow them."""
    answer = registry.get(paths.rollout_path(environment, name or ""), "stable" if name else "data")
    names = [state["prompt"] for state in _states(answer) if state["stable"]]
    answer["clients"] = clients.of(registry, environment, names)
    for state in _states(answer):
        if found := evidence.of(registry, state):
            state["evidence"] = found
    if name and answer["rollout"]:
        path = f"{paths.rollout_path(environment, name)}/history"
        answer["changes"] = list(registry.pages(path, CHANGES))
        answer["usage"] = outcomes.of(registry, answer)
    if name:
        answer["attestations"] = _attestations(registry, answer)
    return answer


def _attestations(registry: Registry, state: Json) -> Json:
    """The newest attestation of each version that is in force, on its way or requested, by version."""
    asked = state.get("awaiting_approval")
    refs = (state["stable"], (state["rollout"] or {}).get("candidate"), asked and asked["version"])
    versions = dict.fromkeys(ref["version"] for ref in refs if ref)
    found = {version: suites.attested(registry, state["prompt"], version) for version in versions}
    return {version: one for version, one in found.items() if one}


def _states(answer: Json) -> list[Json]:
    states: list[Json] = answer.get("data", [answer])
    return states


def _shown(answer: Json) -> list[Json]:
    """The states of prompts of which something is in force, or awaits approval."""
    return [state for state in _states(answer) if state["stable"] or state.get("awaiting_approval")]


def _nothing(environment: str, name: str | None) -> str:
    command = f"promptstage promote {name or 'NAME'} VERSION -e {environment}"
    return f"nothing is in force in {environment} yet; begin: {command}"


def _drawn(
    found: Json, environment: str, name: str | None, most: int | None = None
) -> Iterator[RenderableType]:
    """The parts of a page; `most` is how many prompts it has room for."""
    now, states = datetime.now(UTC), _shown(found)
    if not states:
        yield output.line(_nothing(environment, name))
        return
    left = len(states) - most if most is not None and len(states) > most else 0
    if left:  # those that move come first
        states = sorted(states, key=lambda state: not (state["rollout"] or state.get("awaiting_approval")))
        states = states[:most]
    rows = found["clients"] or {}
    lines = [describe.row(state, rows.get(state["prompt"]), now) for state in states]
    terse = list(map(describe.terse, lines))
    judged = [describe.evidence(state) for state in states]
    if all(cell == describe.NONE for cell in judged):
        yield output.grid(describe.COLUMNS, lines, terse)
    else:
        wide, narrow = ([[*row, cell] for row, cell in zip(of, judged, strict=True)] for of in (lines, terse))
        yield output.grid((*describe.COLUMNS, describe.JUDGED), wide, narrow)
    if left:
        yield output.line(f"… and {left} more; a taller terminal shows them, or: promptstage status NAME")
    if not all(row["complete"] for row in rows.values()):
        yield output.line(f"Note: {clients.PARTIAL}", "yellow")
    if asked := [describe.request(state) for state in states if state.get("awaiting_approval")]:
        yield output.line()
        yield output.grid(describe.REQUEST_COLUMNS, asked)
    if name:
        yield from _details(states[0], found)


def _details(state: Json, found: Json) -> Iterator[RenderableType]:
    yield output.line()
    if state["rollout"]:
        yield output.grid(timeline.COLUMNS, timeline.of_rollout(state["rollout"], found["changes"]))
        yield output.line()
        if found["usage"]:
            yield output.grid(outcomes.COLUMNS, list(map(outcomes.row, found["usage"])))
            yield output.line()
    yield from map(output.line, describe.details(state))
    for version, one in found["attestations"].items():
        yield output.line(f"Suite:     {clean(version)}: {suites.result(one)}")
    for override in _overrides(state, found):
        yield output.line(f"Override:  suite: {suites.reason(override)}")
    asked = state.get("awaiting_approval")
    if asked and asked["steps"]:
        yield output.line()
        yield output.grid(timeline.PLAN_COLUMNS, list(map(list, timeline.of_plan(asked["steps"], None))))


def _overrides(state: Json, found: Json) -> Iterator[Json]:
    """What the rollout under way, and what awaits approval, went past."""
    began: Json = next((c for c in found.get("changes", ()) if c["op"] in timeline.BEGINNINGS), {})
    for source in (began, state.get("awaiting_approval") or {}):
        if override := source.get("override"):
            yield override


def _watch(registry: Registry, environment: str, name: str | None, found: Json, *, as_json: bool) -> None:
    """Show what is found, again and again on a terminal, at each change elsewhere; until interrupted."""
    shown: object = None
    away = ""
    with output.redrawing() as (draw, in_place):
        while True:
            news = found if as_json else (found, away)
            if as_json and news != shown:
                print(json.dumps(found), flush=True)
            elif not as_json and (in_place or news != shown):
                draw(*_page(found, environment, name, away))
            shown = news
            time.sleep(WATCH_SECONDS)
            try:
                found, away = _read(registry, environment, name), ""
            except Unavailable as error:
                away = error.message.partition("\n")[0]


def _page(found: Json, environment: str, name: str | None, away: str) -> Iterator[RenderableType]:
    yield output.line(f"{environment} at {times.show(datetime.now(UTC))}", "bold")
    height = output.height()
    waiting = sum("awaiting_approval" in state for state in _shown(found))
    others = OTHER_LINES + (waiting + 2 if waiting else 0)
    yield from _drawn(found, environment, name, height and max(1, height - others))
    if away:
        yield output.line(f"What was known last: {away}", "bold red")
    yield output.line()
