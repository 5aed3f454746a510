"""Decide for a protocol's request, by the same functions as our own API."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.access.capabilities import Capability
from registry.control.resolve import decide_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.model import Decision, Served
    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services


class Resolved(NamedTuple):
    """The version that a caller gets, and why.

    Attributes:
        kept: a cache for what is derived from the version; dropped with the release.
    """

    name: str
    served: Served
    decision: Decision
    kept: dict[object, Any]


def environment_for(service: Services, token: Token, wanted: str | None = None) -> str:
    """Return the environment of a request.

    Args:
        service: the registry.
        token: the caller's.
        wanted: what the request names. None: it names none, so it is the only one of the token, or the
            registry's first.

    Raises:
        NotFound: there is no such environment.
        Forbidden: the token is not for it.
    """
    if wanted is None:
        wanted = token.environments[0] if len(token.environments) == 1 else service.rollouts.environments[0]
    service.rollouts.check_environment(wanted)
    token.allow(Capability.reader, wanted)
    return wanted


def resolve(
    service: Services,
    environment: str,
    name: str,
    key: str = "",
    attributes: Mapping[str, object] = MappingProxyType({}),
) -> Resolved:
    """Decide for one key; without a key, for a random one.

    Raises:
        NotFound: there is no such environment, prompt or release.
        Unavailable: it cannot be built.
    """
    built = service.resolver.release(environment, name)
    decision = decide_for(built, key, attributes)
    service.metrics.resolved(environment, decision.reason)
    return Resolved(name, built.release.versions[decision.version], decision, built.kept)


def pinned(service: Services, environment: str, name: str, version: str) -> Resolved:
    """Return a version that the caller names, whatever is in force.

    Raises:
        NotFound: there is no such environment, prompt or version.
        Invalid: the version's file is (`invalid_version`).
    """
    served, decision = service.resolver.pinned(environment, name, version)
    service.metrics.resolved(environment, decision.reason)
    return Resolved(name, served, decision, {})
