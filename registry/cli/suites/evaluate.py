"""``promptstage eval``: run the suites of prompts, and compare versions."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.cli.author import report as problems
from registry.cli.options import AsJson, Environment, Names  # noqa: TC001 - the same
from registry.cli.suites.formats import ENDINGS, Format
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.cli.suites.engine import Limits
    from registry.cli.suites.plan import Plan
    from registry.suites.run.report import Report

PASSED, FAILED, NOT_RUN = 0, 1, 3
CODES = {"passed": PASSED, "failed": FAILED, "incomplete": NOT_RUN}
MOST_REPEATS = 25  # times three where a case seems to change; more says no more of a case
MOST_AT_ONCE = 256  # connections; an endpoint's own limits are far below
MOST_USD = 100_000
MOST_CALLS = 10_000  # whose content one run may read; each reading is a line in the registry's log
EXIT_CODES = (
    "Exit codes: 0 passed; 1 a case regressed, or too few pass; 2 wrong usage; 3 it could not be run, or not "
    "to its end."
)


def evaluate(  # noqa: PLR0913 - one parameter an option
    names: Names = None,
    *,
    changed: Annotated[
        str | None,
        typer.Option("--changed", metavar="BASE", help="Those whose files differ from where BASE was left."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="stable|VERSION|REF",
            help="Compare with a version; stable is what the registry has in force.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Ask this model, not those that the files name."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option("--judge", metavar="MODEL", help="Let this model judge what is judged by a model."),
    ] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="N", min=1, max=MOST_REPEATS, help="Ask each case N times.")
    ] = 1,
    concurrency: Annotated[
        int,
        typer.Option("--concurrency", metavar="N", min=1, max=MOST_AT_ONCE, help="Questions at a time."),
    ] = 8,
    max_usd: Annotated[
        float,
        typer.Option(
            "--max-usd", metavar="USD", min=0, max=MOST_USD, help="Stop before more is spent; 0 asks nothing."
        ),
    ] = 5.0,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="Only cases with one of these tags.")
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="What to print; in a job of GitHub Actions github is the default."),
    ] = None,
    write: Annotated[
        list[Path] | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write a file, too: .json, .xml (JUnit) or .md (a comment).",
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no model; take the answers that are kept.")
    ] = False,
    override: Annotated[
        str | None,
        typer.Option(
            "--override",
            metavar="REASON",
            envvar="PROMPTSTAGE_EVAL_OVERRIDE",
            help="Let failures pass, and say so at the top.",
        ),
    ] = None,
    from_calls: Annotated[
        int | None,
        typer.Option(
            "--from-calls",
            metavar="N",
            min=1,
            max=MOST_CALLS,
            help="Compare a version with the recorded answers of N real calls.",
        ),
    ] = None,
    attest: Annotated[
        bool, typer.Option("--attest", help="Send the result to the registry, as a proof for its gate.")
    ] = False,
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices",
            metavar="FILE",
            envvar="PROMPTSTAGE_PRICES",
            help="Your own prices of models; they come before the published ones.",
        ),
    ] = None,
    environment: Environment = "production",
    as_json: AsJson = False,
) -> None:
    """Run the suites of prompts: ask a model for each case, and check its answers.

    The cases are those of the prompt's file (testData with evaluators), and of NAME.cases.jsonl beside it.
    Without NAME it is every prompt here that has some. Models are asked at OPENAI_BASE_URL with
    OPENAI_API_KEY; [eval.models] in promptstage.toml names other places. Answers are kept in
    .promptstage/answers, so that a second run asks nothing, and one that was stopped goes on.

    With --against a case regressed if it passed with that version and fails now. It fails on a regressed
    case, or if fewer cases pass than min_pass_rate of [suite] says; without --against all must pass unless
    it says less. With --repeat a case whose repeats disagree is flaky; what seems to have changed is asked
    three times as often before that is said.

    With --from-calls the inputs are those of real calls whose content the registry keeps (a token of the
    role review), and the answers of then are compared with new ones: by the checks that hold for any input,
    and by the sign test of wins and losses. Nothing of them is kept here.

    With --attest the result goes to the registry (a token of the role attest), where [environments.E.suite]
    may require it of a version: for exactly this file, suite and model, against the stable version.

    \b
    Example:  promptstage eval summarize
              promptstage eval summarize --against stable --repeat 3
              promptstage eval --changed origin/main --against origin/main -o eval.xml -o eval.md
              promptstage eval summarize@1.3.0 --model openai/gpt-5.4 --max-usd 1
              promptstage eval summarize --against stable --attest
              promptstage eval summarize@1.3.0 --from-calls 200
              promptstage eval --offline
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    for wrong, said in (
        (names and changed, "give names or --changed, not both"),
        (from_calls and (len(names or ()) != 1 or against), "--from-calls takes one NAME@VERSION, alone"),
        (from_calls and form not in {None, "table", "json"}, "--from-calls prints a table or json"),
        (from_calls and (attest or write), "--from-calls is no suite: give no --attest and no --output"),
        (attest and tags, "--attest is for a whole suite; give no --tag with it"),
        (as_json and form not in {None, "json"}, f"give --json or --format {form}, not both"),
    ):
        if wrong:
            raise typer.BadParameter(said)
    files = {path: _ending(path) for path in write or ()}
    from registry.cli.suites import attest as attesting  # noqa: PLC0415 - no other command should wait
    from registry.cli.suites import engine, forms, plan, run  # noqa: PLC0415 - the same

    request = plan.Request(
        names=tuple(names or ()),
        changed=changed,
        against=against,
        model=model,
        judge=judge,
        tags=frozenset(tags or ()),
        environment=environment,
        from_calls=from_calls is not None,
    )
    limits = engine.Limits(
        repeat=repeat,
        concurrency=concurrency,
        dollars=max_usd,
        judge=judge,
        offline=offline,
        override=override or None,
        prices=prices,
    )
    form = "json" if as_json else form or _usual()
    with _not_run(as_json=form == "json"):
        made = plan.make(request)
        if from_calls:
            raise _compared(made, limits, from_calls, environment, as_json=form == "json")
        if attest:
            attesting.require_comparable(made)
        report = run.run(made, limits)
    for path, kind in files.items():
        forms.write(path, kind, report)
    forms.show(form, report)
    if attest:
        with _not_run(as_json=False):
            attesting.send(report, made.top)
    raise typer.Exit(_code(report))


def _compared(made: Plan, limits: Limits, count: int, environment: str, *, as_json: bool) -> typer.Exit:
    """Compare with recorded answers, and return how to exit. Raises RegistryError."""
    from registry.cli.suites import from_calls  # noqa: PLC0415 - no other command should wait for it

    comparison = from_calls.compare(made, limits, count, environment)
    from_calls.show(comparison, as_json=as_json)
    return typer.Exit(CODES[comparison.result])


def _ending(path: Path) -> Format:
    """Return the form of a file by its name. Raises BadParameter."""
    if path.suffix not in ENDINGS:
        raise typer.BadParameter(f"{path} must end in {', '.join(ENDINGS)}, which says what it is")
    return ENDINGS[path.suffix]


def _usual() -> Format:
    return "github" if problems.usual() == "github" else "table"


@contextmanager
def _not_run(*, as_json: bool) -> Iterator[None]:
    """Exit with the code for what is no verdict if the block fails, and say why."""
    try:
        yield
    except RegistryError as error:
        output.complain(error.message)
        if as_json:
            output.dump(output.problem(error))
        raise typer.Exit(NOT_RUN) from error


def _code(report: Report) -> int:
    if report.is_overridden:
        return PASSED
    return CODES[report.result]
