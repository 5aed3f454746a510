"""Steps and audiences as people type them: ``1:10m,25:1h,100`` and ``tenant=acme,globex``.

Only the form is looked at here; what the values may be is the registry's to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptstage.model import Json

_STEP = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)(?::(\w+))?", re.ASCII)


def steps(text: str) -> list[Json]:
    """Read steps: rising percents, each with a time to hold if it shall go on by itself. Raises Invalid."""
    return [_step(part.strip()) for part in text.split(",")]


def steps_text(steps: Iterable[Json]) -> str:
    """Write steps as they are typed."""
    return ",".join(
        f"{step['percent']:g}" + (f":{step['hold']}" if step.get("hold") else "") for step in steps
    )


def audience(texts: Sequence[str]) -> list[Json]:
    """Read targets, any of which is enough for a caller to get the candidate. Raises Invalid."""
    return [{"when": _conditions(text)} for text in texts]


def audience_texts(targets: Iterable[Json]) -> list[str]:
    """Write each target as it is typed."""
    return [
        ",".join(f"{one['attribute']}={','.join(one['in'])}" for one in target["when"]) for target in targets
    ]


def _step(part: str) -> Json:
    found = _STEP.fullmatch(part)
    if not found:
        raise Invalid(f"{part!r} is no step; write steps like 1:10m,25:1h,100")
    percent = float(found[1])
    step: Json = {"percent": int(percent) if percent.is_integer() else percent}
    return step | ({"hold": found[2]} if found[2] else {})


def _conditions(text: str) -> list[Json]:
    """Read one target: a part with = begins an attribute, a part without is one more of its values."""
    values: dict[str, list[str]] = {}
    attribute = ""
    for part in text.split(","):
        before, equals, after = (piece.strip() for piece in part.partition("="))
        attribute, value = (before, after) if equals else (attribute, before)
        if not attribute or not value:
            raise Invalid(f"{text!r} is no audience; write it like tenant=acme,globex")
        values.setdefault(attribute, []).append(value)
    return [{"attribute": name, "in": wanted} for name, wanted in values.items()]
