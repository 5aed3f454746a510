"""Attestations: what can be one, and which are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from registry.suites.attestation import KEPT, MAX_IDS, Attestation, SuiteResult, kept

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
FILE, SUITE, REPORT = (f"sha256:{digit * 64}" for digit in "abc")
SENT: dict[str, Any] = {
    "prompt": "support/triage",
    "digest": FILE,
    "suite": SUITE,
    "model": "openai/gpt-5-mini",
    "response_model": "gpt-5-mini-2025-08-07",
    "judge": "openai/gpt-5",
    "against": "1.2.0",
    "cases": 50,
    "passed": 49,
    "result": "passed",
    "regressed": [],
    "fixed": ["late-parcel"],
    "flaky": ["two-orders"],
    "report": REPORT,
}


def attestation(seq: int = 7, **said: Any) -> Attestation:
    """One that `ci` made, with other values."""
    return Attestation.model_validate({**SENT, "seq": seq, "at": NOW, "by": "ci", "token": "t-ci", **said})


def test_a_result_is_taken_as_it_is_sent() -> None:
    """What is unknown is null, or left out; what an eval without a baseline has not is left out."""
    assert SuiteResult.model_validate(SENT).model_dump(mode="json") == SENT
    least = {
        key: SENT[key]
        for key in ("prompt", "digest", "suite", "model", "cases", "passed", "result", "report")
    }
    first = SuiteResult.model_validate(least)

    assert (first.against, first.judge, first.response_model) == (None, None, None)
    assert (first.regressed, first.fixed, first.flaky) == ((), (), ())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"prompt": "Support"}, "'Support' is no prompt's name"),
        ({"digest": "abc"}, "write sha256: and 64 hexadecimal digits"),
        ({"digest": FILE.upper()}, "write sha256: and 64 hexadecimal digits"),
        ({"suite": f"{SUITE}0"}, "write sha256: and 64 hexadecimal digits"),
        ({"report": None}, "should be a valid string"),
        ({"model": ""}, "at least 1 character"),
        ({"model": "m" * 201}, "at most 200 characters"),
        ({"judge": "gpt\n5"}, "write one line of visible text"),
        ({"against": "stable"}, "'stable' is no version; write one like 1.3.0"),
        ({"cases": -1}, "greater than or equal to 0"),
        ({"cases": True}, "should be a valid integer"),
        ({"passed": 51}, "passed: 51 of 50 cases cannot have passed"),
        ({"passed": 0}, "result: a suite of which no case passed failed"),
        ({"cases": 0, "passed": 0}, "result: a suite of which no case passed failed"),
        ({"result": "ok"}, "should be 'passed' or 'failed'"),
        ({"regressed": ["a"]}, "result: a suite with regressed cases failed"),
        ({"result": "failed", "regressed": ["late-parcel"]}, "fixed: 'late-parcel' is regressed, too"),
        ({"flaky": ["a", "b", "a"]}, "'a' is there twice; name each case once"),
        ({"flaky": [str(number) for number in range(MAX_IDS + 1)]}, f"at most {MAX_IDS} items"),
        ({"flaky": ["x" * 201]}, "at most 200 characters"),
        ({"at": "2999-01-01T00:00:00Z"}, "Extra inputs are not permitted"),
        ({"by": "ci"}, "Extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_a_result_is_refused(said: dict[str, Any], words: str) -> None:
    """The message says what to send; time and author are the registry's to say."""
    with pytest.raises(ValidationError) as refused:
        SuiteResult.model_validate(SENT | said)

    assert words in str(refused.value)


def test_the_newest_word_of_an_attester_is_kept() -> None:
    """For each suite, model, and version to compare with: another of these is another question."""
    first, again = attestation(7), attestation(9, result="failed", regressed=["x"], fixed=[])
    others = [
        attestation(8, token="t-2", by="nightly"),
        attestation(8, suite=REPORT),
        attestation(8, model="other"),
        attestation(8, against=None),
    ]

    assert kept([first, *others], again) == (*others, again)


def test_so_many_are_kept_of_a_digest() -> None:
    """The oldest goes first, so that nobody can fill the journal's tree."""
    known: tuple[Attestation, ...] = ()
    for number in range(KEPT + 2):
        known = kept(known, attestation(number, suite=f"sha256:{number:064x}"))

    assert [one.seq for one in known] == list(range(2, KEPT + 2))


def test_the_api_does_not_show_the_id_of_the_token() -> None:
    """It shows the name of its attester, when it came, and the number of its change."""
    shown = attestation(environments=["staging"]).to_json()

    assert shown == SENT | {"seq": 7, "at": "2026-05-04T09:30:00Z", "by": "ci"}
