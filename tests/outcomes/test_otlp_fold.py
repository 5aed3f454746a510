"""Spans become calls of the store, each once: whatever comes twice, late, or beside a client's record."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_vectors import ENTRIES, READABLE, expected
from outcomes_in import DAY_MS, KEEP, now, record

from registry.outcomes.identity import hashed
from registry.outcomes.otlp import merging
from registry.outcomes.store import fold, fold_spans, settle
from registry.outcomes.store.fold_spans import SETTLE_MS
from registry.outcomes.store.inbox import Batch

if TYPE_CHECKING:
    from outcomes_in import Desk

SAME = (
    "prompt", "version", "arm", "provider", "input_tokens", "output_tokens", "cached_tokens", "duration_ms",
    "ttft_ms", "error", "response_id",
)  # fmt: skip
SUMS = ("calls", "errors", "input_tokens", "output_tokens", "cached_tokens", "cost_usd")
RECORDED = [name for name in READABLE if name[:5] != "made-"]  # the others say other things of the same spans
START = now() - 2000  # of spans in requests of ours, in milliseconds


def comparable(call: dict[str, Any]) -> dict[str, Any]:
    """A call of the store, or of the index, in one form."""
    tools = call.get("tool_calls")
    model = call.get("response_model") or call.get("model")
    named = None if tools is None else [tool if isinstance(tool, str) else tool["name"] for tool in tools]
    cost = call.get("cost_usd")
    nanos = None if cost is None else round(cost * 1e9)  # what the store counts in
    return {name: call.get(name) for name in SAME} | {"model": model, "tool_calls": named, "cost": nanos}


def listed(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls in an order of their own."""
    return sorted(map(comparable, calls), key=str)


