"""All pages: no block of code is there that no test runs or reads, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages.markdown import PAGES, ROOT, anchors, blocks, links, prose

CHECKED_BY = {
    ("CONTRIBUTING.md", "mermaid"): "test_generated",
    ("CONTRIBUTING.md", "sh"): "test_contributing",
    ("README.md", "python"): "test_readme",
    ("README.md", "sh"): "test_readme",
    ("README.md", "yaml"): "test_readme",
    ("client/README.md", "python"): "test_client_page",
    ("client/README.md", "sh"): "test_client_page",
    ("docs/client.md", "json"): "test_client_page",
    ("docs/client.md", "py"): "test_types_page",  # the first; the others by test_client_page
    ("docs/client.md", "python"): "test_client_page",
    ("docs/client.md", "text"): "test_client_page",
    ("docs/client.md", "yaml"): "test_client_page",
    ("docs/command-line.md", "text"): "test_generated",
    ("docs/compatibility.md", "sh"): "test_compatibility_page",
    ("docs/costs.md", "sh"): "test_costs_page",
    ("docs/costs.md", "toml"): "test_costs_page",
    ("docs/evidence.md", "text"): "test_evidence_page",
    ("docs/http.md", "http"): "test_http_page",
    ("docs/importing.md", "json"): "test_importing_page",
    ("docs/importing.md", "python"): "test_importing_page",
    ("docs/importing.md", "sh"): "test_importing_page",
    ("docs/integrations/langfuse.md", "js"): "test_langfuse_page",
    ("docs/integrations/langfuse.md", "python"): "test_langfuse_page",
    ("docs/integrations/langfuse.md", "sh"): "test_langfuse_page",
    ("docs/integrations/langfuse.md", "toml"): "test_langfuse_page",
    ("docs/integrations/langfuse.md", "yaml"): "test_langfuse_page",
    ("docs/integrations/litellm.md", "python"): "test_mcp_and_litellm_pages",
    ("docs/integrations/litellm.md", "sh"): "test_mcp_and_litellm_pages",
    ("docs/integrations/litellm.md", "yaml"): "test_mcp_and_litellm_pages",
    ("docs/integrations/mcp.md", "json"): "test_mcp_and_litellm_pages",
    ("docs/integrations/mcp.md", "python"): "test_mcp_and_litellm_pages",
    ("docs/integrations/mcp.md", "sh"): "test_mcp_and_litellm_pages",
    ("docs/integrations/mcp.md", "toml"): "test_mcp_and_litellm_pages",
    ("docs/integrations/node.md", "javascript"): "test_openfeature_and_node_pages",
    ("docs/integrations/openfeature.md", "javascript"): "test_openfeature_and_node_pages",
    ("docs/integrations/openfeature.md", "nginx"): "test_openfeature_and_node_pages",
    ("docs/integrations/openfeature.md", "python"): "test_openfeature_and_node_pages",
    ("docs/integrations/openfeature.md", "toml"): "test_openfeature_and_node_pages",
    ("docs/observability.md", "text"): "test_observability_page",
    ("docs/operating.md", "nginx"): "test_operating",
    ("docs/operating.md", "redis"): "test_operating",
    ("docs/operating.md", "sh"): "test_operating",
    ("docs/operating.md", "toml"): "test_operating",
    ("docs/operating.md", "yaml"): "test_operating",
    ("docs/platforms.md", "js"): "test_platforms_page",
    ("docs/platforms.md", "promql"): "test_platforms_page",
    ("docs/platforms.md", "python"): "test_platforms_page",
    ("docs/platforms.md", "sh"): "test_platforms_page",
    ("docs/platforms.md", "sql"): "test_platforms_page",
    ("docs/prompt-file.md", "python"): "test_prompt_file_page",
    ("docs/prompt-file.md", "sh"): "test_prompt_file_page",
    ("docs/prompt-file.md", "text"): "test_prompt_file_page",
    ("docs/prompt-file.md", "toml"): "test_prompt_file_page",
    ("docs/prompt-file.md", "yaml"): "test_prompt_file_page",
    ("docs/review.md", "json"): "test_review_page",
    ("docs/review.md", "sh"): "test_review_page",
    ("docs/review.md", "toml"): "test_review_page",
    ("docs/review.md", "yaml"): "test_review_page",
    ("docs/rollouts.md", "sh"): "test_rollouts_page",
    ("docs/suites.md", "json"): "test_suites_page",
    ("docs/suites.md", "sh"): "test_suites_page",
    ("docs/suites.md", "toml"): "test_suites_page",
    ("docs/suites.md", "yaml"): "test_suites_page",
    ("docs/trust.md", "mermaid"): "test_pages",
}
"""The test module that runs, or reads, all blocks of a page in one language."""

MERMAID = {
    "sequenceDiagram": r"participant \w+ as [\w ]+|(\w+)-{1,2}>>(\w+): .+|Note over (\w+),(\w+): .+",
    "flowchart": r"(\w+)\[\"?[^\[\]\"]+\"?\]|(\w+) --> (\w+)",
}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_block_is_checked(page: Path) -> None:
    """A block in a new language, or on a new page, needs a test first."""
    for block in blocks(page):
        module = CHECKED_BY.get((block.page, block.language), "no test")
        assert Path(__file__).with_name(f"{module}.py").exists(), f"{page}:{block.line} {module}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_code_hides_as_indented_text(page: Path) -> None:
    """A block by indentation has no language, so no test would find it."""
    lists = re.sub(r"^ *[-*\d].*\n(?: +.*\n)*", "", prose(page), flags=re.MULTILINE)

    assert re.findall(r"\n\n {4}\S.*", lists) == []


def test_no_check_is_left_without_a_block() -> None:
    """The table names what there is."""
    assert CHECKED_BY.keys() == {(block.page, block.language) for page in PAGES for block in blocks(page)}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file or folder of the repository, and to a heading of it."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (ROOT / page.parent / path).resolve() if path else ROOT / page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target.relative_to(ROOT)), link


def test_every_page_can_be_reached() -> None:
    """From the README, link by link; the files of code hosts have readers of their own."""
    reached, found = set(), {Path("README.md")}
    while found:
        page = found.pop()
        reached.add(page)
        for link in links(page):
            target = (ROOT / page.parent / link.partition("#")[0]).resolve().relative_to(ROOT)
            target = target / "README.md" if (ROOT / target).is_dir() else target
            found |= {target} & set(PAGES) - reached

    assert {page for page in PAGES if page.parent.name != ".github"} - reached == set()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_diagram_can_be_drawn(page: Path) -> None:
    """Each line is one that its kind of diagram knows, and names what was declared."""
    for block in blocks(page, "mermaid"):
        kind, *lines = block.text.splitlines()
        pattern = MERMAID[kind.split()[0]]
        declared = set(re.findall(r"participant (\w+)|^ *(\w+)\[", block.text, re.MULTILINE))
        for line in lines:
            found = re.fullmatch(pattern, line.strip())
            assert found, line
            assert set(filter(None, found.groups())) <= {name for pair in declared for name in pair}, line
