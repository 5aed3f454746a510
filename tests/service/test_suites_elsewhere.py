"""Attestations in a journal that registries share, that was copied or damaged; and what `doctor` says."""

from __future__ import annotations

import subprocess
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from attested import Holder, failed, result, tag
from outcomes_in import record
from support import PromptRepository, Registry, Valkey, until

from registry.journal.local import LocalJournal
from registry.journal.maintenance import recover, survey
from registry.journal.maintenance.backup import backup, restore
from registry.journal.maintenance.pack import pack
from registry.journal.maintenance.survey import Seen
from registry.journal.maintenance.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import Answer

    Serve = Callable[..., Registry]

RULES = '[environments.production.suite]\nrequired = true\nattesters = ["ci"]\n'
LIST = "/v1/prompts/summarize/versions/1.1.0/attestations"


@pytest.fixture
def prompts(tmp_path: Path) -> PromptRepository:
    """Two versions with suites."""
    made = PromptRepository(tmp_path / "prompts")
    for version in ("1.0.0", "1.1.0"):
        tag(made, version, "summarize")
    return made


@pytest.fixture
def tested(serve: Serve, prompts: PromptRepository, tmp_path: Path) -> Serve:
    """Starts registries that require suites."""
    (tmp_path / "rules.toml").write_text(RULES)

    def start(data: str = "data", **options: str) -> Registry:
        return serve(data, prompts, config=str(tmp_path / "rules.toml"), **options)

    return start


@pytest.fixture
def two(tested: Serve, valkey: Valkey, tmp_path: Path) -> tuple[Registry, Registry]:
    """Two registries over a journal elsewhere."""
    journal = tmp_path / "journal.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", journal], check=True)
    first = tested("one", journal=str(journal), redis_url=valkey.url)
    (tmp_path / "two").mkdir()
    (tmp_path / "two/admin.token").write_text(first.api.token)
    return first, tested("two", journal=str(journal), redis_url=valkey.url)


def outcome(answer: Answer) -> tuple[int, str]:
    """The status, and the code of a refusal."""
    return answer.status, answer.json.get("code", "")


def first_promoted(registry: Registry) -> None:
    """1.0.0 is in force, past the gate."""
    body = {"version": "1.0.0", "override": {"suite": "the first one"}}
    assert registry.api.act("promote", "summarize", body).status == 200


def test_what_one_registry_is_told_lets_a_version_in_at_another(two: tuple[Registry, Registry]) -> None:
    """At once: the gate decides on the newest change of the shared journal."""
    first, second = two
    first_promoted(first)
    with closing(Holder(first.api, "attest", name="ci")) as ci:
        until(lambda: second.api.state("summarize")["stable"], "the other one to follow")
        without = second.api.act("start", "summarize", {"version": "1.1.0"})
        ci.attest(failed("summarize", "1.1.0", "1.0.0"))
        regressed = second.api.act("start", "summarize", {"version": "1.1.0"})
        ci.attest(result("summarize", "1.1.0", "1.0.0"))
        started = second.api.act("start", "summarize", {"version": "1.1.0"})

    assert outcome(without) == (409, "suite_required")
    assert outcome(regressed) == (409, "suite_failed")
    assert outcome(started) == (200, "")
    assert second.api.get(LIST).json["data"][0]["result"] == "passed"


def test_a_backup_has_them(tested: Serve, tmp_path: Path) -> None:
    """And a pack loses none."""
    registry = tested()
    first_promoted(registry)
    with closing(Holder(registry.api, "attest", name="ci")) as ci:
        made = ci.attest(result("summarize", "1.1.0", "1.0.0")).json["attestation"]
    pack(registry.data)
    backup(registry.data, tmp_path / "backup")
    restored = restore(tmp_path / "restored", tmp_path / "backup")
    (tmp_path / "restored/admin.token").write_text(registry.api.token)
    again = tested("restored")

    assert restored.problems == ()
    assert again.api.get(LIST).json["data"] == [made]
    assert again.api.act("start", "summarize", {"version": "1.1.0"}).status == 200


