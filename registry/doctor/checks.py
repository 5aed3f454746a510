"""The checks of `doctor`, as pure functions: facts in, findings with remedies out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from promptstage.model import Json
    from registry.catalog.version import Version
    from registry.errors import RegistryError
    from registry.journal.maintenance.mirror import Lag
    from registry.rollouts.state import State, VersionRef

STALE_SECONDS = 300.0  # since the repository was read: ten of the usual polls
SKEW_SECONDS = 2.0  # between two clocks: more than any round trip
TO_THE_DAY = 10  # characters of a time
MIRROR_SECONDS = 60.0  # normally the mirror has a change within two
SHOWN = 5  # tags or versions listed in a message

NTP = "set the clocks by NTP; timed steps and the history go wrong otherwise"
MIRROR = "a disk that is lost now takes those changes with it; try it: promptstage journal mirror URL"
TAG_AGAIN = (
    "a version is a tag like summarize/v1.3.0: make it with `promptstage tag NAME --push`, "
    "or with git tag and git push origin TAG"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: `status` is ``ok``, ``warning`` or ``error``; `remedy` says what to do."""

    name: str
    status: Literal["ok", "warning", "error"]
    message: str
    remedy: str | None = None


def repository(catalog: Json, age: float | None) -> Check:
    """Check that the repository is read; `age`: seconds since it was, without an error."""
    if catalog["error"] and not catalog.get("failed"):
        remedy = "what is here is still served; PROMPTSTAGE_REPOSITORY says where the registry looks"
        return Check("repository", "error", f"it cannot be read: {catalog['error']}", remedy)
    if age is None:
        return Check(
            "repository", "error", "it was never read", "wait a moment; the registry's log says more"
        )
    unread = f", {catalog['unread']} not validated yet" if catalog.get("unread") else ""
    message = f"read {age:.0f} s ago: {catalog['prompts']} prompts, {catalog['versions']} versions{unread}"
    if age > STALE_SECONDS:
        remedy = "look into the registry's log, and at PROMPTSTAGE_POLL_SECONDS"
        return Check("repository", "warning", message, remedy)
    return Check("repository", "ok", message)


def tags(catalog: Json) -> Iterator[Check]:
    """Report the tags that define no version, or not the one that their author means."""
    others = catalog["ignored"].get("other_things", {"count": 0})
    if count := catalog["ignored"]["count"] - others["count"]:
        listed = some(_ignored(catalog["ignored"]), count)
        yield Check("ignored tags", "warning", f"{count} make no version: {listed}", TAG_AGAIN)
    if count := others["count"]:
        listed = some(others["sample"], count)
        yield Check(
            "other tags", "ok", f"{count} are of other things, as no prompt's file is there: {listed}"
        )
    if moved := [tag["tag"] for tag in catalog["moved"]]:
        listed = some(moved, catalog.get("moved_count", len(moved)))
        message = f"{listed}: moved after they were read; what was read first stays"
        yield Check("moved tags", "warning", message, "a version never changes: tag the commit as a new one")
    if failed := catalog.get("failed") or []:
        listed = some([f"{tag['tag']} ({tag['error']})" for tag in failed], len(failed))
        remedy = f"push the tag and its commit again; it is tried again at {failed[0]['retry_at']}"
        yield Check("failed tags", "error", f"cannot be fetched: {listed}", remedy)
    if invalid := catalog.get("invalid", {}).get("count"):
        found = [
            f"{v['name']}@{v['version']} ({problem(v['problem'])})" for v in catalog["invalid"]["sample"]
        ]
        remedy = "correct the file and tag it as a new version; `promptstage check` tells before"
        yield Check("versions", "warning", f"{invalid} cannot be served: {some(found, invalid)}", remedy)


def _ignored(ignored: Json) -> list[str]:
    sample, reasons = ignored["sample"], ignored.get("reasons") or []
    return [f"{ref} ({why})" for ref, why in zip(sample, reasons, strict=False)] or sample


def some(names: Sequence[str], count: int) -> str:
    """List the first of the names, and how many more there are."""
    more = count - len(names[:SHOWN])
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def problem(found: Json | None) -> str:
    """Format a version's problem, with its place in the file."""
    if found is None:
        return "it cannot be read"
    place = ":".join(str(found[part]) for part in ("path", "line", "column") if found[part] is not None)
    return str(found["message"]) if found["line"] is None else f"{place}: {found['message']}"


def store(name: str, trouble: RegistryError | None, fine: str, remedy: str) -> Check:
    """Check the journal or Redis."""
    return Check(name, "error", trouble.message, remedy) if trouble else Check(name, "ok", fine)


