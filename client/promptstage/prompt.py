"""The prompt that `get` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from promptstage.clock import Freshness
from promptstage.evaluation import FALLBACK
from promptstage.model import Document, Message, MessagesPlaceholder
from promptstage.pins import is_pin, make_pin
from promptstage.requests.headers import make_headers
from promptstage.requests.openai import make_litellm_request, make_openai_request
from promptstage.requests.rendered import copied, make_rendered, make_response_format
from promptstage.stamp import Stamp
from promptstage.structured_rendering import make_renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal

    from promptstage.model import Decision, Json, Served, Split
    from promptstage.rendering import Renderer
    from promptstage.requests.rendered import Rendered
    from promptstage.requests.shapes import AnthropicRequest, OpenAIRequest
    from promptstage.structured_rendering import StructuredRenderer

    Messages = Sequence[Mapping[str, Any]]
    Fallback = str | Messages | Callable[[], str | Messages]
    Source = Literal["live", "snapshot", "fallback"]

NO_PROMPT = (
    'a prompt of your own is a text, a list of {"role", "content"}, or a callable that returns one; '
    "a content is a text, or a list of parts"
)


class Origin(NamedTuple):
    """The release that a prompt was chosen from.

    Attributes:
        seq: of the release.
        split: the rollout that was under way.
        default_arm: of the buckets that no slot holds.
        measured: the buckets at each end that are compared.
    """

    seq: int
    split: Split | None
    default_arm: str
    measured: int


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """One version of a prompt, chosen for one key.

    Attributes:
        name: the prompt.
        version: SemVer, or ``fallback``.
        number: the version for protocols that know only integers; None where it has none.
        commit: the git commit; empty for a fallback.
        digest: ``sha256:<hex>`` of the file's bytes; empty for a fallback.
        arm: ``canary``, ``control``, ``stable``, ``pinned`` or ``fallback``.
        reason: ``STATIC``, ``TARGETING_MATCH``, ``SPLIT``, ``PINNED`` or ``FALLBACK``.
        rollout: the id of the rollout that chose, if one did.
        pin: a short text that `get(pin=...)` takes to go on with this version on this arm. A fallback has the
            pin that `get` was given, so that the conversation returns to its version, or an empty one.
        source: ``live``, ``snapshot`` (not yet confirmed since this process started) or ``fallback``.
        document: the whole content.
        origin: the release that it was chosen from; None for a version of its own, and for a fallback.
        facts: what the records of calls say of it, once there was one.
    """

    name: str
    version: str
    number: int | None
    commit: str
    digest: str
    arm: str
    reason: str
    rollout: str | None
    pin: str
    source: Source
    document: Document = field(repr=False)
    stamp: Stamp = field(repr=False)
    _freshness: Freshness = field(repr=False)
    _renderer: Renderer | StructuredRenderer = field(repr=False)
    origin: Origin | None = field(default=None, repr=False)
    facts: Json | None = field(default=None, init=False, repr=False)

    @property
    def age(self) -> float:
        """Seconds since the registry last confirmed this; infinite for a fallback."""
        return self._freshness.age

    @property
    def model(self) -> str:
        """The model that the author chose."""
        return self.document.model

    @property
    def parameters(self) -> Json:
        """The model's parameters: a copy, yours to change."""
        return {name: copied(value) for name, value in self.document.parameters.items()}

    @property
    def response_format(self) -> Json | None:
        """The format of the answer as OpenAI's API takes it, a copy; None where it is text."""
        return make_response_format(self.name, self.document)

    @property
    def tools(self) -> list[Json]:
        """The tools that the model may call, in OpenAI's shape: a copy."""
        return [copied(tool) for tool in self.document.tools]

    @property
    def tool_choice(self) -> str | Json | None:
        """``auto``, ``none``, ``required``, one function in OpenAI's shape (a copy), or None."""
        choice: str | Json | None = copied(self.document.tool_choice)
        return choice

    def metadata(self) -> dict[str, str]:
        """Return the prompt's identity as flat text, for the metadata of traces and of other tools.

        Returns:
            ``prompt`` (``summarize@1.3.0``), ``prompt_name``, ``prompt_version``, ``prompt_arm``,
            ``prompt_rollout`` and ``prompt_digest``; a text that is not there is empty.
        """
        return {**self.stamp.metadata(), "prompt_digest": self.digest}

    def headers(self, platform: str) -> dict[str, str]:
        """Return the prompt's identity as headers of the request to the model, for a proxy that reads them.

        Args:
            platform: ``helicone``, whose custom properties they are.

        Returns:
            What `metadata` has, without what is empty: ``{"Helicone-Property-Prompt-Version": "1.3.0"}``.

        Raises:
            ValueError: there is no such platform.
        """
        return make_headers(platform, self.metadata())

    def messages(
        self, mapping: Mapping[str, object] | None = None, /, **variables: object
    ) -> list[dict[str, Any]]:
        """Render every message.

        Args:
            mapping: variables, for names that are no Python names.
            **variables: variables, and lists of messages for the prompt's placeholders; they win over the
                mapping's.

        Returns:
            ``[{"role": ..., "content": ...}]``, a new list each time. A content is a text, or a list of parts
            where the prompt has them. The messages given for a placeholder are in its place, as they are.

        Raises:
            VariablesMissing: required variables or messages were not given, or are None; or an item lacks
                a name.
            PromptTooLarge: a prompt in Mustache would have more than 1 MiB of text.
            TypeError: the mapping is not a mapping, or a placeholder is given something else than messages.
        """
        if mapping is not None and not isinstance(mapping, Mapping):
            raise TypeError(
                f"variables go by name, (text=...), or in a mapping, not {type(mapping).__name__}"
            )
        return self._renderer.messages({**mapping, **variables} if mapping else variables)

    def text(self, mapping: Mapping[str, object] | None = None, /, **variables: object) -> str:
        """Render the texts of all contents, joined by a blank line. Takes and raises what `messages` does."""
        return "\n\n".join(
            text for message in self.messages(mapping, **variables) for text in _texts(message)
        )

    def openai(self, mapping: Mapping[str, object] | None = None, /, **variables: object) -> OpenAIRequest:
        """Render the arguments of ``client.chat.completions.create(**...)`` of OpenAI's SDK.

        The model is without its publisher, and parameters have the API's names (``max_completion_tokens``) or
        their own, in snake_case.

        Returns:
            A dict of your own; only messages given for a placeholder are those given. `model` is absent if
            the prompt names none, as a fallback does; there ``request.setdefault("model", "gpt-5.4")`` helps.

        Raises:
            VariablesMissing, PromptTooLarge, TypeError: as `messages`, with the same arguments.
        """
        return make_openai_request(self._rendered(mapping, variables))

    def litellm(self, mapping: Mapping[str, object] | None = None, /, **variables: object) -> OpenAIRequest:
        """Render those of ``litellm.completion(**...)``: as `openai`, but the model keeps its publisher."""
        return make_litellm_request(self._rendered(mapping, variables))

    def anthropic(
        self, mapping: Mapping[str, object] | None = None, /, **variables: object
    ) -> AnthropicRequest:
        """Render the arguments of ``client.messages.create(**...)`` of Anthropic's SDK.

        Messages of system and developer are its `system`; `max_tokens` is 8192 unless the prompt says so.
        Parameters that the API does not have, such as `seed` and `temperature`, are left out.

        Returns:
            A dict of your own. `model` is absent if the prompt names none, as a fallback does.

        Raises:
            PromptUnsupported: the API cannot carry a message, a tool, or the format of the answer.
            VariablesMissing, PromptTooLarge, TypeError: as `messages`, with the same arguments.
        """
        from promptstage.requests.anthropic import make_anthropic_request  # noqa: PLC0415 - it brings json

        return make_anthropic_request(self._rendered(mapping, variables))

    def _rendered(self, mapping: Mapping[str, object] | None, values: dict[str, object]) -> Rendered:
        return make_rendered(self.name, self.document, self.messages(mapping, **values))


