"""A webhook that never arrives: the registry looks by itself, and what was pushed reaches the clients."""

from __future__ import annotations

import hashlib
import hmac
import time
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import urllib3
from faults.caller import GETS_A_SECOND, NAME, Caller
from faults.crowd import BURST, VERSIONS, is_true, text_of
from faults.pace import SLACK
from faults.proxy import BLACK_HOLE, Proxy
from faults.scenario import Result
from git_hosts import http_host
from support import PromptRepository, Registry

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BOUND = 45.0  # seconds from a push to a version: the pause of 30 and its jitter, a fetch, and some slack
POLL = {True: "", False: "1"}  # seconds; in full what a registry does by itself with a URL
SECRET = "of-the-webhook-and-the-host"
PATIENCE = 0.2  # seconds that the host waits for an answer to its webhook
BEFORE, PUSHED = VERSIONS[:2]
LATEST = f"/v1/prompts/{NAME}/versions/latest"


def prove(*, full: bool) -> Iterator[Result]:
    """Push right after a look, so that the next one is as far away as it can be."""
    with TemporaryDirectory() as name, http_host(Path(name), f"x-access-token:{SECRET}") as host:
        folder = Path(name)
        author = PromptRepository(folder / "prompts")
        author.tag(NAME, BEFORE, text_of(BEFORE))
        secret = folder / "secret"
        secret.write_text(SECRET)
        registry = Registry(
            f"{host.url}/prompts",
            folder / "data",
            poll_seconds=POLL[full],
            git_token_file=str(secret),
            webhook_secret_file=str(secret),
        )
        try:
            yield _push(registry, author, folder)
        finally:
            registry.api.close()
            registry.kill()


def _push(registry: Registry, author: PromptRepository, folder: Path) -> Result:
    assert registry.api.act("promote", NAME, {"version": BEFORE}).status == 200
    url, token = registry.url, registry.api.token
    with closing(Client(url, token=token, prompts=[NAME], snapshot_dir=folder / "snapshots")) as client:
        assert client.ready(BOUND)
        caller = Caller(client, is_true, BURST)
        begun = time.monotonic()
        author.tag(NAME, PUSHED, text_of(PUSHED))
        lost = _lose_webhook(registry)
        there = _wait(lambda: registry.api.get(LATEST).json["version"] == PUSHED, begun + BOUND + SLACK)
        took = time.monotonic() - begun
        asked = registry.api.act("promote", NAME, {"version": registry.api.get(LATEST).json["version"]})
        served = _wait(lambda: client.get(NAME).version == PUSHED, time.monotonic() + SLACK)
        caller.stop()
    seconds = time.monotonic() - begun
    return Result(
        "a webhook is lost",
        lost,
        wrong=caller.errors + caller.wrong + (asked.status != 200),
        stale=(not there) + (took > BOUND) + (not served),
        note=f"a version after {took:.1f} s, {caller.gets} gets",
        void="" if caller.gets / seconds >= GETS_A_SECOND else "too few gets",
    )


def _lose_webhook(registry: Registry) -> int:
    """Send one through a network that swallows it; 1 if it did not arrive."""
    body = b"{}"
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    with Proxy(registry.port) as proxy, urllib3.PoolManager(retries=False, timeout=PATIENCE) as host:
        proxy.set(BLACK_HOLE)
        headers = {"X-Hub-Signature-256": f"sha256={signature}"}
        with suppress(urllib3.exceptions.HTTPError):
            host.request("POST", f"{proxy.url}/v1/webhooks", body=body, headers=headers)
        return int(proxy.struck == 1 and "sent a webhook" not in registry.log)


def _wait(look: Callable[[], bool], deadline: float) -> bool:
    while not (there := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return there
