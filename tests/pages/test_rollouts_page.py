"""What the page for release managers shows works, command by command."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from pages.markdown import blocks
from pages.running import environment, shell
from support import Registry

from prompts.build import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pages.running import Sample

BLOCKS = [block.text for block in blocks("docs/rollouts.md", "sh")]
APPROVAL = next(block for block in BLOCKS if "$ADA" in block)
LOGIN = next(block for block in BLOCKS if "promptstage login" in block)
RULES = blocks("docs/operating.md", "toml")[0].text


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Registry]:
    """A registry with the rule that the operators' page shows, and a first version in force."""
    assert tomllib.loads(RULES)
    (tmp_path / "rules.toml").write_text(RULES)
    build(tmp_path / "prompts")
    registry = Registry(tmp_path / "prompts", tmp_path / "data", config=str(tmp_path / "rules.toml"))
    yield registry
    registry.stop()


@pytest.mark.slow
def test_the_commands(sample: Sample) -> None:
    """All of the page from top to bottom, in one shell, end with 1.3.0 for everyone."""
    script = "".join(block for block in BLOCKS if block not in {APPROVAL, LOGIN})
    script = script.replace("--at 10m", "--at 1s")  # the sample is younger than ten minutes
    written = shell(script, sample.folder, sample.environment)

    assert "\n1.3.0\nfalse\n" in written


def test_a_second_person(guarded: Registry, tmp_path: Path) -> None:
    """One token asks, another one approves, and the rollout runs."""
    variables = environment(tmp_path, PROMPTSTAGE_URL=guarded.url)
    for name in ("ada", "grace"):
        created = guarded.api.call("POST", "/v1/tokens", {"name": name, "role": "releaser"})
        variables[name.upper()] = created.json["secret"]
    first = "PROMPTSTAGE_TOKEN=$ADA promptstage promote summarize 1.2.0 && "
    first += "PROMPTSTAGE_TOKEN=$GRACE promptstage approve summarize\n"
    shell(first + APPROVAL, tmp_path, variables)

    state = guarded.api.state("summarize")
    assert (state["stable"]["version"], state["rollout"]["step"]) == ("1.2.0", 1)


def test_a_login(sample: Sample, tmp_path: Path) -> None:
    """The token is read, tried and kept; then commands need nothing else."""
    script = LOGIN.replace("https://prompts.example.org", sample.url)
    script = script.replace("https://staging.example.org", sample.url)
    written = shell(script, tmp_path, environment(tmp_path), stdin=sample.token)

    assert "summarize" in written
