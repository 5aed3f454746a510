"""OTLP over HTTP, as exporters send it: two environment variables are all that an instrumented app needs."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_vectors import ENTRIES, FOLDER, body, expected
from outcomes_in import now
from platform_model import serve
from support import Api, until

from registry.api.http.rate import FULL, Rate
from registry.errors import Unavailable
from registry.outcomes.otlp.unpack import MAX_SENT
from registry.outcomes.store.fold import Folder
from registry.outcomes.store.fold_spans import SETTLE_MS
from registry.outcomes.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import Answer, Registry

PROTOBUF = "application/x-protobuf"
PLAIN = body(ENTRIES["genai-openai-plain"]["requests"][0])
SPAN = {
    "traceId": "a" * 32,
    "spanId": "b" * 16,
    "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
}


def settle(registry: Registry) -> None:
    """Settle all traces of a registry, as it does a minute later."""
    store = open_store("", registry.data)
    until(lambda: store.inbox.depth() == 0 or None, "the inbox to be folded")
    folder = Folder(store.inbox, store.main, lambda _: None, keep=30, holder="test")

    def settled() -> bool | None:
        with suppress(Unavailable):  # the registry's own folder is at work
            return folder.settle(now() + SETTLE_MS) == 0 or None
        return None

    until(settled, "the traces to be settled")
    store.main.write(lambda connection: connection.execute("update lease set until = 0"))
    store.close()


@pytest.fixture
def export(api: Api, environment: str) -> Callable[..., Answer]:
    """Send a request as from an app of an environment of its own."""
    made = api.call(
        "POST", "/v1/tokens", {"name": environment, "capabilities": ["app"], "environments": [environment]}
    )
    app = Api(api.url, made.json["secret"])

    def send(path: str, sent: object, **headers: str) -> Answer:
        return app.call("POST", path, sent, **headers)

    return send


def spans(*named: str) -> dict[str, Any]:
    """A request of a span for each environment that it names; empty: none."""
    found = []
    for number, name in enumerate(named):
        attributes = [{"key": "deployment.environment.name", "value": {"stringValue": name}}] if name else []
        span = SPAN | {"spanId": f"{number:016x}"[::-1].replace("0", "c")}
        found.append({"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span]}]})
    return {"resourceSpans": found}


def test_environment_variables_alone(registry: Registry, environment: str, tmp_path: Any) -> None:
    """A real SDK exports spans, metrics and logs of an app that calls a model; its call is there."""
    api = registry.api
    made = api.call(
        "POST", "/v1/tokens", {"name": "otel-app", "capabilities": ["app"], "environments": [environment]}
    )
    api.act("promote", "summarize", {"version": "1.2.0"}, environment)
    program = tmp_path / "app.py"
    program.write_text(APP)
    with serve() as model:
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": api.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{made.json['secret']}",
            "PROMPTSTAGE_URL": api.url,
            "PROMPTSTAGE_TOKEN": made.json["secret"],
            "PROMPTSTAGE_ENVIRONMENT": environment,
            "PROMPTSTAGE_SNAPSHOT_DIR": str(tmp_path),
            "ANTHROPIC_BASE_URL": model,
            "ANTHROPIC_API_KEY": "sk-test",
        }
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", program],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (0, "")
    settle(registry)

    (call,) = api.get(f"/v1/environments/{environment}/calls").json["data"]
    assert (call["via"], call["prompt"], call["version"], call["arm"]) == (
        "otlp",
        "summarize",
        "1.2.0",
        "stable",
    )
    assert (call["provider"], call["response_model"]) == ("anthropic", "claude-sonnet-4-5-20250929")
    assert (call["input_tokens"], call["output_tokens"], call["cached_tokens"]) == (136, 24, 64)
    assert [said["kind"] for said in call["feedback"]] == ["up"]


APP = """
from anthropic import Anthropic
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from promptstage import Client
from promptstage.otel import PromptSpanProcessor

