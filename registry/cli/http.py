"""Ask a registry over HTTP, like any other caller."""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin

from registry.cli import credential, output
from registry.cli.answer import READ_SECONDS, NoAnswer
from registry.errors import Unavailable
from registry.wording import reads
from registry.wording.reads import Refused
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from promptstage.model import Json
    from registry.cli.answer import Answer
    from registry.cli.credential import Target

WORDS_SHOWN = 2000  # characters of a registry's sentence
KEY = "Idempotency-Key"  # a registry that names it is not sure whether a change was made
IN_DOUBT = "See whether it was made:  promptstage status; or repeat the command with --if-needed"
KEY_BYTES = 16  # of an Idempotency-Key: nobody else chooses the same
NO_SUCH_PATH = "not_found"  # the code of a path that no registry has

_DONE = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED)
_BEHIND_A_PROXY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_RETRIED = 2  # a command is sent again once, with the same key, if nobody answered


@dataclass(frozen=True, slots=True)
class Registry:
    """The registry at a target."""

    target: Target

    def get(self, path: str, member: str, **query: Any) -> Json:
        """Read what has this member by the contract; `path` may have a query already.

        Raises:
            Refused, Unavailable: as the registry says, or because none answers.
        """
        mark = "&" if "?" in path else "?"
        return self._ask("GET", f"{path}{mark}{urlencode(query)}" if query else path, member)

    def pages(self, path: str, limit: int | None = None) -> Iterator[Json]:
        """Read a list, as many pages as it has, up to `limit` entries."""
        return reads.pages(self, path, limit)

    def post(self, path: str, body: Json, member: str, *, if_match: str = "") -> Json:
        """Carry out a command, once, however often it must be sent. Raises Refused or Unavailable.

        Args:
            path: of the command.
            body: what it takes.
            member: what the answer has by the contract.
            if_match: ``<epoch>.<seq>`` of the state that it is meant for; empty: any.
        """
        headers = {KEY: secrets.token_hex(KEY_BYTES)}
        if if_match:
            headers["If-Match"] = f'"{if_match}"'
        return self._ask("POST", path, member, body, headers)

    def delete(self, path: str, member: str, **query: str) -> Json:
        """End something, once, however often it must be sent. Raises Refused or Unavailable."""
        headers = {KEY: secrets.token_hex(KEY_BYTES)}
        return self._ask("DELETE", f"{path}?{urlencode(query)}", member, special=headers)

    def _ask(
        self,
        method: str,
        path: str,
        member: str,
        body: Json | None = None,
        special: Mapping[str, str] = MappingProxyType({}),
    ) -> Json:
        headers = {"Accept": "application/json", **special}
        if self.target.credential.token:
            headers["Authorization"] = f"Bearer {self.target.credential.token}"
        return self._understood(self._send(method, path, body, headers), member)

    def _send(self, method: str, path: str, body: Json | None, headers: dict[str, str]) -> Answer:
        from registry.cli import transport  # noqa: PLC0415 - its libraries are a third of all that is imported

        sentence = f"{clean(self.target.url)} has not answered yet; waiting up to {READ_SECONDS:g} s, twice"
        with output.impatience(sentence):
            for attempt in range(1, _RETRIED + 1):
                try:
                    return transport.request(method, self.target.url, path, body, headers)
                except NoAnswer as error:
                    if attempt == _RETRIED:
                        raise self._unreachable(error, method) from error
        raise AssertionError("the loop returns or raises")

    def _unreachable(self, error: NoAnswer, method: str) -> Unavailable:
        doubt = ""
        if method != "GET" and error.sent:
            doubt = "; it may have been done all the same: see `promptstage status`"
        sentence = f"no registry answers at {clean(self.target.url)} ({error.cause}){doubt}\n"
        return Unavailable(sentence + (error.remedy or self.target.remedy))

    def _understood(self, answered: Answer, member: str) -> Json:
        answer = _json(answered.data)
        if answered.status in _DONE and member in answer:
            return answer
        if "detail" not in answer or answered.status in _DONE:
            raise Unavailable(self._strange(answered))
        detail = "\n".join(clean(line, WORDS_SHOWN) for line in str(answer["detail"]).splitlines())
        if answered.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            said = detail if self.target.credential.token else "the registry requires a token"
            detail = f"{said}\n{self.target.credential.origin}"
        if KEY in detail and answered.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            detail += f"\n{IN_DOUBT}"
        if answer.get("code") == NO_SUCH_PATH:
            detail = f"{clean(self.target.url)} has no such path: {detail}\n{self._shorter()}"
        extra = {key: answer[key] for key in answer if key not in {"detail", "code"}}
        kind = Unavailable if answered.status >= HTTPStatus.INTERNAL_SERVER_ERROR else Refused
        raise kind(detail, code=clean(answer.get("code")), **extra)

    def _strange(self, answered: Answer) -> str:
        """Describe an answer that is no registry's."""
        where = clean(self.target.url)
        if answered.status in _BEHIND_A_PROXY:
            told = f"{where} is a proxy, and no registry answers behind it (HTTP {answered.status})"
            return f"{told}\n{self.target.remedy}"
        told = f"what answers at {where} is no registry (HTTP {answered.status})\n"
        moved = self._target_of(answered.location) if answered.location else self.target.url
        if moved != self.target.url:
            return f"{told}It points to {clean(moved)}: is that the registry's URL?"
        if answered.status == HTTPStatus.BAD_REQUEST and self.target.url.startswith("http://"):
            return f"{told}It may want TLS: is it https://{clean(self.target.url.partition('://')[2])}?"
        return told + self._shorter()

    def _target_of(self, location: str) -> str:
        """Return the URL that a redirect leads to, up to the paths of the API."""
        with suppress(ValueError):  # of an address that is none
            location = urljoin(f"{self.target.url}/", location)
        return location.partition("/v1/")[0].rstrip("/")

    def _shorter(self) -> str:
        return f"The URL is what comes before /v1 in a registry's paths, such as {credential.DEFAULT_URL}"


def connect() -> Registry:
    """The registry that the command line, the environment or a login names. Raises Invalid."""
    return Registry(credential.find())


def _json(data: bytes) -> Json:
    """The object that these bytes are; an empty one if they are none."""
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
