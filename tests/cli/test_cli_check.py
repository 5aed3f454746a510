"""``promptstage check``: what an author and a CI system are told of prompt files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import commit
from support import prompt

from registry.cli.author import worktree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.shell import Cli
    from support import PromptRepository


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
    assert done.out.startswith(
        "prompts/summarize.prompt.yml:2:11: error[not_a_list]: messages must be a list"
    )
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
    assert "summarize.prompt.yml:1:1: warning[unknown_key]: unknown key 'flavour'" in done.out


@pytest.mark.parametrize("form", ["text", "github"])
def test_an_unknown_key_is_one_line(cli: Cli, tmp_path: Path, form: str) -> None:
    """However many files have it; programs are told each place."""
    for number in range(30):
        write(
            tmp_path, **{f"p{number}": "flavour: mild\ncolour: red\n" + prompt().rstrip() + "\n    name: x\n"}
        )

    lines = cli("check", "--format", form).out.splitlines()
    report = json.loads(cli("check", "--json").out)

    assert [line.partition("unknown key ")[2] for line in lines[:-1]] == [
        "'flavour' has no effect; keep it under metadata, or remove it (30 times in 30 files)",
        "'colour' has no effect; keep it under metadata, or remove it (30 times in 30 files)",
        "'name' of a message has no effect; remove it (30 times in 30 files)",
    ]
    assert (lines[-1], len(report["problems"])) == ("30 prompt files, 0 errors, 90 warnings", 90)


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


def test_a_name_that_would_do_is_proposed(cli: Cli, tmp_path: Path) -> None:
    """Most are capitals, blanks and dots."""
    write(tmp_path / "prompts", **{"Support Team__Reply v1.2": prompt()})

    assert "rename the file, perhaps to support-team/reply-v1-2.prompt.yml" in cli("check").out


def test_both_suffixes_at_once(cli: Cli, tmp_path: Path) -> None:
    """Nobody could say which of the two is served."""
    write(tmp_path / "prompts", summarize=prompt())
    (tmp_path / "prompts/summarize.prompt.yaml").write_text(prompt())

    assert "summarize.prompt.yaml is the same prompt; remove one of the two" in cli("check").out


def test_a_symbolic_link_is_an_error(cli: Cli, tmp_path: Path) -> None:
    """Git would store where it points to, which is no prompt."""
    write(tmp_path / "prompts", summarize=prompt())
    (tmp_path / "prompts/again.prompt.yml").symlink_to("summarize.prompt.yml")

    assert "again.prompt.yml:1:1: error[no_file]: this is a symbolic link" in cli("check").out


def test_json_for_programs(cli: Cli, tmp_path: Path) -> None:
    """The same problems, and the same exit code."""
    write(tmp_path / "prompts", summarize="messages: 3\n")

    done = cli("check", "--json")
    report = json.loads(done.out)

    assert (done.code, report["files"], report["errors"], report["warnings"]) == (1, 1, 1, 0)
    assert report["problems"][0].items() >= {"line": 1, "column": 11, "code": "not_a_list"}.items()


SECRET = "sk-ant-api03-" + "Zk3_9" * 8


def test_a_secret_is_an_error_and_never_shown(cli: Cli, tmp_path: Path) -> None:
    """The report of a CI system is read by many."""
    write(tmp_path / "prompts", summarize=prompt(f"Use {SECRET}"))

    done = cli("check")

    assert done.code == 1
    assert "summarize.prompt.yml:3:19: error[secret]: this looks like an API key of Anthropic; " in done.out
    assert "Zk3_9" not in done.out


def test_warnings_fail_if_they_shall(cli: Cli, tmp_path: Path) -> None:
    """For those who want none at all."""
    write(tmp_path, summarize="flavour: mild\n" + prompt())

    assert [cli("check").code, cli("check", "--strict").code] == [0, 1]


@pytest.mark.parametrize("asked", [["--format", "github"], []])
def test_annotations_for_github(cli: Cli, tmp_path: Path, asked: list[str]) -> None:
    """Asked for, or by itself in a job; the path is the repository's, wherever the job is in it."""
    write(tmp_path / "a,b:c/prompts", summarize="messages: 3\nmodel: [100%]\n")
    job = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)}

    lines = cli("check", *asked, cwd=tmp_path / "a,b:c", **job).out.splitlines()

    place = "file=a%2Cb%3Ac/prompts/summarize.prompt.yml"
    shown = "prompts/summarize.prompt.yml"
    messages = "messages must be a list; begin each entry with `- `"
    words = "model must be text; write one text in place of the list, in quotes if it begins with ["
    assert lines == [
        f"::error {place},line=1,col=11,title=promptstage not_a_list::{shown}:1:11: {messages}",
        f"::error {place},line=2,col=8,title=promptstage not_text::{shown}:2:8: {words}",
        "1 prompt file, 2 errors, 0 warnings",
    ]


