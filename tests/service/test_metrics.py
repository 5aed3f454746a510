"""What Prometheus and a load balancer are told, with one process and with several."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import closing, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
import urllib3
from prometheus_client.parser import text_string_to_metric_families
from support import Api, Registry, children, until

from registry.api import health

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import PromptRepository, Valkey

RESOLVE = "/v1/environments/{environment}/resolve/{name}"


def numbers(api: Api) -> dict[tuple[str, frozenset[str]], float]:
    """Every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(api.get("/metrics").text)
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def number(api: Api, name: str, *labels: str) -> float | None:
    """One sample, or None if there is no such."""
    return numbers(api).get((f"promptstage_{name}", frozenset(labels)))


def resolve(api: Api, environment: str, count: int, key: str = "u") -> None:
    """Ask for decisions, each over a connection of its own, so that all workers answer some."""
    for i in range(count):
        caller = Api(api.url, api.token)
        assert caller.get(f"/v1/environments/{environment}/resolve/summarize?key={key}-{i}").status == 200
        caller.close()


def test_decisions_are_counted_by_reason(api: Api, environment: str) -> None:
    """Also those with a fixed version; and a reason that did not occur is there, at zero."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    resolve(api, environment, 3)
    api.get(f"/v1/environments/{environment}/resolve/summarize?version=1.1.0")

    found = {
        reason: number(api, "resolutions_total", environment, reason)
        for reason in ("STATIC", "SPLIT", "TARGETING_MATCH", "PINNED")
    }

    assert found == {"STATIC": 3, "SPLIT": 0, "TARGETING_MATCH": 0, "PINNED": 1}


def test_a_repeated_change_counts_once(api: Api, environment: str) -> None:
    """Its answer is that of the first, and nothing was changed; nor by one that was refused."""
    for _ in range(3):
        api.act("promote", "summarize", {"version": "1.0.0"}, environment, Idempotency_Key="once")
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)

    assert number(api, "changes_total", environment, "promote") == 1


def test_a_timed_advance_is_a_change(api: Api, environment: str) -> None:
    """It is made by nobody's request, and counts all the same."""
    steps = [{"percent": 1, "hold": "1s"}, {"percent": 50}]
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "steps": steps}, environment)

    until(lambda: number(api, "changes_total", environment, "advance") == 1, "the timed advance")


def test_a_rollout_under_way_can_be_drawn(api: Api, environment: str) -> None:
    """Its share, step and next time are there by prompt, and what it is about; afterwards they are gone."""
    steps = [{"percent": 5, "hold": "1h"}, {"percent": 100}]
    place = (environment, "summarize")
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "steps": steps}, environment)
    rollout = api.state("summarize", environment)["rollout"]["id"]
    about = number(api, "rollout_info", *place, rollout, "1.0.0", "1.1.0")
    advances_at = number(api, "rollout_next_step_timestamp_seconds", *place) or 0
    during = [number(api, f"rollout_{what}", *place) for what in ("percent", "step", "paused")]
    api.act("pause", "summarize", None, environment)
    paused = number(api, "rollout_paused", *place)
    api.act("rollback", "summarize", None, environment)

    assert (during, about) == ([5, 0, 0], 1)
    assert advances_at > 1_700_000_000
    assert paused == 1
    assert number(api, "rollout_percent", *place) is None


