"""``promptstage review --agreement``: how far judges and people agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.cli import output
from registry.wording import agreement, paths

if TYPE_CHECKING:
    from registry.cli.http import Registry


def show(registry: Registry, environment: str, name: str | None, *, as_json: bool) -> None:
    """Show each judge beside people; without a name, over all prompts. Raises Refused or Unavailable."""
    asked = {"prompt": name} if name else {}
    found = registry.get(f"{paths.review_path(environment)}/agreement", "data", **asked)
    if as_json:
        output.dump(found)
    elif found["data"]:
        output.table(agreement.COLUMNS, [agreement.row(one) for one in found["data"]])
        output.tell(agreement.EXPLAINED)
    else:
        output.note(f"no judge has scored a call in {environment}; promptstage judge does")