def test_an_annotation_is_one_line(cli: Cli, tmp_path: Path) -> None:
    """What a file says can begin no workflow command, and no percent sign is taken for an escape."""
    write(tmp_path / "prompts", summarize='"%0A::set-env\\n::error::x": 1\n' + prompt())

    line, _ = cli("check", "--format", "github").out.splitlines()

    assert line.startswith("::warning file=prompts/summarize.prompt.yml,line=1,col=1,")
    assert "'%250A::set-env" in line


def test_a_code_quality_report_for_gitlab(cli: Cli, tmp_path: Path) -> None:
    """A problem that moved to another line is the same one."""
    write(tmp_path / "prompts", summarize="messages: 3\n")
    before = json.loads(cli("check", "--format", "gitlab").out)
    write(tmp_path / "prompts", summarize="\nmessages: 3\n")
    after = json.loads(cli("check", "--format", "gitlab").out)

    assert before[0]["location"] == {"path": "prompts/summarize.prompt.yml", "lines": {"begin": 1}}
    assert (before[0]["check_name"], before[0]["severity"]) == ("not_a_list", "major")
    assert after[0] == before[0] | {"location": before[0]["location"] | {"lines": {"begin": 2}}}


def test_the_same_problem_twice_for_gitlab(cli: Cli, tmp_path: Path) -> None:
    """Each has a fingerprint of its own, or only one of them would be shown."""
    write(tmp_path / "prompts", summarize="messages:\n- {role: bot, content: a}\n- {role: bot, content: b}\n")

    first, second = json.loads(cli("check", "--format", "gitlab").out)

    assert first["description"] == second["description"]
    assert first["fingerprint"] != second["fingerprint"]


def test_two_formats_at_once(cli: Cli) -> None:
    """It is a usage error."""
    assert cli("check", "--json", "--format", "github").code == 2


def test_paths_are_those_that_the_user_would_type(cli: Cli, tmp_path: Path) -> None:
    """Below the current folder from there, else as the folder was given."""
    write(tmp_path / "repository/prompts", summarize="messages: 3\n")
    places = [("repository", tmp_path), (tmp_path / "repository", tmp_path), (".", tmp_path / "repository")]

    shown = [cli("check", given, cwd=here).out.split(":")[0] for given, here in places]

    assert shown == [
        "repository/prompts/summarize.prompt.yml",
        "repository/prompts/summarize.prompt.yml",
        "prompts/summarize.prompt.yml",
    ]


def test_the_codes_are_listed(cli: Cli) -> None:
    """Each with its severity and its meaning."""
    out = cli("check", "--codes").out

    assert re.search(
        r"^unused_variable +warning +a declared variable that no message uses$", out, re.MULTILINE
    )


def test_single_files(cli: Cli, author: PromptRepository) -> None:
    """As commit hooks name them; each still has the name that it has in its repository."""
    commit(author, "prompts/support/history.prompt.yml", prompt())

    done = cli("check", "history.prompt.yml", "../summarize.prompt.yml", cwd=author.path / "prompts/support")

    assert done.code == 1
    assert "history.prompt.yml:1:1: error[bad_name]: 'support/history' is no prompt's name" in done.out
    assert done.out.endswith("2 prompt files, 1 error, 0 warnings\n")


