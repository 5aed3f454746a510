"""The whole road: a user does not like an answer; two commands later the suite has it, and runs it."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from cli.shell import Cli
from review.court import HERE
from support import PATIENCE, until

from promptstage import Client

if TYPE_CHECKING:
    from pathlib import Path

    from review.court import Court

QUESTION = "Where is my parcel?"
PROMPT = """\
model: openai/gpt-5.4-mini
messages: [{role: user, content: "CONTENT"}]
defaultTest: {assert: [{type: llm-rubric, metric: helpful, value: "It answers {{text}}."}]}
"""
REVIEWED = "b It knows nothing of parcels.\n"


def answer_badly(court: Court, tmp_path: Path) -> str:
    """What an app does whose user presses the thumb down; returns the call's id."""
    token = court.token("app")
    with Client(court.registry.url, token=token, snapshot_dir=tmp_path / "snapshots") as client:
        call = until(lambda: _asked(court, client), "a call whose content is kept")
        client.feedback(call, "down", comment="nonsense")
        until(lambda: court.api.get(f"{HERE}/calls/{call}").json["feedback"], "the thumb down")
        return call


def _asked(court: Court, client: Client) -> str | None:
    """Make a call; its id, or None where its content is not kept: the answer to a report asks for content."""
    with client.call("summarize", key="user-42") as call:
        call.messages(text=QUESTION)
        call.record({"choices": [{"message": {"role": "assistant", "content": "It is sunny."}}]})
    path = f"{HERE}/calls/{call.id}"
    until(lambda: court.api.get(path).json.get("ended"), "the report")
    return call.id if court.api.get(path).json["sampled"] else None


def test_from_a_thumb_down_to_a_case_that_is_run(court: Court, tmp_path: Path) -> None:
    """By `review` and `cases pull`; `eval` then asks the question again, and fails on the old answer."""
    court.api.act("promote", "summarize", {"version": "1.0.0"})
    call = answer_badly(court, tmp_path)
    until(
        lambda: [one["call"] for one in court.reviewer.get(f"{HERE}/review").json["data"]] == [call],
        "the queue",
        patience=3 * PATIENCE,
    )
    given = {"PROMPTSTAGE_URL": court.registry.url, "PROMPTSTAGE_TOKEN": court.reviewer.token}
    author = Cli(tmp_path / "prompts", **given, OPENAI_BASE_URL=court.model.url)
    reviewed = author.piped("review", "summarize", stdin=REVIEWED)
    assert reviewed.code == 0, reviewed.err
    assert "  It is sunny." in reviewed.err.splitlines()
    pulled = author("cases", "pull", "summarize", "--json")
    assert pulled.code == 0, pulled.err

    branch = json.loads(pulled.out)["branch"]
    _git(author, "switch", "--quiet", branch)
    (case,) = (tmp_path / "prompts/prompts/summarize.cases.jsonl").read_text().splitlines()
    assert json.loads(case)["vars"] == {"text": QUESTION}
    assert json.loads(case)["source"]["call"] == call
    _ask_again(author, court)


def _ask_again(author: Cli, court: Court) -> None:
    """Run the suite, whose rubric is that of production; the model has not changed its mind, then it has."""
    file = author.folder / "prompts/summarize.prompt.yml"
    file.write_text(PROMPT.replace("CONTENT", "{{text}}"))
    court.model.say = lambda said: (
        '{"pass": false, "score": 0, "reason": "weather"}' if "<rubric>" in said else "It is sunny."
    )
    command = ("eval", "summarize", "--judge", "openai/gpt-5.4-mini", "--max-usd", "1", "--json")
    failed = author(*command)
    assert failed.code == 1, failed.err
    assert QUESTION in str(court.model.asked)
    court.model.say = lambda said: '{"pass": true, "score": 1}' if "<rubric>" in said else "On its way."
    file.write_text(PROMPT.replace("CONTENT", "Be exact: {{text}}"))

    assert author(*command).code == 0


def _git(author: Cli, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", str(author.folder), *arguments], check=True, env={**os.environ, **author.environment}
    )
