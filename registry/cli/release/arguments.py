"""Parse the steps and audiences of a rollout: ``1:10m,25:1h,100`` and ``tenant=acme,globex``.

Only the form is looked at here; what the values may be is the registry's to say.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from registry.errors import Invalid
from registry.wording import notation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json


def steps(text: str) -> list[Json]:
    """Read steps: percents that rise, each with a time to hold if it shall advance by itself."""
    with _as_usage():
        return notation.steps(text)


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
    with _as_usage():
        return notation.audience(texts)


@contextmanager
def _as_usage() -> Iterator[None]:
    """Let a wrong form be a wrong use of the command line."""
    try:
        yield
    except Invalid as error:
        raise typer.BadParameter(error.message) from error
