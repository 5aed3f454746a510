"""Between the command line and a registry: no answer, a lost one, a strange one, no token."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from support import PATIENCE

from registry.cli import credential, http, output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli.shell import Cli
    from support import Registry


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Something that listens on a port; its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Bystander(BaseHTTPRequestHandler):
    """Answers everything, but is no registry; it never sees a token twice."""

    body = b"<h1>It works</h1>"
    status = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has it so
        """Say nothing."""


@contextmanager
def forgetful(url: str, before: Callable[[], object]) -> Iterator[tuple[str, list[str]]]:
    """A proxy that calls `before` each command, and loses the answer to the first one; keys it saw."""
    keys: list[str] = []

    class Proxy(Bystander):
        def do_GET(self) -> None:
            self.forward("GET")

        def do_POST(self) -> None:
            keys.append(self.headers["Idempotency-Key"])
            before()
            self.forward("POST", lose=len(keys) == 1)

        def forward(self, method: str, *, lose: bool = False) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = urllib3.request(method, url + self.path, body=body, headers=dict(self.headers))
            if not lose:
                self.status, self.body = answer.status, answer.data
                super().do_GET()

    with listening(Proxy) as address:
        yield address, keys


@contextmanager
def lagging(url: str, *rows: dict[str, Any]) -> Iterator[str]:
    """A way to a registry that counts clients as `rows` say, one after the other, and then as the last."""
    left = list(rows)

    class Proxy(Bystander):
        def do_GET(self) -> None:
            if "/clients?" in self.path:
                row = left.pop(0) if len(left) > 1 else left[0]
                self.status, self.body = 200, json.dumps({"data": [row], "complete": True}).encode()
                super().do_GET()
            else:
                self.forward("GET")

        def do_POST(self) -> None:
            self.forward("POST")

        def forward(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = urllib3.request(method, url + self.path, body=body, headers=dict(self.headers))
            self.status, self.body = answer.status, answer.data
            super().do_GET()

    with listening(Proxy) as address:
        yield address


@contextmanager
def breakable(url: str) -> Iterator[tuple[str, Event]]:
    """A way to a registry that breaks while an event is set."""
    broken = Event()

    class Proxy(Bystander):
        def do_GET(self) -> None:
            if broken.is_set():
                self.close_connection = True
                return
            answer = urllib3.request("GET", url + self.path, headers=dict(self.headers))
            self.status, self.body = answer.status, answer.data
            super().do_GET()

    with listening(Proxy) as address:
        yield address, broken


def test_no_registry(cli: Cli) -> None:
    """Its URL is said, how to start one, and how to name another."""
    done = cli("status", PROMPTSTAGE_URL="http://127.0.0.1:9")

    assert done.code == 1
    assert "no registry answers at http://127.0.0.1:9 (Connection refused)" in done.err
    assert "whether PROMPTSTAGE_URL is right; apps go on with what they hold" in done.err


def test_no_registry_where_one_usually_is(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has said where it is: how to start one is said, and how to name another."""
    monkeypatch.setattr(credential, "DEFAULT_URL", "http://127.0.0.1:9")
    done = cli("status")

    assert done.code == 1
    assert "promptstage serve --repository" in done.err
    assert "export PROMPTSTAGE_URL=http://" in done.err


