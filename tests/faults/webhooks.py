"""Webhooks that are forged, replayed or come all at once: at most a look at git, and one at a time."""

from __future__ import annotations

import hashlib
import hmac
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from faults.scenario import Result, at_least
from git_hosts import HttpHost, http_host
from support import Api, PromptRepository, Registry, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261123
SECRET = "a secret of more than enough letters"
BODY = b'{"ref": "refs/tags/summarize/v1.0.0"}'
NEVER = "3600"  # seconds between polls, so that only a hook makes the registry look
OVERLAP_SECONDS = 0.02  # how long a request to the host is held, so that two at a time would meet


class Looks:
    """Counts the requests that reach the repository's host, and how many did so at a time."""

    def __init__(self, host: HttpHost) -> None:
        host.during = self._note
        self.count = self.most = self._now = 0
        self._lock = Lock()

    def _note(self) -> None:
        with self._lock:
            self.count += 1
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(OVERLAP_SECONDS)  # not to wait for anything: to be met by another one
        with self._lock:
            self._now -= 1


def prove(*, full: bool) -> Iterator[Result]:
    """Send them to a registry whose repository is on a host that counts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        author = PromptRepository(folder / "repositories/prompts")
        author.tag("summarize", "1.0.0")
        host = stack.enter_context(http_host(folder / "repositories", "user:token"))
        looks = Looks(host)
        for name, text in (("secret", SECRET), ("token", "user:token")):
            (folder / name).write_text(text)
        registry = Registry(
            f"{host.url}/prompts/.git",
            folder / "data",
            workers=2,
            poll_seconds=NEVER,
            webhook_secret_file=str(folder / "secret"),
            git_token_file=str(folder / "token"),
        )
        stack.callback(registry.stop)
        until(lambda: registry.api.get("/v1/prompts").json["data"], "the first look")
        yield _forged(registry, looks, 2000 if full else 100)
        yield _at_once(registry, looks, author, 100 if full else 30)


def _forged(registry: Registry, looks: Looks, count: int) -> Result:
    chance = random.Random(SEED)
    before = looks.count
    api = Api(registry.url, "")
    statuses = Counter(api.call("POST", "/v1/webhooks", BODY, **_forge(chance)).status for _ in range(count))
    api.close()
    wrong = count - statuses[403] + (looks.count - before)
    return at_least(
        Result("forged or unsigned", count, wrong=wrong, note=f"{looks.count - before} looks"), count
    )


def _forge(chance: random.Random) -> dict[str, str]:
    right = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    other = hmac.new(SECRET[:-1].encode(), BODY, hashlib.sha256).hexdigest()
    empty = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    spoiled = chance.choice((other, empty, right[:-1], right + "0", right[::-1], "", "sha256=", "0" * 64))
    return chance.choice(
        (
            {},
            {"X-Hub-Signature-256": f"sha256={spoiled}"},
            {"X-Hub-Signature-256": right},  # without what says how
            {"X-Hub-Signature-256": f"sha1={right}"},
            {"X-Gitea-Signature": spoiled},
            {"X-Forgejo-Signature": spoiled},
            {"X-Hub-Signature": f"sha256={spoiled}"},
            {"X-Gitlab-Token": chance.choice((SECRET[:-1], SECRET + " x", right, "", SECRET.upper()))},
            {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": f"v1,{spoiled}"},
            {"X-GitHub-Event": "push", "X-Gitlab-Token": right, "X-Gitea-Signature": spoiled},
        )
    )


def _at_once(registry: Registry, looks: Looks, author: PromptRepository, count: int) -> Result:
    """The same signed hook again and again, from many connections, while a tag arrives."""
    author.tag("summarize", "1.1.0")
    before = looks.count
    signature = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()

    def send(_: int) -> int:
        api = Api(registry.url, "")
        status = api.call("POST", "/v1/webhooks", BODY, X_Hub_Signature_256=signature).status
        api.close()
        return status

    with ThreadPoolExecutor(count) as pool:
        statuses = list(pool.map(send, range(count)))
    until(lambda: registry.api.get("/v1/prompts/summarize/versions/1.1.0").status == 200, "the tag")
    wrong = sum(status != 202 for status in statuses) + (looks.most > 1)
    note = f"{looks.count - before} requests to the host, {looks.most} at a time"
    return at_least(Result("signed, replayed, all at once", count, wrong=wrong, note=note), count)
