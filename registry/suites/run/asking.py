"""Ask models over HTTP by OpenAI's SDK; this is the one module that knows it.

A question is tried a bounded number of times. A 429 holds back all questions to that endpoint, for as long as
it says. What no second try would change fails at once, and for every later question, too.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

from registry.errors import Unavailable
from registry.suites.run.completion import NoCompletion, read
from registry.suites.run.endpoint import OPENAI, URL
from registry.suites.run.failure import AskFailed, Kind
from registry.system.text import fits_header, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    import openai

    from promptstage.model import Json
    from registry.suites.run.completion import Completion
    from registry.suites.run.endpoint import Endpoint

ATTEMPTS = 4
"""Tries of a question that the network or the server failed: with the pauses 4 s, as a restart takes."""

BACK_OFF_BASE, BACK_OFF_CAP = 0.5, 30.0
"""Seconds between tries, doubled each time, less up to a quarter, so that not all come at once."""

PATIENCE = 180.0
"""Seconds that one question waits for rate limits altogether: those by the minute pass, others do not."""

SECONDS = 180.0
"""The longest answer, as a whole: a model that reasons may think for two minutes."""

CONNECT_SECONDS = 10.0
"""To connect: an endpoint that is there takes a round trip or two, and TLS."""

WORDS = 300  # characters of an endpoint's own words in an error
QUOTA = "insufficient_quota"  # the code of a 429 that no waiting changes
MISSING = (
    "models are asked by the openai package, which is not installed here; install it:  pip install openai\n"
    "or take only the answers that are kept: --offline"
)
_ACCOUNT = frozenset((401, 402))  # refused for every question; a 403 may be about one, such as by moderation
_RETRIED = frozenset((408, 409))  # besides those from 500
_NOT_FOUND, _LIMITED, _SERVER = 404, 429, 500


class Endpoints:
    """Asks at several endpoints, by one client each; an async context manager.

    Attributes:
        requests: how many were sent, with those that failed.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._clients: dict[Endpoint, _Client] = {}
        self.requests = 0

    async def __aenter__(self) -> Self:
        """Nothing is connected yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all connections."""
        for client in self._clients.values():
            await client.close()

    async def ask(self, endpoint: Endpoint, request: Json) -> Completion:
        """Ask a model.

        Raises:
            AskFailed: this question has no answer.
            Unavailable: the SDK or a key is missing.
        """
        if endpoint not in self._clients:
            self._clients[endpoint] = _Client(endpoint, self._environment)
        client = self._clients[endpoint]
        tries = _Tries()
        while True:
            await client.gate(request)
            self.requests += 1
            try:
                return await client.ask(request)
            except AskFailed as failed:
                pause = tries.pause(failed)
                if pause is None:
                    raise
                limited = failed.kind is Kind.RATE_LIMITED
            if limited:
                client.hold_back(pause)
            else:
                await asyncio.sleep(pause)


class _Tries:
    """Counts the tries of one question."""

    def __init__(self) -> None:
        self._failed = 0
        self._limited = 0
        self._waited = 0.0

    def pause(self, failed: AskFailed) -> float | None:
        """Return the seconds to wait before the next try; None: there is none."""
        if failed.kind is Kind.RATE_LIMITED:
            self._limited += 1
            pause = _back_off(self._limited) if failed.retry_after is None else failed.retry_after
            self._waited += pause
            return pause if failed.may_pass and self._waited <= PATIENCE else None
        self._failed += 1
        return _back_off(self._failed) if failed.may_pass and self._failed < ATTEMPTS else None


def _back_off(tries: int) -> float:
    longest = min(BACK_OFF_BASE * float(1 << (tries - 1)), BACK_OFF_CAP)
    return longest * (1 - random.random() / 4)  # noqa: S311 - to spread requests, not to hide anything


