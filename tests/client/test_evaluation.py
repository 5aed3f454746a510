"""The decision: equal to an independent program's, fair, and stable while a rollout widens."""

from __future__ import annotations

import json
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from client.fake_registry import release as body_of

from promptstage._replica.release_store import HeldRelease
from promptstage.errors import ReleaseInvalid
from promptstage.evaluation import bucket, decide
from promptstage.model import Release, dump_release, parse_release

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptstage.model import Json

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "bucketing.json").read_bytes())
KEYS = [f"user-{number}" for number in range(20_000)]


def rollout(percent: float, salt: str = "salt") -> Release:
    """A release with a rollout at `percent`."""
    return parse_release(body_of(candidate="1.3.0", percent=percent, salt=salt))


def canaries(percent: float, salt: str = "salt") -> set[str]:
    """Who gets the candidate."""
    at = rollout(percent, salt)
    return {key for key in KEYS if decide(at, key).arm == "canary"}


def test_it_agrees_with_an_independent_program() -> None:
    """Every case of bucketing.json: the bucket, and the arm at every percent."""
    for case in VECTORS:
        assert bucket(case["salt"], case["key"]) == case["bucket"]
        for percent, arm in case["arms"].items():
            release = rollout(float(percent), case["salt"])
            decision, by_key = decide(release, case["key"]), HeldRelease(release).by_key
            assert (decision.arm, decision.bucket) == (arm, case["bucket"]), (case, percent)
            assert by_key is not None
            assert by_key(case["key"]).arm == arm, (case, percent)


@pytest.mark.parametrize("percent", [5, 25, 50, 75])
def test_the_share_is_what_was_asked_for(percent: float) -> None:
    """Within half a point, over 20,000 keys."""
    assert abs(len(canaries(percent)) / len(KEYS) * 100 - percent) <= 0.5


def test_nobody_leaves_while_it_widens() -> None:
    """Whoever has the candidate keeps it."""
    widening = [canaries(percent) for percent in (0, 0.5, 1, 5, 25, 50, 75, 99.999, 100)]

    assert all(before <= after for before, after in pairwise(widening))
    assert widening[-1] == set(KEYS)


def test_two_rollouts_meet_by_chance_only() -> None:
    """The first tenth of one salt is a tenth of another's."""
    one, other = canaries(10, "r-1"), canaries(10, "r-2")

    assert abs(len(one & other) / len(one) * 100 - 10) <= 1


def test_control_is_as_large_as_canary() -> None:
    """And whoever is neither is on the stable arm with the stable version."""
    arms = [decide(rollout(20), key) for key in KEYS]
    share = {arm: sum(d.arm == arm for d in arms) / len(KEYS) for arm in ("canary", "control", "stable")}

    assert share == pytest.approx({"canary": 0.2, "control": 0.2, "stable": 0.6}, abs=0.01)
    assert {(d.arm, d.version) for d in arms} == {
        ("canary", "1.3.0"),
        ("control", "1.2.0"),
        ("stable", "1.2.0"),
    }


class Tenant(str, Enum):  # noqa: UP042 - what applications have
    """A text whose str() is another one."""

    ACME = "acme"


class Plan(int, Enum):
    """A number whose str() is none."""

    PRO = 42


@pytest.mark.parametrize(
    ("value", "matches"),
    [
        ("acme", True),
        (42, True),
        (42.0, True),
        (True, True),
        (["x", "acme"], True),
        (Tenant.ACME, True),
        (Plan.PRO, True),
        ("other", False),
        (None, False),
    ],
)
def test_an_audience_compares_texts(value: object, matches: object) -> None:
    """Numbers in decimal, booleans as JSON has them, any element of a list, an enum's value."""
    audience = {"tenant": ["acme", "42", "true"]}
    decision = decide(parse_release(body_of(candidate="1.3.0", audience=audience)), "u", {"tenant": value})

    assert decision.reason == ("TARGETING_MATCH" if matches else "SPLIT")


def test_what_is_parsed_is_written_back() -> None:
    """The wire and the values say the same."""
    body = body_of(candidate="1.3.0", percent=5, audience={"tenant": ["acme"]})

    assert dump_release(parse_release(body)) == body


@pytest.mark.parametrize("value", [None, 7, ["1.2.0: {{text}}"]])
@pytest.mark.parametrize(
    ("inside", "key"),
    [
        (lambda body: body["versions"]["1.2.0"], "digest"),
        (lambda body: body["versions"]["1.2.0"]["document"]["messages"][0], "content"),
        (lambda body: body["split"], "salt"),
        (lambda body: body["split"]["slots"][0], "arm"),
    ],
)
def test_a_text_is_not_made_of_something_else(
    inside: Callable[[Json], Json], key: str, value: object
) -> None:
    """A prompt of the text "None", or a split by the salt "None", would be served to everyone."""
    body = body_of(candidate="1.3.0", percent=5)
    inside(body)[key] = value

    with pytest.raises(ReleaseInvalid, match="a text was expected"):
        parse_release(body)
