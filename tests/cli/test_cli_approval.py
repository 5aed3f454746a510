"""The two-person rule as release managers meet it: one asks, another approves."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from cli.conftest import GUARDED
from cli.shell import Cli
from cli.terminal import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Registry

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture(scope="module")
def _guarded() -> Iterator[str]:
    return iter(GUARDED)


@pytest.fixture(scope="module")
def second(served: Registry) -> str:
    """Another token, that of grace."""
    made = served.api.call("POST", "/v1/tokens", {"name": "grace", "role": "releaser"}).json
    return str(made["secret"])


@pytest.fixture
def ada(tmp_path: Path, served: Registry, _guarded: Iterator[str]) -> Cli:
    """Who asks, in an environment with the rule; the token is named admin."""
    environment = next(_guarded)
    return Cli(
        tmp_path,
        PROMPTSTAGE_URL=served.url,
        PROMPTSTAGE_TOKEN=served.api.token,
        PROMPTSTAGE_ENVIRONMENT=environment,
    )


@pytest.fixture
def grace(ada: Cli, second: str) -> Cli:
    """Who approves."""
    return Cli(ada.folder, **{**ada.environment, "PROMPTSTAGE_TOKEN": second})


@pytest.fixture
def place(ada: Cli) -> str:
    """The environment."""
    return ada.environment["PROMPTSTAGE_ENVIRONMENT"]


@pytest.fixture
def _stable(ada: Cli, grace: Cli) -> None:
    """1.0.0 is in force."""
    assert ada("promote", "summarize", "1.0.0").code == grace("approve", "summarize").code == 0


def test_one_asks_and_another_approves(ada: Cli, grace: Cli, place: str) -> None:
    """The first is told what the other types, the other who asked; and what is in force then."""
    asked = ada("promote", "summarize", "1.0.0", "--reason", "the first one")
    approved = grace("approve", "summarize")

    assert (asked.code, approved.code) == (0, 0)
    assert asked.out == f"summarize in {place}: promote 1.0.0 asked; it awaits approval\n"
    assert asked.err.endswith(f"\nNext, with another token:  promptstage approve summarize -e {place}\n")
    assert "  Versions  nothing yet → 1.0.0\n" in approved.err
    assert re.search(rf"\n  Asked     promote 1.0.0 by admin at {TIME}: the first one\n", approved.err)
    assert approved.out == f"summarize in {place}: 1.0.0 for everyone\n"


@pytest.mark.usefixtures("_stable")
def test_an_approval_shows_what_a_start_shows(ada: Cli, grace: Cli) -> None:
    """Versions, parts that change, users and steps, audience: it is one."""
    start = ada("start", "summarize", "1.1.0", "--steps", "5,50", "--audience", "tenant=acme")
    approved = grace("approve", "summarize")

    assert approved.err.splitlines()[1:-1] == start.err.splitlines()[1:-1]
    assert approved.err.splitlines()[-1].startswith("  Asked     start 1.0.0 → 1.1.0 by admin at ")
    assert approved.out.endswith(": 1.1.0 for 5%, 1.0.0 for the rest (step 1/2, waits for you)\n")


def test_a_script_does_not_take_it_for_released(ada: Cli) -> None:
    """Whoever waits for the clients to have it learns that they will not."""
    done = ada("promote", "summarize", "1.0.0", "--wait")

    assert done.code == 1
    assert "awaits approval" in done.out
    assert done.err.endswith(
        "Error: it is not released yet, so no client was waited for; wait with the approval\n"
    )


def test_the_approval_can_wait(ada: Cli, grace: Cli) -> None:
    """Like any other command that changes what is served."""
    ada("promote", "summarize", "1.0.0")

    assert "no client is connected" in grace("approve", "summarize", "--wait").out


@pytest.mark.parametrize(
    ("command", "words", "remedy"),
    [
        (["approve"], "another token must approve it", "reject summarize -e {}"),
        (
            ["promote", "1.1.0"],
            "admin asked to promote 1.0.0 at ",
            "approve summarize -e {0}, or promptstage reject summarize -e {0}",
        ),
    ],
)
def test_who_asked_cannot_go_on_alone(
    ada: Cli, place: str, command: list[str], words: str, remedy: str
) -> None:
    """The refusal says what can be done instead."""
    ada("promote", "summarize", "1.0.0")
    refused = ada(command[0], "summarize", *command[1:])

    assert refused.code == 1
    assert words in refused.err
    assert refused.err.endswith(f"\nTry:  promptstage {remedy.format(place)}\n")


def test_nothing_to_approve(grace: Cli, place: str) -> None:
    """It says where to look."""
    sentence = f"Error: summarize in {place}: nothing awaits approval here\n"
    helps = f"Try:  promptstage status summarize -e {place}\n"

    assert grace("approve", "summarize").err == sentence + helps


def test_a_rollback_with_nothing_in_force_shows_nothing(ada: Cli) -> None:
    """It is refused: what was asked for stays."""
    ada("promote", "summarize", "1.0.0")
    refused = ada("rollback", "summarize")

    assert (refused.code, refused.err.startswith("Error: ")) == (1, True)
    assert "approval" in ada("status").out


def test_status_shows_what_awaits_approval(ada: Cli, place: str) -> None:
    """Also of a prompt of which nothing is in force yet."""
    ada("promote", "summarize", "1.0.0", "--reason", "the first one")
    lines = ada("status").out.splitlines()

    assert lines[1].split() == ["summarize", "-", "-", "-", "-", "approval", "-"]
    assert re.fullmatch(rf"summarize +promote 1\.0\.0 +admin +{TIME} +the first one", lines[4])
    assert ada("status", "summarize").out.endswith(f"Approve:   promptstage approve summarize -e {place}\n")
    assert json.loads(ada("status", "--json").out)["data"][0]["awaiting_approval"]["op"] == "promote"
    assert "  awaits approval  " in ada("versions", "summarize").out


@pytest.mark.usefixtures("_stable")
def test_the_plan_of_what_awaits_approval(ada: Cli, grace: Cli) -> None:
    """Its clock begins with the approval; what goes on by itself then is said before, and on the way."""
    ada("start", "summarize", "1.1.0", "--steps", "0,10:4h,100")
    awaited = ada("status", "summarize").out.splitlines()[-4:]
    approval = grace("approve", "summarize").err

    assert [line.split() for line in awaited] == [
        ["ASKED", "FOR", "WHEN"],
        ["0%", "when", "it", "is", "approved"],
        ["10%", "when", "you", "advance", "it"],
        ["100%", "by", "itself,", "4h", "after", "it", "reaches", "10%"],
    ]
    assert "            100%  by itself, 4h after it reaches 10%\n" in approval
    assert "100%  by itself, 4h after it reaches 10%\n" in ada("status", "summarize").out


@pytest.mark.usefixtures("_stable")
def test_a_rollout_that_awaits_its_end(ada: Cli, grace: Cli) -> None:
    """It began when it was approved; it may go on by itself, or end with the approval."""
    ada("start", "summarize", "1.1.0", "--steps", "25:2h,100")
    grace("approve", "summarize", "--reason", "read the diff")
    ada("promote", "summarize")
    out = ada("status", "summarize").out

    assert re.search(r"\nsummarize .* 1/2 +in [^,]+, or approval +0/0\n", out)
    assert re.search(rf"\n1/2 +█+░+ 25% +now, since {TIME} by grace: read the diff\n", out)
    assert grace("approve", "summarize").out.endswith(": 1.1.0 for everyone\n")


@pytest.mark.usefixtures("_stable")
def test_a_rejection_leaves_everything(ada: Cli, grace: Cli) -> None:
    """What is refused is shown; the history keeps who and why."""
    ada("start", "summarize", "1.1.0", "--reason", "shorter")
    rejected = grace("reject", "summarize", "--reason", "drops the greeting")
    history = [" ".join(line.split()[2:]) for line in ada("history", "summarize").out.splitlines()[1:]]

    assert re.search(rf"  Asked  start 1.0.0 → 1.1.0 by admin at {TIME}: shorter\n$", rejected.err)
    assert rejected.out.endswith(": 1.0.0 for everyone\n")
    assert history == [
        "grace reject 1.1.0 1.0.0 drops the greeting",
        "admin ask.start 1.0.0 1.1.0 5:12h,25:24h,50:24h,100 shorter",
        "grace approve - 1.0.0",
        "admin ask.promote - 1.0.0",
    ]


@pytest.mark.usefixtures("_stable")
def test_what_is_asked_for_explains_nothing(ada: Cli, grace: Cli) -> None:
    """A user has a version since somebody approved it, not since somebody asked for another."""
    before = ada("explain", "summarize", "--key", "u").out
    for answer in ("reject", "status"):
        ada("start", "summarize", "1.1.0")
        grace(answer, "summarize")

    assert re.search(r"Since: .*: approve - → 1.0.0 by grace\n", before)
    assert ada("explain", "summarize", "--key", "u").out.splitlines()[1:] == before.splitlines()[1:]


@pytest.mark.usefixtures("_stable")
def test_a_rollback_says_what_it_drops(ada: Cli, grace: Cli) -> None:
    """It waits for nobody, and takes with it what was asked for."""
    ada("start", "summarize", "1.1.0")
    grace("approve", "summarize")
    ada("promote", "summarize")
    back = grace("rollback", "summarize")

    assert re.search(rf"  Drops     promote 1.0.0 → 1.1.0 by admin at {TIME}\n", back.err)
    assert back.out.endswith(": 1.0.0 for everyone\n")
    assert "approval" not in ada("status").out


@pytest.mark.usefixtures("_stable")
@pytest.mark.parametrize("command", ["approve", "reject"])
def test_a_person_is_asked_first(ada: Cli, grace: Cli, command: str) -> None:
    """Whatever was forced when it was asked for."""
    ada("promote", "summarize", "2.0.0", "--force")
    with terminal(grace, command, "summarize") as screen:
        screen.see("Asked  +promote 1.0.0 → 2.0.0 by admin")
        screen.see(re.escape("Go ahead? [y/N]"))
        screen.type("n\n")
        screen.see("Note: nothing was changed")

    assert "awaits approval" in ada("versions", "summarize").out.lower()