def sums(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """What calls add up to."""
    added = {name: sum(call.get(name) or 0 for call in calls) for name in SUMS[2:]}
    errors = sum(call["error"] is not None for call in calls)
    return {"calls": len(calls), "errors": errors, **added, "cost_usd": pytest.approx(added["cost_usd"])}


def totals(desk: Desk) -> dict[str, Any]:
    """What the store says that all calls add up to."""
    rows = desk.usage()
    return {name: sum(row[name] or 0 for row in rows) for name in SUMS}


@pytest.mark.parametrize("url", [""], ids=["sqlite"])  # of both engines, all together do below
@pytest.mark.parametrize("name", [name for name in READABLE if ENTRIES[name]["calls"]])
def test_a_recording_is_its_calls(desk: Desk, name: str) -> None:
    """In the table of calls, and in the sums."""
    desk.export(*ENTRIES[name]["requests"])
    desk.settle()

    assert listed(desk.calls()) == listed(expected(ENTRIES[name]))
    assert totals(desk) == sums(expected(ENTRIES[name]))


@pytest.mark.parametrize("seed", range(4))
def test_all_recordings_at_once(desk: Desk, seed: int) -> None:
    """In any order, every request twice, and settled now and then in between."""
    requests = [request for name in RECORDED for request in ENTRIES[name]["requests"]] * 2
    draw = random.Random(seed)
    draw.shuffle(requests)
    for request in requests:
        desk.export(request)
        if draw.random() < 0.3:
            desk.settle()
    desk.settle()
    calls = {call["span_id"]: call for name in RECORDED for call in expected(ENTRIES[name])}

    assert listed(desk.calls(limit=500)) == listed(list(calls.values()))
    assert totals(desk) == sums(list(calls.values()))


def request(*spans: dict[str, Any], environment: str = "") -> bytes:
    """A request of spans that are chats of a trace, with other values if they are given."""
    sent = ExportTraceServiceRequest()
    resource = sent.resource_spans.add()
    if environment:
        resource.resource.attributes.add(key="deployment.environment.name").value.string_value = environment
    for given in spans:
        scoped = resource.scope_spans.add()
        scoped.scope.name = given.get("scope", "x")
        span = scoped.spans.add(trace_id=given.get("trace", b"t" * 16), span_id=given["span"])
        span.parent_span_id = given.get("parent", b"")
        span.start_time_unix_nano = (START + given.get("start", 0)) * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + given.get("length", 500) * 1_000_000
        attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt"} | given["attributes"]
        for key, value in attributes.items():
            kind = "int_value" if isinstance(value, int) else "string_value"
            if value is not None:
                setattr(span.attributes.add(key=key).value, kind, value)
    serialized: bytes = sent.SerializeToString()
    return serialized


def span(number: int, **given: Any) -> dict[str, Any]:
    """A span for a request; attributes by short names of ours."""
    keys = {
        "tokens": "gen_ai.usage.input_tokens",
        "response": "gen_ai.response.id",
        "call": "promptstage.call",
    }
    keys |= {
        "error": "error.type",
        "prompt": "promptstage.prompt",
        "session": "session.id",
        "user": "user.id",
    }
    keys |= {"operation": "gen_ai.operation.name"}
    attributes = {keys[name]: given.pop(name) for name in list(given) if name in keys}
    return {"span": number.to_bytes(8, "big"), "attributes": attributes, **given}


def send(desk: Desk, *spans: dict[str, Any], **given: str) -> None:
    """Take in a request."""
    desk.take_otlp("/v1/traces", request(*spans, **given), "application/x-protobuf")


def test_nothing_is_counted_before_a_trace_is_settled(desk: Desk) -> None:
    """A minute after the first span; more of it does not delay that."""
    start = now()
    send(desk, span(1, tokens=10))
    desk.settle(start + SETTLE_MS - 1000)
    assert desk.usage() == []

    send(desk, span(2, tokens=10))
    desk.fold()
    desk.settle(now() + SETTLE_MS)
    assert desk.total()["calls"] == 2


def test_a_late_span_corrects_what_was_said(desk: Desk) -> None:
    """The outer span of a call that was booked: another prompt, other tokens, and still one call."""
    send(desk, span(1, parent=b"o" * 8, response="r", tokens=10, session="c1"))
    desk.settle()
    (before,) = desk.calls()
    outer = span(2, scope="y", response="r", tokens=12, prompt="summarize@1.0.0", length=600, start=-10)
    send(desk, outer | {"span": b"o" * 8})
    desk.settle()

    (after,) = desk.calls()
    assert after["id"] == before["id"]
    assert (after["prompt"], after["input_tokens"]) == ("summarize", 12)
    assert [
        (row["prompt"], row["calls"], row["input_tokens"]) for row in desk.usage("prompt") if row["calls"]
    ] == [("summarize", 1, 12)]


def test_two_calls_that_turn_out_to_be_one(desk: Desk) -> None:
    """What joins them comes late: one is taken back, with its sums and what was said of it."""
    send(desk, span(1, response="r", tokens=10, scope="y", parent=b"o" * 8, start=5, length=50))
    send(desk, span(3, tokens=10, scope="z", parent=b"o" * 8, start=6, length=40))
    desk.settle()
    assert desk.total()["calls"] == 1  # siblings, one within the other

    send(
        desk,
        span(4, tokens=10, scope="y", response="r2", trace=b"u" * 16),
        span(5, tokens=7, trace=b"v" * 16),
    )
    desk.settle()
    assert desk.total()["calls"] == 3
    (lost,) = [call for call in desk.calls() if call["input_tokens"] == 7]
    desk.say("feedback", {"call": lost["id"], "kind": "up"})
    desk.fold()
    send(desk, span(6, tokens=9, scope="w", trace=b"v" * 16, parent=b"", start=-5, length=900))
    desk.settle()

    assert desk.total()["calls"] == 3
    assert totals(desk)["input_tokens"] == sum(call["input_tokens"] for call in desk.calls())


def test_one_answer_in_two_traces(desk: Desk) -> None:
    """Without a span around them, two instrumentations begin a trace each; the answer's id joins them."""
    send(desk, span(1, response="r", tokens=10, trace=b"a" * 16))
    send(desk, span(2, response="r", tokens=10, trace=b"b" * 16, scope="y"))
    desk.settle()

    assert desk.total()["calls"] == 1


@pytest.mark.parametrize("order", ["record first", "spans first", "spans settled first"])
def test_spans_of_a_clients_record(desk: Desk, order: str) -> None:
    """They fill what is null in it, and count nothing more, whichever comes first."""
    sent = record(input_tokens=None, output_tokens=5, duration_ms=500.0)
    spans = [span(1, call=sent["id"], tokens=10, length=700, prompt="other@1.0.0")]
    if order == "record first":
        desk.send(sent)
        desk.fold()
    send(desk, *spans)
    if order == "spans settled first":
        desk.settle()
        assert desk.total()["calls"] == 1
    if order != "record first":
        desk.send(sent)
    desk.settle()

    call = desk.call(sent["id"])
    assert (call["via"], call["prompt"]) == ("client", "summarize")
    assert (call["input_tokens"], call["output_tokens"], call["duration_ms"]) == (10, 5, 500.0)
    assert call["span_id"] == "0000000000000001"
    assert {name: desk.total()[name] for name in SUMS[:4]} == {
        "calls": 1, "errors": 0, "input_tokens": 10, "output_tokens": 5,
    }  # fmt: skip


@pytest.mark.parametrize("settled_first", [False, True])
def test_an_error_that_the_client_did_not_see(desk: Desk, settled_first: bool) -> None:
    """Null is no error in a record that ended, so that a span's does not fill it."""
    sent = record()
    if not settled_first:
        desk.send(sent)
    send(desk, span(1, call=sent["id"], error="RateLimitError"))
    desk.settle()
    if settled_first:
        desk.send(sent)
        desk.fold()

    assert desk.total()["errors"] == 0


def test_spans_of_a_record_that_only_started(desk: Desk) -> None:
    """The app died before it said how the call went: its spans may know, and yet do not end it.

    A rollout is judged by what clients say alone.
    """
    sent = record()
    desk.send({**{name: sent[name] for name in ("id", "at", "prompt", "version")}, "started": True})
    send(desk, span(1, call=sent["id"], tokens=10, error="ReadTimeout"))
    desk.settle()

    assert {name: desk.total()[name] for name in SUMS[:3]} == {"calls": 1, "errors": 1, "input_tokens": 10}
    assert (desk.call(sent["id"])["ended"], desk.call(sent["id"])["via"]) == (False, "client")


def test_a_record_that_never_comes(desk: Desk) -> None:
    """Its spans are a call of their own; two requests of one record are one."""
    sent = record()
    send(desk, span(1, call=sent["id"], tokens=10), span(2, call=sent["id"], tokens=3, trace=b"u" * 16))
    desk.settle()

    assert (desk.call(sent["id"])["via"], desk.total()["calls"], desk.total()["input_tokens"]) == (
        "otlp",
        1,
        13,
    )


@pytest.mark.parametrize("call", ["nothing", record(now() - 5 * DAY_MS)["id"]], ids=["no id", "another day"])
def test_a_record_that_cannot_be(desk: Desk, call: str) -> None:
    """A span that names what is no id, or one of another day, is a call of its own."""
    send(desk, span(1, call=call, tokens=10))
    desk.settle()

    (found,) = desk.calls()
    assert found["id"] != call


def test_a_record_of_another_environment(desk: Desk) -> None:
    """It is not touched; the span is a call of its own."""
    sent = record()
    desk.send(sent, environment="staging")
    send(desk, span(1, call=sent["id"], tokens=10))
    desk.settle()

    assert desk.total()["calls"] == 1
    assert desk.counters()["foreign_id"] == 1


@pytest.mark.parametrize("log_first", [False, True])
def test_feedback_in_a_log(desk: Desk, log_first: bool) -> None:
    """It is joined to its call by the answer's id, in another trace too, and before the call has come."""
    traces, logs = ENTRIES["app-feedback"]["requests"]
    for sent in (logs, traces) if log_first else (traces, logs):
        desk.export(sent)
        desk.settle()
    desk.export(logs)
    desk.settle()

    (call,) = desk.calls()
    assert [said["kind"] for said in call["feedback"]] == ["up"]
    assert desk.total()["feedback"]["up"] == 1


def test_feedback_of_no_call(desk: Desk) -> None:
    """Without a trace, and of an answer that nobody knows, it is left out and counted."""
    record_ = {
        "eventName": "gen_ai.evaluation.result",
        "attributes": [
            {"key": "gen_ai.evaluation.name", "value": {"stringValue": "user_feedback"}},
            {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": 1}},
            {"key": "gen_ai.response.id", "value": {"stringValue": "nobody's"}},
        ],
    }
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record_]}]}]}
    desk.take_otlp("/v1/logs", json.dumps(body).encode(), "application/json")
    desk.settle()

    assert desk.counters()["feedback_of_no_call"] == 1


