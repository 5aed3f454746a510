"""Langfuse's API for reading prompts: what its clients ask for, in their words, and bad input."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from protocols.langfuse_prompts import CONFIG, RICH, TEXT
from support import PromptRepository, Registry, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Answer, Api

PROMPTS = "/api/public/v2/prompts"
SECTIONS = 'template: mustache\nmessages: [{role: user, content: "{{#a}}x{{/a}}"}]\n'
LITERAL = 'messages: [{role: user, content: "Write {{#if}} or \\\\{{x}}"}]\n'
THREE = 'messages: [{role: user, content: "{{{name}}}"}]\n'
ENVIRONMENTS = ("prod", "dev", *(f"other-{i}" for i in range(20)))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> PromptRepository:
    """Prompts of every kind."""
    made = PromptRepository(tmp_path_factory.mktemp("langfuse") / "repository")
    for version in ("0.0.0", "1.0.0", "1.1.0", "1.2.0", "2.0.0-rc.1"):
        made.tag("summarize", version)
    for name, content in {"rich": RICH, "text": TEXT, "sections": SECTIONS, "literal": LITERAL}.items():
        made.tag(f"kinds/{name}", "1.0.0", content)
    made.tag("kinds/three", "1.0.0", THREE)
    made.tag("broken", "1.0.0")
    made.tag("broken", "1.1.0", "messages: [\n")
    return made


@pytest.fixture(scope="module")
def registry(repository: PromptRepository, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without an environment of the name `production`."""
    folder = tmp_path_factory.mktemp("registry")
    config = folder / "rules.toml"
    config.write_text("[protocols]\nlangfuse = true\n")
    made = Registry(repository.path, folder / "data", environments=",".join(ENVIRONMENTS), config=str(config))
    for name in ("summarize", "kinds/rich", "kinds/text"):
        assert made.api.act("promote", name, {"version": "1.0.0"}, "prod").status == 200
    yield made
    assert made.stop() == 0, made.log


@pytest.fixture(scope="module")
def free() -> Iterator[str]:
    """Environments in which nothing is in force yet."""
    return iter(ENVIRONMENTS[2:])


@pytest.fixture
def environment(free: Iterator[str]) -> str:
    """One of them."""
    return next(free)


def ask(api: Api, path: str, public_key: str = "pk-1", secret_key: str = "", **headers: str) -> Answer:
    """Read as Langfuse's clients do."""
    pair = b64encode(f"{public_key}:{secret_key or api.token}".encode()).decode()
    return api.get(path, Authorization=f"Basic {pair}", **headers)


def get(api: Api, question: str, **more: str) -> Any:
    """Read one prompt."""
    answer = ask(api, f"{PROMPTS}/{question}", **more)
    assert answer.status == 200, answer.text
    return answer.json


def reader(api: Api, name: str, *environments: str) -> Any:
    """Make a token: its id, and secret."""
    body = {"name": name, "role": "reader", "environments": list(environments) or None}
    answer = api.call("POST", "/v1/tokens", body)
    assert answer.status == 201, answer.text
    return answer.json


def test_a_prompt_has_all_that_clients_read(api: Api) -> None:
    """Config is what LiteLLM may take as parameters of a call; where it is from stands beside it."""
    found = get(api, "kinds%2Frich?label=prod")

    about = found.pop("promptstage")
    assert found == {
        "name": "kinds/rich",
        "version": 1_000_000,
        "type": "chat",
        "prompt": [
            {"role": "system", "content": "Answer {{name}}."},
            {"type": "placeholder", "name": "history"},
            {"role": "user", "content": "{{text}}"},
        ],
        "config": CONFIG,
        "labels": ["prod", "latest"],
        "tags": ["support", "beta"],
        "resolutionGraph": None,
    }
    assert (about["version"], about["environment"], about["arm"]) == ("1.0.0", "prod", "stable")


def test_a_text_stays_a_text(api: Api) -> None:
    """An app that got a text from Langfuse would not know what to do with a list."""
    found = get(api, "kinds/text?label=prod")

    assert (found["type"], found["prompt"]) == ("text", "Hi {{name}}")


