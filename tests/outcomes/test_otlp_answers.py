"""Answers are what the official messages are."""

from __future__ import annotations

import json
from importlib import import_module

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from registry.outcomes.otlp import answers


def test_all_was_taken_in() -> None:
    """An empty message, or an empty object."""
    assert answers.taken("traces", 0, "", as_json=False) == ExportTraceServiceResponse().SerializeToString()
    assert answers.taken("logs", 0, "", as_json=True) == b"{}"


def test_some_was_left_out() -> None:
    """How many, and why; 64-bit numbers of JSON are text."""
    why = "not ours: é" * 50
    said = ExportTraceServiceResponse.FromString(answers.taken("traces", 70_000, why, as_json=False))
    assert (said.partial_success.rejected_spans, said.partial_success.error_message) == (70_000, why)

    assert json.loads(answers.taken("logs", 3, why, as_json=True)) == {
        "partialSuccess": {"rejectedLogRecords": "3", "errorMessage": why}
    }


def test_a_refusal() -> None:
    """A status with a sentence."""
    status = import_module("google.rpc.status_pb2").Status  # it has no types

    assert status.FromString(answers.refused("send less", as_json=False)).message == "send less"
    assert json.loads(answers.refused("send less", as_json=True)) == {"message": "send less"}
