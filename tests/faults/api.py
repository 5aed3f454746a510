"""Requests that somebody made to do harm: each gets an answer that says why not, and no 5xx."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from faults import schemathesis_run
from faults.scenario import Result, at_least
from support import PATIENCE, PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261123
LATE_SECONDS = 1.0
METHODS = (
    *("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"),
    *("get", "BREW", "QUERY"),
)
TEXTS: tuple[bytes, ...] = (
    b"", b" ", b"summarize", b"production", b"1.0.0", b"latest", b"..", b"../../etc/passwd", b"/", b"//",
    b"a/b/c", b"a" * 300, b"a" * 5000, b"/".join([b"a"] * 50), b"v1.0.0", b"-1", b"0", b"9" * 400, b"1e999",
    b"NaN", b"null", b"--upload-pack=x", b"$(id)", b"`id`", b"'; DROP TABLE x; --", b"%s%n", b"{{text}}",
    b"\0", b"\r\n", b"\n", b"\t", b"\x7f", b"\x1b[31m", "\u202ex".encode(), "ü".encode(),
    "\U0001f600".encode(), b"\xff\xfe", b"\xed\xa0\x80", b"a,b,,c", b"a@1.2,b",
    b"summarize@" + b"9" * 30 + b".1", b"tenant:acme", b":", b"a:b:c", b"2026-11-23T00:00:00Z",
    b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"*", b'"1.2"', b'W/"1.2"', b"HEAD~1",
    b"refs/tags/x",
)  # fmt: skip
JSON: tuple[str, ...] = (
    "null", "true", "0", "-0", "-1", "1.5", "1e999", "NaN", "-Infinity", "9" * 400, "9" * 5000, "1e-400",
    '""', '" "', '"summarize"', '"1.0.0"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u202e"',
    '"' + "x" * 100_000 + '"', "[]", "{}", "[[]]", '[{"when": []}]', "[" * 3000 + "]" * 3000,
    '{"a":' * 3000 + "1" + "}" * 3000, "[1, [2, [3]]]", '[{"percent": 1e400}]', '[{"percent": 0.00001}]',
    '{"": ""}', '{"__proto__": {}}', '["production", "production"]', '"2026-11-23T00:00:00Z"',
    '"9999-12-31T23:59:59-23:59"', '"-1d"', '"99999999999999d"', '"0s"', '"standard"', "'x'", '"reader"',
    '{"rollout": null}', '{"stable": "1.0.0"}', "[" + "0," * 20_000 + "0]",
)  # fmt: skip
KEYS = (
    *(
        "version",
        "plan",
        "steps",
        "audience",
        "force",
        "reason",
        "expect",
        "key",
        "attributes",
        "at",
        "names",
    ),
    *("name", "role", "environments", "expires_in", "expires_at", "__class__", ""),
)
HEADERS = (
    *(
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Accept",
        "Accept-Encoding",
        "Cookie",
        "Range",
        "Expect",
    ),
    *("X-Forwarded-For", "Last-Event-ID", "Connection", "X-HTTP-Method-Override", "X-GitHub-Event", "Origin"),
)
KINDS = (
    *(b"application/json", b"application/json; charset=utf-16", b"text/plain", b"multipart/form-data", b""),
    *(b"application/x-www-form-urlencoded", b"\xff", b"application/" + b"j" * 5000),
)
TOKENS = (
    b"",
    b"Bearer",
    b"Bearer ",
    b"Bearer ps_x",
    b"Basic YTpi",
    b"Bearer \xff\xfe",
    b"Bearer " + b"x" * 9000,
)

Operation = tuple[str, str]


def prove(*, full: bool) -> Iterator[Result]:
    """Send them to a real registry, for every operation that it says it has."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        author = PromptRepository(folder / "repository")
        for version in ("1.0.0", "1.1.0"):
            author.tag("summarize", version)
        registry = Registry(author.path, folder / "data")
        stack.callback(registry.stop)
        registry.api.act("promote", "summarize", {"version": "1.0.0"})
        yield _fuzzed(registry, 10_000 if full else 300, LATE_SECONDS if full else PATIENCE)
        if full:
            yield schemathesis_run.result(registry)