def test_a_file_that_is_no_prompt(cli: Cli, tmp_path: Path) -> None:
    """It says how the name of one ends."""
    (tmp_path / "notes.txt").write_text("mine")

    done = cli("check", "notes.txt")

    assert (done.code, "the name of one ends in .prompt.yml or .prompt.yaml" in done.err) == (1, True)


@pytest.mark.parametrize("name", ["reply.yml", "reply.prompts.yml", "Reply_prompt.yaml", "reply.prompt.YML"])
def test_a_prompt_with_a_wrong_suffix_is_not_overlooked(cli: Cli, tmp_path: Path, name: str) -> None:
    """Its author would wait for it in vain; other YAML is left alone."""
    write(tmp_path / "prompts", summarize=prompt())
    (tmp_path / "prompts" / name).write_text(prompt())
    (tmp_path / "prompts/mkdocs.yml").write_text("nav: []\n")

    lines = cli("check").out.splitlines()

    message = "this file is not taken for a prompt; name it reply.prompt.yml"
    assert lines == [
        f"prompts/{name}:1:1: warning[stray]: {message}",
        "1 prompt file, 0 errors, 1 warning",
    ]


def test_no_name_is_proposed_that_is_taken(cli: Cli, tmp_path: Path) -> None:
    """Whoever followed it would write over another prompt."""
    write(tmp_path / "prompts", summarize=prompt(), Summarize=prompt())

    out = cli("check").out

    assert "Summarize.prompt.yml:1:1: error[bad_name]: 'Summarize' is no prompt's name" in out
    assert "rename the file\n" in out


def test_a_tag_that_raised_the_version_too_little(cli: Cli, author: PromptRepository) -> None:
    """The newest release is compared with the one before it; the remedy is a command."""
    for version, text in (("1.0.0", "{{a}}"), ("1.0.1", "{{a}} {{b}}"), ("2.0.0-rc.1", "{{c}}")):
        author.tag("support/triage", version, prompt(text))

    done = cli("check", cwd=author.path)

    assert done.code == 0
    assert done.out.splitlines()[0] == (
        "prompts/support/triage.prompt.yml:1:1: warning[small_bump]: 1.0.1 requires a new variable: b "
        "(compared with 1.0.0), so it should be 2.0.0; "
        "tag it once more: promptstage tag support/triage --version 2.0.0"
    )


def test_a_tag_that_raised_the_version_enough(cli: Cli, author: PromptRepository) -> None:
    """Nothing is said of it, nor of more than enough."""
    for version, text in (("1.0.0", "{{a}}"), ("2.0.0", "{{b}}"), ("3.0.0", "{{b}}!")):
        author.tag("summarize", version, prompt(text))

    assert cli("check", cwd=author.path).out == "1 prompt file, 0 errors, 0 warnings\n"


def test_what_the_tag_raised_can_be_ignored(cli: Cli, author: PromptRepository) -> None:
    """By the file itself, as any other warning."""
    author.tag("summarize", "1.0.0", prompt("{{a}}"))
    author.tag("summarize", "1.0.1", "# promptstage: ignore small_bump\n" + prompt("{{b}}"))

    assert cli("check", cwd=author.path).out == "1 prompt file, 0 errors, 0 warnings\n"


