"""Which attestation lets a version into an environment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from suites.test_attestation import FILE, NOW, REPORT, SUITE, attestation

from registry.policies.suite import SuiteRules
from registry.suites.requirement import Refusal, Subject, decide

if TYPE_CHECKING:
    from registry.suites.attestation import Attestation

RULES = SuiteRules(required=True, max_age="90d", attesters=("ci", "t-night"))
SUBJECT = Subject(
    prompt="support/triage",
    version="1.3.0",
    digest=FILE,
    suite=SUITE,
    model="openai/gpt-5-mini",
    environment="production",
    stable="1.2.0",
    token="t-ada",
    name="ada",
)


def refused(*found: Attestation, rules: SuiteRules = RULES, **said: Any) -> Refusal:
    """The refusal of the subject with other values."""
    decided = decide(found, replace(SUBJECT, **said), rules, NOW)
    assert isinstance(decided, Refusal)
    return decided


def test_one_that_fits_lets_it_in() -> None:
    """By the name of an attester, or by its id."""
    by_name, by_id = attestation(7), attestation(8, by="nightly", token="t-night")

    assert decide([by_name], SUBJECT, RULES, NOW) == by_name
    assert decide([by_id], SUBJECT, RULES, NOW) == by_id


def test_without_one_it_says_how_to_get_it() -> None:
    """Against the version in force, if there is one."""
    assert refused() == Refusal(
        "suite_required",
        "support/triage@1.3.0 has no attestation of its suite, which production requires; have it attested: "
        "promptstage eval support/triage --against 1.2.0 --attest; or override it, with a reason",
    )
    assert refused(stable=None).message.endswith(
        ": promptstage eval support/triage --attest; or override it, with a reason"
    )


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (
            {"suite": REPORT},
            "is for another suite (sha256:cccccccccccc…, and its own is sha256:bbbbbbbbbbbb…);",
        ),
        ({"model": "other"}, "is for the model other, not openai/gpt-5-mini;"),
        ({"against": "1.1.0"}, "compares it with 1.1.0, and 1.2.0 is stable now;"),
        ({"against": None}, "compares it with nothing, and 1.2.0 is stable now;"),
        ({"by": "dev", "token": "t-dev"}, "is not by one of the attesters (ci, t-night);"),
        ({"environments": ["staging"]}, "is by a token for staging only;"),
        ({"at": NOW - timedelta(days=90, seconds=1)}, "is older than 90d;"),
        ({"at": NOW + timedelta(days=1, seconds=1)}, "which is in the future: see that the registry's clock"),
    ],
)
def test_one_that_does_not_count_is_named_with_the_reason(one: dict[str, Any], words: str) -> None:
    """So that whoever made it sees what to change."""
    found = refused(attestation(**one))

    assert found.code == "suite_required"
    assert words in found.message


def test_nobody_attests_what_they_start() -> None:
    """Nor by a renewed token, which has the same name, nor by one whose name looks like it."""
    anybody = SuiteRules(required=True)
    own = [attestation(token="t-ada"), attestation(by="ada"), attestation(by="Ａda")]  # noqa: RUF001

    for one in own:
        assert "is by the one who starts it" in refused(one, rules=anybody).message
    assert decide([attestation()], SUBJECT, anybody, NOW) == attestation()


def test_the_first_version_is_compared_with_nothing() -> None:
    """An attestation against another environment's stable version does not count."""
    first = replace(SUBJECT, stable=None)

    assert decide([attestation(against=None)], first, RULES, NOW) == attestation(against=None)
    assert (
        "compares it with 1.2.0, and nothing is in force now" in refused(attestation(), stable=None).message
    )


def test_a_file_without_a_model_may_be_run_with_any() -> None:
    """The app chooses it then."""
    other = attestation(model="other")

    assert decide([other], replace(SUBJECT, model=None), RULES, NOW) == other


def test_a_version_without_cases_has_nothing_to_attest() -> None:
    """Not even where someone attested the empty suite."""
    assert refused(attestation(), suite=None).message.startswith(
        "support/triage@1.3.0 has no cases, and production requires a suite"
    )


def test_the_newest_that_counts_decides() -> None:
    """A later failure takes a success back, and a later success a failure; others have no say."""
    passed, later = attestation(7), attestation(9)
    failed = attestation(8, passed=47, result="failed", regressed=["a", "b"], fixed=[])
    foreign = attestation(10, by="dev", token="t-dev", result="failed")

    assert refused(failed, passed, foreign) == Refusal(
        "suite_failed",
        "support/triage@1.3.0 failed its suite: 47 of 50 cases passed, and it regressed on a, b (attested by "
        "ci at 2026-05-04T09:30:00Z); mend it, and have the new version attested; or override it, "
        "with a reason",
        failed,
    )
    assert decide([later, failed, passed], SUBJECT, RULES, NOW) == later


def test_many_regressed_cases_are_counted_in_the_message() -> None:
    """All of them are in the list."""
    ids = [f"case-{number}" for number in range(7)]
    found = refused(attestation(result="failed", regressed=ids))

    assert "it regressed on case-0, case-1, case-2, case-3, case-4 and 2 more (" in found.message
    assert found.regressed == tuple(ids)