def _fuzzed(registry: Registry, count: int, late_seconds: float) -> Result:
    chance = random.Random(SEED)
    paths = registry.api.get("/openapi.json").json["paths"]
    operations = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    worst = 0.0
    for number in range(count):
        method, request = _request(chance, operations[number % len(operations)], registry.api.token.encode())
        begun = time.monotonic()
        status, problem = _ask(registry.port, method, request)
        worst = max(worst, time.monotonic() - begun)
        statuses[status] += 1
        if problem:
            wrong.append(f"{problem}: {request[:200]!r}")
    if " ERROR " in registry.log or "Traceback" in registry.log:
        wrong.append(registry.log[-2000:])
    told = (
        f"{sum(n for status, n in statuses.items() if status < 400)} accepted, slowest {worst * 1000:.0f} ms"
    )
    return at_least(
        Result(
            "the API, requests at random",
            count,
            wrong=len(wrong),
            stale=int(worst > late_seconds),
            note=wrong[0] if wrong else told,
        ),
        count,
    )


def _request(chance: random.Random, operation: Operation, token: bytes) -> tuple[str, bytes]:
    method, path = operation
    if chance.random() < 0.1:
        method = chance.choice(METHODS)
    target = _path(chance, path) + _query(chance)
    body = _body(chance) if method not in {"GET", "HEAD"} or chance.random() < 0.1 else b""
    authorization = b"Bearer " + token if chance.random() < 0.9 else chance.choice(TOKENS)
    headers = [(b"Host", b"x"), (b"Connection", b"close"), (b"Authorization", authorization)]
    headers += [
        (chance.choice(HEADERS).encode(), chance.choice(TEXTS).translate(None, b"\r\n\0"))
        for _ in range(chance.randrange(3))
    ]
    if body or chance.random() < 0.2:
        headers.append((b"Content-Type", KINDS[0] if chance.random() < 0.8 else chance.choice(KINDS)))
        headers.append((b"Content-Length", b"%d" % len(body)))
    lines = b"".join(b"%s: %s\r\n" % header for header in headers)
    return method, b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method.encode(), target, lines, body)


def _path(chance: random.Random, path: str) -> bytes:
    good = {"environment": b"production", "name": b"summarize", "version": b"1.0.0"}

    def fill(found: re.Match[str]) -> str:
        value = good.get(found[1], b"x") if chance.random() < 0.6 else chance.choice(TEXTS)
        return quote(value, safe="/" if chance.random() < 0.5 else "")

    return re.sub(r"{(\w+)}", fill, path).encode()


def _query(chance: random.Random) -> bytes:
    names = ("key", "attribute", "version", "at", "names", "limit", "cursor", "from", "to", "tag", "x")
    pairs = (
        f"{chance.choice(names)}={quote(chance.choice(TEXTS))}".encode() for _ in range(chance.randrange(4))
    )
    query = b"&".join(pairs)
    return b"?" + query if query else b""


def _body(chance: random.Random) -> bytes:
    members = [f'"{chance.choice(KEYS)}": {chance.choice(JSON)}' for _ in range(chance.randrange(5))]
    if chance.random() < 0.4:
        members.append(f'"version": "{chance.choice(("1.0.0", "1.1.0"))}"')
    whole = f"{{{', '.join(members)}}}" if chance.random() < 0.8 else chance.choice(JSON)
    body = whole.encode()
    match chance.randrange(10):
        case 0:
            return body[: chance.randrange(len(body) + 1)]
        case 1:
            return chance.randbytes(chance.randrange(200))
        case 2:
            return whole.encode("utf-16")
        case _:
            return body


OTLP = (b"/v1/traces", b"/v1/logs", b"/v1/metrics")  # which answer in the type of the request


def _ask(port: int, method: str, request: bytes) -> tuple[int, str]:
    """The status, and what is wrong with the answer."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection, method=method)
        try:
            response.begin()
            endless = response.headers.get_content_type() == "text/event-stream"
            body = b"" if endless else response.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, f"no answer: {error!r}"
        finally:
            response.close()
    is_otlp = request.partition(b" ")[2].startswith(OTLP)
    return response.status, _fault(response, None if method == "HEAD" else body, is_otlp=is_otlp)


def _fault(response: http.client.HTTPResponse, body: bytes | None, *, is_otlp: bool) -> str:
    if response.status < 400:
        return ""
    if is_otlp and response.headers.get_content_type() in {"application/x-protobuf", "application/json"}:
        return str(response.status) if response.status >= 500 and response.status != 503 else ""
    if response.headers.get_content_type() != "application/problem+json":
        return f"{response.status} as {response.headers.get_content_type()}"
    problem: Any = {"code": "unseen"} if body is None else json.loads(body)
    if not problem.get("code"):
        return f"{response.status} without a code"
    return str(response.status) if response.status >= 500 and response.status != 503 else ""
