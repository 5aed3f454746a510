"""Recordings of real instrumentations give exactly the calls that were made, in any order."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import asdict

import pytest
from otlp_vectors import ENTRIES, FOLDER, READABLE, calls, expected, shown, take

from registry.outcomes.otlp import decode
from registry.outcomes.otlp.errors import Malformed, TooLarge
from registry.outcomes.otlp.observation import Observation

ORDERS = 20  # random ones of each entry
REFUSED = {400: Malformed, 413: TooLarge}


def test_the_corpus_is_whole() -> None:
    """All entries are here, and all calls."""
    assert len(ENTRIES) == 68
    assert sum(len(entry["calls"]) for entry in ENTRIES.values()) == 88


@pytest.mark.parametrize("name", READABLE)
def test_the_calls_of_a_recording(name: str) -> None:
    """Every call is found, with every value, and nothing else is one."""
    taken = take(ENTRIES[name]["requests"])

    assert shown(calls(taken.observations, taken.chosen)) == expected(ENTRIES[name])


@pytest.mark.parametrize("name", sorted(ENTRIES.keys() - READABLE.keys()))
def test_what_is_refused(name: str) -> None:
    """A body that cannot be read is refused for the reason that its status says."""
    with pytest.raises(REFUSED[ENTRIES[name]["status"]]):
        take(ENTRIES[name]["requests"])


@pytest.mark.parametrize("name", [name for name in READABLE if ENTRIES[name]["calls"]])
def test_any_order(name: str) -> None:
    """Spans in any order, some twice, and kept for a while in between, are the same calls."""
    taken = take(ENTRIES[name]["requests"])
    draw = random.Random(name)

    for _ in range(ORDERS):
        spans = [Observation.from_json(span.to_json()) for span in taken.observations]
        spans += draw.sample(spans, len(spans) // 2)
        draw.shuffle(spans)
        assert shown(calls(spans, taken.chosen)) == expected(ENTRIES[name])


@pytest.mark.parametrize("name", READABLE)
def test_halves(name: str) -> None:
    """What arrives later never makes more calls than there were spans of calls, nor leaves one doubled."""
    taken = take(ENTRIES[name]["requests"])
    half = len(taken.observations) // 2

    for first in (taken.observations[:half], taken.observations[half:]):
        sights = {span.span_id for span in first if span.said}
        found = calls(first, taken.chosen)
        assert sorted(span for call in found for span in (call.span_id, *call.also_spans)) == sorted(sights)


def test_all_at_once() -> None:
    """The whole corpus in one heap is every call once, as if each app had been alone."""
    requests = [
        request
        for name, entry in READABLE.items()
        if not name.startswith("made-")  # these say other things of the same spans
        for request in entry["requests"]
    ]
    random.Random(1).shuffle(requests)
    taken = take(requests + requests)
    recorded = [call for name, entry in READABLE.items() if name[:5] != "made-" for call in expected(entry)]

    assert shown(calls(taken.observations, taken.chosen)) == sorted(
        {call["span_id"]: call for call in recorded}.values(), key=lambda call: str(call["span_id"])
    )


def test_feedback() -> None:
    """A person's feedback is found beside the call that it is about."""
    entry = ENTRIES["app-feedback"]
    (found,) = take(entry["requests"]).feedback

    assert [asdict(found)] == entry["feedback"]
    assert found.kind == "up"


def test_no_feedback_elsewhere() -> None:
    """Nothing else in the corpus is feedback."""
    assert [name for name in READABLE if take(READABLE[name]["requests"]).feedback] == ["app-feedback"]


def test_a_giant_request() -> None:
    """A request of megabytes, such as an exporter sends after an outage, is read to its last call."""
    made = subprocess.run(
        [sys.executable, FOLDER / "giant.py", "4"], capture_output=True, check=True, timeout=60
    )
    promised = int(made.stderr.split()[2])
    spans = [span for span in decode.spans(made.stdout, as_json=False) if span.attributes]

    assert len(made.stdout) >= 4 << 20
    assert promised > 1000
    assert len({span.span_id for span in spans}) == promised