spans, logs = TracerProvider(), LoggerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
spans.add_span_processor(PromptSpanProcessor())
trace.set_tracer_provider(spans)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
metrics.get_meter("app").create_counter("calls").add(1)
with Client(prompts=["summarize"]) as client:
    client.ready(10)
    with trace.get_tracer("app").start_as_current_span("POST /summaries"), client.use("summarize"):
        Anthropic().messages.create(  # the SDK writes a span of its own
            model="claude-sonnet-4-5", max_tokens=300, messages=[{"role": "user", "content": "my parcel"}]
        )
        logs.get_logger("app").emit(
            LogRecord(
                severity_number=SeverityNumber.INFO,
                event_name="gen_ai.evaluation.result",
                attributes={
                    "gen_ai.evaluation.name": "user_feedback",
                    "gen_ai.evaluation.score.label": "thumbs_up",
                },
            )
        )
for provider in (spans, logs, metrics):
    provider.shutdown()
"""


def test_a_recording_in_protobuf(
    registry: Registry, api: Api, environment: str, export: Callable[..., Answer]
) -> None:
    """Sent twice, packed and not, it is counted once; the answer is in the request's type."""
    sent = json.loads(json.dumps(spans("")))
    for _ in range(2):
        answer = export("/v1/traces", json.dumps(sent).encode())
        assert (answer.status, answer.headers["Content-Type"], answer.json) == (200, "application/json", {})
    packed = gzip.compress(json.dumps(sent).encode())
    assert export("/v1/traces", packed, Content_Encoding="gzip").status == 200
    settle(registry)

    found = api.get(f"/v1/environments/{environment}/calls").json["data"]
    assert len(found) == 1


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_an_empty_request(export: Callable[..., Answer], path: str, slash: str) -> None:
    """Of either type, and never a redirect: an exporter would take it for success, and drop what it sent."""
    answer = export(path + slash, b"", Content_Type=PROTOBUF)
    assert (answer.status, answer.headers["Content-Type"], answer.text) == (200, PROTOBUF, "")

    answer = export(path + slash, b"{}", Content_Type="application/json; charset=utf-8")
    assert (answer.status, answer.headers["Content-Type"], answer.text) == (200, "application/json", "{}")


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if "status" in entry])
def test_what_is_refused(export: Callable[..., Answer], name: str) -> None:
    """What does not decode is 400, what is too large 413, with a sentence in the request's type."""
    (sent,) = ENTRIES[name]["requests"]
    packed = {"Content_Encoding": sent["content_encoding"]} if "content_encoding" in sent else {}
    answer = export(sent["path"], body(sent), Content_Type=sent["content_type"], **packed)

    assert (answer.status, answer.headers["Content-Type"]) == (ENTRIES[name]["status"], PROTOBUF)
    assert answer.text[2:]


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_limits(export: Callable[..., Answer], path: str) -> None:
    """16 MiB as sent; what is no JSON; types and encodings that are not read here."""
    assert export(path, b"[").status == 400

    answer = export(path, b"", Content_Type="text/plain")
    assert (answer.status, answer.headers["Accept"]) == (415, f"{PROTOBUF}, application/json")
    answer = export(path, b"", Content_Type=PROTOBUF, Content_Encoding="br")
    assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "gzip, deflate")
    assert export(path, zlib.compress(b""), Content_Type=PROTOBUF, Content_Encoding="deflate").status == 200
    assert export(path, bytes(MAX_SENT + 1), Content_Type=PROTOBUF).status == 413


def test_who_may_export(api: Api, environment: str) -> None:
    """A token that may only read may not; nobody may without one."""
    made = api.call("POST", "/v1/tokens", {"name": f"reader-{environment}", "role": "reader"})

    assert Api(api.url, made.json["secret"]).call("POST", "/v1/traces", b"{}").status == 403
    assert Api(api.url, "").call("POST", "/v1/traces", b"{}").status == 401


