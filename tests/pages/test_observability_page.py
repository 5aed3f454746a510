"""docs/observability.md: the environment variables are what a real exporter reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector
from opentelemetry.util.re import parse_env_headers
from pages.markdown import blocks

if TYPE_CHECKING:
    import pytest


def test_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """They give the endpoint of traces, the header of a token, and the environment."""
    (block,) = blocks("docs/observability.md", "text")
    for line in block.text.splitlines():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    headers = parse_env_headers(os.environ["OTEL_EXPORTER_OTLP_HEADERS"], liberal=True)

    assert OTLPSpanExporter()._endpoint == "https://prompts.example.org/v1/traces"
    assert headers == {"authorization": "Bearer ps_..."}
    attributes = OTELResourceDetector().detect().attributes
    assert attributes["deployment.environment.name"] == "production"
