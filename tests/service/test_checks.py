"""What doctor makes of facts that are hard to bring about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.doctor import checks

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def catalog(**facts: Any) -> dict[str, Any]:
    """A catalog without any trouble, but for these facts."""
    calm: dict[str, Any] = {
        "error": None,
        "prompts": 2,
        "versions": 5,
        "ignored": {"count": 0, "sample": []},
        "moved": [],
    }
    return calm | facts


@pytest.mark.parametrize(
    ("error", "age", "status"),
    [(None, 3.0, "ok"), (None, 900.0, "warning"), (None, None, "error"), ("no", 3.0, "error")],
)
def test_a_repository(error: str | None, age: float | None, status: str) -> None:
    """One that is not read any more is noticed, also where nothing fails."""
    assert checks.repository(catalog(error=error), age).status == status


def test_a_tag_that_cannot_be_fetched() -> None:
    """It is named, with git's words, and the repository itself is well."""
    failed = [{"tag": "a/v1.0.0", "error": "bad object", "retry_at": "2026-01-31T12:05:00Z"}]
    found = catalog(error="tags that could not be fetched: 1", failed=failed)

    (check,) = checks.tags(found)

    assert (check.status, check.message) == ("error", "cannot be fetched: a/v1.0.0 (bad object)")
    assert "2026-01-31T12:05:00Z" in str(check.remedy)
    assert checks.repository(found, 3.0).status == "ok"


def test_many_are_not_all_named() -> None:
    """A message stays readable."""
    ignored = {"count": 1000, "sample": [f"v{i}" for i in range(20)], "reasons": ["no name"] * 20}

    (check,) = checks.tags(catalog(ignored=ignored))

    assert check.message.startswith("1000 make no version: v0 (no name), v1 (no name)")
    assert check.message.endswith("v4 (no name) and 995 more")


@pytest.mark.parametrize(
    ("redis", "newest", "status"),
    [
        (0, 0, "ok"),
        (None, None, "ok"),
        (60, 0, "warning"),
        (-60, 0, "warning"),
        (0, 60, "error"),
        (0, -60, "ok"),
    ],
)
def test_clocks(redis: float | None, newest: float | None, status: str) -> None:
    """A change from the future is worse than a Redis that is late."""
    moments = [None if ahead is None else NOW + timedelta(seconds=ahead) for ahead in (redis, newest)]

    assert checks.clocks(NOW, *moments).status == status


@pytest.mark.parametrize(
    ("count", "complete", "message"),
    [
        (0, True, "none is connected; those that poll are not counted"),
        (3, True, "3 connected, to one registry process"),
        (3, False, "3 connected to the process that answers; those of others are not known without Redis"),
    ],
)
def test_who_listens(count: int, complete: bool, message: str) -> None:
    """Nobody is said to be there, or not to be, who was not asked."""
    assert checks.streams(count, 1, complete=complete).message == message
