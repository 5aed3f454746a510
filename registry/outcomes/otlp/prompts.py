"""Which prompt the attributes of a span name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.catalog.naming import of_number
from registry.outcomes.otlp.observation import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.outcomes.otlp.spans import Value


# Name and version, as OpenTelemetry has them, and as `Prompt.metadata` in LangSmith's metadata.
_APART = (
    ("gen_ai.prompt.name", "gen_ai.prompt.version"),
    ("langsmith.metadata.prompt_name", "langsmith.metadata.prompt_version"),
)


def of(attributes: Mapping[str, Value]) -> Prompt | None:
    """Return the prompt, as our processor, OpenTelemetry or Langfuse name it; `gen_ai.prompt` is content."""
    name, version = _name_and_version(attributes)
    if not name or not version:
        return None
    arm, rollout = named(attributes, "arm"), named(attributes, "rollout")
    return Prompt(
        name=name,
        version=version,
        arm=arm if isinstance(arm, str) else None,
        rollout=rollout if isinstance(rollout, str) else None,
    )


def _name_and_version(attributes: Mapping[str, Value]) -> tuple[str, str]:
    name, _, version = str(named(attributes, "prompt") or "").rpartition("@")
    if name:
        return name, version
    for keys in _APART:
        name, version = (str(attributes.get(key, "")) for key in keys)
        if name and version:
            return name, version
    name = str(attributes.get("langfuse.observation.prompt.name", ""))
    return name, _of_number(attributes.get("langfuse.observation.prompt.version"))


def named(attributes: Mapping[str, Value], what: str) -> Value | None:
    """Return an attribute of ours; LangSmith and the Vercel AI SDK carry it among their metadata."""
    for key in (
        f"promptstage.{what}",
        f"langsmith.metadata.promptstage.{what}",
        f"langsmith.metadata.prompt_{what}",
        f"ai.telemetry.metadata.promptstage{what.title()}",
    ):
        if value := attributes.get(key):
            return value
    return None


def _of_number(number: object) -> str:
    """Return the version of an integer, such as 1003000: Langfuse knows no other versions."""
    return (of_number(number) or "") if type(number) is int else ""
