"""Attestations over HTTP: what is taken, what is refused, and what is shown of a version."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from attested import REPORT, Holder, digest, failed, file, result, tag
from support import PromptRepository, Registry

from registry.api.docs import suites
from registry.journal.maintenance.verify import verify
from registry.suites.attestation import MAX_IDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Answer, Api

SENT = result("summarize", "1.1.0", "1.0.0")
LIST = "/v1/prompts/summarize/versions/1.1.0/attestations"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of two versions."""
    folder = tmp_path_factory.mktemp("attestations")
    repository = PromptRepository(folder / "repository")
    for version in ("1.0.0", "1.1.0"):
        tag(repository, version, "summarize")
    shared = Registry(repository.path, folder / "data")
    yield shared
    assert shared.stop() == 0, shared.log
    assert verify(shared.data).problems == ()


@pytest.fixture
def api(registry: Registry) -> Api:
    """With its admin's token."""
    return registry.api


@pytest.fixture
def ci(api: Api) -> Iterator[Holder]:
    """An attester."""
    with closing(Holder(api, "attest")) as one:
        yield one


def test_an_attestation_has_the_shape_that_is_described(api: Api, ci: Holder) -> None:
    """The answer, and the list of the version whose digest it names."""
    answer = ci.attest(SENT)
    (kept, *_) = listed = api.get(LIST).json["data"]

    assert answer.status == 201
    suites.Attested.model_validate(answer.json)
    suites.Attestations.model_validate({"data": listed})
    assert answer.json.keys() == suites.ATTESTED.keys()
    assert kept.keys() == suites.KEPT.keys()
    assert kept == answer.json["attestation"]
    assert (kept["by"], kept["seq"], kept["judge"]) == (ci.name, answer.json["seq"], None)


def test_the_newest_of_an_attester_is_shown(api: Api, ci: Holder) -> None:
    """Twice the same result is one more change, and one attestation."""
    first, second = ci.attest(SENT), ci.attest(SENT)
    own = [one for one in api.get(LIST).json["data"] if one["by"] == ci.name]

    assert second.json["seq"] > first.json["seq"]
    assert [one["seq"] for one in own] == [second.json["seq"]]


def test_another_suite_is_another_attestation(api: Api, ci: Holder) -> None:
    """Newest first."""
    seqs = [ci.attest(SENT | said).json["seq"] for said in ({}, {"suite": REPORT}, {"against": None})]
    own = [one["seq"] for one in api.get(LIST).json["data"] if one["by"] == ci.name]

    assert own == seqs[::-1]


def test_a_repeat_with_a_key_changes_nothing(ci: Holder) -> None:
    """With another result it is refused."""
    first, again = (ci.attest(SENT, Idempotency_Key="run-1") for _ in range(2))
    other = ci.attest(failed("summarize", "1.1.0", "1.0.0"), Idempotency_Key="run-1")

    assert again.json == first.json
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")


def test_a_digest_may_come_before_its_tag(api: Api, ci: Holder) -> None:
    """That of a prompt nobody has tagged yet, too; it shows what it is of when the tag is there."""
    new = result("not/yet/tagged", "1.0.0", None)

    assert ci.attest(new).status == 201
    assert ci.attest(result("summarize", "9.9.9", "1.0.0")).status == 201
    assert digest(file("9.9.9")) not in api.get(LIST).text


@pytest.mark.parametrize("capabilities", [["reader"], ["releaser"], ["app", "judge", "review"]])
def test_a_lesser_token_attests_nothing(api: Api, capabilities: list[str]) -> None:
    """It is told what it lacks, and may read what others attested."""
    with closing(Holder(api, *capabilities)) as lesser:
        refused = lesser.attest(SENT)
        read = lesser.get(LIST)

    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert "this needs the role attest" in refused.json["detail"]
    assert read.status == 200


def test_a_revoked_token_attests_nothing(api: Api, ci: Holder) -> None:
    """What it attested stays."""
    ci.attest(SENT)
    assert api.call("DELETE", ci.path).status == 200

    assert ci.attest(SENT).status == 401
    assert any(one["by"] == ci.name for one in api.get(LIST).json["data"])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"digest": "sha256:abc"}, "digest: write sha256: and 64 hexadecimal digits"),
        ({"prompt": "../etc/passwd"}, "prompt: '../etc/passwd' is no prompt's name"),
        ({"against": "stable"}, "against: 'stable' is no version"),
        ({"result": "passed", "passed": 3}, "passed: 3 of 2 cases cannot have passed"),
        ({"regressed": ["late-parcel"]}, "result: a suite with regressed cases failed"),
        ({"flaky": [f"case-{i}" for i in range(MAX_IDS + 1)]}, f"at most {MAX_IDS} items"),
        ({"flaky": ["x" * 100_000]}, "at most 200 characters"),
        ({"model": "a\u202eb"}, "model: write one line of visible text"),
        ({"at": "2999-01-01T00:00:00Z"}, "at: this key is not known here; remove it"),
        ({"by": "ci"}, "by: this key is not known here; remove it"),
    ],
)
def test_bad_input_is_named(api: Api, ci: Holder, said: dict[str, Any], words: str) -> None:
    """And nothing is kept of it: neither its time nor its author is the sender's to say."""
    before = api.get(LIST).text
    refused = ci.attest(SENT | said)

    assert (refused.status, refused.json["code"]) == (422, "invalid_request")
    assert words in refused.json["detail"]
    assert api.get(LIST).text == before


def test_a_huge_list_is_refused_at_once(ci: Holder) -> None:
    """Before each of its values is looked at."""
    refused = ci.attest(SENT | {"flaky": [""] * 200_000})

    assert refused.status == 422
    assert len(refused.text) < 1000


@pytest.mark.parametrize("key", ["prompt", "digest", "suite", "model", "cases", "passed", "result", "report"])
def test_what_it_is_made_of_must_be_there(ci: Holder, key: str) -> None:
    """A key that is missing is named."""
    refused = ci.attest({name: value for name, value in SENT.items() if name != key})

    assert refused.status == 422
    assert refused.json["errors"] == [{"loc": key, "message": "Field required"}]


def refusals(api: Api, *paths: str) -> list[tuple[int, str]]:
    """How some paths are refused."""
    answers: list[Answer] = [api.get(path) for path in paths]
    return [(answer.status, answer.json["code"]) for answer in answers]


def test_an_unknown_version_has_no_attestations(api: Api) -> None:
    """As for the version itself."""
    prompts = "/v1/prompts"

    assert refusals(
        api,
        f"{prompts}/summarize/versions/3.0.0/attestations",
        f"{prompts}/unknown-{os.getpid()}/versions/1.0.0/attestations",
    ) == [(404, "unknown_version"), (404, "unknown_prompt")]


def test_it_is_logged(registry: Registry, ci: Holder) -> None:
    """With what it says, of which file."""
    ci.attest(failed("summarize", "1.1.0", "1.0.0"))

    registry.find(rf"attest summarize failed, 1 of 2 cases \({SENT['digest']}\), by {ci.name} \(seq \d+\)")


def test_a_second_process_shows_it(registry: Registry, ci: Holder) -> None:
    """One of the same data folder."""
    made = ci.attest(SENT).json["attestation"]
    other = Registry(registry.data.parent / "repository", registry.data)
    try:
        assert made in other.api.get(LIST).json["data"]
    finally:
        other.stop()
