"""The prompt on spans, as the OpenTelemetry SDK exports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import release
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import ProxyTracerProvider

from promptstage.otel import PromptSpanProcessor, install
from promptstage.stamp import EMPTY, stamped
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Tracer

    from promptstage.otel import Profile


@pytest.fixture
def client() -> Iterator[Client]:
    """Nothing is stamped in the beginning."""
    with stamped(EMPTY):
        yield Client.of(
            {"summarize": {"versions": {"1.3.0": "one", "2.0.0-rc.1": "two", "2.1000.0": "three"}}}
        )


class Spans:
    """A tracer with our processor, and what it exports."""

    def __init__(self, profile: Profile = "gen_ai") -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        self.processor = PromptSpanProcessor(profile)
        provider.add_span_processor(self.processor)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer: Tracer = provider.get_tracer("test")

    def __getitem__(self, name: str) -> dict[str, Any]:
        """The attributes of a span."""
        spans = self._exporter.get_finished_spans()
        return next(dict(span.attributes or {}) for span in spans if span.name == name)


def test_a_span_that_starts_after_get_names_the_prompt(client: Client) -> None:
    """The usual one: the call of the model."""
    spans = Spans()
    client.get("summarize")
    with spans.tracer.start_as_current_span("chat"):
        pass

    assert spans["chat"] == {
        "gen_ai.prompt.name": "summarize",
        "gen_ai.prompt.version": "1.3.0",
        "promptstage.prompt": "summarize@1.3.0",
        "promptstage.arm": "stable",
    }


def test_a_span_that_started_before_get_names_it_when_asked_to(client: Client) -> None:
    """The span of a request is left alone, unless the application annotates it."""
    spans = Spans()
    with spans.tracer.start_as_current_span("request"):
        client.get("summarize")
    with stamped(EMPTY), spans.tracer.start_as_current_span("annotated"):
        client.get("summarize")
        spans.processor.annotate()

    assert spans["request"] == {}
    assert spans["annotated"]["gen_ai.prompt.version"] == "1.3.0"


def test_what_the_application_wrote_on_a_span_stays(client: Client) -> None:
    """As its own fields of a log line do."""
    spans = Spans()
    client.get("summarize")
    with spans.tracer.start_as_current_span("chat", attributes={"gen_ai.prompt.name": "mine"}):
        pass

    assert spans["chat"]["gen_ai.prompt.name"] == "mine"
    assert spans["chat"]["gen_ai.prompt.version"] == "1.3.0"


def test_a_span_says_the_arm_and_the_rollout(client: Client) -> None:
    """To compare arms in the traces."""
    spans = Spans()
    Client.of({"summarize": release(candidate="1.3.0", percent=100)}).get("summarize")
    with spans.tracer.start_as_current_span("chat"):
        pass

    assert (spans["chat"]["promptstage.arm"], spans["chat"]["promptstage.rollout"]) == ("canary", "r-1")


def test_for_langfuse_it_writes_langfuses_own_attributes(client: Client) -> None:
    """An integer version, and nothing that Langfuse would take for the model's input."""
    spans = Spans("langfuse")
    client.get("summarize")
    with spans.tracer.start_as_current_span("chat"):
        pass

    assert spans["chat"] == {
        "langfuse.observation.prompt.name": "summarize",
        "langfuse.observation.prompt.version": 1003000,
        "langfuse.observation.metadata.prompt": "summarize@1.3.0",
        "langfuse.observation.metadata.prompt_name": "summarize",
        "langfuse.observation.metadata.prompt_version": "1.3.0",
        "langfuse.observation.metadata.prompt_arm": "stable",
        "promptstage.prompt": "summarize@1.3.0",
        "promptstage.arm": "stable",
    }


@pytest.mark.parametrize("version", ["2.0.0-rc.1", "2.1000.0", None])
def test_langfuse_gets_no_link_to_what_has_no_number(client: Client, version: str | None) -> None:
    """A pre-release, a part over 999 or a fallback: it would drop the observation; metadata is there."""
    spans = Spans("langfuse")
    client.get("summarize" if version else "unknown", version=version, fallback="mine")
    with spans.tracer.start_as_current_span("chat"):
        pass

    assert not any(name.startswith("langfuse.observation.prompt.") for name in spans["chat"])
    assert spans["chat"]["langfuse.observation.metadata.prompt_version"] == (version or "fallback")


def test_a_metric_takes_the_metadata(client: Client) -> None:
    """As its attributes: nothing else puts a prompt on metrics."""
    reader = InMemoryMetricReader()
    counter = MeterProvider([reader]).get_meter("test").create_counter("calls")
    counter.add(1, client.get("summarize").metadata())

    data: Any = reader.get_metrics_data()
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    assert (point.attributes["prompt_version"], point.attributes["prompt_arm"]) == ("1.3.0", "stable")


def test_a_span_in_a_call_names_it(client: Client) -> None:
    """The span of the model's call; and the record names the span around the block. No span has a unit."""
    spans = Spans()
    client = Client.of({"summarize": release(candidate="1.3.0", percent=100)})
    with (
        spans.tracer.start_as_current_span("request") as around,
        client.call("summarize", key="user-42") as call,
        spans.tracer.start_as_current_span("chat"),
    ):
        pass

    context = around.get_span_context()
    (record,) = client.recorded
    assert spans["chat"]["promptstage.call"] == call.id
    assert (record["trace_id"], record["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert record["unit"] not in spans["chat"].values()


def test_installing_is_adding(client: Client) -> None:
    """What is there stays, and twice is once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    assert install(provider) is install(provider)
    client.get("summarize")
    with provider.get_tracer("test").start_as_current_span("chat"):
        pass

    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes or {})["promptstage.prompt"] == "summarize@1.3.0"


class Phoenix(TracerProvider):
    """As that of `phoenix.otel`: what is added takes the place of its own, unless told otherwise."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        super().__init__()
        self._default = SimpleSpanProcessor(exporter)
        super().add_span_processor(self._default)

    def add_span_processor(self, processor: Any, replace_default_processor: bool = True) -> None:
        """Add one."""
        if replace_default_processor:
            self._default.shutdown()
        super().add_span_processor(processor)


def test_the_exporter_of_phoenix_stays(client: Client) -> None:
    """Its provider lets it go for the first processor that is added."""
    exporter = InMemorySpanExporter()
    provider = Phoenix(exporter)
    install(provider)
    client.get("summarize")
    with provider.get_tracer("test").start_as_current_span("chat"):
        pass

    assert [dict(span.attributes or {})["promptstage.prompt"] for span in exporter.get_finished_spans()] == [
        "summarize@1.3.0"
    ]


def test_where_nothing_can_be_installed() -> None:
    """Before an SDK has set its provider, say so: spans would say nothing, and nobody would know why."""
    with pytest.raises(TypeError, match="call this where tracing is set up, after that"):
        install(ProxyTracerProvider())


def test_another_profile_is_refused() -> None:
    """At once, with those that there are."""
    with pytest.raises(ValueError, match="gen_ai, langfuse"):
        PromptSpanProcessor("datadog")  # type: ignore[arg-type]
