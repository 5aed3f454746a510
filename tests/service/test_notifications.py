"""Notifications of real registries to a real receiver: budgets, changes, and none twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from notify.receiver import Receiver
from outcomes_in import record
from support import until

from registry.api.docs import outcome_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support import Registry

RULES = """
[notify.ops]
url_file = "{folder}/url"
format = "json"
events = ["rollout.*", "budget.*", "alert.*", "approval.waiting"]

[[budgets]]
environment = "production"
prompt = "summarize"
period = "day"
usd = 2
at = [0.5, 1.0]

[[alerts]]
environment = "production"
metric = "error_rate"
above = 0.5
minimum = 2

[environments.staging]
approval = true
"""


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """What the rules name."""
    with Receiver() as started:
        started.address(tmp_path)
        (tmp_path / "rules.toml").write_text(RULES.format(folder=tmp_path))
        yield started


@pytest.fixture
def start(serve: Callable[..., Registry], receiver: Receiver, tmp_path: Path) -> Callable[..., Registry]:
    """Start a registry with the rules."""
    assert receiver.received == []
    return lambda: serve(config=str(tmp_path / "rules.toml"), public_url="https://prompts.example.org/")


def kinds(receiver: Receiver) -> list[str]:
    """What it was told, in order."""
    return [got.json["type"] for got in receiver.received]


def told(receiver: Receiver) -> dict[str, str]:
    """The same by id: a process that is killed may have sent a message, and not have noted it."""
    return {got.headers["webhook-id"]: got.json["type"] for got in receiver.received}


def report(registry: Registry, *records: dict[str, Any]) -> None:
    """Report calls."""
    body = {"batch": str(uuid4()), "calls": list(records)}
    assert registry.api.call("POST", "/v1/environments/production/calls", body).status == 200


def begun(registry: Registry) -> None:
    """Wait until it watches: a target begins with what changes from then on."""

    def cursors() -> list[Any]:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as database:
            return database.execute("select * from notify_cursors").fetchall()
        return []

    file = registry.data / "outcomes/main.sqlite"
    until(lambda: file.exists() and cursors(), "the watch")


def test_changes_are_told_by_one_of_two_registries(
    start: Callable[..., Registry], receiver: Receiver
) -> None:
    """In order; when the one that tells is killed, the other goes on where it was."""
    first, second = start(), start()
    begun(first)
    first.api.act("promote", "summarize", {"version": "1.0.0"})
    second.api.act("promote", "summarize", {"version": "1.1.0"})
    until(lambda: len(told(receiver)) == 2, "both changes")
    first.kill()
    second.api.act("promote", "summarize", {"version": "1.0.0"}, "staging")
    second.api.act("rollback", "summarize")
    until(lambda: len(told(receiver)) == 4, "the changes after the kill", patience=40)

    events = ["rollout.promote", "rollout.promote", "approval.waiting", "rollout.rollback"]
    assert list(told(receiver).values()) == events
    assert receiver.texts[1] == "summarize in production: promote 1.0.0 → 1.1.0, by admin"


def test_a_change_while_the_receiver_is_down(start: Callable[..., Registry], receiver: Receiver) -> None:
    """It arrives when it is back, after a restart of the registry, too."""
    registry = start()
    begun(registry)
    receiver.answer = lambda _: 503
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    until(lambda: len(receiver.received) >= 1, "the first try")
    until(lambda: "it answered 503" in registry.api.get("/v1/doctor").text, "the finding")
    assert registry.stop() == 0
    receiver.received.clear()
    receiver.answer = lambda _: 200
    again = start()
    until(lambda: len(receiver.received) == 1, "the message", patience=30)

    assert kinds(receiver) == ["rollout.promote"]
    assert "a-secret" not in registry.log + again.log
    assert "url" not in registry.api.token


def test_budgets_and_alerts(start: Callable[..., Registry], receiver: Receiver) -> None:
    """They are told within a minute, and shown at once."""
    registry = start()
    begun(registry)
    report(registry, *(record(cost_usd=0.4, error="Timeout") for _ in range(4)))
    path = "/v1/environments/production"
    shown = until(
        lambda: (found := registry.api.get(f"{path}/budgets").json["data"])[0]["calls"] and found, "the fold"
    )
    (alert,) = registry.api.get(f"{path}/alerts").json["data"]
    assert (kinds(receiver), registry.stop()) == ([], 0)
    registry = start()  # whoever watches next does it at once, and else every minute
    until(lambda: len(receiver.received) == 2, "both messages")

    assert (shown[0]["spent_usd"], shown[0]["share"], shown[0]["reached"]) == (1.6, 0.8, 0.5)
    assert (alert["state"], alert["value"], alert["count"]) == ("high", 1.0, 4)
    assert sorted(kinds(receiver)) == ["alert.firing", "budget.reached"]
    page = "https://prompts.example.org/console/e/production/usage"
    assert {got.json["data"]["link"] for got in receiver.received} == {page, f"{page}?prompt=summarize"}
    outcome_shapes.Budgets.model_validate({"data": shown})
    outcome_shapes.Alerts.model_validate({"data": [alert]})
    assert registry.api.get(f"{path}/alerts").json["data"][0]["firing_since"]
    assert registry.api.get("/v1/environments/staging/budgets").json == {"data": []}
    assert registry.api.get("/v1/environments/moon/budgets").status == 404


def test_without_targets_nothing_is_opened(serve: Callable[..., Registry]) -> None:
    """A registry without reports and notifications has no database."""
    registry = serve()
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    registry.api.get("/metrics")

    assert not (registry.data / "outcomes").exists()
