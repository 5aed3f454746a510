"""An app that one platform instruments: run in an environment of its own, with a recording's name.

    python platform_app.py genai-openai-stream MODEL_URL

Spans go where OTEL_EXPORTER_OTLP_ENDPOINT says.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from threading import Semaphore
from typing import TYPE_CHECKING, Any, cast

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from promptstage.otel import PromptSpanProcessor
from promptstage.testing import Client

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

# By the start of a recording's name: the module with its instrumentor, and the instrumentor's name.
INSTRUMENTORS = {
    "anthropic-genai": ("opentelemetry.instrumentation.genai.anthropic", "AnthropicInstrumentor"),
    "anthropic-openinference": ("openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
    "anthropic-traceloop": ("opentelemetry.instrumentation.anthropic", "AnthropicInstrumentor"),
    "langchain-openinference": ("openinference.instrumentation.langchain", "LangChainInstrumentor"),
    "langchain-traceloop": ("opentelemetry.instrumentation.langchain", "LangchainInstrumentor"),
    "genai-openai": ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    "openinference-": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "traceloop-openai": ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
}
TOOL = {
    "name": "get_order",
    "description": "Look an order up",
    "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
}
OWN_PROVIDER = ("logfire-",)  # makes the provider itself
PATIENCE = 120.0  # seconds that the threads of an SDK may take
CANARY = ("stream", "429", "cut", "no-usage", "metadata")  # what user-1 did, to whom the canary is served
PROMPTS: dict[str, Any] = {"summarize": {"versions": {"1.3.0": "Summarize", "1.2.0": "Summarize"}}}


def main(name: str, model: str) -> None:
    """Do what was recorded."""
    if name.startswith("openinference-genai"):
        os.environ["OPENINFERENCE_ENABLE_GENAI_SEMCONV"] = "true"
    platform = next(start for start in APPS if name.startswith(start))
    provider = TracerProvider()
    for processor in _processors():
        provider.add_span_processor(processor)
    if platform not in OWN_PROVIDER:
        trace.set_tracer_provider(provider)
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


class EndedCalls(SpanProcessor):
    """Counts the spans of calls that have ended."""

    def __init__(self) -> None:
        self._ended = Semaphore(0)

    def on_end(self, span: ReadableSpan) -> None:
        """Count a call."""
        if (span.attributes or {}).get("gen_ai.operation.name") == "chat":
            self._ended.release()

    def wait(self, count: int) -> None:
        """Wait for some."""
        for _ in range(count):
            assert self._ended.acquire(timeout=PATIENCE), "a call's span did not end"


ENDED = EndedCalls()


def _processors() -> list[SpanProcessor]:
    return [BatchSpanProcessor(OTLPSpanExporter()), PromptSpanProcessor(), ENDED]


def _openai(name: str, model: str, version: str, kind_of_client: Any = None) -> None:
    made: Any = kind_of_client or import_module("openai").OpenAI
    client = made(base_url=f"{model}/v1", api_key="sk-test", max_retries=0)
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
    ENDED.wait(1)  # its callbacks run in a thread of its own


def _logfire(name: str, model: str, version: str) -> None:
    logfire: Any = import_module("logfire")
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=_processors())
    logfire.instrument_openai()
    with Client.of(PROMPTS).use("summarize", version=version):
        _openai(name, model, version)
    logfire.shutdown()


def _pydantic_ai(_: str, model: str, __: str) -> None:
    ai: Any = import_module("pydantic_ai")
    chat: Any = import_module("pydantic_ai.models.openai").OpenAIChatModel
    provider: Any = import_module("pydantic_ai.providers.openai").OpenAIProvider
    answering = chat("gpt-4.1-mini", provider=provider(base_url=f"{model}/v1", api_key="sk-test"))
    agent = ai.Agent(answering, instructions="Summarize.")
    agent.tool_plain(get_order)
    ai.Agent.instrument_all()
    agent.run_sync("[tool] Customer: my parcel never came.")


def _openai_agents(name: str, model: str, _: str) -> None:
    agents: Any = import_module("agents")
    instrumentor: Any = import_module("openinference.instrumentation.openai_agents")
    instrumentor.OpenAIAgentsInstrumentor().instrument(tracer_provider=trace.get_tracer_provider())
    client: Any = import_module("openai").AsyncOpenAI(
        base_url=f"{model}/v1", api_key="sk-test", max_retries=0
    )
    agents.set_default_openai_client(client, use_for_tracing=False)
    agent = agents.Agent(
        name="helper",
        instructions="Summarize.",
        model="gpt-4.1-mini",
        tools=[agents.function_tool(get_order)],
    )
    agents.Runner.run_sync(agent, f"[{name.rsplit('-', 1)[-1]}] Customer: my parcel never came.")


def _langchain(_: str, model: str, __: str) -> None:
    chat: Any = import_module("langchain_openai").ChatOpenAI
    tool: Any = import_module("langchain_core.tools").tool(get_order)
    messages: list[Any] = [("system", "Summarize."), ("user", "[tool] Customer: my parcel never came.")]
    answering = chat(model="gpt-4.1-mini", base_url=f"{model}/v1", api_key="sk-test", max_retries=0)
    bound = answering.bind_tools([tool])
    asked = bound.invoke(messages)
    bound.invoke([*messages, asked, tool.invoke(asked.tool_calls[0])])


def _langfuse(name: str, model: str, version: str) -> None:
    langfuse: Any = import_module("langfuse").get_client()
    cast("TracerProvider", trace.get_tracer_provider()).add_span_processor(PromptSpanProcessor("langfuse"))
    _openai(name, model, version, import_module("langfuse.openai").OpenAI)
    langfuse.flush()


def _langsmith(name: str, model: str, version: str) -> None:
    os.environ |= {
        "LANGSMITH_OTEL_ENABLED": "true",
        "LANGSMITH_OTEL_ONLY": "true",
        "LANGSMITH_TRACING": "true",
    }
    wrap: Any = import_module("langsmith.wrappers").wrap_openai
    tracing: Any = import_module("langsmith").tracing_context
    openai: Any = import_module("openai").OpenAI
    metadata = Client.of(PROMPTS).get("summarize", version=version, stamp=False).metadata()
    with tracing(enabled=True, metadata=metadata):
        for _ in range(2):
            _openai("plain", model, version, lambda **given: wrap(openai(**given)))
    import_module("langsmith").Client().flush()
    ENDED.wait(2)  # its spans are written by a thread


def get_order(order: str) -> str:
    """Look an order up."""
    return f"{order} was sent"


APPS = dict.fromkeys(INSTRUMENTORS, _openai) | {
    **{name: _anthropic for name in INSTRUMENTORS if name.startswith("anthropic")},
    "langchain-openinference": _langchain,
    "langchain-traceloop": _langchain,
    "langfuse-": _langfuse,
    "langsmith-otel-metadata": _langsmith,
    "litellm-": _litellm,
    "logfire-": _logfire,
    "openai-agents-": _openai_agents,
    "pydantic-ai-": _pydantic_ai,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
