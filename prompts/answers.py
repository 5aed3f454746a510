"""Keep answers to the cases of the samples, so that `promptstage eval --offline` runs without a model.

They were written by hand (`answers.yml`), which the report says, too: "answered by hand-written". A judge
model's verdict is written by hand likewise: each rubric of the samples holds.
"""

from __future__ import annotations

import json
from contextlib import chdir
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from registry.catalog.parsing.toml_source import FILE
from registry.cli.author import layout
from registry.cli.suites import plan
from registry.suites.checks import rubrics
from registry.suites.checks.check import Answer
from registry.suites.run import endpoint
from registry.suites.run.answers import FOLDER, Answers
from registry.suites.run.completion import Completion
from registry.suites.run.desk import question_for

if TYPE_CHECKING:
    from registry.cli.suites.plan import Item
    from registry.suites.cases import Case

WRITTEN = Path(__file__).with_name("answers.yml")
BY = "hand-written"
JUDGED = '{"reason": "Written by hand: the rubric holds.", "pass": true, "score": 1}'
BEFORE = {"support/triage": "2.0.0"}  # earlier versions that have answers, too, to be compared with
CHARACTERS = 4  # of a token, about
MILLISECONDS = 12  # of a token of an answer, made up


def keep(repository: Path) -> int:
    """Keep an answer to each case of the repository's worktree, and of versions before; return how many."""
    written = yaml.safe_load(WRITTEN.read_text(encoding="utf-8"))
    answers = Answers(repository / FOLDER)
    known = layout.read(repository / FILE).eval.models
    count = 0
    with chdir(repository):
        compared = [plan.make(_request(name, version)).items for name, version in BEFORE.items()]
        items = [*plan.make(_request()).items, *chain.from_iterable(compared)]

    def put(model: str, asked: dict[str, Any], completion: Completion) -> None:
        question = question_for(endpoint.choose(model, known, {}), model, asked, 0)
        answers.put(question.key, question, completion)

    for item in items:
        version = item.baseline or item.candidate
        texts = written.get(f"{item.file.name}@{version.label}" if item.baseline else item.file.name, {})
        for case in item.cases:
            asked = version.request(case.vars)
            completion = _completion(asked, texts.get(case.id, case.expected))
            put(version.model, asked, completion)
            _judge(item, case, completion, put)
            count += 1
    return count


def _request(name: str = "", against: str | None = None) -> plan.Request:
    """Ask for the suite of one prompt or of all, beside an earlier version if there is one."""
    return plan.Request(
        names=(name,) if name else (),
        changed=None,
        against=against,
        model=None,
        judge=None,
        tags=frozenset(),
        environment="production",
    )


def _judge(item: Item, case: Case, completion: Completion, put: Any) -> None:
    """Keep what a judge model would say of an answer."""
    answer = Answer(completion.text, completion.tool_calls)
    for check in case.checks:
        question = rubrics.question(check, answer, case.values)
        if question and item.judge:
            asked = {"messages": list(question.messages)}
            put(item.judge, asked, _completion(asked, JUDGED))


def _completion(asked: dict[str, Any], written: Any) -> Completion:
    """Write a text, calls of tools, or JSON as a model's answer."""
    calls: tuple[dict[str, Any], ...] = ()
    text = written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
    tools = {tool["function"]["name"] for tool in asked.get("tools", ())}
    if isinstance(written, dict) and written.keys() <= tools:
        calls = tuple(
            {
                "id": f"call_{name}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for name, given in written.items()
        )
    length = len(text) // CHARACTERS
    return Completion(
        text="" if calls else text,
        tool_calls=calls,
        finish_reason="tool_calls" if calls else "stop",
        response_model=BY,
        input_tokens=len(json.dumps(asked)) // CHARACTERS,
        output_tokens=length,
        latency_ms=400.0 + MILLISECONDS * length,
    )
