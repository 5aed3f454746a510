"""OpenFeature's own Python provider, unmodified, at a real registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openfeature import api as openfeature
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from promptstage.evaluation import decide
from promptstage.model import parse_release

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


def test_a_user_stays_on_the_arm_of_our_own_client(
    api: Api, environment: str, provider: Callable[[], OpenFeatureClient]
) -> None:
    """By the targeting key; the rest of the context is compared with the audience."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    audience = [{"when": [{"attribute": "tenant", "in": ["acme"]}]}]
    steps = [{"percent": 20}, {"percent": 100}]
    started = {"version": "1.1.0", "steps": steps, "audience": audience}
    assert api.act("start", "summarize", started, environment).status == 200
    release = parse_release(api.get(f"/v1/environments/{environment}/releases/summarize").json)
    app = provider()

    for key in (f"user-{number}" for number in range(100)):
        found = app.get_object_details("summarize", DEFAULT, EvaluationContext(key))
        decision = decide(release, key)
        assert (found.variant, found.flag_metadata["version"]) == (decision.arm, decision.version)
        assert found.reason == Reason.SPLIT
    targeted = app.get_object_details("summarize", DEFAULT, EvaluationContext("u1", {"tenant": "acme"}))
    assert (targeted.variant, targeted.reason) == ("canary", Reason.TARGETING_MATCH)


def test_an_app_gets_its_default_and_the_reason(
    api: Api, environment: str, provider: Callable[..., OpenFeatureClient]
) -> None:
    """It never fails."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "plan": "fast"}, environment)
    user = EvaluationContext("user-1")
    app = provider()

    found = [
        app.get_object_details("summarize", DEFAULT),
        app.get_object_details("summarize", DEFAULT, EvaluationContext("")),
        app.get_object_details("unknown", DEFAULT, user),
        app.get_object_details("../summarize", DEFAULT, user),
        app.get_string_details("summarize", "default", user),
        provider("ps_" + "x" * 43).get_object_details("summarize", DEFAULT, user),
    ]

    assert [one.error_code for one in found] == [
        ErrorCode.TARGETING_KEY_MISSING,
        ErrorCode.TARGETING_KEY_MISSING,
        ErrorCode.FLAG_NOT_FOUND,
        ErrorCode.FLAG_NOT_FOUND,
        ErrorCode.TYPE_MISMATCH,
        ErrorCode.GENERAL,
    ]
    assert all(one.value in (DEFAULT, "default") for one in found)