def test_a_registry_that_hangs(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person learns soon whom the command waits for, and that it does not wait for ever."""
    monkeypatch.setattr(output, "PATIENCE_SECONDS", 0.0)
    said = Event()

    def note(sentence: str) -> None:
        output.tell(sentence)
        said.set()

    monkeypatch.setattr(output, "note", note)

    class Hanging(Bystander):
        body = b'{"data": []}'

        def do_GET(self) -> None:
            said.wait(PATIENCE)
            super().do_GET()

    with listening(Hanging) as url:
        done = cli("prompts", PROMPTSTAGE_URL=url, PROMPTSTAGE_TOKEN="t")

    assert f"{url} has not answered yet; waiting up to 15 s, twice" in done.err


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxy_without_a_registry_behind_it(cli: Cli, status: int) -> None:
    """It answers in HTML; that the registry is down is what matters."""
    with listening(type("Proxy", (Bystander,), {"body": b"<h1>Bad Gateway</h1>", "status": status})) as url:
        done = cli("status", PROMPTSTAGE_URL=url, PROMPTSTAGE_TOKEN="t")

    assert done.code == 1
    assert f"{url} is a proxy, and no registry answers behind it (HTTP {status})" in done.err


def test_a_lost_answer(manager: Cli, served: Registry, state: Callable[[], Any]) -> None:
    """The command is sent again with the same key, and is carried out once."""
    with forgetful(served.url, lambda: None) as (url, keys):
        done = manager("promote", "summarize", "1.0.0", PROMPTSTAGE_URL=url)

    assert done.out.endswith(": 1.0.0 for everyone\n")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    history = manager("history", "summarize", "--json").out
    assert len(json.loads(history)["data"]) == 1
    assert state()["stable"]["version"] == "1.0.0"


def test_somebody_else_was_faster(manager: Cli, served: Registry, state: Callable[[], Any]) -> None:
    """A rollback that was meant for one rollout does not end another one."""
    environment = manager.environment["PROMPTSTAGE_ENVIRONMENT"]
    manager("promote", "summarize", "1.0.0")
    manager("start", "summarize", "1.1.0")

    def interfere() -> None:
        served.api.act("rollback", "summarize", {}, environment)
        served.api.act("start", "summarize", {"version": "1.2.0"}, environment)

    with forgetful(served.url, interfere) as (url, _):
        done = manager("rollback", "summarize", PROMPTSTAGE_URL=url)

    assert done.code == 1
    assert "look again" in done.err
    assert state()["rollout"]["candidate"]["version"] == "1.2.0"


def test_two_who_advance_at_once(manager: Cli, served: Registry, state: Callable[[], Any]) -> None:
    """The second one is told, and no step is skipped."""
    environment = manager.environment["PROMPTSTAGE_ENVIRONMENT"]
    manager("promote", "summarize", "1.0.0")
    manager("start", "summarize", "1.1.0", "--steps", "1,5,10,100")

    with forgetful(served.url, lambda: served.api.act("advance", "summarize", {}, environment)) as (url, _):
        done = manager("advance", "summarize", PROMPTSTAGE_URL=url)

    assert done.code == 1
    assert "somebody changed it meanwhile: advance 5% → 10% by admin" in done.err
    assert f"Try:  promptstage status summarize -e {environment}" in done.err
    assert state()["rollout"]["step"] == 2  # where the other one, who clicked twice, brought it


def test_no_token(manager: Cli, tmp_path: Path) -> None:
    """It says where one was looked for."""
    done = manager("status", PROMPTSTAGE_TOKEN="")

    assert done.code == 1
    assert f"PROMPTSTAGE_TOKEN is not set, and {tmp_path}/.data/admin.token cannot be read" in done.err


def test_a_token_that_nobody_knows(manager: Cli) -> None:
    """It says whose token that was, and never which."""
    done = manager("status", PROMPTSTAGE_TOKEN="pst_guess")

    assert done.code == 1
    assert "The token is that of PROMPTSTAGE_TOKEN" in done.err
    assert "pst_guess" not in done.err


def test_the_token_of_a_registry_on_this_machine(manager: Cli, served: Registry) -> None:
    """It is found in the data folder."""
    assert manager("prompts", PROMPTSTAGE_TOKEN="", PROMPTSTAGE_DATA=str(served.data)).code == 0


@pytest.mark.parametrize(("variable", "value"), [("URL", "registry:8000"), ("TOKEN", "tok\u00e9n")])
def test_an_environment_that_makes_no_sense(cli: Cli, variable: str, value: str) -> None:
    """The variable is named."""
    cli.environment[f"PROMPTSTAGE_{variable}"] = value

    done = cli("status")

    assert done.code == 1
    assert f"PROMPTSTAGE_{variable}" in done.err


@pytest.mark.parametrize("body", [b"<h1>It works</h1>", b"[]", b'{"hello": "world"}'])
def test_something_else_answers(cli: Cli, body: bytes) -> None:
    """A typing error in the port is no reason for a traceback."""
    with listening(type("Other", (Bystander,), {"body": body})) as url:
        done = cli("status", PROMPTSTAGE_URL=url, PROMPTSTAGE_TOKEN="t")

    assert done.code == 1
    assert f"what answers at {url} is no registry" in done.err


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://prompts.example.org/team{path}", "It points to https://prompts.example.org/team: is that"),
        ("/login?next={path}", "It points to {url}/login?next=: is that"),
        ("//other.example.org", "It points to http://other.example.org: is that"),
        ("http://[", "It points to http://[: is that"),
        ("{url}{path}", "The URL is what comes before /v1"),
    ],
)
def test_a_redirect_is_told_as_the_url_to_use(cli: Cli, location: str, told: str) -> None:
    """Up to the paths of the API, with which it would be another wrong one; a loop is none."""

    class Moved(Bystander):
        body, status = b"", 301

        def end_headers(self) -> None:
            """Add where."""
            place = f"http://{self.headers['Host']}"
            self.send_header("Location", location.format(url=place, path=self.path))
            super().end_headers()

    with listening(Moved) as url:
        done = cli("status", PROMPTSTAGE_URL=url, PROMPTSTAGE_TOKEN="t")

    assert done.code == 1
    assert told.format(url=url) in done.err


def test_a_change_that_may_have_been_made(cli: Cli) -> None:
    """What helps is a command; a key that it sent by itself is nothing that a person could repeat."""
    detail = "the journal hangs. This change may have been made: repeat it with the same Idempotency-Key"
    body = json.dumps({"detail": detail, "code": "journal_unreachable"}).encode()
    with listening(type("Unsure", (Bystander,), {"body": body, "status": 503})) as url:
        done = cli("status", PROMPTSTAGE_URL=url, PROMPTSTAGE_TOKEN="t")

    assert done.err.endswith(f"\n{http.IN_DOUBT}\n")
