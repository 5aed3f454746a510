"""What the example applications have in common: their prompts, and a look at what a request is given."""

from __future__ import annotations

import logging
from typing import Any

from client.fake_registry import release

from promptstage.testing import Client

log = logging.getLogger("app")
names = [f"p{number}" for number in range(10)]
client = Client.of(
    {name: f"This is {name}" for name in names}
    | {
        "rolling": release("rolling", "1.0.0", candidate="2.0.0", percent=50),
        "audience": release("audience", "1.0.0", candidate="2.0.0", audience={"tenant": ["acme"]}),
    }
)


def arms() -> dict[str, Any]:
    """Which versions a request without a word about keys gets."""
    rolling = {client.get("rolling", stamp=False).version for _ in range(20)}
    return {"rolling": sorted(rolling), "audience": client.get("audience", stamp=False).version}
