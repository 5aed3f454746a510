"""What the page about review shows: settings, commands from a call to a commit, and a line of cases."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from outcomes_in import record
from pages import running
from pages.markdown import blocks, read
from suites.chat_model import serve
from support import Api, PromptRepository, Registry, until

from registry.cli.review import keys
from registry.outcomes.store import held_calls, queue
from registry.review import case_lines, rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "docs/review.md"
HERE = "/v1/environments/production"
TWO_COMMANDS, NEW_TOKEN, JUDGE = (block.text for block in blocks(PAGE, "sh"))
(PROMPT,) = (block.text for block in blocks(PAGE, "yaml"))
(SETTINGS,) = (block.text for block in blocks(PAGE, "toml"))
(LINE,) = (block.text.strip() for block in blocks(PAGE, "json"))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry with the page's settings, but of all conversations."""
    PromptRepository(tmp_path / "prompts").tag("summarize", "1.0.0", PROMPT)
    assert "sample = 0.1 " in SETTINGS
    (tmp_path / "rules.toml").write_text(SETTINGS.replace("0.1", "1.0"))
    started = Registry(tmp_path / "prompts", tmp_path / "data", config=str(tmp_path / "rules.toml"))
    yield started
    assert started.stop() == 0, started.log


def test_from_a_call_to_a_commit(registry: Registry, tmp_path: Path) -> None:
    """The commands of the page, as they stand there."""
    admin = running.environment(tmp_path, PROMPTSTAGE_URL=registry.url, PROMPTSTAGE_TOKEN=registry.api.token)
    made = running.shell(NEW_TOKEN, tmp_path, admin)
    (secret,) = set(re.findall(r"ps_[\w-]{20,}", made))
    sent = record(version="1.0.0", variables={"text": "Where is my parcel?"}, response="It is sunny.")
    registry.api.call("POST", f"{HERE}/calls", {"batch": str(uuid4()), "calls": [sent]})
    registry.api.call("POST", f"{HERE}/feedback", {"call": sent["id"], "kind": "down"})
    ada = Api(registry.url, secret)
    until(lambda: ada.get(f"{HERE}/review").json["open"], "the queue")
    told = running.shell(
        TWO_COMMANDS, tmp_path / "prompts", {**admin, "PROMPTSTAGE_TOKEN": secret}, "b No parcel.\n"
    )

    assert "1 case on the branch cases/summarize" in told
    shown = running.shell(
        "git show cases/summarize:prompts/summarize.cases.jsonl", tmp_path / "prompts", admin
    )
    case = json.loads(shown.splitlines()[0])
    assert (case["source"]["call"], case["source"]["by"]) == (sent["id"], "ada")
    assert case["vars"] == {"text": "Where is my parcel?"}


def test_a_model_judges_by_the_rubrics_of_the_page(registry: Registry, tmp_path: Path) -> None:
    """Its commands, with a token each, and a model that finds the answer rude and not helpful."""
    admin = running.environment(tmp_path, PROMPTSTAGE_URL=registry.url, PROMPTSTAGE_TOKEN=registry.api.token)
    first, second = JUDGE.strip().splitlines()
    (secret,) = set(re.findall(r"ps_[\w-]{20,}", running.shell(first, tmp_path, admin)))
    sent = record(version="1.0.0", variables={"text": "Where is my parcel?"}, response="It is sunny.")
    registry.api.call("POST", f"{HERE}/calls", {"batch": str(uuid4()), "calls": [sent]})
    until(lambda: registry.api.get(f"{HERE}/calls").json["data"], "the call")
    with serve(lambda said: "rude" if "kind, plain" in said else '{"pass": false, "score": 0}') as model:
        judge = {**admin, "PROMPTSTAGE_TOKEN": secret, "OPENAI_BASE_URL": model.url}
        assert "1 call judged" in running.shell(second, tmp_path, judge)
    scores = until(lambda: registry.api.get(f"{HERE}/calls/{sent['id']}").json["scores"], "the scores")

    named = {score["name"].removesuffix(rules.AGAIN): score["value"] for score in scores}
    assert named == {"helpful": 0.0, "tone": 0.0}
    assert {score["judge"] for score in scores} == {"openai/gpt-5.4-mini"}


def test_the_line_of_a_case() -> None:
    """Is what `cases pull` writes."""
    case = json.loads(LINE)
    source = case["source"]
    label: dict[str, Any] = {
        "call": source["call"], "verdict": source["label"], "by": source["by"], "at": source["at"],
        "note": case["description"], "expected": case["expected"], "tags": case["tags"],
        "content": {"variables": case["vars"]},
    }  # fmt: skip

    assert case_lines.line(label, case_lines.case_id("summarize", source["call"], set())) == LINE


def test_the_numbers() -> None:
    """Of the queue, and of what outlives the retention; each key is explained."""
    page = read(PAGE)

    assert (rules.ONE_IN, rules.BOUND, queue.SKIPS, held_calls.MOST) == (50, 0.5, 3, 10_000)
    for words in ("one in 50 of the others", "less than 0.5", "the third time nobody is asked again"):
        assert words in page
    assert "the newest 10,000 of them" in read("docs/observability.md")
    for key in (keys.GOOD, keys.BAD, keys.EDIT, keys.NOTE, keys.NEXT, keys.MORE, keys.QUIT):
        assert f"| `{key}` |" in page
