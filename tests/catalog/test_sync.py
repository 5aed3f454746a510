"""When the registry looks, and that it does not stop looking."""

from __future__ import annotations

import shutil
import time
from queue import SimpleQueue
from threading import Event
from threading import enumerate as threads
from typing import TYPE_CHECKING

import pytest
from support import until

from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.sync import Sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import PromptRepository

PATIENCE = 10.0  # seconds; what is tested takes one or two
NEVER = 3600.0  # seconds between polls, where a test gives the hints


class Running:
    """A started sync, its catalog, and an entry for each change."""

    def __init__(self, data: Path, upstream: Path, poll_seconds: float) -> None:
        self.catalog = Catalog(Mirror(data, str(upstream)))
        self.changes: SimpleQueue[None] = SimpleQueue()
        self.sync = Sync(self.catalog, poll_seconds, lambda: self.changes.put(None))
        self.sync.start()
        assert self.sync.first_sync.wait(PATIENCE)

    def wait(self) -> list[str]:
        """Wait for a change; returns the names then."""
        self.changes.get(timeout=PATIENCE)
        return self.catalog.names()


@pytest.fixture
def run(author: PromptRepository, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts a sync of the author's repository, each as if in a process of its own."""
    started: list[Running] = []

    def start(poll_seconds: float = NEVER) -> Running:
        started.append(Running(tmp_path / "data", author.path, poll_seconds))
        return started[-1]

    yield start
    for running in started:
        running.sync.stop()


def test_the_first_look_brings_everything(author: PromptRepository, run: Callable[..., Running]) -> None:
    """Who waits for it can read."""
    author.tag("a", "1.0.0")

    assert run().catalog.names() == ["a"]


def test_a_tag_is_seen_by_polling(author: PromptRepository, run: Callable[..., Running]) -> None:
    """Nobody has to say anything."""
    running = run(poll_seconds=0.05)

    author.tag("a", "1.0.0")

    assert running.wait() == ["a"]


def test_a_hint_does_not_wait_for_the_poll(author: PromptRepository, run: Callable[..., Running]) -> None:
    """A webhook means: look now."""
    running = run()
    author.tag("a", "1.0.0")

    running.sync.sync_now()

    assert running.wait() == ["a"]


def test_who_waits_for_a_look_sees_what_it_found(
    author: PromptRepository, run: Callable[..., Running]
) -> None:
    """However often, and however soon after the tag."""
    running = run()

    for version in ("1.0.0", "1.1.0", "1.2.0"):
        author.tag("a", version)
        running.sync.sync_now().result(PATIENCE)

        assert running.catalog.versions("a")[0] == version


def test_nobody_waits_for_a_look_that_never_comes(run: Callable[..., Running]) -> None:
    """The end lets go who waits, and who would begin to."""
    running = run()
    running.sync.end()

    assert running.sync.sync_now().result(PATIENCE) is None


def test_one_process_fetches_for_all(author: PromptRepository, run: Callable[..., Running]) -> None:
    """A hint to one is seen by the other, which has no reason to look itself."""
    one, other = run(), run()
    author.tag("a", "1.0.0")

    one.sync.sync_now()

    assert other.wait() == ["a"]


def test_unread_versions_are_settled_in_the_background(
    author: PromptRepository, run: Callable[..., Running]
) -> None:
    """An invalid version is known before anybody asks for it."""
    author.tag("a", "1.0.0")
    author.tag("a", "1.1.0", "messages: [\n")
    running = run()
    deadline = time.monotonic() + PATIENCE

    while running.catalog.unread() and time.monotonic() < deadline:
        pass

    assert [version.status for version in running.catalog.list("a")] == ["invalid", "valid"]
    assert running.catalog.latest("a") == "1.0.0"


def test_a_repository_that_is_gone_is_looked_for(
    author: PromptRepository, run: Callable[..., Running], tmp_path: Path
) -> None:
    """What is known stays, the error is shown, and the thread goes on when it is back."""
    author.tag("a", "1.0.0")
    author.path.rename(tmp_path / "elsewhere")
    running = run(poll_seconds=0.05)
    error = running.catalog.status()["error"]

    (tmp_path / "elsewhere").rename(author.path)

    assert "does not appear to be a git repository" in error
    assert running.wait() == ["a"]
    until(lambda: running.catalog.status()["error"] is None, "the end of the look")


def test_a_restart_after_trouble_looks_at_once(
    author: PromptRepository, run: Callable[..., Running], tmp_path: Path
) -> None:
    """Somebody mended the settings: the next poll would be an hour away."""
    author.tag("a", "1.0.0")
    author.path.rename(tmp_path / "elsewhere")
    run().sync.stop()
    (tmp_path / "elsewhere").rename(author.path)

    assert run().catalog.names() == ["a"]


def test_each_kind_of_trouble_is_logged_once(
    author: PromptRepository,
    run: Callable[..., Running],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not at every look; and its end is logged too."""
    caplog.set_level("INFO", "registry")
    away = tmp_path / "elsewhere"
    author.path.rename(away)
    run(poll_seconds=0.01)
    until(lambda: "does not appear to be a git repository" in caplog.text, "the first complaint")
    author.path.mkdir()
    (author.path / "HEAD").write_text("ref: refs/heads/main")
    (author.path / "refs").mkdir()
    (author.path / "objects").mkdir()
    (author.path / "config").write_text("[broken")
    until(lambda: "bad config" in caplog.text, "the second", caplog.text)
    shutil.rmtree(author.path)
    away.rename(author.path)

    until(lambda: "can be read again" in caplog.text, "the end of it", caplog.text)

    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == len(set(said))


def test_a_fault_does_not_end_the_thread(author: PromptRepository, run: Callable[..., Running]) -> None:
    """Not even one in our own callback; and who waited for that look waits no longer."""
    running = run()
    called = Event()

    def fail() -> None:
        called.set()
        raise ZeroDivisionError

    running.sync._on_change = fail
    author.tag("a", "1.0.0")
    running.sync.sync_now().result(PATIENCE)
    assert called.is_set()
    running.sync._on_change = lambda: running.changes.put(None)
    author.tag("b", "1.0.0")
    running.sync.sync_now()

    assert running.wait() == ["a", "b"]


def test_stop_ends_the_thread(run: Callable[..., Running]) -> None:
    """At once, though the next poll is an hour away."""
    running = run()
    thread = running.sync._thread

    running.sync.stop()

    assert thread not in threads()
