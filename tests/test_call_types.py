"""Type checkers accept the calls of the real SDKs: mypy in `make check`, and pyright here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typing_of_calls


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="pyright runs on Node.js")
def test_pyright_accepts_them() -> None:
    """With the SDKs that are installed here."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, typing_of_calls.__file__]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
