"""``GET /v1/doctor``: why nothing happens, and what helps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from outcomes_in import record
from support import Api, PromptRepository, Valkey, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import Registry


def awaited(api: Api, name: str, status: str) -> dict[str, Any]:
    """The findings, once one of them has that status."""

    def look() -> dict[str, Any] | None:
        found = examine(api)
        return found if found.get(name, {}).get("status") == status else None

    return until(look, f"{name} to be {status}")


def examine(api: Api, prompt: str = "") -> dict[str, Any]:
    """The findings by name."""
    answer = api.get("/v1/doctor" + (f"?prompt={prompt}" if prompt else ""))
    assert answer.status == 200, answer.text
    return {check["name"]: check for check in answer.json["checks"]}


def test_a_registry_that_is_well(api: Api) -> None:
    """Each thing that matters is looked at; a reader may ask."""
    found = examine(api)

    assert {name for name, check in found.items() if check["status"] == "ok"} >= {
        "repository",
        "journal",
        "redis",
        "clients",
        "clock",
    }
    assert "prompts" in found["repository"]["message"]


def test_who_asks_waits_for_no_writer(registry: Registry) -> None:
    """Of the journal it is told what was last seen, and when; so nobody who writes waits for who asks."""
    with registry.journal_held():
        found = examine(registry.api)

    assert found["journal"]["status"] == "ok"
    assert re.search(r"looked at \d+ s ago", found["journal"]["message"])


def test_a_tag_that_makes_no_version(
    serve: Callable[..., Registry], new_repository: PromptRepository
) -> None:
    """It is named, with how one is written; a moved one, too."""
    new_repository.git("tag", "summarize-1.4.0")
    registry = serve(source=new_repository)
    new_repository.git("tag", "--force", "summarize/v1.0.0", "HEAD")

    found = awaited(registry.api, "moved tags", "warning")

    assert "summarize-1.4.0" in found["ignored tags"]["message"]
    assert "summarize/v1.3.0" in found["ignored tags"]["remedy"]
    assert found["moved tags"]["message"].startswith("summarize/v1.0.0: moved")


def test_a_prompt_that_nobody_sees(serve: Callable[..., Registry], new_repository: PromptRepository) -> None:
    """One whose tag is named otherwise, or was not pushed; and one that is in force nowhere."""
    new_repository.git("tag", "welcome-v1.0.0")
    registry = serve(source=new_repository)

    unknown = examine(registry.api, "onboarding/welcome")["onboarding/welcome"]
    unused = examine(registry.api, "support/triage")["support/triage"]

    assert unknown["status"] == "error"
    assert "tags that may be meant: welcome-v1.0.0" in unknown["message"]
    assert "git ls-remote --tags origin 'onboarding/welcome/v*'" in unknown["remedy"]
    assert unused["message"] == "1.0.0 is in force nowhere: a tag alone does not release it"
    assert unused["remedy"] == "promptstage promote support/triage 1.0.0"


def test_a_repository_that_cannot_be_read(
    serve: Callable[..., Registry], new_repository: PromptRepository
) -> None:
    """What is here stays, and why nothing comes is told."""
    registry = serve(source=new_repository)
    (new_repository.path / ".git").rename(new_repository.path / "gone")

    found = awaited(registry.api, "repository", "error")

    assert found["repository"]["message"].startswith("it cannot be read: ")


def test_a_redis_that_is_gone(serve: Callable[..., Registry], valkey: Valkey) -> None:
    """The journal goes on."""
    registry = serve(redis_url=valkey.url)
    valkey.kill()

    found = awaited(registry.api, "redis", "error")

    assert "PROMPTSTAGE_REDIS_URL" in found["redis"]["remedy"]
    assert found["journal"]["status"] == "ok"


def test_a_prompt_and_where_it_is_in_force(api: Api, environment: str) -> None:
    """And which of its versions cannot be served."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)

    found = examine(api, "summarize")

    assert found[environment]["message"] == "1.0.0 is stable"
    assert found["summarize@2.1.0-rc.1"]["status"] == "warning"


def test_a_limited_token_sees_its_environments_only(api: Api, registry: Registry, environment: str) -> None:
    """What is in force elsewhere is none of its business."""
    wish = {"name": "limited", "role": "reader", "environments": [environment]}
    secret = api.call("POST", "/v1/tokens", wish).json["secret"]

    for place in (environment, "staging"):
        api.act("promote", "summarize", {"version": "1.0.0"}, place)

    found = examine(Api(registry.url, secret), "summarize")

    assert environment in found
    assert "staging" not in found


def test_calls_without_a_cost(serve: Callable[..., Registry]) -> None:
    """Their models are named; a registry of which nothing was reported says nothing of it."""
    registry = serve()
    assert "prices" not in examine(registry.api)
    body = {"batch": str(uuid4()), "calls": [record(), record(cost_usd=None, model="ours")]}
    assert registry.api.call("POST", "/v1/environments/production/calls", body).status == 200
    found = awaited(registry.api, "prices", "warning")["prices"]

    assert found["message"] == "1 of 2 calls since yesterday have no known cost: ours (1)"
    assert "PROMPTSTAGE_PRICES" in found["remedy"]
