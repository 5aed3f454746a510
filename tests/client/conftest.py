"""A registry, clients that are closed in the end, and an environment without surprises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from client.fake_registry import FakeRegistry, release

from promptstage import Client, limits, logs
from promptstage.stamp import EMPTY, holder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Connect(Protocol):
    """Make a client that ends with the test."""

    def __call__(self, url: str | None = None, **settings: Any) -> Client:
        """The url is the registry's unless given."""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("URL", "TOKEN", "ENVIRONMENT", "SNAPSHOT_DIR"):
        monkeypatch.delenv(f"PROMPTSTAGE_{name}", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    holder.set(EMPTY)  # another test's get may have marked it
    yield
    logs.uninstall()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry that serves `summarize` 1.2.0."""
    fake = FakeRegistry()
    fake.releases["summarize"] = release()
    yield fake
    fake.stop()


@pytest.fixture
def connect(registry: FakeRegistry) -> Iterator[Connect]:
    """Make clients of the registry."""
    clients: list[Client] = []

    def connect(url: str | None = None, **settings: Any) -> Client:
        clients.append(Client(url or registry.url, **settings))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the client's times, so that a test need not wait for them."""
    for name, seconds in {
        "ATTEMPT_SPACING": 0.02,
        "BACK_OFF_BASE": 0.02,
        "BACK_OFF_CAP": 0.05,
        "GATHER": 0.01,
        "POLL_EVERY": 0.05,
        "SILENCE": 0.3,
        "STREAM_RETRY": 0.2,
    }.items():
        monkeypatch.setattr(limits, name, seconds)
