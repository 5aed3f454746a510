"""What requests of OFREP hold: an environment, a context, and what is decided for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StrictStr, model_validator

from promptstage.evaluation import SPLIT
from registry.api import releases
from registry.api.http.dependencies import Reader, services_of
from registry.control.resolve import decide_for
from registry.errors import Invalid
from registry.protocols.resolving import environment_for

if TYPE_CHECKING:
    from promptstage.model import Decision
    from registry.replication.read_model import EncodedRelease

ROOT = "/ofrep/v1"
BELOW = "/v1/environments/{environment}" + ROOT
FLAGS = "/evaluate/flags"


class Context(BaseModel):
    """The context of an evaluation: a key, and attributes for audiences."""

    model_config = ConfigDict(extra="allow")

    targeting_key: Annotated[StrictStr | None, Field(alias="targetingKey")] = None

    @model_validator(mode="after")
    def _has_few_values(self) -> Context:
        releases.few_values(self.attributes)
        return self

    @property
    def attributes(self) -> dict[str, Any]:
        """What audiences are compared with."""
        return self.model_extra or {}


class Evaluation(BaseModel):
    """The body of a request; providers without a context leave it out."""

    context: Context = Field(default_factory=Context)


async def _environment(request: Request, token: Reader) -> str:
    return environment_for(services_of(request), token, request.path_params.get("environment"))


Where = Annotated[str, Depends(_environment)]


def decide(built: EncodedRelease, context: Context) -> Decision:
    """Decide for a context.

    Raises:
        Invalid: the decision depends on the key, and there is none (`targeting_key_missing`). A random one,
            as our own API takes it, would move a user between versions, and the caller could not tell.
    """
    decision = decide_for(built, context.targeting_key or "", context.attributes)
    if _is_by_key(built, decision) and not context.targeting_key:
        raise Invalid(
            f"{built.release.prompt} is being rolled out, so the context needs a targetingKey: what is to "
            "stay on one version, such as the id of a user",
            code="targeting_key_missing",
        )
    return decision


def _is_by_key(built: EncodedRelease, decision: Decision) -> bool:
    """Tell whether another key may get another version; at 0 percent none does, whatever its audience."""
    split = built.release.split
    return decision.reason == SPLIT and split is not None and bool(split.slots)
