"""Tokens that are almost right: spoiled, limited, revoked, expired. None gets in, and none gets a 500."""

from __future__ import annotations

import random
import socket
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faults.scenario import Result, at_least
from support import PATIENCE, PromptRepository, Registry

from registry.access.capabilities import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261123
ROLES = tuple(Capability)
CHANGERS = (Capability.releaser, Capability.admin)
ACTIONS = ("start", "advance", "pause", "resume", "promote", "rollback", "approve", "reject")
SCHEMES = (b"Bearer ", b"bearer  ", b"Basic ", b"Bearer", b"", b"Bearer\t", b"Token ", b"Bearer bearer ")
STRANGE = (
    b"\xc3\xa9",
    b"\xff",
    b"\x00",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x94\x91",
    b" ",
    b"\t",
    b",",
    b"\\",
    b'"',
    b"%00",
)


def prove(*, full: bool) -> Iterator[Result]:
    """Ask with each of them."""
    with _registry() as registry:
        yield _spoiled(registry, 4000 if full else 200)
        yield _limited(registry)
        yield _ended(registry)


@contextmanager
def _registry() -> Iterator[Registry]:
    with tempfile.TemporaryDirectory() as folder:
        repository = PromptRepository(Path(folder) / "prompts")
        repository.tag("summarize", "1.0.0")
        registry = Registry(repository.path, Path(folder) / "data")
        try:
            yield registry
        finally:
            registry.api.close()
            registry.stop()


def _spoiled(registry: Registry, count: int) -> Result:
    chance = random.Random(SEED)
    secret = registry.api.token.encode()
    answers: Counter[int] = Counter()
    for _ in range(count):
        while (header := chance.choice(SCHEMES) + _spoil(secret, chance)).split() == [b"Bearer", secret]:
            pass
        answers[_ask(registry, header)] += 1
    # A server may refuse what no header can hold before it is one: 400.
    wrong = sum(number for status, number in answers.items() if status not in {400, 401})
    return at_least(Result("a spoiled token", answers.total(), wrong=wrong, note=str(dict(answers))), count)


def _spoil(secret: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(3, len(secret))
    return chance.choice(
        (
            secret[:at],
            secret[at:],
            secret[:at] + chance.choice(STRANGE) + secret[at:],
            secret[:at] + secret[at : at + 1].swapcase() + b"_" + secret[at + 1 :],
            secret.upper(),
            secret + secret,
            secret * 200,
            b"ps_" + bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz0123456789", k=43)),
            chance.randbytes(40).replace(b"\r", b"").replace(b"\n", b""),
            b"",
        )
    )


def _ask(registry: Registry, authorization: bytes) -> int:
    """The status of an answer to a header as it is, however odd; 400 for a connection that is just closed."""
    with socket.create_connection(("127.0.0.1", registry.port), PATIENCE) as connection:
        connection.sendall(
            b"GET /v1/prompts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
            + authorization
            + b"\r\n\r\n"
        )
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1]) if answer else 400


def _limited(registry: Registry) -> Result:
    """Every role, for one environment and for all, with every action in both environments."""
    count = wrong = 0
    for role in ROLES:
        for limits in ([], ["staging"]):
            api = _token(registry, name=f"{role}-{len(limits)}", role=role, environments=limits or None)
            for environment in ("production", "staging"):
                for action in ACTIONS:
                    status = registry.api.call(
                        "POST",
                        f"/v1/environments/{environment}/rollouts/summarize/actions/{action}",
                        {"version": "9.9.9"} if action == "start" else {"expect": {"rollout": "r-none"}},
                        Authorization=f"Bearer {api['secret']}",
                    ).status
                    refused = role not in CHANGERS or (limits and environment not in limits)
                    count += 1
                    wrong += (status == 403) is not bool(refused) or status in {401, 500}
    return at_least(Result("every role, action and environment", count, wrong=wrong), 224)


def _ended(registry: Registry) -> Result:
    """Revoked, and expired."""
    gone = _token(registry, name="gone", role="admin")
    registry.api.call("DELETE", f"/v1/tokens/{gone['id']}")
    late = _token(registry, name="late", role="admin", expires_in="1s")
    with socket.create_connection(("127.0.0.1", registry.port), PATIENCE) as stream:  # ends with the token
        path = b"/v1/environments/production/stream?names=summarize"
        head = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "
        stream.sendall(b"GET " + path + head + late["secret"].encode() + b"\r\n\r\n")
        while stream.recv(1 << 16):
            pass
    statuses = [
        registry.api.call(
            "POST", "/v1/tokens", {"name": "x", "role": "admin"}, Authorization=f"Bearer {t['secret']}"
        ).status
        for t in (gone, late)
    ]
    return Result(
        "a revoked one, and one that expired with its stream", 2, wrong=sum(s != 401 for s in statuses)
    )


def _token(registry: Registry, **wish: Any) -> dict[str, Any]:
    made: dict[str, Any] = registry.api.call("POST", "/v1/tokens", wish).json
    return made
