"""What `doctor` says of suites."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from suites.test_attestation import NOW, attestation

from registry.access.capabilities import Capability
from registry.access.tokens import Token, TokenSpec, mint
from registry.doctor import suites
from registry.policies.suite import SuiteRules

RULES = SuiteRules(required=True, attesters=("ci",))


def token(name: str, *capabilities: Capability, **fields: Any) -> Token:
    """A token."""
    made, _ = mint(TokenSpec(name=name, capabilities=capabilities, **fields))
    return made.model_copy(update={"created_at": NOW})


CI = token("ci", Capability.attest)


@pytest.mark.parametrize(
    "others",
    [
        [],
        [token("nightly", Capability.attest)],
        [token("ci", Capability.releaser)],
        [token("ci", Capability.attest, environments=("staging",))],
        [token("ci", Capability.attest, expires_at=NOW - timedelta(days=1))],
    ],
)
def test_an_attester_who_cannot_attest_is_named(others: list[Token]) -> None:
    """Nobody of that name, or a token that has no right, is for another environment, or is over."""
    (found,) = suites.attesters("production", RULES, others, NOW)

    assert (found.name, found.status) == ("suites", "warning")
    assert found.message == "production requires a suite, and no token that may attest there is ci"
    assert found.remedy
    assert found.remedy.startswith("promptstage token create --name ci --role attest")


def test_attesters_who_are_there_are_no_finding() -> None:
    """By name or by id, limited to that environment or not; without a rule nobody is looked for."""
    by_id = SuiteRules(required=True, attesters=(CI.id,))
    here = token("ci", Capability.attest, environments=("production",))
    off = SuiteRules(attesters=("ci",))

    for rules, tokens in ((RULES, [CI]), (by_id, [CI]), (RULES, [here]), (off, [])):
        assert list(suites.attesters("production", rules, tokens, NOW)) == []


def test_a_rule_without_attesters_needs_some_token() -> None:
    """An admin may attest, too."""
    anybody = SuiteRules(required=True)

    assert list(suites.attesters("production", anybody, [token("admin", Capability.admin)], NOW)) == []
    (found,) = suites.attesters("production", anybody, [token("app", Capability.app)], NOW)
    assert found.message == "production requires a suite, and no token may attest one there"


def test_versions_in_force_that_passed_nothing_are_listed() -> None:
    """The first of them."""
    (found,) = suites.unattested("production", [f"prompt-{i}@1.0.0" for i in range(7)], 40)

    assert found.message.startswith(
        "production requires a suite; 7 of 40 versions there passed none: prompt-0@"
    )
    assert found.message.endswith("prompt-4@1.0.0 and 2 more")
    assert list(suites.unattested("production", [], 40)) == []


def test_a_model_that_changed_behind_its_name_is_named() -> None:
    """The name that was asked for, with or without its provider, proves nothing."""
    dated = "gpt-5-mini-2025-08-07"
    met = [("openai/gpt-5-mini", 3), ("gpt-5-mini", 4), (dated, 5), ("gpt-5-mini-2026-02-01", 6)]
    (found,) = suites.drift("production", "a@1.1.0", attestation(), met)

    assert found.message == (
        "a@1.1.0 in production is answered by gpt-5-mini-2026-02-01 (6 calls since yesterday), and its "
        f"suite was run with {dated}"
    )
    assert list(suites.drift("production", "a@1.1.0", attestation(response_model=None), met)) == []
