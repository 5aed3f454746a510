"""``promptstage attestations``: who attested what of a version's suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.catalog.naming import LATEST
from registry.cli import hints, http, output
from registry.cli.options import (  # noqa: TC001 - typer reads the annotations
    AsJson,
    Environment,
    MaybeVersion,
    Name,
)
from registry.wording import describe, paths, suites, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json

COLUMNS = ("at", "by", "result", "passed", "against", "model", "suite", "regressed")
SHOWN = 19  # characters of a digest: its kind, and twelve digits


def attestations(
    name: Name,
    version: MaybeVersion = None,
    *,
    environment: Environment = "production",
    as_json: AsJson = False,
) -> None:
    """Show the attestations of a version's suite, and whether they let it into an environment.

    Without VERSION it is the latest. `promptstage eval NAME --attest` makes one.

    \b
    Example:  promptstage attestations summarize
              promptstage attestations summarize 1.3.0 -e staging --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    with hints.helping(name, environment):
        path = paths.suite_path(environment, name)
        standing = registry.get(path, "decision", version=version or LATEST)
        found = registry.get(paths.attestations_path(name, standing["version"]), "data")
    if as_json:
        output.dump(found | {"standing": standing})
        return
    output.say(f"{clean(name)}@{clean(standing['version'])} in {clean(environment)}", "bold")
    output.say(f"  {_verdict(standing)}")
    if found["data"]:
        output.say()
        output.table(COLUMNS, list(map(_row, found["data"])))


def _verdict(standing: Json) -> str:
    if standing["decision"] == "passed":
        return f"its suite lets it in: {suites.result(standing['attestation'])}"
    detail = clean(standing["detail"], len(standing["detail"]))
    return detail if standing["required"] else f"no suite is required here; where one is: {detail}"


def _row(one: Json) -> list[str]:
    return [
        times.show(one["at"]),
        clean(one["by"]),
        clean(one["result"]),
        f"{one['passed']}/{one['cases']}",
        clean(one["against"] or describe.NONE),
        clean(one["model"]),
        clean(one["suite"][:SHOWN]),
        suites.cases(one["regressed"]) or describe.NONE,
    ]