# As clients sent them to a recorder: Langfuse's for Python 3.15, 4.18 and 5.0, and for JavaScript 5.11.
RECORDED = [
    f"{PROMPTS}/kinds%2Frich?label=prod",
    f"{PROMPTS}/kinds%2Frich?label=prod&resolve=true",
    f"{PROMPTS}/kinds%2Frich?version=1000000",
    f"{PROMPTS}/kinds%2Frich?version=1000000&resolve=false",
]


@pytest.mark.parametrize("path", RECORDED)
def test_what_clients_send_is_understood(path: str, api: Api) -> None:
    """With their headers; asked again, the answer is the same, to the byte."""
    headers = {
        "X_Langfuse_Sdk_Name": "python",
        "X_Langfuse_Sdk_Version": "5.0.4",
        "X_Langfuse_Public_Key": "pk-1",
        "X_Fern_Language": "Python",
    }
    first, again = (ask(api, path, **headers) for _ in range(2))

    assert first.status == 200, first.text
    assert (again.text, again.headers["content-type"]) == (first.text, "application/json")


@pytest.mark.parametrize(
    ("question", "status", "said"),
    [
        ("summarize?version=1000000&label=prod", 400, "exclude each other"),
        ("summarize", 404, "there is no environment 'production'; there are prod, dev"),
        ("summarize?label=nope", 404, "there is no environment 'nope'"),
        ("summarize?label=dev", 404, "has no release in dev yet; promote"),
        ("summarize?version=7", 404, "has no version '0.0.7'; it has"),
        ("summarize?version=-1", 404, "1002000 is version 1.2.0"),
        ("summarize?version=9223372036854775808", 404, "1002000 is version 1.2.0"),
        ("summarize?version=1000000000", 404, "1002000 is version 1.2.0"),
        ("summarize?version=1.5", 400, "write an integer"),
        ("summarize?version=1e3", 400, "write an integer"),
        ("summarize?version=%D9%A1", 400, "write an integer"),
        ("summarise?label=prod", 404, "did you mean summarize?"),
        ("..%2Fsummarize?label=prod", 404, "there is no prompt '../summarize'"),
        ("..%2F..%2F..%2Fetc%2Fpasswd?label=prod", 404, "there is no prompt"),
        ("%00?label=prod", 404, "there is no prompt"),
        ("%ED%A0%80?label=prod", 404, "there is no prompt"),
        ("kinds%2Fsections?version=1000000", 400, "has sections, which this protocol cannot carry"),
        ("kinds%2Fliteral?label=latest", 400, "braces that stand for themselves"),
        ("kinds%2Fthree?version=1000000", 400, "a brace directly before a placeholder"),
        ("broken?version=1001000", 400, "broken@1.1.0 is invalid"),
        ("?page=0", 400, "page: Input should be greater than or equal to 1"),
        ("?limit=0", 400, "limit: Input should be greater than or equal to 1"),
        ("?limit=101", 400, "limit: Input should be less than or equal to 100"),
        ("?limit=many", 400, "limit: Input should be a valid integer"),
        ("?fromUpdatedAt=yesterday", 400, "write a time with its zone"),
        ("?filter=%5B%5D", 400, "filter is not known here"),
    ],
)
def test_bad_questions_are_refused_in_langfuses_words(
    question: str, status: int, said: str, api: Api
) -> None:
    """Its clients raise the error of that class; what is wrong, and what helps, stands in the message."""
    path = f"{PROMPTS}{question}" if question.startswith("?") else f"{PROMPTS}/{question}"

    answer = ask(api, path)

    assert answer.status == status, answer.text
    assert answer.json["error"] == {400: "InvalidRequestError", 404: "LangfuseNotFoundError"}[status]
    assert said in answer.json["message"]