def test_environments(registry: Registry, api: Api, environment: str, export: Callable[..., Answer]) -> None:
    """That which a resource names, else the token's only one; one that is not the token's is rejected."""
    answer = export("/v1/traces", spans(environment, "", "production", "elsewhere"))
    assert answer.status == 200
    assert answer.json["partialSuccess"]["rejectedSpans"] == "1"
    settle(registry)

    assert len(api.get(f"/v1/environments/{environment}/calls").json["data"]) == 2
    elsewhere = api.get("/v1/environments/unknown/calls").json["data"]
    assert {call["environment"] for call in elsewhere} == {"unknown"}
    (check,) = [
        check
        for check in api.get("/v1/doctor").json["checks"]
        if check["name"] == "calls" and "name no environment" in check["message"]
    ]
    assert (check["status"], "deployment.environment.name" in check["remedy"]) == ("warning", True)


def test_rejected_in_protobuf(export: Callable[..., Answer]) -> None:
    """The official message reads the answer."""
    answer = export("/v1/traces", PLAIN, Content_Type=PROTOBUF)  # it names production

    said = ExportTraceServiceResponse.FromString(answer.text.encode()).partial_success
    assert said.rejected_spans == 2


def test_a_store_that_takes_nothing_in(registry: Registry, export: Callable[..., Answer]) -> None:
    """503, with a Retry-After that the exporters' patience allows, and the words in the request's type."""
    store = open_store("", registry.data)
    store.databases[0].write(lambda _: None)
    answers: list[Answer] = []

    def hold(_: object) -> None:
        answers.append(export("/v1/traces", spans("")))  # the inbox is locked for longer than it waits

    store.databases[0].write(hold)
    store.close()

    (answer,) = answers
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json["message"]


def test_what_a_collector_sends_after_an_outage(api: Api) -> None:
    """More calls at once than a token may send in a second are taken in."""
    made = subprocess.run(
        [sys.executable, FOLDER / "giant.py", "11", "--gzip"], capture_output=True, check=True, timeout=60
    )
    assert int(made.stderr.split()[2]) > FULL
    token = api.call("POST", "/v1/tokens", {"name": "collector", "capabilities": ["app"]}).json["secret"]
    packed = {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}

    assert Api(api.url, token).call("POST", "/v1/traces", made.stdout, **packed).status == 200


def test_a_debt_is_paid_back() -> None:
    """What was taken at once, beyond what may be saved up, counts against what comes next."""
    rate = Rate()
    rate.take("collector", 5 * FULL)

    with pytest.raises(Unavailable):
        rate.take("collector", 1)
    rate.take("another", 1)


def test_what_requests_held_is_counted(api: Api, export: Callable[..., Answer]) -> None:
    """In the registry's metrics, by what it was."""
    export("/v1/traces", spans(""))

    lines = [
        line
        for line in api.get("/metrics").text.splitlines()
        if line.startswith("promptstage_otlp_entries_total")
    ]
    counted = {line.split('"')[1]: float(line.split()[-1]) for line in lines}
    assert counted["call"] >= 1
    assert set(counted) == {"call", "span", "feedback", "chosen", "rejected"}


def test_recordings_over_http(registry: Registry, api: Api) -> None:
    """All of one environment, in one registry: each call once."""
    names = ["openai-v2-tool", "anthropic-traceloop-stream", "logfire-stream", "node-vercel-tool"]
    for name in names:
        for sent in ENTRIES[name]["requests"]:
            packed = {"Content_Encoding": sent["content_encoding"]} if "content_encoding" in sent else {}
            answer = api.call("POST", sent["path"], body(sent), Content_Type=sent["content_type"], **packed)
            assert answer.status == 200
    settle(registry)

    seen, cursor = set(), ""
    while cursor is not None:  # other tests of this registry report more than a page
        page = api.get(f"/v1/environments/production/calls?limit=500{cursor}").json
        seen |= {call.get("response_id") for call in page["data"]}
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert {call["response_id"] for name in names for call in expected(ENTRIES[name])} <= seen