def make_prompt(  # noqa: PLR0913, PLR0917 - what a prompt is made of
    name: str,
    served: Served,
    decision: Decision,
    source: Source,
    freshness: Freshness,
    origin: Origin | None = None,
) -> Prompt:
    """The prompt that a decision leads to."""
    return Prompt(
        name=name,
        version=served.version,
        number=served.number,
        commit=served.commit,
        digest=served.digest,
        arm=decision.arm,
        reason=decision.reason,
        rollout=decision.rollout,
        pin=make_pin(decision.rollout, served.version, decision.arm, served.digest),
        source=source,
        document=served.document,
        stamp=Stamp(name, served.version, decision.arm, decision.rollout),
        _freshness=freshness,
        _renderer=make_renderer(name, served.document),
        origin=origin,
    )


def make_fallback(name: str, fallback: Fallback, pin: object = None) -> Prompt:
    """The prompt that the application brought along, in place of what `pin` may stand for.

    Raises:
        TypeError: it is neither a text, nor messages, nor a callable that returns one.
    """
    content = fallback() if callable(fallback) else fallback
    document = make_document(content)
    return Prompt(
        name=name,
        version="fallback",
        number=None,
        commit="",
        digest="",
        arm="fallback",
        reason=FALLBACK,
        rollout=None,
        pin=pin if is_pin(pin) else "",
        source="fallback",
        document=document,
        stamp=Stamp(name, "fallback", "fallback"),
        _freshness=Freshness(inf),
        _renderer=make_renderer(name, document),
    )


def make_document(content: str | Messages) -> Document:
    """A document of nothing but messages; a text is one message of the user."""
    return Document(
        title="",
        description="",
        model="",
        parameters={},
        response_format="text",
        json_schema=None,
        variables=(),
        messages=_as_messages(content),
        metadata={},
        extra={},
    )


def _texts(message: Any) -> list[str]:
    """Return the texts of a rendered message, without its pictures, sounds and files."""
    content = message.get("content") if isinstance(message, Mapping) else getattr(message, "content", None)
    if isinstance(content, str):
        return [content]
    texts = (part.get("text") for part in content or () if isinstance(part, Mapping))
    return [text for text in texts if isinstance(text, str)]


def _as_messages(content: str | Messages) -> tuple[Message | MessagesPlaceholder, ...]:
    if isinstance(content, str):
        return (Message("user", content),)
    try:
        return tuple(map(_as_message, content))
    except (TypeError, KeyError, AttributeError) as error:
        raise TypeError(NO_PROMPT) from error


def _as_message(message: Mapping[str, Any]) -> Message | MessagesPlaceholder:
    is_place = "placeholder" in message and "content" not in message
    named = message["placeholder"] if is_place else message["role"]
    if not isinstance(named, str):
        raise TypeError(NO_PROMPT)
    if is_place:
        return MessagesPlaceholder(named, bool(message.get("optional", False)))
    content = message["content"]
    if isinstance(content, str):
        return Message(named, content)
    if isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content):
        return Message(named, copied(content))
    raise TypeError(NO_PROMPT)
