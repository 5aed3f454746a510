"""A store in each engine, whose calls people and judges look at; and a registry with judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from outcomes.conftest import desk, mortal, postgres, url
from review.court import Court
from support import PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["desk", "mortal", "postgres", "url"]

VERSIONS = {
    "1.0.0": """\
messages: [{role: user, content: "{{text}}"}]
defaultTest:
  assert:
    - {type: llm-rubric, metric: helpful, value: "It answers {{text}}."}
""",
    "1.1.0": """\
messages: [{role: user, content: "{{text}}"}]
evaluators:
  - name: helpful
    llm:
      modelId: openai/gpt-5.4-mini
      prompt: "Does {{completion}} answer {{text}}?"
      choices: [{choice: "yes", score: 1}, {choice: "no", score: 0}]
""",
    "1.2.0": 'messages: [{role: user, content: "{{text}}"}]\n',
}
RULES = """\
[environments.production.content]
sample = 1
[environments.staging.content]
sample = 1
"""


@pytest.fixture
def court(tmp_path: Path) -> Iterator[Court]:
    """A registry that keeps the content of all calls, of three versions with different rubrics."""
    author = PromptRepository(tmp_path / "prompts")
    for version, content in VERSIONS.items():
        author.tag("summarize", version, content)
    (tmp_path / "rules.toml").write_text(RULES)
    registry = Registry(author.path, tmp_path / "data", config=str(tmp_path / "rules.toml"))
    with Court(registry, tmp_path) as opened:
        yield opened
    assert registry.stop() == 0, registry.log
