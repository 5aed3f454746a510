"""The description of the HTTP interface, and the page that shows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from registry.api.docs import evidence, examples, outcome_shapes, review_shapes, shapes, suites
from registry.rollouts.state import State

if TYPE_CHECKING:
    from support import Api

HERE = "/v1/environments/{environment}"
ANSWERS = {  # what to ask for, and the shape of the answer
    "/v1/prompts": "Prompts",
    "/v1/prompts/summarize/versions": "Versions",
    "/v1/prompts/summarize/versions/1.2.0": "Version",
    "/v1/prompts/summarize/versions/2.1.0-rc.1": "Version",
    "/v1/prompts/summarize/diff?from=1.2.0&to=2.0.0": "Diff",
    "/v1/catalog": "CatalogStatus",
    "/v1/doctor": "Examination",
    "/v1/journal": "JournalStatus",
    "/v1/notifications": "Notifications",
    f"{HERE}/releases/summarize": "Release",
    f"{HERE}/releases?names=summarize,support/triage": "Releases",
    f"{HERE}/resolve/summarize?key=u": "Resolved",
    f"{HERE}/resolve/summarize?version=1.0.0": "Resolved",
    f"{HERE}/rollouts": "States",
    f"{HERE}/rollouts/summarize": "State",
    f"{HERE}/rollouts/summarize/history": "History",
    f"{HERE}/history": "History",
    f"{HERE}/guard": "EnvironmentGuard",
    f"{HERE}/clients": "Clients",
    f"{HERE}/evidence/summarize": "Evidence",
    f"{HERE}/usage?by=version": "Usage",
    f"{HERE}/calls": "CallPage",
    f"{HERE}/budgets": "Budgets",
    f"{HERE}/alerts": "Alerts",
    "/livez": "Alive",
    "/readyz": "Health",
}
REPORTS = ("Call", "Claims", "Erased", "Taken")  # compared where calls are reported
OF_SUITES = ("Attested", "Attestations", "Standing")  # compared where results are attested
REVIEWS = tuple(review_shapes.EXAMPLES)  # compared where they are reviewed
PUBLIC = {"GET /livez", "GET /readyz", "POST /v1/webhooks"}


@pytest.fixture
def spec(api: Api) -> Any:
    """The description, as a generator of clients gets it."""
    return api.get("/openapi.json").json


def operations(spec: Any) -> dict[str, Any]:
    """Every operation by method and path."""
    return {
        f"{method.upper()} {path}": told
        for path, methods in spec["paths"].items()
        for method, told in methods.items()
    }


def shape(name: str) -> Any:
    """The shape with a name; a state is its own."""
    modules = (shapes, outcome_shapes, evidence, suites, review_shapes)
    return State if name == "State" else next(found for m in modules if (found := getattr(m, name, None)))


def test_the_page_needs_no_other_host(api: Api) -> None:
    """It works where nothing but the registry can be reached: what it loads, the registry serves."""
    page = api.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"|url: \'([^\']+)\'', page)
    loaded = {one or other for one, other in addresses} - {"data:,"}

    assert loaded == {"docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "openapi.json"}
    assert "//" not in re.sub(r"<!--.*?-->", "", page)
    for address in loaded:
        assert api.get(f"/{address}").status == 200


def test_no_other_site_can_show_a_page_in_a_frame(api: Api) -> None:
    """Its reader would click what they do not see."""
    answer = api.get("/docs")

    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_can_show_the_description(api: Api, spec: Any) -> None:
    """Swagger UI knows OpenAPI 3.1 since its fifth version."""
    bundle = api.get("/docs/swagger-ui-bundle.js")

    assert spec["openapi"].startswith("3.1")
    assert bundle.headers["Content-Type"].startswith("text/javascript")
    assert "oas31" in bundle.text
    assert api.get("/docs/../app.py").status == api.get("/docs/other.js").status == 404


def test_every_operation_reads_well(spec: Any) -> None:
    """It has a title, a sentence, a name that is its own, and a tag that is described."""
    found = operations(spec)
    tags = {tag["name"] for tag in spec["tags"]}
    names = [told["operationId"] for told in found.values()]

    assert len(set(names)) == len(names) == len(found)
    for name, told in found.items():
        assert told["summary"], name
        assert told["description"].endswith("."), name
        assert set(told["tags"]) <= tags, name


def test_every_operation_shows_an_answer_and_its_errors(spec: Any) -> None:
    """Whoever needs a token is told so; an error says which codes it may have."""
    for name, told in operations(spec).items():
        good = [answer for status, answer in told["responses"].items() if status.startswith("2")]
        bad = {status: answer for status, answer in told["responses"].items() if status[0] in "45"}
        assert any(content.get("example") for content in good[0]["content"].values()), name
        assert (name in PUBLIC) or bad.keys() >= {"401", "403"}, name
        assert (name in PUBLIC) == ("security" not in told), name
        assert name.startswith("GET") or "requestBody" not in told or "413" in bad, name
        for status, answer in bad.items():
            if (name, status) != ("GET /readyz", "503"):  # which tells how each part is
                content = answer["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                assert f"`{content['example']['code']}`" in answer["description"], name


def test_every_parameter_can_be_filled_in(spec: Any) -> None:
    """It says what it is; one of the path has an example, and none may be null."""
    for name, told in operations(spec).items():
        for parameter in told.get("parameters", []):
            assert parameter.get("description") or name in PUBLIC, (name, parameter["name"])
            assert parameter["in"] != "path" or parameter["example"], (name, parameter["name"])
            assert "null" not in str(parameter["schema"]), (name, parameter["name"])


def test_every_action_says_which_conflicts_it_has(spec: Any) -> None:
    """Among them that somebody else was faster."""
    actions = {name: told for name, told in operations(spec).items() if "/actions/" in name}

    assert len(actions) == 8
    for told in actions.values():
        assert "`changed`" in told["responses"]["409"]["description"]


@pytest.mark.parametrize("name", examples.OF)
def test_an_example_has_its_shape(name: str) -> None:
    """All keys of it and no others, with values of the right kind."""
    shape(name).model_validate(examples.OF[name])


@pytest.mark.parametrize("path", ANSWERS)
def test_an_answer_has_the_shape_that_is_described(api: Api, environment: str, path: str) -> None:
    """What a registry says with a rollout under way, and what the examples show, has the same keys."""
    target = {"when": [{"attribute": "tenant", "in": ["acme"]}]}
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    start = {
        "version": "1.1.0",
        "steps": [{"percent": 5, "hold": "1h"}, {"percent": 50}],
        "audience": [target],
    }
    done = api.act("start", "summarize", start, environment).json
    answer = api.get(path.format(environment=environment))

    assert answer.status == 200, answer.text
    shapes.Acknowledgement.model_validate(done)
    shape(ANSWERS[path]).model_validate(answer.json)
    assert answer.json.keys() == examples.OF[ANSWERS[path]].keys()


def test_every_described_answer_is_compared(spec: Any) -> None:
    """No shape is left out of the comparison."""
    shown = set(
        re.findall(
            r"#/components/schemas/(\w+)", str([told["responses"] for told in operations(spec).values()])
        )
    )

    elsewhere = {"Problem", "Acknowledgement", "Requested", *REPORTS, *OF_SUITES, *REVIEWS}
    assert shown - elsewhere == set(ANSWERS.values())
