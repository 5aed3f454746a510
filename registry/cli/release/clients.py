"""Count the connected clients that have what is in force: once for ``status``, until all for ``--wait``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from registry.cli import output
from registry.errors import RegistryError, Unavailable
from registry.journal.position import is_newer
from registry.rollouts.position import NOWHERE, Position
from registry.wording import paths
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptstage.model import Json
    from registry.cli.http import Registry

LOOK_SECONDS = 0.2  # between two looks: a change reaches clients in some 10 ms
NAMES = 200  # of one question, so that it fits into a URL
PARTIAL = "Redis cannot be asked: the clients of other processes are not counted"


class Late(RegistryError):
    """The change was made, but not every client has it; the message says how many have not."""

    code = "late"


def of(registry: Registry, environment: str, names: Sequence[str]) -> dict[str, Json] | None:
    """The clients that follow each prompt: None from a registry that cannot tell. Raises as `get` does."""
    found: dict[str, Json] = {}
    for start in range(0, len(names), NAMES):
        asked = ",".join(names[start : start + NAMES])
        try:
            answer = registry.get(paths.clients_path(environment), "data", names=asked)
        except Refused as error:
            if error.code == "not_found":
                return None
            raise
        found |= {row["prompt"]: row | {"complete": answer.get("complete", True)} for row in answer["data"]}
    return found


def wait(registry: Registry, state: Json, bound: float, sent: float) -> str:
    """Wait until every connected client has a state that was just recorded.

    Args:
        registry: where it was recorded.
        state: as the registry answered it.
        bound: the seconds to wait at most.
        sent: when the command was sent, by `time.monotonic`.

    Returns:
        A sentence that says how it went.

    Raises:
        Late: some clients do not have it; the message says how many, or why nobody knows.
    """
    row: Json | None = None
    with output.progress() as tell:
        while True:
            row = _ask(registry, state) or row
            if row and _is_everywhere(row, state):
                return _reached(row, round((time.monotonic() - sent) * 1000))
            if time.monotonic() - sent >= bound:
                raise Late(_late(row, state, bound))
            tell(_share(row))
            time.sleep(LOOK_SECONDS)


def _ask(registry: Registry, state: Json) -> Json | None:
    """Ask the registry; None while nothing answers, which may pass."""
    try:
        found = of(registry, state["environment"], [state["prompt"]])
    except Unavailable:
        return None
    if found is None:
        raise Late("it is recorded, but this registry is too old to say which clients have it")
    return found.get(state["prompt"])


def _is_everywhere(row: Json, state: Json) -> bool:
    """Tell whether all clients are counted, and have it."""
    made = not is_newer((state["epoch"], state["seq"]), _position(row["release"]))
    return made and row["complete"] and row["current"] >= row["connected"]


def _position(release: str | None) -> Position:
    return Position.parse(release or "") or NOWHERE


def _share(row: Json | None) -> str:
    return (
        f"{row['current']} of {row['connected']} clients have it" if row else "the registry does not answer"
    )


def _reached(row: Json, milliseconds: int) -> str:
    count = row["connected"]
    all_of_them = f"all {count} connected clients have it" if count > 1 else "the one connected client has it"
    who = all_of_them if count else "no client is connected; new ones get it"
    return f"{who} ({milliseconds} ms after the command)"


def _late(row: Json | None, state: Json, bound: float) -> str:
    if row is None:
        return f"it is recorded, but the registry did not say within {bound:g} s which clients have it"
    look = f"promptstage status {state['prompt']} -e {state['environment']} --watch"
    return f"it is recorded, but after {bound:g} s {_lack(row)}\nTry:  {look}"


def _lack(row: Json) -> str:
    limits = "" if row["complete"] else f"; {PARTIAL}"
    if missing := row["connected"] - row["current"]:
        return f"{missing} of {row['connected']} clients do not have it{limits}"
    return "the release is not made" if row["complete"] else f"it is unknown whether all have it{limits}"
