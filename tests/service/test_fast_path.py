"""What is answered from memory at once is what the routes answer, to the byte, and is counted alike."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest
from client.fake_registry import release as body_of
from support import PATIENCE, Valkey

from promptstage.evaluation import decide
from promptstage.model import parse_release
from registry import app
from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint
from registry.api import releases
from registry.api.http import fast_path as fast
from registry.api.http.fast_path import FastPath
from registry.api.http.measured import Measured
from registry.control.resolve import decide_for
from registry.replication.read_model import encode
from registry.rollouts.action import Action
from registry.rollouts.state import Step, Target
from registry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from support import Api, PromptRepository

    from registry.api.http.dependencies import Services

RELEASE = "/v1/environments/production/releases/summarize"
RESOLVE = "/v1/environments/production/resolve/summarize"


class Case(NamedTuple):
    """One request, with words in braces that `_prepare` fills in; `fast`: it is to be answered at once."""

    what: str
    path: str
    query: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    method: str = "GET"
    fast: bool = True


CASES = [
    Case("a release", RELEASE),
    Case("with a query that says nothing", RELEASE, b"a=1&a=2"),
    Case("in another environment", "/v1/environments/staging/releases/summarize"),
    Case("of a name with a slash", "/v1/environments/production/releases/support/triage"),
    Case("the one that is there", RELEASE, headers={"if-none-match": "{ETAG}"}),
    Case("the one that is there, weak", RELEASE, headers={"if-none-match": "W/{ETAG}"}),
    Case("the one that is there, of many", RELEASE, headers={"if-none-match": '"a", {ETAG}, "b"'}),
    Case("another", RELEASE, headers={"if-none-match": '"0123456789"'}),
    Case("any", RELEASE, headers={"if-none-match": "*"}),
    Case("a validator that is no text", RELEASE, headers={"if-none-match": "\xff\xfe"}),
    Case("an empty validator", RELEASE, headers={"if-none-match": ""}),
    Case("a body", RELEASE, headers={"content-length": "3"}, fast=False),
    Case("too large a body", RELEASE, headers={"content-length": "99999999"}, fast=False),
    Case("HEAD", RELEASE, method="HEAD", fast=False),
    Case("POST", RELEASE, method="POST", fast=False),
    Case("a key", RESOLVE, b"key=user-42"),
    Case("another key", RESOLVE, b"key=user-7"),
    Case("a key on the canary", RESOLVE, b"key={CANARY}"),
    Case("a key in the control", RESOLVE, b"key={CONTROL}"),
    Case("a key on the stable version", RESOLVE, b"key={STABLE}"),
    Case("a key with escapes", RESOLVE, b"key=a%40example.org+b%C3%A4%FF"),
    Case("a key that is no UTF-8", RESOLVE, b"key=\xff\xfe"),
    Case("a key twice", RESOLVE, b"key=a&key=b", fast=False),
    Case("an empty key first", RESOLVE, b"key=&key=user-42"),
    Case("parts of a query that are empty", RESOLVE, b"&&key=user-42&"),
    Case("semicolons", RESOLVE, b"key=a;b=c"),
    Case("a target's attribute", RESOLVE, b"key=user-42&attribute=tenant:acme"),
    Case("attributes", RESOLVE, b"attribute=tenant:x&key=user-42&attribute=tenant:acme&attribute=a:b:c"),
    Case("an attribute with escapes", RESOLVE, b"key=user-42&attribute=tenant%3Aacme"),
    Case("a bad attribute", RESOLVE, b"key=u&attribute=acme", fast=False),
    Case("no rollout", "/v1/environments/staging/resolve/summarize", b"key=user-42"),
    Case("a version", RESOLVE, b"key=u&version=1.0.0", fast=False),
    Case("an unknown parameter", RESOLVE, b"key=user-42&a=b", fast=False),
    Case("an unknown environment", "/v1/environments/moon/releases/summarize", fast=False),
    Case("an unknown prompt", "/v1/environments/production/releases/nothing", fast=False),
    Case("no release", "/v1/environments/staging/releases/support/triage", fast=False),
    Case("no name", "/v1/environments/production/releases/", fast=False),
    Case("a line's end in the name", RELEASE + "\n", fast=False),
    Case("many releases", "/v1/environments/production/releases", b"names=summarize", fast=False),
    Case("another resource", "/v1/environments/production/rollouts/summarize", fast=False),
    Case("an empty path", "", fast=False),
    Case("no token", RELEASE, headers={"authorization": ""}, fast=False),
    Case("a wrong token", RELEASE, headers={"authorization": "Bearer ps_wrong"}, fast=False),
    Case("a token that is no text", RELEASE, headers={"authorization": "Bearer \xff"}, fast=False),
    Case("another scheme", RELEASE, headers={"authorization": "Basic YTpi"}, fast=False),
    Case("a scheme in small letters", RELEASE, headers={"authorization": "bearer {READER}"}),
    Case("a token for this environment", RELEASE, headers={"authorization": "Bearer {LIMITED}"}),
    Case(
        "a token for another environment",
        "/v1/environments/staging/releases/summarize",
        headers={"authorization": "Bearer {LIMITED}"},
        fast=False,
    ),
    Case("a revoked token", RELEASE, headers={"authorization": "Bearer {REVOKED}"}, fast=False),
    Case("a token that has expired", RELEASE, headers={"authorization": "Bearer {EXPIRED}"}, fast=False),
]


class Told(NamedTuple):
    """An answer, and what was counted for it."""

    status: int
    head: bytes
    body: bytes
    counted: Counter[str]


@contextmanager
def handlers_kept() -> Iterator[None]:
    """An app that runs in this process takes signals; give them back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Asked(NamedTuple):
    """What is answered at once, and asked again, if it is; what the routes answer; and who is let in."""

    answers: dict[str, tuple[Told | None, Told | None, Told]]
    let_in: list[bool]


