"""MCP's list of prompts, page by page; clients read all of it when they start."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from promptstage.model import Document, Message, Release, Served
from registry.errors import Unavailable
from registry.protocols.mcp import prompts
from registry.protocols.mcp.jsonrpc import Call
from registry.protocols.mcp.prompts import PAGE, Caller
from registry.replication.read_model import EncodedRelease, encode
from registry.rollouts.position import Position

BROKEN, WAITING = "p/0007", "p/0008"  # one that cannot be built, and one that nothing is in force of
NAMES = [f"p/{i:04}" for i in range(3 * PAGE - 50)]


def release(name: str) -> EncodedRelease:
    """A release of one version."""
    nothing: dict[str, Any] = {}
    document = Document(name, "", "", nothing, "text", None, (), (Message("user", "x"),), nothing, nothing)
    served = Served("1.0.0", 1_000_000, "sha256:0", "0" * 40, document)
    return encode(Release("production", name, 1, 1, (), None, "1.0.0", "stable", {"1.0.0": served}))


class ReadModel:
    """States and releases, and how often all of them were asked for."""

    def __init__(self) -> None:
        self.newest = Position(1, 1)
        self.sorted = 0
        self._releases = {name: release(name) for name in NAMES}

    def states(self, environment: str) -> list[Any]:
        """All of them, by name."""
        self.sorted += 1
        return [SimpleNamespace(prompt=name, stable=None if name == WAITING else "1.0.0") for name in NAMES]

    def release(self, environment: str, name: str) -> EncodedRelease:
        """One of them."""
        if name == BROKEN:
            raise Unavailable("no")
        return self._releases[name]


@pytest.fixture
def read_model() -> ReadModel:
    """A registry's."""
    return ReadModel()


def read_all(read_model: ReadModel) -> list[list[dict[str, Any]]]:
    """Follow the cursors, as clients do."""
    replica = SimpleNamespace(read_model=read_model, adopt_local=lambda: None)
    service: Any = SimpleNamespace(rollouts=SimpleNamespace(replica=replica))
    token: Any = SimpleNamespace(id="t")
    pages: list[list[dict[str, Any]]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = prompts.list_page(Caller(service, "production", token), Call(1, "prompts/list", cursor))
        pages.append(page["prompts"])
        if "nextCursor" not in page:
            return pages
        cursor = {"cursor": page["nextCursor"]}


def test_every_prompt_is_on_one_page(read_model: ReadModel) -> None:
    """By name; without those that have no release, and without one that cannot be built."""
    pages = read_all(read_model)

    assert len(pages) == 3
    assert max(map(len, pages)) <= PAGE
    listed = [entry["_meta"]["dev.promptstage/name"] for page in pages for entry in page]
    assert listed == [name for name in NAMES if name not in {BROKEN, WAITING}]


def test_names_are_sorted_once_for_all_pages(read_model: ReadModel) -> None:
    """Until something changes."""
    read_all(read_model)
    read_all(read_model)
    assert read_model.sorted == 1

    read_model.newest = Position(1, 2)
    read_all(read_model)
    assert read_model.sorted == 2
