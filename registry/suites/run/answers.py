"""Answers of models that were paid for once, in a folder: a second run asks nothing.

An answer is a small JSON file, named by the SHA-256 of what was asked: the endpoint, the whole request with
its model, and which repeat it was. Several runs may share the folder; a file is there whole or not at all.
"""

from __future__ import annotations

import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from registry.suites.run.completion import Completion

if TYPE_CHECKING:
    from pathlib import Path

    from promptstage.model import Json

FOLDER = ".promptstage/answers"  # from the top of the repository
FORMAT = 1
_SPREAD = 2  # characters of a key that name a folder, so that none has many thousand files


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked.

    Attributes:
        endpoint: the base URL.
        request: the arguments of chat completions.
        repeat: which one of several equal questions, from 0.
    """

    endpoint: str
    request: Json
    repeat: int = 0

    @property
    def key(self) -> str:
        """The SHA-256 that names its answer."""
        asked = {"format": FORMAT, "endpoint": self.endpoint, "repeat": self.repeat, "request": self.request}
        return sha256(json.dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class AnswerStore(Protocol):
    """Where answers are kept."""

    def get(self, key: str) -> Completion | None:
        """Return an answer; None if there is none."""

    def put(self, key: str, question: Question, completion: Completion) -> None:
        """Keep an answer. Raises OSError."""


class InMemory:
    """Answers to what users wrote, which are forgotten with the run: no erasure would reach them."""

    def __init__(self) -> None:
        self._kept: dict[str, Completion] = {}

    def get(self, key: str) -> Completion | None:
        """Return an answer; None if there is none."""
        return self._kept.get(key)

    def put(self, key: str, _: Question, completion: Completion) -> None:
        """Keep an answer."""
        self._kept[key] = completion


class Answers:
    """The answers in a folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Completion | None:
        """Return an answer; None if there is none, or its file is damaged."""
        try:
            kept: Any = json.loads(self._file(key).read_bytes())
            completion = kept["completion"]
            return Completion(**completion | {"tool_calls": tuple(completion["tool_calls"])})
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def put(self, key: str, question: Question, completion: Completion) -> None:
        """Keep an answer. Raises OSError."""
        file = self._file(key)
        if not file.parent.is_dir():
            file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")  # of this writer alone
        kept = {
            "format": FORMAT,
            "endpoint": question.endpoint,
            "model": question.request.get("model"),
            "completion": completion.to_json(),
        }
        try:
            unfinished.write_bytes(json.dumps(kept).encode() + b"\n")
            unfinished.replace(file)
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()

    def _file(self, key: str) -> Path:
        return self._folder / key[:_SPREAD] / f"{key[_SPREAD:]}.json"
