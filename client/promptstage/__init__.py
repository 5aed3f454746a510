"""Promptstage: fetch staged prompts from memory, and stamp their version into every log line.

from promptstage import Client, context

client = Client("https://prompts.example.org", prompts=["summarize"])
prompt = client.get("summarize", key="user-42")
messages = prompt.messages(text="...")
"""

from promptstage import logs
from promptstage.client import Client
from promptstage.errors import PromptstageError, PromptUnavailable, ReleaseInvalid, VariablesMissing
from promptstage.keys import context
from promptstage.prompt import Prompt
from promptstage.stamp import Stamp

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
