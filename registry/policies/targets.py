"""Where notifications go."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from registry.policies.events import check_pattern
from registry.policies.fields import Rule


class Target(Rule):
    """Where notifications are sent.

    Attributes:
        url_file: a file with the address, which is a secret: whoever has it can write there.
        format: `slack` for Slack and what takes its webhooks, `json` for programs.
        secret_file: a file with the secret that signs messages, as Standard Webhooks do.
        events: patterns of the events to send.
    """

    url_file: Annotated[Path, Field(strict=False)]
    format: Literal["slack", "json"]
    secret_file: Annotated[Path, Field(strict=False)] | None = None
    events: Annotated[
        tuple[Annotated[str, AfterValidator(check_pattern)], ...], Field(strict=False, min_length=1)
    ] = ("*",)

    _home: str = PrivateAttr("")

    @property
    def home(self) -> str:
        """The registry's address, which messages have a link to; empty: they have none."""
        return self._home

    def linked(self, home: str) -> Self:
        """Return it with the registry's address."""
        linked = self.model_copy()
        linked._home = home  # noqa: SLF001 - of its own class
        return linked

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.secret_file and self.format != "json":
            raise ValueError("secret_file: only messages of format json are signed")
        return self
