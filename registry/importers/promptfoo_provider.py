"""Read the model that a configuration of promptfoo asks, and what it says of the request. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.importers import settings, sources

if TYPE_CHECKING:
    from collections.abc import Mapping

_PUBLISHERS = {"openai": "openai", "anthropic": "anthropic"}
_KINDS = ("chat", "responses", "messages")
# How a provider is reached and run, which is the app's; values may be secrets.
_REACHED = frozenset((
    "apiBaseUrl", "apiHost", "apiKey", "apiKeyEnvar", "apiKeyRequired", "basePath", "cost", "headers",
    "maxRetries", "omitDefaults", "organization",
))  # fmt: skip


def read(given: Any, options: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    """Return the keys of a prompt file for the one provider of a configuration.

    Args:
        given: `providers`.
        options: those of the prompt, which go before.
        left_out: gets a sentence on what is not carried over.
    """
    entries = given if isinstance(given, list) else [] if given is None else [given]
    if len(entries) != 1:
        if entries:
            left_out.append(f"the models, as there are {len(entries)} of them")
        return settings.of_request(_request({}, options, left_out), left_out)
    name, config = _entry(entries[0])
    if name is None:
        left_out.append("the provider, which is code or a file")
        return settings.of_request(_request({}, options, left_out), left_out)
    return _model(name, left_out) | settings.of_request(_request(config, options, left_out), left_out)


def _entry(entry: Any) -> tuple[str | None, Mapping[str, Any]]:
    """Return the id of a provider, and its configuration."""
    if isinstance(entry, dict) and "id" not in entry and len(entry) == 1:
        ((name, about),) = entry.items()
        entry = {"id": name, **sources.mapping(about, "a provider")}
    name, given = (entry.get("id"), entry.get("config")) if isinstance(entry, dict) else (entry, None)
    config = sources.mapping(given, "the config of a provider")
    is_name = isinstance(name, str) and not name.startswith(("file://", "exec:", "python:", "http"))
    return (str(name) if is_name else None), config


def _model(name: str, left_out: list[str]) -> dict[str, Any]:
    publisher, _, rest = name.partition(":")
    kind, colon, model = rest.partition(":")
    model = model if kind in _KINDS else rest
    if publisher not in _PUBLISHERS or not model or (colon and kind not in _KINDS):
        left_out.append(f"the model, which promptfoo calls {name[:80]}")
        return {}
    return {"model": f"{_PUBLISHERS[publisher]}/{model}"}


def _request(config: Mapping[str, Any], options: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    found = {**config, **options}
    found |= sources.mapping(found.pop("passthrough", None), "passthrough")
    files = [key for key, value in found.items() if isinstance(value, str) and value.startswith("file://")]
    left_out += [f"{key} of the provider, which is in a file" for key in files]
    left_out += [f"{key} of the provider" for key in found if key in _REACHED - {"omitDefaults"}]
    apart = _REACHED.union(files)
    return {key: value for key, value in found.items() if key not in apart and value is not None}
