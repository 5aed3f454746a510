"""Streams of notices: that something changed in an environment, for clients that then ask again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar

from registry.journal.position import is_newer
from registry.streams.hub import Subscription

if TYPE_CHECKING:
    from starlette.types import Message

    from registry.access.tokens import Token
    from registry.replication.read_model import EncodedRelease
    from registry.rollouts.position import Position

KEEP_ALIVE: Message = {"type": "http.response.body", "body": b": \n\n", "more_body": True}
ANY = ""  # the place of the newest change among those that wait to be sent: one notice stands for all


class Notices(Subscription):
    """One client's stream of notices."""

    __slots__ = ()
    keep_alive: ClassVar[Message | None] = KEEP_ALIVE

    def __init__(self, token: Token, environment: str) -> None:
        super().__init__(token, environment, {})

    def offer(self, built: EncodedRelease) -> bool:
        """Queue a notice, in place of an older one; return whether it was queued."""
        waiting = self.pending.get(ANY)
        if self.closed or (waiting and not is_newer(built.position, waiting.position)):
            return False
        self.pending[ANY] = built
        return True

    def event(self, built: EncodedRelease) -> Message:
        """Build the ASGI message that tells of a change."""
        return notice(built.position)

    def wants(self, environment: str, prompt: str) -> bool:  # noqa: ARG002 - it follows all prompts
        """Return whether it follows a prompt in an environment."""
        return environment == self.environment


def notice(position: Position) -> Message:
    """Build the ASGI message that asks a client of OFREP to evaluate its flags again."""
    data = json.dumps({"type": "refetchEvaluation", "etag": str(position)}, separators=(",", ":"))
    body = f"id: {position}\nevent: message\ndata: {data}\n\n".encode()
    return {"type": "http.response.body", "body": body, "more_body": True}
