"""Where a model is asked: OpenAI's own API, or any other that speaks chat completions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.catalog.parsing.eval_settings import ModelEndpoint

URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"  # the variables of OpenAI's own SDK
OPENAI = "https://api.openai.com/v1"
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
    def is_local(self) -> bool:
        """Whether it is on this machine, where servers want no key."""
        return urlsplit(self.url).hostname in LOCAL


def choose(model: str, known: Sequence[ModelEndpoint], environment: Mapping[str, str]) -> Endpoint:
    """Return where a model is asked: as the settings say for its name, else where OPENAI_BASE_URL says."""
    fitting = [entry for entry in known if fnmatchcase(model, entry.pattern)]
    if fitting:
        best = max(fitting, key=lambda entry: (entry.pattern == model, len(entry.pattern)))
        return Endpoint(best.url.rstrip("/"), best.key_variable or KEY, best.publisher)
    return Endpoint((environment.get(URL) or OPENAI).rstrip("/"), KEY)
