"""The commands that change what is in force, against a real registry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.shell import Cli

    State = Callable[[], Any]


@pytest.fixture(autouse=True)
def _stable(manager: Cli, request: pytest.FixtureRequest) -> None:
    """1.0.0 is in force."""
    assert manager("promote", "summarize", "1.0.0").code == 0


def test_from_stable_to_candidate_to_everyone(manager: Cli) -> None:
    """Each command says in a line what is in force now."""
    place = f"summarize in {manager.environment['PROMPTSTAGE_ENVIRONMENT']}: "
    told = [
        manager(*command).out.removeprefix(place).strip()
        for command in (
            ("start", "summarize", "1.1.0", "--steps", "1,25,100"),
            ("advance", "summarize"),
            ("pause", "summarize"),
            ("resume", "summarize"),
            ("advance", "summarize"),
        )
    ]

    assert told == [
        "1.1.0 for 1%, 1.0.0 for the rest (step 1/3, waits for you)",
        "1.1.0 for 25%, 1.0.0 for the rest (step 2/3, waits for you)",
        "1.1.0 for 25%, 1.0.0 for the rest (step 2/3, paused)",
        "1.1.0 for 25%, 1.0.0 for the rest (step 2/3, waits for you)",
        "1.1.0 for everyone",
    ]


def test_promote_completes_the_rollout(manager: Cli, state: State) -> None:
    """Without a version it is the candidate's turn."""
    manager("start", "summarize", "1.1.0")

    assert manager("promote", "summarize").out.endswith(": 1.1.0 for everyone\n")
    assert state()["previous"]["version"] == "1.0.0"


def test_rollback_undoes_once(manager: Cli, state: State) -> None:
    """A second call changes nothing, and says why."""
    manager("promote", "summarize", "1.1.0")
    assert manager("rollback", "summarize", "--reason", "too chatty").code == 0

    again = manager("rollback", "summarize")

    assert (again.code, again.out) == (1, "")
    assert "was undone already" in again.err
    assert state()["stable"]["version"] == "1.0.0"


def test_steps_and_audience_reach_the_registry(manager: Cli, state: State) -> None:
    """One --audience is one target; its attributes must all hold."""
    audience = ["--audience", "tenant=acme,globex,plan=pro", "--audience", "beta=true"]
    manager("start", "summarize", "1.1.0", "--steps", "0, 0.5:10m, 25:1h, 100", *audience)

    assert state()["rollout"]["steps"] == [
        {"percent": 0},
        {"percent": 0.5, "hold": "10m"},
        {"percent": 25, "hold": "1h"},
        {"percent": 100},
    ]
    assert state()["rollout"]["audience"] == [
        {"when": [{"attribute": "tenant", "in": ["acme", "globex"]}, {"attribute": "plan", "in": ["pro"]}]},
        {"when": [{"attribute": "beta", "in": ["true"]}]},
    ]


def test_a_plan_by_its_name(manager: Cli, state: State) -> None:
    """The registry knows what it means."""
    manager("start", "summarize", "latest", "--plan", "careful", "--force")

    assert [step["percent"] for step in state()["rollout"]["steps"]] == [1, 5, 10, 25, 50, 100]
    assert state()["rollout"]["candidate"]["version"] == "2.0.0"


def test_a_version_that_requires_more_needs_force(manager: Cli) -> None:
    """The variables that the apps do not pass yet are named."""
    refused = manager("promote", "summarize", "2.0.0")

    assert refused.code == 1
    assert "requires language" in refused.err
    assert manager("promote", "summarize", "2.0.0", "--force").code == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--plan", "fast", "--steps", "1"],
        ["--plan", "brave"],
        ["--steps", "many"],
        ["--steps", "1:2:3"],
        ["--steps", ""],
        ["--audience", "acme"],
        ["--audience", "tenant="],
    ],
)
def test_what_makes_no_sense_is_a_usage_error(manager: Cli, state: State, options: list[str]) -> None:
    """Nothing is sent."""
    assert manager("start", "summarize", "1.1.0", *options).code == 2
    assert state()["rollout"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["start", "summarize", "9.9.9"], "summarize has no version '9.9.9'"),
        (["start", "summarize", "1.0.0"], "in force for everyone already"),
        (["start", "summarize", "1.1.0", "--steps", "5,3"], "3 does not rise above 5"),
        (["promote", "broken", "1.0.0"], "broken@1.0.0 is invalid"),
        (["advance", "summarize"], "no rollout is under way; start one"),
        (["pause", "nothing"], "there is no prompt 'nothing'"),
        (["pause", "summarize", "-e", "mars"], "there is no environment 'mars'"),
    ],
)
def test_the_registrys_own_words(manager: Cli, arguments: list[str], words: str) -> None:
    """What it refuses, it explains; that goes to stderr."""
    done = manager(*arguments)

    assert (done.code, done.out) == (1, "")
    assert re.search(f"^Error: .*{re.escape(words)}", done.err, re.MULTILINE)
