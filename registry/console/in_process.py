"""Ask the API within the process, as the token of a session.

A page shows what the API answers, and a form does what the API does: nothing is seen or changed here that it
would refuse. A request takes the way of one from outside, behind the authentication.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode

from anyio import from_thread
from starlette.exceptions import HTTPException

from registry.errors import RegistryError, Unavailable
from registry.wording import reads
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import Message, Scope

    from promptstage.model import Json
    from registry.access.tokens import Token

KEY_BYTES = 16  # of an Idempotency-Key: nobody else chooses the same
OF_THE_PAGE = ("endpoint", "route", "path_params", "router", "headers")  # of its scope: not the API's


@dataclass(frozen=True, slots=True)
class Api:
    """The API, for one request of a page.

    Attributes:
        scope: the page's ASGI scope.
        token: whose rights count.
    """

    scope: Scope
    token: Token

    def get(self, path: str, member: str, **query: Any) -> Json:  # noqa: ARG002 - it is our own answer
        """Read a path, from a worker thread. Raises Refused or Unavailable, as the API says."""
        mark = "&" if "?" in path else "?"
        wanted = f"{path}{mark}{urlencode(query, doseq=True)}" if query else path
        return from_thread.run(self.ask, "GET", wanted)

    def pages(self, path: str, limit: int | None = None) -> Iterator[Json]:
        """Read a list, as many pages as it has, up to `limit` entries."""
        return reads.pages(self, path, limit)

    def maybe(self, path: str, member: str, **query: Any) -> Json | None:
        """Read a path; None where the API refuses or cannot answer, as the page is of use without it."""
        try:
            return self.get(path, member, **query)
        except RegistryError:
            return None

    def post(self, path: str, body: Json, member: str, *, if_match: str = "") -> Json:  # noqa: ARG002
        """Send a body, from a worker thread. Raises Refused or Unavailable."""
        return from_thread.run(self.send, path, body, if_match)

    async def send(self, path: str, body: Json, if_match: str = "") -> Json:
        """Carry out a command. Raises Refused or Unavailable."""
        headers = {"Idempotency-Key": secrets.token_hex(KEY_BYTES)}
        if if_match:
            headers["If-Match"] = f'"{if_match}"'
        return await self.ask("POST", path, body, headers)

    async def ask(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> Json:
        """Send a request, and return the answer's JSON. Raises Refused or Unavailable."""
        status, answer = await self._send(method, path, body, headers or {})
        if status < HTTPStatus.BAD_REQUEST:
            return answer
        extra = {key: value for key, value in answer.items() if key not in {"detail", "code"}}
        kind = Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
        raise kind(answer.get("detail", "it failed"), code=answer.get("code", "error"), **extra)

    async def _send(
        self, method: str, path: str, body: Json | None, headers: Mapping[str, str]
    ) -> tuple[int, Json]:
        sent = b"" if body is None else json.dumps(body).encode()
        pieces: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: Message) -> None:
            pieces.append(message)

        try:
            await self.scope["app"].router(self._scope(method, path, sent, headers), receive, send)
        except HTTPException as error:  # there is no such path, or method
            return error.status_code, {
                "detail": error.detail,
                "code": "not_found",
                "status": error.status_code,
            }
        content = b"".join(piece.get("body", b"") for piece in pieces[1:])
        return pieces[0]["status"], json.loads(content) if content else {}

    def _scope(self, method: str, path: str, sent: bytes, headers: Mapping[str, str]) -> Scope:
        place, _, query = path.partition("?")
        all_headers = {"content-type": "application/json", "content-length": str(len(sent)), **headers}
        kept = {key: value for key, value in self.scope.items() if key not in OF_THE_PAGE}
        return kept | {
            "method": method,
            "path": unquote(place),
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "headers": [(key.lower().encode(), value.encode()) for key, value in all_headers.items()],
            "state": {**self.scope.get("state", {}), "token": self.token},
        }
