"""How a registry starts and ends, as systemd, compose and people see it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support import prompt, unread_stream, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import PromptRepository, Registry

pytestmark = pytest.mark.slow

BIG = prompt("Summarize {{text}} " + "at length " * 20_000)


def serve_in_vain(repository: PromptRepository, data: Path, workers: int) -> subprocess.CompletedProcess[str]:
    """Start a registry that cannot start."""
    command = [sys.executable, "-m", "registry", "serve", "--port", "0", "--workers", str(workers)]
    command += ["--repository", str(repository.path), "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_is_no_failure(
    serve: Callable[..., Registry], new_repository: PromptRepository, workers: int
) -> None:
    """SIGTERM ends it with 0 in five seconds, even if a client reads nothing of its stream."""
    new_repository.tag("summarize", "3.0.0", BIG)
    registry = serve(source=new_repository, workers=workers)
    until(lambda: registry.api.act("promote", "summarize", {"version": "3.0.0"}).status == 200, "the tag")
    with unread_stream(registry):
        path = "/v1/environments/production/clients?names=summarize"
        until(lambda: registry.api.get(path).json["connected"], "the stream")
        begun = time.monotonic()
        assert registry.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 5
    assert "Traceback" not in registry.log


@pytest.mark.parametrize(
    ("blocked", "workers"), [("journal.lock", 1), ("journal.lock", 2), ("admin.token", 1)]
)
def test_a_data_folder_that_cannot_be_used(
    repository: PromptRepository, tmp_path: Path, blocked: str, workers: int
) -> None:
    """The reason is one line, and the exit code is 1."""
    data = tmp_path / "data"
    (data / blocked).mkdir(parents=True)
    done = serve_in_vain(repository, data, workers)

    assert done.returncode == 1
    assert "It cannot start: " in done.stderr
    assert blocked in done.stderr
    assert "Is a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stop_in_a_change_leaves_no_doubt_unsaid(serve: Callable[..., Registry]) -> None:
    """A change that waits for the journal at a stop may be made: 503 says so, and what helps."""
    registry = serve()
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    with ThreadPoolExecutor() as pool, registry.journal_held() as waits:
        changing = pool.submit(registry.api.act, "promote", "summarize", {"version": "1.1.0"})
        until(waits, "the change to wait for the lock")
        registry.process.send_signal(signal.SIGTERM)
        answer = changing.result()

    assert (answer.status, answer.json["code"]) == (503, "in_doubt")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "may have been made: repeat it with the same Idempotency-Key" in answer.json["detail"]
