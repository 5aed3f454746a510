"""The block of a call: its prompt, what it records, its log line, and when it is over."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import pickle
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import release
from support import collect_garbage

from client import responses_of as given
from promptstage import PromptUnavailable, VariablesMissing, logs
from promptstage.stamp import EMPTY, current, current_call, stamped
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from client.conftest import Connect
    from client.fake_registry import FakeRegistry

NOBODY = {"unit", "subject", "conversation"}
CONTENT = {"variables", "placeholders", "messages", "response"}
FIELDS = {
    "id", "at", "environment", "prompt", "version", "arm", "reason", "rollout", "seq", "unit", "subject",
    "source", "model", "response_model", "provider", "parameters", "input_tokens", "output_tokens",
    "cached_tokens", "reasoning_tokens", "cost_usd", "duration_ms", "ttft_ms", "error", "finish_reason",
    "format_error", "flags", "route", "segment", "contexts", "tool_calls", "conversation", "trace_id",
    "span_id", "sampled", "variables", "placeholders", "messages", "response",
}  # fmt: skip


@pytest.fixture
def client(caplog: pytest.LogCaptureFixture) -> Iterator[Client]:
    """Nothing is stamped in the beginning, and calls are logged."""
    caplog.set_level(logging.INFO, "promptstage.calls")
    with stamped(EMPTY):
        yield Client.of({"summarize": release(candidate="1.3.0", percent=100), "triage": "Triage {{text}}"})


def line(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """The only line that was logged."""
    (record,) = (record for record in caplog.records if record.name == "promptstage.calls")
    return record


def test_a_call_is_one_line(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Of the version, its arm, the model, the time it took and the tokens."""
    with client.call("summarize", key="user-42") as call:
        answer = call.record(given.CHAT)

    assert answer is given.CHAT
    duration = client.recorded[-1]["duration_ms"]
    assert line(caplog).levelname == "INFO"
    assert line(caplog).getMessage() == (
        f"summarize@1.3.0 canary gpt-5-mini-2025-08-07 {duration:.0f} ms 1204+88 tokens"
    )


def test_a_call_has_a_record(client: Client) -> None:
    """With all that is known; what nobody said is None."""
    with client.call(
        "summarize", key="user-42", conversation=17, route="POST /tickets", segment="free", contexts=["doc-7"]
    ) as call:
        call.record(given.CHAT)
        call.flag("hallucinated_order")
        call.tool("get_order", error=KeyError("no such order"))
        call.tool("send_mail")

    (record,) = client.recorded
    assert record.keys() == FIELDS
    assert record | {"at": "", "duration_ms": 0} == {
        **dict.fromkeys(FIELDS),
        "id": call.id,
        "at": "",
        "environment": "test",
        "prompt": "summarize",
        "version": "1.3.0",
        "arm": "canary",
        "reason": "SPLIT",
        "rollout": "r-1",
        "seq": 1,
        "unit": sha256(b"v1\0salt\0user-42").hexdigest()[:16],
        "subject": sha256(b"user-42").hexdigest()[:16],
        "conversation": sha256(b"17").hexdigest()[:16],
        "source": "live",
        "model": "gpt-5-mini",
        "response_model": "gpt-5-mini-2025-08-07",
        "provider": "openai",
        "parameters": {"maxTokens": 300},
        "input_tokens": 1204,
        "output_tokens": 88,
        "cached_tokens": 1024,
        "reasoning_tokens": 64,
        "duration_ms": 0,
        "finish_reason": "tool_calls",
        "flags": ["hallucinated_order"],
        "route": "POST /tickets",
        "segment": "free",
        "contexts": ["doc-7"],
        "tool_calls": [{"name": "get_order", "error": "KeyError"}, {"name": "send_mail", "error": None}],
        "sampled": True,
        "response": {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [{"type": "function", "function": {"name": "get_order", "arguments": '{"id": 7}'}}],
        },
    }


