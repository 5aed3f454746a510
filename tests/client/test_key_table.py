"""The table of a split: what it finds is what `decide` decides."""

from __future__ import annotations

import random
from typing import Any

import pytest
from client.fake_registry import release as body_of

from promptstage import limits
from promptstage._replica.key_table import KeyTable, _least
from promptstage._replica.release_store import HeldRelease
from promptstage.evaluation import BUCKETS, bucket, decide
from promptstage.model import Release, Slot, Split, parse_release

PERCENTS = (0, 0.001, 0.5, 1, 33.333, 49.999, 50, 50.001, 75, 99.999, 100)


def rolling(percent: float, salt: str = "salt") -> Release:
    """A release with a rollout at that percentage."""
    return parse_release(body_of(candidate="1.3.0", percent=percent, salt=salt))


def given(holding: HeldRelease, key: str) -> tuple[str, str, str, str | None]:
    """What the table of a holding gives a key."""
    assert holding.by_key is not None
    prompt = holding.by_key(key)
    return (prompt.version, prompt.arm, prompt.reason, prompt.rollout)


@pytest.mark.parametrize("percent", PERCENTS)
def test_it_finds_what_is_decided(percent: float) -> None:
    """Of 2,000 users at each share, with salts of their own; asked again, they get the same."""
    release = rolling(percent, f"salt-{percent}")
    holding = HeldRelease(release)

    for key in (f"user-{number}" for number in range(2000)):
        assert given(holding, key) == decide(release, key)[:4]
        assert given(holding, key) == decide(release, key)[:4]


@pytest.mark.parametrize("key", ["é", "鍵", "\ud800", "a\ud800b", "\0", "x" * 10_000])
def test_any_key_is_encoded_as_it_is_for_decide(key: str) -> None:
    """Also one that UTF-8 cannot hold, and a salt that it cannot."""
    for salt in ("salt", "\ud800"):
        release = rolling(50, salt)

        assert given(HeldRelease(release), key) == decide(release, key)[:4]


def test_slots_may_leave_gaps_or_overlap() -> None:
    """The first slot that holds a bucket has it, as `decide` has it; a gap is for the default."""
    chance = random.Random(7)
    for _ in range(50):
        slots = tuple(
            Slot(arm, "1.3.0", chance.randrange(BUCKETS), chance.randrange(BUCKETS)) for arm in "abc"
        )
        split = Split("r-1", "v1", "salt", slots)
        table = KeyTable(split, lambda slot: slot and slot.arm)  # type: ignore[arg-type, return-value]
        for number in range(50):
            found: Any = table.find(f"user-{number}")
            assert found == arm_of(split, f"user-{number}")


def arm_of(split: Split, key: str) -> str | None:
    """The arm that the slots give a key, one after the other."""
    position = bucket(split.salt, key)
    return next((s.arm for s in split.slots if s.start <= position < s.start + s.size), None)


@pytest.mark.parametrize("edge", [1, 10, 999, 50_000, 99_999])
def test_a_bound_is_exact(edge: int) -> None:
    """The least number of a bucket is in it, and the one before is not."""
    least = int.from_bytes(_least(edge), "big")

    assert (least * BUCKETS >> 64, (least - 1) * BUCKETS >> 64) == (edge, edge - 1)


def test_it_remembers_a_bounded_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no long ones."""
    monkeypatch.setattr("promptstage._replica.key_table.KEPT_KEYS", 10)
    table = KeyTable(Split("r-1", "v1", "salt", ()), lambda _: "all")  # type: ignore[arg-type, return-value]

    for number in range(25):
        table.find(f"user-{number}")
    table.find("x" * (limits.KEY_CHARACTERS + 1))

    assert len(table._kept) == 5


def test_an_audience_is_left_to_decide() -> None:
    """Where attributes count, a key alone decides nothing."""
    release = parse_release(body_of(candidate="1.3.0", percent=50, audience={"tenant": ["acme"]}))

    assert HeldRelease(release).by_key is None
