"""The lines of docs/integrations/langfuse.md are run by `make platforms` and `make oracle`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml
from pages.markdown import ROOT, blocks, read

from registry.policies.file import read as read_rules

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "docs/integrations/langfuse.md"
RUN = ("tests/platforms/test_langfuse_clients.py", "tests/suites/oracle/langfuse.py")


def test_it_is_switched_on_as_the_page_says(tmp_path: Path) -> None:
    """By a table of the operator's file."""
    file = tmp_path / "rules.toml"
    file.write_text(blocks(PAGE, "toml")[0].text)

    assert read_rules(file, ["production"]).protocols.langfuse


def test_the_pages_lines_are_run() -> None:
    """Each block by a test that takes it from the page."""
    run = "".join((ROOT / file).read_text() for file in RUN)

    for block in blocks(PAGE, "python"):
        compile(block.text, PAGE, "exec")
    for taken in ('blocks(PAGE, "python", under="Python")', 'blocks(PAGE, "python", under="LiteLLM")'):
        assert taken in run
    assert 'blocks(PAGE, "js")' in run
    assert 'blocks(PAGE, "yaml")' in run
    assert yaml.safe_load(blocks(PAGE, "yaml")[0].text)["prompts"]


def test_the_variables_are_those_that_are_set_in_tests() -> None:
    """With the names that clients read."""
    (block,) = blocks(PAGE, "sh")
    named = set(re.findall(r"export (\w+)=", block.text))
    run = (ROOT / RUN[0]).read_text()

    assert len(named) == 4
    assert {name for name in named if f'"{name}":' not in run} == set()


def test_every_version_is_the_one_that_is_run() -> None:
    """What the page names is pinned where it is installed."""
    pins = "".join(file.read_text() for file in (ROOT / "tests/platforms").glob("*.txt"))
    pins += (ROOT / "constraints.txt").read_text() + (ROOT / "Makefile").read_text()
    node = json.loads((ROOT / "tests/platforms/node/package.json").read_text())["dependencies"]
    pins += "".join(f"{name}@{version}\n" for name, version in node.items())
    table = read(PAGE).partition("## What was run")[2].partition("The list:")[0]
    named = re.findall(r"(@?[\w/]+) (\d+\.\d+\.\d+)", table)

    assert len(named) >= 5
    for name, version in named:
        assert re.search(rf"{name.lower()}(==|@){re.escape(version)}", pins), f"{name} {version}"
