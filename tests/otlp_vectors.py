"""What real instrumentations sent by OTLP, and the calls that must be read from it: `vectors/otlp`."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.outcomes.otlp import decode, feedback, merging, observe
from registry.outcomes.otlp.calls import call as made
from registry.outcomes.otlp.unpack import unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.outcomes.otlp.feedback import Feedback
    from registry.outcomes.otlp.merged import Merged
    from registry.outcomes.otlp.observation import Observation

FOLDER = Path(__file__).parent / "vectors/otlp"
ENTRIES: dict[str, Any] = {
    entry["name"]: entry for entry in json.loads((FOLDER / "index.json").read_text())["entries"]
}
READABLE = {name: entry for name, entry in ENTRIES.items() if entry.get("status", 200) == 200}

SAME = (
    "prompt", "version", "arm", "provider", "input_tokens", "output_tokens", "cached_tokens", "duration_ms",
    "ttft_ms", "error", "conversation", "trace_id", "span_id", "response_id", "cost_usd",
)  # fmt: skip


@dataclass(kw_only=True)
class Taken:
    """What was read of some requests."""

    observations: list[Observation] = field(default_factory=list)
    chosen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    feedback: list[Feedback] = field(default_factory=list)


def body(request: dict[str, str]) -> bytes:
    """A request's body as it was sent."""
    return (FOLDER / request["file"]).read_bytes()


def take(requests: Iterable[dict[str, str]]) -> Taken:
    """Read requests, as a receiver does."""
    taken = Taken()
    for request in requests:
        content = unpack(body(request), request.get("content_encoding", ""))
        as_json = request["content_type"].startswith("application/json")
        if request["path"] == "/v1/traces":
            for span in decode.spans(content, as_json=as_json):
                taken.observations.append(observe.observe(span))
                taken.feedback += feedback.of_span(span)
        elif request["path"] == "/v1/logs":
            for record in decode.logs(content, as_json=as_json):
                taken.chosen |= {record.span_id: record.tools} if record.tools else {}
                taken.feedback += feedback.of_log(record)
        else:
            decode.check(content, as_json=as_json)
    return taken


def calls(observations: Iterable[Observation], chosen: dict[str, tuple[str, ...]]) -> list[Merged]:
    """The calls of all traces."""
    traces = defaultdict(list)
    for observation in observations:
        traces[observation.trace_id].append(observation)
    return [call for trace in traces.values() for call in merging.calls(trace, chosen)]


def shown(found: Iterable[Merged]) -> list[dict[str, Any]]:
    """Calls in the form of the index, in order of their spans."""
    return sorted(map(_shown, found), key=lambda call: str(call["span_id"]))


def expected(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """An entry's calls, in the same form: identities are kept as hashes."""
    optional: dict[str, Any] = {"also_spans": [], "response_id": None, "cost_usd": None}
    hashed = ({key: _hash(call[key]) for key in ("conversation", "user")} for call in entry["calls"])
    found = [optional | call | hashes for call, hashes in zip(entry["calls"], hashed, strict=True)]
    return sorted(found, key=lambda call: str(call["span_id"]))


def _shown(merged: Merged) -> dict[str, Any]:
    call = made(merged, merged.start // 1_000_000)
    tools = call.tool_calls
    return {
        **{name: getattr(call, name) for name in SAME},
        "model": call.response_model or call.model,
        "tool_calls": None if tools is None else [tool.name for tool in tools],
        "user": call.subject,
        "also_spans": sorted(merged.also_spans),
    }


def _hash(identity: str | None) -> str | None:
    return None if identity is None else hashlib.sha256(identity.encode()).hexdigest()[:16]
