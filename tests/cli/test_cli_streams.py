"""Standard streams that are closed, or cannot be written to."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
from support import PATIENCE, promptstage

from registry.__main__ import main

if TYPE_CHECKING:
    from cli.shell import Cli
    from support import PromptRepository


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("render summarize --vars - <&-", 1, "Error: stdin is no JSON"),
        ("login http://127.0.0.1:1 <&-", 1, "Error: no token was given"),
        ("types --head -o - >&-", 0, ""),
        ("check >/dev/full", 1, "Error: No space left on device\n"),
        ("--help >/dev/full", 1, "Error: No space left on device\n"),
    ],
)
def test_a_stream_that_is_closed_or_full(
    cli: Cli, author: PromptRepository, line: str, code: int, said: str
) -> None:
    """As cron and service managers leave them: a sentence, and no traceback."""
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(promptstage())} {line}"],
        cwd=author.path,
        env=cli.environment,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )

    err = done.stderr.decode()
    assert (done.returncode, err[: len(said)]) == (code, said)
    assert "Traceback" not in err


def test_an_interrupt_while_modules_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take a third of a second, and the exit code is that of shells."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("registry.cli.main.main", interrupted)

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
