"""The gate of suites over HTTP: every road to a new version, with and without an attestation."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from attested import Holder, digest, failed, file, result, suite_of, tag
from support import PromptRepository, Registry

from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Answer, Api

NAMES = [f"prompt-{i}" for i in range(60)]  # a test has one of its own, as attestations are everybody's
# `production` requires a suite, `strict` approval too, `open` nothing.
RULES = """
[environments.production.suite]
required = true
max_age = "90d"
attesters = ["ci"]

[environments.strict]
approval = true
suite = { required = true, attesters = ["ci"] }
"""
WHY = {"suite": "the model is down"}
STEPS = [{"percent": 5}, {"percent": 50}, {"percent": 100}]
REQUIRED, FAILED, DONE, ASKED = (409, "suite_required"), (409, "suite_failed"), (200, ""), (202, "")


@dataclass
class House:
    """A registry, and who is there."""

    registry: Registry
    ci: Holder
    ada: Holder
    grace: Holder

    @property
    def admin(self) -> Api:
        """Who made the tokens."""
        return self.registry.api


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A registry of versions with suites; `ci` attests, `ada` releases, `grace` approves."""
    folder = tmp_path_factory.mktemp("gate")
    repository = PromptRepository(folder / "repository")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        tag(repository, version, *NAMES)
    (folder / "rules.toml").write_text(RULES)
    environments = "production,strict,open"
    shared = Registry(
        repository.path, folder / "data", environments=environments, config=str(folder / "rules.toml")
    )
    holders = [
        Holder(shared.api, role, name=name)
        for role, name in (("attest", "ci"), ("releaser", "ada"), ("releaser", "grace"))
    ]
    yield House(shared, *holders)
    for one in holders:
        one.close()
    assert shared.stop() == 0, shared.log
    assert verify(shared.data).problems == ()


@pytest.fixture(scope="module")
def _names() -> Iterator[str]:
    return iter(NAMES)


@pytest.fixture
def name(_names: Iterator[str]) -> str:
    """A prompt of the test's own, of which nothing is in force."""
    return next(_names)


def outcome(answer: Answer) -> tuple[int, str]:
    """The status, and the code of a refusal."""
    return answer.status, answer.json.get("code", "")


def serve(house: House, name: str, environment: str = "production", version: str = "1.0.0") -> None:
    """Put a version in force, past the gate."""
    body = {"version": version, "override": WHY}
    done = house.ada.act("promote", name, body, environment)
    if done.status == 202:
        done = house.grace.act("approve", name, None, environment)
    assert done.status == 200, done.text


@dataclass(frozen=True)
class Road:
    """A way to a new version: what is in force before, and how it is asked for."""

    op: str
    body: dict[str, Any]
    environment: str = "production"
    stable: str | None = "1.0.0"
    headers: tuple[tuple[str, str], ...] = ()

    def go(self, house: House, name: str, **more: Any) -> Answer:
        """Ask for it."""
        return house.ada.act(self.op, name, {**self.body, **more}, self.environment, **dict(self.headers))


NEW = {"version": "1.1.0"}
ROADS = {
    "a start": Road("start", {**NEW, "steps": STEPS}),
    "a start for an audience alone": Road(
        "start",
        {
            **NEW,
            "steps": [{"percent": 0}],
            "audience": [{"when": [{"attribute": "tenant", "in": ["acme"]}]}],
        },
    ),
    "a promote": Road("promote", NEW),
    "the first promote": Road("promote", NEW, stable=None),
    "a forced start": Road("start", {**NEW, "force": True}),
    "a forced promote": Road("promote", {**NEW, "force": True}),
    "a start with a key": Road("start", NEW, headers=(("Idempotency_Key", "a"),)),
    "a promote with a key": Road("promote", NEW, headers=(("Idempotency_Key", "b"),)),
    "a start that awaits approval": Road("start", {**NEW, "steps": STEPS}, "strict"),
    "a promote that awaits approval": Road("promote", NEW, "strict"),
    "a first promote that awaits approval": Road("promote", NEW, "strict", stable=None),
}


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS.keys())
def test_no_road_leads_past_the_gate(house: House, name: str, road: Road) -> None:
    """Refused without an attestation, and with one that failed; then the very same request is let through."""
    if road.stable:
        serve(house, name, road.environment, road.stable)
    before = house.admin.get(f"/v1/environments/{road.environment}/rollouts/{name}").text
    without = road.go(house, name)
    house.ci.attest(failed(name, "1.1.0", road.stable))
    regressed = road.go(house, name)

    assert (outcome(without), outcome(regressed)) == (REQUIRED, FAILED)
    assert regressed.json["regressed"] == ["late-parcel"]
    assert house.admin.get(f"/v1/environments/{road.environment}/rollouts/{name}").text == before
    seq = house.ci.attest(result(name, "1.1.0", road.stable)).json["seq"]
    passed = road.go(house, name)
    assert outcome(passed) == (ASKED if road.environment == "strict" else DONE)
    assert newest(house, name, road.environment)["attested"] == seq


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS.keys())
def test_an_override_goes_past_the_gate(house: House, name: str, road: Road) -> None:
    """It stands in the history, and before whoever approves; the approval goes past the gate, too."""
    if road.stable:
        serve(house, name, road.environment, road.stable)
    house.ci.attest(failed(name, "1.1.0", road.stable))
    passed = road.go(house, name, override=WHY)

    assert outcome(passed) == (ASKED if road.environment == "strict" else DONE)
    assert newest(house, name, road.environment)["override"] == WHY
    if road.environment == "strict":
        assert passed.json["state"]["awaiting_approval"]["override"] == WHY
        approved = house.grace.act("approve", name, None, road.environment)
        assert outcome(approved) == DONE
        assert newest(house, name, road.environment)["override"] == WHY