def test_requests_are_counted_by_template(api: Api, environment: str) -> None:
    """Neither a prompt's name, nor a key, nor a path that somebody made up is a label."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    resolve(api, environment, 1, key="somebody-private")
    api.get(f"/v1/environments/{environment}/resolve/nobody-knows-me")
    api.get("/made-up")
    text = api.get("/metrics").text

    assert number(api, "http_requests_total", "GET", RESOLVE, "200")
    assert number(api, "http_requests_total", "GET", RESOLVE, "404")
    assert number(api, "http_requests_total", "GET", "unmatched", "404")
    assert number(api, "http_request_duration_seconds_count", "GET", RESOLVE)
    assert not any(word in text for word in ("somebody-private", "nobody-knows-me", "made-up"))


def test_the_repository_and_the_process_are_measured(api: Api) -> None:
    """How old what it knows is, which versions there are, which release runs, and what it costs."""
    until(lambda: number(api, "versions", "unread") == 0, "every version to be read")

    assert number(api, "versions", "valid") == 5
    assert number(api, "versions", "invalid") == 1
    assert (number(api, "sync_error"), number(api, "moved_tags")) == (0, 0)
    assert 0 <= (number(api, "sync_age_seconds") or 0) < 60
    assert number(api, "build_info", version("promptstage-registry")) == 1
    assert numbers(api)["process_resident_memory_bytes", frozenset()] > 0


def test_an_open_stream_is_counted_while_it_is_open(serve: Callable[..., Registry]) -> None:
    """It is one client, until that goes."""
    api = serve().api
    pool = urllib3.PoolManager(headers={"Authorization": f"Bearer {api.token}"})
    url = f"{api.url}/v1/environments/production/stream?names=summarize"
    stream = pool.request("GET", url, preload_content=False)

    until(lambda: number(api, "stream_clients") == 1, "the stream to be counted")
    stream.close()
    until(lambda: number(api, "stream_clients") == 0, "the stream to be gone")


@pytest.mark.slow
def test_workers_are_summed_up(serve: Callable[..., Registry]) -> None:
    """Whichever worker is asked, the sum is exact; killed ones have counted, and have no streams any more."""
    registry = serve(workers=2)
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    resolve(registry.api, "production", 100)
    pool = urllib3.PoolManager(headers={"Authorization": f"Bearer {registry.api.token}"})
    url = f"{registry.url}/v1/environments/production/stream?names=summarize"
    streams = [pool.request("GET", url, preload_content=False) for _ in range(4)]

    def answers() -> set[tuple[float | None, float | None]]:
        """What ten new connections are told, by whichever worker takes them."""
        return {
            (number(caller, "resolutions_total", "production", "STATIC"), number(caller, "stream_clients"))
            for caller in (Api(registry.url, registry.api.token) for _ in range(10))
        }

    assert answers() == {(100, 4)}
    killed = set(workers(registry))
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(workers(registry)) - killed) == 2, "new workers")
    until(lambda: reached(registry), "somebody to answer")  # not from the queue of the one that died
    resolve(registry.api, "production", 100)

    assert answers() == {(200, 0)}
    for stream in streams:
        stream.close()


@pytest.mark.slow
def test_what_workers_counted_goes_with_them(serve: Callable[..., Registry]) -> None:
    """A service that was killed leaves its counts; the next one removes them, and its own when it stops."""
    serve(workers=2).kill()
    again = serve(workers=2)
    rooms = [path for path in (again.data / ".metrics").iterdir() if path.is_dir()]
    again.stop()

    assert len(rooms) == 1
    assert not rooms[0].exists()


def workers(registry: Registry) -> list[int]:
    """The processes that answer."""
    return [pid for pid in children(registry.process.pid) if _is_worker(pid)]


def reached(registry: Registry) -> bool:
    """Whether a new connection is answered."""
    with suppress(urllib3.exceptions.HTTPError), closing(Api(registry.url, "")) as caller:
        return caller.get("/livez").status == 200
    return False


def _is_worker(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - it may be gone by now
            return b"multiprocessing.spawn" in file.read()
    except OSError:
        return False


def test_ready_tells_how_each_part_is(api: Api) -> None:
    """All well, and how long ago the repository was read; who asks needs no token."""
    stranger = Api(api.url, "")
    answer = stranger.get("/readyz").json
    age = answer.pop("repository_age_seconds")
    stranger.close()

    assert answer == {"status": "ready", "journal": "ok", "redis": "ok", "repository": "ok"}
    assert 0 <= age < 60


def test_ready_without_redis_and_repository(
    serve: Callable[..., Registry], new_repository: PromptRepository, valkey: Valkey
) -> None:
    """Both are told, in the metrics too; releases are served all the same, so it stays ready."""
    registry = serve(source=new_repository, redis_url=valkey.url)
    valkey.kill()
    new_repository.path.rename(new_repository.path.with_name("gone"))
    api = registry.api
    until(lambda: "Redis does not answer" in api.get("/readyz").json["redis"], "Redis to be missed")
    until(lambda: api.get("/readyz").json["repository"] != "ok", "the repository to be missed")

    assert api.get("/readyz").status == 200
    assert (number(api, "redis_up"), number(api, "sync_error")) == (0, 1)
    assert number(api, "journal_writable") == 1
    valkey.start()
    until(lambda: number(api, "redis_up") == 1, "Redis to be back")


@pytest.mark.parametrize(
    ("error", "age", "told"),
    [(None, 3.0, "ok"), ("no route", 3.0, "no route"), (None, None, "never read; the log says more")],
)
def test_a_repository_that_was_never_read_is_not_ok(error: str | None, age: float | None, told: str) -> None:
    """As on a full disk, where no look comes to its end."""
    assert health.repository(error, age) == told


class Unready(Registry):
    """A registry that is not waited for until it is ready."""

    def _ready(self) -> bool:
        return reached(self)


def test_without_a_journal_it_is_not_ready(
    serve: Callable[..., Registry], repository: PromptRepository, tmp_path: Path
) -> None:
    """It has nothing to serve and says so, with the remedy: to load balancers, and in the log."""
    serve().kill()
    shutil.rmtree(tmp_path / "data/journal.git")
    registry = Unready(repository.path, tmp_path / "data", log_format="json")
    try:
        answer = registry.api.get("/readyz")
        refused = registry.api.get("/metrics")
    finally:
        registry.kill()

    assert (answer.status, answer.json["status"]) == (503, "broken")
    assert "journal.git" in answer.json["journal"]
    assert refused.status == 503  # no token can be checked
    assert "journal.broken" in registry.log
