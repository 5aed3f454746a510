"""Log records and lines that say which prompt they belong to."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import subprocess
import sys
from enum import Enum
from logging.config import dictConfig, fileConfig
from logging.handlers import QueueHandler, SocketHandler
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from promptstage import logs
from promptstage.stamp import Stamp, holder
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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


def test_each_record_has_the_prompt_as_plain_text(client: Client) -> None:
    """For any format; the parts are there where there is a prompt."""
    before = vars(record()).keys()
    logs.install()
    assert vars(record()).keys() - before == {"promptstage"}
    assert record().promptstage == "-"
    client.get("summarize")

    made = vars(record())
    assert {name: made[name] for name in made.keys() - before} == {
        "promptstage": "summarize@1.3.0",
        "prompt_name": "summarize",
        "prompt_version": "1.3.0",
        "prompt_arm": "stable",
    }
    assert all(isinstance(made[name], str) for name in made.keys() - before)
    assert logging.Formatter("%(promptstage)s %(message)s").format(record()) == "summarize@1.3.0 hello"


def test_a_rollout_is_a_part_too(client: Client) -> None:
    """It joins lines with the evidence of the rollout; no part breaks a line."""
    logs.install()
    holder.set(Stamp("summarize", "1.3.0", "canary", "r-1\n"))

    assert (record().prompt_arm, record().prompt_rollout) == ("canary", r"r-1\n")


class Name(str, Enum):  # noqa: UP042 - StrEnum writes itself as text; this one does not
    """Names as an application may keep them."""

    SUMMARIZE = "summarize"
    MULTILINE = "a\nb"


@pytest.mark.parametrize(
    ("name", "text"), [(Name.SUMMARIZE, "summarize@fallback"), (Name.MULTILINE, r"a\nb@fallback")]
)
def test_a_name_of_the_applications_own_kind_is_plain_text_too(name: Name, text: str) -> None:
    """And stays on one line."""
    logs.install()
    Client.of({}).get(name, fallback="mine")

    assert type(record().prompt_name) is str
    assert isinstance(record().promptstage, str)
    assert record().promptstage == text


def test_the_text_has_its_parts(client: Client) -> None:
    """For code of an application; a copy of it, or what is pickled, is a plain str."""
    logs.install()
    client.get("summarize")
    made = record().promptstage

    assert (made.name, made.version, made.arm, made.rollout) == ("summarize", "1.3.0", "stable", None)
    copies = [copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))]
    assert [(type(each), each) for each in copies] == [(str, "summarize@1.3.0")] * 3


@pytest.mark.parametrize("own", [{"promptstage": "mine"}, {"prompt_name": "mine"}, {"prompt_rollout": 7}])
def test_an_apps_own_extra_of_such_a_name_wins(
    client: Client,
    lines: Callable[[], list[dict[str, Any]]],
    own: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the record and in JSON; logging alone would raise KeyError, as it does for its own fields."""
    seen: list[Any] = []
    handle = logging.getLogger("app").handle

    def see(made: logging.LogRecord) -> None:
        seen.append(made)
        handle(made)

    monkeypatch.setattr(logging.getLogger("app"), "handle", see)
    client.get("summarize")
    logging.getLogger("app").warning("hi", extra=own)
    with pytest.raises(KeyError, match="overwrite"):
        logging.getLogger("app").warning("hi", extra={"msg": "mine"} | own)

    assert vars(seen[0]).items() >= own.items()
    assert lines()[0].items() >= ({"prompt": "summarize@1.3.0"} | own).items()


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


def through_a_socket(made: logging.LogRecord) -> logging.LogRecord:
    """As a listener elsewhere makes it, which has no promptstage at all."""
    read = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()[4:])['promptstage'])"
    sent = SocketHandler("localhost", 0).makePickle(made)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", read], input=sent, capture_output=True, check=True
    )
    return logging.makeLogRecord({"promptstage": done.stdout.decode().strip()})


