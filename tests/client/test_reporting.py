"""Reports of calls: what a registry gets, when, what is let go first, and that nobody waits."""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import BLACK_HOLE, FakeRegistry, release, until
from client.serving import ask as serving_ask
from client.serving import body, get, gunicorn_serving
from client.test_fork import in_child

from client import responses_of as given
from promptstage import Client, limits
from promptstage._calls.identity import is_sampled
from promptstage._calls.signals import resolution
from promptstage.evaluation import bucket, unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from client.conftest import Connect

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks with threads


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send at once, and try again at once."""
    monkeypatch.setattr(limits, "BATCH_EVERY", 0.01)
    monkeypatch.setattr(limits, "BACK_OFF_BASE", 0.02)
    monkeypatch.setattr(limits, "BACK_OFF_CAP", 0.05)


@pytest.fixture
def client(connect: Connect, registry: FakeRegistry) -> Client:
    """One that has what it serves."""
    registry.releases["rolling"] = release("rolling", candidate="1.3.0", percent=10)
    client = connect(prompts=["summarize", "rolling"])
    assert client.ready(10), client.status()
    return client


def ask(client: Client, name: str = "summarize", **options: Any) -> str:
    """Make a call; returns its id."""
    with client.call(name, **options) as call:
        call.messages(text="My parcel never came")
        call.record(given.CHAT)
    return call.id


def key_of(arm: str) -> str:
    """A key whose bucket is on this arm."""
    ranges = {"canary": range(10_000), "stable": range(10_000, 90_000), "control": range(90_000, 100_000)}
    return next(key for n in range(1000) if bucket("salt", key := f"user-{n}") in ranges[arm])


def test_a_call_reaches_the_registry(client: Client, registry: FakeRegistry) -> None:
    """With what stands for the user, hashed, and no content."""
    made = ask(client, key="user-42", conversation="talk-of-user", route="POST /tickets")
    registry.wait(lambda: len(registry.recorded()) == 1)

    (record,) = registry.recorded()
    assert (record["id"], record["route"], record["input_tokens"]) == (made, "POST /tickets", 1204)
    assert (record["unit"], record["sampled"], record["environment"]) == (None, False, "production")
    assert len(record["subject"]) == len(record["conversation"]) == 16
    assert "started" not in record
    sent = json.dumps(registry.reports)
    assert not any(word in sent for word in ("user-42", "talk-of-user", "parcel", "One moment", 'id\\": 7'))
    assert registry.count("/v1/environments/production/calls") == 1
    until(lambda: client.status()["reports"]["sent"] == 1)
    assert client.status()["reports"]["state"] == "reporting"


def test_a_clock_of_the_next_century_stops_no_report(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a machine without a battery, or of a test that froze it; gzip has 32 bits for a time."""
    monkeypatch.setattr("time.time", lambda: 2.0**33)
    call = ask(client)

    registry.wait(lambda: call in {one["id"] for one in registry.recorded()})


def test_a_measured_call_is_told_of_when_it_starts(client: Client, registry: FakeRegistry) -> None:
    """So that one that never ends is known; a call that no arm is compared by is told of at its end alone."""
    with client.call("rolling", key=key_of("canary")):
        registry.wait(lambda: len(registry.recorded()) == 1)
        (started,) = registry.recorded()
    ask(client, "rolling", key=key_of("control"))
    ask(client, "rolling", key=key_of("stable"))
    registry.wait(lambda: len(registry.recorded()) == 5)

    assert started["started"] is True
    assert (started["arm"], started["unit"]) == ("canary", unit("salt", key_of("canary")).hex())
    assert (started["duration_ms"], started["rollout"], started["seq"]) == (None, "r-1", 1)
    ends = registry.recorded()[1:]
    assert [(r["arm"], r.get("started"), r["duration_ms"] is None) for r in ends] == [
        ("canary", None, False),
        ("control", True, True),
        ("control", None, False),
        ("stable", None, False),
    ]
    assert ends[0]["id"] == started["id"]


