"""docs/platforms.md: `make platforms` runs its lines; here it is checked that it does, and with what."""

from __future__ import annotations

import json
import re

from pages.markdown import ROOT, blocks, read

PAGE = "docs/platforms.md"
FOLDER = ROOT / "tests/platforms"
PACKAGE = re.compile(r"(?<![\w@])(@?[a-z][\w./-]*[a-z]) (\d+\.\d[\w.]*)")
RUN_BY = {"js": "test_node", "promql": "test_prometheus", "sh": "test_warehouse", "sql": "test_warehouse"}


def test_every_platform_is_run() -> None:
    """The lines under its heading, by a test that names it; other languages by a test of their own."""
    source = "".join(file.read_text() for file in FOLDER.glob("test_*.py"))
    for heading in re.findall(r"^### (.+)$", read(PAGE), re.MULTILINE):
        for block in blocks(PAGE, under=heading):
            if block.language == "python":
                compile(block.text, PAGE, "exec")
                assert f'"{heading}"' in source
            else:
                test = FOLDER / f"{RUN_BY[block.language]}.py"
                assert f'"{block.language}")' in test.read_text()


def test_every_version_is_the_one_that_is_run() -> None:
    """What the table names is pinned in a list of packages."""
    run = [line.split("|")[2] for line in read(PAGE).splitlines() if line.startswith("| [")]
    named = set(PACKAGE.findall(" ".join(run)))

    assert len(named) >= 12
    assert named <= pinned()


def pinned() -> set[tuple[str, str]]:
    """The packages that `make platforms` installs."""
    lines = "".join(file.read_text() for file in FOLDER.glob("*.txt")).splitlines()
    python = {(name.partition("[")[0], version) for name, _, version in (it.partition("==") for it in lines)}
    return python | set(json.loads((FOLDER / "node/package.json").read_text())["dependencies"].items())