@pytest.mark.parametrize(
    ("version", "label"), [("0.0.0", "version=0"), ("1.0.0", "label=latest"), ("1.2.0", "label=latest")]
)
def test_the_odd_ones_are_served(version: str, label: str, api: Api) -> None:
    """A version 0, and the newest that is valid."""
    name = "broken" if (version, label) == ("1.0.0", "label=latest") else "summarize"

    about = get(api, f"{name}?{label}")["promptstage"]

    assert (about["version"], about["environment"], about["reason"]) == (version, None, "PINNED")


def test_a_version_without_an_integer_is_served(api: Api, environment: str) -> None:
    """A pre-release is in force all the same; 0 is what Langfuse's clients call a version that is none."""
    api.act("promote", "summarize", {"version": "2.0.0-rc.1"}, environment)

    found = get(api, f"summarize?label={environment}")

    assert (found["version"], found["promptstage"]["version"]) == (0, "2.0.0-rc.1")


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        (
            "POST",
            PROMPTS,
            {"name": "summarize", "prompt": "x", "labels": ["dev"]},
            "promptstage tag summarize --push && promptstage promote summarize latest -e dev",
        ),
        ("POST", PROMPTS, {"name": "../x"}, "promptstage tag PROMPT --push"),
        ("POST", PROMPTS, [], "promptstage tag PROMPT --push"),
        (
            "PATCH",
            f"{PROMPTS}/kinds%2Frich/versions/1000000",
            {"newLabels": ["prod", "dev", "blue"]},
            "promptstage promote kinds/rich 1.0.0 -e prod && promptstage promote kinds/rich 1.0.0 -e dev",
        ),
        ("PATCH", f"{PROMPTS}/summarize/versions/x", b"{", "promptstage promote summarize VERSION -e prod"),
        ("DELETE", f"{PROMPTS}/summarize?label=dev", None, "promptstage rollback summarize -e dev"),
    ],
)
def test_changes_are_refused_with_the_command(
    method: str, path: str, body: object, said: str, api: Api
) -> None:
    """A version is made in git, and put in force by a release manager."""
    answer = api.call(method, path, body)

    assert (answer.status, answer.json["error"]) == (405, "MethodNotAllowedError")
    assert said in answer.json["message"]


def test_the_rest_of_langfuses_api_is_elsewhere(api: Api) -> None:
    """A client that traces would send its spans here, too."""
    answer = ask(api, "/api/public/traces")

    assert (answer.status, answer.json["error"]) == (404, "LangfuseNotFoundError")
    assert "tracing_enabled=False" in answer.json["message"]


def test_a_secret_key_is_a_token(api: Api) -> None:
    """Of this registry, and one that may read there; its health is for everybody."""
    wrong = ask(api, f"{PROMPTS}/summarize?label=prod", secret_key="sk-lf-1")
    none = api.get(f"{PROMPTS}/summarize?label=prod", Authorization="Basic !")
    token = reader(api, "only dev", "dev")["secret"]

    assert [(answer.status, answer.json["error"]) for answer in (wrong, none)] == [
        (401, "UnauthorizedError")
    ] * 2
    assert "secret key must be a token of this registry" in wrong.json["message"]
    assert ask(api, f"{PROMPTS}/summarize?label=prod", secret_key=token).json == {
        "message": "the token 'only dev' is for dev only",
        "error": "ForbiddenError",
    }
    assert api.get("/api/public/health", Authorization="").json["status"] == "OK"


def test_a_token_of_one_environment_needs_no_label(api: Api, environment: str) -> None:
    """It can mean no other; and it sees no label but its own."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    token = reader(api, f"for {environment}", environment)["secret"]

    assert get(api, "summarize", secret_key=token)["labels"] == [environment]


def test_a_rollout_keeps_a_key_pair_on_one_version(api: Api, environment: str) -> None:
    """A share of the public keys gets the candidate, for as long as the rollout lasts."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "steps": [{"percent": 50}]}, environment)
    keys = [f"pk-{number}" for number in range(40)]

    once, again = (
        [get(api, f"summarize?label={environment}", public_key=key)["version"] for key in keys]
        for _ in range(2)
    )

    assert once == again
    assert set(once) == {1_000_000, 1_001_000}
    expected = [
        api.get(f"/v1/environments/{environment}/resolve/summarize?key={key}").json["version"] for key in keys
    ]
    assert [f"1.{number // 1000 % 1000}.0" for number in once] == expected


