"""Promptstage: fetch staged prompts from memory, and stamp their version into every log line.

from promptstage import Client, context

client = Client("https://prompts.example.org", prompts=["summarize"])
prompt = client.get("summarize", key="user-42")
messages = prompt.messages(text="...")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptstage import logs, middleware
    from promptstage.call import Call
    from promptstage.client import Client
    from promptstage.errors import (
        PromptstageError,
        PromptTooLarge,
        PromptUnavailable,
        PromptUnsupported,
        ReleaseInvalid,
        VariablesMissing,
    )
    from promptstage.keys import context
    from promptstage.prompt import Prompt
    from promptstage.stamp import Stamp
    from promptstage.tasks import carry, task

__all__ = [
    "Call",
    "Client",
    "Prompt",
    "PromptTooLarge",
    "PromptUnavailable",
    "PromptUnsupported",
    "PromptstageError",
    "ReleaseInvalid",
    "Stamp",
    "VariablesMissing",
    "carry",
    "context",
    "logs",
    "middleware",
    "task",
]

_HOMES = {
    "Call": "call",
    "Client": "client",
    "Prompt": "prompt",
    "PromptTooLarge": "errors",
    "PromptUnavailable": "errors",
    "PromptUnsupported": "errors",
    "PromptstageError": "errors",
    "ReleaseInvalid": "errors",
    "Stamp": "stamp",
    "VariablesMissing": "errors",
    "carry": "tasks",
    "context": "keys",
    "task": "tasks",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562): who wants one of them does not pay for all."""
    if name in _HOMES:
        found = getattr(import_module(f"promptstage.{_HOMES[name]}"), name)
    elif name in __all__:
        found = import_module(f"promptstage.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found  # the next look-up finds it without us
    return found


def __dir__() -> list[str]:
    return __all__
