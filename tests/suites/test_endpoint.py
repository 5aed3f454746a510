"""Where models are asked, and whose key goes there."""

from __future__ import annotations

import pytest

from registry.catalog.parsing.eval_settings import ModelEndpoint
from registry.suites.run.endpoint import Endpoint, choose

KNOWN = (
    ModelEndpoint("*", "https://any.example/v1"),
    ModelEndpoint("anthropic/*", "https://openrouter.ai/api/v1/", publisher=True),
    ModelEndpoint("anthropic/claude-o*", "https://longer.example/v1"),
    ModelEndpoint("anthropic/claude-opus", "http://127.0.0.1:4000"),
)


def test_without_settings_it_is_openais_or_where_the_environment_says() -> None:
    """With the variables of the SDK itself; an empty one is none."""
    openai, other = "https://api.openai.com/v1", "https://proxy.example/v1"

    assert choose("openai/gpt-5.4", (), {}) == Endpoint(openai, "OPENAI_API_KEY")
    assert choose("openai/gpt-5.4", (), {"OPENAI_BASE_URL": ""}).url == openai
    assert choose("openai/gpt-5.4", (), {"OPENAI_BASE_URL": f"{other}/"}).url == other


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("anthropic/claude-opus", "http://127.0.0.1:4000"),
        ("anthropic/claude-opus-5", "https://longer.example/v1"),
        ("anthropic/claude-sonnet", "https://openrouter.ai/api/v1"),
        ("openai/gpt-5.4", "https://any.example/v1"),
    ],
)
def test_the_name_itself_wins_and_then_the_longest_pattern(model: str, url: str) -> None:
    """Whatever their order is."""
    assert choose(model, KNOWN, {}).url == choose(model, KNOWN[::-1], {}).url == url


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("https://openrouter.ai/api/v1", "PROMPTSTAGE_EVAL_KEY_OPENROUTER_AI"),
        ("https://api.openai.com.evil.example/v1", "PROMPTSTAGE_EVAL_KEY_API_OPENAI_COM_EVIL_EXAMPLE"),
        ("https://evil.example/api.openai.com", "PROMPTSTAGE_EVAL_KEY_EVIL_EXAMPLE"),
        ("http://api.openai.com/v1", "PROMPTSTAGE_EVAL_KEY_API_OPENAI_COM"),
        ("https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("https://proxy.example/other", "OPENAI_API_KEY"),
    ],
)
def test_a_repository_cannot_have_a_key_sent_elsewhere(url: str, variable: str) -> None:
    """OPENAI_API_KEY goes to OpenAI, and where its owner's own OPENAI_BASE_URL points to."""
    environment = {"OPENAI_BASE_URL": "https://proxy.example/v1"}

    assert choose("x", (ModelEndpoint("x", url),), environment).key_variable == variable
