"""MCP's `subscriptions/listen`: a stream that tells that the list of prompts changed.

One notice stands for all changes that a slow client has not read yet; nothing is replayed. Each change of
what is in force is told, as the arguments of a prompt are those of its version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.api.stream import EventStream
from registry.protocols.mcp import jsonrpc
from registry.protocols.mcp.eras import SUBSCRIPTION
from registry.streams.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Message, Send

    from registry.protocols.mcp.jsonrpc import Call
    from registry.protocols.mcp.prompts import Caller
    from registry.replication.read_model import EncodedRelease

METHOD = "subscriptions/listen"
CHANGED = "promptsListChanged"  # in the filter; the other kinds do not exist here


class Listening(Notices):
    """One client's subscription, by the id of the request that opened it."""

    __slots__ = ("_id", "_wanted")

    def __init__(self, caller: Caller, identifier: str | int | None, *, wanted: bool) -> None:
        super().__init__(caller.token, caller.environment)
        self._id = identifier
        self._wanted = wanted

    def wants(self, environment: str, prompt: str) -> bool:
        """Return whether it is told of changes in an environment."""
        return self._wanted and super().wants(environment, prompt)

    def acknowledged(self) -> Message:
        """Build the first message: what is told."""
        honored = {CHANGED: True} if self._wanted else {}
        return self._event("notifications/subscriptions/acknowledged", notifications=honored)

    def event(self, built: EncodedRelease) -> Message:  # noqa: ARG002 - what changed is not told
        """Build the message of a change."""
        return self._event("notifications/prompts/list_changed")

    def farewell(self) -> Message:
        """Build the last message: the answer to the request, so that the end is no failure."""
        content = {"resultType": "complete", "_meta": self._meta}
        return _message(jsonrpc.result(self._id, content), more_body=False)

    @property
    def _meta(self) -> dict[str, Any]:
        return {SUBSCRIPTION: self._id}

    def _event(self, method: str, **params: Any) -> Message:
        return _message(jsonrpc.notification(method, {**params, "_meta": self._meta}))


class ListenStream(EventStream):
    """The messages of one subscription."""

    def __init__(self, caller: Caller, subscription: Listening) -> None:
        super().__init__(caller.service.hub, caller.service.bounds, subscription)
        self._acknowledged = subscription.acknowledged()

    async def catch_up(self, send: Send) -> None:
        """Send the acknowledgement, before any notice."""
        await send(self._acknowledged)


def follow(caller: Caller, call: Call) -> ListenStream:
    """Open a subscription. Raises McpError."""
    wanted = call.params.get("notifications")
    if not isinstance(wanted, dict):
        raise jsonrpc.bad_params(f'notifications: a filter, such as {{"{CHANGED}": true}}')
    caller.service.rollouts.replica.adopt_local()
    return ListenStream(caller, Listening(caller, call.id, wanted=wanted.get(CHANGED) is True))


def _message(message: Mapping[str, Any], *, more_body: bool = True) -> Message:
    body = b"event: message\ndata: %s\n\n" % jsonrpc.encode(message)
    return {"type": "http.response.body", "body": body, "more_body": more_body}
