"""What of suites and attestations an operator should know, as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.access.capabilities import Capability
from registry.doctor.checks import Check, some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from registry.access.tokens import Token
    from registry.policies.suite import SuiteRules
    from registry.suites.attestation import Attestation

NAME = "suites"


def attesters(environment: str, rules: SuiteRules, tokens: Sequence[Token], now: datetime) -> Iterator[Check]:
    """Report the attesters of a rule that cannot attest anything for its environment.

    Args:
        environment: where the rule holds.
        rules: it.
        tokens: all that are not revoked.
        now: the time.
    """
    if not rules.required:
        return
    able = [token for token in tokens if token.is_live(now) and token.may(Capability.attest)]
    here = {one for token in able if _is_for(token, environment) for one in (token.name, token.id)}
    if rules.attesters is None and not here:
        message = f"{environment} requires a suite, and no token may attest one there"
        yield Check(NAME, "warning", message, _create("ci"))
    for wanted in rules.attesters or ():
        if wanted not in here:
            message = f"{environment} requires a suite, and no token that may attest there is {wanted}"
            yield Check(NAME, "warning", message, _create(wanted))


def _is_for(token: Token, environment: str) -> bool:
    return not token.environments or environment in token.environments


def _create(name: str) -> str:
    return (
        f"promptstage token create --name {name} --role attest; or correct `attesters` in the file of rules"
    )


def unattested(environment: str, versions: Sequence[str], count: int) -> Iterator[Check]:
    """Report versions in force without an attestation, where one is required.

    Args:
        environment: where.
        versions: those without.
        count: how many were looked at.
    """
    if versions:
        listed = some(versions, len(versions))
        message = f"{environment} requires a suite; {len(versions)} of {count} versions there passed none: "
        remedy = "they were let in by an override, or before the rule: promptstage attestations NAME VERSION"
        yield Check(NAME, "warning", message + listed, remedy)


def drift(
    environment: str, version: str, attested: Attestation, met: Iterable[tuple[str, int]]
) -> Iterator[Check]:
    """Report models that answer a version's calls, and are not the one that its suite was run with.

    A name without a date, as it was asked for, proves nothing.

    Args:
        environment: where the calls were.
        version: the version with its prompt's name.
        attested: its newest attestation that its suite passed.
        met: the models of its calls since yesterday, with how many calls each answered.
    """
    dated = attested.response_model
    asked = {attested.model, attested.model.rpartition("/")[2], dated}
    for model, calls in met if dated else ():
        if model not in asked:
            seen = f"{model} ({calls} call{'s' * (calls != 1)} since yesterday)"
            message = f"{version} in {environment} is answered by {seen}, and its suite was run with {dated}"
            remedy = f"the provider may have changed the model: promptstage eval {attested.prompt} --attest"
            yield Check(NAME, "warning", message, remedy)