def test_calls_without_a_prompt_are_counted(desk: Desk) -> None:
    """Once each, so that a missing stamp is seen."""
    send(desk, span(1), span(2, prompt="summarize@1.0.0", trace=b"u" * 16))
    desk.settle()
    send(desk, span(3, operation="embeddings"))
    desk.settle()

    found = desk.outcomes.health()
    assert (found.unnamed, found.calls, desk.counters()) == (1, 2, {})


def test_prompts_that_do_not_exist(desk: Desk) -> None:
    """They count as unknown: the name could be anything."""
    send(desk, span(1, prompt="nobody@1.0.0"))
    desk.settle()

    (call,) = desk.calls()
    assert (call["prompt"], call["version"]) == ("unknown", "unknown")


def test_identities_are_erased_before_and_after_a_trace_is_settled(desk: Desk) -> None:
    """Also where a late span makes it be read again."""
    send(desk, span(1, user="user-42", session="c1", response="r"))
    desk.fold()
    erase(desk, "user-42")
    desk.settle()
    (call,) = desk.calls()
    assert call["conversation"] is None

    send(desk, span(2, user="user-43", session="c2", response="s", trace=b"u" * 16))
    desk.settle()
    erase(desk, "user-43")
    send(desk, span(3, scope="y", response="s", user="user-43", session="c2", trace=b"u" * 16))
    desk.settle()

    assert [call["conversation"] for call in desk.calls()] == [None, None]


