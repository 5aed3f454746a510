"""The options that all changing commands share."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from registry.cli.options import (
    WAIT_SECONDS,
    AsJson,
    Environment,
    IfNeeded,
    Reason,
    Wait,
    WaitSeconds,
    Yes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMETER = "options"  # of a command: what `with_change_options` puts there

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


@dataclass(frozen=True, slots=True)
class ChangeOptions:
    """The options of a change; each field is an option of the command line."""

    yes: Yes = False
    environment: Environment = "production"
    reason: Reason = ""
    wait: Wait = False
    wait_seconds: WaitSeconds = None
    if_needed: IfNeeded = False
    dry_run: DryRun = False
    as_json: AsJson = False

    @property
    def wait_bound(self) -> float | None:
        """How long to wait for clients to have it; None: not at all."""
        return WAIT_SECONDS if self.wait and self.wait_seconds is None else self.wait_seconds


def with_change_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of `ChangeOptions` as options; it takes them as one, named `PARAMETER`.

    typer reads a command's signature, so the one that it reads is made of both.
    """
    own, shared = (get_type_hints(source, include_extras=True) for source in (command, ChangeOptions))
    parameters = [
        parameter.replace(annotation=own[name])
        for name, parameter in inspect.signature(command).parameters.items()
        if name != PARAMETER
    ]
    parameters += [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=shared[field.name]
        )
        for field in fields(ChangeOptions)
    ]

    @wraps(command)
    def run(**given: Any) -> None:
        options = ChangeOptions(**{field.name: given.pop(field.name) for field in fields(ChangeOptions)})
        command(**given, **{PARAMETER: options})

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
