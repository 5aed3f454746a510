"""``promptstage eval``: models are asked over HTTP by OpenAI's SDK, answers are kept, verdicts are told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from cli.shell import Cli, commit
from model_server import Raw
from suites import chat_model
from suites.chat_model import answer_of, refusal
from support import PATIENCE, PromptRepository, Registry, prompt, promptstage, until

from registry.suites.run import asking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from suites.chat_model import ChatModel

PROMPT = """\
model: openai/gpt-5.4-mini
messages:
  - role: user
    content: "Echo: {{text}}"
"""
WORSE = PROMPT.replace("Echo", "Forget")


def case(name: str, *words: str, **more: Any) -> str:
    """Write a case whose answer must have these words in it."""
    checks = [{"type": "contains", "value": word} for word in words or (name,)]
    return json.dumps({"id": name, "vars": {"text": name}, "assert": checks, **more}) + "\n"


def say(text: str) -> str:
    """Repeat what is to be echoed, and forget the rest."""
    return text if text.startswith("Echo") else "nothing"


@pytest.fixture
def model() -> Iterator[ChatModel]:
    """A model that echoes."""
    with chat_model.serve(say) as served:
        yield served


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """A repository with a prompt of three cases, tagged as 1.0.0."""
    repository = PromptRepository(tmp_path / "prompts-repository")
    commit(repository, "prompts/echo.cases.jsonl", "".join(map(case, ("one", "two", "three"))))
    repository.tag("echo", "1.0.0", PROMPT)
    return repository


@pytest.fixture
def cli(author: PromptRepository, model: ChatModel) -> Cli:
    """The command line in the repository; its models are the test's own."""
    return Cli(author.path, OPENAI_BASE_URL=model.url, OPENAI_API_KEY="sk-test")


def report(cli: Cli, *arguments: object, code: int = 0) -> Any:
    """Evaluate, and return the JSON of the report."""
    done = cli("eval", *arguments, "--format", "json")
    assert done.code == code, done.err + done.out
    return json.loads(done.out)


def test_a_second_run_asks_nothing(cli: Cli, model: ChatModel) -> None:
    """Each case is asked as an app asks it, once: the answers are kept."""
    first = report(cli, "echo")
    second = report(cli, "echo")

    assert (first["requests"], second["requests"], second["kept"]) == (3, 0, 3)
    assert sorted(body["messages"][-1]["content"] for body in model.asked) == [
        "Echo: one",
        "Echo: three",
        "Echo: two",
    ]
    assert {body["model"] for body in model.asked} == {"gpt-5.4-mini"}
    assert first["prompts"][0]["candidate"]["passed"] == second["prompts"][0]["candidate"]["passed"] == 3
    assert first["spent_usd"] > 0
    assert second["spent_usd"] == 0


def test_a_regressed_case_is_named_with_both_answers(cli: Cli, author: PromptRepository) -> None:
    """It passed with the version that was tagged, and fails in the worktree; that is exit code 1."""
    author.path.joinpath("prompts/echo.prompt.yml").write_text(WORSE)

    (found,) = report(cli, "echo", "--against", "1.0.0", code=1)["prompts"]

    assert found["regressed"] == ["one", "two", "three"]
    assert found["reasons"] == ["3 cases regressed", "no case passes"]
    assert found["mcnemar_p"] == 0.25
    assert [
        side["answer"] for side in (found["details"][0]["against"], found["details"][0]["candidate"])
    ] == [
        "Echo: one",
        "nothing",
    ]


def test_the_table_says_what_failed_and_why_first(cli: Cli, author: PromptRepository) -> None:
    """People read from the top."""
    author.path.joinpath("prompts/echo.prompt.yml").write_text(WORSE)

    done = cli("eval", "echo", "--against", "1.0.0")

    lines = [line.strip() for line in done.out.splitlines() if line]
    assert lines[1:6] == [
        "regressed one  prompts/echo.cases.jsonl:1",
        'contains: the answer does not have "one" in it',
        "before: Echo: one",
        "now:    nothing",
        "regressed two  prompts/echo.cases.jsonl:2",
    ]
    assert lines[-1] == "FAILED"


