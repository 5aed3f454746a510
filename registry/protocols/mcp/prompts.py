"""What MCP clients ask of prompts: a list, one rendered, and values for an argument."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from registry.api.releases import Question
from registry.catalog.naming import is_name
from registry.control.resolve import decide_for
from registry.errors import NotFound, RegistryError
from registry.protocols import resolving
from registry.protocols.mcp import names, rendering
from registry.protocols.mcp.content import PREFIX
from registry.protocols.mcp.jsonrpc import Call, bad_params
from registry.protocols.mcp.rendering import Rendering
from registry.system import work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services
    from registry.protocols.resolving import Resolved
    from registry.replication.read_model import EncodedRelease, ReadModel
    from registry.rollouts.position import Position

PAGE = 200  # prompts, some 60 KB: clients read all pages when they start
LISTS = 16  # remembered lists of names, of an environment at one moment
ENTRY, RENDERING = "mcp.entry", "mcp.rendering"  # in what is kept with a release
SUGGESTED = 100  # values in an answer, at most, as MCP has it


class Caller(NamedTuple):
    """Who asks, and where."""

    service: Services
    environment: str
    token: Token


def list_page(caller: Caller, call: Call) -> dict[str, Any]:
    """List the prompts in force by name, as the caller's token gets them. Raises McpError."""
    begin = _after(call.params.get("cursor"))
    replica = caller.service.rollouts.replica
    replica.adopt_local()
    all_names = _names(replica.read_model, caller.environment, replica.read_model.newest)
    first = bisect_right(all_names, begin)
    page = all_names[first : first + PAGE]
    answer: dict[str, Any] = {"prompts": list(_entries(caller, page))}
    if first + PAGE < len(all_names):
        answer["nextCursor"] = urlsafe_b64encode(page[-1].encode()).decode()
    return answer


def _after(cursor: object) -> str:
    """Return the name that a page begins after."""
    if cursor is None:
        return ""
    try:
        name = urlsafe_b64decode(str(cursor).encode("ascii")).decode("ascii")
    except ValueError:
        name = ""
    if not is_name(name):
        raise bad_params("cursor: not one of this registry's; list from the beginning")
    return name


@lru_cache(LISTS)
def _names(read_model: ReadModel, environment: str, newest: Position) -> tuple[str, ...]:  # noqa: ARG001 - a key
    """Return the names in force; to sort ten thousand states would take longer than a page."""
    return tuple(state.prompt for state in read_model.states(environment) if state.stable is not None)


def _entries(caller: Caller, page: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name in page:
        work.check()
        try:
            built = caller.service.rollouts.replica.read_model.release(caller.environment, name)
        except RegistryError:  # logged already; the other prompts are there
            continue
        if built is not None:
            yield _entry(built, decide_for(built, caller.token.id, {}).version)


def _entry(built: EncodedRelease, version: str) -> dict[str, Any]:
    place = ENTRY, version
    known: dict[str, Any] | None = built.kept.get(place)
    return known or built.kept.setdefault(place, _described(built, version))


def _described(built: EncodedRelease, version: str) -> dict[str, Any]:
    document = built.release.versions[version].document
    texts = {"title": document.title, "description": document.description}
    return {
        "name": names.shown(built.release.prompt),
        **{key: text for key, text in texts.items() if text},
        "arguments": rendering.arguments_of(document),
        "_meta": {PREFIX + "name": built.release.prompt, PREFIX + "version": version},
    }


def get(caller: Caller, call: Call) -> dict[str, Any]:
    """Render a prompt for the caller. Raises McpError, RegistryError."""
    arguments = call.params.get("arguments")
    if not isinstance(arguments, dict | None):
        raise bad_params("arguments: a JSON object of texts")
    found = _resolve(caller, call.params.get("name"), call.meta)
    answer = {"messages": _rendering(found).messages(arguments or {}), "_meta": _identity(caller, found)}
    if description := found.served.document.description or found.served.document.title:
        answer["description"] = description
    return answer


def complete(caller: Caller, call: Call) -> dict[str, Any]:
    """Suggest values for an argument of a prompt. Raises McpError, RegistryError."""
    ref, argument = call.params.get("ref"), call.params.get("argument")
    if not isinstance(ref, dict) or ref.get("type") != "ref/prompt":
        raise bad_params('ref: {"type": "ref/prompt", "name": ...}; there are no resources here')
    if not isinstance(argument, dict) or not all(isinstance(argument.get(k), str) for k in ("name", "value")):
        raise bad_params('argument: {"name": ..., "value": ...}, both texts')
    found = _resolve(caller, ref.get("name"), call.meta)
    values = _rendering(found).suggestions(argument["name"], argument["value"])[:SUGGESTED]
    return {"completion": {"values": values, "total": len(values), "hasMore": False}}


def _resolve(caller: Caller, name: object, meta: Mapping[str, Any]) -> Resolved:
    """Decide for the key in `_meta`, else for the token: MCP knows no users."""
    if not isinstance(name, str):
        raise bad_params("name: the prompt's, as prompts/list has it")
    own = names.meant(name)
    if not is_name(own):
        raise NotFound(f"there is no prompt {name[:100]!r}; see prompts/list", code="unknown_prompt")
    question = _question(meta)
    if question.version is not None:
        return resolving.pinned(caller.service, caller.environment, own, question.version)
    key = caller.token.id if question.key in {None, ""} else str(question.key)
    return resolving.resolve(caller.service, caller.environment, own, key, question.attributes)


def _question(meta: Mapping[str, Any]) -> Question:
    asked = {key.removeprefix(PREFIX): value for key, value in meta.items() if key.startswith(PREFIX)}
    unknown = asked.keys() - {"key", "attributes", "version"}
    if unknown:
        raise bad_params(f"_meta: there are {PREFIX}key, attributes and version, not {min(unknown)[:100]!r}")
    try:
        return Question(**asked)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise bad_params(f"_meta: {PREFIX}{place}: {first['msg']}"[:400]) from None


def _rendering(found: Resolved) -> Rendering:
    place = RENDERING, found.decision.version
    known: Rendering | None = found.kept.get(place)
    return known or found.kept.setdefault(place, Rendering(found.name, found.served.document))


def _identity(caller: Caller, found: Resolved) -> dict[str, Any]:
    decision = found.decision
    identity = {
        "name": found.name,
        "version": decision.version,
        "arm": decision.arm,
        "reason": decision.reason,
        "rollout": decision.rollout,
        "digest": found.served.digest,
        "environment": caller.environment,
    }
    return {PREFIX + key: value for key, value in identity.items() if value is not None}
