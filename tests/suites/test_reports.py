"""Reports in the forms of other tools: JUnit's XML and Markdown, of what a hostile model may say, too."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from registry.suites.reports.junit import junit
from registry.suites.reports.markdown import LENGTH, MARK, markdown
from registry.suites.run.comparison import Change, Outcome
from registry.suites.run.failure import Failed, Kind, Trouble
from registry.suites.run.report import (
    CaseReport,
    CaseSide,
    PromptReport,
    Report,
    VersionReport,
    notable,
)

HOSTILE = "``` </details> <script> @octocat \x1b[31m ]]> \x00 & | <!-- -->\n# Heading"
# By element: its attributes, those that it must have, and what may be in it. As in Jenkins' junit-10.xsd.
FORM = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time"},
        {"name", "tests", "failures", "errors"},
        {"properties", "testcase"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": ({"name", "time", "classname"}, {"name"}, {"skipped", "error", "failure"}),
    "failure": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
}


def side(outcome: Outcome, **more: object) -> CaseSide:
    """What became of a case."""
    counts = {"passes": int(outcome is Outcome.PASSED), "fails": int(outcome is Outcome.FAILED), "errors": 0}
    return CaseSide(**{"outcome": outcome, **counts, **more})  # type: ignore[arg-type]


FAILED = side(Outcome.FAILED, failures=(Failed("contains", f"no {HOSTILE}"),), answer=HOSTILE)
CASES = (
    ("fine", None, side(Outcome.PASSED)),
    (f"bad {HOSTILE!r}", Change.REGRESSED, FAILED),
    ("late", None, side(Outcome.ERROR, trouble=Trouble(Kind.TIMEOUT, f"none {HOSTILE}"))),
    ("open", None, side(Outcome.MISSING, trouble=Trouble(Kind.NOT_ASKED, "stopped"))),
    ("shaky", Change.FLAKY, side(Outcome.PASSED)),
    ("better", Change.FIXED, side(Outcome.PASSED)),
)


def version(label: str) -> VersionReport:
    """Some figures."""
    return VersionReport(
        label=label,
        version=None,
        digest="sha256:0",
        model="openai/gpt-5.4-mini",
        response_models=("gpt-5.4-mini-2026-03-05",),
        passed=3,
        failed=1,
        errors=1,
        missing=1,
        pass_rate=0.75,
        cost_usd=0.0123,
        unpriced=0,
        input_tokens=10,
        output_tokens=5,
        p50_ms=812.0,
        p95_ms=2400.0,
    )


def report(count: int = 1, override: str | None = None) -> Report:
    """A failed run of so many times all cases."""
    details = tuple(
        CaseReport(
            id=f"{name} {number}",
            file="prompts/x.cases.jsonl",
            line=number,
            tags=(),
            change=change,
            candidate=found,
            against=side(Outcome.PASSED, answer="before"),
        )
        for number in range(count)
        for name, change, found in CASES
    )
    prompt = PromptReport(
        prompt="support/x",
        file="prompts/x.prompt.yml",
        result="failed",
        reasons=("1 case regressed",),
        suite="sha256:1",
        judge=None,
        repeat=1,
        cases=len(details),
        regressed=("bad",),
        fixed=("better",),
        flaky=("shaky",),
        mcnemar_p=1.0,
        min_pass_rate=None,
        candidate=version("worktree"),
        against=version("1.0.0"),
        details=details,
    )
    return Report(
        result="failed",
        override=override,
        stopped=None,
        requests=6,
        kept=0,
        spent_usd=0.01,
        unpriced=0,
        seconds=1.5,
        prompts=(prompt,),
    )


def test_junit_has_the_common_form() -> None:
    """No other element and attribute than the schema of Jenkins has, and those that it requires."""
    root = ET.fromstring(junit(report()))

    assert root.tag == "testsuites"
    for element in root.iter():
        allowed, required, inner = FORM[element.tag]
        assert required <= set(element.keys()) <= allowed, element.tag
        assert {child.tag for child in element} <= inner, element.tag


def test_junit_counts_what_is_in_it() -> None:
    """Failures are checks that did not pass, errors are answers that are not there."""
    (suite,) = ET.fromstring(junit(report()))

    found = {kind: len(list(suite.iter(kind))) for kind in ("testcase", "failure", "error", "skipped")}
    assert found == {"testcase": 6, "failure": 1, "error": 1, "skipped": 1}
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "1", "1", "1"]
    failure = next(suite.iter("failure"))
    assert (failure.get("type"), (failure.text or "").split("\n")[0]) == (
        "regressed",
        "prompts/x.cases.jsonl:0",
    )
    assert "<script> @octocat" in (failure.text or "")


def test_a_comment_does_nothing() -> None:
    """An answer stands in a fence that it cannot end; elsewhere what is foreign is escaped."""
    text = markdown(report())

    assert text.startswith(f"{MARK}\n### Prompts: failed\n")
    assert "\x1b" not in text
    outside = re.sub(r"^(`{3,})text\n.*?\n\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "\n````text\n``` </details>" in text
    assert "<script>" not in outside
    assert "@octocat" not in outside
    assert outside.count("<details>") == outside.count("</details>") == 5
    assert not re.search(r"^# Heading", outside, re.MULTILINE)


def test_a_comment_has_a_place_for_an_override() -> None:
    """At its top."""
    lines = markdown(report(override="label, set by grace")).splitlines()

    assert lines[3] == "> **Overridden:** label, set by grace. The failures below are let pass."


def test_a_comment_is_never_too_long() -> None:
    """GitHub would refuse it."""
    long = report(500)
    assert len(markdown(long)) <= LENGTH


def test_the_worst_comes_first() -> None:
    """Regressed, failed, without a verdict, flaky, fixed; what passed is left out."""
    names = [case.id.split()[0] for case in notable(report().prompts[0])]

    assert names == ["bad", "late", "open", "shaky", "better"]
