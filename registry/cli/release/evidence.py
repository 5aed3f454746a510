"""``promptstage evidence``: what the calls say about a rollout's candidate."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import hints, http, output
from registry.cli.options import AsJson, Environment, Name  # noqa: TC001 - typer reads the annotations
from registry.cli.release import verify_evidence
from registry.evidence.measured import ARMS
from registry.system import figures
from registry.wording import evidence as wording
from registry.wording import paths, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from promptstage.model import Json
    from registry.cli.http import Registry


class By(StrEnum):
    """What calls are shown by."""

    segment = "segment"
    model = "model"


WATCH_SECONDS = 1.0
BAR = 12
VERIFY = "verify"
COLUMNS = ("METRIC", "CANDIDATE", "STABLE", "RATIO OR DIFFERENCE", "SAYS", "EVIDENCE OF HARM")
VERDICTS = {
    "off": "not guarded: nothing is judged, and these are the counts",
    "harm": "harm: the candidate is worse than the guard tolerates",
    "srm": "samples do not match: reports of one arm are lost, so nothing is judged safe",
    "no_data": "no data: a metric has none, or lost reports of one arm",
    "safe": "safe: within what the guard tolerates, in every metric",
    "collecting": "collecting: the calls decide nothing yet",
}
WAITS = {
    "sample": "for more users",
    "data": "for apps to report again",
    "srm": "as reports of one arm are lost",
    "database": "for the database",
    "person": "for a person",
}


def evidence(  # noqa: PLR0913 - one parameter an option
    name: Name,
    of_name: Annotated[str | None, typer.Argument(metavar="", show_default=False, hidden=True)] = None,
    *,
    rollout: Annotated[
        str, typer.Option(metavar="ID", help="An earlier rollout's; default: the one under way, or the last.")
    ] = "",
    by: Annotated[
        By | None,
        typer.Option(help="Show the calls by this, too: for looking only, nothing is judged by it."),
    ] = None,
    environment: Environment = "production",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again whenever it changes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the calls say about a rollout's candidate.

    Users are counted once a metric, half of the measured on each arm. EVIDENCE OF HARM is how strongly the
    calls speak against the candidate, and the strength at which the guard acts. You may look as often as you
    like: that makes no false alarm more likely.

    `evidence verify NAME` computes it again, from what is kept of each user and from the records of the
    guard's changes, and ends with 1 where they differ.

    \b
    Example:  promptstage evidence summarize
              promptstage evidence summarize --watch
              promptstage evidence summarize --by segment
              promptstage evidence verify summarize
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    if of_name is not None:
        if name != VERIFY:
            raise typer.BadParameter(f"one NAME; to compute it again: promptstage evidence {VERIFY} NAME")
        _verify(registry, environment, of_name, rollout)
        return

    def read() -> Json:
        asked = ({"rollout": rollout} if rollout else {}) | ({"by": by.value} if by else {})
        found: Json = registry.get(paths.evidence_path(environment, name), "verdict", **asked)
        return found

    with hints.helping(name, environment):
        found = read()
    if as_json:
        output.dump(found)
    elif watch:
        with suppress(KeyboardInterrupt), output.redrawing() as (draw, in_place):
            shown: Json = {}
            while True:
                if in_place or found != shown:
                    draw(*_drawn(found))
                shown = found
                time.sleep(WATCH_SECONDS)
                found = read()
    else:
        output.show(*_drawn(found))


def _verify(registry: Registry, environment: str, name: str, rollout: str) -> None:
    """Compute it again; the exit code is 1 where something differs."""
    asked = {"recount": "true"} | ({"rollout": rollout} if rollout else {})
    with hints.helping(name, environment):
        found = registry.get(paths.evidence_path(environment, name), "recounted", **asked)
        changes = list(registry.pages(f"{paths.rollout_path(environment, name)}/history"))
    wrong = list(verify_evidence.differences(found, changes))
    for line in wrong:
        output.complain(line)
    if wrong:
        raise typer.Exit(1)
    acted = sum(1 for _ in verify_evidence.of_rollout(changes, found["rollout"]))
    metrics = ", ".join(clean(metric["name"]) for metric in found["metrics"])
    kept = "what is kept of each user, and with " if found["recounted"] is not None else ""
    output.say(
        f"{clean(found['rollout'])}: {metrics} agree with {kept}the records of "
        f"{figures.counted(acted, 'change')} made on them"
    )
    if not kept:
        output.say("What was kept of each user is gone, 30 days after the rollout's end.")


def _drawn(found: Json) -> Iterator[RenderableType]:
    title = f"{clean(found['prompt'])} in {clean(found['environment'])}: {clean(found['candidate'])} against "
    yield output.line(f"{title}{clean(found['stable'] or '-')}, {clean(found['rollout'])}", "bold")
    yield output.line(f"Verdict:  {VERDICTS[found['verdict']]}", "bold red" if found["harm"] else "")
    if found["waiting"]:
        yield output.line(f"Waits:    {_waits(found['waiting'])}")
    yield output.line()
    yield output.grid(COLUMNS, [_row(metric) for metric in found["metrics"]])
    if found.get("by"):
        yield output.line()
        yield _by(found["by"])
    yield output.line()
    yield from map(output.line, _notes(found))


def _by(parts: list[Json]) -> RenderableType:
    """Draw the calls by segment or model; one that calls did not name is `-`."""
    (dimension,) = parts[0].keys() - set(ARMS)
    rows = [[clean(part[dimension] or "-"), *(_failed(part[arm]) for arm in ARMS)] for part in parts]
    return output.grid((dimension.upper(), "ERRORS OF CANDIDATE", "ERRORS OF STABLE"), rows)


def _failed(of: Json) -> str:
    return _arm({"bad": of["errors"], "units": of["calls"]}, mean=False)


def _waits(waiting: Json) -> str:
    said = WAITS[waiting["for"]]
    needs = f": {waiting['needs']} on the smaller arm" if waiting.get("needs") else ""
    return said + needs + (f", about {clean(waiting['eta'])}" if waiting.get("eta") else "")


def _row(metric: Json) -> list[str]:
    arms = [wording.total(metric["steps"], arm) for arm in ARMS]
    mean = "difference" in metric
    estimate = metric["difference" if mean else "ratio"]
    low, high = metric["interval"]
    bounds = ["-" if bound is None else _number(bound, mean=mean) for bound in (low, high)]
    between = "" if low is high is None else f" ({bounds[0]} to {bounds[1]})"
    return [
        clean(metric["name"]),
        *(_arm(arm, mean=mean) for arm in arms),
        ("-" if estimate is None else _number(estimate, mean=mean)) + between,
        _says(metric, low=low, high=high),
        _bar(metric["e"], metric["threshold"]),
    ]


def _says(metric: Json, *, low: float | None, high: float | None) -> str:
    """Say in a word which version is better, as far as the interval tells."""
    even = 0.0 if "difference" in metric else 1.0
    if low is not None and low > even:
        return "worse"
    if high is not None and high < even:
        return "better"
    needs = metric["needs"]
    return f"not yet, about {needs['events']} more" if needs else "not yet"


def _arm(counts: Json, *, mean: bool) -> str:
    if not mean:
        share = f" {counts['bad'] / counts['units']:.1%}" if counts["units"] else ""
        return f"{counts['bad']} of {counts['units']}{share}"
    return f"${counts['sum'] / counts['n'] / 1e6:.6f} of {counts['n']}" if counts["n"] else "-"


def _number(value: float, *, mean: bool) -> str:
    return f"{value / 1e6:+.6f}$" if mean else f"{value:.2f}"


def _bar(e: float, threshold: float) -> str:
    """Draw the evidence on a logarithmic scale from nothing (1) to the threshold."""
    full = round(wording.strength(e, threshold) * BAR)
    return f"{'█' * full}{'░' * (BAR - full)} {figures.evidence(e)} of {figures.evidence(threshold)}"


def _notes(found: Json) -> Iterator[str]:
    if found["newest_call"]:
        yield f"Newest call:  {times.ago(found['newest_call'], datetime.now(UTC))}"
    else:
        yield (
            "Newest call:  none counts yet; each does when it is up to two minutes old. Apps report with "
            "client.call(...) and a token of role app; see docs/observability.md"
        )
    if found["misassigned"]:
        yield (
            f"Misassigned:  {found['misassigned']} calls claim a version, arm or user that is not theirs; "
            "they do not count"
        )
