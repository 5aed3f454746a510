"""Ask the API of a hosted tool. No key is ever in an error."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from dataclasses import dataclass, field
from http import HTTPStatus
from time import sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from registry.cli.answer import NoAnswer
from registry.errors import Invalid, NotFound, RegistryError, Unauthorized, Unavailable
from registry.system.text import fits_header, holds_secret
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.cli.answer import Answer

TRIES = 4  # of a request that was not answered, or is to be sent later
BACKOFF_SECONDS = 1.0  # before the second try; twice as long before each further one
WAIT_LIMIT_SECONDS = 60.0  # hosted tools count requests by the minute; who asks for more is told to the user
ANSWERS_LIMIT = 20_000  # requests of one import; at ten a second it then takes half an hour
TOTAL_LIMIT = 256 << 20  # bytes of all answers, which are in memory at once, as those of a dump

_SECONDS_LENGTH = 6  # digits of a Retry-After
_LATER = frozenset(
    (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
)
_SAYING = ("message", "detail", "error")  # where a tool has its sentence on what is wrong


@dataclass(slots=True)
class Api:
    """The API of a tool at an address.

    Attributes:
        tool: its name.
        example: an address, for people.
        url: what comes before the paths.
        headers: with the keys.
        secrets: the keys, which the tool might repeat in an error.
        remedy: what to do where it refuses them.
        tell: shows progress.
    """

    tool: str
    example: str
    url: str
    headers: Mapping[str, str]
    secrets: Sequence[str]
    remedy: str
    tell: Callable[[str], None]
    _room: list[int] = field(default_factory=lambda: [ANSWERS_LIMIT, TOTAL_LIMIT])

    def __post_init__(self) -> None:
        """Let pass what a header can carry. Raises Invalid."""
        if not all(map(fits_header, self.headers.values())):
            raise Invalid(f"a key for {self.tool} holds characters that no key has; copy it again")

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at a path.

        Raises:
            Unauthorized, NotFound, Unavailable, Invalid: with what helps.
        """
        where = f"{path}?{urlencode(query)}" if query else path
        answered = self._send(where)
        if answered.status != HTTPStatus.OK:
            raise self._refusal(answered, path)
        self._room = [self._room[0] - 1, self._room[1] - len(answered.data)]
        if min(self._room) < 0:
            raise Invalid(
                f"{self.tool} has more than one import takes; export a dump, and import it in parts"
            )
        try:
            return json.loads(answered.data)
        except (ValueError, RecursionError):
            raise Unavailable(
                f"what is at {clean(self.url)} is not {self.tool}'s API, as {clean(path)} gives no JSON\n"
                f"{self._shorter()}"
            ) from None

    def _send(self, where: str) -> Answer:
        from registry.cli import transport  # noqa: PLC0415 - its libraries are a third of all that is imported

        for attempt in range(1, TRIES + 1):
            wait = BACKOFF_SECONDS * 2 ** (attempt - 1)
            try:
                answered = transport.request("GET", self.url, where, None, self.headers)
            except NoAnswer as error:
                if attempt == TRIES or not error.sent:
                    raise Unavailable(self._unreachable(error, attempt)) from error
            else:
                asked = _seconds(answered.retry_after)
                if answered.status not in _LATER or attempt == TRIES or asked > WAIT_LIMIT_SECONDS:
                    return answered
                wait = max(wait, asked)
            self.tell(f"{self.tool} did not answer; it is asked again in {wait:g} s")
            sleep(wait)
        raise AssertionError("the loop returns or raises")

    def _unreachable(self, error: NoAnswer, attempt: int) -> str:
        tries = f" in {attempt} tries" if attempt > 1 else ""
        told = f"{self.tool} did not answer at {clean(self.url)}{tries} ({error.cause})\n"
        return told + (error.remedy or f"Nothing is written. {self._shorter()}")

    def _refusal(self, answered: Answer, path: str) -> RegistryError:
        status, said = answered.status, self._said(answered)
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return Unauthorized(f"{self.tool} refuses the keys (HTTP {status}){said}\n{self.remedy}")
        if status == HTTPStatus.NOT_FOUND:
            return NotFound(f"{clean(self.url)} has no {clean(path)} (HTTP 404){said}\n{self._shorter()}")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            when = f"in {clean(answered.retry_after)} s" if answered.retry_after else "later"
            return Unavailable(
                f"{self.tool} has had too many requests{said}\nNothing is written; run it {when}"
            )
        if answered.location:
            return Unavailable(
                f"{clean(self.url)} points to {clean(answered.location)} (HTTP {status})\n"
                "Give the address that it is at"
            )
        again = f"{self.tool} failed at {clean(path)} (HTTP {status}){said}\nNothing is written; run it later"
        return Unavailable(again) if status in _LATER else Invalid(again)

    def _said(self, answered: Answer) -> str:
        """Return the tool's own sentence, without what it may repeat of the keys."""
        try:
            value = json.loads(answered.data)
        except (ValueError, RecursionError):
            return ""
        found = next((value[key] for key in _SAYING if value.get(key)), "") if isinstance(value, dict) else ""
        text = clean(found) if isinstance(found, str) else ""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return f": {text}" if text else ""

    def _shorter(self) -> str:
        return f"The address is what comes before the paths of {self.tool}'s API, such as {self.example}"


def address(source: str) -> str:
    """Return the address of an API as it is asked. Raises Invalid."""
    if holds_secret(source):
        raise Invalid("the address has a password or a key in it; give keys by environment variables alone")
    parts = urlsplit(source)
    if not parts.hostname or parts.query or parts.fragment:
        raise Invalid(f"{clean(source)} is no address of an API; write one like https://host.example.org")
    return source.rstrip("/")


def first(*names: str) -> str:
    """Return the first of these environment variables that is set; empty: none is."""
    return next((found for name in names if (found := os.environ.get(name, "").strip())), "")


def keys(*names: str) -> list[str]:
    """Return environment variables that must be there. Raises Invalid, which names the missing."""
    found = [first(name) for name in names]
    if missing := [name for name, value in zip(names, found, strict=True) if not value]:
        raise Invalid(
            f"{' and '.join(missing)} must be set, as for the tool's own client; export {missing[0]}=..."
        )
    return found


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of HTTP's Basic authentication."""
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def segment(text: str) -> str:
    """Return a name as one part of a path."""
    return quote(text, safe="")


def entries(value: Any, key: str, api: Api) -> list[dict[str, Any]]:
    """Return the objects that an answer has by a key. Raises Unavailable."""
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, list) and all(isinstance(each, dict) for each in found):
        return found
    raise Unavailable(f"an answer of {clean(api.url)} has no list {key!r}; is this {api.tool}'s API?")


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() and len(text) <= _SECONDS_LENGTH else 0.0
