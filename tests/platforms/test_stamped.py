"""Spans that are made in other threads than the call, and a provider that lets go of what it has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from platform_model import CHAT_USAGE
from platforms.running import PYTHON, run

APP = Path(__file__).parent / "stamped_app.py"
pytestmark = pytest.mark.skipif(not PYTHON, reason="make platforms")


def ran(name: str, model: str) -> dict[str, Any]:
    """What the app knows of its call, and the spans."""
    found: dict[str, Any] = json.loads(run(APP, name, model).splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "name", ["litellm-plain", "litellm-stream", "litellm-loop", "litellm-loop-stream", "phoenix"]
)
def test_spans_name_the_call(name: str, model: str) -> None:
    """And its record has the tokens; with LiteLLM the price, too."""
    found = ran(name, model)

    assert found["spans"]
    assert {span.get("promptstage.call") for span in found["spans"]} == {found["call"]}
    assert {span["promptstage.prompt"] for span in found["spans"]} == {"summarize@1.3.0"}
    record = found["record"]
    assert record["input_tokens"] == CHAT_USAGE["prompt_tokens"]
    assert record["error"] is None
    assert (record["cost_usd"] is None) == (name == "phoenix")


def test_a_call_without_a_prompt_names_none(model: str) -> None:
    """Though the thread that told of the one before goes on."""
    found = ran("litellm-unstamped", model)
    stamped = [span for span in found["spans"] if "promptstage.prompt" in span]

    assert (len(stamped), len(found["spans"])) == (2, 4)
