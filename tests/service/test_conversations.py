"""Conversations keep their version through a rollout, with real git, Valkey, registries and clients."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from support import Registry, prompt, promptstage, until

from promptstage import Client
from promptstage.pins import make_pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import PromptRepository, Valkey

MUSTACHE = "template: mustache\nmessages: [{role: user, content: 'Summarize {{text}}'}]\n"


class App:
    """An application: a client whose snapshots outlive it."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._settings: dict[str, Any] = {"token": registry.api.token, "snapshot_dir": folder}
        self._api = registry.api
        self.client = Client(registry.url, prompts=["summarize"], **self._settings)

    def act(self, op: str, **body: object) -> None:
        """Make a change, and wait until the client has it."""
        made = self._api.act(op, "summarize", body)
        assert made.status == 200, made.text
        until(lambda: self.client.status()["prompts"]["summarize"]["seq"] == made.json["seq"], op)

    def get(self, key: str = "user-1", pin: str | None = None) -> tuple[str, str, str]:
        """The version, its reason, and its pin."""
        got = self.client.get("summarize", key=key, pin=pin)
        return got.version, got.reason, got.pin

    def pin_on(self, arm: str) -> str:
        """The pin of a conversation that begins on an arm."""
        return next(
            got.pin for n in range(1000) if (got := self.client.get("summarize", key=f"user-{n}")).arm == arm
        )


@pytest.fixture
def registry(serve: Callable[..., Registry], valkey: Valkey) -> Registry:
    """A registry of the test's own."""
    return serve(redis_url=valkey.url)


@pytest.fixture
def app(registry: Registry, tmp_path: Path) -> Iterator[App]:
    """An application that has 1.0.0, with 1.1.0 on 20 percent of its users."""
    made = App(registry, tmp_path / "snapshots")
    made.act("promote", version="1.0.0")
    made.act("start", version="1.1.0", steps=[{"percent": 20}, {"percent": 50}, {"percent": 100}])
    yield made
    made.client.close()


def test_through_a_whole_rollout_and_the_next_one(app: App, registry: Registry, tmp_path: Path) -> None:
    """On either side of it: widened, promoted, then the next one; and out of the snapshot at last."""
    canary, control = app.pin_on("canary"), app.pin_on("control")

    def go_on(app: App) -> None:
        assert app.get(pin=canary) == ("1.1.0", "PINNED", canary)
        assert app.get(pin=control) == ("1.0.0", "PINNED", control)

    for op, body in (("advance", {}), ("promote", {}), ("start", {"version": "1.2.0", "plan": "fast"})):
        go_on(app)
        app.act(op, **body)
    go_on(app)
    assert app.client.status()["counts"]["pins_ignored"] == 0
    state = registry.api.state("summarize")
    assert (state["previous"]["version"], "recent" in state) == ("1.0.0", False)
    app.client.close()
    assert registry.stop() == 0
    again = App(registry, tmp_path / "snapshots")
    go_on(again)
    assert again.client.get("summarize", pin=canary).source == "snapshot"
    again.client.close()


