"""A registry that most tests share; each test has an environment of its own on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import Api, PromptRepository, Registry, Valkey, prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GUARDED = [f"guarded-{i}" for i in range(50)]  # where a start or promote is to be approved
REVIEWED = [f"reviewed-{i}" for i in range(20)]  # where the content of all calls is kept
JUDGED = [f"judged-{i}" for i in range(20)]  # where each rollout has a guard
TESTED = "tested"  # where a version needs an attestation of its suite
FREE = [f"env-{i}" for i in range(300)]  # one for each test that a worker may run
ENVIRONMENTS = ("production", "staging", *FREE, *GUARDED, *JUDGED, *REVIEWED, TESTED)
A_GUARD = '[environments.{}.guard]\nrequired = true\nmetrics = ["errors", "latency"]\nalpha = 0.01\n'


def fill(repository: PromptRepository) -> PromptRepository:
    """Tag what the tests stage: good versions, one that needs more, one that is broken."""
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        repository.tag("summarize", version)
    repository.tag("summarize", "2.0.0", prompt("{{text}} for {{audience}} in {{language}}"))
    repository.tag("summarize", "2.1.0-rc.1", "messages: [\n")
    repository.tag("support/triage", "1.0.0")
    return repository


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> PromptRepository:
    """The shared prompt repository; a test that tags has its own."""
    return fill(PromptRepository(tmp_path_factory.mktemp("prompts") / "repository"))


@pytest.fixture(scope="session")
def registry(repository: PromptRepository, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The shared registry."""
    folder = tmp_path_factory.mktemp("registry")
    config = folder / "rules.toml"
    rules = [f"[environments.{name}]\napproval = true\n" for name in GUARDED]
    rules += [f"[environments.{name}.content]\nsample = 1\n" for name in REVIEWED]
    rules += [f"[environments.{TESTED}.suite]\nrequired = true\n"]
    config.write_text("".join([*rules, *map(A_GUARD.format, JUDGED)]))
    shared = Registry(
        repository.path, folder / "data", environments=",".join(ENVIRONMENTS), config=str(config)
    )
    yield shared
    assert shared.stop() == 0, shared.log


@pytest.fixture
def api(registry: Registry) -> Api:
    """The shared registry, with its admin's token."""
    return registry.api


@pytest.fixture
def environment(_free: Iterator[str]) -> str:
    """An environment in which nothing is in force yet."""
    return next(_free)


@pytest.fixture
def guarded(_guarded: Iterator[str]) -> str:
    """An environment with the two-person rule, in which nothing is in force yet."""
    return next(_guarded)


@pytest.fixture
def judged(_judged: Iterator[str]) -> str:
    """An environment whose rollouts have a guard, in which nothing is in force yet."""
    return next(_judged)


@pytest.fixture
def reviewed(_reviewed: Iterator[str]) -> str:
    """An environment in which the content of all calls is kept, and nothing was reported yet."""
    return next(_reviewed)


@pytest.fixture(scope="session")
def _reviewed() -> Iterator[str]:
    return iter(REVIEWED)


@pytest.fixture(scope="session")
def _judged() -> Iterator[str]:
    return iter(JUDGED)


@pytest.fixture(scope="session")
def _guarded() -> Iterator[str]:
    return iter(GUARDED)


@pytest.fixture(scope="session")
def _free() -> Iterator[str]:
    return iter(FREE)


@pytest.fixture
def serve(tmp_path: Path, repository: PromptRepository) -> Iterator[Callable[..., Registry]]:
    """Starts registries of the test's own, and ends what is left of them."""
    started: list[Registry] = []

    def start(data: str = "data", source: PromptRepository | None = None, **options: object) -> Registry:
        path = (source or repository).path
        started.append(Registry(path, tmp_path / data, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for registry in started:
        registry.kill()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that the test may kill."""
    server = Valkey(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def new_repository(tmp_path: Path) -> PromptRepository:
    """A prompt repository that the test may tag in."""
    return fill(PromptRepository(tmp_path / "repository"))