def test_the_line_has_all_fields_but_those_of_people(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """As attributes, for formatters that write JSON; no content, and nothing that stands for a user."""
    with client.call("summarize", key="user-42", conversation="c-1") as call:
        call.messages(text="the secret text")
        call.record(given.CHAT)

    attributes = vars(line(caplog))
    hidden = NOBODY | CONTENT
    assert {name: attributes[name] for name in FIELDS - hidden} == {
        name: client.recorded[-1][name] for name in FIELDS - hidden
    }
    assert not hidden & attributes.keys()
    assert "secret" not in repr(attributes)
    assert "user-42" not in repr(attributes)


def test_the_line_is_json(client: Client) -> None:
    """By the formatter of this package: the fields of the call beside those of its stamp."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("promptstage.calls")
    logger.addHandler(handler)
    try:
        with client.call("summarize", key="user-42") as call:
            call.record(given.CHAT)
    finally:
        logger.removeHandler(handler)

    written = json.loads(stream.getvalue())
    assert {name: written[name] for name in ("prompt", "version", "prompt_name", "prompt_version")} == {
        "prompt": "summarize",
        "version": "1.3.0",
        "prompt_name": "summarize",
        "prompt_version": "1.3.0",
    }
    assert (written["input_tokens"], written["id"]) == (1204, call.id)


def test_the_block_is_that_of_use(client: Client) -> None:
    """Lines in it name the prompt, and spans the call; afterwards what was there before is back."""
    client.get("triage")
    with client.call("summarize", key="user-42") as call:
        assert (str(current()), current_call(), call.prompt.version) == ("summarize@1.3.0", call.id, "1.3.0")
        client.get("triage")
        assert (str(current()), current_call()) == ("triage@1.0.0", "")
        with client.call("summarize", key="user-42") as inner:
            assert current_call() == inner.id
    assert (str(current()), current_call()) == ("triage@1.0.0", "")


def test_an_error_is_its_class_and_goes_on(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """And a warning; its words, which may hold anything, are nowhere."""
    with pytest.raises(ValueError, match="secret"), client.call("summarize", key="u") as call:
        raise ValueError("secret")

    assert client.recorded[-1]["error"] == "ValueError"
    assert line(caplog).levelname == "WARNING"
    assert line(caplog).getMessage().endswith(" ms ValueError")
    assert "secret" not in repr(vars(line(caplog)))
    assert call.id == client.recorded[-1]["id"]


@pytest.mark.parametrize("why", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit])
def test_who_is_cancelled_has_not_failed(
    client: Client, caplog: pytest.LogCaptureFixture, why: type[BaseException]
) -> None:
    """Nor who is interrupted, or read no more."""
    with pytest.raises(why), client.call("summarize", key="u"):
        raise why

    assert (client.recorded[-1]["error"], client.recorded[-1]["finish_reason"]) == (None, "cancelled")
    assert line(caplog).levelname == "INFO"
    assert line(caplog).getMessage().endswith(" ms cancelled")


def test_without_a_response_there_is_duration_and_outcome(client: Client) -> None:
    """Nothing is guessed."""
    with client.call("triage"):
        pass

    known = {name for name, value in client.recorded[-1].items() if value is not None}
    assert known == {
        "id", "at", "environment", "prompt", "version", "arm", "reason", "seq", "source", "duration_ms",
        "sampled",
    }  # fmt: skip


def test_two_responses_add_up(client: Client) -> None:
    """As in an agent's loop: the last one says why it ended."""
    with client.call("summarize", key="u") as call:
        call.record(given.CHAT)
        call.record(given.MESSAGE)
        call.record(input_tokens=10, output_tokens=1, cost_usd=0.5, model="mine")

    record = client.recorded[-1]
    assert (record["input_tokens"], record["output_tokens"], record["cached_tokens"]) == (1350, 113, 1088)
    assert (record["response_model"], record["cost_usd"], record["finish_reason"]) == (
        "mine",
        0.5,
        "tool_use",
    )
    assert [tool["name"] for tool in record["tool_calls"]] == ["get_order", "get_order"]


def test_an_app_may_say_it_in_words(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Of a response that has no shape known here; and it may correct one that has."""
    with client.call("summarize", key="u") as call:
        assert call.record(given.CHAT, cost_usd=0.0012, provider="azure", output_tokens=90) is given.CHAT

    record = client.recorded[-1]
    assert (record["cost_usd"], record["provider"], record["output_tokens"]) == (0.0012, "azure", 90)
    assert line(caplog).getMessage().endswith("1204+90 tokens $0.0012")


def test_a_small_cost_is_not_nothing(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """In the line as in the record, whose cost it is."""
    with client.call("summarize", key="u") as call:
        call.record(input_tokens=3, output_tokens=1, model="tiny", cost_usd=0.00000035)

    assert line(caplog).getMessage().endswith("3+1 tokens $0.00000035")


def test_what_is_odd_is_counted_and_no_error(client: Client) -> None:
    """Whatever an application hands over."""
    with client.call("summarize", key="u", route="a\nb" * 40, contexts=["doc-7"] * 99) as call:
        assert call.record(None) is None
        call.record(input_tokens=-1, output_tokens=2, speed="high")  # type: ignore[call-overload]
        call.flag("")
        for number in range(99):
            call.flag(f"flag-{number}")
            call.tool("get_order")

    record = client.recorded[-1]
    assert client.status()["counts"]["odd_responses"] == 2
    assert (record["input_tokens"], record["output_tokens"]) == (None, 2)
    assert record["route"] == ("a b" * 40)[:64]
    assert [len(record[name]) for name in ("flags", "contexts", "tool_calls")] == [32, 32, 32]


def test_what_comes_after_the_end_changes_nothing(client: Client) -> None:
    """It is on its way; it is counted."""
    with client.call("summarize", key="u") as call:
        pass
    call.record(given.CHAT)

    assert client.recorded[-1]["input_tokens"] is None
    assert client.status()["counts"]["odd_responses"] == 1


def test_what_get_and_rendering_raise_it_raises(client: Client) -> None:
    """And nothing is recorded of a prompt that could not be had."""
    with pytest.raises(PromptUnavailable), client.call("unknown"):
        pass
    with pytest.raises(TypeError, match="a key is"), client.call("triage", key=1.5):  # type: ignore[arg-type]
        pass
    with pytest.raises(VariablesMissing), client.call("triage") as call:
        call.messages()

    assert [(r["prompt"], r["error"]) for r in client.recorded] == [("triage", "VariablesMissing")]
    assert str(current()) == "-"


def test_a_call_is_made_once(client: Client) -> None:
    """Its id is one call's."""
    call = client.call("triage")
    with call:
        pass
    with pytest.raises(RuntimeError, match=r"client.call\(\) begins each one"), call:
        pass


def test_a_copy_of_a_call_is_that_call(client: Client) -> None:
    """Frameworks copy the state that they hold; what is pickled could not end it."""
    with client.call("triage") as call:
        assert copy.copy(call) is call
        assert copy.deepcopy({"call": call})["call"] is call
        with pytest.raises(TypeError, match="its id is enough"):
            pickle.dumps(call)


def test_a_handler_that_fails_is_no_error(client: Client) -> None:
    """It is counted."""

    def fail(_: logging.LogRecord) -> bool:
        raise RuntimeError

    logger = logging.getLogger("promptstage.calls")
    logger.addFilter(fail)
    try:
        with client.call("triage"):
            pass
    finally:
        logger.removeFilter(fail)

    assert client.status()["counts"]["unlogged_calls"] == 1


def test_it_renders_as_its_prompt_does(client: Client) -> None:
    """And its content is what was rendered, as it was at that moment."""
    client = Client.of({"answer": [{"placeholder": "history"}, {"role": "user", "content": "{{text}}"}]})
    history = [{"role": "user", "content": "Hello"}]
    with client.call("answer") as call:
        values: dict[str, Any] = {"text": "It is dark.", "history": history}
        assert call.messages(**values) == call.prompt.messages(**values)
        assert call.openai(**values) == call.prompt.openai(**values)
        assert call.litellm(**values) == call.prompt.litellm(**values)
        assert call.anthropic({"text": "It is dark.", "history": history}) == call.prompt.anthropic(**values)
        history.append({"role": "user", "content": "later"})
        call.record(given.CHAT)

    record = client.recorded[-1]
    assert record["variables"] == {"text": "It is dark."}
    assert record["placeholders"] == {"history": [{"role": "user", "content": "Hello"}]}
    assert record["messages"] == [
        *record["placeholders"]["history"],
        {"role": "user", "content": "It is dark."},
    ]


def test_an_answer_that_should_be_json(client: Client) -> None:
    """Of a prompt that asks for it; of others nothing is known."""
    body = release("extract")
    body["versions"]["1.2.0"]["document"]["response_format"] = "json_object"
    client = Client.of({"extract": body})
    for text in ('{"ok": true}', '{"ok": tr', ""):
        with client.call("extract") as call:
            call.record(text=text)
    with client.call("extract") as call:
        call.record(given.CHAT)
    with client.call("extract") as call:
        call.record(input_tokens=1)

    assert [record["format_error"] for record in client.recorded] == [False, True, True, True, None]


def test_a_stream_is_passed_on_and_read(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """With the time to its first piece; the call lasts as long as it does."""
    with client.call("summarize", key="u") as call:
        assert list(call.stream(given.CHUNKS)) == given.CHUNKS

    record = client.recorded[-1]
    assert (record["input_tokens"], record["output_tokens"], record["error"]) == (1204, 88, None)
    assert 0 <= record["ttft_ms"] <= record["duration_ms"]
    assert f"(first token {record['ttft_ms']:.0f} ms) 1204+88 tokens" in line(caplog).getMessage()


def test_a_call_ends_with_its_stream(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Not with its block, as where a web server sends the answer later; its line names the prompt."""
    logs.install()
    with client.call("summarize", key="u") as call:
        parts = call.stream(given.EVENTS)
    assert client.recorded == []
    client.get("triage")

    assert list(parts) == given.EVENTS
    assert client.recorded[-1]["output_tokens"] == 24
    assert str(vars(line(caplog))["promptstage"]) == "summarize@1.3.0"
    assert str(current()) == "triage@1.0.0"


@pytest.mark.parametrize("how", ["close", "let go", "never read"])
def test_a_stream_that_is_abandoned_is_cancelled(client: Client, how: str) -> None:
    """Its call is over then, and no error."""
    with client.call("summarize", key="u") as call:
        parts = call.stream(iter(given.CHUNKS))
    if how != "never read":
        next(parts)
    if how == "close":
        parts.close()
    else:
        del parts
        collect_garbage()

    record = client.recorded[-1]
    assert (record["error"], record["finish_reason"]) == (None, "cancelled")


def test_a_stream_that_breaks_off_is_an_error(client: Client) -> None:
    """Within the block or after it; what came before it is kept. A second try may be better."""

    def broken() -> Iterator[Any]:
        yield given.EVENTS[0]
        raise ConnectionError("secret")

    with client.call("summarize", key="u") as call:
        parts = call.stream(broken())
    with pytest.raises(ConnectionError):
        list(parts)
    with client.call("summarize", key="u") as call:
        with pytest.raises(ConnectionError):
            list(call.stream(broken()))
        list(call.stream(given.EVENTS))

    first, second = client.recorded
    assert (first["error"], first["input_tokens"]) == ("ConnectionError", 136)
    assert (second["error"], second["finish_reason"]) == (None, "tool_use")


def test_the_block_of_an_error_ends_the_call(client: Client) -> None:
    """Though a stream is open: it is not read any more."""
    open_streams = []

    def work() -> None:
        with client.call("summarize", key="u") as call:
            open_streams.append(call.stream(given.CHUNKS))
            raise KeyError

    with pytest.raises(KeyError):
        work()
    list(*open_streams)

    assert [record["error"] for record in client.recorded] == ["KeyError"]
    assert client.status()["counts"]["odd_responses"] == 0


def test_in_coroutines(client: Client) -> None:
    """`async with` and `async for` alike, also of the coroutine that gives the stream."""

    async def chunks() -> AsyncIterator[Any]:
        for chunk in given.CHUNKS:
            yield chunk

    async def create() -> AsyncIterator[Any]:
        return chunks()

    async def ask() -> None:
        async with client.call("summarize", key="u") as call:
            call.record(given.CHAT)
        for source in (chunks(), create()):
            async with client.call("summarize", key="u") as call:
                parts = call.stream(source)
            assert [part async for part in parts] == given.CHUNKS
        async with client.call("summarize", key="u") as call, call.stream(chunks()) as parts:
            await anext(parts)

    asyncio.run(ask())

    assert [record["input_tokens"] for record in client.recorded] == [1204, 1204, 1204, None]
    assert client.recorded[-1]["finish_reason"] == "cancelled"


def test_a_task_that_is_cancelled_has_not_failed(client: Client) -> None:
    """Neither in the block nor in the stream."""

    async def never() -> AsyncIterator[Any]:
        yield given.CHUNKS[0]
        await asyncio.sleep(60)

    async def block() -> None:
        async with client.call("summarize", key="u"):
            await asyncio.sleep(60)

    async def stream() -> None:
        async with client.call("summarize", key="u") as call:
            async for _ in call.stream(never()):
                pass

    async def cancel() -> None:
        for work in (block, stream):
            task = asyncio.ensure_future(work())
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancel())

    assert [(r["error"], r["finish_reason"]) for r in client.recorded] == [(None, "cancelled")] * 2


def test_a_prompt_never_seen_is_fetched_without_blocking(connect: Connect, registry: FakeRegistry) -> None:
    """As by `aget`."""
    client = connect()

    async def ask() -> str:
        async with client.call("summarize", key="u") as call:
            return call.prompt.version

    assert asyncio.run(ask()) == "1.2.0"


def test_the_line_needs_no_registry(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does the call, where there is a fallback."""
    caplog.set_level(logging.INFO, "promptstage.calls")
    client = connect("http://127.0.0.1:9")
    with client.call("summarize", fallback="Summarize {{text}}") as call:
        call.record(given.CHAT)

    assert line(caplog).getMessage().startswith("summarize@fallback fallback gpt-5-mini-2025-08-07 ")


def test_content_is_logged_where_it_is_asked_for(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """As `redact` leaves it; a line without content where that fails."""

    def redact(content: dict[str, Any]) -> dict[str, Any] | None:
        if content["variables"]["text"] == "fail":
            raise RuntimeError("secret")
        return content | {"messages": None, "variables": {"text": "***"}}

    caplog.set_level(logging.INFO, "promptstage.calls")
    client = connect(log_content=True, redact=redact)
    for text in ("My parcel", "fail"):
        with client.call("summarize") as call:
            call.messages(text=text)
            call.record(given.CHAT)

    first, second = (vars(record) for record in caplog.records if record.name == "promptstage.calls")
    assert first["variables"] == {"text": "***"}
    assert first["messages"] is None
    assert first["response"]["content"] == "One moment."
    assert not CONTENT & second.keys()
    assert "secret" not in caplog.text
    assert "the content of a call is left out: redact= failed with RuntimeError" in caplog.text
