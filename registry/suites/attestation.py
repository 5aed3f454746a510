"""What attests the result of a suite, as it is sent, as it is kept, and which of them are kept. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from registry.catalog import naming
from registry.errors import Invalid
from registry.rollouts.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_TEXT = 200  # characters of a model's name, or of a case's id
MAX_IDS = 200  # in each list: a longer one is cut by its sender, and the report has all
MAX_CASES = 10_000_000  # far beyond any suite; the number is only shown
KEPT = 50  # of one digest: of several attesters, models, and stable versions to compare with

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError("write sha256: and 64 hexadecimal digits")
    return text


def _visible(text: str) -> str:
    if not text.isprintable():
        raise ValueError("write one line of visible text")
    return text


def _named(naming_rule: Any) -> Any:
    def check(text: str) -> str:
        try:
            named: str = naming_rule(text)
        except Invalid as error:
            raise ValueError(error.message) from error
        return named

    return check


def _each_once(ids: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise ValueError(f"{twice!r} is there twice; name each case once")
    return ids


Digest = Annotated[str, AfterValidator(_digest)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_visible)]
Ids = Annotated[tuple[Text, ...], Field(max_length=MAX_IDS), AfterValidator(_each_once)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_CASES)]


class SuiteResult(Frozen):
    """The result of a suite, run with one version's file."""

    prompt: Annotated[str, AfterValidator(_named(naming.require_name))]
    digest: Digest = Field(description="of the version's file, with its partials; its tag may come later")
    suite: Digest = Field(description="of the cases and checks that were run")
    model: Text = Field(description="that was asked, as the version's file names it")
    response_model: Text | None = Field(default=None, description="that answered, as the answers name it")
    judge: Text | None = Field(default=None, description="the model that judged; null: none was needed")
    against: Annotated[str, AfterValidator(_named(naming.require_version))] | None = Field(
        default=None, description="the version that it was compared with; null: none"
    )
    cases: Count = Field(description="how many were run")
    passed: Count = Field(description="how many of them passed")
    result: Literal["passed", "failed"]
    regressed: Ids = Field(
        default=(), description=f"ids of cases that passed with `against`, and fail now; at most {MAX_IDS}"
    )
    fixed: Ids = Field(default=(), description="ids of cases that failed with `against`, and pass now")
    flaky: Ids = Field(default=(), description="ids of cases on which repeats disagree")
    report: Digest = Field(description="of the whole report, which its author keeps")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.passed > self.cases:
            raise ValueError(f"passed: {self.passed} of {self.cases} cases cannot have passed")
        if self.result == "passed" and self.regressed:
            raise ValueError("result: a suite with regressed cases failed")
        if self.result == "passed" and not self.passed:
            raise ValueError("result: a suite of which no case passed failed")
        if both := sorted(set(self.regressed) & set(self.fixed)):
            raise ValueError(f"fixed: {both[0]!r} is regressed, too; name it once")
        return self


class Attestation(SuiteResult):
    """A result as it is kept: when it came, and by which token.

    Attributes:
        seq: of the journal's change that it is part of.
        at: when the registry took it.
        by, token: the name and the id of the attester's token.
        environments: what that token is limited to; none: nothing.
    """

    seq: int
    at: AwareDatetime
    by: str
    token: str
    environments: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the API's form."""
        return self.model_dump(mode="json", exclude={"token", "environments"})


def kept(known: Iterable[Attestation], new: Attestation) -> tuple[Attestation, ...]:
    """Return the attestations of a digest that are kept after a new one, oldest first.

    A new one replaces that of the same attester for the same suite and model against the same version: its
    newest word counts. All others are in the journal's changes for ever.
    """
    others = [one for one in known if _subject(one) != _subject(new)]
    return (*others, new)[-KEPT:]


def _subject(one: Attestation) -> tuple[str | None, ...]:
    return (one.token, one.suite, one.model, one.against)