def test_an_override_lets_failures_pass_and_says_so(cli: Cli, author: PromptRepository) -> None:
    """At the top of every form; an empty one, as of a label that is not there, is none."""
    author.path.joinpath("prompts/echo.prompt.yml").write_text(WORSE)
    override = ("eval", "echo", "--against", "1.0.0", "--override")

    passed = cli(*override, "label by ada")
    refused = cli(*override, "")

    assert (passed.code, refused.code) == (0, 1)
    assert passed.out.splitlines()[0] == "OVERRIDDEN, so failures are let pass: label by ada"


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (Raw(200, b"<html>"), "bad_answer", "no JSON: <html>"),
        (Raw(200, b'{"choices": []}'), "bad_answer", "choices[0] is no JSON object"),
        (Raw(200, b'{"choices": [{"message": {"content": 3}}]}'), "bad_answer", "content is no text"),
        (Raw(200, json.dumps(answer_of("one")).encode(), cut=20), "cut_off", "cut the connection"),
        (refusal(500), "server_error", "answered 500"),
        (refusal(429, retry_after="0"), "rate_limited", "answered 429"),
        (refusal(429, "insufficient_quota"), "rate_limited", "answered 429"),
        (refusal(400), "refused", "answered 400"),
        (refusal(401), "refused", "is OPENAI_API_KEY right?"),
        (refusal(404), "refused", "is gpt-5.4-mini a model there?"),
    ],
)
def test_what_is_no_answer_is_an_error_and_never_a_failed_check(  # noqa: PLR0913, PLR0917 - three of one row
    cli: Cli, model: ChatModel, monkeypatch: pytest.MonkeyPatch, sent: Raw, kind: str, words: str
) -> None:
    """The run could not be completed, which is exit code 3; the answers that came are kept."""
    monkeypatch.setattr(asking, "BACK_OFF_BASE", 0.001)
    monkeypatch.setattr(asking, "PATIENCE", -1.0)
    model.script = [sent] * 100

    found = report(cli, "echo", "--concurrency", 1, code=3)

    side = found["prompts"][0]["details"][0]["candidate"]
    assert (side["outcome"], side["fails"], side["trouble"]["kind"]) == ("error", 0, kind)
    assert words in side["trouble"]["message"]
    assert found["prompts"][0]["reasons"] == ["3 cases without a verdict"]


@pytest.mark.parametrize(
    "sent",
    [
        [refusal(500), refusal(502), refusal(503)],
        [refusal(429, retry_after="0.01"), refusal(429, retry_after_ms="1"), refusal(429)],
        [Raw(200, json.dumps(answer_of("one")).encode(), cut=20)],
    ],
    ids=["5xx", "429", "cut"],
)
def test_what_passes_is_asked_again(
    cli: Cli, model: ChatModel, monkeypatch: pytest.MonkeyPatch, sent: list[Raw]
) -> None:
    """A restart of the server, a rate limit, a connection that was cut."""
    monkeypatch.setattr(asking, "BACK_OFF_BASE", 0.001)
    model.script = sent.copy()

    found = report(cli, "echo", "--concurrency", 1)

    assert found["requests"] == 3 + len(sent)


def test_a_refused_key_is_asked_once(cli: Cli, model: ChatModel) -> None:
    """The other cases would be refused, too."""
    model.script = [refusal(401)] * 3

    found = report(cli, "echo", "--concurrency", 1, code=3)

    assert found["requests"] == 1


def test_a_budget_of_nothing_asks_nothing(cli: Cli, model: ChatModel) -> None:
    """What is kept is enough afterwards."""
    refused = report(cli, "echo", "--max-usd", 0, code=3)
    cli("eval", "echo")
    asked = len(model.asked)
    passed = report(cli, "echo", "--max-usd", 0)

    assert (refused["requests"], refused["stopped"]) == (0, "budget")
    message = refused["prompts"][0]["details"][0]["candidate"]["trouble"]["message"]
    assert message == "it would go beyond the $0 of --max-usd"
    assert (len(model.asked), passed["requests"], passed["stopped"]) == (asked, 0, None)