def through_a_queue(made: logging.LogRecord) -> logging.LogRecord:
    """As processes hand records on."""
    queue: SimpleQueue[bytes] = SimpleQueue()
    QueueHandler(queue).handle(made)
    restored: logging.LogRecord = pickle.loads(pickle.dumps(queue.get()))
    return restored


@pytest.mark.parametrize(
    "ship",
    [
        through_a_socket,
        through_a_queue,
        copy.deepcopy,
        lambda made: pickle.loads(pickle.dumps(made)),
        lambda made: logging.makeLogRecord(json.loads(json.dumps(vars(made)))),
    ],
)
def test_whatever_ships_a_record_finds_plain_text(
    client: Client, ship: Callable[[logging.LogRecord], Any]
) -> None:
    """And needs nothing of ours to read it."""
    logs.install()
    client.get("summarize")

    assert ship(record()).promptstage == "summarize@1.3.0"


def test_opentelemetry_exports_the_lines(client: Client) -> None:
    """Its handler on the root logger warns of values it does not know there, which it then handles again."""
    exporter: Any = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # has no types
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    with pytest.warns(DeprecationWarning, match="LoggingHandler"):
        handler = LoggingHandler(logger_provider=provider)
    logs.install()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        logging.getLogger("app").error("none yet")
        client.get("summarize")
        logging.getLogger("app").error("asked")
    finally:
        root.removeHandler(handler)
    exported = [dict(line.log_record.attributes or {}) for line in exporter.get_finished_logs()]

    assert [line["promptstage"] for line in exported] == ["-", "summarize@1.3.0"]
    assert (exported[1]["prompt_name"], exported[1]["prompt_version"]) == ("summarize", "1.3.0")


FORMAT = "%(promptstage)s %(prompt_arm)s %(message)s"
CONFIGURATION = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"prompt": {"()": "promptstage.logs.Filter"}},
    "formatters": {
        "class": {"class": "promptstage.logs.Formatter", "format": FORMAT},
        "factory": {"()": "promptstage.logs.Formatter", "fmt": FORMAT},
        "plain": {"format": "%(promptstage)s %(message)s"},
        "json": {"()": "promptstage.logs.JsonFormatter"},
    },
}


@pytest.mark.parametrize(
    ("settings", "before", "after"),
    [
        ({"formatter": "class"}, "- - hello", "summarize@1.3.0 stable hello"),
        ({"formatter": "factory"}, "- - hello", "summarize@1.3.0 stable hello"),
        ({"formatter": "plain", "filters": ["prompt"]}, "- hello", "summarize@1.3.0 hello"),
    ],
)
def test_a_logging_configuration_can_name_what_needs_no_install(
    client: Client, capsys: pytest.CaptureFixture[str], settings: dict[str, Any], before: str, after: str
) -> None:
    """As a supervisor reads it, which never imports the application."""
    handlers = {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", **settings}}
    dictConfig(CONFIGURATION | {"handlers": handlers, "loggers": {"app": {"handlers": ["out"]}}})
    try:
        logging.getLogger("app").warning("hello")
        client.get("summarize")
        logging.getLogger("app").warning("hello")
    finally:
        logging.getLogger("app").handlers.clear()

    assert [line for line in capsys.readouterr().err.splitlines() if "hello" in line] == [before, after]
    assert not hasattr(logging.makeLogRecord({}), "promptstage")


INI = """
[loggers]
keys=root
[handlers]
keys=out
[formatters]
keys=line
[logger_root]
handlers=out
[handler_out]
class=StreamHandler
formatter=line
args=(sys.stderr,)
[formatter_line]
class=promptstage.logs.Formatter
format=%(promptstage)s %(message)s
"""


def test_an_ini_file_can_name_the_formatter(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As gunicorn and alembic have them; such files know no filters."""
    (tmp_path / "log.ini").write_text(INI)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        fileConfig(tmp_path / "log.ini", disable_existing_loggers=False)
        client.get("summarize")
        logging.getLogger("app").error("hello")
    finally:
        root.handlers[:] = before
        root.setLevel(level)

    assert capsys.readouterr().err == "summarize@1.3.0 hello\n"


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
