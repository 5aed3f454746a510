"""Figures of a report in words, alike in all its forms. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.system.figures import counted, dollars, milliseconds

if TYPE_CHECKING:
    from registry.suites.run.report import PromptReport, Report, VersionReport


def rate(value: float | None) -> str:
    """Return a share in percent; a dash if there is none."""
    return "-" if value is None else f"{value:.1%}"


COLUMNS = ("version", "passed", "failed", "no verdict", "pass rate", "cost", "p50", "p95")


def row(version: VersionReport) -> tuple[str, ...]:
    """Return a version's figures, under `COLUMNS`."""
    cost = dollars(version.cost_usd) + (
        f" +{version.unpriced}?" if version.unpriced and version.cost_usd else ""
    )
    return (
        version.label,
        str(version.passed),
        str(version.failed),
        str(version.errors + version.missing),
        rate(version.pass_rate),
        cost,
        milliseconds(version.p50_ms),
        milliseconds(version.p95_ms),
    )


def rows(prompt: PromptReport) -> list[tuple[str, ...]]:
    """Return the figures of the candidate, and of what it is compared with."""
    return [row(version) for version in (prompt.candidate, prompt.against) if version]


def changes(prompt: PromptReport) -> str:
    """Say how many cases changed, and how likely chance is; empty where nothing is compared."""
    if prompt.against is None or prompt.mcnemar_p is None:
        return f"{len(prompt.flaky)} flaky" if prompt.flaky else ""
    counts = f"{len(prompt.regressed)} regressed, {len(prompt.fixed)} fixed, {len(prompt.flaky)} flaky"
    return f"{counts}; exact McNemar p {prompt.mcnemar_p:.2g}"


def spending(report: Report) -> str:
    """Say what a run asked, and what that cost."""
    said = f"{counted(report.requests, 'request')}, {counted(report.kept, 'answer')} kept from before, "
    said += f"{dollars(report.spent_usd)} spent in {report.seconds:.1f} s"
    if report.unpriced:
        said += f"; the price of {counted(report.unpriced, 'answer')} is not known"
    return said


STOPPED = {
    "budget": "stopped at the budget of --max-usd; the answers so far are kept, and the next run goes on",
    "interrupted": "interrupted; the answers so far are kept, and the next run goes on",
}