def test_a_budget_is_kept_to(cli: Cli, author: PromptRepository, model: ChatModel) -> None:
    """It stops before the answer that would go beyond it, and the next run goes on from there."""
    many = "".join(case(f"case-{number}") for number in range(40))
    author.path.joinpath("prompts/echo.cases.jsonl").write_text(many)

    stopped = report(cli, "echo", "--max-usd", 0.003, code=3)
    rest = report(cli, "echo")

    assert stopped["stopped"] == "budget"
    assert 0 < stopped["spent_usd"] <= 0.003
    assert len(model.asked) == stopped["requests"] + rest["requests"] == 40


def test_offline_takes_only_what_is_kept(cli: Cli, model: ChatModel) -> None:
    """No model is asked, and none is needed: not even a key."""
    missing = report(cli, "echo", "--offline", code=3)
    cli("eval", "echo")
    kept = json.loads(cli("eval", "echo", "--offline", "--json", OPENAI_API_KEY="").out)

    side = missing["prompts"][0]["details"][0]["candidate"]
    assert side["trouble"]["message"] == "there is no kept answer, and --offline asks no model"
    assert (kept["result"], kept["requests"], len(model.asked)) == ("passed", 0, 3)


def test_ctrl_c_keeps_what_came(cli: Cli, author: PromptRepository, model: ChatModel) -> None:
    """What is under way ends, the report says what is missing, and the next run goes on from there."""
    many = "".join(case(f"case-{number}") for number in range(200))
    author.path.joinpath("prompts/echo.cases.jsonl").write_text(many)
    variables = {**os.environ, **cli.environment}
    command = [*promptstage(), "eval", "echo", "--json", "--concurrency", "2"]
    with subprocess.Popen(
        command, cwd=author.path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: len(model.asked) > 5, "some answers")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    found, answered = json.loads(out), len(model.asked)
    rest = report(cli, "echo")

    assert process.returncode == 3
    assert "Traceback" not in err
    assert (found["stopped"], found["requests"]) == ("interrupted", answered)
    assert found["prompts"][0]["candidate"]["passed"] == answered < 200
    assert (rest["kept"], rest["requests"]) == (answered, 200 - answered)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nope"], 3, "there is no prompts/nope.prompt.yml"),
        (["echo@9.0.0"], 3, "echo has no version 9.0.0 in this clone; here are 1.0.0"),
        (["echo", "--tag", "x"], 3, "no case of echo has a tag of x"),
        (["echo", "--against", "nowhere"], 3, "there is no commit nowhere in this clone"),
        (["echo", "--changed", "main"], 2, "give names or --changed, not both"),
        (["echo", "-o", "report.txt"], 2, "must end in .json, .xml, .md"),
        (["echo", "--repeat", "0"], 2, "write 1 or more"),
    ],
)
def test_what_cannot_be_run_says_why(cli: Cli, arguments: list[str], code: int, words: str) -> None:
    """Wrong usage is 2, and all else 3: neither is a verdict on a prompt."""
    done = cli("eval", *arguments)

    assert done.code == code
    assert words in " ".join(done.err.split())