def test_a_rollback_withdraws_at_once(app: App, registry: Registry) -> None:
    """The candidate, and what was promoted; the journal holds all of it. Promoted again, it is fine again."""
    canary = app.pin_on("canary")
    for op, body in (
        ("rollback", {}),
        ("promote", {"version": "1.1.0"}),
        ("rollback", {}),
    ):
        app.act(op, **body)
        if op == "rollback":
            version, reason, pin = app.get(pin=canary)
            assert (version, reason, pin.split(":")[:3]) == ("1.0.0", "STATIC", ["-", "1.0.0", "stable"])
        else:
            assert app.get(pin=canary) == ("1.1.0", "PINNED", canary)
    assert app.client.status()["counts"]["pins_ignored"] == 2
    app.act("promote", version="1.1.0")
    app.act("promote", version="1.2.0")
    assert app.get(pin=canary) == ("1.1.0", "PINNED", canary)
    # A recent version that must go is started and rolled back, as the page says.
    app.act("start", version="1.1.0", steps=[{"percent": 0}])
    assert app.get(pin=canary)[0] == "1.1.0"
    app.act("rollback")
    assert app.get(pin=canary)[0] == "1.2.0"

    assert registry.stop() == 0
    command = [*promptstage(), "journal", "verify", "--data", str(registry.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_forged_pins_change_nothing(app: App, registry: Registry) -> None:
    """Of a version that is only tagged, of other bytes, of another prompt: the key decides."""
    registry.api.act("promote", "support/triage", {"version": "1.0.0"})
    expected = app.get("user-7")
    other = registry.api.get("/v1/prompts/summarize/versions/1.2.0").json["digest"]
    triage = app.client.get("support/triage").pin
    mine = make_pin(None, "1.0.0", "stable", "sha256:" + "0" * 64)
    forged = [
        make_pin(None, "1.2.0", "stable", other),
        mine,
        triage.replace("1.0.0", "1.1.0"),
        "%00",
        "a" * 9999,
    ]

    assert [app.get("user-7", pin) for pin in forged] == [expected] * len(forged)
    assert app.client.status()["counts"]["pins_ignored"] == len(forged)


def test_resolve_takes_and_gives_them(app: App, registry: Registry) -> None:
    """For applications in other languages; a version wins over one, and a bad one is ignored."""
    path = "/v1/environments/production/resolve/summarize"
    pin = app.pin_on("canary")

    def ask(**question: object) -> list[object]:
        found = registry.api.call("POST", path, question).json
        return [found[key] for key in ("version", "arm", "reason", "bucket", "pin")]

    app.act("promote")
    app.act("promote", version="1.2.0")
    assert ask(key="user-1", pin=pin) == ["1.1.0", "canary", "PINNED", None, pin]
    assert registry.api.get(f"{path}?key=user-1&pin={pin}").json["pin"] == pin
    assert registry.api.get(f"{path}?key=user-1").json["pin"] == app.get()[2]
    assert ask(key="user-1", pin="forged") == ask(key="user-1", pin="") == ask(key="user-1")
    assert ask(key="user-1", pin=pin, version="1.0.0")[:3] == ["1.0.0", "pinned", "PINNED"]
    assert registry.api.call("POST", path, {"key": "user-1", "pin": 7}).status == 422


def test_a_recent_version_of_the_second_edition(
    serve: Callable[..., Registry], new_repository: PromptRepository, tmp_path: Path
) -> None:
    """Goes to clients that say that they read it, by every way; the others get the rest of the release."""
    for version, content in (("3.0.0", MUSTACHE), ("3.1.0", prompt())):
        new_repository.tag("summarize", version, content)
    registry = serve(source=new_repository)
    for version in ("1.0.0", "3.0.0", "3.1.0"):
        assert registry.api.act("promote", "summarize", {"version": version}).status == 200
    path = "/v1/environments/production/releases"

    def recent(answer: Any) -> tuple[list[str], list[str]]:
        return answer["recent"], sorted(answer["versions"])

    first, second = (["1.0.0"], ["1.0.0", "3.1.0"]), (["3.0.0", "1.0.0"], ["1.0.0", "3.0.0", "3.1.0"])
    for query, expected in (("", first), ("edition=1", first), ("edition=2", second), ("edition=3", second)):
        one = registry.api.get(f"{path}/summarize?{query}")
        assert recent(one.json) == expected
        (listed,) = registry.api.get(f"{path}?names=summarize&{query}").json["releases"]
        assert listed == one.json
        same = registry.api.get(f"{path}/summarize?{query}", If_None_Match=one.headers["ETag"])
        assert same.status == 304
    assert registry.api.get(f"{path}/summarize?edition=0").status == 422
    app = App(registry, tmp_path / "snapshots")
    assert app.client.ready(10)
    pin = make_pin(None, "3.0.0", "stable", one.json["versions"]["3.0.0"]["digest"])
    assert app.client.get("summarize", pin=pin).text(text="it") == "Summarize it"
    app.client.close()
