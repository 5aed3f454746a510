"""Read the responses of model APIs by their shape alone: attributes or keys, whichever SDK made them. Pure.

    OpenAI's chat completions, LiteLLM's, and those of servers that speak the same    choices
    OpenAI's Responses                                                                output, a list
    Bedrock's Converse                                                                output, a mapping
    Anthropic's messages                                                              content
    Google's                                                                          usage_metadata

Of Anthropic and Bedrock the cached tokens are counted in with the input, as they are elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptstage._calls.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[Answer, Any], None]

_KINDS = 64  # classes of responses that are remembered


def field(value: Any, name: str) -> Any:
    """A key of a mapping, or an attribute; None if it is not there."""
    if isinstance(value, dict):
        return value.get(name)
    return getattr(value, name, None)


def getter(value: object) -> Callable[[Any, str, Any], Any]:
    """What looks several names up in one value, quicker than `field`: ``get(value, name, None)``."""
    return dict.get if isinstance(value, dict) else getattr


def read(response: object, *, texts: bool = False) -> Answer:
    """What a whole response says.

    Args:
        response: whatever the SDK returned.
        texts: whether what the model says is wanted, too.
    """
    answer = Answer()
    if texts:
        answer.texts = []
    try:
        reader = _known.get(type(response)) or _reader(response)
        if reader is None:
            answer.odd += 1
        else:
            reader(answer, response)
    except Exception:  # noqa: BLE001 - any object may be given, and may do anything when it is looked at
        answer.odd += 1
    return answer


_known: dict[type, Read] = {}


def _reader(response: Any) -> Read | None:
    """Tell by its shape how to read a response."""
    if field(response, "choices") is not None:
        found: Read = read_chat
    elif (output := field(response, "output")) is not None:
        found = _read_converse if isinstance(output, dict) else read_responses
    elif field(response, "content") is not None:
        found = _read_message
    elif field(response, "usage_metadata") is not None:
        found = read_google
    else:
        return None
    # The models of SDKs have one shape a class, and take long to say that they lack an attribute.
    if hasattr(type(response), "__pydantic_fields__") and len(_known) < _KINDS:
        _known[type(response)] = found
    return found


def read_chat(answer: Answer, response: Any) -> None:
    """Read a chat completion."""
    get = getter(response)
    answer.model = answer.word(get(response, "model", None))
    if (usage := get(response, "usage", None)) is not None:
        read_chat_usage(answer, usage)
    # LiteLLM adds the price, and the provider that it called.
    hidden = (
        get(response, "_hidden_params", None) if get is dict.get else _private(response, "_hidden_params")
    )
    if isinstance(hidden, dict):
        answer.cost_usd = answer.dollars(hidden.get("response_cost"))
        answer.provider = answer.word(hidden.get("custom_llm_provider"))
    answer.tools = []
    for choice in get(response, "choices", None):
        get = getter(choice)
        answer.finish_reason = answer.finish_reason or answer.word(get(choice, "finish_reason", None))
        message = get(choice, "message", None)
        get = getter(message)
        for call in get(message, "tool_calls", None) or ():
            called = field(call, "function") or field(call, "custom")
            add_tool(answer, field(called, "name"), field(called, "arguments"))
        if answer.texts is not None:
            add_text(answer, get(message, "content", None))


def _private(response: Any, name: str) -> Any:
    """A private attribute of a model of pydantic, or an attribute of another object."""
    private = getattr(response, "__pydantic_private__", response)
    if private is response:
        return getattr(response, name, None)
    return private.get(name) if private else None


def read_chat_usage(answer: Answer, usage: Any) -> None:
    """Read the tokens of a chat completion."""
    get = getter(usage)
    answer.input_tokens = answer.tokens(get(usage, "prompt_tokens", None))
    answer.output_tokens = answer.tokens(get(usage, "completion_tokens", None))
    if (details := get(usage, "prompt_tokens_details", None)) is not None:
        answer.cached_tokens = answer.tokens(field(details, "cached_tokens"))
    if (details := get(usage, "completion_tokens_details", None)) is not None:
        answer.reasoning_tokens = answer.tokens(field(details, "reasoning_tokens"))


def read_responses(answer: Answer, response: Any) -> None:
    """Read a response of OpenAI's Responses API."""
    answer.model = answer.word(field(response, "model"))
    if (usage := field(response, "usage")) is not None:
        get = getter(usage)
        answer.input_tokens = answer.tokens(get(usage, "input_tokens", None))
        answer.output_tokens = answer.tokens(get(usage, "output_tokens", None))
        cached = field(get(usage, "input_tokens_details", None), "cached_tokens")
        reasoning = field(get(usage, "output_tokens_details", None), "reasoning_tokens")
        answer.cached_tokens, answer.reasoning_tokens = answer.tokens(cached), answer.tokens(reasoning)
    incomplete = field(field(response, "incomplete_details"), "reason")
    answer.finish_reason = answer.word(incomplete or field(response, "status"))
    answer.tools = []
    for item in field(response, "output") or ():
        kind = field(item, "type")
        if kind == "message":
            if answer.texts is not None:
                add_text(answer, field(item, "content"))
        elif kind in {"function_call", "custom_tool_call"}:
            add_tool(answer, field(item, "name"), field(item, "arguments"))


