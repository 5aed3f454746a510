"""The background thread: what it imports, what stands in for its network, and a process without threads."""

from __future__ import annotations

import logging
import shutil
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import GARBAGE, NO_STREAM, SILENT_STREAM, FakeRegistry, release, until
from urllib3.connection import HTTPConnection

from promptstage import PromptUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from client.conftest import Connect

IMPORTS = """
import sys, threading
from contextlib import suppress
from promptstage import Client, PromptUnavailable, limits

limits.ATTEMPT_SPACING = limits.BACK_OFF_BASE = 0.02
imported = set()

def audit(event, arguments):
    if event == "import" and threading.current_thread().name.startswith("promptstage"):
        imported.add(arguments[0])

def bad_token():
    raise KeyError("no such secret")

sys.addaudithook(audit)
folder, *urls = sys.argv[1:]
first, *others = [(url, {}) for url in urls]
for url, settings in [
    first, (first[0], {"token": bad_token}), (first[0], {"snapshot_dir": "/proc/nowhere"}), *others
]:
        client = Client(url, **{"prompts": ["summarize"], "snapshot_dir": folder, **settings})
        client.ready(0.1)
        for version in None, "9.9.9":
            with suppress(PromptUnavailable):
                client.get("unseen", version=version)
        client.close()
print(*imported)
"""


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[str]:
    """An https url whose certificate SSL_CERT_FILE makes good, of a server that knows nothing."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl on this machine")
    pem = tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "1", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(pem), "-out", str(pem) + ".new"]
    subprocess.run(command, check=True, capture_output=True)
    pem.write_text(pem.read_text() + pem.with_suffix(".pem.new").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def every_way_to_fail(registry: FakeRegistry) -> Iterator[list[str]]:
    """A good registry, one for each way to fail, and places where there is none."""
    modes: list[Any] = [429, 500, 401, GARBAGE, NO_STREAM, SILENT_STREAM, 301]
    bad = [FakeRegistry() for _ in modes]
    for fake, mode in zip(bad, modes, strict=True):
        fake.releases, fake.mode = registry.releases, mode
        fake.headers = {"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT", "Location": registry.url}
    yield [
        registry.url.replace("127.0.0.1", "localhost"),
        *(fake.url for fake in bad),
        registry.url.replace("http:", "https:"),
        "http://127.0.0.1:1",
        "http://[::1]:1",
        "http://no.such.host.invalid",
        "http://bücher.invalid",
    ]
    for fake in bad:
        fake.stop()


def test_the_background_thread_imports_nothing(
    every_way_to_fail: list[str], secure: str, tmp_path: Path
) -> None:
    """A child that is forked in the middle of an import never gets the other half of the module."""
    command = [sys.executable, "-c", IMPORTS, str(tmp_path / "snapshots"), *every_way_to_fail, secure]
    environment = {"SSL_CERT_FILE": str(tmp_path / "certificate.pem")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


class NoSocket(HTTPConnection):
    """A connection as vcrpy makes it."""

    def connect(self) -> None:
        """Only seem to."""


class Forbidden(HTTPConnection):
    """A connection as pytest-socket has it."""

    def connect(self) -> None:
        """Forbid it."""
        raise RuntimeError("A test tried to use socket.socket.")


class Strict(HTTPConnection):
    """A connection as mocket has it, which forbids what nobody registered."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Forbid it."""
        raise RuntimeError("Mocket tried to use the real `socket` module.")


@pytest.mark.parametrize("stand_in", [NoSocket, Forbidden, Strict])
def test_what_stands_in_for_the_network_is_told_of_once(
    connect: Connect,
    quick: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stand_in: type[HTTPConnection],
) -> None:
    """In one line that says what to do, without a traceback."""
    monkeypatch.setattr("promptstage._http.connections.HTTPConnection", stand_in)
    client = connect(prompts=["summarize"])
    until(lambda: client.status()["stream"]["failures"] > 3)

    assert [record.exc_info for record in caplog.records] == [None]
    assert "tests use the client of promptstage.testing" in caplog.text


def test_a_fault_of_our_own_has_one_traceback(
    connect: Connect, quick: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And not one at each attempt."""
    monkeypatch.setattr("promptstage._replica.follower.Follower._follow_or_poll", lambda _: 1 // 0)
    client = connect(prompts=["summarize"])
    until(lambda: client.status()["stream"]["failures"] > 3)

    assert len([record for record in caplog.records if record.exc_info]) == 1


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A system that gives no more threads to a client, until this is undone."""
    start = Thread.start

    def refuse(thread: Thread) -> None:
        if thread.name.startswith("promptstage"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        yield patch


def test_without_a_thread_it_is_said(
    connect: Connect, no_threads: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, in `status`, in the error of a name never seen, and by `ready`."""
    client = connect(prompts=["summarize"])
    with pytest.raises(PromptUnavailable, match="no thread could be started"):
        client.get("summarize")

    assert "no thread could be started (can't start new thread)" in str(client.status()["stream"]["error"])
    assert not client.ready(0.01)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_get_tries_again_to_have_a_thread(
    connect: Connect, registry: FakeRegistry, quick: None, no_threads: pytest.MonkeyPatch
) -> None:
    """What is held may be all that an application asks for, so it must be `get` that notices."""
    client = connect()
    client._source._holdings.adopt("summarize", release())  # type: ignore[attr-defined]
    client._source.subscribe(["summarize"])  # type: ignore[attr-defined]
    no_threads.undo()
    registry.publish(release(stable="1.3.0", seq=2))

    until(lambda: client.get("summarize").version == "1.3.0")
