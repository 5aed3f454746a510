"""docs/platforms.md: `make platforms` runs its lines; here it is checked that it does, and with what."""

from __future__ import annotations

import json
import re

from pages.markdown import ROOT, blocks, read

PAGE = "docs/platforms.md"
FOLDER = ROOT / "tests/platforms"
PACKAGE = re.compile(r"([a-z][\w.@/-]*[a-z]) (\d+\.\d[\w.]*)")


def test_every_platform_is_run() -> None:
    """Its heading is named by a test, and its lines are Python."""
    source = "".join(file.read_text() for file in FOLDER.glob("test_*.py"))
    headings = re.findall(r"^### (.+)$", read(PAGE), re.MULTILINE)

    for heading in headings:
        for block in blocks(PAGE, "python", under=heading):
            compile(block.text, PAGE, "exec")
        assert f'run_page("{heading}"' in source or f'"{heading}",' in source


def test_every_version_is_the_one_that_is_run() -> None:
    """What the table names is pinned in a list of packages."""
    run = [line.split("|")[2] for line in read(PAGE).splitlines() if line.startswith("| [")]
    named = dict(PACKAGE.findall(" ".join(run)))

    assert len(named) >= 8
    assert named.items() <= _pinned().items()


def _pinned() -> dict[str, str]:
    pins: dict[str, str] = {}
    for file in FOLDER.glob("*.txt"):
        lines = (line.split("==") for line in file.read_text().splitlines() if "==" in line)
        pins |= {name.partition("[")[0]: version for name, version in lines}
    node = FOLDER / "node/package.json"
    return pins | (json.loads(node.read_text())["dependencies"] if node.exists() else {})
