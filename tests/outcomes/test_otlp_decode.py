"""Requests of any form are read within limits; what is damaged is refused, and breaks nothing."""

from __future__ import annotations

import gzip
import json
import random
import struct
import zlib
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_vectors import ENTRIES, FOLDER, READABLE, body, take

from registry.outcomes.otlp import decode, feedback, json_messages, merging, observe, protobuf
from registry.outcomes.otlp.errors import Malformed, TooLarge
from registry.outcomes.otlp.spans import MAX_SEARCHED, MAX_TEXT, is_wanted
from registry.outcomes.otlp.unpack import MAX_SENT, MAX_UNPACKED, unpack

DAMAGED = 60  # variants of each recording
PROTOBUF = sorted(
    {
        request["file"]
        for entry in READABLE.values()
        for request in entry["requests"]
        if request["content_type"] == "application/x-protobuf" and request["path"] == "/v1/traces"
    }
)
JSON = sorted(path.name for path in FOLDER.glob("*.json") if path.name != "index.json")
REFUSALS = (Malformed, TooLarge)


def content(file: str) -> bytes:
    """A recording, unpacked."""
    sent = (FOLDER / file).read_bytes()
    return gzip.decompress(sent) if file.endswith(".gz") else sent


def by_upb(data: bytes) -> list[tuple[str, str, str, int, int, set[str]]]:
    """The spans that the official reader sees: ids, scope, times, and the keys that are wanted."""
    request = ExportTraceServiceRequest.FromString(data)
    return [
        (
            *(span.span_id.hex(), span.parent_span_id.hex(), scoped.scope.name),
            *(span.start_time_unix_nano, span.end_time_unix_nano),
            {item.key for item in span.attributes if is_wanted(item.key)},
        )
        for resource in request.resource_spans
        for scoped in resource.scope_spans
        for span in scoped.spans
        if len(span.span_id) == 8 and len(span.trace_id) == 16
    ]


def by_us(data: bytes) -> list[tuple[str, str, str, int, int, set[str]]]:
    """The same, as we read them."""
    return [
        (span.span_id, span.parent_id, span.scope, span.start, span.end, set(span.attributes))
        for span in decode.spans(data, as_json=False)
    ]


@pytest.mark.parametrize("file", PROTOBUF)
def test_we_read_what_the_official_reader_reads(file: str) -> None:
    """Every span with every wanted attribute, except a value too long to be searched."""
    assert by_us(content(file)) == by_upb(content(file))


@pytest.mark.parametrize("file", PROTOBUF)
def test_damaged_protobuf(file: str) -> None:
    """Damage is refused, or read as something else."""
    draw, whole = random.Random(file), content(file)[:20_000]

    for _ in range(DAMAGED):
        read(damaged(whole, draw, range(256)), as_json=False)


@pytest.mark.parametrize("file", JSON)
def test_damaged_json(file: str) -> None:
    """Damaged JSON is refused, or read as something else."""
    draw, whole = random.Random(file), content(file)

    for _ in range(DAMAGED):
        read(damaged(whole, draw, range(32, 127)), as_json=True)


def damaged(whole: bytes, draw: random.Random, values: range) -> bytes:
    """Some bytes changed, and often the end missing."""
    end = draw.randint(0, len(whole)) if draw.random() < 0.3 else len(whole)
    changed = bytearray(whole[:end])
    for _ in range(draw.randrange(1, 6) if changed else 0):
        changed[draw.randrange(len(changed))] = draw.choice(values)
    return bytes(changed)


def read(data: bytes, *, as_json: bool) -> None:
    """Read a request to the end, as traces and as logs; a refusal is an answer, too."""
    try:
        spans = list(decode.spans(data, as_json=as_json))
        merging.calls(map(observe.observe, spans), {})
        for span in spans:
            list(feedback.of_span(span))
    except REFUSALS:
        pass
    try:
        for record in decode.logs(data, as_json=as_json):
            list(feedback.of_log(record))
    except REFUSALS:
        pass


def test_truncated_everywhere() -> None:
    """A body that ends early is refused wherever it ends, except between two whole resources."""
    whole = content("genai-openai-plain.pb")
    for end in range(1, len(whole)):
        with pytest.raises(Malformed):
            by_us(whole[:end])


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, "text", [], [1], [None], {"a": 1}, [[]], 1e308, -1),
        *(float("nan"), 10**30, "\ud800", "\0", "x" * 100_000),
    ],
)
def test_strange_json(value: object) -> None:
    """Any JSON in the place of any value of a span is refused or left out."""
    request = json.loads(content("node-vercel-tool.json"))
    for place in places(request):
        parent: Any = request
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]], before = value, parent[place[-1]]
        read(json.dumps(request).encode(), as_json=True)
        parent[place[-1]] = before


