"""How the command line speaks: plain text in a pipe, colours on a terminal only."""

from __future__ import annotations

import sys


def complain(sentence: str) -> None:
    """Say on stderr why nothing was done."""
    print(f"Error: {sentence}", file=sys.stderr)
