"""``review`` and ``cases pull``: from a call that users did not like to a case in a commit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from cli.conftest import REVIEWED
from cli.shell import Cli, commit
from cli.terminal import terminal
from outcomes_in import record
from support import PATIENCE, Api, PromptRepository, prompt, until

from registry.cli.review import review

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Registry

CASES = "prompts/summarize.cases.jsonl"


@pytest.fixture(scope="session")
def _reviewed() -> Iterator[str]:
    return iter(REVIEWED)


@pytest.fixture
def place(_reviewed: Iterator[str]) -> str:
    """An environment in which content is kept, and nothing was reported yet."""
    return next(_reviewed)


@pytest.fixture
def reviewer(author: PromptRepository, served: Registry, place: str) -> Cli:
    """The command line of a reviewer, in the prompts repository."""
    made = served.api.call("POST", "/v1/tokens", {"name": f"ada-{place}", "capabilities": ["review"]}).json
    return Cli(
        author.path,
        PROMPTSTAGE_URL=served.url,
        PROMPTSTAGE_TOKEN=made["secret"],
        PROMPTSTAGE_ENVIRONMENT=place,
    )


@pytest.fixture
def report(served: Registry, place: str) -> Callable[..., list[str]]:
    """Report calls with `down`, and wait until they are queued."""

    def send(*texts: str, **fields: Any) -> list[str]:
        path = f"/v1/environments/{place}"
        given = {"response": "It is sunny.", "version": "1.1.0", **fields}
        calls = [record(**{"variables": {"text": text}, **given}) for text in texts]
        api = served.api
        before = queued(served, place)
        assert api.call("POST", f"{path}/calls", {"batch": str(uuid4()), "calls": calls}).status == 200
        said = [{"call": call["id"], "kind": "down", "comment": "wrong"} for call in calls]
        assert api.call("POST", f"{path}/feedback", said).status == 200
        until(lambda: queued(served, place) == before + len(calls), "the queue")
        return [call["id"] for call in calls]

    return send


def queued(served: Registry, place: str) -> int:
    """How many calls wait."""
    made = served.api.call(
        "POST", "/v1/tokens", {"name": f"q-{uuid4().hex[:12]}", "capabilities": ["review"]}
    ).json
    count: int = Api(served.url, made["secret"]).get(f"/v1/environments/{place}/review").json["open"]
    return count


def lines(author: PromptRepository, branch: str = "cases/summarize") -> list[Any]:
    """The cases on a branch."""
    return [json.loads(line) for line in author.git("show", f"{branch}:{CASES}").splitlines()]


def test_from_down_to_a_case_in_two_commands(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]]
) -> None:
    """What a person said of a call that users did not like is in a commit, with the call's input."""
    (call,) = report("Where is my parcel?")
    done = reviewer.piped("review", "summarize", stdin="b It knows nothing of parcels.\n")
    assert done.code == 0, done.err
    for shown in ("Where is my parcel?", "It is sunny.", "feedback: down: wrong", "1 of 1"):
        assert shown in done.err
    assert "1 labelled: 0 good, 1 bad" in done.out
    done = reviewer("cases", "pull", "summarize")
    assert done.code == 0, done.err

    (case,) = lines(author)
    assert case["source"] == {
        "call": call,
        "label": "bad",
        "by": f"ada-{reviewer.environment['PROMPTSTAGE_ENVIRONMENT']}",
        "at": case["source"]["at"],
    }
    assert case["vars"] == {"text": "Where is my parcel?"}
    assert case["id"] == f"summarize-{call[-12:]}"
    assert case["description"] == "It knows nothing of parcels."
    assert (
        author.git("log", "-1", "--format=%s", "cases/summarize") == "Add 1 case of summarize from production"
    )
    assert author.git("status", "--porcelain") == ""
    assert author.git("branch", "--show-current") == "main"
    assert author.git("worktree", "list").count("\n") == 0
    assert "promptstage eval summarize" in done.err


def test_lines_of_a_pipe(reviewer: Cli, report: Callable[..., list[str]]) -> None:
    """A line each; what says nothing is named, and the end of the input is the end."""
    report("a", "b", "c", "d")
    done = reviewer.piped("review", "--tag", "refund", "--json", stdin="g\nwhat\n\ne A label goes out.\nn\n")
    labels = json.loads(done.out)["data"]

    assert [(label["verdict"], label["expected"], label["tags"]) for label in labels] == [
        ("good", None, ["refund"]),
        ("bad", "A label goes out.", ["refund"]),
    ]
    assert "'what' says nothing" in done.err
    assert "nothing waits for review" in reviewer.piped("review", "other", stdin="g\n").err


