"""What the registry answers in a second by each protocol, beside its own API's `resolve`, asked in turns."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench.http import REQUESTS, RESOLVE, prepare, repository
from bench.load import Ask, Load, processor_seconds
from bench.measure import Row, median, quotient
from support import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS = "resolve, our own API"
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
        loads = {
            what: stack.enter_context(closing(Load(registry.port, ask)))
            for what, ask in asks(registry.api.token).items()
        }
        yield from _compared(registry.process.pid, loads)


def asks(token: str) -> dict[str, Ask]:
    """What is asked for, ours first."""
    bearer = ("authorization", f"Bearer {token}")
    basic = ("authorization", f"Basic {b64encode(f'pk-app:{token}'.encode()).decode()}")
    return {
        OURS: Ask(RESOLVE, (bearer,)),
        "Langfuse, a label": Ask("/api/public/v2/prompts/summarize?label=production", (basic,)),
        "Langfuse, a version": Ask("/api/public/v2/prompts/summarize?version=1000000", (basic,)),
        "Langfuse, a page of the list": Ask("/api/public/v2/prompts?page=1&limit=50", (basic,)),
    }


def _compared(pid: int, loads: Mapping[str, Load]) -> Iterator[Row]:
    rates: dict[str, list[float]] = {what: [] for what in loads}
    for _ in range(TURNS):
        for what, load in loads.items():
            used = processor_seconds(pid)
            asked = load.run(REQUESTS)
            rates[what].append(asked / (processor_seconds(pid) - used))
    least, _ = median(rates[OURS])
    for what, found in rates.items():
        rate, spread = median(found)
        if what == OURS:
            yield Row(what, rate, "/s a core", spread)
        else:
            yield Row(what, rate, "/s a core", spread, least, TARGET, quotient=quotient(found, rates[OURS]))
