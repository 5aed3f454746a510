"""``promptstage explain``: why a user gets a version, now or at an earlier time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import hints, http, output, time_option
from registry.cli.options import AsJson, Environment, Name  # noqa: TC001 - typer reads the annotations
from registry.cli.release import arguments
from registry.wording import describe, paths, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json
    from registry.cli.http import Registry

BUCKETS = 100_000
PER_PERCENT = BUCKETS // 100
CHANGES = 50  # looked through for the one that made what is served: more than anyone asks for and takes back


def explain(  # noqa: PLR0913 - one parameter an option
    name: Name,
    *,
    key: Annotated[
        str,
        typer.Option("-k", "--key", metavar="KEY", help="The user's id, or whatever key the app passes."),
    ],
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "-a", "--attribute", metavar="A=B", help="An attribute that the app passes; may be repeated."
        ),
    ] = None,
    pin: Annotated[
        str | None, typer.Option(metavar="PIN", help="The pin that the app passes, of a conversation.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="At that time; default: now.")] = None,
    environment: Environment = "production",
    as_json: AsJson = False,
) -> None:
    """Explain why a user gets a version, now or at an earlier time.

    TIME is how long ago (2h, 1d 4h, 30m ago) or a time (2026-01-31T14:05:00Z); without a zone it
    is local. Times are shown in UTC. An earlier state is replayed from the journal.

    \b
    Example:  promptstage explain summarize --key user-42
              promptstage explain summarize --key user-42 --attribute tenant=acme --at 2h
              promptstage explain summarize --key user-42 --at "2026-01-31 14:05"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if not key:
        raise typer.BadParameter("--key is empty; an app that gives no key gets a random one for each call")
    attributes = arguments.attributes(attribute or [])
    now = datetime.now(UTC)
    moment = time_option.parse(at, now) if at else None
    if moment and moment > now:
        raise typer.BadParameter(f"--at {at!r} is in the future; without --at it is now")
    with hints.helping(name, environment, then=moment is not None):
        question = {"key": key, "attributes": attributes} | ({"pin": pin} if pin else {})
        found = _ask(http.connect(), environment, name, question, moment)
    if as_json:
        output.dump(found)
        return
    got = found["resolved"]
    then = times.show(moment) if moment else "now"
    title = f"{clean(name)}@{clean(got['version'])} for {clean(key)} in {environment}, {then}"
    output.say(title, "bold")
    output.facts([(f"{label}:", text) for label, text in _facts(found, attributes, pin)])


def _ask(registry: Registry, environment: str, name: str, question: Json, moment: datetime | None) -> Json:
    """Ask what the key gets, for the state that says so, and for the change that made that state."""
    then = {"at": moment.isoformat()} if moment else {}
    path = paths.rollout_path(environment, name)
    state = registry.get(path, "stable", **then)
    resolved = registry.post(paths.resolve_path(environment, name), question | then, "reason")
    changes = registry.get(f"{path}/history", "data", limit=CHANGES, cursor=state["seq"] + 1)["data"]
    newest = next((change for change in changes if describe.changes_what_is_served(change)), None)
    return {"resolved": resolved, "state": state, "change": newest}


def _facts(found: Json, attributes: Json, pin: str | None) -> Iterator[tuple[str, str]]:
    got, state, change = found["resolved"], found["state"], found["change"]
    if pin and got["reason"] != "PINNED":
        yield "Pin", "ignored: it names no version that is served or recent, or not its digest"
    yield "Why", _why(got, state, attributes)
    yield "Arm", clean(got["arm"])
    if rollout := state["rollout"]:
        ends = f"{describe.version(state['stable'])} → {describe.version(rollout['candidate'])}"
        step = (
            f"step {describe.position(rollout)} at {describe.percent(rollout):g}%, {clean(rollout['state'])}"
        )
        yield "Rollout", f"{clean(rollout['id'])}, {ends}, {step}"
    if change:
        yield "Since", f"{times.show(change['at'])}, change {change['seq']}: {describe.change(change)}"


def _why(got: Json, state: Json, attributes: Json) -> str:
    rollout, stable = state["rollout"], describe.version(state["stable"])
    if got["reason"] == "PINNED":
        return f"the pin names {clean(got['version'])}, which is served or recent"
    if not rollout:
        return f"no rollout is under way, so everyone gets {stable}"
    candidate = describe.version(rollout["candidate"])
    if got["bucket"] is None:
        matched = next((target for target in rollout["audience"] if _holds(target, attributes)), None)
        who = describe.target(matched) if matched else "the attributes match"
        return f"the audience of the rollout gets {candidate} whatever the share: {who}"
    size = round(describe.percent(rollout) * PER_PERCENT)
    counterpart = min(size, BUCKETS - size)
    canary, control = _run(0, size), _run(BUCKETS - counterpart, counterpart)
    arms = {
        "canary": f"canary, which gets {candidate}, has {canary}",
        "control": f"control, which keeps {stable}, has {control}",
        "stable": f"neither in canary ({canary}) nor in control ({control}), so {stable} stays",
    }
    return f"bucket {got['bucket']} of {BUCKETS}: {arms[got['arm']]}"


def _run(start: int, size: int) -> str:
    return f"{start} to {start + size - 1}" if size else "no bucket"


def _holds(target: Json, attributes: Json) -> bool:
    return all(
        set(condition["in"]) & set(attributes.get(condition["attribute"], ())) for condition in target["when"]
    )
