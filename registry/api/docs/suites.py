"""The shapes and examples of suites and their attestations, for the documentation alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
EXAMPLES: dict[str, Json] = {"Attested": ATTESTED, "Attestations": {"data": [KEPT]}}
