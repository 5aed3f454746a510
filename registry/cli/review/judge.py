"""``promptstage judge``: let a model judge calls of production by the rubrics of their versions."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from registry.cli.options import AsJson, Environment  # noqa: TC001 - the same

MOST_USD = 100_000
MOST_AT_ONCE = 100  # calls, which are claimed together


def judge(  # noqa: PLR0913 - one parameter an option
    *,
    environment: Environment = "production",
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on as calls come, until Ctrl-C or SIGTERM.")
    ] = False,
    max_usd: Annotated[
        float,
        typer.Option(
            "--max-usd-per-day",
            metavar="USD",
            min=0,
            max=MOST_USD,
            help="The most that all judges of the environment spend on a day (UTC).",
        ),
    ] = 5.0,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Judges where a rubric names no model itself."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", min=1, max=MOST_AT_ONCE, help="Calls at a time.")
    ] = 8,
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", metavar="FILE", envvar="PROMPTSTAGE_PRICES", help="Your own prices of models."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge sampled calls that have no score yet, and report the scores; each call is judged once.

    What is asked is in the version's own file: `evaluators` of the kinds llm and uses, and llm-rubric in the
    `assert` of `defaultTest`. While a guarded rollout has the metric judge, the stable version's rubric
    counts for both. One call in 20 is judged twice, to see whether the judge contradicts itself.

    Any number may run. Money is held at the registry before a question is asked, and a judge that is killed
    leaves it held: together they never spend more than a day allows. Models are asked as `eval` asks them:
    at OPENAI_BASE_URL with OPENAI_API_KEY, or as [eval.models] of a promptstage.toml here says.
    It takes a token of the role judge.

    \b
    Example:  promptstage judge --model openai/gpt-5.4-mini
              promptstage judge --watch --max-usd-per-day 2
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.cli.review import judge_run  # noqa: PLC0415 - no other command should wait for it

    judge_run.run(
        judge_run.Wanted(
            environment=environment,
            watch=watch,
            most=max_usd,
            model=model,
            concurrency=concurrency,
            prices=prices,
            as_json=as_json,
        )
    )
