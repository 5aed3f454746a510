"""Configurations of promptfoo as prompts and cases, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli, commit
from suites.oracle.exported import CASES, PROMPT
from support import PromptRepository

from registry.cli.author import worktree
from registry.cli.suites import suite_files
from registry.importers import promptfoo
from registry.importers.fit import fit
from registry.importers.imported import Imported, Refused
from registry.suites.cases import read_suite
from registry.suites.run.request import Version

if TYPE_CHECKING:
    from pathlib import Path

    from registry.suites.checks.check import Check

CONFIG = """\
description: Support
prompts:
  - file://chat.json
  - file://texts/several.txt
  - {label: Short answer, raw: "Answer {{question}} in {{ words }} words. {% raw %}{{x}}{% endraw %}"}
  - file://logic.txt
  - langfuse://triage@production:chat
  - file://table.csv
  - ../outside.txt
  - file://many/*.txt
providers:
  - id: openai:chat:gpt-5.4-mini
    config: {temperature: 0.3, apiKey: hunter2, response_format: {type: json_object}}
scenarios: [{config: []}]
defaultTest:
  vars: {words: "3"}
  options: {provider: openai:gpt-5}
  assert: [{type: latency, threshold: 9000}]
tests:
  - description: plain
    vars: {question: "Why?\\n"}
    assert:
      - {type: contains, value: because}
      - {type: javascript, value: output.length}
      - {type: llm-rubric, value: "file://texts/rubric.txt"}
      - {type: similar, value: x}
      - {type: contains, value: x, transform: output.trim()}
  - {vars: {question: [a, b]}}
  - {description: other, vars: {question: q}, options: {transform: x}}
  - {description: other two, vars: {question: "file://q.txt"}}
  - {description: other three, vars: {question: "{{words}}", words: w}}
  - {description: short only, vars: {question: q}, prompts: ["Short*"]}
  - file://more.yaml
  - file://sheet.csv
"""
FILES = {
    "promptfooconfig.yaml": CONFIG.encode(),
    "chat.json": b'[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{question}}"}]',
    "texts/several.txt": b"One {{question}}\n---\n\nTwo {{question}}\n",
    "texts/rubric.txt": b"Is kind",
    "logic.txt": b"{% if question %}x{% endif %}",
    "table.csv": b"prompt\nx\n",
    "more.yaml": b"- {vars: {question: more}, threshold: 0.5, metadata: {id: from-file, owner: x}}\n",
}


def read(files: dict[str, bytes]) -> tuple[dict[str, Imported], dict[str, str]]:
    """What is imported by name, and what is refused and why."""
    found = list(promptfoo.read(files))
    taken = {
        each.name: fit(each, f"prompts/{each.name}.prompt.yml")[0]
        for each in found
        if isinstance(each, Imported)
    }
    return taken, {each.name: each.why for each in found if isinstance(each, Refused)}


def test_each_prompt_is_one_with_its_cases() -> None:
    """Texts, lists of messages, and files with several."""
    taken, _ = read(FILES)

    assert list(taken) == ["chat", "texts/several-1", "texts/several-2", "short-answer"]
    assert taken["chat"].document["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "{{question}}"},
    ]
    assert taken["texts/several-2"].document["messages"] == [{"role": "user", "content": "Two {{question}}"}]
    (short,) = taken["short-answer"].document["messages"]
    assert short["content"] == r"Answer {{question}} in {{words}} words. \{{x}}"
    assert [case["id"] for case in taken["chat"].cases] == ["plain", "from-file"]
    assert [case["id"] for case in taken["short-answer"].cases] == ["plain", "short only", "from-file"]


def test_the_model_and_what_holds_for_all() -> None:
    """With a rubric's file put in, and a line break at the end of a value gone, as with promptfoo."""
    taken, _ = read(FILES)
    document = taken["chat"].document

    assert (document["model"], document["modelParameters"]) == ("openai/gpt-5.4-mini", {"temperature": 0.3})
    assert (document["responseFormat"], document["description"]) == ("json_object", "Support")
    assert document["defaultTest"] == {
        "vars": {"words": "3"},
        "assert": [{"type": "latency", "threshold": 9000}],
    }
    assert taken["chat"].cases[0]["vars"] == {"question": "Why?"}
    assert taken["chat"].cases[0]["assert"] == [
        {"type": "contains", "value": "because"},
        {"type": "llm-rubric", "value": "Is kind"},
    ]


