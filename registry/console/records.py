"""What was changed, what waits for approval, and why a user has a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from registry.console import page
from registry.console.visit import ConsoleRoute, Sending, Visiting
from registry.errors import NotFound
from registry.wording import describe, explanation, notation, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
SHOWN = 100  # changes of a page
LABELS = {
    "seq": "Number",
    "at": "When",
    "actor": "Who",
    "op": "What",
    "prompt": "Prompt",
    "from": "From",
    "to": "To",
    "reason": "Why",
    "commit": "Commit in the journal",
    "plan": "Steps",
    "audience": "Audience",
    "evidence": "Evidence",
    "override": "Overridden",
    "attested": "Attested in change",
}
FILTERS = ("actor", "since", "until")
EMPTY = dict.fromkeys((*FILTERS, "since_at", "until_at"), "")  # the fields of the page


@router.get("/e/{environment}/history")
async def history(visit: Visiting, environment: str) -> Response:
    """Show the changes of an environment, or of one prompt there."""
    given = {key: value for key, value in visit.request.query_params.items() if value}
    return await visit.show(
        "history.html", lambda: changes(visit.api, environment, given), environment=environment
    )


def changes(api: Api, environment: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of changes; `given` are the filters of the address."""
    prompt = given.get("prompt", "")
    asked = {key: _moment(key, given) for key in FILTERS if given.get(key)}
    if cursor := given.get("cursor"):
        asked["cursor"] = cursor
    found = api.get(paths.history_path(environment, prompt or None), "data", limit=SHOWN, **asked)
    rows = [change | {"prompt": change.get("prompt", prompt)} for change in found["data"]]
    return {"changes": rows, "given": EMPTY | dict(given), "next": found["next_cursor"], "prompt": prompt}


def _moment(key: str, given: Mapping[str, str]) -> str:
    """Return what the API takes of a filter: of a day its beginning or end, in UTC if no script said."""
    if key == "actor":
        return given[key]
    day = "T00:00:00Z" if key == "since" else "T23:59:59.999999Z"
    return given.get(f"{key}_at") or f"{given[key]}{day}"


@router.get("/e/{environment}/changes/{seq}")
async def change(visit: Visiting, environment: str, seq: int, prompt: str = "") -> Response:
    """Show one record of the journal."""
    return await visit.show(
        "change.html", lambda: one_change(visit.api, environment, prompt, seq), environment=environment
    )


def one_change(api: Api, environment: str, prompt: str, seq: int) -> dict[str, Any]:
    """Return a change with all that its record says."""
    path = paths.history_path(environment, prompt or None)
    rows = api.get(path, "data", limit=1, cursor=seq + 1)["data"]
    found = next((row for row in rows if row["seq"] == seq), None)
    if found is None:
        raise NotFound(f"there is no change {seq} in {environment}", code="not_found")
    told = {"plan": notation.steps_text, "audience": _audience}
    facts = {key: told[key](value) if key in told and value else value for key, value in found.items()}
    return {"change": found, "facts": facts, "sentence": describe.change(found), "labels": LABELS}


def _audience(targets: Sequence[Json]) -> str:
    return "\n".join(notation.audience_texts(targets))


@router.get("/e/{environment}/approvals")
async def approvals(visit: Visiting, environment: str) -> Response:
    """Show what waits for approval."""
    return await visit.show(
        "approvals.html", lambda: waiting(visit.api, environment), environment=environment
    )


def waiting(api: Api, environment: str) -> dict[str, Any]:
    """Return the states in which something waits."""
    states = api.get(paths.rollout_path(environment), "data")["data"]
    return {"asked": [state for state in states if state.get("awaiting_approval")]}


@router.get("/e/{environment}/explain/{name:path}")
async def ask_why(visit: Visiting, environment: str, name: str) -> Response:
    """Ask for a user's key; it is sent as a form, so that it stands in no address."""
    return await visit.show(
        "explain.html", lambda: {"name": name, "key": "", "found": None, "facts": []}, environment=environment
    )


@router.post("/e/{environment}/explain/{name:path}")
async def explain(sent: Sending, environment: str, name: str) -> Response:
    """Show which version a user gets, and why."""
    visit, form = sent
    key = form.get("key", "").strip()
    return await visit.show(
        "explain.html", lambda: why(visit.api, environment, name, key), environment=environment
    )


def why(api: Api, environment: str, name: str, key: str) -> dict[str, Any]:
    """Return what a key gets, and the reasons."""
    found = explanation.ask(api, environment, name, {"key": key, "attributes": {}}, None)
    return {"name": name, "key": key, "found": found["resolved"], "facts": list(explanation.facts(found, {}))}
