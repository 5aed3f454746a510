"""Run exported configurations with promptfoo itself: ``python -m suites.oracle.exported FOLDER``.

promptfoo and `promptstage eval` ask one and the same model. Each must send the same requests, and find the
same cases right and wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cli.shell import Cli, commit
from suites import chat_model
from suites.oracle.__main__ import QUIET
from support import PromptRepository

PROMPT = r"""
name: Summarize
description: A support thread in a few sentences
model: openai/gpt-5.4-mini
modelParameters: {temperature: 0.2, maxTokens: 300, seed: 7}
responseFormat: json_object
tools: [{type: function, function: {name: refund, parameters: {type: object}}}]
variables:
  - {name: text}
  - {name: count, required: false, default: 3}
  - {name: tone, required: false}
messages:
  - role: system
    content: |
      Be {{tone}} {{count}} times. JSON: {"a": {{text}}} and \{{raw}} {% x %} {# y #} %} {{{text}}
  - {placeholder: history, optional: true}
  - {role: user, content: "{{text}}"}
testData:
  - {text: Hi, expected: You said (Hi)}
  - {text: no}
evaluators:
  - {name: same, string: {equals: "{{expected}}"}}
  - {name: begins, string: {startsWith: "YOU said ("}}
  - {name: ends, string: {endsWith: "I)"}}
  - {name: has, string: {contains: SAID}}
defaultTest: {assert: [{type: icontains, value: you said}], vars: {count: 2.5}}
"""
CASES: list[dict[str, Any]] = [
    {
        "id": "odd text",
        "vars": {"text": 'Late "parcel"\n  \\ {{x}} {% if %} <b>& é😀\n', "tone": "warm"},
        "expected": "parcel",
        "assert": [
            {"type": "contains", "value": "{{expected}}"},
            {"type": "not-contains", "value": "zzz", "weight": 2, "metric": "none"},
            {"type": "latency", "threshold": 90_000},
        ],
    },
    {"id": "wrong", "vars": {"text": "x"}, "assert": [{"type": "equals", "value": "y"}]},
    {
        "id": "half",
        "vars": {"text": "x", "count": [1, {"a": None}]},
        "assert": [{"type": "equals", "value": "y"}, {"type": "contains-any", "value": ["x", "z"]}],
        "threshold": 0.5,
    },
    {
        "id": "empty",
        "vars": {"text": "", "count": True},
        "assert": [{"type": "regex", "value": r"^You said \(\)"}],
    },
]
LEFT_OUT: dict[str, Any] = {
    "id": "file",
    "vars": {"text": "file:///etc/hosts"},
    "assert": [{"type": "contains", "value": "x"}],
}
NODE = os.environ.get("PROMPTFOO_NODE", "node")


def main() -> int:
    """Run both, compare, and say what was the same."""
    program = Path(sys.argv[1]).resolve() / "node_modules/promptfoo/dist/src/main.js"
    with (
        TemporaryDirectory() as temporary,
        chat_model.serve(lambda text: f"You said ({text})") as model,
    ):
        cli = _author(Path(temporary), model.url)
        asked, ours = _ours(cli, model)
        told = cli("export", "promptfoo", "summarize", "-o", "promptfooconfig.yaml")
        assert told.code == 0, told.err
        assert "the case file: promptfoo takes the value of text" in told.err, told.err
        theirs = _theirs(cli, program)
        requests = _canonical(model.asked)
    assert requests == asked, _difference(asked, requests)
    assert theirs == ours, f"{theirs} {ours}"
    sys.stdout.write(f"{len(ours)} cases, asked and judged alike by promptfoo and promptstage: {ours}\n")
    return 0


def _author(folder: Path, url: str) -> Cli:
    repository = PromptRepository(folder / "prompts")
    commit(repository, "prompts/summarize.prompt.yml", PROMPT.lstrip())
    lines = "".join(f"{json.dumps(case)}\n" for case in (*CASES, LEFT_OUT))
    commit(repository, "prompts/summarize.cases.jsonl", lines)
    return Cli(repository.path, OPENAI_BASE_URL=url, OPENAI_API_KEY="none")


def _ours(cli: Cli, model: chat_model.ChatModel) -> tuple[list[str], dict[str, bool]]:
    """What `promptstage eval` sends, and which cases pass, but for the one that promptfoo cannot have."""
    report = json.loads(cli("eval", "summarize", "--format", "json").out)
    asked = [body for body in model.asked if LEFT_OUT["vars"]["text"] not in json.dumps(body)]
    model.asked.clear()
    cases = {each["id"]: each["candidate"]["outcome"] for each in report["prompts"][0]["details"]}
    del cases[LEFT_OUT["id"]]
    return _canonical(asked), {name: outcome == "passed" for name, outcome in cases.items()}


def _theirs(cli: Cli, program: Path) -> dict[str, bool]:
    """Which tests pass with promptfoo."""
    command = [
        NODE,
        str(program),
        "eval",
        "-c",
        "promptfooconfig.yaml",
        "-o",
        "out.json",
        "--no-cache",
        "--no-table",
    ]
    environment = {
        **os.environ,
        **cli.environment,
        **QUIET,
        "PROMPTFOO_CONFIG_DIR": str(cli.folder / "settings"),
    }
    done = subprocess.run(
        command, cwd=cli.folder, env=environment, capture_output=True, text=True, check=False
    )
    file = cli.folder / "out.json"
    assert file.exists(), done.stdout + done.stderr
    results = json.loads(file.read_text(encoding="utf-8"))["results"]["results"]
    return {each["testCase"]["description"]: each["success"] for each in results}


def _canonical(asked: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(body, sort_keys=True) for body in asked)


def _difference(asked: list[str], requests: list[str]) -> str:
    return "\n".join(f"ours   {a}\ntheirs {b}" for a, b in zip(asked, requests, strict=False) if a != b)


if __name__ == "__main__":
    sys.exit(main())
