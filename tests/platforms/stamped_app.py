"""An app whose spans are made where its context is not: run in an environment of its own.

    python stamped_app.py litellm-stream MODEL_URL

It writes JSON: the call's id and record, and the attributes of the spans that were exported.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import promptstage.otel
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage import Call

MODEL = "openai/gpt-4.1-mini"
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
PATIENCE = 120.0  # seconds that LiteLLM's threads may take


def main(name: str, model: str) -> None:
    """Make one call, and write what is known of it."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network when it is imported
    os.environ |= {"OPENAI_BASE_URL": f"{model}/v1", "OPENAI_API_KEY": "sk-test"}
    exporter = InMemorySpanExporter()
    client = Client.of({"summarize": {"versions": {"1.3.0": "Summarize {{text}}"}}})
    call, is_there = (_phoenix if name == "phoenix" else _litellm)(name, client, exporter)
    deadline = time.monotonic() + PATIENCE
    while not is_there() and time.monotonic() < deadline:
        time.sleep(0.05)
    spans = [dict(span.attributes or {}) for span in exporter.get_finished_spans()]
    found = {"call": call.id, "record": client.recorded[-1], "spans": spans}
    sys.stdout.write(f"{json.dumps(found, default=str)}\n")


def _litellm(name: str, client: Client, exporter: InMemorySpanExporter) -> tuple[Call, Callable[[], bool]]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    promptstage.otel.install()
    litellm: Any = import_module("litellm")
    litellm.callbacks = ["otel"]
    for _ in range(2):  # which is once
        import_module("promptstage.litellm").install()
    call = LITELLM[name](litellm, client)
    return call, lambda: len(exporter.get_finished_spans()) >= 2 * (1 + name.endswith("unstamped"))


def _plain(litellm: Any, client: Client) -> Call:
    with client.call("summarize", key="u") as call:
        call.record(litellm.completion(model=MODEL, messages=call.messages(text="a")))
    return call


def _streamed(litellm: Any, client: Client) -> Call:
    with client.call("summarize", key="u") as call:
        list(call.stream(litellm.completion(model=MODEL, messages=call.messages(text="a"), **STREAMED)))
    return call


def _in_loop(litellm: Any, client: Client) -> Call:
    async def ask() -> Call:
        async with client.call("summarize", key="u") as call:
            call.record(await litellm.acompletion(model=MODEL, messages=call.messages(text="a")))
        await asyncio.sleep(1)  # its loggers run in tasks of this loop
        return call

    return asyncio.run(ask())


def _streamed_in_loop(litellm: Any, client: Client) -> Call:
    async def ask() -> Call:
        async with client.call("summarize", key="u") as call:
            asked = litellm.acompletion(model=MODEL, messages=call.messages(text="a"), **STREAMED)
            async for _ in call.stream(asked):
                pass
        await asyncio.sleep(1)
        return call

    return asyncio.run(ask())


def _unstamped(litellm: Any, client: Client) -> Call:
    """Call it once more without a prompt: the thread that told of the first one goes on."""
    call = _plain(litellm, client)
    time.sleep(1)
    litellm.completion(model=MODEL, messages=[{"role": "user", "content": "hi"}])
    return call


LITELLM = {
    "litellm-plain": _plain,
    "litellm-stream": _streamed,
    "litellm-loop": _in_loop,
    "litellm-loop-stream": _streamed_in_loop,
    "litellm-unstamped": _unstamped,
}


def _phoenix(_: str, client: Client, exporter: InMemorySpanExporter) -> tuple[Call, Callable[[], bool]]:
    """With the provider that its `register` makes, whose default exporter must stay."""
    phoenix: Any = import_module("phoenix.otel")
    provider = phoenix.TracerProvider(endpoint="http://127.0.0.1:9/v1/traces", verbose=False)
    default = provider._active_span_processor._span_processors[0]
    default.span_exporter = exporter
    promptstage.otel.install(provider)
    import_module("openinference.instrumentation.openai").OpenAIInstrumentor().instrument(
        tracer_provider=provider
    )
    with client.call("summarize", key="u") as call:
        llm = import_module("openai").OpenAI()
        call.record(llm.chat.completions.create(model="gpt-4.1-mini", messages=call.messages(text="a")))
    return call, lambda: bool(exporter.get_finished_spans())


if __name__ == "__main__":
    main(*sys.argv[1:])
