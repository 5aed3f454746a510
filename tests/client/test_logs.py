"""Log records and lines that say which prompt they belong to."""

from __future__ import annotations

import io
import json
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from promptstage import logs
from promptstage.stamp import Stamp, holder
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def client() -> Iterator[Client]:
    """Nothing is stamped in the beginning."""
    token = holder.set(Stamp())
    yield Client.of({"summarize": {"versions": {"1.3.0": "Summarize"}}})
    holder.reset(token)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The lines that the logger `app` wrote, parsed."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    app = logging.getLogger("app")
    app.addHandler(handler)
    app.propagate = False
    logs.install()
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    app.removeHandler(handler)
    app.propagate = True


def record() -> Any:
    """A record made here and now."""
    return logging.getLogger("app").makeRecord("app", logging.INFO, "", 0, "hello", (), None)


def test_each_record_has_one_attribute(client: Client) -> None:
    """With the four facts, and a text for any format."""
    before = vars(record()).keys()
    logs.install()
    assert vars(record()).keys() - before == {"promptstage"}
    assert str(record().promptstage) == "-"
    client.get("summarize")

    stamp = record().promptstage
    assert (stamp.name, stamp.version, stamp.arm, stamp.rollout) == ("summarize", "1.3.0", "stable", None)
    assert logging.Formatter("%(promptstage)s %(message)s").format(record()) == "summarize@1.3.0 hello"


def test_installing_twice_is_once(client: Client) -> None:
    """And uninstalling once undoes it."""
    original = logging.getLogRecordFactory()
    logs.install()
    logs.install()
    logs.uninstall()

    assert logging.getLogRecordFactory() is original
    logs.uninstall()


def test_other_factories_go_on_working(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was there before, one that wrapped ours, and one that came after and dropped it."""
    original = logging.getLogRecordFactory()

    def wrap(inner: Callable[..., logging.LogRecord], name: str) -> Callable[..., logging.LogRecord]:
        def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
            made = inner(*args, **kwargs)
            setattr(made, name, True)
            return made

        return factory

    try:
        logging.setLogRecordFactory(wrap(original, "before"))
        logs.install()
        logging.setLogRecordFactory(wrap(logging.getLogRecordFactory(), "after"))
        logs.install()
        assert {"before", "after", "promptstage"} <= vars(record()).keys()
        logs.uninstall()
        assert {"before", "after"} <= vars(record()).keys()
        assert "promptstage" not in vars(record())
        wrapped = logging.getLogRecordFactory()
        logs.install()
        assert (logging.getLogRecordFactory(), "promptstage" in vars(record())) == (wrapped, True)
        logging.setLogRecordFactory(original)
        logs.install()
        assert "promptstage" in vars(record())
    finally:
        logs.uninstall()
        logging.setLogRecordFactory(original)


def test_a_stamped_record_can_be_pickled(client: Client) -> None:
    """As queues between processes do."""
    logs.install()
    client.get("summarize")

    assert str(pickle.loads(pickle.dumps(record())).promptstage) == "summarize@1.3.0"


def test_a_line_is_one_json_object(client: Client, lines: Callable[[], list[dict[str, Any]]]) -> None:
    """With time, level, logger, message, prompt and extras; the prompt only if there is one."""
    logging.getLogger("app").warning("no %s", "prompt")
    client.get("summarize")
    logging.getLogger("app").warning("two\nlines", extra={"user": 42})
    first, second = lines()

    assert first.pop("time").endswith("Z")
    assert first == {"level": "WARNING", "logger": "app", "message": "no prompt"}
    assert second.pop("time")[10] == "T"
    assert second == {
        "level": "WARNING",
        "logger": "app",
        "message": "two\nlines",
        "user": 42,
        "prompt": "summarize@1.3.0",
        "prompt_name": "summarize",
        "prompt_version": "1.3.0",
        "prompt_arm": "stable",
    }


def test_an_apps_own_extras_win(client: Client, lines: Callable[[], list[dict[str, Any]]]) -> None:
    """An application that logs `prompt` goes on as before; level and message cannot be overwritten."""
    client.get("summarize")
    logging.getLogger("app").error("hi", extra={"prompt": "x", "prompt_version": 3, "level": "none"})
    [line] = lines()

    assert (line["prompt"], line["prompt_version"], line["prompt_arm"]) == ("x", 3, "stable")
    assert line["level"] == "ERROR"


def test_an_exception_is_inside(client: Client, lines: Callable[[], list[dict[str, Any]]]) -> None:
    """Trace and stack are texts within the one line."""
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger("app").exception("failed", stack_info=True)
    [line] = lines()

    assert "ZeroDivisionError" in line["exception"]
    assert "test_logs.py" in line["stack"]


class Unprintable:
    """Nothing can be done with it."""

    def __str__(self) -> str:
        raise RuntimeError


def loop() -> list[Any]:
    """A list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({1, 2}, "{1, 2}"),
        (float("nan"), "nan"),
        ({"deep": float("inf")}, "{'deep': inf}"),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (Unprintable(), "<Unprintable>"),
        (loop(), "[[...]]"),
        (b"bytes", "b'bytes'"),
        ("lone \ud800", "lone \ud800"),
        ([1, "two", None], [1, "two", None]),
    ],
)
def test_no_value_can_make_it_fail(
    client: Client, lines: Callable[[], list[dict[str, Any]]], value: Any, shown: Any
) -> None:
    """What JSON cannot hold is written as text, and the other fields are untouched."""
    logging.getLogger("app").error("hi", extra={"value": value, "other": [1]})
    [line] = lines()

    assert (line["value"], line["other"]) == (shown, [1])


def test_arguments_that_do_not_fit_are_shown() -> None:
    """The line is not lost."""
    bad = logging.makeLogRecord({"msg": "%d apples", "args": ("many",)})

    assert json.loads(logs.JsonFormatter().format(bad))["message"] == "%d apples ('many',)"
