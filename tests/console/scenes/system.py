"""Pages of the registry itself, and those without a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.documented_api import CALL, E, P, answering

from registry.api.docs import examples
from registry.console import system

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json


def systems() -> Iterator[tuple[str, Json]]:
    """A registry that is well, one that nobody can be told of, one that the token may not see."""
    token = {
        "id": "3f9a0c11d2e4", "name": "ci", "capabilities": ["attest"], "environments": [E],
        "created_at": CALL["at"], "created_by": "admin", "expires_at": None,
    }  # fmt: skip
    tokens = {"data": [token, {**token, "environments": [], "expires_at": CALL["at"]}]}
    (target,) = examples.NOTIFICATIONS["data"]
    failing = {**target, "failing": 2, "failing_since": CALL["at"], "error": "503", "signed": True}
    lost = {**target, "lost": 4, "taken_at": None, "taken": None}
    lagging = {
        **examples.JOURNAL["mirror"],
        "behind": 3,
        "behind_s": 90.0,
        "failures": 2,
        "error": "no route",
    }
    alone = {**examples.JOURNAL, "mirror": None, "error": "the disk is full", "newest_at": None}
    for changed in (
        {"/v1/tokens": tokens, "/v1/notifications": {"data": [target, failing, lost]}},
        {"/v1/journal": {**examples.JOURNAL, "mirror": lagging}, "/v1/notifications": {"data": []}},
        {"/v1/journal": alone, f"{P}/clients": {**examples.CLIENTS, "data": []}},
        dict.fromkeys(("/v1/doctor", "/v1/tokens", "/v1/journal", "/v1/notifications", f"{P}/clients")),
    ):
        yield "system.html", system.content(answering(changed), (E,))
    made = system.content(answering({"/v1/tokens": tokens}), (E,))
    yield "system.html", {**made, "secret": "ps_1", "name": "ci"}


def alone() -> Iterator[tuple[str, Json]]:
    """Pages before a session, and instead of one."""
    for message in ("", "the session has ended"):
        yield "login.html", {"next": "", "message": message, "path": ""}
    yield "error.html", {"status": 404, "message": "there is no such page", "path": ""}
