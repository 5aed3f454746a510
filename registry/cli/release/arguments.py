"""Parse the steps and audiences of a rollout: ``1:10m,25:1h,100`` and ``tenant=acme,globex``.

Only the form is looked at here; what the values may be is the registry's to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from promptstage.model import Json


_STEP = re.compile(r"(\d{1,3}(?:\.\d{1,9})?)(?::(\w+))?", re.ASCII)


def steps(text: str) -> list[Json]:
    """Read steps: percents that rise, each with a time to hold if it shall advance by itself."""
    return [_step(part.strip()) for part in text.split(",")]


def plan(name: str) -> list[Json]:
    """The steps of a plan that the registry knows by name."""
    from registry.rollouts.state import PLANS  # noqa: PLC0415 - no other command should wait for pydantic

    return [step.model_dump(mode="json") for step in PLANS[name]]


def guard(wanted: bool | None, metrics: str | None, on_harm: str | None) -> Json | bool | None:
    """Read what is said of the guard; None: nothing, so that it is as the environment has it."""
    said: Json = {"on_harm": on_harm} if on_harm else {}
    if metrics is not None:
        said["metrics"] = [name.strip() for name in metrics.split(",")]
    if said and wanted is False:
        raise typer.BadParameter("with --no-guard there are no --metrics and no --on-harm")
    return said or wanted


def override(suite: str | None) -> Json:
    """Return the part of a body that goes past a required suite, if a reason was given."""
    return {} if suite is None else {"override": {"suite": suite}}


def _step(part: str) -> Json:
    found = _STEP.fullmatch(part)
    if not found:
        raise typer.BadParameter(f"{part!r} is no step; write steps like 1:10m,25:1h,100")
    percent = float(found[1])
    step: Json = {"percent": int(percent) if percent.is_integer() else percent}
    return step | ({"hold": found[2]} if found[2] else {})


def attributes(texts: list[str]) -> dict[str, list[str]]:
    """Read what is known of a user: each attribute with its values, any of which may match."""
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = (piece.strip() for piece in text.partition("="))
        if not (name and equals):
            raise typer.BadParameter(f"{text!r} is no attribute; write it like tenant=acme")
        found.setdefault(name, []).append(value)
    return found


def audience(texts: list[str]) -> list[Json]:
    """Read targets, any of which is enough for a caller to get the candidate."""
    return [{"when": _conditions(text)} for text in texts]


def _conditions(text: str) -> list[Json]:
    """Read one target: a part with = begins an attribute, a part without is one more of its values."""
    values: dict[str, list[str]] = {}
    attribute = ""
    for part in text.split(","):
        before, equals, after = (piece.strip() for piece in part.partition("="))
        attribute, value = (before, after) if equals else (attribute, before)
        if not attribute or not value:
            raise typer.BadParameter(f"{text!r} is no audience; write it like tenant=acme,globex")
        values.setdefault(attribute, []).append(value)
    return [{"attribute": name, "in": wanted} for name, wanted in values.items()]
