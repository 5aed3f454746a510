"""Format numbers: refuse a store that a newer registry wrote, by name, and leave it unchanged."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1  # of journal, states in Redis, and the repository's mirror
NEWER = "newer_format"


def check(found: object, what: str) -> None:
    """Accept a store whose format is known here.

    Args:
        found: its format number.
        what: the store's name, to begin a sentence.

    Raises:
        Unavailable: it has another format (`newer_format`).
    """
    if isinstance(found, int) and not isinstance(found, bool) and 1 <= found <= FORMAT:
        return
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and seldom needed

    this = f"promptstage-registry {version('promptstage-registry')}"
    raise Unavailable(
        f"{what} has format {str(found)[:20]}, and {this} knows up to {FORMAT}, so it changes nothing there. "
        "Install the version that wrote it, or a newer one",
        code=NEWER,
    )


def check_record(data: bytes, what: str) -> None:
    """Accept a JSON object whose `format` is known here, or that has none. Raises Unavailable."""
    with suppress(ValueError):
        found = json.loads(data)
        if isinstance(found, dict):
            check(found.get("format", FORMAT), what)


def check_file(path: Path, what: str) -> None:
    """Accept a store by the file that holds its format number, if it exists. Raises Unavailable."""
    with suppress(OSError):
        check_record(path.read_bytes(), what)
