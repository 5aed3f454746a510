"""A prompt: where which version is in force, its versions, and what differs between two."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter

from registry.console import page, side_by_side
from registry.console.visit import ConsoleRoute, Visiting
from registry.wording import hosts, paths
from registry.wording.difference import Comparison, described

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
CHANGES = 10
SHOWN = 100  # prompts of the list at once
PROMPTS = "/v1/prompts"


@router.get("/prompts")
async def prompts(visit: Visiting, q: str = "", cursor: str = "") -> Response:
    """List the prompts of the repository."""
    return await visit.show("prompts.html", lambda: listed(visit.api, q.strip(), cursor))


def listed(api: Api, wanted: str, cursor: str) -> dict[str, Any]:
    """Return a page of prompts; or, of all of them, the first whose name holds a text."""
    if wanted:
        names = (one for one in api.pages(PROMPTS) if wanted.casefold() in one["name"].casefold())
        return {"prompts": list(islice(names, SHOWN)), "next": None, "wanted": wanted}
    found = api.get(PROMPTS, "data", limit=SHOWN, **({"cursor": cursor} if cursor else {}))
    return {"prompts": found["data"], "next": found["next_cursor"], "wanted": ""}


@router.get("/versions/{version}/prompts/{name:path}")
async def version(visit: Visiting, version: str, name: str) -> Response:
    """Show a version whole."""
    return await visit.show("version.html", lambda: one_version(visit.api, name, version))


def one_version(api: Api, name: str, wanted: str) -> dict[str, Any]:
    """Return a version, its messages as headings and texts."""
    found = api.get(f"{paths.prompt_path(name)}/versions/{quote(wanted)}", "document")
    document = found["document"]
    attested = api.maybe(paths.attestations_path(name, wanted), "data")
    catalog = api.maybe(paths.CATALOG, "repository")
    return {
        "commit_page": catalog and hosts.commit_page(catalog["repository"], found["commit"]),
        "before": _before(api, name, found["version"]),
        "attestations": attested["data"] if attested else [],
        "version": found,
        "messages": [described(one) for one in document["messages"]] if document else [],
    }


def _before(api: Api, name: str, version: str) -> str | None:
    """Return the version before another one; None: that is the first."""
    names = [one["version"] for one in api.pages(f"{paths.prompt_path(name)}/versions")]
    later = names[names.index(version) + 1 :] if version in names else []
    return next(iter(later), None)


@router.get("/diff/{name:path}")
async def diff(visit: Visiting, name: str, old: str, new: str) -> Response:
    """Show two versions side by side."""
    return await visit.show("diff.html", lambda: compared(visit.api, name, old, new))


def compared(api: Api, name: str, old: str, new: str) -> dict[str, Any]:
    """Return what differs between two versions, as rows and as facts."""
    comparison = Comparison(api, name, old, new)
    return {
        "name": name,
        "old": comparison.old,
        "new": comparison.new,
        "differing": list(comparison.parts()),
        "needed": comparison.needed(),
        "rows": list(side_by_side.rows(comparison.diff["unified"])),
    }


@router.get("/e/{environment}/prompts/{name:path}")
async def prompt(visit: Visiting, environment: str, name: str) -> Response:
    """Show a prompt, in an environment and beside it in the others."""
    return await visit.show(
        "prompt.html",
        lambda: content(visit.api, visit.environments, environment, name),
        environment=environment,
    )


def content(api: Api, environments: Sequence[str], environment: str, name: str) -> dict[str, Any]:
    """Return what the page shows."""
    states = {one: api.get(paths.rollout_path(one, name), "stable") for one in environments}
    state = (
        states[environment]
        if environment in states
        else api.get(paths.rollout_path(environment, name), "stable")
    )
    versions = list(api.pages(f"{paths.prompt_path(name)}/versions"))
    history = f"{paths.rollout_path(environment, name)}/history"
    return {
        "name": name,
        "state": state,
        "states": states,
        "versions": versions,
        "roles": _roles(states),
        "changes": api.get(history, "data", limit=CHANGES)["data"],
        "usage": usage_by_version(api, environment, name),
    }


def usage_by_version(api: Api, environment: str, name: str) -> dict[str, Json]:
    """Return 30 days of calls by version; nothing where the database does not answer."""
    found = api.maybe(paths.usage_path(environment), "data", by="version", prompt=name)
    return {row["version"]: row for row in found["data"]} if found else {}


def _roles(states: dict[str, Json]) -> dict[str, list[tuple[str, str]]]:
    """Return where each version is in force, and as what."""
    roles: dict[str, list[tuple[str, str]]] = {}
    for environment, state in states.items():
        if state["stable"]:
            roles.setdefault(state["stable"]["version"], []).append((environment, "stable"))
        if state["rollout"]:
            roles.setdefault(state["rollout"]["candidate"]["version"], []).append((environment, "candidate"))
        if asked := state.get("awaiting_approval"):
            roles.setdefault(asked["version"]["version"], []).append((environment, "awaits approval"))
    return roles
