"""The command line as people run it, and one registry for the commands that ask one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli, commit
from support import PromptRepository, Registry, prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENVIRONMENTS = [f"env-{i}" for i in range(200)]  # one for each test
GUARDED = [f"guarded-{i}" for i in range(30)]  # where a start or promote is to be approved
REVIEWED = [f"reviewed-{i}" for i in range(30)]  # where the content of all calls is kept
JUDGED = "judged"  # where each rollout has a guard

MUSTACHE = """\
template: mustache
messages:
  - role: user
    content: |
      Answer {{question}}
      {{#contexts}}
      - {{title}}
      {{/contexts}}
"""


def long_prompt() -> str:
    """A prompt of a hundred lines, with a variable that need not be given."""
    lines = [f"      line {i}" for i in range(100)]
    variables = "variables: [{name: tone, required: false, default: warm}]"
    return "\n".join([variables, "messages:", "  - role: user", "    content: |", *lines, ""])


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line in an empty folder, of an author whom git knows."""
    return Cli(tmp_path)


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """A repository of the test's own, in which a prompt is committed but not tagged."""
    repository = PromptRepository(tmp_path / "prompts-repository")
    commit(repository, "prompts/summarize.prompt.yml", prompt())
    return repository


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry; each test has an environment of its own on it."""
    folder = tmp_path_factory.mktemp("served")
    repository = PromptRepository(folder / "repository")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        repository.tag("summarize", version)
    repository.tag("summarize", "2.0.0", prompt("{{text}} in {{language}}"))
    repository.tag("support/triage", "1.0.0", "name: '[red]Triage\u202e'\n" + prompt())
    repository.tag("broken", "1.0.0", "messages: 3\n")
    repository.tag("greeting", "1.0.0", f"model: a\nmodelParameters: {{temperature: 1}}\n{prompt()}")
    repository.tag("greeting", "1.1.0", f"model: b\nmodelParameters: {{topP: 1}}\n{long_prompt()}")
    repository.tag("greeting", "1.2.0", "messages: 3\n")
    repository.tag("greeting", "1.2.1", "messages: [\n")
    repository.tag("retrieve", "1.0.0", prompt("Answer {{question}}"))
    repository.tag("retrieve", "1.1.0", MUSTACHE)
    config = folder / "rules.toml"
    rules = [f"[environments.{name}]\napproval = true\n" for name in GUARDED]
    rules += [f"[environments.{name}.content]\nsample = 1\n" for name in REVIEWED]
    rules += [f"[environments.{JUDGED}.guard]\nrequired = true\nmetrics = ['errors', 'latency']\n"]
    config.write_text("".join(rules))
    environments = ",".join(["staging", *ENVIRONMENTS, *GUARDED, *REVIEWED, JUDGED])
    registry = Registry(repository.path, folder / "data", environments=environments, config=str(config))
    yield registry
    assert registry.stop() == 0, registry.log


@pytest.fixture(scope="session")
def _free() -> Iterator[str]:
    return iter(ENVIRONMENTS)


@pytest.fixture
def manager(tmp_path: Path, served: Registry, _free: Iterator[str]) -> Cli:
    """The command line of a release manager, in an environment in which nothing is in force yet."""
    return Cli(
        tmp_path,
        PROMPTSTAGE_URL=served.url,
        PROMPTSTAGE_TOKEN=served.api.token,
        PROMPTSTAGE_ENVIRONMENT=next(_free),
    )


@pytest.fixture
def state(served: Registry, manager: Cli) -> Callable[[], Any]:
    """What the registry itself says is in force of summarize."""
    return lambda: served.api.state("summarize", manager.environment["PROMPTSTAGE_ENVIRONMENT"])