def test_records_are_gathered(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a second, or until there are 500 of them."""

    def sizes() -> list[int]:
        return [len(sent["calls"]) for path, sent in registry.reports if path == "calls"]

    monkeypatch.setattr(limits, "BATCH_EVERY", 60)
    made = [ask(client) for _ in range(1200)]
    registry.wait(lambda: 500 in sizes())  # the first may have fewer: it was begun by what was set before
    client.close()

    assert max(sizes()) == 500
    assert [record["id"] for record in registry.recorded()] == made


@pytest.mark.parametrize("status", [401, 408, 429, 500, 502, 503])
def test_what_is_not_taken_is_sent_again(client: Client, registry: FakeRegistry, status: int) -> None:
    """As it is: the same batch, which counts once."""
    registry.report_status = status
    made = ask(client)
    registry.wait(lambda: len(registry.reports) >= 3)
    until(lambda: client.status()["reports"]["state"] == "backing off")
    registry.report_status = 200
    until(lambda: client.status()["reports"]["sent"] == 1)

    assert len({json.dumps(report) for report in registry.reports}) == 1
    assert [record["id"] for record in registry.recorded()] == [made]
    assert client.status()["reports"]["error"] is None


def test_retry_after_is_honoured(client: Client, registry: FakeRegistry) -> None:
    """With jitter on top."""
    registry.report_status = 503
    registry.headers = {"Retry-After": "1"}
    ask(client)
    registry.wait(lambda: len(registry.reports) >= 2)

    first, second = (
        at for at, asked in zip(registry.times, registry.requests, strict=True) if asked.endswith("/calls")
    )
    assert 1 <= second - first < 3


@pytest.mark.parametrize("status", [403, 404])
def test_a_registry_that_takes_no_reports(
    client: Client, registry: FakeRegistry, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """An older one, or a token that may only read: said once, and that is it; `get` goes on."""
    registry.report_status = status
    ask(client)
    until(lambda: client.status()["reports"]["state"] == "stopped")
    for _ in range(50):
        ask(client)

    reports = client.status()["reports"]
    assert (reports["queued"], reports["dropped"], len(registry.reports)) == (0, 51, 1)
    assert str(status) in (reports["error"] or "")
    until(lambda: "calls are not reported" in caplog.text)  # it stops before it says so
    assert caplog.text.count("calls are not reported") == 1
    assert client.get("summarize").version == "1.2.0"


def test_a_batch_that_is_refused_is_let_go(client: Client, registry: FakeRegistry) -> None:
    """It would be refused again; what comes after it is sent."""
    registry.report_status = 422
    ask(client)
    until(lambda: client.status()["reports"]["dropped"] == 1)
    registry.report_status = 200
    ask(client)
    until(lambda: client.status()["reports"]["sent"] == 1)


def test_a_record_that_is_refused_is_counted(
    client: Client, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """And said once, with the registry's reason."""
    registry.report_answer = {"accepted": 0, "refused": [{"index": 0, "detail": "at: too old"}], "sample": 0}
    for _ in range(2):
        ask(client)
        time.sleep(0.05)
    until(lambda: client.status()["reports"]["refused"] == 2)

    assert client.status()["reports"]["error"] == "the registry refuses a record: at: too old"
    assert caplog.text.count("the registry refuses a record") == 1


@pytest.mark.parametrize(
    "answer", [b"", b"no JSON", b"[]", b'{"sample": "all", "refused": 3}', b'{"sample": 7}']
)
def test_an_answer_that_says_nothing(answer: bytes) -> None:
    """Is that of a proxy, or of a registry of the future: what was sent counts as sent."""
    from promptstage._http.transport import Transport  # noqa: PLC0415
    from promptstage._reporting.batch import Batch  # noqa: PLC0415
    from promptstage._reporting.channel import Channel  # noqa: PLC0415

    channel = Channel(Transport("http://127.0.0.1:9", None, 1), "production", None)
    channel._delivered(Batch("calls", 3, b""), answer)

    assert (channel.status()["sent"], channel.sample) == (3, 0.0)


def sampled(client: Client, registry: FakeRegistry, share: float) -> None:
    """Let the registry ask for content."""
    registry.report_answer = {"accepted": 1, "refused": [], "sample": share}
    ask(client)
    until(lambda: client.status()["reports"]["sample"] == share)
    registry.reports.clear()


def test_content_is_sent_for_the_sample(client: Client, registry: FakeRegistry) -> None:
    """That the registry asks for: by the conversation, all of whose calls are in it, or none."""
    sampled(client, registry, 0.5)
    for number in range(20):
        ask(client, conversation=f"c-{number}")
    registry.wait(lambda: len(registry.recorded()) == 20)

    expected = [is_sampled(f"c-{number}", 0.5) for number in range(20)]
    assert set(expected) == {True, False}
    for record, is_in in zip(registry.recorded(), expected, strict=True):
        assert record["sampled"] is is_in
        if is_in:
            assert record["variables"] == {"text": "My parcel never came"}
            assert record["messages"] == [{"role": "user", "content": "1.2.0: My parcel never came"}]
            assert record["response"]["content"] == "One moment."
        else:
            assert not record.keys() & {"variables", "placeholders", "messages", "response"}


def test_an_app_may_forbid_content(connect: Connect, registry: FakeRegistry) -> None:
    """Whatever the registry asks for."""
    client = connect(content=False)
    sampled(client, registry, 1.0)
    ask(client)
    registry.wait(lambda: len(registry.recorded()) == 1)

    assert registry.recorded()[0]["sampled"] is False
    assert "parcel" not in json.dumps(registry.reports)


@pytest.mark.parametrize("works", [True, False])
def test_an_app_may_change_content(
    connect: Connect, registry: FakeRegistry, works: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Where its function fails nothing is sent of it, and the words of the failure are nowhere."""

    def redact(content: dict[str, Any]) -> dict[str, Any]:
        if not works:
            raise RuntimeError("parcel")
        return {**content, "variables": {"text": "***"}, "messages": None}

    client = connect(redact=redact)
    sampled(client, registry, 1.0)
    ask(client)
    registry.wait(lambda: len(registry.recorded()) == 1)

    (record,) = registry.recorded()
    assert (record.get("variables"), record.get("messages")) == ({"text": "***"} if works else None, None)
    assert "parcel" not in json.dumps(registry.reports) + caplog.text


def test_feedback_and_resolutions(client: Client, registry: FakeRegistry) -> None:
    """Of a call in its block, or of its id alone; of a conversation, whose hash is what is sent."""
    with client.call("summarize", conversation="c-1") as call:
        call.feedback("up")
    client.feedback(call.id, "down", comment="too long")
    client.feedback(call.id, 0.5)
    client.resolved("c-1", ok=True)
    client.resolved(17, ok=False)
    registry.wait(lambda: len([path for path, _ in registry.reports if path == "resolutions"]) == 2)

    said = [body for path, sent in registry.reports if path == "feedback" for body in sent]
    assert said == [
        {"call": call.id, "kind": "up"},
        {"call": call.id, "kind": "down", "comment": "too long"},
        {"call": call.id, "value": 0.5},
    ]
    (record,) = registry.recorded()
    resolved = [sent for path, sent in registry.reports if path == "resolutions"]
    assert resolved[0] == {"conversation": record["conversation"], "ok": True}
    assert resolved[1]["ok"] is False


@pytest.mark.parametrize("wrong", ["thumbs", "", 1.5, -1, True, None])
def test_feedback_that_is_none(client: Client, wrong: Any) -> None:
    """Is an error where it is written."""
    with pytest.raises(ValueError, match="up, down, edited, accepted, regenerated, or a number"):
        client.feedback("0190b5d0-0000-7000-8000-000000000000", wrong)


def test_reports_may_be_off(connect: Connect, registry: FakeRegistry) -> None:
    """Then nothing is sent, and no thread is there for it."""
    client = connect(report=False)
    ask(client)
    client.feedback("0190b5d0-0000-7000-8000-000000000000", "up")
    client.close()

    assert registry.reports == []
    assert client.status()["reports"]["state"] == "off"


def test_close_sends_what_waits(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the second is; afterwards calls are counted, and nothing grows."""
    monkeypatch.setattr(limits, "BATCH_EVERY", 60)
    client = connect()
    made = ask(client)
    client.close()
    ask(client)

    assert [record["id"] for record in registry.recorded()] == [made]
    assert (client.status()["reports"]["state"], client.status()["reports"]["dropped"]) == ("closed", 1)


def test_close_waits_two_seconds_at_most(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a registry that does not answer."""
    monkeypatch.setattr(limits, "FLUSH", 0.2)
    client = connect()
    ask(client)
    registry.mode = BLACK_HOLE
    ask(client)
    begun = time.monotonic()
    client.close()

    assert time.monotonic() - begun < 0.2 + limits.JOIN + 1


def test_reports_share_a_connection(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is young; one that the registry has ended takes nothing with it."""

    def report(count: int) -> None:
        ask(client)
        registry.wait(lambda: len(registry.recorded()) == count)
        until(lambda: client.status()["reports"]["sent"] == count)

    for number in range(1, 6):
        report(number)
    assert len(set(registry.report_ports)) == 1
    for open_socket in tuple(registry._sockets):
        open_socket.shutdown(socket.SHUT_RDWR)
    report(6)
    monkeypatch.setattr(limits, "KEEP_CONNECTION", 0.0)
    report(7)
    assert len(set(registry.report_ports)) == 3


def test_a_client_that_is_dropped_leaves_its_reports(registry: FakeRegistry) -> None:
    """They are sent, and then nothing of it is left in the sender."""
    from promptstage._reporting.sender import sender  # noqa: PLC0415

    client = Client(registry.url)
    made = ask(client)
    before = len(sender()._channels)
    del client
    registry.wait(lambda: [record["id"] for record in registry.recorded()] == [made])
    until(lambda: len(sender()._channels) == before - 1)


def test_two_clients_have_one_queue(connect: Connect, registry: FakeRegistry) -> None:
    """And one thread; each sends to its own registry."""
    other = FakeRegistry()
    other.releases["summarize"] = release()
    try:
        first, second = connect(), connect(other.url)
        made = [ask(first), ask(second)]
        for fake, expected in zip((registry, other), made, strict=True):
            fake.wait(lambda fake=fake: fake.recorded())  # type: ignore[misc]
            assert [record["id"] for record in fake.recorded()] == [expected]
        assert first._source.reporter._sender is second._source.reporter._sender  # type: ignore[attr-defined]
    finally:
        other.stop()


def test_threads_lose_nothing(client: Client, registry: FakeRegistry) -> None:
    """Of what eight of them make at once."""
    made: list[str] = []
    threads = [Thread(target=lambda: made.extend([ask(client) for _ in range(100)])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()

    assert sorted(made) == sorted(record["id"] for record in registry.recorded())


def test_coroutines_do_not_wait(client: Client, registry: FakeRegistry) -> None:
    """Though the registry does not answer: a thousand calls of a loop take no longer than without it."""
    registry.mode = BLACK_HOLE

    async def work() -> None:
        async with client.call("summarize") as call:
            await asyncio.sleep(0)
            call.record(given.CHAT)

    async def all_of_them() -> None:
        await asyncio.gather(*(work() for _ in range(1000)))

    begun = time.monotonic()
    asyncio.run(all_of_them())

    assert time.monotonic() - begun < 2
    assert client.status()["reports"]["sent"] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_begins_anew(client: Client, registry: FakeRegistry) -> None:
    """It sends its own, and not what its parent had to send."""
    registry.report_status = 503
    mine = ask(client)
    registry.wait(lambda: len(registry.reports) > 0)
    registry.report_status = 200
    registry.reports.clear()

    def child() -> list[object]:
        status = client.status()["reports"]
        made = ask(client)
        until(lambda: client.status()["reports"]["sent"] == 1)
        return [made, status["queued"], status["state"]]

    theirs, queued, state = in_child(child)
    registry.wait(lambda: len(registry.recorded()) == 2)

    assert (queued, state) == (0, "idle")
    assert sorted(record["id"] for record in registry.recorded()) == sorted([mine, theirs])
    assert len([path for path, _ in registry.reports if path == "calls"]) == 2


def child_of_multiprocessing(client: Client, count: int) -> list[str]:
    """Make calls in a process that ends at once."""
    return [ask(client) for _ in range(count)]


@pytest.mark.parametrize("method", ["fork", "pool"])
def test_a_process_of_multiprocessing_sends_what_waits(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Though it ends without `atexit`; a pool's workers at the end of the pool."""
    monkeypatch.setattr(limits, "BATCH_EVERY", 60)
    context = multiprocessing.get_context("fork")
    if method == "fork":
        process = context.Process(target=child_of_multiprocessing, args=(client, 3))
        process.start()
        process.join()
    else:
        HERE.append(client)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            pool.submit(in_pool).result()
        HERE.clear()
    registry.wait(lambda: len(registry.recorded()) == 3)


HERE: list[Client] = []


def in_pool() -> None:
    """Make calls with the client that was there when the worker was forked: it cannot be pickled."""
    child_of_multiprocessing(HERE[0], 3)


def test_a_worker_of_celery_sends_what_waits(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it ends, which it does without `atexit`, too."""
    celery_signals = pytest.importorskip("celery.signals")
    from promptstage.celery import install  # noqa: PLC0415

    class App:
        """An application of Celery, as far as it is looked at."""

    monkeypatch.setattr(limits, "BATCH_EVERY", 60)
    install(App())
    made = ask(client)
    celery_signals.worker_process_shutdown.send(sender=None)

    assert [record["id"] for record in registry.recorded()] == [made]


def test_workers_of_gunicorn_send_what_waits(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forked from a process that had the client already, and ended by SIGTERM."""
    monkeypatch.setenv("PROMPTSTAGE_URL", registry.url)
    monkeypatch.setenv("PROMPTSTAGE_SNAPSHOT_DIR", str(tmp_path / "snapshots"))
    with gunicorn_serving("client.apps.reporting:application", tmp_path / "log") as port:
        answers = {body(serving_ask(port, get("/", X_User_Id=f"user-{n}")))["id"] for n in range(5)}

    assert answers == {record["id"] for record in registry.recorded()}


@pytest.mark.slow  # it starts gunicorn, and waits for its workers
def test_a_worker_of_gevent_stands_still_for_nobody(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gunicorn replaces locks and threads in the worker, after the application is there with its client."""
    monkeypatch.setenv("PROMPTSTAGE_URL", registry.url)
    monkeypatch.setenv("PROMPTSTAGE_SNAPSHOT_DIR", str(tmp_path / "snapshots"))
    app, worker = "client.apps.reporting:application", ("gevent", "--preload")
    with gunicorn_serving(app, tmp_path / "log", worker) as port:
        answers = set()
        for n in range(3):
            answers.add(body(serving_ask(port, get("/", X_User_Id=f"user-{n}")))["id"])
            registry.wait(lambda: answers == {record["id"] for record in registry.recorded()})


SHORT = """
import sys
from promptstage import Client
client = Client({url!r}, snapshot_dir={folder!r})
with client.call("summarize", key="user-42") as call:
    call.record(input_tokens=1, output_tokens=2)
client.resolved("c-1")
{end}
"""


@pytest.mark.parametrize("end", ["", "client.close()", "del client", "raise SystemExit(3)"])
def test_a_process_that_ends_sends_what_waits(registry: FakeRegistry, tmp_path: Path, end: str) -> None:
    """A job of some milliseconds, too."""
    program = SHORT.format(url=registry.url, folder=str(tmp_path), end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode in {0, 3}, done.stderr
    assert [record["output_tokens"] for record in registry.recorded()] == [2]
    assert [path for path, _ in registry.reports].count("resolutions") == 1


def test_a_process_ends_without_a_registry(registry: FakeRegistry, tmp_path: Path) -> None:
    """Within two seconds of its own end, without a word on stderr but the logs."""
    program = SHORT.format(url=registry.url, folder=str(tmp_path), end="")
    subprocess.run([sys.executable, "-c", program], check=True)
    registry.stop()
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert time.monotonic() - begun < 5


MANY = """
import time
from promptstage import Client
clients = [Client({url!r}, environment=f"env-{{n}}", snapshot_dir={folder!r}, timeout=0.1) for n in range(4)]
for client in clients:
    with client.call("summarize", fallback="mine"):
        pass
print(time.time())
"""


def test_many_clients_end_together(registry: FakeRegistry, tmp_path: Path) -> None:
    """A registry that does not answer takes two seconds of the end of a process, not of each client."""
    registry.mode = BLACK_HOLE
    program = MANY.format(url=registry.url, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert time.time() - float(done.stdout) < limits.FLUSH + 1.5


def test_close_returns_when_all_is_sent(client: Client, registry: FakeRegistry) -> None:
    """At once, though the last batch is on its way at that moment."""
    took = []
    for _ in range(20):
        other = Client(registry.url)
        ask(other)
        time.sleep(0.02)
        begun = time.monotonic()
        other.close()
        took.append(time.monotonic() - begun)

    assert max(took) < limits.FLUSH / 2


def test_it_is_sent_under_another_interpreters_pressure(
    client: Client, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread that is told to end from outside goes on."""
    import ctypes  # noqa: PLC0415

    ask(client)
    registry.wait(lambda: len(registry.recorded()) == 1)
    thread = client._source.reporter._sender._thread  # type: ignore[attr-defined]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    ask(client)
    registry.wait(lambda: len(registry.recorded()) == 2)

    assert thread.is_alive()


def peek(client: Client) -> dict[str, Any]:
    """What is reported of reports."""
    return dict(client.status()["reports"])


def full(client: Client, make: Callable[[int], object], count: int) -> dict[str, Any]:
    """What the status says after so many calls that nobody takes."""
    for number in range(count):
        make(number)
    return peek(client)


def test_the_queue_is_bounded(
    client: Client, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Content is let go first, then the oldest calls that no arm is compared by, then the oldest."""
    sampled(client, registry, 1.0)
    registry.report_status = 503
    ask(client)
    registry.wait(lambda: len(registry.reports) > 0)
    monkeypatch.setattr(limits, "QUEUE_BYTES", 20 * limits.REPORT_BYTES)
    with_content = full(client, lambda _: ask(client), 18)
    without = full(client, lambda _: ask(client), 40)
    measured = [ask(client, "rolling", key=key_of("canary")) for _ in range(8)]
    later = [ask(client) for _ in range(8)]
    many = [ask(client, "rolling", key=key_of("canary")) for _ in range(8)]

    assert with_content["content_dropped"] > 0
    assert with_content["dropped"] == 0
    assert without["dropped"] > 30
    registry.report_status = 200
    registry.reports.clear()
    until(lambda: peek(client)["queued"] == 0)
    kept = [record["id"] for record in registry.recorded()]
    assert not set(later) & set(kept)
    assert set(many) <= set(kept)
    assert peek(client)["bytes"] == 0
    assert measured[0] not in kept


def test_a_large_content_is_left_out(client: Client, registry: FakeRegistry) -> None:
    """The call is reported without it."""
    sampled(client, registry, 1.0)
    with client.call("summarize") as call:
        call.messages(text="x" * 1_000_000)
    registry.wait(lambda: len(registry.recorded()) == 1)

    assert registry.recorded()[0].get("messages") is None
    assert client.status()["counts"]["contents_left_out"] == 1


def test_logs_say_nothing_of_users(
    client: Client, registry: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither keys nor contents nor conversations, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    for status in (422, 503, 200, 403):
        registry.report_status = status
        ask(client, key="user-secret", conversation="c-secret")
        time.sleep(0.05)
    with suppress(RuntimeError), client.call("summarize", key="user-secret") as call:
        call.messages(text="secret")
        raise RuntimeError("secret")

    assert "secret" not in caplog.text + json.dumps(registry.reports) + json.dumps(client.status())


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_conversation_is_not_resolved(nothing: str | None) -> None:
    """All of them would count as one, with the name None."""
    with pytest.raises(ValueError, match="resolved needs the conversation"):
        resolution(nothing, ok=True)