def test_keys_of_a_terminal(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]], tmp_path: Path
) -> None:
    """Each without Enter; the editor begins with the answer."""
    calls = report("\x1b[31mred", *(f"text {i}" for i in range(3)), response="line\n" * 40)
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nhead -c 4 "$1" > "$0.seen"; echo better > "$1"\n')
    editor.chmod(0o755)
    given = {**reviewer.environment, "EDITOR": str(editor)}
    with terminal(Cli(author.path, **given), "review", "summarize") as shown:
        shown.see(r"\[g\]ood")
        assert "\x1b[31mred" not in shown.text
        shown.see("m shows all of it: 40 lines")
        shown.press("m")
        shown.see(r"\[g\]ood", 2)
        shown.press("z\x1b[Bt")  # no keys, one of them an arrow: nothing happens
        shown.see("Note:")
        shown.type("why not\n")
        shown.see(r"\[g\]ood", 3)
        for key, then in (("e", "2 of 4"), ("g", "3 of 4"), ("n", "4 of 4"), ("q", "2 labelled")):
            shown.press(key)
            shown.see(then)
        assert shown.process.wait(PATIENCE) == 0
        shown.see("2 labelled: 1 good, 1 bad")

    assert (tmp_path / "editor.seen").read_text() == "line"
    done = reviewer("cases", "pull", "--json")
    made = json.loads(done.out)
    assert {case["call"] for case in made["cases"]} < set(calls)
    expected = {case.get("expected"): case.get("description") for case in lines(author, made["branch"])}
    assert expected == {"better": "why not", None: None}


def test_a_score_is_shown_after_the_label(
    reviewer: Cli, served: Registry, report: Callable[..., list[str]], place: str
) -> None:
    """Before it, nothing tells that there is one."""
    (call,) = report("a")
    path = f"/v1/environments/{place}"
    score = {"call": call, "name": "tone", "value": 0.9, "judge": "gpt-5-mini"}
    assert served.api.call("POST", f"{path}/scores", score).status == 200
    until(lambda: served.api.get(f"{path}/calls/{call}").json["scores"], "the score")
    before, _, after = reviewer.piped("review", stdin="b\n").err.partition("judge: tone 0.9")

    assert after.splitlines()[0] == " by gpt-5-mini: good; you: bad"
    assert "tone" not in before
    assert "gpt-5-mini" not in before


def test_one_call_can_be_chosen(reviewer: Cli, report: Callable[..., list[str]]) -> None:
    """By its id; once it is labelled by somebody else, that is said."""
    first, second = report("a", "b")
    assert "1 labelled" in reviewer.piped("review", "--call", second, stdin="g\n").out
    done = reviewer.piped("review", "--call", second, stdin="g\n")

    assert (done.code, "called" in done.err) == (1, True)
    assert reviewer.piped("review", "--call", "7", stdin="g\n").code == 1
    assert first in reviewer.piped("review", stdin="q\n").err


def test_an_admin_does_not_review(manager: Cli) -> None:
    """Whoever runs the registry does not thereby read what users wrote."""
    done = manager.piped("review", stdin="g\n")

    assert (done.code, "role review" in done.err) == (1, True)


def test_a_second_pull_finds_nothing_new(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]]
) -> None:
    """Nor does one in another clone, or after the case was removed: the file's history has it."""
    report("a", "b")
    reviewer.piped("review", stdin="b\nb\n")
    assert reviewer("cases", "pull").code == 0
    done = reviewer("cases", "pull")
    assert (done.code, "the branch cases/all is here already" in done.err) == (1, True)
    author.git("merge", "--quiet", "cases/all")
    author.git("rm", "--quiet", CASES)
    author.git("commit", "--quiet", "-m", "Remove them")
    author.git("branch", "--quiet", "--delete", "cases/all")
    for again in ((), ("--again",)):
        done = reviewer("cases", "pull", *again)
        assert (done.code, "no new label is to become a case" in done.err) == (0, True)
    assert author.git("branch", "--list", "cases/*") == ""


