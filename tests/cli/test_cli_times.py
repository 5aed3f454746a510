"""Times as they are typed and shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import typer

from registry.cli import time_option
from registry.wording import times

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine one hour east of Greenwich."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("2h", timedelta(hours=2)),
        ("2h ago", timedelta(hours=2)),
        ("1d 4h", timedelta(days=1, hours=4)),
        ("1h30m ago", timedelta(minutes=90)),
        ("2026-01-31T10:00:00Z", timedelta(hours=2)),
        ("2026-01-31 10:00:00Z", timedelta(hours=2)),
        ("2026-01-31T11:00+01:00", timedelta(hours=2)),
    ],
)
def test_a_time_is_read(text: str, ago: timedelta) -> None:
    """How long ago, or RFC 3339."""
    assert time_option.parse(text, NOW) == NOW - ago


@pytest.mark.usefixtures("_berlin")
def test_a_time_without_a_zone_is_local() -> None:
    """As on the clock beside the terminal."""
    assert time_option.parse("2026-01-31 12:30", NOW) == datetime(2026, 1, 31, 11, 30, tzinfo=UTC)


@pytest.mark.usefixtures("_berlin")
def test_today_begins_at_midnight_here() -> None:
    """Which is the evening before in Greenwich."""
    assert time_option.parse("today", NOW) == datetime(2026, 1, 30, 23, tzinfo=UTC)


def test_what_is_shown_can_be_typed() -> None:
    """Every time is shown in UTC, and says so."""
    shown = times.show("2026-01-31T13:00:00.5+01:00")

    assert shown == "2026-01-31T12:00:00Z"
    assert time_option.parse(shown, NOW) == NOW


@pytest.mark.parametrize("text", ["", "soon", "ago", "2 fortnights", "2026-13-01", "999999d"])
def test_what_is_no_time(text: str) -> None:
    """It is said what is accepted."""
    with pytest.raises(typer.BadParameter, match="write 2h, 30m ago, 2026-01-31T14:05:00Z"):
        time_option.parse(text, NOW)
