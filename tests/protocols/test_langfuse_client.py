"""Langfuse's own Python client, unmodified, at a real registry; `make platforms` runs other versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from protocols import langfuse_app, langfuse_prompts
from support import PATIENCE

if TYPE_CHECKING:
    import pytest
    from support import Api


def test_an_app_gets_all_that_it_asks_for(
    api: Api, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own variables for the address and the keys."""
    langfuse_prompts.promote(api, environment)
    monkeypatch.setenv("LANGFUSE_BASE_URL", api.url)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", api.token)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", environment)
    monkeypatch.setenv("LANGFUSE_TIMEOUT", f"{PATIENCE:.0f}")

    found = json.loads(json.dumps(langfuse_app.seen(environment)))

    langfuse_prompts.check(found)
