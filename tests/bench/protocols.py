"""What the registry answers in a second by each protocol, beside its own API's `resolve`, asked in turns."""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench.http import REQUESTS, RESOLVE, prepare, repository
from bench.load import WARM_UP, Ask, Load, processor_seconds
from bench.measure import Row, median, quotient
from support import Registry

from registry.protocols.mcp.eras import CAPABILITIES, MODERN, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS = "resolve, our own API"
POSTED = "resolve by POST, our own API"
FEW = 250  # requests of a turn by POST: they take the framework's way, and each turn has its own connections
TURNS = 15  # of each: there are many protocols
TARGET = ">= 0.70 x"
PROTOCOLS = ("langfuse", "litellm", "mcp", "ofrep")


def measure() -> Iterator[Row]:
    """Ask by each protocol for the same prompt, under a split, for a key that returns."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "rules.toml"
        config.write_text("[protocols]\n" + "".join(f"{name} = true\n" for name in PROTOCOLS))
        made = repository(folder / "prompts")
        registry = Registry(made.path, folder / "data", config=str(config))
        stack.callback(registry.stop)
        prepare(registry)
        for own, requests, asked in (
            (OURS, REQUESTS, asks(registry.api.token)),
            (POSTED, FEW, posted(registry.api.token)),
        ):
            yield from _compared(registry, asked, own, requests)


def asks(token: str) -> dict[str, Ask]:
    """What is asked for, ours first."""
    bearer = ("authorization", f"Bearer {token}")
    basic = ("authorization", f"Basic {b64encode(f'pk-app:{token}'.encode()).decode()}")
    return {
        OURS: Ask(RESOLVE, (bearer,)),
        "LiteLLM, a prompt": Ask("/beta/litellm_prompt_management?prompt_id=summarize", (bearer,)),
        "Langfuse, a label": Ask("/api/public/v2/prompts/summarize?label=production", (basic,)),
        "Langfuse, a version": Ask("/api/public/v2/prompts/summarize?version=1000000", (basic,)),
        "Langfuse, a page of the list": Ask("/api/public/v2/prompts?page=1&limit=50", (basic,)),
    }


def posted(token: str) -> dict[str, Ask]:
    """What is asked for by POST, ours first."""
    bearer = ("authorization", f"Bearer {token}")
    params = {"name": "summarize", "arguments": {"text": "my parcel", "tone": "a friend"}}
    stated = {**params, "_meta": {VERSION: MODERN, CAPABILITIES: {}}}
    routing = (
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "prompts/get"),
        ("mcp-name", "summarize"),
    )
    call = {"jsonrpc": "2.0", "id": 1, "method": "prompts/get"}
    return {
        POSTED: Ask(
            "/v1/environments/production/resolve/summarize", (bearer,), body=json.dumps({"key": "user-42"})
        ),
        "OFREP, one flag": Ask(
            "/ofrep/v1/evaluate/flags/summarize",
            (bearer,),
            body=json.dumps({"context": {"targetingKey": "user-42"}}),
        ),
        "MCP, a prompt rendered": Ask(
            "/mcp", (bearer, *routing), body=json.dumps({**call, "params": stated})
        ),
        "MCP before 2026, a prompt rendered": Ask(
            "/mcp", (bearer,), body=json.dumps({**call, "params": params})
        ),
    }


def _compared(registry: Registry, asked: Mapping[str, Ask], own: str, requests: int) -> Iterator[Row]:
    rates: dict[str, list[float]] = {what: [] for what in asked}
    for _ in range(TURNS):
        for what, ask in asked.items():
            with closing(Load(registry.port, ask, min(requests, WARM_UP))) as load:
                used = processor_seconds(registry.process.pid)
                done = load.run(requests)
                rates[what].append(done / (processor_seconds(registry.process.pid) - used))
    least, _ = median(rates[own])
    for what, found in rates.items():
        rate, spread = median(found)
        if what == own:
            yield Row(what, rate, "/s a core", spread)
        else:
            yield Row(what, rate, "/s a core", spread, least, TARGET, quotient=quotient(found, rates[own]))
