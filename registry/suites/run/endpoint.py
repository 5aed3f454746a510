"""Where a model is asked: OpenAI's own API, or any other that speaks chat completions. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.catalog.parsing.eval_settings import ModelEndpoint

URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"  # the variables of OpenAI's own SDK
OPENAI = "https://api.openai.com/v1"
OF_A_HOST = (
    "PROMPTSTAGE_EVAL_KEY_"  # and the host in capitals: whose key goes where is said by its owner alone
)
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API that models are asked at.

    Attributes:
        url: the base URL, without a slash at its end; part of what an answer is kept by.
        key_variable: of the environment, whose value is the API key.
        publisher: whether a model is named there with its publisher, as in ``anthropic/claude-sonnet-5``.
    """

    url: str
    key_variable: str
    publisher: bool = False

    @property
    def is_url(self) -> bool:
        """Whether it is a place that can be asked; those in a repository are checked with its settings."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and bool(parts.hostname)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where servers want no key."""
        return urlsplit(self.url).hostname in LOCAL


def choose(model: str, known: Sequence[ModelEndpoint], environment: Mapping[str, str]) -> Endpoint:
    """Return where a model is asked: as the settings say for its name, else where OPENAI_BASE_URL says."""
    usual = environment.get(URL) or OPENAI
    fitting = [entry for entry in known if fnmatchcase(model, entry.pattern)]
    if fitting:
        best = max(fitting, key=lambda entry: (entry.pattern == model, len(entry.pattern)))
        return Endpoint(best.url.rstrip("/"), key_variable(best.url, usual), best.publisher)
    return Endpoint(usual.rstrip("/"), KEY)


def key_variable(url: str, usual: str) -> str:
    """Return the variable with the key for a place that a repository names.

    It is OPENAI_API_KEY for OpenAI, and where OPENAI_BASE_URL points to; else the host is in its name, such
    as ``PROMPTSTAGE_EVAL_KEY_OPENROUTER_AI``.
    """
    host = urlsplit(url).hostname or ""
    if url.startswith("https://") and host in {urlsplit(place).hostname for place in (usual, OPENAI)}:
        return KEY
    return OF_A_HOST + re.sub(r"[^A-Z0-9]", "_", host.upper())
