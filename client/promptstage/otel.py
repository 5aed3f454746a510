"""OpenTelemetry spans that name their prompt. Importing this module imports the SDK.

Attributes of a span, where a prompt is at work:

    gen_ai.prompt.name, gen_ai.prompt.version                profile "gen_ai"
    langfuse.observation.prompt.name, ...version             profile "langfuse"; the version is an integer
    langfuse.observation.metadata.prompt_version, ...        profile "langfuse"; what `Prompt.metadata` has
    promptstage.prompt, promptstage.arm, promptstage.rollout always; "summarize@1.3.0", "canary", "r-..."
    promptstage.call                                         in the block of a `Client.call`, its id
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor

from promptstage.stamp import current, current_call

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span
    from opentelemetry.util.types import AttributeValue

    from promptstage.stamp import Stamp

Profile = Literal["gen_ai", "langfuse"]
_LARGEST_PART = 999


class PromptSpanProcessor(SpanProcessor):
    """Writes the prompt of the context on every span that starts in it.

    A span that was started before `get` is not touched: it may go on to other prompts, and the SDK
    lets nobody write on a span that ends. Use `annotate` where you want it on such a span too.

    Args:
        profile: whose attributes to write: those of OpenTelemetry, or those of Langfuse, which would
            take ``gen_ai.prompt.*`` for the input of the model.

    Raises:
        ValueError: there is no such profile.
    """

    def __init__(self, profile: Profile = "gen_ai") -> None:
        if profile not in _PROFILES:
            raise ValueError(f"there is no profile {profile!r}; choose one of {', '.join(_PROFILES)}")
        self._profile = profile

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's
        """Write on a span that starts; what the application wrote there itself stays."""
        if stamp := current():
            span.set_attributes({**self._attributes(stamp), **(span.attributes or {})})

    def annotate(self, span: trace.Span | None = None) -> None:
        """Write the prompt of the context on a span that has not ended, by default the current one."""
        if stamp := current():
            (span or trace.get_current_span()).set_attributes(self._attributes(stamp))

    def _attributes(self, stamp: Stamp) -> dict[str, AttributeValue]:
        attributes: dict[str, AttributeValue] = {
            "promptstage.prompt": str(stamp),
            "promptstage.arm": stamp.arm,
        }
        if stamp.rollout:
            attributes["promptstage.rollout"] = stamp.rollout
        if call := current_call():
            attributes["promptstage.call"] = call
        return attributes | _PROFILES[self._profile](stamp)


def install(provider: Any = None, *, profile: Profile = "gen_ai") -> PromptSpanProcessor:
    """Put the processor into a tracer provider, beside what is there. Installing twice is installing once.

    Args:
        provider: one of the SDK, or of what wraps it, as Phoenix's `register` and Logfire do; else the global
            one, once it is set.
        profile: as in `PromptSpanProcessor`.

    Returns:
        The processor, whose `annotate` writes on spans that are there already.

    Raises:
        TypeError: it takes no processors, as the global one before an SDK has set its own.
    """
    provider = trace.get_tracer_provider() if provider is None else provider
    add = getattr(provider, "add_span_processor", None)
    if add is None:
        raise TypeError(
            f"{type(provider).__name__} takes no processors; call this where tracing is set up, after that"
        )
    if (installed := _installed.get(provider)) is not None:
        return installed
    processor = _installed[provider] = PromptSpanProcessor(profile)
    # Phoenix's provider lets its own exporter go for the first processor that is added.
    replaces = "replace_default_processor" in signature(add).parameters
    add(processor, **({"replace_default_processor": False} if replaces else {}))
    return processor


def _gen_ai(stamp: Stamp) -> dict[str, AttributeValue]:
    return {"gen_ai.prompt.name": stamp.name, "gen_ai.prompt.version": stamp.version}


def _langfuse(stamp: Stamp) -> dict[str, AttributeValue]:
    """Metadata to filter by, and the link to Langfuse's own prompt.

    Both parts of the link or none: Langfuse drops an observation with a name alone, or a version that is no
    integer. Other attributes of a span are one object there, which has no keys to filter by.
    """
    metadata = stamp.metadata().items()
    attributes: dict[str, AttributeValue] = {
        f"langfuse.observation.metadata.{name}": value for name, value in metadata if value
    }
    if (number := _number(stamp.version)) is not None:
        attributes["langfuse.observation.prompt.name"] = stamp.name
        attributes["langfuse.observation.prompt.version"] = number
    return attributes


def _number(version: str) -> int | None:
    """Return `Prompt.number`: 1.3.0 is 1003000. A pre-release or a fallback has none."""
    parts = version.split(".")
    if not all(part.isdecimal() and int(part) <= _LARGEST_PART for part in parts):
        return None
    major, minor, patch = map(int, parts)
    return major * 1_000_000 + minor * 1_000 + patch


_PROFILES = {"gen_ai": _gen_ai, "langfuse": _langfuse}
_installed: WeakKeyDictionary[Any, PromptSpanProcessor] = WeakKeyDictionary()
