"""``promptstage policies``: check the operator's file of rules."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from registry.cli import output
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.cli.output import PATH_SHOWN
from registry.wording import describe, suites
from registry.wording.text import clean

app = typer.Typer(help="Check the operator's file of rules.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _policies() -> None:
    """Check the operator's file of rules."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What PROMPTSTAGE_CONFIG will name.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check a file of rules as a registry does when it starts; what is wrong is named by its key.

    The environments are those of PROMPTSTAGE_ENVIRONMENTS.

    \b
    Example:  promptstage policies check /etc/promptstage/rules.toml
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.policies.file import read  # noqa: PLC0415 - no other command should wait for pydantic
    from registry.rollouts import guard  # noqa: PLC0415
    from registry.settings import read as read_settings  # noqa: PLC0415

    environments = read_settings().environments
    rules = read(file, environments)
    if as_json:
        return output.dump(rules.model_dump(mode="json"))
    for name in environments:
        rule = rules.of(name)
        approval = "needs a second token" if rule.approval else "needs none"
        judged = guard.build(None, rule.guard)
        guarded = f"guard: {describe.guard(judged.model_dump(mode='json'))}" if judged else ""
        tested = suites.rule(rule.suite.model_dump(mode="json"))
        parts = (f"a start or promote {approval}", f"content of {rule.content.sample:.2%}", guarded, tested)
        output.say(f"{name}: {'; '.join(filter(None, parts))}")
    return output.say(f"{clean(file, PATH_SHOWN)} is right")
