"""What an app does with Langfuse's Python client, of any version; what it got is printed as JSON.

    LANGFUSE_BASE_URL=... LANGFUSE_SECRET_KEY=... LANGFUSE_PUBLIC_KEY=... python langfuse_app.py ENVIRONMENT

The secret key is an admin's token, as the app promotes a version, too. It runs in environments that have
Langfuse's client and nothing of ours.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from langfuse import Langfuse

if TYPE_CHECKING:
    from collections.abc import Callable

FALLBACK = [{"role": "user", "content": "Fall back on {{text}}"}]


def seen(label: str) -> dict[str, Any]:
    """Do all of it, in an environment with summarize 1.0.0 and kinds/rich 1.0.0 in force."""
    client = Langfuse(tracing_enabled=False)
    assert client.auth_check()

    def get(name: str, **more: Any) -> Any:
        return client.get_prompt(name, type="chat", max_retries=0, **more)

    rich = get("kinds/rich", label=label)
    missing = get("nothing", label=label, fallback=FALLBACK)
    found = {
        "label": get("summarize", label=label).version,
        "version": get("summarize", version=1_001_000).version,
        "latest": get("summarize", label="latest").version,
        "text": client.get_prompt("kinds/text", label=label).compile(name="Ada"),
        "config": rich.config,
        "tags": rich.tags,
        "compiled": rich.compile(
            name="kindly", text="{{name}}", history=[{"role": "assistant", "content": "Hello"}]
        ),
        "listed": [each.name for each in client.api.prompts.list(label=label, limit=2).data],
        "fallback": [missing.is_fallback, missing.compile(text="it")],
        "errors": {
            "unknown prompt": _error(lambda: get("nothing", label=label)),
            "unknown label": _error(lambda: get("summarize", label="nope")),
            "unknown version": _error(lambda: get("summarize", version=7)),
            "a change": _error(lambda: client.create_prompt(name="summarize", prompt="x", labels=[label])),
        },
    }
    _promote(label)
    found["kept"] = get("summarize", label=label).version
    found["asked again"] = get("summarize", label=label, cache_ttl_seconds=0).version
    client.shutdown()
    return found


def _error(ask: Callable[[], object]) -> str:
    """Return an error's class, and what the registry said."""
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - each version has classes of its own
        body = getattr(error, "body", None) or {}
        return f"{type(error).__name__}: {body.get('message', error)}"
    return "none"


def _promote(environment: str) -> None:
    url = os.environ["LANGFUSE_BASE_URL"]
    request = Request(
        f"{url}/v1/environments/{environment}/rollouts/summarize/actions/promote",
        json.dumps({"version": "1.2.0"}).encode(),
        {"authorization": f"Bearer {os.environ['LANGFUSE_SECRET_KEY']}", "content-type": "application/json"},
    )
    with urlopen(request) as answer:
        assert answer.status == 200


if __name__ == "__main__":
    sys.stdout.write(json.dumps(seen(sys.argv[1])))
