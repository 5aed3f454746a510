"""Entries of the inbox for what spans and log records say.

They hold no content, no names of prompts that do not exist, and no identities that can be guessed.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry.outcomes import identity
from registry.outcomes.entry import UNKNOWN
from registry.outcomes.otlp import decode, feedback
from registry.outcomes.otlp.observe import observe
from registry.outcomes.otlp.spans import CHOICE
from registry.outcomes.store.fold_spans import CHOSEN, FEEDBACK, SPAN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from registry.outcomes.otlp.feedback import Feedback
    from registry.outcomes.otlp.observation import Observation

    Entry = dict[str, Any]

IDENTITIES = ("subject", "conversation")
CALL, REJECTED = "call", "rejected"


@dataclass(slots=True, kw_only=True)
class Read:
    """What was read of a request.

    Attributes:
        digest: of the request: one that is sent again has the same.
        entries: by environment.
        counts: how many of these are `call`, `span` (of no call), `feedback` or `tools`, and how many are
            `rejected`: of an environment that the token may not report for.
    """

    digest: str
    entries: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        """How many spans of calls there are."""
        return self.counts[CALL]

    @property
    def rejected(self) -> int:
        """How many spans or records were not read."""
        return self.counts[REJECTED]


class SpanEntries:
    """Makes entries of requests.

    Args:
        key: the registry's, for identities.
        exists: whether a prompt exists, or a version of it.
    """

    def __init__(self, key: bytes, exists: Callable[[str, str | None], bool]) -> None:
        self._key = key
        self._exists = exists

    def read(
        self, signal: str, body: bytes, *, as_json: bool, place: Callable[[str | None], str | None]
    ) -> Read:
        """Read a request of `traces` or `logs`. Raises Malformed, TooLarge.

        Args:
            signal: which of them.
            body: unpacked.
            as_json: whether it is JSON, or protobuf.
            place: returns the environment of what names one, or none; None where the token may not report.
        """
        read = Read(digest=sha256(signal.encode() + body).hexdigest()[:32])
        for named, entry in (self._traces if signal == "traces" else self._logs)(body, as_json=as_json):
            environment = place(named)
            if environment is None:
                read.counts[REJECTED] += 1
            else:
                read.entries[environment].append(entry)
                read.counts[_what(entry)] += 1
        return read

    def _traces(self, body: bytes, *, as_json: bool) -> Iterator[tuple[str | None, Entry]]:
        """Yield each entry of a request of spans, and the environment that it names."""
        for span in decode.spans(body, as_json=as_json):
            yield span.environment, self._span(observe(span))
            for found in feedback.of_span(span):
                yield span.environment, _feedback(found)

    def _logs(self, body: bytes, *, as_json: bool) -> Iterator[tuple[str | None, Entry]]:
        """Yield the same of log records."""
        for record in decode.logs(body, as_json=as_json):
            if record.event.name == CHOICE and record.tools and record.trace_id and record.span_id:
                yield record.environment, _entry(CHOSEN, record.trace_id, record.span_id, list(record.tools))
            for found in feedback.of_log(record):
                yield record.environment, _feedback(found)

    def _span(self, seen: Observation) -> Entry:
        """Return the entry of a span; its identities are beside it, so that they can be erased."""
        said = seen.said
        if said is None:
            return _entry(SPAN, seen.trace_id, seen.span_id, self._named(seen).to_json())
        kept = replace(seen, said=replace(said, subject=None, conversation=None))
        entry = _entry(SPAN, seen.trace_id, seen.span_id, self._named(kept).to_json())
        for name in IDENTITIES:
            if digits := getattr(said, name):
                entry[name] = identity.masked(self._key, name, digits)
        names = {"response": said.response_id, "record": said.client_call}
        return entry | {name: value for name, value in names.items() if value}

    def _named(self, seen: Observation) -> Observation:
        """Name the prompt and version, if they exist."""
        prompt = seen.prompt
        if prompt is None or self._exists(prompt.name, prompt.version):
            return seen
        name = prompt.name if self._exists(prompt.name, None) else UNKNOWN
        return replace(seen, prompt=replace(prompt, name=name, version=UNKNOWN))


def _what(entry: Entry) -> str:
    """Return what an entry is, as it is counted."""
    kind: str = entry["kind"].partition(":")[0]
    return CALL if kind == SPAN and '"said":' in entry["body"] else kind


def _feedback(found: Feedback) -> Entry:
    said = {"name": found.kind or "value", "value": None if found.kind else found.value}
    entry = _entry(f"{FEEDBACK}:{found.name}", found.trace_id, found.span_id, said)
    return entry | ({"response": found.response_id} if found.response_id else {})


def _entry(kind: str, trace: str, span: str, body: object) -> Entry:
    return {"kind": kind, "trace": trace, "span": span, "body": json.dumps(body, separators=(",", ":"))}
