"""Outcomes for tests: reports are made up, time is given, and the folder folds when it is told to."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import otlp_vectors

from registry.outcomes.lazy_store import Options
from registry.outcomes.otlp.unpack import unpack
from registry.outcomes.outcomes import Outcomes
from registry.outcomes.store import calls, usage
from registry.outcomes.store.fold import Folder
from registry.outcomes.store.fold_spans import SETTLE_MS
from registry.outcomes.store.opening import open_store
from registry.outcomes.store.retention import Retention

if TYPE_CHECKING:
    from pathlib import Path

    from registry.outcomes.outcomes import Taken
    from registry.outcomes.store.usage import Page

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
KEEP = 30


def uuid7(milliseconds: int) -> str:
    """A new id of that time."""
    data = bytearray(milliseconds.to_bytes(6, "big") + os.urandom(10))
    data[6], data[8] = 0x70 | data[6] & 0x0F, 0x80 | data[8] & 0x3F
    return str(UUID(bytes=bytes(data)))


def rfc3339(milliseconds: int) -> str:
    """A time as a record has it."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(at: int | None = None, **fields: Any) -> dict[str, Any]:
    """A call that ended well a second ago."""
    at = now() - 1000 if at is None else at
    return {
        "id": uuid7(at),
        "at": rfc3339(at),
        "prompt": "summarize",
        "version": "1.2.0",
        "arm": "stable",
        "model": "gpt",
        "input_tokens": 100,
        "output_tokens": 10,
        "cost_usd": 0.001,
        "duration_ms": 500.0,
        **fields,
    }


def now() -> int:
    """The time in milliseconds."""
    return time.time_ns() // 1_000_000


class Desk:
    """Outcomes of one registry, at a desk where the test folds."""

    def __init__(self, folder: Path, url: str = "", sample: float = 0.0) -> None:
        self.share = sample
        self.outcomes = Outcomes(
            Options(
                data=folder,
                url=url,
                keep=KEEP,
                is_shared=False,
                exists=lambda name, _: name != "nobody",
                sample=lambda _: self.share,
            )
        )
        self.outcomes._store.keeper.start = lambda: None  # type: ignore[method-assign]
        self.store = open_store(url, folder)
        self.folder = self.new_folder()

    def close(self) -> None:
        """Close what is open."""
        self.outcomes.close()
        self.store.close()

    def new_folder(self, holder: str = "test") -> Folder:
        """Another process that folds."""
        return Folder(self.store.inbox, self.store.main, lambda _: None, keep=KEEP, holder=holder)

    def send(self, *records: Any, batch: str | None = None, environment: str = "production") -> Taken:
        """Report calls."""
        return self.outcomes.take_calls(environment, "t", batch or str(uuid4()), records)

    def say(self, kind: str, *records: Any, environment: str = "production") -> Taken:
        """Report feedback or scores."""
        return self.outcomes.take_signals(environment, "t", kind, records)

    def resolve(self, conversation: str, *, ok: bool) -> Taken:
        """Report that a conversation is done."""
        return self.outcomes.take_resolutions("production", "t", [{"conversation": conversation, "ok": ok}])

    def fold(self, at: int | None = None) -> None:
        """Fold all that waits."""
        while self.folder.fold(now() if at is None else at):
            pass

    def export(self, *requests: dict[str, str], environment: str | None = None) -> None:
        """Take in requests of `vectors/otlp`, as from a token of one environment if it is given."""
        for request in requests:
            content = unpack(otlp_vectors.body(request), request.get("content_encoding", ""))
            self.take_otlp(request["path"], content, request["content_type"], environment)

    def take_otlp(self, path: str, body: bytes, kind: str, environment: str | None = None) -> None:
        """Take in a request of OTLP; what names no environment is of production."""
        as_json = kind.startswith("application/json")
        signal = path.removeprefix("/v1/")
        if signal == "metrics":
            return
        read = self.outcomes.read_spans(
            signal, body, as_json=as_json, place=lambda named: environment or named or "production"
        )
        self.outcomes.take_spans("t", read)

    def settle(self, at: int | None = None) -> None:
        """Fold all that waits, and settle the traces that are due a minute from now, or at a time."""
        self.fold(at)
        while self.folder.settle(now() + SETTLE_MS if at is None else at):
            pass

    def retain(self, at: int) -> None:
        """Delete what is too old at a time."""
        Retention(self.store.main, keep=KEEP, holder="test").tend(at)

    def usage(self, *by: str, **asked: Any) -> list[dict[str, Any]]:
        """Rows of usage of the last and next days."""
        return self.page(*by, **asked)[0]

    def page(self, *by: str, **asked: Any) -> Page:
        """A page of usage."""
        second = now() // 1000
        query = usage.Query(environment="production", since=second - 3 * 86_400, until=second + 3600, by=by)
        return self.outcomes.usage(replace(query, **asked))

    def total(self, **asked: Any) -> dict[str, Any]:
        """What all calls add up to."""
        (row,) = self.usage(**asked)
        return row

    def calls(self, **asked: Any) -> list[dict[str, Any]]:
        """Calls by some filters."""
        return self.outcomes.calls(replace(calls.Query(environment="production"), **asked))[0]

    def call(self, identifier: str, *, content: bool = False) -> dict[str, Any]:
        """One call."""
        found = self.outcomes.call("production", identifier, content=content)
        assert found is not None
        return found

    def counters(self) -> dict[str, int]:
        """What was left out."""
        return dict(self.store.main.read(lambda c: c.fetch("select name, n from counters")))
