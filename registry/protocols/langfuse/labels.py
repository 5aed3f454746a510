"""The labels of versions: the environments that they are in force in, and `latest`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from registry.catalog.naming import LATEST
from registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.access.tokens import Token
    from registry.api.http.dependencies import Services


def labels_of(service: Services, token: Token, name: str, version: str) -> list[str]:
    """Return the labels of one version that a token may see."""
    return [label for label, labelled in labelled_versions(service, token, name) if labelled == version]


def labelled_versions(service: Services, token: Token, name: str) -> Iterator[tuple[str, str]]:
    """Yield each label of a prompt that a token may see, with its version.

    While a rollout is under way, its environment's label is on the stable version.
    """
    read_model = service.rollouts.replica.read_model
    for environment in service.rollouts.environments:
        state = read_model.state(environment, name)
        if state and state.stable and environment in (token.environments or (environment,)):
            yield environment, state.stable.version
    with suppress(RegistryError):  # what was staged is served, whether the mirror has it or not
        yield LATEST, service.catalog.latest(name)
