"""The demo plays to its end; what it shows is checked by itself as it goes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def test_the_story() -> None:
    """Both arms are in the log, the guard rolls the bad version back, and it is refused with its case."""
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, "DEMO_PACE": "0.1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"INFO\s+summarize@1\.0\.1 canary gpt-5\.4-mini\S* \d+ ms \d+\+\d+ tokens", done.stdout)
    assert re.search(r"WARNING\s+summarize@1\.1\.0 canary .* MadeUpPromise", done.stdout)
    assert re.search(
        r"guard  rollback  1\.1\.0  1\.0\.1 .* errors: \d+ of \d+ users of the candidate", done.stdout
    )
    assert "  regressed no-promise  prompts/summarize.cases.jsonl:2" in done.stdout
    assert (
        "Error: summarize@1.1.1 failed its suite: 1 of 2 cases passed, and it regressed on no-p"
        in done.stdout
    )
    assert re.search(r"\d+ ms from the rollback to the last app", done.stdout.splitlines()[-1])