@pytest.fixture(scope="module")
def asked(repository: PromptRepository, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """An app in this process was asked everything."""
    folder = tmp_path_factory.mktemp("fast")
    valkey = Valkey(folder)
    settings = Settings(repository=str(repository.path), data=folder / "data", redis_url=valkey.url)
    with handlers_kept():
        yield asyncio.run(_ask(settings))
    valkey.kill()


async def _ask(settings: Settings) -> Asked:
    made = app.create(settings)
    async with made.router.lifespan_context(made):
        parts: Services = made.state.services
        words = await asyncio.to_thread(_prepare, parts, settings)
        both = {case.what: await _each_way(made, parts, _scope(made, case, words)) for case in CASES}
        return Asked(both, list(_let_in(parts, _scope(made, CASES[0], words))))


def _let_in(parts: Services, scope: dict[str, Any]) -> Iterator[bool]:
    """Whether a token is let in: when it is good, is revoked, is gone, and is good again."""
    fast, keyring = FastPath(parts), parts.rollouts.replica.keyring
    known = keyring.tokens()
    revoked = [token.model_copy(update={"revoked_at": datetime.now(UTC)}) for token in known]
    for tokens in (known, revoked, [], known):
        keyring.replace(tokens)
        yield fast.answer(scope) is not None


def _prepare(parts: Services, settings: Settings) -> dict[str, str]:
    """Put releases in force, and make tokens; gives what the headers of cases name."""

    def act(op: str, name: str, environment: str = "production", **more: Any) -> None:
        parts.rollouts.act(Action(environment=environment, prompt=name, op=op, actor="ada", **more))

    act("promote", "summarize", version="1.0.0")
    act("promote", "summarize", "staging", version="1.0.0")
    act("promote", "support/triage", version="1.0.0")
    audience = (Target.model_validate({"when": [{"attribute": "tenant", "in": ["acme"]}]}),)
    act("start", "summarize", version="1.1.0", steps=(Step(percent=25),), audience=audience)
    release = parts.rollouts.release("production", "summarize")
    keys = (f"user-{number}" for number in range(1000))  # the salt is random, so are the arms of fixed keys
    of_arm = {decide(release.release, key).arm: key for key in keys}

    def token(name: str, **more: Any) -> str:
        made, secret = mint(
            TokenSpec(name=name, capabilities=(Capability.reader,), environments=more.pop("environments", ()))
        )
        parts.rollouts.replica.keyring.put(made.model_copy(update=more))
        return secret

    now = datetime.now(UTC)
    return {
        "ETAG": release.etag,
        "CANARY": of_arm["canary"],
        "CONTROL": of_arm["control"],
        "STABLE": of_arm["stable"],
        "ADMIN": (settings.data / "admin.token").read_text().strip(),
        "READER": token("reader", expires_at=now + timedelta(days=1)),
        "LIMITED": token("limited", environments=("production",)),
        "REVOKED": token("revoked", revoked_at=now),
        "EXPIRED": token("expired", expires_at=now),
    }


def _scope(made: FastAPI, case: Case, words: dict[str, str]) -> dict[str, Any]:
    headers = {"host": "registry", "authorization": "Bearer {ADMIN}"} | case.headers
    filled = {name: value.format_map(words).encode("latin-1") for name, value in headers.items()}
    return {
        "type": "http",
        "app": made,
        "method": case.method,
        "path": case.path,
        "raw_path": case.path.encode(),
        "query_string": case.query.decode("latin-1").format_map(words).encode("latin-1"),
        "headers": [
            (name.encode(), value) for name, value in filled.items() if value or name != "authorization"
        ],
    }


async def _each_way(
    made: FastAPI, parts: Services, scope: dict[str, Any]
) -> tuple[Told | None, Told | None, Told]:
    fast = FastPath(parts)
    at_once, again = _at_once(fast, parts, scope), _at_once(fast, parts, scope)
    before = _counted(parts)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await Measured(made)(scope, receive, send)
    routed = Told(
        sent[0]["status"],
        b"".join(b"%s: %s\r\n" % pair for pair in sent[0]["headers"]) + b"\r\n",
        b"".join(message["body"] for message in sent[1:]),
        _counted(parts) - before,
    )
    return at_once, again, routed


def _at_once(fast: FastPath, parts: Services, scope: dict[str, Any]) -> Told | None:
    before = _counted(parts)
    answer = fast.answer(scope)
    return answer and Told(*answer, _counted(parts) - before)


def _counted(parts: Services) -> Counter[str]:
    """What was counted so far: answers, their times, and decisions."""
    found = re.findall(
        r"^(promptstage_(?:http_request(?:s_total|_duration_seconds_count)|resolutions_total){.*}) (.+)$",
        parts.metrics.render().decode(),
        re.MULTILINE,
    )
    return Counter({series: int(float(number)) for series, number in found})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_both_ways_give_the_same(case: Case, asked: Asked) -> None:
    """The usual questions are answered at once, as the routes do, again too; others are left to them."""
    at_once, again, routed = asked.answers[case.what]

    assert at_once == again == (routed if case.fast else None)
    assert routed.counted


def test_the_cases_are_what_they_say(asked: Asked) -> None:
    """A release, one that is there already, decisions of every kind, and refusals."""
    statuses = Counter(routed.status for *_, routed in asked.answers.values())
    arms = {
        arm
        for *_, routed in asked.answers.values()
        for arm in re.findall(rb'"arm":"(\w+)","reason', routed.body)
    }

    assert set(statuses) == {200, 304, 307, 401, 403, 404, 405, 413, 422}  # an empty path leads to /
    assert arms == {b"canary", b"control", b"stable", b"pinned"}


def test_who_was_let_in_before_is_asked_again(asked: Asked) -> None:
    """A token that was revoked, or that nobody can read any more, is good for nothing from that moment."""
    assert asked.let_in == [True, False, False, True]


def raw(api: Api, *requests: str) -> list[bytes]:
    """What comes back for requests that are sent together, on one connection, without its dates."""
    host, port = api.url.removeprefix("http://").split(":")
    common = f"\r\nHost: registry\r\nAuthorization: Bearer {api.token}\r\n\r\n"
    requests += ("GET /livez HTTP/1.1\r\nConnection: close",)
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall("".join(request + common for request in requests).encode())
        received = b"".join(iter(partial(connection.recv, 1 << 16), b""))
    answers = re.split(rb"(?=HTTP/1.1 )", re.sub(rb"date: .*\r\n", b"", received))
    return [answer for answer in answers[1:] if b"alive" not in answer]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0", "HTTP/1.1\r\nConnection: close"])
def test_on_the_wire_both_are_the_same(api: Api, environment: str, version: str) -> None:
    """Also for who keeps the connection, who does not, and who asks several things at once."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    place = f"/v1/environments/{environment}"
    asked = [
        f"{place}/releases/summarize",
        f"{place}/resolve/summarize?key=u",
        f"{place}/releases/%73ummarize",
    ]
    for path in asked:
        api.get(path)  # so that the release is ready
    at_once = [raw(api, f"GET {path} {version}") for path in asked]
    routed = [raw(api, f"GET {path} {version}\r\nContent-Length: 0") for path in asked]

    assert at_once == routed


def test_requests_that_come_together_are_answered_in_turn(api: Api, environment: str) -> None:
    """One that is answered at once waits for those before it that are not."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    paths = [
        f"/v1/environments/{environment}/{kind}/summarize" for kind in ("releases", "rollouts", "resolve")
    ]
    each = [raw(api, f"GET {path} HTTP/1.1")[0] for path in paths]
    together = raw(api, *(f"GET {path} HTTP/1.1" for path in paths * 2))

    assert together == each * 2


def test_decisions_that_are_known_again_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many keys nor long ones fill the memory; without a key it is another one each time."""
    monkeypatch.setattr(fast, "DECISIONS", 3)
    built = encode(parse_release(body_of(candidate="1.3.0", percent=50)))
    decisions = fast.Decisions()
    queries = [b"key=%d" % number for number in range(4)] + [b"key=" + b"k" * fast.QUERY_BYTES, b"key=", b""]

    found = [decisions.find(built, query) for query in queries]

    assert None not in found
    assert [query for _, query in decisions._known] == [b"key=3"]


def test_what_was_kept_of_a_release_goes_with_it() -> None:
    """However often it was read and decided, nothing holds on to a release that was superseded."""
    built = encode(parse_release(body_of(candidate="1.3.0", percent=50)))
    body, metrics = built.body, SimpleNamespace(resolved=lambda *_: None)

    for key in map(str, range(20)):
        fast._read(built, 1, None)
        releases.count_and_encode(cast("Any", metrics), built, decide_for(built, key, {}))
    del built

    assert sys.getrefcount(body) == 2  # its name here, and the argument of this very call
