"""Langfuse's own Python client, unmodified, at a real registry."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from langfuse import Langfuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support import Api

KEYS = count()  # clients of one public key share their cache


@pytest.fixture
def connect(api: Api) -> Iterator[Callable[..., Langfuse]]:
    """Connects as an app does; the secret key is a token."""
    made: list[Langfuse] = []

    def make(token: str = api.token) -> Langfuse:
        client = Langfuse(
            public_key=f"pk-{next(KEYS)}", secret_key=token, host=api.url, tracing_enabled=False
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.shutdown()


def test_a_label_is_an_environment(api: Api, environment: str, connect: Callable[[], Langfuse]) -> None:
    """A name may hold a slash."""
    assert api.act("promote", "support/triage", {"version": "1.0.0"}, environment).status == 200

    prompt = connect().get_prompt("support/triage", label=environment, type="chat")

    assert (prompt.name, prompt.version, prompt.is_fallback) == ("support/triage", 1_000_000, False)
    assert {environment, "latest"} <= set(prompt.labels)
    assert prompt.compile(text="it") == [{"role": "user", "content": "support/triage 1.0.0: it"}]


@pytest.mark.parametrize("wanted", [{"version": 1_001_000}, {"label": "latest"}])
def test_a_version_may_be_named(wanted: dict[str, str | int], connect: Callable[[], Langfuse]) -> None:
    """By its integer, or as the latest; whatever is in force."""
    prompt = connect().get_prompt("summarize", type="chat", **wanted)  # type: ignore[call-overload]

    assert prompt.version == wanted.get("version", 1_002_000)


def test_good_keys_are_known(connect: Callable[[], Langfuse]) -> None:
    """Its check of them passes."""
    assert connect().auth_check()
