"""Format numbers: refuse a store that a newer registry wrote, by name, and leave it unchanged.

A journal stays in its format, whichever registry writes to it, until `promptstage journal upgrade`: so
registries can be upgraded one after the other. Redis has the format of the journal.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from registry.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL = {  # each number, and what it allows that an older registry would misread
    1: "What 0.1.0 writes.",
    2: "A recovery may go back from an epoch that a wrong clock put into the future.",
    3: "Prompt files of the second edition, states that name recent versions, guarded rollouts, and "
    "attestations of suites.",
}
FIRST = 1
EPOCHS_GO_BACK = 2
RECENT = 3
SECOND_EDITION = 3
GUARDS = 3
SUITES = 3
NEWEST = max(JOURNAL)  # in which a new journal begins
MIRROR = 1  # of the mirror of the prompt repository
NEWER = "newer_format"


def check(found: object, what: str, newest: int = NEWEST) -> None:
    """Accept a store whose format is known here.

    Args:
        found: its format number.
        what: the store's name, to begin a sentence.
        newest: the highest number known for it.

    Raises:
        Unavailable: it has another format (`newer_format`).
    """
    if isinstance(found, int) and not isinstance(found, bool) and FIRST <= found <= newest:
        return
    from importlib.metadata import version  # noqa: PLC0415 - slow to import, and seldom needed

    this = f"promptstage-registry {version('promptstage-registry')}"
    raise Unavailable(
        f"{what} has format {str(found)[:20]}, and {this} knows up to {newest}, so it changes nothing there. "
        "Install the version that wrote it, or a newer one",
        code=NEWER,
    )


def check_record(data: bytes, what: str, newest: int = NEWEST) -> None:
    """Accept a JSON object whose `format` is known here, or that has none. Raises Unavailable."""
    with suppress(ValueError):
        found = json.loads(data)
        if isinstance(found, dict):
            check(found.get("format", FIRST), what, newest)


def check_file(path: Path, what: str, newest: int = NEWEST) -> None:
    """Accept a store by the file that holds its format number, if it exists. Raises Unavailable."""
    with suppress(OSError):
        check_record(path.read_bytes(), what, newest)