def newest(house: House, name: str, environment: str) -> Any:
    """The newest change of a prompt."""
    path = f"/v1/environments/{environment}/rollouts/{name}/history"
    return house.admin.get(path).json["data"][0]


def test_an_approval_is_checked_again(house: House, name: str) -> None:
    """What was let through may have failed since, or be compared with another version."""
    serve(house, name, "strict")
    house.ci.attest(result(name, "1.1.0", "1.0.0"))
    assert outcome(house.ada.act("start", name, NEW, "strict")) == ASKED
    house.ci.attest(failed(name, "1.1.0", "1.0.0"))
    refused = house.grace.act("approve", name, None, "strict")
    house.ci.attest(result(name, "1.1.0", "1.0.0"))

    assert outcome(refused) == FAILED
    assert outcome(house.grace.act("approve", name, None, "strict")) == DONE


def test_what_is_under_way_is_never_held_up(house: House, name: str) -> None:
    """It is advanced, paused, resumed, promoted and rolled back, although its suite has failed since."""
    serve(house, name)
    house.ci.attest(result(name, "1.1.0", "1.0.0"))
    start = {**NEW, "steps": STEPS}
    assert outcome(house.ada.act("start", name, start)) == DONE
    house.ci.attest(failed(name, "1.1.0", "1.0.0"))
    done = [outcome(house.ada.act(op, name)) for op in ("pause", "resume", "advance", "promote", "rollback")]

    assert done == [DONE] * 5
    assert house.admin.state(name)["stable"]["version"] == "1.0.0"
    assert outcome(house.ada.act("start", name, start)) == FAILED


@pytest.mark.parametrize("op", ["promote", "advance"])
def test_a_rollout_is_completed_without_an_attestation(house: House, name: str, op: str) -> None:
    """Also by naming its candidate."""
    serve(house, name)
    assert outcome(house.ada.act("start", name, {**NEW, "steps": STEPS[:1], "override": WHY})) == DONE
    body = NEW if op == "promote" else None

    assert outcome(house.ada.act(op, name, body)) == DONE
    assert house.admin.state(name)["stable"]["version"] == "1.1.0"


def test_a_promote_of_the_candidate_that_awaits_approval_is_not_held_up(house: House, name: str) -> None:
    """Neither when it is asked for, nor when it is approved."""
    serve(house, name, "strict")
    house.ada.act("start", name, {**NEW, "override": WHY}, "strict")
    assert outcome(house.grace.act("approve", name, None, "strict")) == DONE

    assert outcome(house.ada.act("promote", name, None, "strict")) == ASKED
    assert outcome(house.grace.act("approve", name, None, "strict")) == DONE


def test_the_way_back_is_a_rollback_not_a_promote(house: House, name: str) -> None:
    """A promote of the version before is one of a new version."""
    serve(house, name)
    serve(house, name, version="1.1.0")

    assert outcome(house.ada.act("promote", name, {"version": "1.0.0"})) == REQUIRED
    assert outcome(house.ada.act("rollback", name)) == DONE


def test_a_repeated_request_gets_what_was_recorded(house: House, name: str) -> None:
    """A refusal is not recorded; what was done is answered again, whatever the suite is worth by now."""
    serve(house, name)

    def start() -> Answer:
        return house.ada.act("start", name, NEW, Idempotency_Key="again")

    refused = start()
    house.ci.attest(result(name, "1.1.0", "1.0.0"))
    done = start()
    house.ci.attest(failed(name, "1.1.0", "1.0.0"))

    assert (outcome(refused), outcome(done)) == (REQUIRED, DONE)
    assert start().json == done.json
    other = house.ada.act("start", name, {**NEW, "override": WHY}, Idempotency_Key="again")
    assert outcome(other) == (422, "idempotency_mismatch")


