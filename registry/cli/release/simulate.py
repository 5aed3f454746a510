"""``promptstage simulate``: foretell a guarded rollout by the formulas that judge it; it asks no registry."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from registry.cli import output
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.cli.release import arguments
from registry.rollouts import schedule
from registry.system.validation import in_words
from registry.wording import times

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptstage.model import Json
    from registry.evidence.forecast import Forecast, Spread
    from registry.evidence.simulation import Trial, Watched

HOURS = {"s": 1 / 3600, "m": 1 / 60, "h": 1.0, "d": 24.0}
OPEN_ENDED = 20_000  # calls of a rollout that no step ends by itself
MOST_CALLS, MOST_USERS, MOST_ROLLOUTS = 1e8, 100_000, 2000
_CALLS = re.compile(r"([0-9]+(?:\.[0-9]+)?)/([smhd])")
_BASE = re.compile(r"([^=]+)=([0-9]+(?:\.[0-9]+)?)(%?)")


def simulate(  # noqa: PLR0913 - one parameter an option
    *,
    plan: Annotated[
        Literal["careful", "standard", "fast"] | None,
        typer.Option(help="A named list of steps; the default is standard."),
    ] = None,
    steps: Annotated[
        str | None, typer.Option(metavar="STEPS", help="Steps of your own: percent, or percent:hold.")
    ] = None,
    calls: Annotated[
        str, typer.Option(metavar="N/h", help="Calls of the prompt: 20/s, 10/m, 500/h or 5000/d.")
    ] = "500/h",
    base: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=SHARE",
            help="How often a call of the stable version is bad, such as errors=2%; of cost dollars a call. "
            "May be repeated. The default is errors=2%.",
        ),
    ] = None,
    ratio: Annotated[
        float,
        typer.Option(min=0.01, max=100, help="How many times as bad the candidate is, by the first metric."),
    ] = 2.0,
    users: Annotated[
        int | None,
        typer.Option(min=2, max=MOST_USERS, help="Users who make the calls; the default is one a call."),
    ] = None,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.2, help="The guard's.")] = 0.05,
    minimum: Annotated[int, typer.Option(min=1, help="The guard's: users of each version.")] = 100,
    rollouts: Annotated[
        int, typer.Option(min=20, max=MOST_ROLLOUTS, help="How many to simulate; long ones are fewer.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Foretell how soon a guard takes back a bad candidate, and how long the plan takes for a good one.

    It simulates rollouts call by call, with the formulas that judge real ones, and asks no registry.

    \b
    Example:  promptstage simulate --plan standard --calls 500/h --base errors=2% --ratio 2
              promptstage simulate --steps 1:10m,25:1h,100 --calls 20/s --base latency=5% --ratio 1.5
              promptstage simulate --base errors=1% --base cost=0.002 --ratio 3 --users 5000
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.evidence.forecast import forecast, no_worse  # noqa: PLC0415 - for this command alone
    from registry.evidence.simulation import Traffic, Trial  # noqa: PLC0415

    if plan and steps is not None:
        raise typer.BadParameter("give --plan or --steps, not both")
    said = arguments.plan(plan or "standard") if steps is None else arguments.steps(steps)
    shares = _steps(said)
    trial = Trial(
        steps=shares,
        traffic=Traffic(calls=_calls_an_hour(calls), users=users),
        watched=tuple(_watched(base or ["errors=2%"], ratio)),
        alpha=alpha,
        minimum=minimum,
        **({} if _ends(shares) else {"most": OPEN_ENDED}),
    )
    worse = forecast(trial, rollouts, seed) if ratio != 1 else None
    good = forecast(no_worse(trial), rollouts, seed)
    if as_json:
        return output.dump({"worse": worse and asdict(worse), "no_worse": asdict(good)})
    return _show(trial, said, worse, good, calls)


def _calls_an_hour(text: str) -> float:
    found = _CALLS.fullmatch(text)
    calls = float(found[1]) / HOURS[found[2]] if found else 0
    if not 0 < calls <= MOST_CALLS:
        raise typer.BadParameter(f"--calls {text!r}: write them like 20/s, 10/m, 500/h or 5000/d")
    return calls


def _steps(said: Sequence[Json]) -> tuple[tuple[float, float | None], ...]:
    """The percents, with the hours that each is held. Raises as the registry refuses."""
    from pydantic import ValidationError  # noqa: PLC0415 - no other command should wait for it

    from registry.rollouts.state import Step, check_steps  # noqa: PLC0415

    try:
        checked = check_steps([Step.model_validate(step) for step in said])
    except ValidationError as error:
        raise typer.BadParameter(in_words(error.errors()[0], {})) from error
    holds = [schedule.held(step) for step in checked]
    return tuple(
        (float(step.percent), hold.total_seconds() / 3600 if hold else None)
        for step, hold in zip(checked, holds, strict=True)
    )


def _ends(steps: Sequence[tuple[float, float | None]]) -> bool:
    return all(hold is not None or percent == schedule.EVERYONE for percent, hold in steps)


def _watched(base: Sequence[str], ratio: float) -> Iterator[Watched]:
    from registry.evidence.simulation import Watched  # noqa: PLC0415 - for this command alone
    from registry.evidence.verdicts import Metric  # noqa: PLC0415
    from registry.policies.guard import FLAG, FLAG_TOLERANCE, MEANS, TOLERANCES  # noqa: PLC0415

    for number, text in enumerate(base):
        found = _BASE.fullmatch(text)
        name = found[1].strip() if found else ""
        if not found or not (name in TOLERANCES or name.startswith(FLAG)):
            known = ", ".join(TOLERANCES)
            raise typer.BadParameter(
                f"--base {text!r}: write it like errors=2%; there are {known} and flag:NAME"
            )
        value = float(found[2]) / (100 if found[3] else 1)
        times = 1.0 if number else ratio
        tolerance = TOLERANCES.get(name, FLAG_TOLERANCE)
        if name in MEANS:
            yield Watched(Metric(name, tolerance, value * 1e6), 0.0, times)
        elif 0 < value < 1:
            yield Watched(Metric(name, tolerance), value, times)
        else:
            raise typer.BadParameter(f"--base {text!r}: a share is above 0 and below 100%")


def _show(trial: Trial, said: Sequence[Json], worse: Forecast | None, good: Forecast, calls: str) -> None:
    plan = ", ".join(
        f"{step['percent']:g}%" + (f" for {step['hold']}" if "hold" in step else "") for step in said
    )
    output.say(f"{plan}; {calls}")
    first = trial.watched[0]
    if worse:
        output.say()
        output.say(f"{first.metric.name} {first.ratio:g} times as bad: {worse.rollouts} rollouts", "bold")
        output.facts(list(_of_worse(worse)))
    output.say()
    output.say(f"No worse: {good.rollouts} rollouts", "bold")
    output.facts(list(_of_good(trial, good)))


def _of_worse(found: Forecast) -> Iterator[tuple[str, str]]:
    yield "Taken back:", f"{found.taken_back} of {found.rollouts}"
    if found.calls and found.hours and found.users:
        yield "After:", _counted(found.calls, "calls with the candidate")
        yield "That is:", _timed(found.hours)
        yield "Met by:", _counted(found.users, "users")


def _of_good(trial: Trial, found: Forecast) -> Iterator[tuple[str, str]]:
    promised = f"at most {trial.alpha:.1%} are promised"
    yield (
        "Taken back:",
        f"{found.taken_back} of {found.rollouts} ({found.taken_back / found.rollouts:.1%}; {promised})",
    )
    if found.waits:
        least = f"a step waits {trial.max_wait:g} times its hold for {trial.minimum} users of each version"
        yield "Too few users:", f"{found.waits} of {found.rollouts}: {least}"
    if found.completes:
        yield "The plan takes:", _timed(found.completes)
    elif not found.waits:
        yield "The plan takes:", "until you advance it"


def _counted(spread: Spread, of: str) -> str:
    return f"{spread.median:,.0f} {of} (9 of 10 times at most {spread.p90:,.0f})"


def _timed(spread: Spread) -> str:
    median, p90 = (times.duration(hours * 3600) for hours in spread)
    return f"{median} (9 of 10 times at most {p90})"
