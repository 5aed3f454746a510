"""Answers that are kept, to be sent again while nothing changes."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from registry.api.http import answers
from registry.api.http.answers import Answers, KeptAnswer, plain_headers

if TYPE_CHECKING:
    from support import Api

Question = tuple[str, bytes, bytes]


class World:
    """A registry's state, as far as answers depend on it."""

    def __init__(self) -> None:
        self.tokens = {"t"}
        self.read_model = SimpleNamespace(head=1)
        self.keyring = SimpleNamespace(admits=lambda token, _now: token in self.tokens)
        self.changes = 1

    def answers(self) -> Answers:
        """An empty store of answers."""
        return Answers(cast("Any", self), cast("Any", self))


def answer(store: Answers, body: bytes = b"x") -> KeptAnswer:
    """An answer that is made now."""
    return KeptAnswer(store.moment, cast("Any", "t"), "/x", None, (200, b"\r\n", body))


def question(number: int = 1) -> Question:
    """One that differs by its query."""
    return "/x", b"%d" % number, b"Basic x"


def test_an_answer_is_sent_again_while_nothing_changes() -> None:
    """Not after the journal, the catalog or the token has."""
    world = World()
    store = world.answers()
    first = answer(store)
    store.put(question(), first)

    assert store.find(question()) is first
    assert store.find(question(2)) is None
    world.tokens.clear()
    assert store.find(question()) is None
    world.tokens.add("t")
    world.changes += 1
    assert store.find(question()) is None
    store.put(question(), answer(store))
    assert store.find(question())
    world.read_model.head = 2
    assert store.find(question()) is None


def test_what_is_made_while_something_changes_is_not_sent_again() -> None:
    """Its moment is that before it was made."""
    world = World()
    store = world.answers()
    made = answer(store)
    world.read_model.head = 2

    store.put(question(), made)

    assert store.find(question()) is None


def test_kept_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their bytes; the same question again takes no more."""
    monkeypatch.setattr(answers, "MAX_BYTES", 10 * (answers.ENTRY_BYTES + 1000))
    store = World().answers()
    for _ in range(100):
        store.put(question(), answer(store, bytes(900)))
    for number in range(9):
        store.put(question(number), answer(store, bytes(900)))

    assert all(store.find(question(number)) for number in range(9))
    for number in range(9, 30):
        store.put(question(number), answer(store, bytes(900)))
    assert sum(store.find(question(number)) is not None for number in range(30)) <= 10


@pytest.mark.parametrize(
    ("method", "headers", "is_plain"),
    [
        ("GET", [(b"authorization", b"a")], True),
        ("GET", [(b"authorization", b"a"), (b"authorization", b"b")], False),
        ("GET", [(b"content-length", b"1")], False),
        ("POST", [], False),
        ("HEAD", [], False),
    ],
)
def test_only_plain_reads_are_kept(method: str, headers: list[tuple[bytes, bytes]], is_plain: bool) -> None:
    """What else a request says might matter."""
    assert (plain_headers({"method": method, "headers": headers}) is not None) is is_plain


def counted(api: Api, environment: str) -> tuple[int, int]:
    """How many requests for a prompt were answered, and how many decisions made."""
    text = api.get("/metrics").text
    requests = re.search(
        r'requests_total\{method="GET",route="/api/public/v2/prompts/\{name\}",status="200"\} (\d+)',
        text,
    )
    decisions = re.search(rf'resolutions_total\{{environment="{environment}",reason="STATIC"\}} (\d+)', text)
    return int(requests[1]) if requests else 0, int(decisions[1]) if decisions else 0


def test_a_kept_answer_is_counted_as_any_other(api: Api, environment: str) -> None:
    """By its route, and as a decision."""
    assert api.act("promote", "summarize", {"version": "1.0.0"}, environment).status == 200
    before = counted(api, environment)

    for _ in range(5):
        assert api.get(f"/api/public/v2/prompts/summarize?label={environment}").status == 200

    after = counted(api, environment)
    assert tuple(b - a for a, b in zip(before, after, strict=True)) == (5, 5)