def test_a_forged_attestation_is_found(tested: Serve, tmp_path: Path) -> None:
    """One that is in the tree, and that no change made."""
    registry = tested()
    with closing(Holder(registry.api, "attest", name="ci")) as ci:
        ci.attest(failed("summarize", "1.1.0", "1.0.0"))
    registry.stop()
    with closing(LocalJournal(registry.data)) as journal, journal.lock() as lock:
        head = journal.head()
        known = journal.attestations("summarize", result("summarize", "1.1.0", None)["digest"])
        forged = [one.model_copy(update={"result": "passed", "regressed": ()}) for one in known]
        change = head.change.following(at=head.change.at, actor="ci", op="upgrade")
        path = f"attestations/{known[0].digest[7:9]}/{known[0].digest[9:]}/summarize.json"
        content = "[" + ",".join(one.model_dump_json() for one in forged) + "]"
        journal.write(lock, head.commit, change, {path: content.encode()})

    problems = verify(registry.data).problems
    assert problems == (f"{path} does not hold the attestations that the changes lead to",)


@pytest.fixture
def damaged(tested: Serve) -> Registry:
    """A registry that has ended, whose newest change was damaged."""
    registry = tested()
    first_promoted(registry)
    with closing(Holder(registry.api, "attest", name="ci")) as ci:
        ci.attest(failed("summarize", "1.1.0", "1.0.0"))
        ci.attest(result("summarize", "1.1.0", "1.0.0"))
    registry.stop()
    return registry


def test_a_recovery_keeps_what_can_be_read(damaged: Registry, tested: Serve) -> None:
    """The changes after the damage are written again, and count as before."""
    with closing(LocalJournal(damaged.data)) as journal:
        commits = [entry.commit for entry in journal.since(journal.load().commits[0]) or ()]
    tree = ["git", "-C", str(damaged.data / "journal.git"), "rev-parse", f"{commits[-2]}:states"]
    # The tree of one state is gone: the newest two changes are readable, and no longer whole.
    broken = subprocess.run(tree, check=True, capture_output=True, text=True).stdout.strip()
    loose = damaged.data / "journal.git/objects" / broken[:2] / broken[2:]
    loose.unlink()
    found = survey.scan(damaged.data, Seen())
    done = recover.recover(damaged.data, found, lambda _prompt, _ref: None)

    assert verify(damaged.data).problems == ()
    assert done.lost == ()
    again = tested()
    assert [one["result"] for one in again.api.get(LIST).json["data"]] == ["passed"]


def findings(registry: Registry) -> str:
    """What doctor says of suites."""
    checks = registry.api.get("/v1/doctor").json["checks"]
    return "; ".join(check["message"] for check in checks if check["name"] == "suites")


def test_doctor_names_what_no_suite_let_in(tested: Serve) -> None:
    """And attesters that are not there, and the model that answers where another one was attested."""
    registry = tested()
    first_promoted(registry)
    before = findings(registry)
    with closing(Holder(registry.api, "attest", name="ci")) as ci:
        without = findings(registry)
        ci.attest(result("summarize", "1.0.0", None))
        passed = findings(registry)
    calls = [record(version="1.0.0", response_model="gpt-5-mini-2026-02-01")]
    body = {"batch": str(uuid4()), "calls": calls}
    assert registry.api.call("POST", "/v1/environments/production/calls", body).json["refused"] == []

    named = "production requires a suite; 1 of 1 versions there passed none: summarize@1.0.0"
    missing = "production requires a suite, and no token that may attest there is ci"
    assert (before, without, passed) == (f"{missing}; {named}", named, "")
    drifted = until(lambda: findings(registry), "the calls to be counted")
    assert drifted == (
        "summarize@1.0.0 in production is answered by gpt-5-mini-2026-02-01 (1 call since yesterday), and "
        "its suite was run with gpt-5-mini-2025-08-07"
    )
