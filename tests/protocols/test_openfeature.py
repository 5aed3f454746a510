"""OpenFeature's own Python provider, unmodified, at a real registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openfeature import api as openfeature
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openfeature.client import OpenFeatureClient
    from support import Api

DEFAULT: dict[str, Any] = {"document": None}


@pytest.fixture
def provider(api: Api, environment: str) -> Iterator[Callable[[str], OpenFeatureClient]]:
    """Connects as an app does; the base URL chooses the environment."""

    def connect(token: str = api.token) -> OpenFeatureClient:
        url = f"{api.url}/v1/environments/{environment}"
        headers = {"Authorization": f"Bearer {token}"}
        openfeature.set_provider(OFREPProvider(url, headers_factory=lambda: headers), environment)
        return openfeature.get_client(environment)

    yield connect
    openfeature.shutdown()


def test_a_prompt_is_an_object(api: Api, environment: str, provider: Callable[[], OpenFeatureClient]) -> None:
    """Its document, and all that tells which version it is."""
    assert api.act("promote", "support/triage", {"version": "1.0.0"}, environment).status == 200

    found = provider().get_object_details("support/triage", DEFAULT, EvaluationContext("user-1"))

    assert isinstance(found.value, dict)
    assert found.value["document"]["messages"][0]["content"] == "support/triage 1.0.0: {{text}}"
    assert (found.reason, found.variant, found.flag_metadata["version"]) == (Reason.STATIC, "stable", "1.0.0")