def test_an_audience_may_name_public_keys(api: Api, environment: str) -> None:
    """So that the apps that try a candidate first are chosen, not drawn."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    audience = [{"when": [{"attribute": "public_key", "in": ["pk-first"]}]}]
    body = {"version": "1.1.0", "steps": [{"percent": 0}], "audience": audience}
    assert api.act("start", "summarize", body, environment).status == 200

    versions = {
        key: get(api, f"summarize?label={environment}", public_key=key)["version"]
        for key in ("pk-first", "pk-other")
    }

    assert versions == {"pk-first": 1_001_000, "pk-other": 1_000_000}


def test_an_answer_is_kept_until_something_changes(
    api: Api, environment: str, repository: PromptRepository
) -> None:
    """What changes it: a release, also elsewhere; a new version; the end of a token."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    token = reader(api, f"kept {environment}")
    question = f"summarize?label={environment}"

    def seen() -> tuple[int, bool]:
        found = [get(api, question, secret_key=token["secret"]) for _ in range(3)]
        assert found[0] == found[1] == found[2]
        return found[0]["version"], "dev" in found[0]["labels"]

    assert seen() == (1_000_000, False)
    api.act("promote", "summarize", {"version": "1.1.0"}, environment)
    assert seen() == (1_001_000, False)
    api.act("promote", "summarize", {"version": "1.1.0"}, "dev")
    assert seen() == (1_001_000, True)
    repository.tag("summarize", "1.3.0")
    until(lambda: get(api, "summarize?label=latest")["version"] == 1_003_000, "the new version")
    assert api.call("DELETE", f"/v1/tokens/{token['id']}").status == 200
    assert ask(api, f"{PROMPTS}/{question}", secret_key=token["secret"]).status == 401


def test_who_asks_ever_again_is_answered(api: Api) -> None:
    """A client that gets a 429 makes it worse, so there is none."""
    assert {ask(api, f"{PROMPTS}/summarize?label=prod").status for _ in range(300)} == {200}


def listed(api: Api, query: str) -> Any:
    """Read a page of the list."""
    answer = ask(api, f"{PROMPTS}?{query}")
    assert answer.status == 200, answer.text
    return answer.json


def test_prompts_are_listed_page_by_page(api: Api) -> None:
    """With what a picker shows."""
    pages = [listed(api, f"limit=4&page={page}") for page in (1, 2, 3)]

    names = [row["name"] for page in pages for row in page["data"]]
    assert names == sorted(
        {"broken", "summarize", *(f"kinds/{k}" for k in ("literal", "rich", "sections", "text", "three"))}
    )
    assert pages[0]["meta"] == {"page": 1, "limit": 4, "totalItems": 7, "totalPages": 2}
    (rich,) = listed(api, "name=kinds%2Frich")["data"]
    assert rich.pop("lastUpdatedAt")
    assert rich == {
        "name": "kinds/rich",
        "type": "chat",
        "versions": [1_000_000],
        "labels": ["prod", "latest"],
        "tags": ["support", "beta"],
        "lastConfig": CONFIG,
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("label=prod", ["kinds/rich", "kinds/text", "summarize"]),
        ("label=nope", []),
        ("tag=beta", ["kinds/rich"]),
        ("tag=beta&label=dev", []),
        ("name=nope", []),
        ("version=0", ["summarize"]),
        ("version=1001000", ["summarize"]),
        ("fromUpdatedAt=2020-01-01T00:00:00Z&name=broken", ["broken"]),
        ("fromUpdatedAt=2999-01-01T00:00:00Z", []),
        ("toUpdatedAt=2020-01-01T00:00:00Z", []),
        ("page=1000000000000000000000", []),
    ],
)
def test_the_list_is_filtered(query: str, names: list[str], api: Api) -> None:
    """By what versions are: the rest of a prompt's versions is left out."""
    assert [row["name"] for row in listed(api, query)["data"]] == names