def erase(desk: Desk, key: str) -> None:
    """Erase a user, and fold that."""
    entry = {"subject": desk.outcomes._store.mask("subject", hashed(key))}
    desk.store.inbox.append(Batch(f"erase-{key}", "production", "t", now(), fold.ERASURES, [entry]))
    desk.fold()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace of 40 spans is a long one."""
    monkeypatch.setattr(fold_spans, "MOST_SPANS", 40)
    monkeypatch.setattr(settle, "MOST_SPANS", 40)


def spans_of(desk: Desk) -> int:
    """How many spans wait."""
    ((n,),) = desk.store.main.read(lambda c: c.fetch("select count(*) from spans"))
    return int(n)


def test_a_long_trace(desk: Desk, short: None) -> None:
    """It is settled before its time, and its oldest spans are let go: however long, few are read again."""
    for first in range(0, 400, 20):
        send(desk, *(span(n, tokens=1, start=n * 10, length=5) for n in range(first + 1, first + 21)))
        desk.fold()
        desk.folder.settle(now())
        assert spans_of(desk) < 40

    assert desk.folder.settle(now()) == 0
    desk.settle()
    assert (desk.total()["calls"], desk.total()["input_tokens"]) == (400, 400)
    assert desk.counters()["long_trace"] == 10


def test_a_second_sight_in_a_long_trace_is_no_second_call(desk: Desk, short: None) -> None:
    """Of a call that was settled early, the outer span and feedback come just after that."""
    early = [span(n, tokens=1, start=n * 10, length=5) for n in range(1, 45)]
    send(desk, *early)
    desk.fold()
    desk.folder.settle(now())
    assert desk.total()["calls"] == 44
    send(desk, span(90, scope="outer", prompt="summarize@1.0.0", start=439, length=8), *early)
    desk.settle()

    assert (desk.total()["calls"], desk.total()["input_tokens"]) == (44, 44)
    assert [call.get("prompt") for call in desk.calls()].count("summarize") == 1


def test_what_is_kept_of_a_long_trace_keeps_its_prompt(desk: Desk, short: None) -> None:
    """Which the outermost span says, however old it is."""
    root = span(1, operation="invoke_agent", prompt="summarize@1.0.0", length=60_000)
    children = [span(n, parent=root["span"], start=n * 10, length=5) for n in range(2, 60)]
    send(desk, root, *children)
    desk.fold()
    desk.folder.settle(now())
    send(desk, span(99, parent=children[-1]["span"], start=999, length=5))
    desk.settle()

    assert {call["prompt"] for call in desk.calls(limit=100)} == {"summarize"}
    assert desk.total()["calls"] == 59


def test_a_long_chain_is_let_go_whole(desk: Desk, short: None) -> None:
    """All of it would have to be kept for its last one."""
    parents = [b"", *(span(n)["span"] for n in range(1, 60))]
    send(desk, *(span(n, parent=parents[n - 1], start=n, length=600) for n in range(1, 50)))
    desk.fold()
    desk.folder.settle(now())

    assert (desk.total()["calls"], spans_of(desk)) == (49, 0)


def test_a_settled_trace_is_forgotten_after_a_day(desk: Desk) -> None:
    """One that waits stays; one without any call goes when it is settled."""
    send(desk, span(1), span(2, operation="embeddings", trace=b"u" * 16))
    desk.settle()
    rows = "select trace from spans union all select trace from traces"
    assert {row[0] for row in desk.store.main.read(lambda c: c.fetch(rows))} == {b"t" * 16}
    desk.retain(now() + DAY_MS + SETTLE_MS)

    assert desk.store.main.read(lambda c: c.fetch(rows)) == []


@pytest.mark.parametrize("started_again", [False, True])
def test_a_trace_that_cannot_be_settled(desk: Desk, *, started_again: bool) -> None:
    """It is set aside, and keeps up no other; when more comes or a registry starts, it is tried again."""
    send(desk, span(1), span(2, trace=b"u" * 16))
    desk.fold()
    ((body,),) = desk.store.main.read(
        lambda c: c.fetch("select body from spans where trace = ?", (b"u" * 16,))
    )
    broken = "update spans set body = '{' where trace = ?"
    desk.store.main.write(lambda c: c.execute(broken, (b"u" * 16,)))
    desk.settle()
    assert desk.total()["calls"] == 1

    desk.store.main.write(lambda c: c.execute("update spans set body = ? where body = '{'", (body,)))
    if started_again:
        desk.folder.retry(now())
    else:
        send(desk, span(3, trace=b"u" * 16))
    desk.settle()
    assert desk.total()["calls"] == 2 if started_again else 3


def test_a_trace_that_is_never_settled_is_forgotten_with_the_calls_of_its_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after a day, as one that is settled."""
    monkeypatch.setattr(merging, "calls", lambda *_: 1 // 0)
    send(desk, span(1))
    desk.settle()
    rows = "select trace from spans union all select trace from traces"
    desk.retain(now() + 2 * DAY_MS)
    assert len(desk.store.main.read(lambda c: c.fetch(rows))) == 2

    desk.retain(now() + (KEEP + 3) * DAY_MS)
    assert desk.store.main.read(lambda c: c.fetch(rows)) == []


def test_a_crash_while_a_trace_is_settled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is there; the next time everything is, once."""
    send(desk, span(1, tokens=10, prompt="summarize@1.0.0"))
    desk.fold()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(settle, "_finish", crash)
        with pytest.raises(KeyboardInterrupt):
            desk.settle()
    assert (desk.usage(), desk.calls()) == ([], [])

    desk.settle()
    assert (desk.total()["calls"], desk.total()["input_tokens"]) == (1, 10)


def test_a_span_without_an_environment(desk: Desk) -> None:
    """What names one is there, whatever else is in its request."""
    send(desk, span(1), environment="staging")
    send(desk, span(2))
    desk.settle()

    assert (desk.total()["calls"], desk.usage(environment="staging")[0]["calls"]) == (1, 1)
