"""``status --watch`` in a pipe: what programs and logs get."""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import contextmanager
from os import environ
from typing import TYPE_CHECKING, Any

from cli.test_cli_connection import breakable
from support import PATIENCE, promptstage, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shell import Cli
    from support import Registry


@contextmanager
def watching(cli: Cli, *options: str, **environment: str) -> Iterator[Any]:
    """``status --watch``; yields what waits for words in what it prints."""
    output = cli.folder / "watched.txt"
    command = [*promptstage(), "status", "--watch", *options]
    variables = {**environ, **cli.environment, **environment}
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=variables, cwd=cli.folder)
    try:
        yield lambda words: until(lambda: words in output.read_text(), words) and output.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, output.read_text()
    finally:
        process.kill()
        process.wait()


def test_a_block_for_each_change(manager: Cli) -> None:
    """What only counts down is no change."""
    manager("promote", "summarize", "1.0.0")
    with watching(manager) as see:
        see("1.0.0")
        manager("start", "summarize", "1.1.0", "--steps", "5:10m,100")
        see("5%")
        manager("advance", "summarize")
        told = see("summarize  1.1.0")

    assert told.count("PROMPT") == 3
    assert "\x1b" not in told


def test_a_line_of_json_for_each_change(manager: Cli) -> None:
    """Each is the whole answer, so that a program needs the last one only."""
    manager("promote", "summarize", "1.0.0")
    with watching(manager, "--json") as see:
        see("1.0.0")
        manager("promote", "summarize", "1.1.0")
        told = see("1.1.0")

    assert [json.loads(line)["data"][0]["stable"]["version"] for line in told.splitlines()] == [
        "1.0.0",
        "1.1.0",
    ]


def test_a_registry_that_goes_away_and_comes_back(manager: Cli, served: Registry) -> None:
    """What was known last stays, and is called that."""
    manager("promote", "summarize", "1.0.0")
    with breakable(served.url) as (url, broken), watching(manager, PROMPTSTAGE_URL=url) as see:
        see("1.0.0")
        broken.set()
        assert see("What was known last: no registry answers at ").count("summarize") == 2
        manager("promote", "summarize", "1.1.0")
        broken.clear()
        see("1.1.0")


def test_nobody_there_at_first(cli: Cli) -> None:
    """That is rather a wrong URL than something to wait for."""
    done = cli("status", "--watch", PROMPTSTAGE_URL="http://127.0.0.1:9")

    assert done.code == 1
    assert "no registry answers" in done.err