class _Client:
    """Asks at one endpoint, once a call."""

    def __init__(self, endpoint: Endpoint, environment: Mapping[str, str]) -> None:
        """Make the SDK's client. Raises Unavailable."""
        try:
            import openai  # noqa: PLC0415 - an extra, and slow to import
        except ImportError as error:
            raise Unavailable(MISSING, code="openai_missing") from error
        if not endpoint.is_url:
            raise Unavailable(
                f"{URL} is {visible(endpoint.url)!r}, which is no URL; write it like {OPENAI}",
                code="no_endpoint",
            )
        key = _key(endpoint, environment)
        self._sdk = openai
        self._url = endpoint.url
        self._key_variable = endpoint.key_variable
        self._held_until = 0.0  # of the monotonic clock
        self._hopeless: dict[str, AskFailed] = {}  # by model; empty: for all of them
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=endpoint.url,
            max_retries=0,  # the SDK would not let other questions wait
            timeout=openai.Timeout(SECONDS, connect=CONNECT_SECONDS),
        )

    async def close(self) -> None:
        """End the connections."""
        await self._client.close()

    def hold_back(self, seconds: float) -> None:
        """Let every question wait that has not been sent yet."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    async def gate(self, request: Json) -> None:
        """Wait until a question may be sent. Raises AskFailed if it is known to be refused."""
        while (left := self._held_until - time.monotonic()) > 0:  # noqa: ASYNC110 - it may be put off again
            await asyncio.sleep(left)
        for scope in ("", request.get("model", "")):
            if known := self._hopeless.get(scope):
                raise AskFailed(known.kind, known.message)

    async def ask(self, request: Json) -> Completion:
        """Ask once. Raises AskFailed."""
        start = time.monotonic()
        try:
            async with asyncio.timeout(SECONDS):
                data = await self._client.post("/chat/completions", cast_to=bytes, body=request)
        except (TimeoutError, self._sdk.APITimeoutError) as error:
            said = f"{self._url} had no answer within {SECONDS:g} s"
            raise AskFailed(Kind.TIMEOUT, said, may_pass=True) from error
        except self._sdk.APIStatusError as error:
            raise self._refusal(error, request.get("model", "")) from error
        except self._sdk.APIConnectionError as error:
            raise self._broken(error) from error
        try:
            return read(json.loads(data), round((time.monotonic() - start) * 1000, 1))
        except NoCompletion as error:
            raise AskFailed(Kind.BAD_ANSWER, f"{self._url} answered oddly: {error}") from error
        except (ValueError, RecursionError) as error:
            said = f"{self._url} answered with what is no JSON: {_shown(data.decode(errors='replace'))}"
            raise AskFailed(Kind.BAD_ANSWER, said) from error

    def _broken(self, error: openai.APIConnectionError) -> AskFailed:
        cause = error.__cause__
        if type(cause).__name__ == "RemoteProtocolError":  # of the SDK's HTTP library
            said = f"{self._url} cut the connection before its answer was whole"
            return AskFailed(Kind.CUT_OFF, said, may_pass=True)
        said = f"{self._url} cannot be reached: {_shown(str(cause or error))}"
        return AskFailed(Kind.CONNECTION, said, may_pass=True)

    def _refusal(self, error: openai.APIStatusError, model: str) -> AskFailed:
        status, words = error.status_code, _shown(error.message)
        said = f"{self._url} answered {status}: {words}"
        if status == _LIMITED:
            passing = error.code != QUOTA
            return AskFailed(Kind.RATE_LIMITED, said, may_pass=passing, retry_after=_retry_after(error))
        if status >= _SERVER or status in _RETRIED:
            return AskFailed(Kind.SERVER_ERROR, said, may_pass=True)
        if status in _ACCOUNT:
            failed = AskFailed(Kind.REFUSED, f"{said}; is {self._key_variable} right?")
            return self._hopeless.setdefault("", failed)
        if status == _NOT_FOUND:
            failed = AskFailed(Kind.REFUSED, f"{said}; is {model} a model there?")
            return self._hopeless.setdefault(model, failed)
        return AskFailed(Kind.REFUSED, said)


def _key(endpoint: Endpoint, environment: Mapping[str, str]) -> str:
    """Return the API key without the line break of a file that it comes from. Raises Unavailable."""
    key = environment.get(endpoint.key_variable, "").strip()
    if not key and not endpoint.is_local:
        raise Unavailable(
            f"{endpoint.key_variable} is not set, and {endpoint.url} wants a key; set it, or take only the "
            "answers that are kept: --offline",
            code="no_key",
        )
    if not fits_header(key):
        raise Unavailable(
            f"{endpoint.key_variable} holds characters that no key has; copy it again", code="no_key"
        )
    return key


def _shown(words: str) -> str:
    text = visible(" ".join(words.split()))
    return text if len(text) <= WORDS else text[: WORDS - 1] + "…"


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Return the seconds that an endpoint asks to wait: milliseconds, seconds, or a date."""
    headers = error.response.headers
    for name, seconds in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * seconds)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError):
        return None
