"""The shapes and examples of suites and their attestations, for the documentation alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, Field

from registry.api.docs.shapes import Shape
from registry.suites.attestation import SuiteResult

if TYPE_CHECKING:
    from promptstage.model import Json


class Attestation(SuiteResult):
    """The result of a suite as it is kept."""

    seq: int = Field(description="the number of the change that took it into the journal")
    at: AwareDatetime
    by: str = Field(description="the name of the token that attested it")


class Attested(Shape):
    """An attestation in the journal."""

    epoch: int
    seq: int
    commit: str = Field(description="of the journal")
    applied: bool = Field(description="false while Redis does not have it; it will")
    attestation: Attestation


class Attestations(Shape):
    """The attestations of a version that are kept, newest first."""

    data: list[Attestation]


class Standing(Shape):
    """The standing of a version under the rule of an environment."""

    environment: str
    prompt: str
    version: str
    required: bool = Field(description="whether a start or promote of it there needs an attestation")
    digest: str
    suite: str | None = Field(
        description="the digest of its suite; null: it has no cases, or they are unread"
    )
    model: str | None = Field(description="as its file names it; null: an attestation may be of any")
    against: str | None = Field(description="the version in force there; null: none")
    decision: Literal["passed", "suite_required", "suite_failed"]
    detail: str | None = Field(description="why it is refused, and what to do; null: it is not")
    attestation: Attestation | None = Field(description="the one that decides; null: none counts")


RESULT: Json = {
    "prompt": "summarize",
    "digest": f"sha256:{'c4' * 32}",
    "suite": f"sha256:{'7b' * 32}",
    "model": "openai/gpt-5.4-mini",
    "response_model": "gpt-5.4-mini-2026-03-17",
    "judge": "openai/gpt-5.4",
    "against": "1.2.0",
    "cases": 50,
    "passed": 49,
    "result": "passed",
    "regressed": [],
    "fixed": ["late-parcel"],
    "flaky": ["two-orders"],
    "report": f"sha256:{'e0' * 32}",
}
KEPT: Json = {**RESULT, "seq": 39, "at": "2026-05-04T08:20:00Z", "by": "ci"}
ATTESTED: Json = {
    "epoch": 1795600000,
    "seq": 39,
    "commit": "2f" * 20,
    "applied": True,
    "attestation": KEPT,
}
STANDING: Json = {
    "environment": "production",
    "prompt": "summarize",
    "version": "1.3.0",
    "required": True,
    "digest": RESULT["digest"],
    "suite": RESULT["suite"],
    "model": RESULT["model"],
    "against": "1.2.0",
    "decision": "passed",
    "detail": None,
    "attestation": KEPT,
}
EXAMPLES: dict[str, Json] = {"Standing": STANDING, "Attested": ATTESTED, "Attestations": {"data": [KEPT]}}