def mirror(lag: Lag | None) -> Iterator[Check]:
    """Check that the journal's mirror, if any, has every change."""
    if lag is None:
        return
    url, error = lag.status.url, lag.status.error
    count = "1 change" if lag.changes == 1 else f"{lag.changes} changes"
    behind = f"{url} lacks {count}, the oldest for {lag.seconds:.0f} s"
    if error:
        message = f"{behind}: {error}" if lag.changes else f"{url}: {error}"
        yield Check("journal mirror", "warning", message, MIRROR)
    elif lag.seconds > MIRROR_SECONDS:
        yield Check("journal mirror", "warning", behind, f"{MIRROR}; the registry's log says more")
    else:
        yield Check("journal mirror", "ok", f"{url} has every change" if not lag.changes else behind)


def prices(calls: int, unpriced: int, models: Sequence[tuple[str, int]]) -> Iterator[Check]:
    """Report the calls of the last days that have no cost, by model."""
    if unpriced:
        listed = some([f"{model} ({count})" for model, count in models], len(models))
        message = f"{unpriced} of {calls} calls since yesterday have no known cost: {listed}"
        remedy = (
            "put the model's price into the file that PROMPTSTAGE_PRICES names; a call without input and "
            "output tokens has no cost either. What is known: promptstage prices show MODEL"
        )
        yield Check("prices", "warning", message, remedy)


def target(name: str, messages: int, seconds: float, error: str) -> Check:
    """Report a target of notifications that does not take them, for so many seconds."""
    count = "a message" if messages == 1 else f"{messages} messages"
    message = f"does not take {count}, the oldest for {seconds:.0f} s: {error}"
    remedy = f"each is tried for a day; on the registry's machine: promptstage notify test {name}"
    return Check(f"notify {name}", "warning", message, remedy)


def streams(count: int, registries: int, *, complete: bool) -> Check:
    """Report the connected clients; `complete`: all processes are included."""
    if not complete:
        message = (
            f"{count} connected to the process that answers; those of others are not known without Redis"
        )
        return Check("clients", "warning", message)
    if not count:
        return Check("clients", "ok", "none is connected; those that poll are not counted")
    return Check("clients", "ok", f"{count} connected, to {_processes(registries)}")


def _processes(count: int) -> str:
    return "one registry process" if count == 1 else f"{count} registry processes"


def clocks(now: datetime, redis: datetime | None, newest: datetime | None) -> Check:
    """Compare this clock with that of Redis, and with the time of the journal's newest change."""
    if newest and (ahead := (newest - now).total_seconds()) > SKEW_SECONDS:
        message = f"the newest change was made {ahead:.0f} s in the future of this machine's clock"
        return Check("clock", "error", message, NTP)
    if redis and (skew := abs((redis - now).total_seconds())) > SKEW_SECONDS:
        return Check("clock", "warning", f"differs from that of Redis by {skew:.0f} s", NTP)
    return Check("clock", "ok", "agrees with Redis and the journal" if redis else "agrees with the journal")


# Of one prompt


def unknown(name: str, message: str, catalog: Json) -> Check:
    """Report a prompt without versions: most likely its tag has another name, or was not pushed."""
    last = name.rpartition("/")[2]
    near = [tag for tag in _ignored(catalog["ignored"]) if last in tag.lower()]
    hint = f"; tags that may be meant: {some(near, len(near))}" if near else ""
    remedy = f"look whether the tag was pushed: git ls-remote --tags origin '{name}/v*'"
    return Check(name, "error", message + hint, remedy)


def prompt(name: str, versions: Sequence[Version], states: Sequence[State]) -> Iterator[Check]:
    """Report the versions of a prompt, and where they are in force."""
    newest = versions[0]
    tagged = f", tagged {newest.tagged_at[:TO_THE_DAY]} by {newest.author}" if newest.tagged_at else ""
    count = f"{len(versions)} versions; the newest" if len(versions) > 1 else "the one version"
    yield Check(name, "ok", f"{count} is {newest.version}{tagged}")
    bad = [version for version in versions if version.status == "invalid"]
    for version in bad[:SHOWN]:
        message = f"it is invalid: {problem(version.problem)}"
        remedy = f"a tag never moves; when it is right, make a new one: promptstage tag {name} --push"
        yield Check(f"{name}@{version.version}", "warning", message, remedy)
    for state in states:
        if state.stable:
            yield Check(state.environment, "ok", _in_force(state, state.stable))
        if asked := state.awaiting_approval:
            message = f"{asked.asked_by} asked to {asked.op} {asked.version.version}, which awaits approval"
            remedy = f"with another token: promptstage approve {name} -e {state.environment}"
            yield Check(state.environment, "warning", message, remedy)
    wanted = {ref.version for state in states for ref in state.versions}
    if newest.status != "invalid" and newest.version not in wanted:
        served = any(state.stable for state in states)
        command = f"promptstage {'start' if served else 'promote'} {name} {newest.version}"
        message = f"{newest.version} is in force nowhere: a tag alone does not release it"
        yield Check(name, "warning", message, command)


def _in_force(state: State, stable: VersionRef) -> str:
    listed = f"{stable.version} is stable"
    if rollout := state.rollout:
        listed += f", {rollout.candidate.version} goes to {rollout.percent:g}% ({rollout.state})"
    return listed
