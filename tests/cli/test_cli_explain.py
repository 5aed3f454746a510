"""``explain``: why a user gets a version, then and now."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from promptstage.evaluation import bucket
from registry.wording import explanation

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.shell import Cli

    State = Callable[[], Any]


def user(salt: str, first: int, last: int) -> tuple[str, int]:
    """A key whose bucket is in a range, and that bucket."""
    keys = (f"user-{i}" for i in range(10_000))
    return next((key, found) for key in keys if first <= (found := bucket(salt, key)) <= last)


@pytest.fixture(autouse=True)
def _rollout(manager: Cli) -> None:
    """1.1.0 goes to a tenth of the users, and to acme."""
    manager("promote", "summarize", "1.0.0")
    options = ["--steps", "10,100", "--audience", "tenant=acme", "--reason", "shorter"]
    assert manager("start", "summarize", "1.1.0", *options).code == 0


@pytest.mark.parametrize(
    ("buckets", "version", "words"),
    [
        ((0, 9999), "1.1.0", "canary, which gets 1.1.0, has 0 to 9999"),
        ((90000, 99999), "1.0.0", "control, which keeps 1.0.0, has 90000 to 99999"),
        ((10000, 89999), "1.0.0", "neither in canary (0 to 9999) nor in control (90000 to 99999), so 1.0.0"),
    ],
)
def test_a_share_in_words(
    manager: Cli, state: State, buckets: tuple[int, int], version: str, words: str
) -> None:
    """The bucket, and which arm has it."""
    key, number = user(state()["rollout"]["salt"], *buckets)

    out = manager("explain", "summarize", "--key", key).out

    assert out.startswith(f"summarize@{version} for {key} in ")
    assert f"Why:      bucket {number} of 100000: {words}" in out
    assert f"Rollout:  {state()['rollout']['id']}, 1.0.0 → 1.1.0, step 1/2 at 10%, running\n" in out
    assert out.endswith("start 1.0.0 → 1.1.0 by admin (shorter)\n")


def test_an_audience_in_words(manager: Cli) -> None:
    """Which of its targets matched."""
    out = manager("explain", "summarize", "-k", "u", "-a", "tenant=acme").out

    assert "the audience of the rollout gets 1.1.0 whatever the share: tenant is acme\n" in out


def test_a_pin_in_words(manager: Cli) -> None:
    """Of a conversation that began before the promote; a forged one is said to be ignored."""
    stable = json.loads(manager("explain", "summarize", "-k", "u", "--json").out)["state"]["stable"]
    mine = f"-:1.0.0:stable:{stable['digest'][7:19]}"
    manager("promote", "summarize")
    good = manager("explain", "summarize", "-k", "u", "--pin", mine).out
    forged = manager("explain", "summarize", "-k", "u", "--pin", f"{mine}0").out

    assert good.startswith("summarize@1.0.0 for u in ")
    assert "Why:    the pin names 1.0.0, which is served or recent\n" in good
    assert forged.startswith("summarize@1.1.0 for u in ")
    assert "Pin:    ignored: it names no version that is served or recent, or not its digest\n" in forged


def test_then_and_now(manager: Cli, state: State) -> None:
    """What was so at a time is replayed from the journal, with who had made it so."""
    key, _ = user(state()["rollout"]["salt"], 0, 9999)
    then = datetime.now(UTC).isoformat()
    manager("rollback", "summarize", "--reason", "too terse")

    now = manager("explain", "summarize", "--key", key).out
    before = manager("explain", "summarize", "--key", key, "--at", then).out

    assert "no rollout is under way, so everyone gets 1.0.0" in now
    assert now.endswith("rollback 1.1.0 → 1.0.0 by admin (too terse)\n")
    assert before.startswith(f"summarize@1.1.0 for {key} in ")
    assert before.endswith("start 1.0.0 → 1.1.0 by admin (shorter)\n")


def test_before_the_first_release(manager: Cli) -> None:
    """Nothing was in force then."""
    done = manager("explain", "summarize", "--key", "u", "--at", "2020-01-01T00:00:00Z")

    assert done.code == 1
    assert "had no release in" in done.err


def test_json(manager: Cli) -> None:
    """All of it for programs."""
    found = json.loads(manager("explain", "summarize", "--key", "u", "--json").out)

    assert found["resolved"]["rollout"] == found["state"]["rollout"]["id"]
    assert found["change"]["seq"] == found["state"]["seq"]


@pytest.mark.parametrize(
    "options", [["--key", ""], ["--key", "u", "--at", "soon"], ["--key", "u", "-a", "acme"], []]
)
def test_what_makes_no_sense_is_a_usage_error(manager: Cli, options: list[str]) -> None:
    """It is said what is accepted."""
    assert manager("explain", "summarize", *options).code == 2


def test_nobody_knows_what_is_yet_to_come(manager: Cli) -> None:
    """What is in force now may have changed by then: it is no answer."""
    manager("promote", "summarize", "1.0.0")
    done = manager("explain", "summarize", "--key", "user-42", "--at", "2999-01-01T00:00:00Z")

    assert done.code == 2
    assert "is in the future" in done.err


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"reason": "STATIC", "arm": "stable"}, "no rollout was under way, so everyone had 1.3.0"),
        ({"reason": "SPLIT", "arm": "canary"}, "in the canary of rollout r-1, which had 1.3.0"),
        ({"reason": "SPLIT", "arm": "control"}, "in the control of rollout r-1, which kept 1.3.0"),
        ({"reason": "SPLIT", "arm": "stable"}, "neither in the canary nor in the control of rollout r-1, so"),
        ({"reason": "TARGETING_MATCH", "arm": "canary"}, "the audience of rollout r-1 had 1.3.0 whatever"),
        ({"reason": "PINNED", "arm": "pinned"}, "the conversation is pinned to 1.3.0"),
        ({"reason": "FALLBACK", "version": "fallback"}, "the app's own text, as it had no release"),
    ],
)
def test_a_call_says_why(said: dict[str, str], expected: str) -> None:
    """By what its client said when it decided."""
    assert expected in explanation.of_call({"version": "1.3.0", "rollout": "r-1", **said})


def test_a_call_that_does_not_say_why() -> None:
    """Such as one that another tool reported."""
    assert not explanation.of_call({"id": "1", "reason": None})
