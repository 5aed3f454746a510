"""An app that one platform instruments: run in an environment of its own, with a recording's name.

    python platform_app.py genai-openai-stream MODEL_URL

Spans go where OTEL_EXPORTER_OTLP_ENDPOINT says.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from promptstage.otel import PromptSpanProcessor
from promptstage.testing import Client

# By the start of a recording's name: the module with its instrumentor, and the instrumentor's name.
INSTRUMENTORS = {
    "anthropic-genai": ("opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
    "anthropic-openinference": ("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
    "anthropic-traceloop": ("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
    "genai-openai": ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    "openinference-": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "traceloop-openai": ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
}
TOOL = {
    "name": "get_order",
    "description": "Look an order up",
    "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
}
CANARY = ("stream", "429", "cut", "no-usage")  # what user-1 did, to whom the canary is served
PROMPTS: dict[str, Any] = {"summarize": {"versions": {"1.3.0": "Summarize", "1.2.0": "Summarize"}}}


def main(name: str, model: str) -> None:
    """Do what was recorded."""
    if name.startswith("openinference-genai"):
        os.environ["OPENINFERENCE_ENABLE_GENAI_SEMCONV"] = "true"
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    provider.add_span_processor(PromptSpanProcessor())
    trace.set_tracer_provider(provider)
    platform = next(start for start in APPS if name.startswith(start))
    if platform in INSTRUMENTORS:
        module, instrumentor = INSTRUMENTORS[platform]
        getattr(import_module(module), instrumentor)().instrument(tracer_provider=provider)
    version = "1.3.0" if any(word in name for word in CANARY) else "1.2.0"
    with (
        trace.get_tracer("helpdesk").start_as_current_span("POST /summaries"),
        Client.of(PROMPTS).use("summarize", version=version),
        suppress(Exception),  # the app saw it; the spans say it
    ):
        APPS[platform](name, model, version)
    provider.shutdown()


def _openai(name: str, model: str, version: str) -> None:
    client: Any = import_module("openai").OpenAI(base_url=f"{model}/v1", api_key="sk-test", max_retries=0)
    kind = name.rsplit("-", 1)[-1]
    text = f"[{kind}] Customer: my parcel never came."
    messages: list[Any] = [{"role": "system", "content": "Summarize."}, {"role": "user", "content": text}]
    wanted = "gpt-4.1" if version == "1.3.0" else "gpt-4.1-mini"
    given: dict[str, Any] = {"model": wanted, "max_tokens": 300}
    if "responses" in name:
        for _ in client.responses.create(model=wanted, input=text, stream=True):
            pass
    elif "stream" in name or kind == "cut":
        options = {} if "no-usage" in name else {"stream_options": {"include_usage": True}}
        for _ in client.chat.completions.create(messages=messages, stream=True, **given, **options):
            pass
    else:
        if kind == "tool":
            given["tools"] = [{"type": "function", "function": TOOL}]
        answer = client.chat.completions.create(messages=messages, **given)
        if kind == "tool":
            messages.append(answer.choices[0].message.to_dict())
            messages.append({"role": "tool", "tool_call_id": "call_1", "content": '{"status": "sent"}'})
            client.chat.completions.create(messages=messages, **given)


def _anthropic(name: str, model: str, _: str) -> None:
    client: Any = import_module("anthropic").Anthropic(base_url=model, api_key="sk-test", max_retries=0)
    kind = name.rsplit("-", 1)[-1]
    messages: list[Any] = [{"role": "user", "content": f"[{kind}] Customer: my parcel never came."}]
    given: dict[str, Any] = {"model": "claude-sonnet-4-5", "max_tokens": 300, "system": "Summarize."}
    if kind == "stream":
        for _ in client.messages.create(messages=messages, stream=True, **given):
            pass
        return
    if kind == "tool":
        given["tools"] = [
            {"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["parameters"]}
        ]
    answer = client.messages.create(messages=messages, **given)
    if kind == "tool":
        messages.append({"role": "assistant", "content": [block.to_dict() for block in answer.content]})
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sent"}
        messages.append({"role": "user", "content": [result]})
        client.messages.create(messages=messages, **given)


def _litellm(_: str, model: str, __: str) -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network when it is imported
    litellm: Any = import_module("litellm")
    litellm.callbacks = ["otel"]
    for _ in litellm.completion(
        model="openai/gpt-4.1",
        api_base=f"{model}/v1",
        api_key="sk-test",
        messages=[{"role": "user", "content": "my parcel never came"}],
        user="u-1",
        stream=True,
        stream_options={"include_usage": True},
    ):
        pass
    time.sleep(2)  # its callbacks run in a thread that nobody can wait for


APPS = dict.fromkeys(INSTRUMENTORS, _openai) | {
    **{name: _anthropic for name in INSTRUMENTORS if name.startswith("anthropic")},
    "litellm-": _litellm,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
