"""Prompts of LangSmith: manifests that LangChain wrote, and what the SDK says of commits."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hosted_dumps import HISTORY, refusals, rendered, texts, vector, versions

from registry.importers.langsmith import read

MADE = vector("langchain.json")
SECTIONS = MADE["prompts"]["mustache_sections"]["manifest"]
CHAT = MADE["prompts"]["chat"]["manifest"]


def commit(number: int = 1, manifest: Any = None, **more: Any) -> dict[str, Any]:
    """What `pull_prompt_commit` and `list_prompt_commits` of the SDK give of one, together."""
    return {
        "owner": "-",
        "repo": "triage",
        "commit_hash": f"{number:064x}",
        "parent_commit_hash": f"{number - 1:064x}" if number > 1 else None,
        "created_at": f"2025-03-01T10:{number // 60:02}:{number % 60:02}.5+00:00",
        "manifest": manifest or said(f"Version {number} for {{name}}"),
        "examples": [],
        "description": None,
        **more,
    }


def said(text: str, language: str = "f-string") -> dict[str, Any]:
    """A manifest of one message of a system, as LangChain writes it."""
    manifest = copy.deepcopy(MADE["prompts"]["model"]["manifest"]["kwargs"]["first"])
    prompt = manifest["kwargs"]["messages"][0]["kwargs"]["prompt"]["kwargs"]
    prompt |= {"template": text, "template_format": language}
    return dict(manifest)


def test_a_history_of_200_commits() -> None:
    """By their times, with authors and tags; lists and commits may be apart, as the API has them."""
    commits = [
        commit(number, description=f"change {number}", full_name="Ada L") for number in range(1, HISTORY + 1)
    ]
    lists = [{key: each[key] for key in each if key not in {"manifest", "examples"}} for each in commits]
    pulled = [{key: each[key] for key in ("owner", "repo", "commit_hash", "manifest")} for each in commits]
    repo = {"repo_handle": "triage", "owner": None, "description": "Sort mails", "tags": ["mail"]}
    tag = {"repo": "triage", "tag_name": "prod", "commit_hash": f"{9:064x}"}

    found = versions(read, repo, tag, {"commits": lists[::-1], "total": HISTORY}, *pulled)
    assert [each.number for each in found] == [each["commit_hash"] for each in commits]
    assert [texts(each) for each in found] == [
        [f"Version {n} for {{{{name}}}}"] for n in range(1, HISTORY + 1)
    ]
    assert [each.labels for each in found if each.labels] == [("prod",)]
    ninth = found[8]
    assert (ninth.author, ninth.message, str(ninth.at)) == (
        "Ada L",
        "change 9",
        "2025-03-01 10:00:09.500000+00:00",
    )
    assert (ninth.document["description"], ninth.document["metadata"]) == ("Sort mails", {"tags": ["mail"]})


@pytest.mark.parametrize("name", [name for name in MADE["prompts"] if name not in {"calls", "jinja_logic"}])
def test_a_prompt_renders_as_with_langchain(name: str) -> None:
    """The messages that LangChain itself made of the same values."""
    (found,) = versions(read, commit(1, MADE["prompts"][name]["manifest"]))

    assert rendered(found, MADE["values"]) == MADE["prompts"][name]["rendered"]


@pytest.mark.parametrize(("name", "why"), [("calls", "calls of tools"), ("jinja_logic", "logic of Jinja2")])
def test_what_a_message_here_cannot_hold_is_refused(name: str, why: str) -> None:
    """By name."""
    (refused,) = refusals(read, commit(1, MADE["prompts"][name]["manifest"]))

    assert why in refused.why


def test_the_model_behind_a_prompt() -> None:
    """Its provider, name and parameters, without what is about the connection; and the tools bound to it."""
    (found,) = versions(read, commit(1, MADE["prompts"]["tools"]["manifest"]))
    (anthropic,) = versions(read, commit(1, MADE["prompts"]["anthropic"]["manifest"]))

    assert found.document["model"] == "openai/gpt-5.4-mini"
    assert found.document["modelParameters"] == {"maxTokens": 300, "stop": ["END"]}
    assert found.document["toolChoice"] == {"type": "function", "function": {"name": "find_order"}}
    assert found.document["tools"][0]["function"]["parameters"]["required"] == ["number"]
    assert anthropic.document["model"] == "anthropic/claude-sonnet-4-5"
    assert anthropic.document["modelParameters"] == {"maxTokens": 100}
    assert found.left_out == anthropic.left_out == ()


def test_what_is_not_known_of_a_model_is_named() -> None:
    """Its name, where LangChain has a default; its provider; and a step that is no model."""

    def behind(kind: str, **kwargs: Any) -> Any:
        manifest = copy.deepcopy(MADE["prompts"]["model"]["manifest"])
        manifest["kwargs"]["last"] |= {"id": ["langchain", "x", kind], "kwargs": kwargs}
        (found,) = versions(read, commit(1, manifest))
        return found

    unnamed, strange, parser = (
        behind(
            "ChatOpenAI",
            temperature=0.0,
            openai_api_key={"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]},
        ),
        behind("ChatNew", model="new-1", top_k=3),
        behind("StrOutputParser"),
    )
    assert "model" not in unnamed.document
    assert unnamed.document["modelParameters"] == {"temperature": 0.0}
    assert "the model, as ChatOpenAI names none" in unnamed.left_out[0]
    assert (strange.document["model"], strange.document["modelParameters"]) == ("new-1", {"topK": 3})
    assert strange.left_out == ("the provider of new-1, as ChatNew is not known",)
    assert parser.left_out == ("the step StrOutputParser, which is no model",)


@pytest.mark.parametrize("name", ["schema", "schema_model"])
def test_the_schema_of_the_answer(name: str) -> None:
    """As `StructuredPrompt` has it, or as it is bound to the model."""
    (found,) = versions(read, commit(1, MADE["prompts"][name]["manifest"]))

    assert found.document["responseFormat"] == "json_schema"
    assert "properties" in str(found.document["jsonSchema"])


def test_mustache_without_sections_is_portable() -> None:
    """The escaping of HTML is what is not carried over."""
    plain, sections = (
        versions(read, commit(1, MADE["prompts"][name]["manifest"]))[0]
        for name in ("mustache_plain", "mustache_sections")
    )

    assert "template" not in plain.document
    assert sections.document["template"] == "mustache"
    assert "escaping of HTML" in plain.left_out[0]
    assert texts(sections)[0] == SECTIONS["kwargs"]["messages"][0]["kwargs"]["prompt"]["kwargs"]["template"]


def test_what_is_beside_a_message_is_named() -> None:
    """The name of a person, and the parser of the answer."""
    manifest = changed("manifest", {})
    manifest["kwargs"] |= {"output_parser": {"lc": 1}}
    manifest["kwargs"]["messages"][0]["kwargs"]["name"] = "Ada"
    (found,) = versions(read, commit(1, manifest))

    assert found.left_out == (
        "the name of who says a message, beside the role",
        "the parser of the answer, which is the app's part",
    )


def test_values_that_a_prompt_has_become_defaults() -> None:
    """An app may still give others."""
    (found,) = versions(read, commit(1, MADE["prompts"]["text"]["manifest"]))

    assert found.document["variables"] == [{"name": "text"}, {"name": "language", "default": "Finnish"}]
    assert rendered(found, {"text": "a", "language": "Sami"})[0]["content"] == "Translate a to Sami"


def test_commits_without_times_are_ordered_by_their_parents() -> None:
    """And refused where neither says which is older."""
    chain = [commit(number, created_at=None) for number in (3, 1, 2)]
    assert [int(str(each.number), 16) for each in versions(read, *chain)] == [1, 2, 3]

    (refused,) = refusals(read, *(each | {"parent_commit_hash": None} for each in chain))
    assert "which of its commits are older is not in the dump" in refused.why


def test_two_owners_of_one_name_are_told_apart() -> None:
    """By their names; without that, the owner is no part of it."""
    found = versions(read, commit(1, owner="acme"), commit(2, owner="other"))

    assert [each.name for each in found] == ["acme/triage", "other/triage"]
    assert [each.name for each in versions(read, commit(1, owner="acme"))] == ["triage"]


def nested(depth: int) -> dict[str, Any]:
    """A manifest of sequences within each other."""
    manifest = CHAT
    for _ in range(depth):
        kwargs = {"first": manifest, "last": manifest}
        manifest = {"lc": 1, "type": "constructor", "id": ["x", "RunnableSequence"], "kwargs": kwargs}
    return dict(manifest)


def changed(place: str, value: Any) -> dict[str, Any]:
    """A manifest with another value in it."""
    manifest = said("Hi")
    message = manifest["kwargs"]["messages"][0]
    {"manifest": manifest, "message": message, "prompt": message["kwargs"]["prompt"]["kwargs"]}[place].update(
        value
    )
    return manifest


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (commit(1, manifest=7), "not as LangChain writes one"),
        (
            commit(1, manifest={"lc": 1, "type": "not_implemented", "id": ["x"]}),
            "not as LangChain writes one",
        ),
        (commit(1, said("{x.y}")), "looks into a value"),
        (commit(1, said("x", "handlebars")), "its template language is handlebars"),
        (
            commit(1, changed("manifest", {"id": ["langchain", "agents", "Agent"]})),
            "it is a Agent, and no prompt",
        ),
        (commit(1, changed("manifest", {"kwargs": {"messages": []}})), "no messages"),
        (commit(1, changed("message", {"id": ["x", "FewShotChatMessagePromptTemplate"]})), "FewShot"),
        (commit(1, changed("message", {"kwargs": {"content": 7}})), "neither a text nor a list"),
        (commit(1, changed("message", {"kwargs": {"prompt": []}})), "is empty"),
        (commit(1, changed("prompt", {"template": None})), "has no counterpart"),
        (
            commit(
                1, changed("message", {"kwargs": {"additional_kwargs": {"function_call": {"name": "f"}}}})
            ),
            "calls",
        ),
        ({key: each for key, each in commit().items() if key != "manifest"}, "manifest is not in the dump"),
        (commit(1, commit_hash=None), "has no commit_hash"),
        (commit(1, repo=None), "has no repo"),
        (commit(1, repo="../x"), "makes no prompt's name here"),
        (commit(1, nested(9)), "no prompt"),
    ],
)
def test_wrong_manifests_are_named(wrong: Any, why: str) -> None:
    """Nothing of them is taken, and no class of LangChain's is made."""
    assert why in refusals(read, wrong)[-1].why
