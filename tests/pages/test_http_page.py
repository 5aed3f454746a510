"""Every exchange that the page about HTTP shows is made with the sample registry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from pages.markdown import blocks

if TYPE_CHECKING:
    from pages.markdown import Block
    from pages.running import Sample

EXCHANGES = blocks("docs/http.md", "http")


@dataclass(frozen=True)
class Message:
    """A request or an answer as it is written: its first line, its headers, and its JSON."""

    first: str
    headers: dict[str, str]
    body: Any


def message(head: str, body: str) -> Message:
    """Read one."""
    first, *lines = head.splitlines()
    return Message(first, dict(line.split(": ", 1) for line in lines), json.loads(body) if body else None)


def exchange(block: Block) -> tuple[Message, Message]:
    """The request and the answer of a block, which empty lines part."""
    *request, answer, body = block.text.split("\n\n")
    return message(request[0], "".join(request[1:])), message(answer, body)


def shape(value: Any) -> Any:
    """The keys and the kinds of values, but not what is in the author's own mappings."""
    if isinstance(value, dict):
        own = {"parameters", "metadata", "extra", "json_schema"}
        return {key: (type(inner) if key in own else shape(inner)) for key, inner in value.items()}
    return [shape(inner) for inner in value[:1]] if isinstance(value, list) else type(value)


def without_documents(value: Any) -> Any:
    """A release whose documents are not shown."""
    if isinstance(value, dict):
        return {key: without_documents(inner) for key, inner in value.items() if key != "document"}
    return value


def _of_the_stable_arm(sample: Sample, path: str, headers: dict[str, str]) -> str:
    """The path with a user of the many: which ones get the canary differs with each rollout."""
    return next(
        other
        for other in (path.replace("user-42", f"user-{number}") for number in range(42, 142))
        if urllib3.request("GET", sample.url + other, headers=headers).json()["arm"] == "stable"
    )


@pytest.mark.parametrize("block", EXCHANGES, ids=lambda block: f"line {block.line}")
def test_an_exchange(sample: Sample, block: Block) -> None:
    """Status, headers and keys are what the page says, and so is every value that does not change."""
    asked, shown = exchange(block)
    method, path = asked.first.split()
    headers = asked.headers | {"Authorization": f"Bearer {sample.token}"}
    if "resolve" in path and "key=" in path:
        path = _of_the_stable_arm(sample, path, headers)
    got = urllib3.request(
        method, sample.url + path, body=json.dumps(asked.body) if asked.body else None, headers=headers
    )

    assert asked.headers["Authorization"] == "Bearer <token>"
    assert f"{got.status} {got.reason}" == shown.first
    assert shown.headers.keys() - {"ETag"} == {"Content-Type"}
    assert got.headers["Content-Type"] == shown.headers["Content-Type"]
    assert ("ETag" in got.headers) >= ("ETag" in shown.headers)
    answered = got.json()
    if "versions" in shown.body:
        answered, expected = without_documents(answered), without_documents(shown.body)
    else:
        expected = shown.body
    assert shape(answered) == shape(expected)
    for key in {
        "name",
        "version",
        "reason",
        "code",
        "detail",
        "status",
        "default",
        "applied",
    } & expected.keys():
        assert answered[key] == expected[key]
