"""Answers that are kept: by what was asked, whole or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from registry.suites.run.answers import Answers, Question
from registry.suites.run.completion import Completion

if TYPE_CHECKING:
    from pathlib import Path

ASKED = Question("https://a.example/v1", {"model": "m", "messages": [{"role": "user", "content": "é\ud83d"}]})
ANSWER = Completion(text="é\ud83d", tool_calls=({"type": "function"},), input_tokens=3, latency_ms=1.5)


@pytest.fixture
def answers(tmp_path: Path) -> Answers:
    """A folder that is not there yet."""
    return Answers(tmp_path / "answers")


def test_an_answer_comes_back_as_it_was(answers: Answers) -> None:
    """All of it, whatever characters a model wrote."""
    assert answers.get(ASKED.key) is None

    answers.put(ASKED.key, ASKED, ANSWER)

    assert answers.get(ASKED.key) == ANSWER


def test_all_that_is_asked_makes_the_key() -> None:
    """The endpoint, the model, every parameter, and which repeat it is; the order of keys is none of it."""
    request = dict(ASKED.request)
    others = [
        Question("https://b.example/v1", request),
        Question(ASKED.endpoint, {**request, "model": "n"}),
        Question(ASKED.endpoint, {**request, "temperature": 0}),
        Question(ASKED.endpoint, {**request, "temperature": 1}),
        Question(ASKED.endpoint, request, 1),
    ]

    assert len({ASKED.key, *(other.key for other in others)}) == 6
    assert Question(ASKED.endpoint, dict(reversed(request.items()))).key == ASKED.key


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"completion": {"text": 1, "x": 2}}', b"\xff"])
def test_a_damaged_file_is_no_answer(answers: Answers, tmp_path: Path, left: bytes) -> None:
    """It is asked for again, and written anew."""
    answers.put(ASKED.key, ASKED, ANSWER)
    (file,) = tmp_path.rglob("*.json")
    file.write_bytes(left)

    assert answers.get(ASKED.key) is None
    answers.put(ASKED.key, ASKED, ANSWER)
    assert answers.get(ASKED.key) == ANSWER


def test_runs_share_the_folder(answers: Answers, tmp_path: Path) -> None:
    """Readers see a whole answer or none while others write, and nothing unfinished stays."""
    seen = []

    def work() -> None:
        for _ in range(50):
            answers.put(ASKED.key, ASKED, ANSWER)
            seen.append(answers.get(ASKED.key))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [ANSWER] * 200
    assert len(list(tmp_path.rglob("*.*"))) == 1
