"""Read ``[suite]`` and ``[eval]`` of ``promptstage.toml``: how suites are run in a repository. Pure.

The file says where a model is asked, and never which secret goes there: whoever evaluates a repository that
they cloned would send a key of theirs to wherever its author wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from registry.catalog.parsing import toml_source
from registry.catalog.parsing.toml_source import TEXT_LIMIT, line_of, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES = {"suite": ("min_pass_rate",), "eval": ("judge", "models")}
MODELS_LIMIT = 100  # entries of [eval.models]: each is tried with each model
_KEYS = ("base_url", "publisher")


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where models of a name are asked.

    Attributes:
        pattern: the name with its publisher, in which ``*`` stands for anything.
        url: the base URL of an API that speaks OpenAI's chat completions.
        publisher: whether the model's name is sent with its publisher.
    """

    pattern: str
    url: str
    publisher: bool = False


@dataclass(frozen=True, slots=True)
class EvalSettings:
    """How suites are run.

    Attributes:
        min_pass_rate: the least share of cases that must pass, 0 to 1; None: the settings name none.
        judge: the model that judges; None: the settings name none.
        models: where models are asked.
    """

    min_pass_rate: float | None = None
    judge: str | None = None
    models: tuple[ModelEndpoint, ...] = ()


def read(text: str, data: Mapping[str, Any]) -> EvalSettings:
    """Read both tables. Raises DocumentInvalid."""
    suite = toml_source.table(text, data, "suite", TABLES["suite"])
    settings = toml_source.table(text, data, "eval", TABLES["eval"])
    models = settings.get("models", {})
    if not isinstance(models, dict) or not all(isinstance(one, dict) for one in models.values()):
        raise wrong('models must be tables; write [eval.models."openai/*"]', line_of(text, "models"))
    if len(models) > MODELS_LIMIT:
        raise wrong(f"[eval.models] has more than {MODELS_LIMIT} entries; join some with *", None)
    entries = tuple(_entry(text, pattern, entry) for pattern, entry in models.items())
    return EvalSettings(_rate(text, suite), _judge(text, settings), entries)


def _rate(text: str, suite: Mapping[str, Any]) -> float | None:
    rate = suite.get("min_pass_rate")
    if rate is None:
        return None
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 <= rate <= 1:
        line = line_of(text, "min_pass_rate", table="suite")
        raise wrong("min_pass_rate must be a share of the cases, 0 to 1; write min_pass_rate = 0.95", line)
    return float(rate)


def _judge(text: str, settings: Mapping[str, Any]) -> str | None:
    judge = settings.get("judge")
    if judge is None:
        return None
    if not isinstance(judge, str) or not judge.isprintable() or not 0 < len(judge) <= TEXT_LIMIT:
        line = line_of(text, "judge", table="eval")
        raise wrong('judge must be a model\'s name; write judge = "openai/gpt-5.4"', line)
    return judge


def _entry(text: str, pattern: str, entry: Mapping[str, Any]) -> ModelEndpoint:
    table = f'eval.models."{pattern}"'
    toml_source.require_known(text, table, entry, _KEYS)

    def fail(key: str, message: str) -> Exception:
        return wrong(f"{key} of {table[:TEXT_LIMIT]} {message}", line_of(text, key, table=table))

    url = entry.get("base_url")
    if not isinstance(url, str) or not _is_url(url):
        raise fail("base_url", 'must be an address; write base_url = "https://api.openai.com/v1"')
    publisher = entry.get("publisher", False)
    if not isinstance(publisher, bool):
        raise fail("publisher", "must be true or false")
    return ModelEndpoint(pattern, url, publisher)


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_place = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return is_place and url.isprintable() and len(url) <= TEXT_LIMIT and parts.username is None