def test_a_missing_package_is_named_with_its_remedy(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK is an extra of the distribution."""
    monkeypatch.setitem(sys.modules, "openai", None)

    done = cli("eval", "echo")

    assert done.code == 3
    assert "install it:  pip install openai" in done.err


def test_a_missing_key_is_named(cli: Cli) -> None:
    """A server on this machine wants none; any other is asked with one."""
    done = cli("eval", "echo", OPENAI_BASE_URL="", OPENAI_API_KEY="")

    assert done.code == 3
    assert "OPENAI_API_KEY is not set, and https://api.openai.com/v1 wants a key" in done.err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"OPENAI_API_KEY": "schl\u00fcssel"},
            "OPENAI_API_KEY holds characters that no key has; copy it again",
        ),
        ({"OPENAI_API_KEY": "sk-\r-1"}, "OPENAI_API_KEY holds characters that no key has; copy it again"),
        (
            {"OPENAI_BASE_URL": "gateway"},
            "OPENAI_BASE_URL is 'gateway', which is no URL; write it like https://api",
        ),
        (
            {"OPENAI_BASE_URL": "http://["},
            "OPENAI_BASE_URL is 'http://[', which is no URL; write it like https://",
        ),
    ],
)
def test_a_place_that_cannot_be_asked(cli: Cli, variables: dict[str, Any], said: str) -> None:
    """At once: the SDK would fail with a traceback, or with the key in its words."""
    done = cli("eval", "echo", **variables)

    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"Error: {said}")


@pytest.fixture
def attested(author: PromptRepository, tmp_path: Path) -> Iterator[Registry]:
    """A registry of the author's own: attestations are everybody's."""
    author.tag("summarize", "1.0.0", prompt("summarize 1.0.0: {{text}}"))
    registry = Registry(author.path, tmp_path / "data")
    yield registry
    registry.kill()


def test_the_result_is_attested(
    cli: Cli, author: PromptRepository, attested: Registry, model: ChatModel
) -> None:
    """For exactly this file, which the registry has as a version, with a report that is kept."""
    author.path.joinpath("prompts/summarize.cases.jsonl").write_text(case("one", "nothing"))
    given = {"PROMPTSTAGE_URL": attested.url, "PROMPTSTAGE_TOKEN": attested.api.token}
    attester = Cli(author.path, **given | cli.environment)

    done = attester(
        *("eval", "summarize", "--model", "openai/gpt-5.4-mini", "--against", "stable", "--attest")
    )

    assert done.code == 0, done.err
    assert "summarize has no stable version" in done.err
    (made,) = attested.api.get("/v1/prompts/summarize/versions/1.0.0/attestations").json["data"]
    digest = made["report"].removeprefix("sha256:")
    kept = author.path.joinpath(f".promptstage/reports/{digest}.json").read_bytes()
    assert (sha256(kept).hexdigest(), json.loads(kept)["prompts"][0]["prompt"]) == (digest, "summarize")
    assert {
        name: made[name] for name in ("model", "response_model", "against", "cases", "passed", "result")
    } == {
        "model": "openai/gpt-5.4-mini",
        "response_model": "gpt-5.4-mini-2026-03-05",
        "against": None,
        "cases": 1,
        "passed": 1,
        "result": "passed",
    }


def test_what_is_attested_is_compared_with_a_version(cli: Cli, model: ChatModel) -> None:
    """A branch is none, which is said before a model is asked; nor is a part of a suite a proof."""
    branch = cli("eval", "echo", "--against", "main", "--attest")
    part = cli("eval", "echo", "--tag", "x", "--attest")

    assert (branch.code, part.code, model.asked) == (3, 2, [])
    assert "main is no version that a comparison of echo can be attested with" in branch.err


def test_stable_needs_a_registry(cli: Cli) -> None:
    """Without one it says what else there is to compare with."""
    done = cli("eval", "echo", "--against", "stable", PROMPTSTAGE_URL="http://127.0.0.1:9")

    assert done.code == 3
    assert "--against 1.2.0, --against main" in done.err


def test_a_slow_answer_is_an_error(cli: Cli, model: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a whole, however slowly it drips in; it is asked for again, a bounded number of times."""
    over = threading.Event()
    monkeypatch.setattr(asking, "SECONDS", 0.2)
    monkeypatch.setattr(asking, "BACK_OFF_BASE", 0.001)
    model.say = lambda text: (over.wait(PATIENCE) and text) or ""

    found = report(cli, "echo", code=3)
    over.set()

    side = found["prompts"][0]["details"][0]["candidate"]
    assert (side["outcome"], side["trouble"]["kind"]) == ("error", "timeout")
    assert "had no answer within 0.2 s" in side["trouble"]["message"]
    assert found["requests"] == 3 * asking.ATTEMPTS


def test_a_second_ctrl_c_drops_what_is_under_way(
    cli: Cli, author: PromptRepository, model: ChatModel
) -> None:
    """Of a model that answers nothing, too; the report still says what is missing."""
    over = threading.Event()
    model.say = lambda text: (over.wait(PATIENCE) and text) or ""
    command = [*promptstage(), "eval", "echo", "--json"]
    variables = {**os.environ, **cli.environment}
    with subprocess.Popen(
        command, cwd=author.path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        until(lambda: len(model.asked) == 3, "questions")
        process.send_signal(signal.SIGINT)
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    over.set()

    assert "Ctrl-C again drops them" in said
    assert (process.returncode, err) == (3, "")
    assert json.loads(out)["prompts"][0]["candidate"]["missing"] == 3


def test_a_check_that_explodes_is_an_error_of_its_case(cli: Cli, author: PromptRepository) -> None:
    """The others are judged all the same."""
    exploding = {"type": "regex", "value": "(e+)+#"}
    cases = json.dumps({"id": "boom", "vars": {"text": "e" * 60}, "assert": [exploding]}) + "\n" + case("one")
    author.path.joinpath("prompts/echo.cases.jsonl").write_text(cases)

    (found,) = report(cli, "echo", code=3)["prompts"]

    boom, one = (each["candidate"] for each in found["details"])
    assert (boom["outcome"], boom["trouble"]["kind"], one["outcome"]) == ("error", "bad_check", "passed")
    assert "regex took more than" in boom["trouble"]["message"]


def test_versions_that_ask_the_same_share_the_answers(cli: Cli, model: ChatModel) -> None:
    """A change that changes no request costs nothing, and changes nothing."""
    found = report(cli, "echo", "--against", "1.0.0", "--repeat", 2)

    assert (found["requests"], found["prompts"][0]["regressed"]) == (6, [])
    assert len(model.asked) == 6


def test_only_what_changed_is_run(cli: Cli, author: PromptRepository, model: ChatModel) -> None:
    """By the prompt's file, its cases, or a partial, committed or not; nothing at all is fine, too."""
    author.tag("other", "1.0.0", PROMPT.replace("Echo:", "Echo: other:"))
    commit(author, "prompts/other.cases.jsonl", case("one"))

    nothing = report(cli, "--changed", "main")
    author.path.joinpath("prompts/other.cases.jsonl").write_text(case("two"))
    found = report(cli, "--changed", "main", "--against", "main")

    assert (nothing["prompts"], nothing["result"]) == ([], "passed")
    assert [prompt["prompt"] for prompt in found["prompts"]] == ["other"]
    assert found["prompts"][0]["against"]["label"] == "main"
    assert {body["messages"][-1]["content"] for body in model.asked} == {"Echo: other: two"}


def test_a_rate_limit_holds_back_all_questions(cli: Cli, author: PromptRepository, model: ChatModel) -> None:
    """One 429 with its time, and nobody asks before that is over."""
    many = "".join(case(f"case-{number}") for number in range(12))
    author.path.joinpath("prompts/echo.cases.jsonl").write_text(many)
    times: list[float] = []
    model.say = lambda text: times.append(time.monotonic()) or text  # type: ignore[func-returns-value]
    model.script = [refusal(429, retry_after="0.7")]

    found = report(cli, "echo", "--concurrency", 1)

    assert (found["requests"], found["result"]) == (13, "passed")
    assert model.refused_at is not None
    assert min(times) - model.refused_at >= 0.7


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("markdown", "### Prompts: failed"),
        ("junit", '<failure type="regressed"'),
        ("github", "::error file=prompts/echo.cases.jsonl,line=1,col=1,title=promptstage eval regressed::"),
    ],
)
def test_every_form_is_printed(cli: Cli, author: PromptRepository, form: str, words: str) -> None:
    """And written to files besides, from one run."""
    author.path.joinpath("prompts/echo.prompt.yml").write_text(WORSE)
    files = ("-o", "out/a.json", "-o", "out/a.xml", "-o", "out/a.md")

    done = cli("eval", "echo", "--against", "1.0.0", "--format", form, *files)

    assert done.code == 1
    assert words in done.out
    written = {file.suffix: file.read_text() for file in author.path.glob("out/*")}
    assert sorted(written) == [".json", ".md", ".xml"]
    assert json.loads(written[".json"])["prompts"][0]["regressed"] == ["one", "two", "three"]
