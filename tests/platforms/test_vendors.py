"""What vendors' SDKs send with the lines of `docs/platforms.md`: the prompt is where each one filters.

Their services are elsewhere, so an endpoint of ours records what they would be sent.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from platforms.recorder import record
from platforms.running import PYTHON, run_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platforms.recorder import Recorder

METADATA = {
    "prompt": "summarize@1.3.0",
    "prompt_name": "summarize",
    "prompt_version": "1.3.0",
    "prompt_arm": "canary",
    "prompt_rollout": "r-1",
}
WEAVE = {  # what its SDK asks before it sends calls
    "/server_info": {"min_required_weave_python_version": "0.0.1", "trace_server_version": "1.0.0"},
    "/graphql": {
        "data": {
            "viewer": {"username": "user", "defaultEntity": {"name": "team"}},
            "project": {"name": "project"},
        }
    },
    "/create": {"digest": "digest"},
}
pytestmark = pytest.mark.skipif(not PYTHON, reason="make platforms")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """The vendor's endpoint."""
    with record(WEAVE) as found:
        yield found


def attributes_of(body: bytes) -> list[dict[str, Any]]:
    """The attributes of each span of a request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_langsmith_has_it_in_the_metadata_of_a_run(model: str, recorder: Recorder) -> None:
    """By whose keys its runs are filtered: that of OpenAI's SDK, and that of LangChain."""
    run_page(
        "LangSmith",
        model,
        LANGSMITH_ENDPOINT=recorder.url,
        LANGSMITH_TRACING="true",
        LANGSMITH_API_KEY="k",
    )
    begun = re.compile(rb'name="post\.[^"]+\.extra".*?\r\n\r\n(\{.*?\})\r\n--', re.DOTALL)
    bodies = recorder.bodies("/runs/multipart")
    runs = [json.loads(extra)["metadata"] for body in bodies for extra in begun.findall(body)]

    assert [METADATA.items() <= metadata.items() for metadata in runs] == [True, True]


def test_langfuse_has_a_link_and_metadata(model: str, recorder: Recorder) -> None:
    """A generation is linked to its prompt by name and number; metadata has version, arm and rollout."""
    run_page(
        "Langfuse",
        model,
        LANGFUSE_BASE_URL=recorder.url,
        LANGFUSE_PUBLIC_KEY="pk-lf-test",
        LANGFUSE_SECRET_KEY="sk-lf-test",
    )
    bodies = recorder.bodies("/api/public/otel/v1/traces")
    spans = [span for body in bodies for span in attributes_of(body)]
    (found,) = [span for span in spans if "langfuse.observation.model.name" in span]
    named = {name.removeprefix("langfuse.observation."): value for name, value in found.items()}

    assert (named["type"], named["prompt.name"], named["prompt.version"]) == (
        "generation",
        "summarize",
        1003000,
    )
    assert {f"metadata.{name}": value for name, value in METADATA.items()}.items() <= named.items()
    assert not any(name.startswith("gen_ai.prompt") for name in found)


def test_helicone_has_properties_in_the_headers(model: str, recorder: Recorder) -> None:
    """Those of the request to the model, which goes through it."""
    run_page("Helicone", model, OPENAI_BASE_URL=recorder.url, HELICONE_API_KEY="k")
    (sent,) = [sent for sent in recorder.sent if sent.path == "/chat/completions"]
    headers = {name.lower(): value for name, value in sent.headers.items()}

    assert headers["helicone-auth"] == "Bearer k"
    for name, value in METADATA.items():
        assert headers[f"helicone-property-{name.replace('_', '-')}"] == value


def test_weave_has_attributes_of_a_call(model: str, recorder: Recorder) -> None:
    """Of the call of OpenAI's SDK, which it makes by itself."""
    run_page(
        "Weave",
        model,
        WANDB_BASE_URL=recorder.url,
        WF_TRACE_SERVER_URL=recorder.url,
        WANDB_API_KEY="a" * 40,
    )
    calls = [json.loads(body) for body in recorder.bodies("/v2/team/project/calls/complete")]
    (attributes,) = [call["attributes"] for batch in calls for call in batch["batch"]]

    assert METADATA.items() <= attributes.items()


def test_datadog_has_tags_and_a_prompt(model: str, recorder: Recorder) -> None:
    """Of the span, and of the metrics of tokens and cost that it makes of it."""
    run_page(
        "Datadog",
        model,
        DD_LLMOBS_OVERRIDE_ORIGIN=recorder.url,
        DD_API_KEY="k",
        DD_SITE="datadoghq.com",
        DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
        DD_REMOTE_CONFIGURATION_ENABLED="false",
    )
    sent = [json.loads(body) for body in recorder.bodies("/api/v2/llmobs")]
    events = [event for each in sent for event in (each if isinstance(each, list) else [each])]
    (span,) = [span for event in events for span in event["spans"]]
    prompt = span["meta"]["input"]["prompt"]

    assert {f"{name}:{value}" for name, value in METADATA.items()} <= set(span["tags"])
    assert (prompt["id"], prompt["version"]) == ("summarize", "1.3.0")
    assert span["meta"]["metadata"]["_dd"]["cost_tags"] == ["prompt_version", "prompt_arm"]
    assert span["metrics"]["input_tokens"] == 120


def test_otlp_has_attributes_of_a_span(model: str, recorder: Recorder) -> None:
    """Which are columns in Honeycomb, and what TraceQL asks for in Grafana Tempo."""
    run_page(
        "OpenTelemetry",
        model,
        OTEL_EXPORTER_OTLP_ENDPOINT=recorder.url,
        OTEL_EXPORTER_OTLP_HEADERS="x-honeycomb-team=k",
    )
    (sent,) = [sent for sent in recorder.sent if sent.path == "/v1/traces"]
    (span,) = attributes_of(sent.body)

    assert {name.lower(): value for name, value in sent.headers.items()}["x-honeycomb-team"] == "k"
    wanted = {"prompt": "summarize@1.3.0", "arm": "canary", "rollout": "r-1"}
    assert {f"promptstage.{name}": value for name, value in wanted.items()}.items() <= span.items()
    assert re.fullmatch(r"[0-9a-f-]{36}", str(span["promptstage.call"]))
    assert span["gen_ai.prompt.version"] == "1.3.0"
