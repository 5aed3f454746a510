"""Write a version of a prompt as Langfuse's API does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptstage.evaluation import PINNED
from promptstage.requests.openai import make_litellm_request
from promptstage.requests.rendered import make_rendered
from registry.protocols import portable
from registry.protocols.portable import Place, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptstage.model import Document
    from registry.protocols.resolving import Resolved

TEXT = "text"
NO_NUMBER = 0  # as Langfuse's own clients call the version of a fallback


def write(resolved: Resolved, environment: str, labels: Iterable[str]) -> dict[str, Any]:
    """Write a prompt, and where it comes from as a member of its own, which Langfuse's clients ignore.

    Raises:
        Invalid: Langfuse's clients would render it wrongly (`not_portable`).
    """
    served, decision = resolved.served, resolved.decision
    document = served.document
    found = messages(document)
    return {
        "name": resolved.name,
        "version": NO_NUMBER if served.number is None else served.number,
        "type": kind(document),
        "prompt": found[0]["content"] if kind(document) == TEXT else found,
        "config": config(resolved.name, document),
        "labels": list(labels),
        "tags": tags(document),
        "resolutionGraph": None,
        "promptstage": {
            "version": served.version,
            "environment": None if decision.reason == PINNED else environment,
            "arm": decision.arm,
            "reason": decision.reason,
            "rollout": decision.rollout,
            "digest": served.digest,
            "commit": served.commit,
        },
    }


def kind(document: Document | None) -> str:
    """Return `text` for a prompt whose file says so and that is one text; else `chat`.

    An app gets a text from the one and a list from the other, so an imported prompt stays what it was.
    """
    about = document.metadata.get("langfuse") if document else None
    said = about.get("type") if isinstance(about, dict) else None
    is_text = document and len(document.messages) == 1 and not document.placeholders
    return TEXT if said == TEXT and is_text else "chat"


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

    Before them what a prompt file has in `metadata.config`: an imported one may have keys of its app.
    LiteLLM makes each key a parameter of the call, so there is nothing else in it.
    """
    own = document.metadata.get("config")
    request: dict[str, Any] = {**make_litellm_request(make_rendered(name, document, []))}
    del request["messages"]
    return {**own, **request} if isinstance(own, dict) else request


def tags(document: Document | None) -> list[str]:
    """Return the tags that a prompt file has in `metadata`."""
    found = document.metadata.get("tags") if document else None
    return [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []
