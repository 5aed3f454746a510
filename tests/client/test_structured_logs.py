"""The prompt on lines of structlog and loguru, as these libraries really write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from loguru import logger

from promptstage import logs
from promptstage.stamp import EMPTY, stamped
from promptstage.testing import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = {
    "prompt": "summarize@1.3.0",
    "prompt_name": "summarize",
    "prompt_version": "1.3.0",
    "prompt_arm": "canary",
}


@pytest.fixture
def client() -> Iterator[Client]:
    """Nothing is stamped in the beginning; `summarize` is served as a canary."""
    client = Client.of({"summarize": {"versions": {"1.3.0": "Summarize"}}})
    client.serve("summarize", "1.3.0", arm="canary")
    with stamped(EMPTY):
        yield client


@pytest.fixture
def log() -> Iterator[Any]:
    """A structlog logger that returns the line it writes."""
    structlog.configure(
        processors=[logs.structlog_processor, structlog.processors.JSONRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    yield structlog.get_logger()
    structlog.reset_defaults()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What loguru writes: text, and its own JSON."""
    lines: list[str] = []
    logger.remove()
    logger.configure(patcher=logs.loguru_patcher)
    logger.add(lines.append, format="{extra[prompt]} {message}")
    logger.add(lines.append, serialize=True)
    yield lines
    logger.remove()
    logger.configure(patcher=lambda _: None)


def test_structlog_says_the_prompt(client: Client, log: Any) -> None:
    """The same fields that the JSON formatter writes."""
    client.get("summarize")

    assert json.loads(log.info("hello", a=1)) == {"event": "hello", "a": 1} | FIELDS


def test_structlog_says_nothing_without_a_prompt(client: Client, log: Any) -> None:
    """No empty fields."""
    assert json.loads(log.info("hello")) == {"event": "hello"}


def test_structlog_lets_the_applications_own_field_win(client: Client, log: Any) -> None:
    """As the JSON formatter does."""
    client.get("summarize")

    assert json.loads(log.info("hello", prompt="mine"))["prompt"] == "mine"


def test_loguru_says_the_prompt(client: Client, lines: list[str]) -> None:
    """In a format, and in its JSON."""
    client.get("summarize")
    logger.info("hello")

    assert lines[0] == "summarize@1.3.0 hello\n"
    assert json.loads(lines[1])["record"]["extra"] == FIELDS


def test_loguru_formats_without_a_prompt(client: Client, lines: list[str]) -> None:
    """A format that names the field must not fail."""
    logger.info("hello")

    assert lines[0] == "- hello\n"
    assert json.loads(lines[1])["record"]["extra"] == {"prompt": "-"}


def test_loguru_lets_the_applications_own_field_win(client: Client, lines: list[str]) -> None:
    """Whatever was bound."""
    client.get("summarize")
    logger.bind(prompt="mine").info("hello")

    assert lines[0] == "mine hello\n"
