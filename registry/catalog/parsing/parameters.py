"""Check the parameters of a model: values out of range, and names that no provider knows. Pure."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from registry.catalog.parsing.fields import SHOWN

if TYPE_CHECKING:
    from registry.catalog.parsing.strict_yaml import Source

_NUMBERS: dict[str, tuple[float, float]] = {  # from, to
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "top_a": (0, 1),
    "typical_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "repetition_penalty": (0, 2),
}
_WHOLE: dict[str, int] = {  # the smallest one
    "max_tokens": 1,
    "max_completion_tokens": 1,
    "max_output_tokens": 1,
    "min_tokens": 0,
    "n": 1,
    "candidate_count": 1,
    "top_k": -1,  # some servers switch it off so
    "top_logprobs": 0,
    "seed": -(1 << 63),
    "random_seed": -(1 << 63),
}
# OpenAI, Anthropic, Google, Mistral, and the servers and gateways that speak OpenAI's protocol.
_OTHERS = """
    stop stop_sequences logit_bias logprobs user store metadata service_tier parallel_tool_calls reasoning
    reasoning_effort reasoning_format verbosity prediction modalities audio stream stream_options
    safety_identifier prompt_cache_key prompt_cache_retention web_search_options thinking thinking_config
    thinking_budget effort output_config context_management container betas mcp_servers response_mime_type
    response_schema response_modalities safety_settings speech_config cached_content safe_prompt prompt_mode
    best_of echo suffix ignore_eos use_beam_search length_penalty repeat_penalty repeat_last_n num_ctx
    num_predict mirostat mirostat_tau mirostat_eta tfs_z keep_alive truncate truncation include max_tool_calls
    background guided_json guided_regex guided_choice guided_grammar transforms models route provider plugins
    citations documents k p extra_body extra_headers extra_query timeout drop_params num_retries
    tool_choice tools response_format functions function_call inference_config additional_model_request_fields
    enable_thinking chat_template_kwargs
"""
_KNOWN = {name.replace("_", ""): name for name in (*_NUMBERS, *_WHOLE, *_OTHERS.split())}


def lint(source: Source) -> None:
    """Report what is wrong with the `modelParameters` of a file."""
    given = source.top["modelParameters"].value if "modelParameters" in source.top else None
    seen: dict[str, str] = {}
    for key, node in given.items() if isinstance(given, dict) else ():
        if source.full:
            return
        plain = re.sub("[_-]", "", key).lower()
        name = _KNOWN.get(plain)
        if plain in seen:
            twice = f"{key} is {seen[plain]} once more, and one of them has no effect; remove one"
            source.report(node.key or node, "parameter", twice)
        elif name is None:
            source.report(node.key or node, "unknown_parameter", _unknown(key, plain))
        elif message := _wrong(key, name, node.value):
            source.report(node, "parameter", message)
        seen[plain] = key


def _unknown(key: str, plain: str) -> str:
    near = get_close_matches(plain[:SHOWN], _KNOWN, 1, 0.8)
    if not near:
        return (
            f"no known provider has a parameter {key[:SHOWN]!r}; it is handed on, so remove it if it is none"
        )
    meant = _KNOWN[near[0]]
    if "_" not in key:  # as GitHub writes them
        meant = re.sub("_(.)", lambda found: found[1].upper(), meant)
    return f"no known provider has a parameter {key[:SHOWN]!r}; did you mean {meant}?"


def _wrong(key: str, name: str, value: Any) -> str | None:
    """Return what is wrong with a value; None if it may be right."""
    if value is None:  # as if the key were not there
        return None
    if name in _NUMBERS:
        low, high = _NUMBERS[name]
        if not _is_number(value) or not low <= value <= high:
            return (
                f"{key} must be a number from {low} to {high}, not {_shown(value)}; write one{_quotes(value)}"
            )
    elif name in _WHOLE:
        least = _WHOLE[name]
        if not _is_number(value) or value != int(value) or value < least:
            bound = f" from {least} on" if least > -2 else ""  # noqa: PLR2004 - a seed may be any number
            return f"{key} must be a whole number{bound}, not {_shown(value)}; write one{_quotes(value)}"
    elif name in {"stop", "stop_sequences"} and not _is_text_or_texts(value):
        return f"{key} must be a text, or a list of texts; quote each of them"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text_or_texts(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(n.value, str) for n in value)
    )


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "a mapping"
    words: dict[Any, str] = {True: "true", False: "false", None: "nothing"}
    is_word = value is None or isinstance(value, bool)
    return words[value] if is_word else f"{value!r}"[:SHOWN]


def _quotes(value: Any) -> str:
    return " without quotes" if isinstance(value, str) else ""