def _read_message(answer: Answer, message: Any) -> None:
    """Read a message of Anthropic's API."""
    get = getter(message)
    usage = get(message, "usage", None)
    read_message_start(answer, message, usage)
    if usage is not None:
        answer.output_tokens = answer.tokens(field(usage, "output_tokens"))
    answer.finish_reason = answer.word(get(message, "stop_reason", None))
    answer.tools = []
    content = get(message, "content", None)
    if answer.texts is not None:
        add_text(answer, content)
    for block in content if isinstance(content, list) else ():
        get = getter(block)
        if get(block, "type", None) == "tool_use":
            add_tool(answer, get(block, "name", None), get(block, "input", None))


def read_message_start(answer: Answer, message: Any, usage: Any) -> None:
    """Read what a message of Anthropic's API says before it says anything: the model, and its input."""
    answer.model = answer.word(field(message, "model"))
    if usage is None:
        return
    get = getter(usage)
    answer.cached_tokens = answer.tokens(get(usage, "cache_read_input_tokens", None))
    written = answer.tokens(get(usage, "cache_creation_input_tokens", None))
    plain = answer.tokens(get(usage, "input_tokens", None))
    answer.input_tokens = None if plain is None else plain + (answer.cached_tokens or 0) + (written or 0)


def read_google(answer: Answer, response: Any) -> None:
    """Read an answer of Google's API, or a piece of one, whose numbers are those so far."""
    answer.model = answer.word(field(response, "model_version")) or answer.model
    if (usage := field(response, "usage_metadata")) is not None:
        answer.input_tokens = answer.tokens(field(usage, "prompt_token_count"))
        said = answer.tokens(field(usage, "candidates_token_count"))
        answer.reasoning_tokens = answer.tokens(field(usage, "thoughts_token_count"))
        answer.output_tokens = None if said is None else said + (answer.reasoning_tokens or 0)
        answer.cached_tokens = answer.tokens(field(usage, "cached_content_token_count"))
    answer.tools = answer.tools or []
    for candidate in field(response, "candidates") or ():
        answer.finish_reason = answer.word(field(candidate, "finish_reason")) or answer.finish_reason
        parts = field(field(candidate, "content"), "parts") or ()
        for part in parts:
            if (call := field(part, "function_call")) is not None:
                add_tool(answer, field(call, "name"), field(call, "args"))
        if answer.texts is not None:
            add_text(answer, parts)


def _read_converse(answer: Answer, response: Any) -> None:
    """Read an answer of Bedrock's Converse."""
    read_converse_usage(answer, field(response, "usage"))
    answer.finish_reason = answer.word(field(response, "stopReason"))
    answer.tools = []
    content = field(field(field(response, "output"), "message"), "content") or ()
    for block in content:
        if (use := field(block, "toolUse")) is not None:
            add_tool(answer, field(use, "name"), field(use, "input"))
    if answer.texts is not None:
        add_text(answer, content)


def read_converse_usage(answer: Answer, usage: Any) -> None:
    """Read the tokens of Bedrock's Converse."""
    cached = answer.tokens(field(usage, "cacheReadInputTokens"))
    written = answer.tokens(field(usage, "cacheWriteInputTokens"))
    plain = answer.tokens(field(usage, "inputTokens"))
    answer.cached_tokens = cached
    answer.input_tokens = None if plain is None else plain + (cached or 0) + (written or 0)
    answer.output_tokens = answer.tokens(field(usage, "outputTokens"))


def add_text(answer: Answer, content: Any) -> None:
    """Add a text, or the texts of content blocks, where texts are wanted."""
    if answer.texts is None:
        return
    if isinstance(content, str):
        answer.texts.append(content)
    elif content is not None:
        texts = (field(block, "text") for block in content)
        answer.texts += [text for text in texts if isinstance(text, str)]


def add_tool(answer: Answer, name: Any, arguments: Any) -> None:
    """Add a tool that the model calls."""
    if answer.tools is None:
        answer.tools = []
    if word := answer.word(name):
        answer.tools.append([word, arguments if answer.texts is not None else None])
