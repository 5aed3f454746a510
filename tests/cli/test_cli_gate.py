"""Suites as release managers meet them: what is refused, what lets a version in, and who said so."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from attested import Holder, failed, result, tag
from cli.shell import Cli
from support import PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = [f"prompt-{i}" for i in range(20)]  # a test has one of its own, as attestations are everybody's
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
RULES = """
[environments.production.suite]
required = true
attesters = ["ci"]

[environments.strict]
approval = true
suite = { required = true, attesters = ["ci"] }
"""


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that requires suites."""
    folder = tmp_path_factory.mktemp("tested")
    repository = PromptRepository(folder / "repository")
    for version in ("1.0.0", "1.1.0"):
        tag(repository, version, *NAMES)
    config = folder / "rules.toml"
    config.write_text(RULES)
    registry = Registry(
        repository.path, folder / "data", environments="production,strict,open", config=str(config)
    )
    yield registry
    assert registry.stop() == 0, registry.log


@pytest.fixture(scope="module")
def ci(tested: Registry) -> Iterator[Holder]:
    """The attester."""
    with closing(Holder(tested.api, "attest", name="ci")) as one:
        yield one


@pytest.fixture(scope="module")
def _names() -> Iterator[str]:
    return iter(NAMES)


@pytest.fixture
def name(_names: Iterator[str], tested: Registry) -> str:
    """A prompt of the test's own, of which 1.0.0 is in force everywhere."""
    name = next(_names)
    with closing(Holder(tested.api, "releaser")) as grace:
        for environment in ("production", "strict", "open"):
            body = {"version": "1.0.0", "override": {"suite": "the first one"}}
            done = tested.api.act("promote", name, body, environment)
            if done.status == 202:
                done = grace.act("approve", name, None, environment)
            assert done.status == 200, done.text
    return name


@pytest.fixture
def ada(tmp_path: Path, tested: Registry) -> Cli:
    """Who releases; the token is named admin."""
    return Cli(tmp_path, PROMPTSTAGE_URL=tested.url, PROMPTSTAGE_TOKEN=tested.api.token)


@pytest.fixture
def grace(ada: Cli, tested: Registry) -> Iterator[Cli]:
    """Who approves."""
    with closing(Holder(tested.api, "releaser")) as holder:
        yield Cli(ada.folder, **{**ada.environment, "PROMPTSTAGE_TOKEN": holder.token})


@pytest.mark.parametrize("op", ["start", "promote"])
def test_what_is_refused_says_what_to_do(ada: Cli, name: str, op: str) -> None:
    """Before it is tried, and when it is."""
    refused = ada(op, name, "1.1.0")

    assert refused.code == 1
    remedy = (
        f"have it attested: promptstage eval {name} --against 1.0.0 --attest; or override it, with a reason"
    )
    assert (
        f"  Suite     {name}@1.1.0 has no attestation of its suite, which production requires;" in refused.err
    )
    assert f"{remedy} (--override-suite TEXT)\n" in refused.err
    assert refused.err.splitlines()[-1].startswith("Error: ")
    assert remedy in refused.err.splitlines()[-1]


@pytest.mark.parametrize("op", ["start", "promote"])
def test_an_attestation_lets_it_in(ada: Cli, ci: Holder, name: str, op: str) -> None:
    """It is shown before, in the status, and in the history."""
    seq = ci.attest(result(name, "1.1.0", "1.0.0")).json["seq"]
    done = ada(op, name, "1.1.0")
    said = rf"2 of 2 cases passed against 1\.0\.0, attested by ci at {TIME}\n"

    assert done.code == 0
    assert re.search(rf"\n  Suite +{said}", done.err)
    assert re.search(rf"\nSuite:     1\.1\.0: {said}", ada("status", name).out)
    assert f"attested in {seq}" in ada("history", name).out
    assert "overridden: the first one" in ada("history", name).out


