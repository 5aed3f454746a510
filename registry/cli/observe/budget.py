"""``promptstage budget``: what is spent of the operator's budgets, and which alerts fire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.cli import http, output
from registry.cli.options import AsJson, Environment  # noqa: TC001 - typer reads the annotations
from registry.system import figures
from registry.wording import paths
from registry.wording import times as when
from registry.wording.rules import ALERTS, alert, scope
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json

FULL = 1000  # of a bar
BUDGETS = ("budget", "period", "spent", "of", "share", "", "until")


def budget(*, environment: Environment = "production", as_json: AsJson = False) -> None:
    """Show what is spent of the operator's budgets, and what its alerts see.

    Budgets and alerts are in the file that PROMPTSTAGE_CONFIG of the registry names.

    \b
    Example:  promptstage budget
              promptstage budget -e staging --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    budgets = registry.get(paths.budgets_path(environment), "data")["data"]
    alerts = registry.get(paths.alerts_path(environment), "data")["data"]
    if as_json:
        return output.dump({"budgets": budgets, "alerts": alerts})
    if not budgets and not alerts:
        return output.note(f"the operator's file has no budget and no alert for {environment}")
    if budgets:
        output.table(BUDGETS, [_budget(each) for each in budgets])
    for each in budgets:
        if each["unpriced"]:
            output.note(f"{each['unpriced']} of {each['calls']} calls of {scope(each)} have no known cost")
    if alerts:
        output.table(ALERTS, [alert(each) for each in alerts])
    return None


def _budget(budget: Json) -> list[str]:
    share = figures.spent(budget["share"])
    bar = figures.bar(round(min(1.0, budget["share"]) * FULL), FULL)
    money = figures.dollars(budget["spent_usd"]), figures.dollars(budget["usd"])
    return [scope(budget), clean(budget["period"]), *money, share, bar, when.show(budget["end"])]
