"""Promptstage: fetch staged prompts from memory, and stamp their version into every log line.

from promptstage import Client, context

client = Client("https://prompts.example.org", prompts=["summarize"])
prompt = client.get("summarize", key="user-42")
messages = prompt.messages(text="...")
"""

from typing import TYPE_CHECKING, Any

from promptstage.client import Client
from promptstage.errors import PromptstageError, PromptUnavailable, ReleaseInvalid, VariablesMissing
from promptstage.keys import context
from promptstage.prompt import Prompt
from promptstage.stamp import Stamp

if TYPE_CHECKING:
    from promptstage import logs

__all__ = [
    "Client",
    "Prompt",
    "PromptUnavailable",
    "PromptstageError",
    "ReleaseInvalid",
    "Stamp",
    "VariablesMissing",
    "context",
    "logs",
]


def __getattr__(name: str) -> Any:
    """Import `logs` when it is first used: `logging` and `json` are a third of what this package costs."""
    if name == "logs":
        from importlib import import_module  # noqa: PLC0415 - see above

        return import_module("promptstage.logs")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