def test_a_branch_that_was_thrown_away(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]]
) -> None:
    """Its labels are pulled again, if that is asked for."""
    report("a")
    reviewer.piped("review", stdin="b\n")
    reviewer("cases", "pull")
    author.git("branch", "--quiet", "--delete", "--force", "cases/all")
    author.git("reflog", "expire", "--expire=now", "--all")
    assert "no new label" in reviewer("cases", "pull").err

    assert reviewer("cases", "pull", "--again").code == 0
    assert len(lines(author, "cases/all")) == 1


def test_a_registry_that_did_not_hear_of_it(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pull that was cut off after its commit is made up for by the next."""
    from registry.cli.review import cases  # noqa: PLC0415

    report("a")
    reviewer.piped("review", stdin="b\n")
    with monkeypatch.context() as patched:
        patched.setattr(cases, "_note", lambda *_: None)
        assert reviewer("cases", "pull").code == 0
    assert "no new label" in reviewer("cases", "pull", "--branch", "other").err
    assert "no new label" in reviewer("cases", "pull", "--branch", "other").err
    assert len(lines(author, "cases/all")) == 1


def test_a_dirty_tree_stays_as_it_is(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]]
) -> None:
    """What is staged or not is not committed; only changes of the very file are in the way."""
    report("a")
    reviewer.piped("review", stdin="b\n")
    commit(author, CASES, '{"id": "mine", "vars": {"text": "x"}}')
    (author.path / "staged").write_text("x")
    author.git("add", "staged")
    (author.path / "prompts/summarize.prompt.yml").write_text(prompt("{{text}} changed"))
    (author.path / CASES).write_text("{}\n")
    done = reviewer("cases", "pull")
    assert (done.code, f"{CASES} differs from what HEAD holds" in done.err) == (1, True)
    author.git("checkout", "--quiet", "--", CASES)
    assert reviewer("cases", "pull").code == 0

    assert lines(author, "cases/all")[0]["id"] == "mine"
    assert author.git("diff", "--name-only", "main", "cases/all") == CASES
    status = set(author.git("status", "--porcelain").split())
    assert status == {"A", "M", "staged", "prompts/summarize.prompt.yml"}


def test_what_becomes_no_case_is_named(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]]
) -> None:
    """One with a secret, one without variables, and one of a prompt that is not in this repository."""
    secret = "sk-" + "a1" * 20
    calls = report(f"my key is {secret}", "fine")
    calls += report("x", variables=None, messages=[{"role": "user", "content": "hi"}])
    calls += report("y", prompt="support/triage", version="1.0.0")
    reviewer.piped("review", stdin="b\nb\nb\nb\n")
    done = reviewer("cases", "pull")

    assert len(lines(author, "cases/all")) == 1
    for call, why in zip(
        (calls[0], *calls[2:]), ("an API key of OpenAI", "no variables", "no prompt"), strict=True
    ):
        assert any(call in line and why in line for line in done.err.splitlines()), done.err
    assert secret not in done.err + done.out


def test_a_hook_that_refuses_leaves_nothing(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]]
) -> None:
    """No branch, no worktree; the labels are pulled when it does not any more."""
    report("a")
    reviewer.piped("review", stdin="b\n")
    hook = author.path / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho no cases today >&2; exit 1\n")
    hook.chmod(0o755)
    done = reviewer("cases", "pull")
    assert (done.code, "no cases today" in done.err) == (1, True)
    assert author.git("branch", "--list", "cases/*") == ""
    assert author.git("worktree", "list").count("\n") == 0
    hook.unlink()

    assert reviewer("cases", "pull").code == 0


def test_a_person_sees_the_cases_first(
    reviewer: Cli, author: PromptRepository, report: Callable[..., list[str]]
) -> None:
    """And may say no."""
    report("Where is it?")
    reviewer.piped("review", stdin="b\n")
    with terminal(reviewer, "cases", "pull") as shown:
        shown.see("Commit 1 case on the new branch cases/all")
        assert "Where is it?" in shown.text
        shown.type("n\n")
        assert shown.process.wait(PATIENCE) == 1

    assert author.git("branch", "--list", "cases/*") == ""


def test_scores_are_bad_below_the_bound_of_the_queue() -> None:
    """The command line says what the registry says."""
    from registry.review import rules  # noqa: PLC0415

    assert review.BOUND == rules.BOUND