def places(node: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of values in JSON; of a list's, those of the first two items and the last."""
    keys: list[Any] = list(node) if isinstance(node, dict) else []
    if isinstance(node, list):
        keys = sorted({0, 1, len(node) - 1} & set(range(len(node))))
    found = [(*above, key) for key in keys]
    return found + [place for key in keys for place in places(node[key], (*above, key))]


@pytest.mark.parametrize(
    "text", [b"[", b'{"resourceSpans":' + b"[" * 100_000, b"[]", b"1", b'"', b"\xff", b""]
)
def test_no_json(text: bytes) -> None:
    """What is no JSON object is refused, however deep it is nested."""
    with pytest.raises(Malformed):
        list(decode.spans(text, as_json=True))


def test_too_many_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request of nothing but empty messages ends at a limit, and not with the memory."""
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 1000)
    with pytest.raises(TooLarge):
        list(decode.spans(b"\x0a\x00" * 1001, as_json=False))
    assert list(decode.spans(b"\x0a\x00" * 1000, as_json=False)) == []

    monkeypatch.setattr(json_messages, "MAX_FIELDS", 1000)
    with pytest.raises(TooLarge):
        list(decode.spans(b'{"resourceSpans":[' + b"{}," * 1000 + b"{}]}", as_json=True))


def test_numbers_of_the_wire() -> None:
    """Numbers as protobuf writes them: two's complement, and varints of up to ten bytes."""
    assert protobuf.signed((1 << 64) - 5) == -5
    assert protobuf.double(int.from_bytes(struct.pack("<d", 0.25), "little")) == 0.25
    assert list(protobuf.Reader(b"\x08" + b"\xff" * 9 + b"\x01").fields(0, 11)) == [(8, (1 << 64) - 1, 0)]
    for endless in (b"\x08" + b"\xff" * 11, b"\x08\x80", b"\x0b", b"\x09123", b"\x0a\x05abc"):
        with pytest.raises(Malformed):
            list(protobuf.Reader(endless).fields(0, len(endless)))


def test_what_is_kept_is_short() -> None:
    """A wanted value is cut; one that is only searched is whole, or left out."""
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    for key, size in {
        "gen_ai.request.model": MAX_TEXT + 1,
        "gen_ai.output.messages": MAX_SEARCHED,
        "output.value": MAX_SEARCHED + 1,
        "gen_ai.input.messages": 10,
        "app.secret": 10,
    }.items():
        span.attributes.add(key=key).value.string_value = "é" * size

    (found,) = decode.spans(request.SerializeToString(), as_json=False)

    assert {key: len(str(value)) for key, value in found.attributes.items()} == {
        "gen_ai.request.model": MAX_TEXT,
        "gen_ai.output.messages": MAX_SEARCHED,
    }


def test_a_resource_may_follow_its_spans() -> None:
    """The order of fields in a message means nothing."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    spans = resource.SerializeToString()
    resource.Clear()
    resource.resource.attributes.add(key="deployment.environment.name").value.string_value = "staging"
    turned = spans + resource.SerializeToString()
    sent = b"\x0a" + bytes([len(turned)]) + turned

    assert [span.environment for span in decode.spans(sent, as_json=False)] == ["staging"]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda data: zlib.compress(data, wbits=-15)])
def test_encodings(pack: Any) -> None:
    """Gzip, deflate as HTTP defines it, and deflate as some send it."""
    whole = content("genai-openai-plain.pb")

    assert unpack(pack(whole), "gzip" if pack is gzip.compress else "deflate") == whole
    for end in (1, 20, -1):
        with pytest.raises(Malformed):
            unpack(pack(whole)[:end], "gzip" if pack is gzip.compress else "deflate")


def test_limits_of_a_body() -> None:
    """The bytes as sent are counted, and those unpacked while they are."""
    assert len(unpack(bytes(MAX_SENT), "identity")) == MAX_SENT
    with pytest.raises(TooLarge):
        unpack(bytes(MAX_SENT + 1), "")
    assert len(unpack(gzip.compress(bytes(MAX_UNPACKED)), "gzip")) == MAX_UNPACKED
    with pytest.raises(TooLarge):
        unpack(gzip.compress(bytes(MAX_UNPACKED + 1)), "gzip")


def test_what_follows_the_content() -> None:
    """Bytes after the end are no content: a second one could hide there."""
    with pytest.raises(Malformed):
        unpack(gzip.compress(b"") + b"more", "gzip")
    assert unpack(b"", "gzip") == b""


def test_events_of_older_log_sdks() -> None:
    """They name the event in an attribute; a body of any other record is not read."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    older = records.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    older.attributes.add(key="event.name").value.string_value = "gen_ai.choice"
    call = older.body.kvlist_value.values.add(key="message").value.kvlist_value.values.add(key="tool_calls")
    function = call.value.array_value.values.add().kvlist_value.values.add(key="function")
    function.value.kvlist_value.values.add(key="name").value.string_value = "get_order"
    records.add().body.string_value = "a line of the app's log"

    assert [record.tools for record in decode.logs(request.SerializeToString(), as_json=False)] == [
        ("get_order",)
    ]


def test_nothing_of_the_corpus_is_kept_in_plain() -> None:
    """What is kept until a trace is settled holds no content, and no plain identity."""
    kept = json.dumps(
        [span.to_json() for entry in READABLE.values() for span in take(entry["requests"]).observations]
    )

    assert [
        text for text in ("parcel", "u-1", "conv-1", "Customer", "A-1", "127.0.0.1") if text in kept
    ] == []


def test_metrics_are_only_checked() -> None:
    """They say nothing of calls, so that the outermost fields are all that is read."""
    (metrics,) = (r for r in ENTRIES["genai-openai-stream"]["requests"] if r["path"] == "/v1/metrics")

    decode.check(body(metrics), as_json=False)
    decode.check(b'{"resourceMetrics": []}', as_json=True)
    for broken, as_json in ((b"\xff", False), (b"[", True)):
        with pytest.raises(Malformed):
            decode.check(broken, as_json=as_json)
