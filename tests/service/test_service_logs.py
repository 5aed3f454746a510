"""The service's own log: lines for people, objects for programs, and no user in either."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from support import until

from registry.system.logs import JsonFormatter, TextFormatter, WorthALine, configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import PromptRepository, Registry, Valkey

FORGED = "nothing\n2026-01-01T00:00:00.000Z ERROR   forged\x1b[2J\u202e"


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    """A record of a warning."""
    made = logging.makeLogRecord({"name": "registry.x", "levelno": 30, "levelname": "WARNING", **extra})
    made.msg, made.args = message, args
    return made


def test_urllib3_tells_no_address() -> None:
    """It warns of odd answers with the whole address of a notification, which is a secret."""
    quiet = configuration("json", terminal=False)["loggers"]["urllib3"]["level"]

    assert logging.getLevelName(quiet) > logging.WARNING


def failed(message: str) -> logging.LogRecord:
    """A record of an exception."""
    error = ValueError(message)
    return record("it failed", exc_info=(ValueError, error, None))


def events(registry: Registry) -> list[dict[str, Any]]:
    """Every line of a log, as a program reads it."""
    return [json.loads(line) for line in registry.log.splitlines()]


def test_a_line_for_people_is_one_line() -> None:
    """Foreign text cannot begin another one, nor move the cursor."""
    line = TextFormatter().format(record("somebody said %s", FORGED))

    assert line.count("\n") == 0
    assert line.endswith(r"somebody said nothing\n2026-01-01T00:00:00.000Z ERROR   forged\x1b[2J\u202e")
    assert line[24:32] == " WARNING"


def test_a_traceback_for_people_is_indented() -> None:
    """So a line that begins with a time is one of ours."""
    lines = TextFormatter().format(failed(FORGED)).splitlines()

    assert lines[0].endswith("WARNING it failed")
    assert all(line.startswith("    ") for line in lines[1:])
    assert not any("\x1b" in line for line in lines)


def test_colours_are_for_terminals() -> None:
    """A file gets none."""
    assert "\033[33m" in TextFormatter(colours=True).format(record("hm"))
    assert "\033" not in TextFormatter().format(record("hm"))
    assert configuration("text", terminal=True)["formatters"]["own"]["colours"]
    assert "colours" not in configuration("json", terminal=True)["formatters"]["own"]


def test_an_object_for_programs_is_one_line() -> None:
    """It has the facts of the event beside the sentence, and a traceback in a member."""
    line = JsonFormatter().format(failed(FORGED))
    told = json.loads(JsonFormatter().format(record("%d new", 3, event="versions", count=3)))

    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["traceback"].startswith("ValueError: nothing")
    assert told.keys() == {"time", "level", "logger", "message", "process", "event", "count"}
    assert (told["level"], told["message"], told["count"]) == ("warning", "3 new", 3)


@pytest.mark.parametrize(("name", "kept"), [("uvicorn.error", False), ("registry.app", True)])
def test_uvicorns_milestones_are_told_by_ours(name: str, *, kept: bool) -> None:
    """A start is one line, not four."""
    assert WorthALine().filter(record("Started server process [%d]", 7, name=name)) is kept


def test_a_life_in_objects(
    serve: Callable[..., Registry], new_repository: PromptRepository, valkey: Valkey
) -> None:
    """Start, versions, changes, troubles and their ends, the stop: a line each, and no key of a user."""
    registry = serve(source=new_repository, redis_url=valkey.url, log_format="json", poll_seconds="0.2")
    api = registry.api
    registry.find("version.invalid")
    api.act("promote", "summarize", {"version": "1.0.0", "reason": FORGED}, Idempotency_Key="once")
    api.act("promote", "summarize", {"version": "1.0.0", "reason": FORGED}, Idempotency_Key="once")
    api.get("/v1/environments/production/resolve/summarize?key=somebody-private")
    valkey.kill()
    registry.find("redis.down")
    valkey.start()
    registry.find("redis.up")
    new_repository.path.rename(new_repository.path.with_name("gone"))
    registry.find("sync.failed")
    new_repository.path.with_name("gone").rename(new_repository.path)
    registry.find("sync.mended")
    new_repository.git("tag", "--force", "-a", "summarize/v1.0.0", "-m", "moved", "HEAD")
    registry.find("tag.moved")
    registry.stop()
    told = {event["event"]: event for event in events(registry) if "event" in event}
    change = {
        key: told["change"][key] for key in ("op", "environment", "prompt", "from", "to", "actor", "seq")
    }

    assert [event for event in told if event not in {"redis.down", "redis.up"}] == [
        "started", "versions", "version.invalid", "change",
        "sync.failed", "sync.mended", "tag.moved", "stopped",
    ]  # fmt: skip
    assert told["started"]["environments"] == "production, staging"
    assert told["versions"]["count"] == 6
    assert change == {
        "op": "promote",
        "environment": "production",
        "prompt": "summarize",
        "from": None,
        "to": "1.0.0",
        "actor": "admin",
        "seq": 1,
    }
    assert registry.log.count('"change"') == 1
    assert told["tag.moved"]["tag"] == "summarize/v1.0.0"
    assert "somebody-private" not in registry.log


def test_an_unforeseen_failure_is_told_once(serve: Callable[..., Registry]) -> None:
    """With its traceback, in one object; the caller learns where to look."""
    registry = serve(log_format="json")
    report = registry.data / "mirror.git/report.json"
    until(report.exists, "the first look")
    report.unlink()
    report.mkdir()
    answer = registry.api.get("/v1/catalog")
    failures = [event for event in events(registry) if event.get("event") == "failed"]

    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert len(failures) == 1
    assert failures[0]["route"] == "/v1/catalog"
    assert "IsADirectoryError" in failures[0]["traceback"]


def test_a_token_is_named_by_its_id(serve: Callable[..., Registry]) -> None:
    """Who made and revoked it is told; its secret is in no line."""
    registry = serve()
    made = registry.api.call("POST", "/v1/tokens", {"name": "checkout", "role": "reader"}).json
    registry.api.call("DELETE", f"/v1/tokens/{made['id']}")

    assert f"token.create {made['id']}, by admin (seq 1)" in registry.log
    assert f"token.revoke {made['id']}, by admin (seq 2)" in registry.log
    assert made["secret"] not in registry.log
