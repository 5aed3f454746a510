"""A host that refuses for now is asked again when it says so."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
from git_hosts import HttpHost, http_host

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.sync import Sync
from registry.errors import GitFailed
from registry.git.throttle import LONGEST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import PromptRepository


IN_TEN_MINUTES = "a date"


@pytest.fixture
def host(author: PromptRepository) -> Iterator[HttpHost]:
    """A host that serves the author's repository over http."""
    with http_host(author.path.parent, "") as served:
        yield served


@pytest.fixture
def remote(host: HttpHost, author: PromptRepository, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror of what that host serves."""
    made = Mirror(tmp_path / "remote", f"{host.url}/{author.path.name}/.git")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, "120", 120),
        (503, "7", 7),
        (429, IN_TEN_MINUTES, 600),
        (429, "999999999", LONGEST_SECONDS),
        (429, "-5", None),
        (429, "soon", None),
        (429, "9" * 5000, LONGEST_SECONDS),
        (500, "120", None),
        (429, None, None),
    ],
)
def test_when_to_ask_again(
    host: HttpHost, remote: Mirror, status: int, value: str | None, seconds: float | None
) -> None:
    """By seconds or a date, within bounds; of no other refusal, and no trace of it stays."""
    if value == IN_TEN_MINUTES:
        value = formatdate(time.time() + 600, usegmt=True)
    host.refusal = (status, {"Retry-After": value} if value else {})
    with pytest.raises(GitFailed, match=f"error: {status}"):
        remote.sync()

    until = remote.report()["not_before"]
    assert (until is None) == (seconds is None)
    assert until is None or until - time.time() == pytest.approx(seconds, abs=20)
    assert remote.is_held_off() == (seconds is not None)


def test_no_trace_of_a_request_stays(host: HttpHost, remote: Mirror, tmp_path: Path) -> None:
    """Whether it went well or not."""
    remote.sync()
    host.refusal = (429, {"Retry-After": "1"})
    with pytest.raises(GitFailed):
        remote.sync()

    assert list((tmp_path / "remote").rglob("http.trace")) == []


def test_a_host_is_left_alone_until_then(host: HttpHost, remote: Mirror) -> None:
    """Also by who has a hint, who is not kept waiting for it; then all is as before."""
    host.refusal = (429, {"Retry-After": "1"})
    sync = Sync(Catalog(remote), 0.05)
    sync.start()
    sync.first_sync.wait(10)
    asked = len(host.seen) + 1
    sync.sync_now().result(timeout=10)
    still = len(host.seen) + 1
    host.refusal = None
    began = time.monotonic()
    while remote.report()["error"]:
        sync.sync_now().result(timeout=10)
    sync.stop()

    assert (asked, remote.report()["not_before"]) == (still, None)
    assert time.monotonic() - began < 10