def test_an_environment_without_the_rule_has_no_gate(house: House, name: str) -> None:
    """An override is noted there all the same."""
    assert outcome(house.ada.act("promote", name, {"version": "1.0.0"}, "open")) == DONE
    assert outcome(house.ada.act("start", name, {**NEW, "override": WHY}, "open")) == DONE
    assert newest(house, name, "open")["override"] == WHY


def test_latest_is_what_it_means(house: House, name: str) -> None:
    """The version that it names is attested."""
    serve(house, name)
    house.ci.attest(result(name, "1.2.0", "1.0.0"))

    assert house.ada.act("start", name, {"version": "latest"}).json["state"]["rollout"]["candidate"][
        "digest"
    ] == digest(file("1.2.0"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"suite": suite_of("other")}, "is for another suite"),
        ({"model": "another"}, "is for the model another, not openai/gpt-5-mini"),
        ({"against": "1.2.0"}, "compares it with 1.2.0, and 1.0.0 is stable now"),
        ({"against": None}, "compares it with nothing, and 1.0.0 is stable now"),
    ],
)
def test_one_that_does_not_count_is_explained(
    house: House, name: str, said: dict[str, Any], words: str
) -> None:
    """With the command that makes one that does."""
    serve(house, name)
    house.ci.attest(result(name, "1.1.0", "1.0.0") | said)
    refused = house.ada.act("start", name, NEW)

    assert outcome(refused) == REQUIRED
    assert words in refused.json["detail"]
    assert f"promptstage eval {name} --against 1.0.0 --attest" in refused.json["detail"]
    assert refused.json["state"]["stable"]["version"] == "1.0.0"


def test_only_the_attesters_of_the_rule_count(house: House, name: str) -> None:
    """An admin may attest, which is kept, and does not count."""
    serve(house, name)
    made = house.admin.call("POST", "/v1/attestations", result(name, "1.1.0", "1.0.0"))
    refused = house.ada.act("start", name, NEW)

    assert made.status == 201
    assert "the newest, by admin at 20" in refused.json["detail"]
    assert "is not by one of the attesters (ci)" in refused.json["detail"]


def test_who_attests_does_not_release(house: House, name: str) -> None:
    """A token that may do both attests for others alone."""
    with closing(Holder(house.admin, "attest", "releaser", name="both")) as both:
        both.attest(result(name, "1.0.0", None))
        own = both.act("promote", name, {"version": "1.0.0"}, "production")

    assert outcome(own) == REQUIRED


def test_without_the_repository_an_override_is_the_way(tmp_path: Path) -> None:
    """A version whose cases were never fetched waits for them; what is under way does not."""
    repository = PromptRepository(tmp_path / "repository")
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        tag(repository, version, "summarize")
    (tmp_path / "rules.toml").write_text(RULES)
    registry = Registry(
        repository.path,
        tmp_path / "data",
        environments="production,strict,open",
        config=str(tmp_path / "rules.toml"),
    )
    try:
        for version in ("1.0.0", "1.1.0"):  # read, so that only their suites are missing
            assert registry.api.get(f"/v1/prompts/summarize/versions/{version}").json["status"] == "valid"
        repository.path.rename(tmp_path / "gone")
        registry.find("the prompt repository cannot be read")
        with (
            closing(Holder(registry.api, "attest", name="ci")) as ci,
            closing(Holder(registry.api, "releaser")) as ada,
        ):
            first = ada.act("promote", "summarize", {"version": "1.0.0", "override": WHY})
            ci.attest(result("summarize", "1.1.0", "1.0.0"))
            waits = ada.act("start", "summarize", NEW)
            past = ada.act("start", "summarize", {**NEW, "override": WHY})
            completed = ada.act("promote", "summarize")
            (tmp_path / "gone").rename(repository.path)
            ci.attest(result("summarize", "1.2.0", "1.1.0"))
            again = ada.act("start", "summarize", {"version": "1.2.0"})
    finally:
        registry.stop()

    assert outcome(first) == DONE
    assert outcome(waits) == (503, "being_fetched")
    assert "the suite of summarize@1.1.0 is being fetched; try again in a moment" in waits.json["detail"]
    assert (outcome(past), outcome(completed), outcome(again)) == (DONE, DONE, DONE)
