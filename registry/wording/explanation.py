"""Explain which version a key gets, and why, now or at an earlier time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.wording import describe, paths, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from promptstage.model import Json
    from registry.wording.reads import Asks

BUCKETS = 100_000
PER_PERCENT = BUCKETS // 100
CHANGES = 50  # looked through for the one that made what is served: more than anyone asks for and takes back


def ask(registry: Asks, environment: str, name: str, question: Json, moment: datetime | None) -> Json:
    """Ask what a key gets, for the state that says so, and for the change that made that state.

    Raises Refused or Unavailable.
    """
    then = {"at": moment.isoformat()} if moment else {}
    path = paths.rollout_path(environment, name)
    state = registry.get(path, "stable", **then)
    resolved = registry.post(paths.resolve_path(environment, name), question | then, "reason")
    changes = registry.get(f"{path}/history", "data", limit=CHANGES, cursor=state["seq"] + 1)["data"]
    newest = next((change for change in changes if describe.changes_what_is_served(change)), None)
    return {"resolved": resolved, "state": state, "change": newest}


def facts(found: Json, attributes: Json, pin: str | None = None) -> Iterator[tuple[str, str]]:
    """Why a key gets what it gets, as labels and texts."""
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


def of_call(call: Json) -> str:
    """Why a call had its version, by what its client said when it decided; empty: it did not say."""
    version, rollout = (clean(call.get(name) or "") for name in ("version", "rollout"))
    share = {
        "canary": f"the user's bucket is in the canary of rollout {rollout}, which had {version}",
        "control": f"the user's bucket is in the control of rollout {rollout}, which kept {version}",
    }
    neither = f"the user's bucket is neither in the canary nor in the control of rollout {rollout}, so "
    return {
        "STATIC": f"no rollout was under way, so everyone had {version}",
        "SPLIT": share.get(call.get("arm") or "", f"{neither}{version} stayed"),
        "TARGETING_MATCH": f"the audience of rollout {rollout} had {version} whatever the share",
        "PINNED": f"the conversation is pinned to {version}",
        "FALLBACK": "the app's own text, as it had no release",
    }.get(call.get("reason") or "", "")


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
