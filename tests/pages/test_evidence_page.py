"""What the page about evidence shows is what the command draws, and its formula is the one of the code."""

from __future__ import annotations

from math import exp, isclose, log
from typing import TYPE_CHECKING, Any

from pages.markdown import blocks

from registry.cli import output
from registry.cli.release.evidence import _drawn
from registry.evidence.formulas import HARM, log_e_harm
from registry.evidence.verdicts import Counts, Metric, StepCounts, judge

if TYPE_CHECKING:
    import pytest

SHOWN, FORMULA = (block.text for block in blocks("docs/evidence.md", "text"))


def test_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """Line by line, but for the note about the newest call."""
    steps = [StepCounts(5, Counts(412, 12), Counts(405, 1))]
    metric = judge(Metric("errors", 1.0), steps, alpha=0.05, metrics=1)
    found: dict[str, Any] = {
        "prompt": "summarize", "environment": "production", "candidate": "1.3.0", "stable": "1.2.0",
        "rollout": "r-4c9eac175ba7", "verdict": "harm", "harm": ["errors"], "waiting": None,
        "metrics": [metric.to_json(0.0)], "newest_call": None, "misassigned": 0,
    }  # fmt: skip
    output.show(*_drawn(found))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    assert SHOWN.splitlines() == ["$ promptstage evidence summarize", *lines[: lines.index("", 4)]]


def test_the_formula() -> None:
    """Its mean over sixteen ratios is the E of the code."""
    assert FORMULA.strip() == "ln e(r) = S1 ln(r / rho) + (S1 + S0) (ln(1 + rho) - ln(1 + r))"
    s1, s0, rho = 12, 2, 1.2
    each = [s1 * log(r / rho) + (s1 + s0) * (log(1 + rho) - log(1 + r)) for r in (rho * by for by in HARM)]
    assert isclose(exp(log_e_harm(s1, s0, rho)), sum(map(exp, each)) / len(each))
