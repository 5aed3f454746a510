"""``promptstage check``: what an author and a CI system are told of prompt files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import prompt

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shell import Cli


def write(folder: Path, **files: str) -> None:
    """Write prompt files; a double underscore in a name is a slash."""
    for name, content in files.items():
        file = folder / f"{name.replace('__', '/')}.prompt.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")


def test_good_files_pass(cli: Cli, tmp_path: Path) -> None:
    """The exit code is 0, and a line counts what was read."""
    write(tmp_path / "prompts", summarize=prompt(), support__triage=prompt())

    done = cli("check")

    assert (done.code, done.out) == (0, "2 prompt files, 0 errors, 0 warnings\n")


def test_githubs_own_folder_is_read_too(cli: Cli, tmp_path: Path) -> None:
    """Without a prompts folder, where many repositories have their prompts already."""
    write(tmp_path / ".github/prompts", review=prompt())
    write(tmp_path, summarize=prompt())

    assert cli("check").out == "2 prompt files, 0 errors, 0 warnings\n"


def test_an_error_has_its_place(cli: Cli, tmp_path: Path) -> None:
    """Editors and CI systems jump to file:line:column."""
    write(tmp_path / "prompts", summarize="name: S\nmessages: 3\n")

    done = cli("check")

    assert done.code == 1
    assert done.out.startswith("prompts/summarize.prompt.yml:2:11: error: messages must be a list")
    assert done.out.endswith("\n1 prompt file, 1 error, 0 warnings\n")


def test_every_problem_of_every_file_is_told(cli: Cli, tmp_path: Path) -> None:
    """One run is enough to know them all."""
    write(tmp_path / "prompts", a="messages: 3\nmodel: []\n", b="messages: 4\n")

    assert [line.split(" ")[0] for line in cli("check").out.splitlines()[:-1]] == [
        "prompts/a.prompt.yml:1:11:",
        "prompts/a.prompt.yml:2:8:",
        "prompts/b.prompt.yml:1:11:",
    ]


def test_warnings_do_not_fail(cli: Cli, tmp_path: Path) -> None:
    """Real repositories hold keys that we do not know."""
    write(tmp_path, summarize="flavour: mild\n" + prompt())

    done = cli("check")

    assert done.code == 0
    assert "summarize.prompt.yml:1:1: warning: unknown key 'flavour'" in done.out


def test_only_the_prompts_folder_counts_where_there_is_one(cli: Cli, tmp_path: Path) -> None:
    """As it is for the registry."""
    write(tmp_path, broken="messages: 3\n")
    assert cli("check").code == 1
    write(tmp_path / "prompts", summarize=prompt())

    assert cli("check").out == "1 prompt file, 0 errors, 0 warnings\n"


@pytest.mark.parametrize("name", ["Summarize", "v2", "history", "a b"])
def test_a_file_whose_name_no_prompt_can_have(cli: Cli, tmp_path: Path, name: str) -> None:
    """It would never be served, so it is an error, with the rule and the remedy."""
    write(tmp_path / "prompts", **{name: prompt()})

    done = cli("check")

    assert done.code == 1
    assert f"'{name}' is no prompt's name; use a-z" in done.out
    assert "rename the file" in done.out


def test_both_suffixes_at_once(cli: Cli, tmp_path: Path) -> None:
    """Nobody could say which of the two is served."""
    write(tmp_path / "prompts", summarize=prompt())
    (tmp_path / "prompts/summarize.prompt.yaml").write_text(prompt())

    assert "summarize.prompt.yaml is the same prompt; remove one of the two" in cli("check").out


def test_a_symbolic_link_is_an_error(cli: Cli, tmp_path: Path) -> None:
    """Git would store where it points to, which is no prompt."""
    write(tmp_path / "prompts", summarize=prompt())
    (tmp_path / "prompts/again.prompt.yml").symlink_to("summarize.prompt.yml")

    assert "again.prompt.yml:1:1: error: git has no content of this" in cli("check").out


def test_json_for_programs(cli: Cli, tmp_path: Path) -> None:
    """The same problems, and the same exit code."""
    write(tmp_path / "prompts", summarize="messages: 3\n")

    done = cli("check", "--json")
    report = json.loads(done.out)

    assert (done.code, report["files"], report["errors"], report["warnings"]) == (1, 1, 1, 0)
    assert report["problems"][0].items() >= {"line": 1, "column": 11, "code": "not_a_list"}.items()


def test_a_folder_without_prompts_fails(cli: Cli, tmp_path: Path) -> None:
    """A CI job that looks at the wrong folder must not be green."""
    done = cli("check")

    assert done.code == 1
    assert "a prompt is a file such as prompts/summarize.prompt.yml" in done.err


def test_a_folder_that_is_not_there(cli: Cli) -> None:
    """It is a usage error."""
    assert cli("check", "nowhere").code == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems refuse such names")
def test_a_name_of_bytes_is_shown_harmless(cli: Cli, tmp_path: Path) -> None:
    """Neither bad UTF-8 nor what a terminal would obey gets through."""
    (tmp_path / os.fsdecode(b"\xff\x1b[31m.prompt.yml")).write_text(prompt())

    done = cli.process("check", PYTHONIOENCODING="ascii")

    assert done.code == 1
    assert "\x1b" not in done.out


def test_colours_on_a_terminal_only(cli: Cli, tmp_path: Path) -> None:
    """A pipe gets the same words without them."""
    write(tmp_path / "prompts", summarize=prompt())

    coloured = cli("check", FORCE_COLOR="1", TERM="xterm").out

    assert coloured == f"\x1b[1;32m{cli('check').out.strip()}\x1b[0m\n"


def test_it_needs_no_service() -> None:
    """A commit hook should not wait for the imports of a web framework."""
    code = "import sys, registry.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert {"fastapi", "pydantic", "redis", "uvicorn", "git"} & set(loaded.split()) == set()