def test_what_regressed_is_named(ada: Cli, ci: Holder, name: str) -> None:
    """In the refusal, for programs too."""
    ci.attest(failed(name, "1.1.0", "1.0.0"))
    refused = ada("start", name, "1.1.0", "--json")
    told = json.loads(refused.out)

    assert (refused.code, told["code"], told["regressed"]) == (1, "suite_failed", ["late-parcel"])
    assert "1 of 2 cases passed, and it regressed on late-parcel" in refused.err


def test_an_override_is_shown_to_whoever_approves(ada: Cli, grace: Cli, name: str) -> None:
    """And in the status while it waits, and while it is rolled out."""
    asked = ada("start", name, "1.1.0", "-e", "strict", "--override-suite", "incident 4711")
    waiting = ada("status", name, "-e", "strict")
    approved = grace("approve", name, "-e", "strict")

    assert (asked.code, approved.code) == (0, 0)
    assert "\n  Suite     overridden: incident 4711\n" in approved.err
    assert "\nOverride:  suite: incident 4711\n" in waiting.out
    assert "\nOverride:  suite: incident 4711\n" in ada("status", name, "-e", "strict").out
    assert ada("history", name, "-e", "strict").out.count("overridden: incident 4711") == 2


def test_an_approval_of_what_failed_since_is_refused(ada: Cli, grace: Cli, ci: Holder, name: str) -> None:
    """Whoever approves sees it first."""
    ci.attest(result(name, "1.1.0", "1.0.0"))
    assert ada("start", name, "1.1.0", "-e", "strict").code == 0
    ci.attest(failed(name, "1.1.0", "1.0.0"))
    refused = grace("approve", name, "-e", "strict")

    assert refused.code == 1
    assert refused.err.count("1 of 2 cases passed, and it regressed on late-parcel") == 2


def test_what_goes_on_or_back_needs_no_suite(ada: Cli, ci: Holder, name: str) -> None:
    """Nothing is said of it."""
    ci.attest(result(name, "1.1.0", "1.0.0"))
    assert ada("start", name, "1.1.0").code == 0
    ci.attest(failed(name, "1.1.0", "1.0.0"))
    done = [ada("promote", name), ada("rollback", name)]

    assert [one.code for one in done] == [0, 0]
    assert not any("Suite" in one.err for one in done)


def test_without_the_rule_a_result_is_shown_all_the_same(ada: Cli, ci: Holder, name: str) -> None:
    """As a warning, not as a refusal."""
    ci.attest(failed(name, "1.1.0", "1.0.0"))
    started = ada("start", name, "1.1.0", "-e", "open")

    assert started.code == 0
    assert "failed: 1 of 2 cases passed against 1.0.0, attested by ci at" in started.err
    assert "; regressed: late-parcel\n" in started.err


def test_attestations_of_a_version_are_listed(ada: Cli, ci: Holder, name: str) -> None:
    """With what they are worth in an environment."""
    none = ada("attestations", name, "1.1.0")
    ci.attest(failed(name, "1.1.0", "1.0.0"))
    ci.attest(result(name, "1.1.0", "1.0.0") | {"suite": f"sha256:{'7' * 64}"})
    some = ada("attestations", name)
    told = json.loads(ada("attestations", name, "1.1.0", "-e", "open", "--json").out)

    assert (none.code, some.code) == (0, 0)
    assert none.out.startswith(f"{name}@1.1.0 in production\n  {name}@1.1.0 has no attestation of its suite")
    assert (
        f"  {name}@1.1.0 failed its suite: 1 of 2 cases passed, and it regressed on late-parcel" in some.out
    )
    assert re.search(
        rf"\n{TIME}  ci  failed  1/2     1\.0\.0    openai/gpt-5-mini  sha256:[0-9a-f]{{12}}", some.out
    )
    assert [one["result"] for one in told["data"]] == ["passed", "failed"]
    assert (told["standing"]["required"], told["standing"]["decision"]) == (False, "suite_failed")


def test_an_unknown_version_is_named(ada: Cli, name: str) -> None:
    """As everywhere."""
    refused = ada("attestations", name, "9.9.9")

    assert refused.code == 1
    assert f"{name} has no version '9.9.9'" in refused.err
