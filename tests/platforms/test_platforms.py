"""The packages of today still send what was recorded of them.

They are large, and some exclude each other, so they are in environments of their own: `make platforms` builds
them and runs this.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from otlp_vectors import ENTRIES, calls, expected, shown
from platforms.recorder import record
from platforms.running import PYTHON, run

from registry.outcomes.otlp import decode, observe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platforms.recorder import Recorder

APP = Path(__file__).parent / "platform_app.py"
# Recordings whose packages are in the environment.
RECORDINGS = (
    "genai-openai-plain",
    "genai-openai-stream",
    "genai-openai-stream-no-usage",
    "genai-openai-tool",
    "genai-openai-429",
    "genai-openai-cut",
    "genai-openai-responses-stream",
    "traceloop-openai-stream",
    "traceloop-openai-tool",
    "traceloop-openai-cut",
    "openinference-openai-stream",
    "openinference-openai-tool",
    "openinference-openai-429",
    "openinference-genai-tool",
    "anthropic-traceloop-stream",
    "anthropic-traceloop-429",
    "anthropic-openinference-tool",
    "anthropic-genai-stream",
    "litellm-stream-unlinked",
    "langchain-openinference-tool",
    "langchain-traceloop-tool",
    "langfuse-429",
    "langfuse-stream",
    "langfuse-tool",
    "langsmith-otel-metadata",
    "logfire-429",
    "logfire-plain",
    "logfire-stream",
    "openai-agents-429",
    "openai-agents-tool",
    "pydantic-ai-tool",
)
OF_THE_RUN = {
    "trace_id",
    "span_id",
    "also_spans",
    "response_id",
    "duration_ms",
    "ttft_ms",
}  # only whether there
OF_THE_APP = {"arm", "conversation", "user"}  # the one that was recorded set the last two in some
pytestmark = pytest.mark.skipif(not PYTHON, reason="make platforms")


@pytest.fixture
def received() -> Iterator[Recorder]:
    """An endpoint for spans."""
    with record({}) as recorder:
        yield recorder


def comparable(call: dict[str, Any]) -> dict[str, Any]:
    """A call without what differs from run to run, or is the app's own; the prompt is pinned here."""
    there = {f"has {key}": call.get(key) not in (None, [], 0) for key in OF_THE_RUN}
    return {key: value for key, value in call.items() if key not in {*OF_THE_RUN, *OF_THE_APP}} | there


@pytest.mark.parametrize("name", RECORDINGS)
def test_it_still_sends_what_was_recorded(name: str, model: str, received: Recorder) -> None:
    """A call of the package's version of today is read as the recorded one."""
    run(
        APP,
        name,
        model,
        OTEL_EXPORTER_OTLP_ENDPOINT=received.url,
        LANGFUSE_BASE_URL=received.url,
        LANGFUSE_PUBLIC_KEY="pk-lf-test",
        LANGFUSE_SECRET_KEY="sk-lf-test",
    )
    spans = [
        observe.observe(span)
        for body in received.bodies("/v1/traces")
        for span in decode.spans(body, as_json=False)
    ]
    found = shown(calls(spans, {}))
    recorded = expected(ENTRIES[name])
    assert sorted(map(comparable, found), key=by_tools) == sorted(map(comparable, recorded), key=by_tools)


def by_tools(call: dict[str, Any]) -> str:
    """What tells two calls of one recording apart."""
    return str(call["tool_calls"])