def test_what_is_not_carried_over_is_named() -> None:
    """Each by its own name, and no secret is told."""
    taken, refused = read(FILES)
    told = "\n".join(taken["chat"].left_out)

    for said in (
        "the key scenarios",
        "apiKey of the provider",
        "who judges by a rubric: provider of tests",
        "the assertion javascript of plain: javascript would run code",
        "the assertion similar of plain",
        "the assertion contains of plain: transform is not read here",
        "the test test-2: the list question, of which promptfoo makes a test for each value",
        "the test other, which has options.transform",
        "the test other two: the value of question is in a file",
        "the test other three: promptfoo puts another variable into the value of question",
        "the metadata owner of tests",
        "sheet.csv, as they are in a table",
    ):
        assert said in told, said
    assert "hunter2" not in told
    assert {name.partition(" ")[2]: why.partition(";")[0] for name, why in refused.items()} == {
        "logic": "{% if question %} is logic of Jinja2",
        "langfuse://triage@production:chat": "langfuse://triage@production:chat is elsewhere",
        "file://table.csv": "table.csv is no file of texts, as a table or code is",
        "../outside.txt": "../outside.txt is not there, or not below the folder that is imported",
        "file://many/*.txt": "many/*.txt names files by a pattern",
    }


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (b"prompts: []", "it has no prompts"),
        (b"- a", "it is no configuration"),
        (b"prompts: [&a x, *a]", "is an anchor"),
        (b"\xff", "not UTF-8"),
        (b'prompts: [\'[{"role": "user"}]\']', "other keys than role and content"),
        (b'prompts: [\'[{"role": "judge", "content": "x"}]\']', "the role 'judge'"),
        (b"prompts: ['[1']", "no JSON"),
        (b"prompts: [{label: v1, raw: x}]", "makes no prompt's name here"),
        (b"prompts: [3]", "it is no text"),
        (b"prompts: [x]\nprompts: [y]", "is already in line 1"),
        (b"a: " + b"[" * 100, "nested"),
        (b"x" * 300_000, "keep it below 256 KiB"),
    ],
)
def test_wrong_configurations_are_refused(config: bytes, said: str) -> None:
    """With the place, where there is one."""
    taken, refused = read({"promptfooconfig.yaml": config})

    assert taken == {}
    assert said in " ".join(refused.values())


def test_files_outside_of_the_source_are_not_read(tmp_path: Path) -> None:
    """Whatever a configuration names: by `..`, by a link, or absolutely."""
    repository = PromptRepository(tmp_path / "prompts")
    commit(repository, "README.md", "x")
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (source / "link.txt").symlink_to(tmp_path / "secret.txt")
    names = ["../secret.txt", "link.txt", f"{tmp_path}/secret.txt"]
    (source / "promptfooconfig.yaml").write_text(
        json.dumps({"prompts": [f"file://{name}" for name in names]})
    )

    told = json.loads(Cli(repository.path)("import", "promptfoo", source, "--json", "--dry-run").out)

    assert told["code"] == "refused"
    assert len(told["refused"]) == len(names)


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """A repository with the prompt that `make oracle` gives to promptfoo."""
    repository = PromptRepository(tmp_path / "prompts")
    commit(repository, "prompts/summarize.prompt.yml", PROMPT.lstrip())
    commit(repository, "prompts/summarize.cases.jsonl", "".join(f"{json.dumps(case)}\n" for case in CASES))
    return repository


def asked(top: Path, name: str) -> tuple[list[Any], dict[str, tuple[Check, ...]]]:
    """The requests that the cases of a prompt in HEAD make, and what judges them."""
    found = suite_files.at_commit(top, worktree.require_commit(top, "HEAD"), name)
    assert found is not None
    suite, problems = read_suite(found.path, found.content, found.beside, found.partials)
    assert suite is not None, problems
    document = found.parse().document
    version = Version(name, "", None, "", document, document.model)
    return [version.request(case.vars) for case in suite.cases], {
        case.id: case.checks for case in suite.cases
    }


def test_an_export_comes_back_as_it_was(author: PromptRepository) -> None:
    """Each case makes the same request, and is judged alike; GitHub's evaluators have become patterns."""
    cli = Cli(author.path)
    cli("export", "promptfoo", "summarize", "-o", "../promptfooconfig.yaml")
    done = cli("import", "promptfoo", "../promptfooconfig.yaml", "--prefix", "back", "--yes")
    assert (done.code, "leaves out" in done.err) == (0, False), done.err

    before, checks = asked(author.path, "summarize")
    after, same = asked(author.path, "back/summarize")
    assert after == before
    own = [case["id"] for case in CASES]
    assert [same[name] for name in own] == [checks[name] for name in own]
    assert [check.type for check in same["row-1"]] == ["regex", "regex", "regex", "icontains"]


def test_an_import_of_what_is_here_changes_nothing(author: PromptRepository) -> None:
    """The same configuration again is the same version."""
    cli = Cli(author.path)
    cli("export", "promptfoo", "summarize", "-o", "../promptfooconfig.yaml")
    cli("import", "promptfoo", "../promptfooconfig.yaml", "--prefix", "back")
    head = author.git("rev-parse", "HEAD")
    cli("import", "promptfoo", "../promptfooconfig.yaml", "--prefix", "back")

    assert author.git("rev-parse", "HEAD") == head
