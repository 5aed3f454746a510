"""Read the model of a manifest of LangChain: a tree of classes and their arguments. Pure.

A node of it is ``{"lc": 1, "type": "constructor", "id": [..., "ChatOpenAI"], "kwargs": {...}}``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers import settings
from registry.importers.parameters import parameters
from registry.system.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROVIDERS = {
    "ChatOpenAI": "openai",
    "OpenAI": "openai",
    "AzureChatOpenAI": "azure",
    "ChatAnthropic": "anthropic",
    "ChatMistralAI": "mistral",
    "ChatCohere": "cohere",
    "ChatGroq": "groq",
    "ChatFireworks": "fireworks",
    "ChatGoogleGenerativeAI": "google",
    "ChatVertexAI": "vertex_ai",
    "ChatBedrock": "bedrock",
    "ChatBedrockConverse": "bedrock",
}
_MODEL_KEYS = ("model", "model_name", "model_id")
# What a model of LangChain has that is about its own calls, not about the model's answer.
_PLUMBING = frozenset(
    re.findall(
        r"\w+",
        "max_retries timeout request_timeout stream_usage streaming verbose cache callbacks tags metadata "
        "name disabled_params disable_streaming output_version use_responses_api client async_client "
        "http_client ls_structured_output_format default_headers model_kwargs tools tool_choice "
        "response_format",
    )
)
_CONNECTION = re.compile(
    r"key|token(?!s)|secret|password|credential|api_base|base_url|api_url|endpoint|organi[sz]ation|proxy"
)


class Manifest(NamedTuple):
    """A node of the tree: its class, and the arguments of it."""

    kind: str
    kwargs: Mapping[str, Any]


def node(value: Any) -> Manifest:
    """Return a node of the tree. Raises Invalid."""
    match value:
        case {"lc": _, "type": "constructor", "id": [*_, str(kind)], "kwargs": dict(kwargs)}:
            return Manifest(kind, kwargs)
    raise Invalid("its manifest is not as LangChain writes one; export it again")


def read(step: Manifest, notes: list[str]) -> dict[str, Any]:
    """Return the keys of a prompt file for a model, with what is bound to it.

    Args:
        step: what is behind the prompt.
        notes: takes what cannot be carried over.
    """
    bound: dict[str, Any] = {}
    while step.kind == "RunnableBinding":
        bound = _mapping(step.kwargs.get("kwargs")) | bound
        step = node(step.kwargs.get("bound"))
    model = next((step.kwargs[key] for key in _MODEL_KEYS if isinstance(step.kwargs.get(key), str)), None)
    provider = _PROVIDERS.get(step.kind)
    if model is None and provider is None:
        notes.append(f"the step {visible(step.kind)}, which is no model")
        return {}
    if model is None:
        notes.append(
            f"the model, as {visible(step.kind)} names none, and LangChain's default is another day's"
        )
    elif provider is None:
        notes.append(f"the provider of {visible(model)}, as {visible(step.kind)} is not known")
    named = f"{provider}/{model}" if provider else model
    found: dict[str, Any] = {"model": named} if model else {}
    given = dict(step.kwargs) | _mapping(step.kwargs.get("model_kwargs")) | bound
    if given.get("tools"):
        found |= settings.tools(given["tools"], given.get("tool_choice"), notes)
    if given.get("response_format"):
        found |= settings.response_format(given["response_format"], notes)
    own = parameters({key: each for key, each in given.items() if _is_parameter(key, each)})
    return found | ({"modelParameters": own} if own else {})


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_parameter(key: str, value: Any) -> bool:
    """Tell whether an argument of a model is about its answer, and not about the connection."""
    is_node = isinstance(value, dict) and "lc" in value
    is_other = key in _PLUMBING or key in _MODEL_KEYS or bool(_CONNECTION.search(key))
    return value is not None and not is_node and not is_other
