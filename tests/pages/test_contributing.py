"""What the page for contributors says: its commands, the rooms, and the files that a change touches."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest
from pages.markdown import ROOT, blocks, read

from registry.catalog.parsing.codes import CODES
from registry.settings import Settings

PAGE = "CONTRIBUTING.md"
CHANGES = re.findall(r"^\*\*(A new [^*]+)\*\*, such as `(\w+)`:\n\n((?:\|.*\n)+)", read(PAGE), re.MULTILINE)


def test_its_commands_are_there() -> None:
    """Targets of the Makefile, and tests to run."""
    (block,) = blocks(PAGE, "sh")
    commands = [shlex.split(line, comments=True) for line in block.text.splitlines()]
    made, tried = (
        [words for words in commands if (words[0] == "make") == is_make] for is_make in (True, False)
    )

    for words in made:
        subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True, capture_output=True)
    assert [words[:3] for words in tried] == [[".venv/bin/python", "-m", "pytest"]]
    assert (ROOT / tried[0][3]).is_dir()


def test_every_room_is_in_the_table() -> None:
    """And none that is not there."""
    rooms = {f"{file.parent.name}/" for file in (ROOT / "registry").glob("*/__init__.py")}
    named = {
        name for row in re.findall(r"^\| (`.*?) \|", read(PAGE), re.MULTILINE) for name in row.split(", ")
    }

    assert {f"`{room}`" for room in rooms} <= named
    for name in named:
        path = name.strip("`")
        assert any((ROOT / top / path).exists() for top in (".", "registry")), path


@pytest.mark.parametrize(("title", "name", "table"), CHANGES, ids=[title for title, _, _ in CHANGES])
def test_a_change_touches_these_files(title: str, name: str, table: str) -> None:
    """Each is there, and what was added so before is in it."""
    word = name.removeprefix("PROMPTSTAGE_").lower()
    for path in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE):
        text = read(path)
        assert re.search(rf"\b{word}\b", text, re.IGNORECASE) or name in text or "problem.py" in path, path


def test_the_examples_are_real() -> None:
    """An action, a code of the check, and a setting."""
    action, code, setting = (name for _, name, _ in CHANGES)

    assert f"/actions/{action}" in read("registry/api/rollouts.py")
    assert code in CODES
    assert setting.removeprefix("PROMPTSTAGE_").lower() in Settings.model_fields
