"""What other tools say of the model: its name, parameters, tools and the format of its answer. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.tools import CHOICES
from registry.errors import Invalid
from registry.importers.parameters import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a free configuration holds for the model, and not for the app. Spelled in any way.
_PARAMETERS = frozenset(
    re.findall(
        r"\w+",
        "temperature topp topk minp maxtokens maxcompletiontokens maxoutputtokens maxtokenstosample stop "
        "stopsequences seed randomseed frequencypenalty presencepenalty repetitionpenalty n logprobs "
        "toplogprobs logitbias reasoningeffort verbosity paralleltoolcalls servicetier thinking reasoning",
    )
)
_SCHEMA_KEYS = frozenset(("properties", "$ref", "$defs", "anyOf", "oneOf", "allOf"))


def from_config(config: Mapping[str, Any], notes: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a free configuration into keys of a prompt file, and the rest, which is the app's.

    Args:
        config: as people fill it, with OpenAI's names.
        notes: takes what cannot be carried over.
    """
    found: dict[str, Any] = {}
    rest = dict(config)
    for key in ("model", "model_name", "modelName"):
        if "model" not in found and isinstance(rest.get(key), str):
            found["model"] = rest.pop(key)
    given = {key: rest.pop(key) for key in config if _plain(key) in _PARAMETERS}
    if given:
        found["modelParameters"] = parameters(given)
    if rest.get("response_format"):
        found |= response_format(rest.pop("response_format"), notes)
    if rest.get("tools"):
        found |= tools(rest.pop("tools"), rest.pop("tool_choice", None), notes)
    return found, rest


def of_request(options: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Return the keys of a prompt file for what a request says beside its model and messages.

    Args:
        options: in OpenAI's shape; what is not known is a parameter all the same.
        notes: takes what cannot be carried over.
    """
    rest = dict(options)
    answer, offered, choice = (rest.pop(key, None) for key in ("response_format", "tools", "tool_choice"))
    found = {"modelParameters": parameters(rest)} if rest else {}
    if answer:
        found |= response_format(answer, notes)
    return found | (tools(offered, choice, notes) if offered else {})


def _plain(key: str) -> str:
    return re.sub("[_-]", "", key).lower()


def response_format(value: Any, notes: list[str]) -> dict[str, Any]:
    """Return the keys for the format of the answer: OpenAI's shape, or a JSON Schema alone."""
    match value:
        case {"type": "text" | "json_object" as kind}:
            return {"responseFormat": kind}
        case {"type": "json_schema", "json_schema": {"schema": dict()} as named}:
            wanted = {key: named[key] for key in ("name", "strict", "schema") if named.get(key) is not None}
            return {"responseFormat": "json_schema", "jsonSchema": wanted}
        case dict() if value.get("type") == "object" or _SCHEMA_KEYS & value.keys():
            return {"responseFormat": "json_schema", "jsonSchema": value}
    notes.append("the response format, which is neither one of OpenAI's nor a JSON Schema")
    return {}


def tools(value: Any, choice: Any, notes: list[str]) -> dict[str, Any]:
    """Return the tools, in OpenAI's shape, and which one the model should call."""
    try:
        found = _distinct([_tool(each) for each in (value if isinstance(value, list) else [value])])
    except Invalid as error:
        notes.append(f"the tools, as {error.message}")
        return {}
    if not found:
        return {}
    names = [tool["function"]["name"] for tool in found]
    chosen = _choice(choice, names)
    if choice is not None and chosen is None:
        notes.append("which tool to call, as it is none of the tools, nor auto, none or required")
    return {"tools": found} | ({"toolChoice": chosen} if chosen else {})


def _distinct(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return tools. Raises Invalid if two have one name."""
    if len({tool["function"]["name"] for tool in found}) < len(found):
        raise Invalid("two have one name")
    return found


def _tool(value: Any) -> dict[str, Any]:
    """Return a tool in OpenAI's shape; the flat one and Anthropic's are known, too. Raises Invalid."""
    inner = _function(value)
    if inner is None:
        raise Invalid("one is no function, but one that the provider runs")
    function = {
        "name": inner.get("name"),
        "description": inner.get("description"),
        "parameters": inner.get("parameters", inner.get("input_schema")),
        "strict": inner.get("strict"),
    }
    kinds = {"name": str, "description": str, "parameters": dict, "strict": bool}
    given = {key: each for key, each in function.items() if each is not None}
    if not given.get("name") or not all(isinstance(each, kinds[key]) for key, each in given.items()):
        raise Invalid("one is not as OpenAI has it")
    return {"type": "function", "function": given}


def _function(value: Any) -> Mapping[str, Any] | None:
    """Return what a tool says of its function; None if it is none."""
    match value:
        case {"type": "function", "function": dict(inner)}:
            return inner
        case {"type": "function"} | {"type": "custom", "input_schema": dict()}:
            return dict(value)
        case dict() if "type" not in value:
            return dict(value)
    return None


def _choice(value: Any, names: list[str]) -> Any:
    """Return a choice in OpenAI's shape; None if it is none."""
    match value:
        case "any" | {"type": "any"}:  # Anthropic's and LangChain's word
            return "required"
        case {"type": "function", "function": {"name": str(name)}} | {"type": "tool", "name": str(name)}:
            return {"type": "function", "function": {"name": name}} if name in names else None
        case str() if value in CHOICES:
            return value
        case str() if value in names:
            return {"type": "function", "function": {"name": value}}
    return None
