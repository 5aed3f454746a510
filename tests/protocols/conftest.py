"""A registry that speaks all protocols; each test has an environment of its own on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from protocols import langfuse_prompts
from service.conftest import FREE, _free, api, environment  # noqa: F401 - fixtures of the service
from support import PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOCOLS = ("langfuse", "litellm", "mcp", "ofrep")
EDITION_2 = """
template: mustache
messages:
  - {role: system, content: "{{#formal}}Be formal.{{/formal}}"}
  - {placeholder: history}
  - {role: user, content: "{{text}}"}
variables: [{name: formal, required: false}, {name: text}]
"""


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> PromptRepository:
    """A prompt repository: two names, one in a folder, and one that only new clients can read."""
    made = PromptRepository(tmp_path_factory.mktemp("prompts") / "repository")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        made.tag("summarize", version)
    made.tag("support/triage", "1.0.0")
    langfuse_prompts.tag(made)
    made.tag("rich", "1.0.0", EDITION_2)
    return made


@pytest.fixture(scope="session")
def registry(repository: PromptRepository, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The shared registry."""
    folder = tmp_path_factory.mktemp("registry")
    config = folder / "rules.toml"
    config.write_text("[protocols]\n" + "".join(f"{name} = true\n" for name in PROTOCOLS))
    shared = Registry(
        repository.path,
        folder / "data",
        environments=",".join(("production", "staging", *FREE)),
        config=str(config),
    )
    yield shared
    assert shared.stop() == 0, shared.log