def test_a_tag_that_makes_no_version(cli: Cli, author: PromptRepository) -> None:
    """It is told until there is one that does; tags of other things are left alone."""
    for tag in ("summarize-v1.1.0", "summarize/1.2", "v3.0.0", "other/1.0.0", "summarize/nightly"):
        author.git("tag", tag)

    before = cli("check", cwd=author.path).out
    author.git("tag", "summarize/v1.1.0")
    author.git("tag", "summarize/v1.2.0")
    after = cli("check", cwd=author.path).out

    assert before.splitlines()[0] == (
        "prompts/summarize.prompt.yml:1:1: warning[lost_tag]: no version was made by summarize-v1.1.0, "
        "summarize/1.2: the v before the version is missing; tag that commit summarize/v1.2.0"
    )
    assert "lost_tag" not in after


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("{{a}}", "{{a}}", "[same_file]: 1.0.1 is the same file as 1.0.0; if a change was meant"),
        ("{{a}}", None, "[bad_version]: 1.0.1 cannot be served: line 1: there are no messages; add"),
    ],
)
def test_a_tag_on_a_wrong_commit(
    cli: Cli, author: PromptRepository, before: str, after: str | None, said: str
) -> None:
    """The change that was meant is not in it: it was not committed, or is on another branch."""
    author.tag("summarize", "1.0.0", prompt(before))
    author.tag("summarize", "1.0.1", prompt(after) if after else "name: Summarize\n")
    commit(author, "prompts/summarize.prompt.yml", prompt("what was meant"))

    assert f"prompts/summarize.prompt.yml:1:1: warning{said}" in cli("check", cwd=author.path).out


def test_a_tag_on_a_commit_without_the_prompt(cli: Cli, author: PromptRepository) -> None:
    """It makes a version all the same, one that is never served."""
    commit(author, "prompts/reply.prompt.yml", prompt())
    author.git("tag", "reply/v1.0.0", "HEAD~1")

    out = cli("check", cwd=author.path).out

    assert "warning[bad_version]: 1.0.0 cannot be served: its file is not in the tagged commit; add it" in out


def test_what_git_ignores_is_no_prompt(cli: Cli, author: PromptRepository) -> None:
    """It is never in a commit, so no registry sees it: packages, and what a build leaves."""
    commit(author, ".gitignore", "node_modules\n")
    (author.path / "prompts/node_modules").mkdir()
    (author.path / "prompts/node_modules/broken.prompt.yml").write_text("messages: 3\n")

    assert cli("check", cwd=author.path).out == "1 prompt file, 0 errors, 0 warnings\n"


def test_many_tags_cost_no_more_processes_than_few(
    cli: Cli, author: PromptRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, tags are listed once and files are read by one process."""
    for version in ("1.0.0", "1.0.1"):
        for name in ("a", "b", "c"):
            author.tag(name, version)
    calls: list[str] = []
    monkeypatch.setattr(worktree, "_run", _counting(worktree._run, calls))

    cli("check", cwd=author.path)

    assert calls == ["rev-parse", "check-ignore", "for-each-ref", "cat-file", "cat-file", "cat-file"]


def _counting(run: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    def counted(folder: Path, *arguments: str, **options: Any) -> Any:
        calls.append(arguments[0])
        return run(folder, *arguments, **options)

    return counted


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
    assert done.out.startswith(r"\xff\x1b[31m.prompt.yml:1:1: error[bad_name]")
    assert "\x1b" not in done.out


def test_a_complaint_is_harmless(cli: Cli, tmp_path: Path) -> None:
    """It names a file or folder, and those are named by anybody."""
    (tmp_path / "odd\x1b[31m").mkdir()

    done = cli("check", "odd\x1b[31m")

    assert done.err.startswith(r"Error: there is no prompt file in odd\x1b[31m;")


def test_colours_on_a_terminal_only(cli: Cli, tmp_path: Path) -> None:
    """A pipe gets the same words without them."""
    write(tmp_path / "prompts", summarize=prompt())

    coloured = cli("check", FORCE_COLOR="1", TERM="xterm").out

    assert coloured == f"\x1b[1;32m{cli('check').out.strip()}\x1b[0m\n"


def test_a_problem_in_colours(cli: Cli, tmp_path: Path) -> None:
    """The eye finds the file, and how serious it is."""
    write(tmp_path, summarize="flavour: mild\n" + prompt())

    coloured = cli("check", FORCE_COLOR="1", TERM="xterm").out

    assert "\x1b[1msummarize.prompt.yml\x1b[0m:1:1: \x1b[33mwarning[unknown_key]\x1b[0m: " in coloured


def test_it_needs_no_service() -> None:
    """A commit hook should not wait for the imports of a web framework."""
    code = "import sys, registry.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert {"fastapi", "pydantic", "redis", "uvicorn", "git"} & set(loaded.split()) == set()
