"""Write a version of a prompt as Langfuse's API does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptstage.requests.openai import make_litellm_request
from promptstage.requests.rendered import make_rendered
from registry.protocols import portable
from registry.protocols.portable import Place, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptstage.model import Document
    from registry.protocols.resolving import Resolved

NO_NUMBER = 0  # as Langfuse's own clients call the version of a fallback


def write(resolved: Resolved, environment: str | None, labels: Iterable[str]) -> dict[str, Any]:
    """Write a prompt, and where it comes from as a member of its own, which Langfuse's clients ignore.

    Raises:
        Invalid: Langfuse's clients would render it wrongly (`not_portable`).
    """
    served, decision = resolved.served, resolved.decision
    document = served.document
    return {
        "name": resolved.name,
        "version": NO_NUMBER if served.number is None else served.number,
        "type": "chat",
        "prompt": messages(document),
        "config": config(resolved.name, document),
        "labels": list(labels),
        "tags": tags(document),
        "resolutionGraph": None,
        "promptstage": {
            "version": served.version,
            "environment": environment,
            "arm": decision.arm,
            "reason": decision.reason,
            "rollout": decision.rollout,
            "digest": served.digest,
            "commit": served.commit,
        },
    }


def messages(document: Document) -> list[dict[str, str]]:
    """Write the messages, and the places of those that the app gives.

    Langfuse's JavaScript client renders each text as Mustache, its Python client replaces whatever stands
    between two braces: braces of a text that stand for themselves are refused.

    Raises:
        Invalid: the clients would render it wrongly (`not_portable`).
    """
    found = portable.messages(document, is_read=lambda text: "{{" in text, places=True)
    return [_message(one) for one in found]


def _message(message: Text | Place) -> dict[str, str]:
    if isinstance(message, Place):
        return {"type": "placeholder", "name": message.name}
    if "{{{" in message.content:  # a brace, and a placeholder: Mustache has a meaning of its own for three
        raise portable.not_portable("a brace directly before a placeholder (put a space between)")
    return {"role": message.role, "content": message.content}


def config(name: str, document: Document) -> dict[str, Any]:
    """Write the model and its parameters as OpenAI's chat completions take them, and LiteLLM.

    LiteLLM makes each key a parameter of the call, so there is nothing else in it.
    """
    request: dict[str, Any] = {**make_litellm_request(make_rendered(name, document, []))}
    del request["messages"]
    return request


def tags(document: Document) -> list[str]:
    """Return the tags that a prompt file has under `metadata`."""
    found = document.metadata.get("tags")
    return [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []
